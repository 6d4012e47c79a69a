//! The listeners and what they hear.

use super::law::Law;
use super::names::{self, mixed};
use crate::clock::UtcTime;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use std::ops::RangeInclusive;

/// Artists in the world. Few enough that three thousand listeners share over a hundred of them, and
/// many enough that most stay below every threshold.
const ARTISTS: usize = 2_400;
const ARTIST_EXPONENT: f64 = 1.6;
const ARTIST_OFFSET: f64 = 70.0;

/// A listener's favourites: how many, how they share the plays, and how often one of them is played.
const FAVOURITES: usize = 32;
const FAVOURITE_EXPONENT: f64 = 0.8;
const LOYALTY: f64 = 0.7;

/// Tracks of one artist.
const TRACKS: usize = 15;

/// Plays lie in the year before now: what account data can hold, too.
const DAYS: i64 = 360;

/// How busy each hour of the day is.
pub(super) const HOURS: [u32; 24] = [3, 2, 1, 1, 1, 1, 2, 4, 6, 6, 6, 6, 6, 6, 6, 6, 7, 8, 8, 8, 7, 6, 5, 4];

const COUNTRIES: [&str; 8] = ["DE", "FR", "GB", "US", "SE", "BR", "PL", "JP"];

/// Made-up listeners who share one taste in artists. The same seed and `now` give the same listeners,
/// and each listener is the same whichever others are asked for.
pub struct World {
    seed: u64,
    now: UtcTime,
    plays: RangeInclusive<u32>,
    artists: Law,
    favourites: Law,
    tracks: Law,
    hours: Law,
    names: Vec<String>,
}

/// One play as it was heard, before any export writes it down.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Heard {
    /// The end of the play, in seconds since 1970.
    pub ts_s: i64,
    /// How long it was heard, in milliseconds.
    pub ms_played: u32,
    /// The artist's rank in the world.
    pub artist: usize,
    /// The track's number within the artist.
    pub track: usize,
    /// Two-letter code, `ZZ` where the service did not know.
    pub country: &'static str,
    /// What the service calls the beginning.
    pub reason_start: &'static str,
    /// What the service calls the end.
    pub reason_end: &'static str,
    /// Whether shuffle was on.
    pub shuffle: bool,
}

/// A made-up listener.
pub struct Listener<'w> {
    pub(super) world: &'w World,
    pub(super) index: u64,
    plays: Vec<Heard>,
}

impl World {
    /// A world whose listeners have so many plays each in the year before `now`.
    pub fn new(seed: u64, now: UtcTime, plays: RangeInclusive<u32>) -> Self {
        World {
            seed,
            now,
            plays,
            artists: Law::zipf_mandelbrot(ARTISTS, ARTIST_EXPONENT, ARTIST_OFFSET),
            favourites: Law::zipf_mandelbrot(FAVOURITES, FAVOURITE_EXPONENT, 0.0),
            tracks: Law::zipf_mandelbrot(TRACKS, 1.0, 0.0),
            hours: Law::new(HOURS.iter().map(|weight| f64::from(*weight))),
            names: (0..ARTISTS).map(names::artist).collect(),
        }
    }

    /// A world of short histories: 20 to 40 plays.
    pub fn small(seed: u64, now: UtcTime) -> Self {
        World::new(seed, now, 20..=40)
    }

    /// The moment of the exports.
    pub fn now(&self) -> UtcTime {
        self.now
    }

    /// The name of the artist of a rank.
    pub fn artist_name(&self, rank: usize) -> &str {
        &self.names[rank]
    }

    /// The listener of a number.
    pub fn listener(&self, index: u64) -> Listener<'_> {
        let mut rng = StdRng::seed_from_u64(mixed(self.seed ^ mixed(index)));
        let favourites: Vec<usize> = (0..FAVOURITES).map(|_| self.artists.draw(&mut rng)).collect();
        let home = COUNTRIES[rng.random_range(0..COUNTRIES.len())];
        let first_day = rng.random_range(0..DAYS / 2);
        let count = rng.random_range(self.plays.clone());
        let mut plays: Vec<Heard> = (0..count).map(|_| self.heard(&mut rng, &favourites, home, first_day)).collect();
        plays.sort_by_key(|p| p.ts_s);
        Listener { world: self, index, plays }
    }

    fn heard(&self, rng: &mut StdRng, favourites: &[usize], home: &'static str, first_day: i64) -> Heard {
        let loyal = rng.random_bool(LOYALTY);
        let artist = if loyal { favourites[self.favourites.draw(rng)] } else { self.artists.draw(rng) };
        let day = rng.random_range(first_day..DAYS);
        let second = self.hours.draw(rng) as i64 * 3_600 + rng.random_range(0..3_600);
        let skipped = rng.random_bool(0.2);
        let ms_played = if skipped { rng.random_range(0..28_000) } else { rng.random_range(95_000..330_000) };
        Heard {
            // Days are counted from a year ago and end a few days before now, so that none lies ahead of it.
            ts_s: self.now.unix_s() - (DAYS + 4) * 86_400 + day * 86_400 + second,
            ms_played,
            artist,
            track: self.tracks.draw(rng),
            country: if rng.random_ratio(1, 100) { "ZZ" } else { home },
            reason_start: if loyal { "clickrow" } else { "trackdone" },
            reason_end: if skipped { "fwdbtn" } else { "trackdone" },
            shuffle: rng.random_bool(0.5),
        }
    }
}

impl Listener<'_> {
    /// What the listener heard, by time: every play that an export of it gives back.
    pub fn plays(&self) -> &[Heard] {
        &self.plays
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashMap;

    fn now() -> UtcTime {
        UtcTime::parse("2026-11-23T00:00:00Z").unwrap()
    }

    /// The artists that a listener plays most, as the recipes take them.
    fn top(listener: &Listener<'_>, most: usize) -> Vec<usize> {
        let mut counts: HashMap<usize, u32> = HashMap::new();
        for play in listener.plays() {
            *counts.entry(play.artist).or_default() += 1;
        }
        let mut ranked: Vec<(usize, u32)> = counts.into_iter().collect();
        ranked.sort_by_key(|(artist, count)| (std::cmp::Reverse(*count), *artist));
        ranked.into_iter().take(most).map(|(artist, _)| artist).collect()
    }

    #[test]
    fn a_listener_is_the_same_each_time_and_unlike_the_others() {
        let (one, two) = (World::small(1, now()), World::small(1, now()));
        assert_eq!(one.listener(9).plays(), two.listener(9).plays());
        assert_ne!(one.listener(9).plays(), one.listener(10).plays());
        assert_ne!(one.listener(9).plays(), World::small(2, now()).listener(9).plays());
        assert!(one.listener(9).plays().iter().all(|p| p.ts_s < now().unix_s()));
    }

    #[test]
    fn three_thousand_listeners_share_well_over_fifty_artists() {
        let world = World::new(20_261_123, now(), 150..=400);
        let mut fans: HashMap<usize, u32> = HashMap::new();
        for index in 0..3_000 {
            for artist in top(&world.listener(index), 20) {
                *fans.entry(artist).or_default() += 1;
            }
        }
        let shared = fans.values().filter(|fans| **fans >= 150).count();
        assert!((90..400).contains(&shared), "{shared} artists are in the top 20 of one listener in twenty");
        assert!(fans.len() > 1_000, "and the tail is long: {}", fans.len());
    }
}
