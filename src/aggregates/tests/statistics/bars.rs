//! The error bars that are published hold as often as they say.

use super::chance::{highest, lowest};
use super::{noise, same};
use crate::aggregates::noise::NoisePlan;
use crate::aggregates::recipe::Recipe;
use crate::aggregates::{Kind, accuracy_sheet, preset, table};
use datafusion::arrow::array::AsArray;
use datafusion::arrow::datatypes::Float64Type;

const REDRAWS: usize = 2_000;
const ROWS: usize = 20;

/// Chance does not explain that the true share of bars that hold lies outside of `from` to `to`: of each side.
#[track_caller]
fn assert_share(hold: usize, of: usize, (from, to): (f64, f64), alarm: f64, what: &str) {
    let share = hold as f64 / of as f64;
    assert!(highest(hold, of, alarm) >= from, "{what}: {share} of the bars hold, fewer than {from}");
    assert!(lowest(hold, of, alarm) <= to, "{what}: {share} of the bars hold, more than {to}");
}

/// False alarm: 1e-6, five sides at 2e-7. The group is three standard deviations over the threshold, where being chosen for its noise
/// no longer shows.
#[test]
#[ignore = "slow: statistics of the noise"]
fn dp6_the_bars_of_a_drawn_edition_hold() {
    const ALARM: f64 = 2e-7;
    let recipe = Recipe::default();
    let plan = NoisePlan::of(&recipe).unwrap();
    let published = accuracy_sheet(&recipe, 18_000, None).unwrap().measures;
    let all_rows = plan.sums[0].half_width_95_all(ROWS as u64).unwrap().unwrap();
    let (fans, plays) = (plan.threshold.unwrap().smallest_published() + (3.0 * plan.sums[0].sigma) as i64, 40_000);
    let (mut given, mut within, mut all_within) = (0, [0, 0], 0);
    for _ in 0..REDRAWS {
        let rows = plan.release(same(ROWS, &[fans, plays]), None).unwrap();
        given += rows.len();
        for (place, exact) in [fans, plays].into_iter().enumerate() {
            let holds = |off: i64| off.abs() <= published[place].half_width_95;
            within[place] += rows.iter().filter(|row| holds(row.sums[place] - exact)).count();
        }
        all_within += usize::from(rows.iter().all(|row| (row.sums[0] - fans).abs() <= all_rows));
    }
    assert!(given > REDRAWS * ROWS * 99 / 100, "nearly all are given: {given}");
    assert_share(within[0], given, (0.94, 0.965), ALARM, "fans");
    assert_share(within[1], given, (0.94, 0.965), ALARM, "plays");
    assert_share(all_within, REDRAWS, (0.95, 1.0), ALARM, "fans of all rows at once");
}

/// False alarm: 1e-6, at most 25 sums with two sides at 2e-8.
#[test]
#[ignore = "slow: statistics of the noise"]
fn dp6_the_bars_of_every_sheet_hold() {
    const ALARM: f64 = 2e-8;
    let mut sums = 0;
    for kind in Kind::ALL.iter().filter(|kind| **kind != Kind::Custom) {
        for measure in accuracy_sheet(&preset(*kind), 18_000, None).unwrap().measures {
            let draws = noise(measure.noise_standard_deviation, REDRAWS * ROWS);
            let hold = draws.iter().filter(|draw| draw.abs() <= measure.half_width_95).count();
            assert_share(hold, draws.len(), (0.95, 0.965), ALARM, &format!("{kind}: {}", measure.column));
            sums += 1;
        }
    }
    assert!((10..=25).contains(&sums), "{sums}");
}

/// The bars of a share are made of those of two sums and may be wide, but not narrow. False alarm: 1e-6, the one test.
#[test]
#[ignore = "slow: statistics of the noise"]
fn dp6_the_bars_of_shares_hold() {
    let recipe = preset(Kind::SkipBehaviour);
    let plan = NoisePlan::of(&recipe).unwrap();
    let (mut hold, mut of) = (0, 0);
    for _ in 0..REDRAWS {
        let rows = plan.release(same(ROWS / 4, &[2_000, 4_000, 10_000]), None).unwrap();
        let table = table::of(&recipe, &plan, &rows, None).unwrap().rows;
        let column = |name: &str| table.column_by_name(name).unwrap().as_primitive::<Float64Type>();
        let (low, high) = (column("skip_share_low"), column("skip_share_high"));
        hold += (0..rows.len()).filter(|row| (low.value(*row)..=high.value(*row)).contains(&0.4)).count();
        of += rows.len();
    }
    assert_share(hold, of, (0.95, 1.0), 1e-6, "skip shares");
}
