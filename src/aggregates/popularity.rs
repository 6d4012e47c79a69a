//! A stated model of how listening spreads over artists, for saying what a recipe will likely give without looking at anybody's data.
//!
//! The share of members with the artist of rank r among their top L is L * w(r), with w a Zipf-Mandelbrot law, w(r) ~ (r + q)^-s, over a
//! fixed number of artists. The figures are fitted to the published HetRec 2011 Last.fm set (1,892 listeners, 17,632 artists, at most 50
//! artists each): it has 611 listeners for its first artist, 804 artists with 20 listeners or more, 1,530 with 10, 2,828 with 5; the model,
//! at L = 50 and 1,892 members, gives 547, 723, 1,389 and 2,641.

/// Artists in the model.
const ARTISTS: usize = 17_632;
/// s: how fast popularity falls.
const EXPONENT: f64 = 1.1;
/// q: how flat the top is.
const SHIFT: f64 = 36.5;

/// The model in words, for sheets.
pub(super) const IN_WORDS: &str = "a pool whose listening spreads over 17,632 artists by a Zipf-Mandelbrot law (exponent 1.1, shift 36.5), \
     as it does among the listeners of the published HetRec 2011 Last.fm set";

/// Expected numbers of members with an artist among their top `artists_per_member`, by rank, the most popular first.
pub(super) fn expected_fans(members: u64, artists_per_member: u32) -> impl Iterator<Item = f64> {
    let weight = |rank: usize| (rank as f64 + SHIFT).powf(-EXPONENT);
    let total: f64 = (1..=ARTISTS).map(weight).sum();
    let (members, l) = (members as f64, f64::from(artists_per_member));
    // Nobody has an artist twice, so no share is above one.
    (1..=ARTISTS).map(move |rank| members * (l * weight(rank) / total).min(1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_model_is_near_the_published_figures() {
        let at_least = |n: f64| expected_fans(1_892, 50).take_while(|fans| *fans >= n).count() as f64;
        let first = expected_fans(1_892, 50).next().unwrap();
        for (model, published) in
            [(first, 611.0), (at_least(20.0), 804.0), (at_least(10.0), 1_530.0), (at_least(5.0), 2_828.0)]
        {
            assert!((model / published - 1.0).abs() < 0.15, "{model} against {published}");
        }
    }
}
