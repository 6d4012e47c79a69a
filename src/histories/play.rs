//! One listening event, reduced at the door to the few columns that the pool keeps.

use crate::clock::UtcTime;
use crate::error::{Error, Result};
use std::cmp::Ordering;

/// One listening event. Everything else that an export says (user names, addresses, devices) is
/// never even decoded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Play {
    /// When the play ended, UTC. Seconds are the finest that services export; account data has minutes.
    pub ts: UtcTime,
    /// How long it was heard, in milliseconds.
    pub ms_played: u32,
    /// The album artist, spelled as the service spells it: folding case would merge different artists.
    pub artist: String,
    /// The album, where the export names it.
    pub album: Option<String>,
    /// The track's title.
    pub track: String,
    /// `spotify:track:` and 22 characters, where the export has it.
    pub track_uri: Option<String>,
    /// ISO 3166-1 alpha-2 code of the country listened from; `None` where the service did not know.
    pub country: Option<String>,
    /// The service that exported it.
    pub service: Service,
    /// How the play began.
    pub started: Started,
    /// How it ended.
    pub ended: Ended,
    /// Whether shuffle was on, where the export says so.
    pub shuffle: Option<bool>,
}

/// Declares a small set of named values that are written as short texts. A word is a token tree and not a `literal`: only
/// so do the derives see what it says.
macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $word:tt,)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[derive(serde::Serialize, serde::Deserialize, utoipa::ToSchema)]
        pub enum $name { $($(#[$variant_doc])* #[serde(rename = $word)] $variant),* }

        impl $name {
            /// Every value, in the order declared.
            pub const ALL: &'static [$name] = &[$($name::$variant),*];

            /// The word that files and documents carry.
            pub const fn as_str(self) -> &'static str { match self { $($name::$variant => $word),* } }

            /// The value behind a word.
            pub fn parse(word: &str) -> Option<Self> { match word { $($word => Some($name::$variant),)* _ => None } }
        }
    };
}
pub(super) use words;

words! {
    /// A music service whose exports are read.
    Service {
        /// Spotify.
        Spotify = "spotify",
    }
}

words! {
    /// How a play began.
    ///
    /// | value | Spotify's `reason_start` |
    /// |---|---|
    /// | chosen | `clickrow`, `clickside`, `playbtn`, `backbtn`, `uriopen`, `popup`: the listener asked for this track |
    /// | followed | `trackdone`, `fwdbtn`: it was next in line |
    /// | unknown | `unknown`, the empty text, nothing |
    /// | other | everything else: `appload`, `remote`, `trackerror` and what may come |
    Started {
        /// The listener asked for this very track.
        Chosen = "chosen",
        /// It was next in line.
        Followed = "followed",
        /// Something else, such as another device taking over.
        Other = "other",
        /// The export does not say.
        Unknown = "unknown",
    }
}

words! {
    /// How a play ended.
    ///
    /// | value | Spotify's `reason_end` |
    /// |---|---|
    /// | finished | `trackdone` |
    /// | skipped | `fwdbtn`, `backbtn`, `clickrow`, `clickside`, `playbtn`, `uriopen`, `popup`: the listener went elsewhere |
    /// | unknown | `unknown`, the empty text, nothing |
    /// | other | everything else: `endplay`, `logout`, `remote`, `appload`, `trackerror`, `unexpected-exit…` and what may come |
    ///
    /// Spotify's own `skipped` is not used: exports hold nothing or a wrong `false` there for years on end.
    Ended {
        /// Heard to its end.
        Finished = "finished",
        /// Left by the listener for another track.
        Skipped = "skipped",
        /// Something else, such as the program closing.
        Other = "other",
        /// The export does not say.
        Unknown = "unknown",
    }
}

impl Started {
    /// From Spotify's `reason_start`.
    pub fn from_spotify(reason: Option<&str>) -> Self {
        match reason.unwrap_or("") {
            "clickrow" | "clickside" | "playbtn" | "backbtn" | "uriopen" | "popup" => Started::Chosen,
            "trackdone" | "fwdbtn" => Started::Followed,
            "" | "unknown" => Started::Unknown,
            _ => Started::Other,
        }
    }
}

impl Ended {
    /// From Spotify's `reason_end`.
    pub fn from_spotify(reason: Option<&str>) -> Self {
        match reason.unwrap_or("") {
            "trackdone" => Ended::Finished,
            "fwdbtn" | "backbtn" | "clickrow" | "clickside" | "playbtn" | "uriopen" | "popup" => Ended::Skipped,
            "" | "unknown" => Ended::Unknown,
            _ => Ended::Other,
        }
    }
}

impl Play {
    /// What makes two rows the same play: the instant, the track (by its URI, else by artist and
    /// title) and the length. Not the instant alone: two tracks may end in the same second.
    pub fn key(&self) -> (UtcTime, u32, &str, &str) {
        match &self.track_uri {
            Some(uri) => (self.ts, self.ms_played, uri, ""),
            None => (self.ts, self.ms_played, &self.artist, &self.track),
        }
    }

    /// Whether this play has the coarse form of Spotify's account data: whole minutes, neither a
    /// track URI nor a country.
    pub fn is_coarse(&self) -> bool {
        self.track_uri.is_none() && self.country.is_none() && self.ts.unix_ms().rem_euclid(60_000) == 0
    }

    /// A total order that begins with the key, so that of several equal plays always the same one is kept.
    fn order(&self, other: &Self) -> Ordering {
        let rest = |p: &Self| (p.started, p.ended, p.shuffle, p.service);
        self.key()
            .cmp(&other.key())
            .then_with(|| (&self.artist, &self.track).cmp(&(&other.artist, &other.track)))
            .then_with(|| (&self.album, &self.country).cmp(&(&other.album, &other.country)))
            .then_with(|| rest(self).cmp(&rest(other)))
    }
}

/// Sorts plays by time and keeps equal ones once; returns how many went.
pub fn sort_and_dedupe(plays: &mut Vec<Play>) -> u64 {
    let before = plays.len();
    plays.sort_unstable_by(Play::order);
    plays.dedup_by(|later, kept| later.key() == kept.key());
    (before - plays.len()) as u64
}

/// Takes out the coarse plays inside the period that finer plays cover, ends included: they say the
/// same listening again, rounded. Returns how many went.
pub fn drop_covered(coarse: &mut Vec<Play>, fine: &[Play]) -> u64 {
    let (Some(from), Some(to)) = (fine.iter().map(|p| p.ts).min(), fine.iter().map(|p| p.ts).max()) else { return 0 };
    // The coarse form cuts the seconds off, so it may seem to lie before the first fine play.
    let from_minute_ms = from.unix_ms() - from.unix_ms().rem_euclid(60_000);
    let before = coarse.len();
    coarse.retain(|p| p.ts.unix_ms() < from_minute_ms || p.ts > to);
    (before - coarse.len()) as u64
}

/// The instant of a number of milliseconds in a file of our own.
pub(super) fn instant(ms: i64) -> Result<UtcTime> {
    UtcTime::from_unix_ms(ms).ok_or_else(|| Error::internal("a play is dated outside of the calendar"))
}

/// A play that nobody made, of an artist.
#[cfg(test)]
pub(super) fn some_play(ts: UtcTime, ms_played: u32, artist: &str) -> Play {
    Play {
        ts,
        ms_played,
        artist: artist.to_owned(),
        album: None,
        track: format!("a track of {artist}"),
        track_uri: Some("spotify:track:0000000000000000000000".to_owned()),
        country: Some("SE".to_owned()),
        service: Service::Spotify,
        started: Started::Chosen,
        ended: Ended::Finished,
        shuffle: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_become_a_few_plain_values() {
        assert_eq!(Started::from_spotify(Some("clickrow")), Started::Chosen);
        assert_eq!(Started::from_spotify(Some("trackdone")), Started::Followed);
        assert_eq!(Started::from_spotify(Some("appload")), Started::Other);
        for nothing in [None, Some(""), Some("unknown")] {
            assert_eq!(Started::from_spotify(nothing), Started::Unknown);
            assert_eq!(Ended::from_spotify(nothing), Ended::Unknown);
        }
        assert_eq!(Ended::from_spotify(Some("trackdone")), Ended::Finished);
        assert_eq!(Ended::from_spotify(Some("fwdbtn")), Ended::Skipped);
        assert_eq!(Ended::from_spotify(Some("unexpected-exit-while-paused")), Ended::Other);
    }

    #[test]
    fn words_are_read_back() {
        for value in Started::ALL {
            assert_eq!(Started::parse(value.as_str()), Some(*value));
        }
        assert_eq!(Ended::parse("elsewhere"), None);
    }
}
