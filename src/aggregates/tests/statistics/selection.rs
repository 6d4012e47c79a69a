//! Which groups appear.

use super::chance::{at_least, noise_above};
use super::{by_threshold, same};

const KEYS: usize = 200_000;
const FLOOR: i64 = 5;

/// False alarm: 1e-6, the level of the one binomial test.
#[test]
#[ignore = "slow: statistics of the noise"]
fn dp3_groups_that_one_member_takes_over_the_floor_appear_no_more_often_than_delta() {
    let (sigma, tau) = (1.0, 3);
    // With one group a member, delta is the chance that a value of 1 comes out above tau.
    let delta = noise_above(tau - 1, sigma);
    let kept = by_threshold(sigma, tau, FLOOR).release(same(KEYS, &[FLOOR, 1]), None).unwrap().len();
    assert!(at_least(kept, KEYS, delta) > 1e-6, "{kept} of {KEYS} kept, delta is {delta}");
    let below = by_threshold(sigma, tau, FLOOR).release(same(KEYS, &[FLOOR - 1, 1]), None).unwrap();
    assert!(below.is_empty(), "without that member they are not there at all");
    // The test can tell: to keep what is equal to tau as well would be found out, and so would a floor that is one off.
    let loose = |chance: f64| at_least((KEYS as f64 * chance) as usize, KEYS, delta);
    assert!(loose(noise_above(tau - 2, sigma)) < 1e-9);
}
