//! The differencing attack: what two numbers tell about the one member between them.

use super::chance::{highest, lowest};
use crate::aggregates::noise::{GroupSums, NoisePlan};
use crate::aggregates::recipe::{PICO, Recipe};
use crate::aggregates::tests::world::{Exact, Layout, Pool, seed, without};
use std::collections::BTreeMap;

const TRIALS: usize = 10_000;
/// A standard normal variable is above this once in a hundred times.
const ONE_PER_CENT: f64 = 2.326_348;

/// Two hundred who like the same twenty artists, and one who listens to them all day, to one the most.
fn pool() -> Pool {
    let mut pool = Pool::new();
    let listener = |plays: &dyn Fn(usize) -> usize| -> Vec<(String, usize)> {
        (0..20).map(|artist| (format!("Artist {artist:02}"), plays(artist))).collect()
    };
    for member in 0..200 {
        pool.join_counts(&listener(&|artist| 1 + (artist + member) % 3));
    }
    pool.join_counts(&listener(&|artist| if artist == 7 { 200 } else { 180 }));
    pool
}

fn groups(exact: &Exact) -> Vec<GroupSums> {
    let group = |(name, sums): (&String, &Vec<i64>)| GroupSums {
        values: vec![crate::aggregates::keys::Value::Text(name.clone())],
        sums: sums.clone(),
    };
    exact.iter().map(group).collect()
}

/// An attacker who knows everybody else's plays and suspects what the one's are, with the best test there is (Neyman and
/// Pearson): how much likelier the edition is with the member in it.
struct Attacker<'a> {
    without: &'a Exact,
    moved: BTreeMap<&'a str, [f64; 2]>,
    variances: [f64; 2],
}

impl<'a> Attacker<'a> {
    fn new(with: &'a Exact, without: &'a Exact, plan: &NoisePlan) -> Self {
        let moved = with.iter().map(|(name, sums)| {
            let rest = &without[name];
            (name.as_str(), [0, 1].map(|place| (sums[place] - rest[place]) as f64))
        });
        let variances = [0, 1].map(|place: usize| plan.sums[place].sigma.powi(2));
        Attacker { without, moved: moved.collect(), variances }
    }

    /// How sure the attacker is, in standard deviations of what the noise alone does to that.
    fn score(&self, edition: &[GroupSums]) -> f64 {
        let (mut seen, mut squares) = (0.0, 0.0);
        for row in edition {
            let name = row.values[0].text();
            for (place, moved) in self.moved[name.as_str()].iter().enumerate() {
                let above = (row.sums[place] - self.without[&name][place]) as f64;
                seen += above * moved / self.variances[place];
                squares += moved * moved / self.variances[place];
            }
        }
        seen / squares.sqrt()
    }

    /// How often of so many drawn editions the attacker says that the member is in.
    fn accuses(&self, plan: &NoisePlan, exact: &Exact, trials: usize) -> usize {
        let edition = || plan.release(groups(exact), None).unwrap();
        (0..trials).filter(|_| self.score(&edition()) > ONE_PER_CENT).count()
    }
}

/// False alarm: 1e-6, three promises with two sides at 1.6e-7.
#[tokio::test]
#[ignore = "slow: statistics of the noise"]
async fn dp8_the_differencing_attack_reads_exact_numbers_and_hardly_editions() {
    const ALARM: f64 = 1.6e-7;
    let recipe = Recipe::default();
    let pool = pool();
    let objects = pool.lay(Layout::Counted(50)).await;
    let (one, _) = pool.members.last().unwrap();
    let with = pool.exact(&recipe, &[], &objects, &seed(1)).await;
    let without = pool.exact(&recipe, &[], &without(&objects, one), &seed(1)).await;
    let most = with.iter().max_by_key(|(name, sums)| sums[1] - without[*name][1]).unwrap();
    assert_eq!(most.0, "Artist 07", "exact numbers give the favourite away");

    let plan = NoisePlan::of(&recipe).unwrap();
    let attacker = Attacker::new(&with, &without, &plan);
    let right = attacker.accuses(&plan, &with, TRIALS);
    let wrong = attacker.accuses(&plan, &without, TRIALS);
    let (right, wrong) = (lowest(right, TRIALS, ALARM), highest(wrong, TRIALS, ALARM));
    assert!(wrong < 0.02, "the attack is tuned to accuse one of a hundred wrongly: {wrong}");
    let promised = |delta_pico: u64| {
        let epsilon = plan.cost.epsilon_at(delta_pico).unwrap().unwrap();
        epsilon.exp() * wrong + delta_pico as f64 / PICO as f64
    };
    let promises = [PICO / 1_000_000, PICO / 1_000, PICO / 100].map(promised);
    assert!(promises.iter().all(|promised| right <= *promised), "{right} right, {wrong} wrong: {promises:?}");

    let mut lean = plan.clone();
    lean.sums.iter_mut().for_each(|noise| noise.sigma /= 4.0);
    let attacker = Attacker::new(&with, &without, &lean);
    let right = lowest(attacker.accuses(&lean, &with, TRIALS / 4), TRIALS / 4, ALARM);
    assert!(promises.iter().any(|promised| right > *promised), "{right}: a quarter of the noise must be found out");
}
