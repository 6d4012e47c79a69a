//! What the noise does to a hundred thousand draws and to attackers: slow, so these tests run only where they are asked for
//! (`cargo test --lib -- --ignored statistics`; `.ci/run` does).
//!
//! Every one of them fails by accident at most once in a million runs, and says how that comes about. The noise cannot be
//! seeded: it is the library's own, from the operating system.

mod audit;
mod bars;
mod chance;
mod differencing;
mod gaussian;
mod selection;

use crate::aggregates::keys::Value;
use crate::aggregates::noise::{GroupSums, NoisePlan, Threshold};
use crate::aggregates::recipe::Recipe;

/// A plan whose groups come from listening, with fans and plays, and with noise and threshold of the test's own.
fn by_threshold(sigma: f64, tau: i64, floor_members: i64) -> NoisePlan {
    let mut plan = NoisePlan::of(&Recipe::default()).unwrap();
    plan.sums.iter_mut().for_each(|noise| noise.sigma = sigma);
    plan.threshold = plan.threshold.map(|threshold| Threshold { tau, floor_members, ..threshold });
    plan
}

/// The plan of a recipe that counts members by bin and nothing else.
fn of_bins() -> NoisePlan {
    let recipe = r#"{"kind":"custom","group_by":["hour_of_week"],"keys_from":"bins","fans_rho_nano":50000000}"#;
    NoisePlan::of(&Recipe::parse(recipe).unwrap()).unwrap()
}

/// So many groups with the same sums.
fn same(groups: usize, sums: &[i64]) -> Vec<GroupSums> {
    let values = |group: usize| vec![Value::Text(format!("Artist {group:06}"))];
    (0..groups).map(|group| GroupSums { values: values(group), sums: sums.to_vec() }).collect()
}

/// Noise as it lies on so many empty bins.
fn noise(sigma: f64, draws: usize) -> Vec<i64> {
    let mut plan = of_bins();
    plan.sums[0].sigma = sigma;
    let domain = (0..draws as i64).map(|bin| vec![Value::Number(bin)]).collect();
    plan.release(Vec::new(), Some(domain)).unwrap().into_iter().map(|row| row.sums[0]).collect()
}
