//! A crowd: any number of plays of thousands of members who do not exist, made fast, for measuring.
//!
//! [`World`](super::World) makes a listener and writes its export down; a [`Crowd`] leaves the export out and gives the
//! plays as the pool keeps them, one shard at a time. The same size and seed give the same plays, whichever shards are asked for.
//!
//! * How much a member listens is log-normal: few members have a large part of all plays, so that the bounds of a
//!   recipe have something to cut.
//! * Popularity is one Zipf–Mandelbrot law over all artists. From it come each member's favourites, which get seven
//!   plays in ten, by a law of their own, and directly the other three.
//! * Tracks within an artist follow a Zipf law.
//! * Everybody is a member for a while within ten years, and most active in the evening.
//! * A fifth of the plays are skips after some seconds; the others are as long as songs.
//!
//! What is left out: that nobody hears two tracks at once, that tastes change, that albums are heard in their order.

mod batch;
#[cfg(test)]
mod tests;

use super::law::Law;
use super::names::{self, mixed};
use super::world::HOURS;
use crate::clock::{Entropy, UtcTime};
use crate::histories::model::{SHARDS, shard_of};
use crate::ids::AccountId;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

pub use batch::Scribe;

/// The first of the ten years: 2016-11-01T00:00:00Z, in seconds since 1970.
const FIRST_DAY_S: i64 = 1_477_958_400;
const DAYS: u32 = 3_652;
/// Nobody is a member for less, in days.
const SHORTEST_STAY: u32 = 30;
/// How long members stay beyond that, on average, if the ten years do not end before. In days.
const MEAN_STAY: f64 = 1_800.0;

/// Spread of the members' numbers of plays: the standard deviation of their logarithm.
const SPREAD: f64 = 1.1;

const ARTIST_EXPONENT: f64 = 1.05;
const ARTIST_OFFSET: f64 = 12.0;
const FAVOURITES: usize = 64;
const FAVOURITE_EXPONENT: f64 = 0.9;
/// Tracks of one artist.
const TRACKS: usize = 40;

/// Two-letter codes, the busiest first: members live in them by Zipf's law.
const COUNTRIES: [&str; 30] = [
    "US", "GB", "DE", "BR", "MX", "FR", "ES", "IT", "CA", "AU", "NL", "SE", "PL", "JP", "AR", "IN", "PH", "ID", "CL",
    "CO", "NO", "DK", "TR", "FI", "PT", "IE", "BE", "AT", "CH", "NZ",
];

/// How large a crowd is. The same size is the same crowd.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CrowdSize {
    /// Plays of all members together, exactly.
    pub rows: u64,
    /// Members, one at least. Some may have no play where there are few.
    pub members: u32,
    /// Artists that there are, one at least; the rarest may never be played.
    pub artists: u32,
    /// Another seed is another crowd.
    pub seed: u64,
}

/// Members who do not exist.
pub struct Crowd {
    artists: Law,
    favourites: Law,
    tracks: Law,
    hours: Law,
    names: Vec<String>,
    shards: Vec<Vec<Member>>,
}

/// A member of a crowd.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// Who it is.
    pub account: AccountId,
    /// How many plays it has.
    pub plays: u64,
    /// What its plays are drawn from.
    seed: u64,
    /// Day of the ten years on which it joined, and the one on which it left.
    stay: std::ops::Range<u32>,
    /// Index into [`COUNTRIES`].
    home: usize,
}

impl Crowd {
    /// The members of a crowd, in their shards; their plays are drawn later.
    pub fn new(size: CrowdSize) -> Self {
        let mut rng = StdRng::seed_from_u64(mixed(size.seed));
        let ids = Entropy::seeded(size.seed);
        let countries = Law::zipf_mandelbrot(COUNTRIES.len(), 1.0, 0.0);
        let mut shards = vec![Vec::new(); SHARDS as usize];
        for (number, plays) in shares(size.rows, size.members, &mut rng).into_iter().enumerate() {
            let joined = rng.random_range(0..DAYS - 2 * SHORTEST_STAY);
            let stayed = SHORTEST_STAY + exponential(&mut rng, MEAN_STAY) as u32;
            let joined_at = UtcTime::from_unix_s(FIRST_DAY_S + i64::from(joined) * 86_400)
                .expect("the ten years are within the calendar");
            let member = Member {
                account: AccountId::new(joined_at, &ids),
                plays,
                seed: mixed(size.seed ^ mixed(number as u64 + 1)),
                stay: joined..DAYS.min(joined + stayed),
                home: countries.draw(&mut rng),
            };
            shards[shard_of(&member.account) as usize].push(member);
        }
        shards.iter_mut().for_each(|members| members.sort_by(|a, b| a.account.cmp(&b.account)));
        Crowd {
            artists: Law::zipf_mandelbrot(size.artists as usize, ARTIST_EXPONENT, ARTIST_OFFSET),
            favourites: Law::zipf_mandelbrot(FAVOURITES, FAVOURITE_EXPONENT, 0.0),
            tracks: Law::zipf_mandelbrot(TRACKS, 1.0, 0.0),
            hours: Law::new(HOURS.iter().map(|weight| f64::from(*weight))),
            names: (0..size.artists as usize).map(names::artist).collect(),
            shards,
        }
    }

    /// The members of all shards, those of a shard by account id. In a small crowd some shards are empty.
    pub fn shards(&self) -> &[Vec<Member>] {
        &self.shards
    }
}

/// Log-normal shares that add up to the whole: what is lost to rounding goes to the largest remainders.
fn shares(rows: u64, members: u32, rng: &mut StdRng) -> Vec<u64> {
    let weights: Vec<f64> = (0..members).map(|_| (SPREAD * normal(rng)).exp()).collect();
    let each = rows as f64 / weights.iter().sum::<f64>();
    let mut plays: Vec<u64> = weights.iter().map(|weight| (weight * each) as u64).collect();
    let mut by_remainder: Vec<usize> = (0..weights.len()).collect();
    by_remainder.sort_by(|a, b| (weights[*b] * each).fract().total_cmp(&(weights[*a] * each).fract()));
    let short = rows.saturating_sub(plays.iter().sum());
    by_remainder.into_iter().cycle().take(short as usize).for_each(|member| plays[member] += 1);
    plays
}

/// A standard normal number (Box and Muller 1958).
fn normal(rng: &mut StdRng) -> f64 {
    let (one, two): (f64, f64) = (rng.random(), rng.random());
    (-2.0 * (1.0 - one).ln()).sqrt() * (std::f64::consts::TAU * two).cos()
}

fn exponential(rng: &mut StdRng, mean: f64) -> f64 {
    -(1.0 - rng.random::<f64>()).ln() * mean
}
