//! A stated model of how listening spreads over artists, for saying what a recipe will likely give without looking at anybody's data.
//!
//! The share of members with the artist of rank r among their top L is L * w(r), with w a Zipf-Mandelbrot law, w(r) ~ (r + q)^-s, over a
//! fixed number of artists. The figures are fitted to the published HetRec 2011 Last.fm set (1,892 listeners, 17,632 artists, at most 50
//! artists each): it has 611 listeners for its first artist, 804 artists with 20 listeners or more, 1,530 with 10, 2,828 with 5; the model,
//! at L = 50 and 1,892 members, gives 547, 723, 1,389 and 2,641.

use super::keys::Key;
use super::recipe::Recipe;

/// Artists in the model.
const ARTISTS: usize = 17_632;
/// s: how fast popularity falls.
const EXPONENT: f64 = 1.1;
/// q: how flat the top is.
const SHIFT: f64 = 36.5;

/// The model in words, for sheets.
pub(super) const IN_WORDS: &str = "a pool whose listening spreads over 17,632 artists by a Zipf-Mandelbrot law (exponent 1.1, shift 36.5), \
     as it does among the listeners of the published HetRec 2011 Last.fm set; over an artist's 6 albums and 40 tracks and over 30 countries \
     by Zipf's law, and evenly over months, days and hours";

/// How the members of an artist, or of the pool, spread over the values of the other keys: the share of each combination.
pub(super) fn shares(recipe: &Recipe) -> Vec<f64> {
    let mut shares = vec![1.0];
    for key in &recipe.group_by {
        let spread = match key {
            Key::Album => zipf(6),
            Key::Track => zipf(40),
            Key::Country => zipf(30),
            Key::Month => even(recipe.last_months.unwrap_or(MONTHS)),
            Key::Weekday => even(7),
            Key::HourOfWeek => even(168),
            _ => continue,
        };
        shares = shares.iter().flat_map(|share| spread.iter().map(move |more| share * more)).collect();
    }
    shares
}

/// Months over which a history spreads where the recipe does not say.
const MONTHS: u32 = 60;

fn zipf(values: u32) -> Vec<f64> {
    let total: f64 = (1..=values).map(|rank| 1.0 / f64::from(rank)).sum();
    (1..=values).map(|rank| 1.0 / f64::from(rank) / total).collect()
}

fn even(values: u32) -> Vec<f64> {
    vec![1.0 / f64::from(values.max(1)); values as usize]
}

/// How many groups have at least so many members, by the model.
pub(super) fn groups_with(recipe: &Recipe, members: u64, at_least: f64) -> u64 {
    let shares = shares(recipe);
    let of_music = |key: &Key| key.is_artists() || matches!(key, Key::Album | Key::Track);
    if !recipe.group_by.iter().any(of_music) {
        return shares.iter().filter(|share| members as f64 * **share >= at_least).count() as u64;
    }
    let fans: Vec<f64> = expected_fans(members, recipe.keys_per_member).collect();
    if recipe.has_key(Key::ArtistPair) {
        // Two artists share the members that chance gives them: the product of their shares of the pool.
        let pairs = |i: usize| fans[i + 1..].partition_point(|other| fans[i] * other / members as f64 >= at_least);
        return (0..fans.len()).map(pairs).take_while(|pairs| *pairs > 0).sum::<usize>() as u64;
    }
    shares.iter().map(|share| fans.partition_point(|fans| fans * share >= at_least) as u64).sum()
}

/// Expected numbers of members with an artist among their top `keys_per_member`, by rank, the most popular first.
pub(super) fn expected_fans(members: u64, keys_per_member: u32) -> impl Iterator<Item = f64> {
    let weight = |rank: usize| (rank as f64 + SHIFT).powf(-EXPONENT);
    let total: f64 = (1..=ARTISTS).map(weight).sum();
    let (members, l) = (members as f64, f64::from(keys_per_member));
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

    #[test]
    fn groups_within_artists_are_fewer_the_finer_they_are() {
        let likely = |group_by: &str, at_least: f64| {
            let json = format!(r#"{{"kind":"custom","group_by":[{group_by}],"fans_rho_nano":100000000}}"#);
            groups_with(&Recipe::parse(&json).unwrap(), 18_000, at_least)
        };
        assert!(likely("\"artist\"", 100.0) > 400);
        assert_eq!(likely("\"country\"", 18_000.0 / 30.0), 7, "Zipf's law over 30 countries");
        assert!((1..400).contains(&likely("\"artist\",\"country\"", 100.0)));
        assert!(likely("\"artist\",\"country\"", 10.0) > likely("\"artist\",\"country\"", 100.0));
        assert!(likely("\"artist_pair\"", 2.0) > likely("\"artist_pair\"", 4.0));
        assert_eq!(likely("\"artist_pair\"", 18_000.0), 0);
    }
}
