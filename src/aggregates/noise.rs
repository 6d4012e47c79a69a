//! The noise: discrete Gaussian, drawn by OpenDP, and the proof that a draw costs no more than declared.
//!
//! Two measurements, one after the other. The first adds noise to the number of fans of every artist
//! and keeps the artists whose noisy number passes a threshold (which artists have fans is itself
//! private); the second adds noise to the plays of the artists kept. Sources: Bun and Steinke 2016
//! (arXiv 1605.02065) for rho, Canonne, Kamath and Steinke 2020 (arXiv 2004.00010) for the discrete
//! Gaussian and its tail (proposition 25), Rogers 2023 (arXiv 2309.09170) for the threshold.
//!
//! OpenDP's measurements cannot be sent between threads, so each is built where it is used, and the
//! randomness is the library's own, from the operating system. How long a draw takes depends a little on
//! the noise (Jin et al. 2021, arXiv 2112.05307): draws run in background jobs, never while somebody waits.

use super::bound::ArtistCount;
use super::recipe::{ArtistPreference, Cost, NANO, PICO};
use crate::error::{Error, Result};
use crate::telemetry;
use opendp::accuracy::{discrete_gaussian_scale_to_accuracy, gaussian_scale_to_accuracy};
use opendp::combinators::{CompositionMeasure, ConcentratedMeasure};
use opendp::core::Measurement;
use opendp::domains::{AtomDomain, MapDomain, VectorDomain};
use opendp::measurements::{make_gaussian, make_gaussian_threshold};
use opendp::measures::{Approximate, ZeroConcentratedDivergence};
use opendp::metrics::{AbsoluteDistance, L0PInfDistance, L2Distance};
use std::collections::HashMap;

type Keys = MapDomain<AtomDomain<String>, AtomDomain<i64>>;
type KeysMetric = L0PInfDistance<2, AbsoluteDistance<f64>>;
type KeySelection = Measurement<Keys, KeysMetric, Approximate<ZeroConcentratedDivergence>, HashMap<String, i64>>;
type Sums = VectorDomain<AtomDomain<i64>>;
type SumNoise = Measurement<Sums, L2Distance<f64>, ZeroConcentratedDivergence, Vec<i64>>;

/// One row of an edition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// The artist's name.
    pub artist: String,
    /// Members with the artist among their favourites, with noise.
    pub fans: i64,
    /// Their plays, capped per member, with noise.
    pub capped_plays: i64,
}

/// The noise of one measure.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MeasureNoise {
    /// Standard deviation, in the measure's unit.
    pub sigma: f64,
    /// The noise of one cell is at most this in 95 of 100 cells, up or down, in the measure's unit.
    pub half_width_95: i64,
}

impl MeasureNoise {
    fn of(sigma: f64) -> Result<Self> {
        Ok(MeasureNoise { sigma, half_width_95: half_width(sigma, 0.05)? })
    }

    /// The noise of all `rows` cells at once is at most this with 95 % confidence (a union bound); `None` for no rows.
    ///
    /// # Errors
    /// `internal`: the library cannot tell.
    pub fn half_width_95_all(&self, rows: u64) -> Result<Option<i64>> {
        let _loud = Loud;
        if rows == 0 { Ok(None) } else { half_width(self.sigma, 0.05 / rows as f64).map(Some) }
    }
}

/// Noise and threshold of a recipe, proven not to cost more than the recipe declares.
#[derive(Debug, Clone, PartialEq)]
pub struct NoisePlan {
    /// Noise on `fans`.
    pub fans: MeasureNoise,
    /// Noise on `capped_plays`.
    pub capped_plays: MeasureNoise,
    /// Probability, per artist, that an artist of one single member past the floor is kept.
    pub delta_single: f64,
    /// tau: kept is what, after taking off the floor and adding noise, is greater than this. In members.
    pub threshold: i64,
    /// The smallest number of fans that can stand in the file: tau + K. In members.
    pub smallest_published_fans: i64,
    /// What the draw is charged. The library's own accounting comes to no more.
    pub cost: Cost,
    parameters: ArtistPreference,
}

impl NoisePlan {
    /// Works out the noise, and has the library check what it costs.
    ///
    /// # Errors
    /// `internal`: the library counts a higher cost than the recipe declares, or refuses the parameters. A
    /// validated recipe does not come to that.
    pub fn of(p: &ArtistPreference) -> Result<NoisePlan> {
        let _loud = Loud;
        let declared = super::recipe::Recipe::ArtistPreference(p.clone()).cost();
        let sigma = p.fans_sigma();
        let delta_single = delta_single(declared.delta(), p.artists_per_member);
        let mut threshold = 1 + (sigma * upper_quantile(delta_single)?).ceil() as i64;
        // The closed form is exact up to the last digits of a quantile; the library's bound, rounded up on purpose,
        // has the last word. One step suffices; the range only says that this ends.
        let steps = threshold..threshold + 100;
        for candidate in steps {
            threshold = candidate;
            let (_, delta) = key_selection(sigma, threshold)?.map(&fans_sensitivity(p)).map_err(failed)?;
            if rounded_up(delta, PICO) <= declared.delta_pico {
                break;
            }
        }
        let plan = NoisePlan {
            fans: MeasureNoise::of(sigma)?,
            capped_plays: MeasureNoise::of(p.capped_plays_sigma())?,
            delta_single,
            threshold,
            smallest_published_fans: threshold + i64::from(p.floor_members),
            cost: declared,
            parameters: p.clone(),
        };
        let counted = plan.accounted()?;
        if counted.fits(declared) {
            return Ok(plan);
        }
        Err(Error::internal(format!(
            "the noise library counts a cost of {counted:?}, more than the declared {declared:?}"
        )))
    }

    /// What the library's own privacy maps count for one draw, rounded up to whole ledger units.
    fn accounted(&self) -> Result<Cost> {
        let fans =
            key_selection(self.fans.sigma, self.threshold)?.map(&fans_sensitivity(&self.parameters)).map_err(failed)?;
        let plays = sum_noise(self.capped_plays.sigma)?.map(&plays_sensitivity(&self.parameters)).map_err(failed)?;
        let total = Approximate(ZeroConcentratedDivergence).compose(vec![fans, (plays, 0.0)]).map_err(failed)?;
        Ok(Cost { rho_nano: rounded_up(total.0, NANO), delta_pico: rounded_up(total.1, PICO) })
    }

    /// Draws the noise: the one place where exact counts turn into an edition. Sorted by fans, most first, then by name.
    ///
    /// Takes long for many artists (about ten microseconds each) and blocks: call it on a blocking thread.
    ///
    /// # Errors
    /// `internal`: the library failed.
    pub fn release(&self, counts: &[ArtistCount]) -> Result<Vec<Row>> {
        let _loud = Loud;
        let below_floor = i64::from(self.parameters.floor_members) - 1;
        // The floor, inside the mechanism: n becomes n - (K - 1), and only what stays above zero goes in. That changes by
        // at most one where n does, and a new artist still comes in with at most 1, so the sensitivities stand.
        let above_floor: HashMap<String, i64> = counts
            .iter()
            .filter(|count| count.fans > below_floor)
            .map(|count| (count.artist.clone(), count.fans - below_floor))
            .collect();
        let kept = noisy_keys(&key_selection(self.fans.sigma, self.threshold)?, &above_floor, self.threshold)?;
        let mut rows: Vec<Row> = counts
            .iter()
            .filter_map(|count| {
                let noisy = kept.get(&count.artist)?;
                Some(Row { artist: count.artist.clone(), fans: noisy + below_floor, capped_plays: count.capped_plays })
            })
            .collect();
        let exact: Vec<i64> = rows.iter().map(|row| row.capped_plays).collect();
        let noisy = sum_noise(self.capped_plays.sigma)?.invoke(&exact).map_err(failed)?;
        for (row, plays) in rows.iter_mut().zip(noisy) {
            row.capped_plays = plays;
        }
        rows.sort_by(|a, b| b.fans.cmp(&a.fans).then_with(|| a.artist.cmp(&b.artist)));
        Ok(rows)
    }
}

/// Held while the library is called: afterwards panics are told of again, which the library silences.
struct Loud;

impl Drop for Loud {
    fn drop(&mut self) {
        telemetry::restore_panic_hook();
    }
}

/// Adds noise to every value and keeps what passes the threshold.
fn noisy_keys(selection: &KeySelection, exact: &HashMap<String, i64>, threshold: i64) -> Result<HashMap<String, i64>> {
    let mut kept = selection.invoke(exact).map_err(failed)?;
    // OpenDP 0.16 keeps a value that is equal to the threshold, but accounts for values above it only
    // (opendp/opendp issue 2922). Dropping the equal ones makes the accounting true.
    kept.retain(|_, value| *value > threshold);
    Ok(kept)
}

fn key_selection(sigma: f64, threshold: i64) -> Result<KeySelection> {
    let domain = MapDomain::new(AtomDomain::<String>::default(), AtomDomain::<i64>::default());
    let metric = L0PInfDistance::<2, _>(AbsoluteDistance::<f64>::default());
    make_gaussian_threshold::<_, _, Approximate<ZeroConcentratedDivergence>>(domain, metric, sigma, threshold, None)
        .map_err(failed)
}

fn sum_noise(sigma: f64) -> Result<SumNoise> {
    let domain = VectorDomain::new(AtomDomain::<i64>::default());
    make_gaussian::<_, _, ZeroConcentratedDivergence>(domain, L2Distance::<f64>::default(), sigma, None).map_err(failed)
}

/// How far one member moves the fans: (number of artists, Euclidean length, largest single step).
fn fans_sensitivity(p: &ArtistPreference) -> (u32, f64, f64) {
    (p.artists_per_member, f64::from(p.artists_per_member).sqrt().next_up(), 1.0)
}

/// How far one member moves the plays, in Euclidean length: C on each of L artists.
fn plays_sensitivity(p: &ArtistPreference) -> f64 {
    (f64::from(p.plays_per_artist) * f64::from(p.artists_per_member).sqrt().next_up()).next_up()
}

/// The chance of one artist that L of them together use up delta: 1 - (1 - delta)^(1/L), without cancellation.
fn delta_single(delta: f64, l0: u32) -> f64 {
    -((-delta).ln_1p() / f64::from(l0)).exp_m1()
}

/// The point that a standard normal variable exceeds with probability `tail`.
fn upper_quantile(tail: f64) -> Result<f64> {
    gaussian_scale_to_accuracy(1.0, 2.0 * tail).map_err(failed)
}

/// The smallest h with P[|noise| > h] <= alpha. The library gives the smallest h with P[|noise| >= h] <= alpha; noise is whole.
fn half_width(sigma: f64, alpha: f64) -> Result<i64> {
    discrete_gaussian_scale_to_accuracy(sigma, alpha).map(|width| width as i64 - 1).map_err(failed)
}

/// Epsilon of a cost at a total failure probability; `None` where that is no more than what the cost already uses.
///
/// # Errors
/// `internal`: the library cannot convert.
pub fn epsilon_at(cost: Cost, delta_pico: u64) -> Result<Option<f64>> {
    let _loud = Loud;
    let (profile, spent) =
        Approximate::<ZeroConcentratedDivergence>::convert((cost.rho(), cost.delta())).map_err(failed)?;
    let left = delta_pico as f64 / PICO as f64 - spent;
    if delta_pico <= cost.delta_pico || left <= 0.0 {
        Ok(None)
    } else {
        profile.epsilon(left).map(Some).map_err(failed)
    }
}

/// A fraction in whole ledger units, rounded up.
fn rounded_up(value: f64, unit: u64) -> u64 {
    (value * unit as f64).ceil() as u64
}

/// The library names its failures by kind; its messages speak of parameters, never of data.
fn failed(cause: opendp::error::Error) -> Error {
    Error::internal(format!("noise: {}: {}", cause.variant, cause.message.unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use super::super::recipe::Recipe;
    use super::*;

    fn parameters(l: u32, fans_rho_nano: u64, delta_pico: u64) -> ArtistPreference {
        let p = ArtistPreference { artists_per_member: l, fans_rho_nano, delta_pico, ..Default::default() };
        Recipe::ArtistPreference(p.clone()).validate().unwrap();
        p
    }

    fn counts(artists: usize, fans: i64, capped_plays: i64) -> Vec<ArtistCount> {
        (0..artists).map(|i| ArtistCount { artist: format!("Artist {i:06}"), fans, capped_plays }).collect()
    }

    /// The most successes in n trials of probability p that chance explains, short of one time in a million.
    fn plausible(n: usize, p: f64) -> f64 {
        let mean = n as f64 * p;
        mean + 4.76 * mean.sqrt() + 10.0
    }

    #[test]
    fn thresholds_and_error_bars_are_the_worked_numbers() {
        for (l, rho, threshold, half_width) in [
            (10, 50_000_000, 65, 20),
            (20, 50_000_000, 93, 28),
            (50, 50_000_000, 149, 44),
            (50, 100_000_000, 106, 31),
            (100, 50_000_000, 214, 62),
        ] {
            let plan = NoisePlan::of(&parameters(l, rho, 1_000)).unwrap();
            assert_eq!((plan.threshold, plan.fans.half_width_95), (threshold, half_width), "L {l}, rho {rho}");
            assert_eq!(plan.smallest_published_fans, threshold + 10);
        }
    }

    #[test]
    fn the_librarys_maps_agree_with_the_closed_forms() {
        for (l, rho_nano, delta_pico) in
            [(1, 1_000_000, 1), (20, 50_000_000, 1_000), (50, 7_654_321, 99_999), (1_000, NANO, 1_000_000)]
        {
            let p = parameters(l, rho_nano, delta_pico);
            let plan = NoisePlan::of(&p).unwrap();
            let sigma = plan.fans.sigma;
            let (rho, delta) = key_selection(sigma, plan.threshold).unwrap().map(&fans_sensitivity(&p)).unwrap();
            assert!((rho - f64::from(l) / (2.0 * sigma * sigma)).abs() < 1e-12);
            assert!(rounded_up(rho, NANO) <= rho_nano && rounded_up(delta, PICO) <= delta_pico);
            let plays = plan.capped_plays.sigma;
            let rho = sum_noise(plays).unwrap().map(&plays_sensitivity(&p)).unwrap();
            let closed = f64::from(p.plays_per_artist).powi(2) * f64::from(l) / (2.0 * plays * plays);
            assert!((rho - closed).abs() < 1e-12);
            assert!(rounded_up(rho, NANO) <= p.capped_plays_rho_nano);
            // One lower would cost more than declared: the threshold is not higher than it must be.
            let lower = plan.threshold - 1;
            let (_, delta) = key_selection(sigma, lower).unwrap().map(&fans_sensitivity(&p)).unwrap();
            assert!(rounded_up(delta, PICO) > delta_pico, "L {l}: {delta}");
        }
    }

    #[test]
    fn a_plan_that_costs_more_than_declared_is_refused() {
        let p = parameters(20, 50_000_000, 1_000);
        let plan = NoisePlan::of(&p).unwrap();
        let lean = NoisePlan { fans: MeasureNoise { sigma: plan.fans.sigma * 0.999, ..plan.fans }, ..plan.clone() };
        assert!(plan.accounted().unwrap().fits(plan.cost));
        assert!(!lean.accounted().unwrap().fits(plan.cost));
    }

    #[test]
    fn epsilon_is_what_the_conversion_gives() {
        let at = |rho_nano, delta_pico, at| epsilon_at(Cost { rho_nano, delta_pico }, at).unwrap();
        // The noise library's own vector: sigma 4, distance 1, delta 1e-3.
        assert!((at(31_250_000, 0, PICO / 1_000).unwrap() - 0.688_002_455_487_808_5).abs() < 1e-9);
        for (rho_nano, at_millionth) in [(50_000_000, 1.47), (100_000_000, 2.14), (500_000_000, 5.22)] {
            assert!((at(rho_nano, 1_000, PICO / 1_000_000).unwrap() - at_millionth).abs() < 0.01);
        }
        assert_eq!(at(50_000_000, 1_000, 1_000), None, "nothing is left of delta for the conversion");
    }

    /// Fails when the `retain` in `noisy_keys` is taken out: the library then keeps two and a half times what it accounts for.
    #[test]
    fn artists_of_one_member_are_kept_no_more_often_than_accounted_for() {
        const KEYS: usize = 40_000;
        let (sigma, threshold) = (1.0, 3);
        let selection = key_selection(sigma, threshold).unwrap();
        let (_, accounted) = selection.map(&(1, 1.0, 1.0)).unwrap();
        let lone: HashMap<String, i64> = (0..KEYS).map(|i| (i.to_string(), 1)).collect();
        let kept = noisy_keys(&selection, &lone, threshold).unwrap().len();
        assert!((kept as f64) < plausible(KEYS, accounted), "{kept} of {KEYS} kept, accounted for {accounted}");
        assert!(kept > 0, "the test must be able to tell");
    }

    #[test]
    fn nothing_under_the_floor_goes_in() {
        let p = ArtistPreference { floor_members: 50, ..parameters(1, 10 * NANO, 1_000_000) };
        let plan = NoisePlan::of(&p).unwrap();
        assert!(plan.release(&counts(5_000, 49, 49)).unwrap().is_empty());
        let rows = plan.release(&counts(100, 500, 500)).unwrap();
        assert_eq!(rows.len(), 100);
        assert!(rows.iter().all(|row| (row.fans - 500).abs() < 10 && row.fans >= plan.smallest_published_fans));
        assert!(plan.release(&[]).unwrap().is_empty());
    }

    #[test]
    fn rows_are_sorted_and_the_error_bars_hold() {
        let plan = NoisePlan::of(&ArtistPreference::default()).unwrap();
        let rows = plan.release(&counts(3_000, 10_000, 1_000_000)).unwrap();
        assert_eq!(rows.len(), 3_000);
        assert!(rows.windows(2).all(|p| (p[1].fans, &p[0].artist) < (p[0].fans, &p[1].artist)));
        let inside =
            |errors: Vec<i64>, h: i64| errors.iter().filter(|e| e.abs() <= h).count() as f64 / errors.len() as f64;
        let fans = inside(rows.iter().map(|r| r.fans - 10_000).collect(), plan.fans.half_width_95);
        let plays = inside(rows.iter().map(|r| r.capped_plays - 1_000_000).collect(), plan.capped_plays.half_width_95);
        // Five standard deviations of such a share around 0.95.
        assert!((0.93..0.975).contains(&fans) && (0.93..0.975).contains(&plays), "{fans} {plays}");
    }

    /// Releases of two neighbouring pools, tens of thousands of times: no event may tell them apart by more than promised.
    #[test]
    fn an_audit_finds_no_more_than_promised_and_has_the_power_to() {
        const DRAWS: usize = 50_000;
        let p = parameters(1, 5_000_000, 1_000);
        let plan = NoisePlan::of(&p).unwrap();
        let delta_pico = PICO / 100;
        let fans_alone = Cost { rho_nano: p.fans_rho_nano, delta_pico: p.delta_pico };
        let epsilon = epsilon_at(fans_alone, delta_pico).unwrap().unwrap();
        // The event: the noisy number of fans is at least three above the truth of the pool with the member.
        let share = |plan: &NoisePlan, fans: i64| {
            let rows = plan.release(&counts(DRAWS, fans, 1)).unwrap();
            rows.iter().filter(|row| row.fans >= 2_003).count() as f64 / DRAWS as f64
        };
        let excess = |plan: &NoisePlan| share(plan, 2_000) - epsilon.exp() * share(plan, 1_999);
        let slack = 5.0 * (0.5 / DRAWS as f64).sqrt();
        let promised = delta_pico as f64 / PICO as f64;
        assert!(excess(&plan) - slack <= promised);
        let too_little = NoisePlan { fans: MeasureNoise { sigma: plan.fans.sigma / 4.0, ..plan.fans }, ..plan.clone() };
        assert!(excess(&too_little) - slack > promised, "with a quarter of the noise the audit must fail");
    }
}
