//! The noise: discrete Gaussian, drawn by OpenDP, and the proof that a draw costs no more than declared.
//!
//! Where the groups come from listening, which groups have members is itself private: the first measurement adds noise to the
//! number of members of every group and keeps the groups whose noisy number passes a threshold; the others add noise to the
//! further sums of the groups kept. Where the groups are known beforehand, every sum of every group gets its noise, those
//! without members too, and nothing is left out. Sources: Bun and Steinke 2016 (arXiv 1605.02065) for rho, Canonne, Kamath and
//! Steinke 2020 (arXiv 2004.00010) for the discrete Gaussian and its tail (proposition 25), Rogers 2023 (arXiv 2309.09170) for
//! the threshold.
//!
//! OpenDP's measurements cannot be sent between threads, so each is built where it is used, and the
//! randomness is the library's own, from the operating system. How long a draw takes depends a little on
//! the noise (Jin et al. 2021, arXiv 2112.05307): draws run in background jobs, never while somebody waits.

use super::counting::joined;
use super::keys::Value;
use super::measures::Sum;
use super::recipe::{Cost, KeysFrom, NANO, PICO, Recipe};
use crate::error::{Error, Result};
use crate::zcdp::{Loud, failed};
use opendp::accuracy::{discrete_gaussian_scale_to_accuracy, gaussian_scale_to_accuracy};
use opendp::combinators::CompositionMeasure;
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
type SumsNoise = Measurement<Sums, L2Distance<f64>, ZeroConcentratedDivergence, Vec<i64>>;

/// A group and its sums, in the order of [`Recipe::sums`]: exact while they are inside of this room, noisy in an edition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupSums {
    /// The values of the group, by column.
    pub values: Vec<Value>,
    /// Its sums.
    pub sums: Vec<i64>,
}

/// The noise of one sum.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SumNoise {
    /// The sum.
    pub sum: Sum,
    /// Standard deviation, in the sum's unit.
    pub sigma: f64,
    /// The noise of one cell is at most this in 95 of 100 cells, up or down, in the sum's unit.
    pub half_width_95: i64,
}

impl SumNoise {
    /// The noise of one cell is at most this but for a probability of `alpha`.
    ///
    /// # Errors
    /// `internal`: the library cannot tell.
    pub fn half_width(&self, alpha: f64) -> Result<i64> {
        let _loud = Loud;
        half_width(self.sigma, alpha)
    }

    /// The noise of all `rows` cells at once is at most this with 95 % confidence (a union bound); `None` for no rows.
    ///
    /// # Errors
    /// `internal`: the library cannot tell.
    pub fn half_width_95_all(&self, rows: u64) -> Result<Option<i64>> {
        if rows == 0 { Ok(None) } else { self.half_width(0.05 / rows as f64).map(Some) }
    }
}

/// How it is decided which groups appear, where that comes from listening.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Threshold {
    /// K: what has fewer members is out before any noise.
    pub floor_members: i64,
    /// Probability, per group, that a group of one single member past the floor is kept.
    pub delta_single: f64,
    /// tau: kept is what, after taking off the floor and adding noise, is greater than this. In members.
    pub tau: i64,
}

impl Threshold {
    /// The smallest number of members that can stand in a file: tau + K.
    pub const fn smallest_published(&self) -> i64 {
        self.tau + self.floor_members
    }
}

/// Noise and threshold of a recipe, proven not to cost more than the recipe declares.
#[derive(Debug, Clone, PartialEq)]
pub struct NoisePlan {
    /// The noise of each sum, in order.
    pub sums: Vec<SumNoise>,
    /// The threshold, where groups come from listening. It is the first sum, the number of members, that has to pass it.
    pub threshold: Option<Threshold>,
    /// What the draw is charged. The library's own accounting comes to no more.
    pub cost: Cost,
    groups_per_member: u32,
}

impl NoisePlan {
    /// Works out the noise, and has the library check what it costs.
    ///
    /// # Errors
    /// `internal`: the library counts a higher cost than the recipe declares, or refuses the parameters. A
    /// validated recipe does not come to that.
    pub fn of(recipe: &Recipe) -> Result<NoisePlan> {
        let _loud = Loud;
        let noise = |sum: Sum| {
            let sigma = recipe.sigma(&sum);
            Ok(SumNoise { sum, sigma, half_width_95: half_width(sigma, 0.05)? })
        };
        let sums = recipe.sums().into_iter().map(noise).collect::<Result<Vec<_>>>()?;
        let groups_per_member = recipe.groups_per_member();
        let threshold = match (recipe.keys_from, sums.first()) {
            (KeysFrom::Threshold, Some(members)) => {
                let floor_members = i64::from(recipe.floor_members.unwrap_or(1).max(1));
                Some(threshold(members.sigma, groups_per_member, floor_members, recipe.cost())?)
            }
            _ => None,
        };
        let plan = NoisePlan { sums, threshold, cost: recipe.cost(), groups_per_member };
        let counted = plan.accounted()?;
        if counted.fits(plan.cost) {
            return Ok(plan);
        }
        let declared = plan.cost;
        Err(Error::internal(format!(
            "the noise library counts a cost of {counted:?}, more than the declared {declared:?}"
        )))
    }

    /// What the library's own privacy maps count for one draw, rounded up to whole ledger units.
    fn accounted(&self) -> Result<Cost> {
        let mut parts = Vec::new();
        for (place, noise) in self.sums.iter().enumerate() {
            parts.push(match self.threshold.filter(|_| place == 0) {
                Some(threshold) => key_selection(noise.sigma, threshold.tau)?
                    .map(&members_sensitivity(self.groups_per_member))
                    .map_err(failed)?,
                None => {
                    let distance = sum_sensitivity(noise.sum.most, self.groups_per_member);
                    (sums_noise(noise.sigma)?.map(&distance).map_err(failed)?, 0.0)
                }
            });
        }
        let total = Approximate(ZeroConcentratedDivergence).compose(parts).map_err(failed)?;
        Ok(Cost { rho_nano: rounded_up(total.0, NANO), delta_pico: rounded_up(total.1, PICO) })
    }

    /// Draws the noise: the one place where exact sums turn into an edition. With a threshold: the groups that pass it, by
    /// members, most first, then by their values. Else: the groups of `domain`, in its order.
    ///
    /// Takes long for many groups (about ten microseconds each) and blocks: call it on a blocking thread.
    ///
    /// # Errors
    /// `internal`: the library failed, or a group was counted that is not in the domain.
    pub fn release(&self, exact: Vec<GroupSums>, domain: Option<Vec<Vec<Value>>>) -> Result<Vec<GroupSums>> {
        let _loud = Loud;
        match (self.threshold, domain) {
            (Some(threshold), None) => self.release_by_threshold(&threshold, exact),
            (None, Some(domain)) => self.release_all(exact, domain),
            _ => Err(Error::internal("groups come from listening or from a list, and not from both")),
        }
    }

    fn release_by_threshold(&self, threshold: &Threshold, exact: Vec<GroupSums>) -> Result<Vec<GroupSums>> {
        let below_floor = threshold.floor_members - 1;
        // The floor, inside the mechanism: n becomes n - (K - 1), and only what stays above zero goes in. That changes by
        // at most one where n does, and a new group still comes in with at most 1, so the sensitivities stand.
        let above_floor: HashMap<String, i64> = exact
            .iter()
            .filter(|group| group.sums[0] > below_floor)
            .map(|group| (joined(&group.values), group.sums[0] - below_floor))
            .collect();
        let kept = noisy_keys(&key_selection(self.sums[0].sigma, threshold.tau)?, &above_floor, threshold.tau)?;
        let mut rows: Vec<GroupSums> = exact
            .into_iter()
            .filter_map(|mut group| {
                group.sums[0] = kept.get(&joined(&group.values))? + below_floor;
                Some(group)
            })
            .collect();
        self.add_noise(&mut rows, 1)?;
        rows.sort_by(|a, b| b.sums[0].cmp(&a.sums[0]).then_with(|| a.values.cmp(&b.values)));
        Ok(rows)
    }

    fn release_all(&self, exact: Vec<GroupSums>, domain: Vec<Vec<Value>>) -> Result<Vec<GroupSums>> {
        let counted = exact.len();
        let mut known: HashMap<Vec<Value>, Vec<i64>> =
            exact.into_iter().map(|group| (group.values, group.sums)).collect();
        let none = vec![0; self.sums.len()];
        let mut found = 0;
        let mut rows: Vec<GroupSums> = domain
            .into_iter()
            .map(|values| {
                let sums = known.remove(&values);
                found += usize::from(sums.is_some());
                GroupSums { sums: sums.unwrap_or_else(|| none.clone()), values }
            })
            .collect();
        if found < counted {
            return Err(Error::internal("a group was counted that is none of those to be given"));
        }
        self.add_noise(&mut rows, 0)?;
        Ok(rows)
    }

    /// Adds noise to the sums from `first` on, of all rows.
    fn add_noise(&self, rows: &mut [GroupSums], first: usize) -> Result<()> {
        for (place, noise) in self.sums.iter().enumerate().skip(first) {
            let exact: Vec<i64> = rows.iter().map(|row| row.sums[place]).collect();
            let noisy = sums_noise(noise.sigma)?.invoke(&exact).map_err(failed)?;
            for (row, value) in rows.iter_mut().zip(noisy) {
                row.sums[place] = value;
            }
        }
        Ok(())
    }
}

fn threshold(sigma: f64, groups_per_member: u32, floor_members: i64, declared: Cost) -> Result<Threshold> {
    let delta_single = delta_single(declared.delta(), groups_per_member);
    let mut tau = nearly_the_threshold(sigma, delta_single)?;
    // The library's bound, rounded up on purpose, has the last word.
    while selection_delta_pico(sigma, tau, groups_per_member)? > declared.delta_pico {
        tau += 1;
    }
    Ok(Threshold { floor_members, delta_single, tau })
}

/// The threshold by the closed form, which is exact but for the last digits of a quantile: it is this, or a step above.
fn nearly_the_threshold(sigma: f64, delta_single: f64) -> Result<i64> {
    Ok((sigma * upper_quantile(delta_single)?).ceil() as i64)
}

/// What choosing groups by a threshold costs in failure probability, in 1e-12. It falls as the threshold rises.
fn selection_delta_pico(sigma: f64, tau: i64, groups_per_member: u32) -> Result<u64> {
    let (_, delta) = key_selection(sigma, tau)?.map(&members_sensitivity(groups_per_member)).map_err(failed)?;
    Ok(rounded_up(delta, PICO))
}

/// Adds noise to every value and keeps what passes the threshold.
fn noisy_keys(selection: &KeySelection, exact: &HashMap<String, i64>, tau: i64) -> Result<HashMap<String, i64>> {
    let mut kept = selection.invoke(exact).map_err(failed)?;
    // OpenDP 0.16 keeps a value that is equal to the threshold, but accounts for values above it only
    // (opendp/opendp issue 2922). Dropping the equal ones makes the accounting true.
    kept.retain(|_, value| *value > tau);
    Ok(kept)
}

fn key_selection(sigma: f64, tau: i64) -> Result<KeySelection> {
    let domain = MapDomain::new(AtomDomain::<String>::default(), AtomDomain::<i64>::default());
    let metric = L0PInfDistance::<2, _>(AbsoluteDistance::<f64>::default());
    make_gaussian_threshold::<_, _, Approximate<ZeroConcentratedDivergence>>(domain, metric, sigma, tau, None)
        .map_err(failed)
}

fn sums_noise(sigma: f64) -> Result<SumsNoise> {
    let domain = VectorDomain::new(AtomDomain::<i64>::default());
    make_gaussian::<_, _, ZeroConcentratedDivergence>(domain, L2Distance::<f64>::default(), sigma, None).map_err(failed)
}

/// How far one member moves the numbers of members: (number of groups, Euclidean length, largest single step).
fn members_sensitivity(groups_per_member: u32) -> (u32, f64, f64) {
    (groups_per_member, f64::from(groups_per_member).sqrt().next_up(), 1.0)
}

/// How far one member moves a sum, in Euclidean length: C on each of L groups.
fn sum_sensitivity(most: u32, groups_per_member: u32) -> f64 {
    (f64::from(most) * f64::from(groups_per_member).sqrt().next_up()).next_up()
}

/// The chance of one group that L of them together use up delta: 1 - (1 - delta)^(1/L), without cancellation.
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

/// A fraction in whole ledger units, rounded up.
fn rounded_up(value: f64, unit: u64) -> u64 {
    (value * unit as f64).ceil() as u64
}

#[cfg(test)]
mod tests;
