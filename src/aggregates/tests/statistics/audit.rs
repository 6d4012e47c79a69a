//! Audits: two pools that differ in one member, drawn a hundred thousand times each. No event may tell them apart by more
//! than the (epsilon, delta) that the ledger is charged for, and an audit of a broken mechanism must say so.

use super::chance::{highest, lowest, noise_above};
use super::{by_threshold, same};
use crate::aggregates::bound::{Caps, Tally};
use crate::aggregates::keys::Value;
use crate::aggregates::noise::{GroupSums, NoisePlan};
use crate::aggregates::recipe::{Cost, NANO, PICO, Recipe};

const RUNS: usize = 100_000;

/// By how much events tell the pools apart at the least, P1(S) - e^epsilon P2(S) of the best of them, from how often they
/// happened with the member and without it; each wrong with a chance of `alarm`.
fn most_excess(runs: &[[usize; 2]], epsilon: f64, alarm: f64) -> f64 {
    let excess = |[with, without]: &[usize; 2]| {
        lowest(*with, RUNS, alarm / 2.0) - epsilon.exp() * highest(*without, RUNS, alarm / 2.0)
    };
    runs.iter().map(excess).fold(f64::MIN, f64::max)
}

/// Whether groups appear and with how many members. False alarm: 1e-6, four events at two deltas, at 1.25e-7.
#[test]
#[ignore = "slow: statistics of the noise"]
fn dp5_an_audit_of_the_threshold_finds_no_more_than_promised() {
    const FLOOR: i64 = 5;
    const ALARM: f64 = 1.25e-7;
    let (sigma, tau) = (1.0, 3);
    let by_selection = noise_above(tau - 1, sigma);
    let spent = Cost { rho_nano: NANO / 2, delta_pico: (by_selection * PICO as f64).ceil() as u64 };
    // Fans in the pool with the member (without it, one fewer), and the least number of fans that the event asks for.
    let events = [(FLOOR, 0), (FLOOR + tau, 0), (FLOOR + tau, FLOOR + tau + 2), (500, 502)];
    let runs = |plan: &NoisePlan| {
        events.map(|(fans, least)| {
            [fans, fans - 1].map(|fans| {
                let rows = plan.release(same(RUNS, &[fans, 1]), None).unwrap();
                rows.iter().filter(|row| row.sums[0] >= least).count()
            })
        })
    };
    let honest = runs(&by_threshold(sigma, tau, FLOOR));
    let lean = runs(&by_threshold(sigma / 4.0, tau, FLOOR));
    let low = runs(&by_threshold(sigma, tau - 1, FLOOR));
    for more in [PICO / 1_000, PICO / 100] {
        let delta_pico = spent.delta_pico + more;
        let (epsilon, delta) = (spent.epsilon_at(delta_pico).unwrap().unwrap(), delta_pico as f64 / PICO as f64);
        let worst = |runs: &[[usize; 2]]| most_excess(runs, epsilon, ALARM);
        assert!(worst(&honest) <= delta, "{} at epsilon {epsilon}, promised {delta}", worst(&honest));
        assert!(worst(&lean) > delta, "a quarter of the noise must be found out");
        assert!(worst(&low) > delta, "a threshold one too low must be found out");
    }
}

/// Groups that a member is in, in the attack on plays, and the most plays of each that count.
const L: usize = 4;
const C: i64 = 20;
/// Plays of everybody else, of all these groups together.
const OTHERS: i64 = 1_000;

/// Runs in which the plays of the member's groups together are at least so many, for each of some numbers.
fn runs_at_least(plan: &NoisePlan, added: i64, least: &[f64]) -> Vec<usize> {
    let values = |bin: usize| vec![Value::Number(bin as i64)];
    let group = |bin: usize| GroupSums { values: values(bin), sums: vec![OTHERS / L as i64 + added] };
    let (groups, domain) = ((0..RUNS * L).map(group).collect(), (0..RUNS * L).map(values).collect());
    let rows = plan.release(groups, Some(domain)).unwrap();
    let totals: Vec<i64> = rows.chunks(L).map(|run| run.iter().map(|row| row.sums[0]).sum()).collect();
    least.iter().map(|least| totals.iter().filter(|total| **total as f64 >= *least).count()).collect()
}

/// How much somebody listened. False alarm: 1e-6, three events at two deltas, at 1.6e-7.
#[test]
#[ignore = "slow: statistics of the noise"]
fn dp5_an_audit_of_the_plays_finds_no_more_than_promised() {
    const ALARM: f64 = 1.6e-7;
    let recipe = r#"{"kind":"custom","group_by":["hour_of_week"],"keys_from":"bins","keys_per_member":4,
        "plays_per_key":20,"capped_plays_rho_nano":500000000}"#;
    let recipe = Recipe::parse(recipe).unwrap();
    let plan = NoisePlan::of(&recipe).unwrap();
    let capped = Caps::of(&recipe).sums(&Tally { plays: 10 * C as u32, ..Tally::default() })[0];
    assert_eq!((recipe.groups_per_member() as usize, capped), (L, C));
    let promised = [PICO / 1_000, PICO / 100].map(|delta_pico| {
        let spent = Cost { delta_pico: 0, ..plan.cost };
        (spent.epsilon_at(delta_pico).unwrap().unwrap(), delta_pico as f64 / PICO as f64)
    });
    // All of what the member adds, and for each epsilon the total from which on the pool with the member is so
    // much likelier: there is no better event (Neyman and Pearson).
    let (moved, variance) = ((C * L as i64) as f64, L as f64 * plan.sums[0].sigma.powi(2));
    let mut least = vec![OTHERS as f64 + moved];
    least.extend(promised.map(|(epsilon, _)| OTHERS as f64 + moved / 2.0 + epsilon * variance / moved));
    let runs = |plan: &NoisePlan, added: i64| -> Vec<[usize; 2]> {
        let (with, without) = (runs_at_least(plan, added, &least), runs_at_least(plan, 0, &least));
        with.into_iter().zip(without).map(|(with, without)| [with, without]).collect()
    };
    let mut lean = plan.clone();
    lean.sums[0].sigma /= 4.0;
    let (honest, lean, unbounded) = (runs(&plan, capped), runs(&lean, capped), runs(&plan, 10 * C));
    for (epsilon, delta) in promised {
        let worst = |runs: &[[usize; 2]]| most_excess(runs, epsilon, ALARM);
        assert!(worst(&honest) <= delta, "{} at epsilon {epsilon}, promised {delta}", worst(&honest));
        assert!(worst(&lean) > delta, "a quarter of the noise must be found out");
        assert!(worst(&unbounded) > delta, "plays that were not capped must be found out");
    }
}
