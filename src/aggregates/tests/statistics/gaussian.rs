//! The noise itself: its law, and that no two who draw it draw the same.

use super::chance::{chi_square_at_least, discrete_gaussian, highest, lowest};
use super::noise;
use std::collections::HashSet;
use std::process::Command;

const DRAWS: usize = 100_000;
/// Of each of twelve tests, so 1e-6 of all together.
const ALARM: f64 = 8e-8;
/// A standard normal variable is farther from nothing than this with a chance of 7e-8.
const FAR: f64 = 5.4;

/// Chi-square over bins of a thousand draws each, tails in the outermost: (statistic, degrees of freedom).
fn chi_square(draws: &[i64], sigma: f64) -> (f64, usize) {
    let (reach, chances) = discrete_gaussian(sigma);
    let mut bin_of = Vec::with_capacity(chances.len());
    let mut expected = vec![0.0];
    for chance in &chances {
        if expected[expected.len() - 1] >= 1_000.0 {
            expected.push(0.0);
        }
        let bin = expected.len() - 1;
        expected[bin] += chance * DRAWS as f64;
        bin_of.push(bin);
    }
    // What is left over at the end is too little for a bin of its own.
    let rest = expected.pop().unwrap();
    let last = expected.len() - 1;
    expected[last] += rest;
    let mut seen = vec![0.0; expected.len()];
    for draw in draws {
        let place = (draw + reach).clamp(0, 2 * reach) as usize;
        seen[bin_of[place].min(last)] += 1.0;
    }
    (seen.iter().zip(&expected).map(|(seen, expected)| (seen - expected).powi(2) / expected).sum(), last)
}

/// False alarm: 1e-6, twelve tests at 8e-8. The bins are so full that the chi-square law holds far into its tail.
#[test]
#[ignore = "slow: statistics of the noise"]
fn dp4_the_noise_is_discrete_gaussian_without_pattern() {
    for sigma in [1.0, 4.0, 14.1, 2828.0] {
        let draws = noise(sigma, DRAWS);
        let (statistic, freedom) = chi_square(&draws, sigma);
        let p = chi_square_at_least(statistic, freedom);
        assert!(p > ALARM, "sigma {sigma}: chi-square {statistic} of {freedom}, p {p}");
        let (other, freedom) = chi_square(&draws, sigma * 1.05);
        assert!(chi_square_at_least(other, freedom) < ALARM, "sigma {sigma}: five per cent off would be found out");

        let (reach, chances) = discrete_gaussian(sigma);
        let is_odd = |x: i64| x.rem_euclid(2) == 1;
        let expected: f64 = (-reach..=reach).zip(&chances).filter(|(x, _)| is_odd(*x)).map(|(_, chance)| chance).sum();
        let odd = draws.iter().filter(|x| is_odd(**x)).count();
        let range = lowest(odd, DRAWS, ALARM / 2.0)..=highest(odd, DRAWS, ALARM / 2.0);
        assert!(range.contains(&expected), "sigma {sigma}: {odd} of {DRAWS} are odd, {expected} expected");

        let squares: f64 = draws.iter().map(|x| (x * x) as f64).sum();
        let products: f64 = draws.windows(2).map(|pair| (pair[0] * pair[1]) as f64).sum();
        let correlation = products / squares * (DRAWS as f64).sqrt();
        assert!(correlation.abs() < FAR, "sigma {sigma}: one draw follows from the one before, by {correlation}");
    }
}

const STREAM: usize = 2_000;
const PRINT: &str = "REFRAIN_TEST_PRINTS_NOISE";

/// Two processes, and two threads of this one. False alarm: under 1e-8, four draws of ten thousand likely values each that
/// come again by chance anywhere among eight thousand.
#[test]
#[ignore = "slow: statistics of the noise"]
fn dp4_no_two_processes_and_no_two_threads_share_a_stream() {
    if std::env::var_os(PRINT).is_some() {
        let draws: Vec<String> = noise(2828.0, STREAM).iter().map(i64::to_string).collect();
        println!("\n{PRINT} {}", draws.join(" "));
        return;
    }
    let module = module_path!().split_once("::").unwrap().1;
    let name = format!("{module}::dp4_no_two_processes_and_no_two_threads_share_a_stream");
    let process = || -> Vec<i64> {
        let mut child = Command::new(std::env::current_exe().unwrap());
        let output = child.args(["--ignored", "--exact", "--nocapture", &name]).env(PRINT, "1").output().unwrap();
        let output = String::from_utf8(output.stdout).unwrap();
        let line =
            output.lines().find_map(|line| line.strip_prefix(PRINT)).expect("the other process prints its noise");
        line.split_whitespace().map(|draw| draw.parse().unwrap()).collect()
    };
    let thread = || std::thread::spawn(|| noise(2828.0, STREAM));
    let threads = [thread(), thread()].map(|thread| thread.join().unwrap());
    let [one, two] = threads;
    let mut seen = HashSet::new();
    for stream in [process(), process(), one, two] {
        assert_eq!(stream.len(), STREAM);
        for four in stream.windows(4) {
            assert!(seen.insert(four.to_vec()), "{four:?} was drawn twice");
        }
    }
}
