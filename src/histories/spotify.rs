//! Spotify's exports: the "Extended streaming history" in all its shapes since 2019 and the
//! "Account data".
//!
//! Which files are histories is told by their names, and what a row is by its own keys: an archive is
//! full of other `*.json` (an address book, a yearly review), and people move files around.
//!
//! | files | since | rows |
//! |---|---|---|
//! | `endsong_0.json`, `endvideo.json` | 2019 | extended, `ts` and `ms_played`, older keys, unsorted |
//! | `Streaming_History_Audio_2021-2024_0.json`, `…_Video_…` | 2023 | extended, newer keys, sorted |
//! | `StreamingHistory0.json` | 2019 | account data, `endTime` and `msPlayed`, podcasts mixed in |
//! | `StreamingHistory_music_0.json`, `…_podcast_…`, `…_audiobook_…` | 2024 | account data by kind |
//!
//! The older shape differs in keys that are not read here (`username`, `ip_addr_decrypted`,
//! `user_agent_decrypted`), so one row type serves all.

use super::json::{Rows, Value, WrongType};
use super::play::{Ended, Play, Service, Started};
use super::report::Reason;
use super::window::{WINDOW_BYTES, look_through};
use crate::clock::UtcTime;
use crate::error::{Code, Error, Result};
use serde::Deserialize;
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::io::Read;

/// 2006-01-01, the year in which the service was founded.
const EARLIEST_S: i64 = 1_136_073_600;

/// Clocks of devices go wrong by hours, not by days.
const CLOCK_TOLERANCE_S: i64 = 86_400;

/// A single play of more than a day is nobody's. Genuine ones reach four and a half hours.
const LONGEST_MS: i64 = 86_400_000;

/// The keys that are read, of both exports at once. Whatever else a row holds is passed over undecoded.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Row<'a> {
    #[serde(borrow)]
    ts: Value<'a>,
    #[serde(borrow, rename = "endTime")]
    end_time: Value<'a>,
    #[serde(borrow, alias = "msPlayed")]
    ms_played: Value<'a>,
    #[serde(borrow)]
    conn_country: Value<'a>,
    #[serde(borrow, rename = "master_metadata_album_artist_name", alias = "artistName")]
    artist: Value<'a>,
    #[serde(borrow, rename = "master_metadata_track_name", alias = "trackName")]
    track: Value<'a>,
    #[serde(borrow, rename = "master_metadata_album_album_name")]
    album: Value<'a>,
    #[serde(borrow)]
    spotify_track_uri: Value<'a>,
    #[serde(borrow, alias = "episodeName")]
    episode_name: Value<'a>,
    #[serde(borrow, alias = "podcastName")]
    episode_show_name: Value<'a>,
    #[serde(borrow)]
    spotify_episode_uri: Value<'a>,
    #[serde(borrow, alias = "audiobookName")]
    audiobook_title: Value<'a>,
    #[serde(borrow)]
    audiobook_uri: Value<'a>,
    #[serde(borrow, alias = "chapterName")]
    audiobook_chapter_title: Value<'a>,
    #[serde(borrow)]
    audiobook_chapter_uri: Value<'a>,
    #[serde(borrow)]
    reason_start: Value<'a>,
    #[serde(borrow)]
    reason_end: Value<'a>,
    #[serde(borrow)]
    shuffle: Value<'a>,
    #[serde(borrow)]
    incognito_mode: Value<'a>,
}

/// Whether a file of this name is a listening history.
pub fn is_history(file_name: &str) -> bool {
    let name = file_name.to_ascii_lowercase();
    let beginnings = ["endsong", "endvideo", "streaming_history_audio", "streaming_history_video", "streaminghistory"];
    name.ends_with(".json") && beginnings.iter().any(|beginning| name.starts_with(beginning))
}

fn is_video(file_name: &str) -> bool {
    let name = file_name.to_ascii_lowercase();
    ["endvideo", "streaming_history_video", "streaminghistory_video"].iter().any(|start| name.starts_with(start))
}

/// Plays as they come out of the files, before they are compared with one another.
#[derive(Default)]
pub struct Found {
    /// Rows of extended histories.
    pub extended: Vec<Play>,
    /// Rows of account data.
    pub account: Vec<Play>,
    /// Rows that are not kept.
    pub dropped: BTreeMap<Reason, u64>,
    /// Rows of extended histories, kept or not: they tell the kind of the export.
    pub extended_rows: u64,
}

impl Found {
    /// All rows so far.
    pub fn rows(&self) -> u64 {
        (self.extended.len() + self.account.len()) as u64 + self.dropped.values().sum::<u64>()
    }

    /// Takes in what a further file gave. What the first one gave stays where it is.
    pub fn append(&mut self, mut file: Found) {
        if self.rows() == 0 {
            *self = file;
            return;
        }
        self.extended.append(&mut file.extended);
        self.account.append(&mut file.account);
        for (reason, count) in file.dropped {
            *self.dropped.entry(reason).or_default() += count;
        }
        self.extended_rows += file.extended_rows;
    }
}

/// Reads one history file. `now` tells what lies in the future. Returns the file's size in bytes.
///
/// # Errors
/// `unreadable-history` where the file is no JSON array, with its name, the byte and the line; and what `file` fails with.
pub fn read_file(file_name: &str, file: impl Read, now: UtcTime, found: &mut Found) -> Result<u64> {
    let video = is_video(file_name);
    let latest = now.plus_s(CLOCK_TOLERANCE_S);
    let mut rows = Rows::default();
    look_through(file, WINDOW_BYTES, |piece, last| {
        let done = rows.read(piece, last, |row: Option<Row<'_>>| {
            let extended = row.as_ref().is_some_and(|r| r.ts.is_something());
            found.extended_rows += u64::from(extended);
            match row.ok_or(Reason::Malformed).and_then(|row| judge(row, video, latest)) {
                Ok(play) if extended => found.extended.push(play),
                Ok(play) => found.account.push(play),
                Err(reason) => *found.dropped.entry(reason).or_default() += 1,
            }
        });
        done.map_err(|e| {
            let place = format!("byte {}, line {}", e.byte, e.line);
            let detail =
                format!("{file_name} cannot be read: {} ({place}). Send the file as it was in the export.", e.what);
            Error::new(Code::UnreadableHistory, detail)
        })
    })
}

/// A row becomes a play, or is dropped for the first reason that holds.
fn judge(row: Row<'_>, video: bool, latest: UtcTime) -> Result<Play, Reason> {
    // Before anything else, and in doubt for the listener: only a plain "no" is one.
    if row.incognito_mode.is_something() && row.incognito_mode != Value::Bool(false) {
        return Err(Reason::PrivateSession);
    }
    let (artist, track) = names(&row, video)?;
    let time = if row.ts.is_something() { row.ts } else { row.end_time };
    let ts = time.text()?.and_then(|text| instant(&text)).ok_or(Reason::Malformed)?;
    if ts.unix_s() < EARLIEST_S {
        return Err(Reason::ImplausibleTime);
    }
    if ts > latest {
        return Err(Reason::InTheFuture);
    }
    let ms_played = match row.ms_played {
        Value::Whole(ms @ 0..=LONGEST_MS) => ms as u32,
        Value::Whole(_) => return Err(Reason::ImplausibleLength),
        _ => return Err(Reason::Malformed),
    };
    Ok(Play {
        ts,
        ms_played,
        artist: artist.into_owned(),
        album: row.album.text()?.map(Cow::into_owned),
        track: track.into_owned(),
        track_uri: row.spotify_track_uri.text()?.filter(|uri| is_track_uri(uri)).map(Cow::into_owned),
        country: row.conn_country.text()?.filter(|code| is_country(code)).map(Cow::into_owned),
        service: Service::Spotify,
        started: Started::from_spotify(row.reason_start.text()?.as_deref()),
        ended: Ended::from_spotify(row.reason_end.text()?.as_deref()),
        shuffle: row.shuffle.flag()?,
    })
}

/// Artist and title of a music row. What has neither is told apart by the other keys it fills.
fn names<'a>(row: &Row<'a>, video: bool) -> Result<(Cow<'a, str>, Cow<'a, str>), Reason> {
    match (row.artist.clone().text()?, row.track.clone().text()?) {
        (Some(artist), _) if artist == "Unknown Artist" => Err(Reason::UnknownArtist),
        (Some(artist), Some(track)) => Ok((artist, track)),
        _ => {
            let episode = [&row.episode_name, &row.episode_show_name, &row.spotify_episode_uri];
            let book =
                [&row.audiobook_title, &row.audiobook_uri, &row.audiobook_chapter_title, &row.audiobook_chapter_uri];
            Err(if book.iter().any(|v| v.is_something()) {
                Reason::Audiobook
            } else if episode.iter().any(|v| v.is_something()) {
                if video { Reason::PodcastVideo } else { Reason::Podcast }
            } else if row.ts.is_something() || row.end_time.is_something() {
                Reason::MissingNames
            } else {
                Reason::Malformed
            })
        }
    }
}

impl From<WrongType> for Reason {
    fn from(_: WrongType) -> Self {
        Reason::Malformed
    }
}

fn is_track_uri(uri: &str) -> bool {
    uri.strip_prefix("spotify:track:").is_some_and(|id| id.len() == 22 && id.bytes().all(|b| b.is_ascii_alphanumeric()))
}

/// Two capitals; `ZZ` is how the service says that it does not know.
fn is_country(code: &str) -> bool {
    code.len() == 2 && code.bytes().all(|b| b.is_ascii_uppercase()) && code != "ZZ"
}

/// `2024-01-31T23:59:59Z` of the extended history, `2024-01-31 23:59` of the account data and, because
/// the service's own manual says so, `2024-01-31 23:59:59`. All UTC.
fn instant(text: &str) -> Option<UtcTime> {
    let b = text.as_bytes();
    let digits = |from: usize, to: usize| {
        b[from..to].iter().try_fold(0u32, |sum, d| d.is_ascii_digit().then(|| sum * 10 + u32::from(d - b'0')))
    };
    let second = match b.len() {
        20 if b[10] == b'T' && b[16] == b':' && b[19] == b'Z' => digits(17, 19)?,
        19 if b[10] == b' ' && b[16] == b':' => digits(17, 19)?,
        16 if b[10] == b' ' => 0,
        _ => return UtcTime::parse(text),
    };
    if b[4] != b'-' || b[7] != b'-' || b[13] != b':' {
        return None;
    }
    let day = chrono::NaiveDate::from_ymd_opt(digits(0, 4)? as i32, digits(5, 7)?, digits(8, 10)?)?;
    let time = day.and_hms_opt(digits(11, 13)?, digits(14, 16)?, second)?;
    UtcTime::from_unix_s(time.and_utc().timestamp())
}

#[cfg(test)]
mod tests;
