//! The plays of a shard, column by column: rows are never made, only numbers that stand for words.

use super::{COUNTRIES, Crowd, FAVOURITES, FIRST_DAY_S, Member, TRACKS, exponential, names, normal};
use crate::error::{Error, Result};
use crate::histories::play::{Ended, Service, Started};
use crate::histories::plays_file;
use datafusion::arrow::array::{
    ArrayRef, BooleanArray, DictionaryArray, Int32Array, RecordBatch, StringArray, TimestampMillisecondArray,
    UInt32Array,
};
use datafusion::arrow::datatypes::Int32Type;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use std::sync::Arc;

/// Chance that a play is one of the member's favourites.
const LOYALTY: f64 = 0.7;
/// Chance that a play is given up after some seconds.
const SKIPS: f64 = 0.2;
/// How long skipped tracks are heard on average, in milliseconds.
const SKIP_MEAN_MS: f64 = 9_000.0;
/// The median length of a track in milliseconds, and the spread of its logarithm.
const TRACK_MS: f64 = 205_000.0;
const TRACK_SPREAD: f64 = 0.32;
const LONGEST_MS: f64 = 900_000.0;
/// Tracks that share an album, as the names of albums count them.
const TRACKS_PER_ALBUM: usize = 5;

/// Makes the plays of one shard after the other. Keeps its memory from one to the next, some 20 MB for 100,000 artists.
pub struct Scribe<'c> {
    crowd: &'c Crowd,
    artists: Words,
    albums: Words,
    tracks: Words,
    columns: Columns,
}

/// The columns of a shard in the making: instants and numbers as they are, texts as positions in a list of words.
#[derive(Default)]
struct Columns {
    member: Vec<i32>,
    ts_ms: Vec<i64>,
    ms_played: Vec<u32>,
    artist: Vec<i32>,
    album: Vec<i32>,
    track: Vec<i32>,
    country: Vec<Option<i32>>,
    started: Vec<i32>,
    ended: Vec<i32>,
    shuffle: Vec<bool>,
}

impl<'c> Scribe<'c> {
    /// A scribe for the shards of a crowd, in any order.
    pub fn new(crowd: &'c Crowd) -> Self {
        let artists = crowd.names.len();
        Scribe {
            crowd,
            artists: Words::new(artists),
            albums: Words::new(artists * TRACKS / TRACKS_PER_ALBUM),
            tracks: Words::new(artists * TRACKS),
            columns: Columns::default(),
        }
    }

    /// Whose plays it makes.
    pub fn crowd(&self) -> &'c Crowd {
        self.crowd
    }

    /// All plays of a shard as plays files have them: by member, then by time.
    ///
    /// # Errors
    /// `internal`: the columns are not those of a plays file, which is a defect.
    pub fn shard(&mut self, shard: usize) -> Result<RecordBatch> {
        let crowd = self.crowd;
        for (code, member) in crowd.shards[shard].iter().enumerate() {
            self.member(code as i32, member);
        }
        let of = std::mem::take(&mut self.columns);
        let by_code = |codes: Vec<i32>, words: StringArray| coded(codes.into(), words);
        let (artists, albums, tracks) = (self.artists.take(), self.albums.take(), self.tracks.take());
        let track = |key: &usize| (key / TRACKS, key % TRACKS);
        let uris = tracks.iter().map(track).map(|(artist, track)| names::track_uri(artist, track));
        // The demo's titles are few; with the artist's number there are as many as there are tracks.
        let titles =
            tracks.iter().map(track).map(|(artist, track)| format!("{} {artist}", names::track(artist, track)));
        let album = |key: &usize| {
            let per_artist = TRACKS / TRACKS_PER_ALBUM;
            names::album(key / per_artist, key % per_artist * TRACKS_PER_ALBUM)
        };
        let members = crowd.shards[shard].iter().map(|member| member.account.as_str());
        let rows = of.ts_ms.len();
        let columns: Vec<ArrayRef> = vec![
            by_code(of.member, StringArray::from_iter_values(members))?,
            Arc::new(TimestampMillisecondArray::from(of.ts_ms).with_timezone("UTC")),
            Arc::new(UInt32Array::from(of.ms_played)),
            by_code(of.artist, StringArray::from_iter_values(artists.iter().map(|key| &crowd.names[*key])))?,
            by_code(of.album, StringArray::from_iter_values(albums.iter().map(album)))?,
            by_code(of.track.clone(), StringArray::from_iter_values(titles))?,
            by_code(of.track, StringArray::from_iter_values(uris))?,
            coded(of.country.into(), StringArray::from_iter_values(COUNTRIES))?,
            by_code(vec![0; rows], StringArray::from_iter_values([Service::Spotify.as_str()]))?,
            by_code(of.started, StringArray::from_iter_values(Started::ALL.iter().map(|word| word.as_str())))?,
            by_code(of.ended, StringArray::from_iter_values(Ended::ALL.iter().map(|word| word.as_str())))?,
            Arc::new(BooleanArray::from(of.shuffle)),
        ];
        RecordBatch::try_new(plays_file::schema(), columns).map_err(Error::internal)
    }

    /// Draws the plays of one member.
    fn member(&mut self, code: i32, member: &Member) {
        let (crowd, of) = (self.crowd, &mut self.columns);
        let mut rng = StdRng::seed_from_u64(member.seed);
        let favourites: [usize; FAVOURITES] = std::array::from_fn(|_| crowd.artists.draw(&mut rng));
        let before = of.ts_ms.len();
        for _ in 0..member.plays {
            let day = rng.random_range(member.stay.clone());
            let second = crowd.hours.draw(&mut rng) as u32 * 3_600 + rng.random_range(0..3_600);
            of.ts_ms.push((FIRST_DAY_S + i64::from(day) * 86_400 + i64::from(second)) * 1_000);
        }
        of.ts_ms[before..].sort_unstable();
        for _ in 0..member.plays {
            let loyal = rng.random_bool(LOYALTY);
            let artist = if loyal { favourites[crowd.favourites.draw(&mut rng)] } else { crowd.artists.draw(&mut rng) };
            let track = crowd.tracks.draw(&mut rng);
            let skipped = rng.random_bool(SKIPS);
            of.member.push(code);
            of.ms_played.push(length_ms(&mut rng, skipped));
            of.artist.push(self.artists.code(artist));
            of.album.push(self.albums.code((artist * TRACKS + track) / TRACKS_PER_ALBUM));
            of.track.push(self.tracks.code(artist * TRACKS + track));
            // The rest is settled by one number: most things are as they always are.
            let chance: u32 = rng.random();
            of.country.push(country(chance & 0xff, member.home));
            of.started.push(started(chance >> 8 & 0x7f, loyal) as i32);
            of.ended.push(ended(chance >> 15 & 0x7f, skipped) as i32);
            of.shuffle.push(chance >> 22 & 1 == 1);
        }
    }
}

fn length_ms(rng: &mut StdRng, skipped: bool) -> u32 {
    let whole = (TRACK_MS * (TRACK_SPREAD * normal(rng)).exp()).min(LONGEST_MS);
    (if skipped { whole.min(exponential(rng, SKIP_MEAN_MS)) } else { whole }) as u32
}

/// One play in 64 is heard abroad, one in 128 nobody knows where. `chance` is below 256.
fn country(chance: u32, home: usize) -> Option<i32> {
    match chance {
        0 | 1 => None,
        2..=5 => Some(((home + chance as usize) % COUNTRIES.len()) as i32),
        _ => Some(home as i32),
    }
}

/// `chance` is below 128.
fn started(chance: u32, loyal: bool) -> Started {
    match chance {
        0..=3 => Started::Other,
        4 => Started::Unknown,
        // Favourites are asked for more often than they come by themselves.
        _ if loyal && chance < 90 => Started::Chosen,
        _ => Started::Followed,
    }
}

/// `chance` is below 128.
fn ended(chance: u32, skipped: bool) -> Ended {
    match chance {
        _ if skipped => Ended::Skipped,
        0..=6 => Ended::Other,
        7 => Ended::Unknown,
        _ => Ended::Finished,
    }
}

/// A text column by codes and words.
fn coded(codes: Int32Array, words: StringArray) -> Result<ArrayRef> {
    Ok(Arc::new(DictionaryArray::<Int32Type>::try_new(codes, Arc::new(words)).map_err(Error::internal)?))
}

/// The words of one column that a shard uses, numbered in the order of their first use.
struct Words {
    /// By key: the code plus one, 0 for a word not used yet.
    codes: Vec<i32>,
    used: Vec<usize>,
}

impl Words {
    fn new(keys: usize) -> Self {
        Words { codes: vec![0; keys], used: Vec::new() }
    }

    fn code(&mut self, key: usize) -> i32 {
        if self.codes[key] == 0 {
            self.used.push(key);
            self.codes[key] = self.used.len() as i32;
        }
        self.codes[key] - 1
    }

    /// The keys used, by code; none is used any more.
    fn take(&mut self) -> Vec<usize> {
        let used = std::mem::take(&mut self.used);
        used.iter().for_each(|key| self.codes[*key] = 0);
        used
    }
}
