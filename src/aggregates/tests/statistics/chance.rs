//! How likely chance explains what was seen. Exact where it can be: binomial tails, and the bounds of Clopper and Pearson
//! (1934, Biometrika 26) that follow from them.

/// The chance of so many successes or more, of `n` trials of probability `p`.
pub fn at_least(successes: usize, n: usize, p: f64) -> f64 {
    if successes == 0 || p >= 1.0 {
        return 1.0;
    }
    if p <= 0.0 {
        return 0.0;
    }
    if (successes as f64) <= n as f64 * p {
        // Below the mean the other tail is the one whose terms fall.
        return 1.0 - at_least(n - successes + 1, n, 1.0 - p);
    }
    let (n, mut k) = (n as f64, successes as f64);
    let choices = ln_gamma(n + 1.0) - ln_gamma(k + 1.0) - ln_gamma(n - k + 1.0);
    let mut term = (choices + k * p.ln() + (n - k) * (-p).ln_1p()).exp();
    let mut sum = 0.0;
    while k <= n && term > sum * 1e-17 {
        sum += term;
        term *= (n - k) / (k + 1.0) * p / (1.0 - p);
        k += 1.0;
    }
    sum
}

/// The probability is at least this, but for a chance of `alarm` to be wrong.
pub fn lowest(successes: usize, n: usize, alarm: f64) -> f64 {
    let (mut low, mut high) = (0.0, successes as f64 / n as f64);
    for _ in 0..60 {
        let middle = (low + high) / 2.0;
        if at_least(successes, n, middle) <= alarm { low = middle } else { high = middle }
    }
    low
}

/// The probability is at most this, but for a chance of `alarm` to be wrong.
pub fn highest(successes: usize, n: usize, alarm: f64) -> f64 {
    1.0 - lowest(n - successes, n, alarm)
}

/// The chance that a chi-square variable of so many degrees of freedom is at least `x`: the upper incomplete gamma
/// function, by series and continued fraction (Abramowitz and Stegun 6.5.29 and 6.5.31).
pub fn chi_square_at_least(x: f64, freedom: usize) -> f64 {
    let (a, x) = (freedom as f64 / 2.0, x / 2.0);
    let scale = (a * x.ln() - x - ln_gamma(a)).exp();
    if x < a + 1.0 {
        let (mut term, mut sum, mut n) = (1.0 / a, 1.0 / a, a);
        while term > sum * 1e-16 {
            n += 1.0;
            term *= x / n;
            sum += term;
        }
        return 1.0 - scale * sum;
    }
    let mut fraction = 0.0;
    for k in (1..500).rev() {
        let k = f64::from(k);
        fraction = k * (k - a) / (x + 2.0 * k + 1.0 - a - fraction);
    }
    scale / (x + 1.0 - a - fraction)
}

/// The discrete Gaussian's probabilities from `-reach` to `reach`, beyond which next to nothing is left.
pub fn discrete_gaussian(sigma: f64) -> (i64, Vec<f64>) {
    let reach = (sigma * 12.0).ceil() as i64 + 1;
    let weights: Vec<f64> = (-reach..=reach).map(|x| (-((x * x) as f64) / (2.0 * sigma * sigma)).exp()).collect();
    let total: f64 = weights.iter().sum();
    (reach, weights.into_iter().map(|weight| weight / total).collect())
}

/// The chance that discrete Gaussian noise is greater than `x`.
pub fn noise_above(x: i64, sigma: f64) -> f64 {
    let (reach, chances) = discrete_gaussian(sigma);
    chances[(x + 1 + reach).max(0) as usize..].iter().sum()
}

/// The natural logarithm of the gamma function (Lanczos 1964, with Godfrey's coefficients for g = 7).
fn ln_gamma(x: f64) -> f64 {
    const TERMS: [f64; 8] = [
        676.5203681218851,
        -1259.1392167224028,
        771.323_428_777_653_1,
        -176.615_029_162_140_6,
        12.507343278686905,
        -0.13857109526572012,
        9.984_369_578_019_572e-6,
        1.5056327351493116e-7,
    ];
    let x = x - 1.0;
    let sum = TERMS.iter().zip(1..).fold(0.999_999_999_999_809_9, |sum, (term, i)| sum + term / (x + f64::from(i)));
    let t = x + 7.5;
    0.5 * (2.0 * std::f64::consts::PI).ln() + (x + 0.5) * t.ln() - t + sum.ln()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn near(value: f64, expected: f64) {
        assert!((value / expected - 1.0).abs() < 1e-6, "{value} is not {expected}");
    }

    /// Against values from tables.
    #[test]
    fn chances_are_those_of_the_tables() {
        near(ln_gamma(5.0), 24f64.ln());
        near(ln_gamma(0.5), std::f64::consts::PI.sqrt().ln());
        near(at_least(3, 3, 0.5), 0.125);
        near(at_least(1, 3, 0.5), 0.875);
        near(at_least(60, 100, 0.5), 0.028_443_966_82);
        near(lowest(8, 10, 0.025), 0.443_904_54);
        near(highest(8, 10, 0.025), 0.974_789_4);
        near(highest(0, 10, 0.025), 0.308_497_1);
        near(chi_square_at_least(18.307_038_05, 10), 0.05);
        near(chi_square_at_least(3.940_299_14, 10), 0.95);
        near(chi_square_at_least(10.827_566_17, 1), 0.001);
        near(noise_above(0, 1e3) * 2.0 + discrete_gaussian(1e3).1[12_001], 1.0);
    }
}
