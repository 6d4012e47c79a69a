//! Laws of chance over whole numbers.

use rand::Rng;
use rand::rngs::StdRng;

/// Marks on the way from 0 to 1 at which a draw looks up where to search.
const MARKS: usize = 1 << 12;

/// A law of chance over the numbers from 0, drawn by its running sums.
pub(super) struct Law {
    sums: Vec<f64>,
    /// For each mark, the first number whose running sum lies above it: a draw searches between two of them.
    marks: Vec<u32>,
}

impl Law {
    /// A law of so many numbers, which are not none, by their weights.
    pub(super) fn new(weights: impl Iterator<Item = f64>) -> Self {
        let mut sum = 0.0;
        let mut sums: Vec<f64> = weights
            .map(|weight| {
                sum += weight;
                sum
            })
            .collect();
        sums.iter_mut().for_each(|s| *s /= sum);
        let first_above = |mark: usize| sums.partition_point(|s| *s <= mark as f64 / MARKS as f64) as u32;
        let marks = (0..=MARKS).map(first_above).collect();
        Law { sums, marks }
    }

    /// Weight 1/(rank + offset)^exponent, with ranks from 1.
    pub(super) fn zipf_mandelbrot(numbers: usize, exponent: f64, offset: f64) -> Self {
        Law::new((1..=numbers).map(|rank| (rank as f64 + offset).powf(-exponent)))
    }

    /// One of the numbers.
    pub(super) fn draw(&self, rng: &mut StdRng) -> usize {
        self.at(rng.random())
    }

    /// The number whose stretch of the way from 0 to 1 holds `at`, which is below 1.
    fn at(&self, at: f64) -> usize {
        let mark = (at * MARKS as f64) as usize;
        let (low, high) = (self.marks[mark] as usize, self.marks[mark + 1] as usize);
        (low + self.sums[low..high].partition_point(|sum| *sum <= at)).min(self.sums.len() - 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_marks_only_shorten_the_search() {
        for law in
            [Law::zipf_mandelbrot(9_000, 1.05, 12.0), Law::zipf_mandelbrot(3, 1.0, 0.0), Law::new([1.0].into_iter())]
        {
            for i in 0..50_000 {
                let at = f64::from(i) / 50_000.0;
                assert_eq!(law.at(at), law.sums.partition_point(|sum| *sum <= at).min(law.sums.len() - 1), "at {at}");
            }
            assert_eq!(law.at(1.0 - f64::EPSILON / 2.0), law.sums.len() - 1);
        }
    }
}
