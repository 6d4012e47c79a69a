//! What was read of an upload, what was kept, and why the rest was not.

use super::play::{Play, Service, words};
use crate::clock::UtcTime;
use crate::money::{counted, grouped};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashSet};
use std::fmt;

words! {
    /// What kind of export a history came from.
    SourceKind {
        /// Spotify's "Extended streaming history": every play ever, to the second.
        SpotifyExtended = "spotify_extended",
        /// Spotify's "Account data": the last twelve months, to the minute, without track ids.
        SpotifyAccount = "spotify_account",
    }
}

words! {
    /// Why a row was not kept.
    Reason {
        /// Heard in a private session.
        PrivateSession = "private_session",
        /// An episode of a podcast.
        Podcast = "podcast",
        /// An episode of a podcast with a picture.
        PodcastVideo = "podcast_video",
        /// A chapter of an audiobook.
        Audiobook = "audiobook",
        /// The service itself writes "Unknown Artist".
        UnknownArtist = "unknown_artist",
        /// No artist or no title.
        MissingNames = "missing_names",
        /// Not a row of a listening history, or a value of the wrong type.
        Malformed = "malformed",
        /// Dated before 2006, when the service did not exist.
        ImplausibleTime = "implausible_time",
        /// Dated more than a day after the moment of reading.
        InTheFuture = "in_the_future",
        /// A negative length, or one beyond a day.
        ImplausibleLength = "implausible_length",
        /// The same play once more.
        Duplicate = "duplicate",
        /// Account data about a period that the extended history beside it covers.
        CoveredByExtended = "covered_by_extended",
    }
}

impl Reason {
    /// The reason as people say it after a number: `39 episodes of podcasts`.
    pub const fn in_words(self, count: u64) -> &'static str {
        match (self, count) {
            (Reason::Podcast, 1) => "episode of a podcast",
            (Reason::PodcastVideo, 1) => "episode of a podcast with a picture",
            (Reason::Audiobook, 1) => "chapter of an audiobook",
            (Reason::Malformed, 1) => "not a row of a listening history",
            (reason, _) => reason.of_several(),
        }
    }

    const fn of_several(self) -> &'static str {
        match self {
            Reason::PrivateSession => "heard in a private session",
            Reason::Podcast => "episodes of podcasts",
            Reason::PodcastVideo => "episodes of podcasts with a picture",
            Reason::Audiobook => "chapters of audiobooks",
            Reason::UnknownArtist => "by an unknown artist",
            Reason::MissingNames => "without an artist or a title",
            Reason::Malformed => "not rows of a listening history",
            Reason::ImplausibleTime => "dated before 2006",
            Reason::InTheFuture => "dated in the future",
            Reason::ImplausibleLength => "of an impossible length",
            Reason::Duplicate => "there twice",
            Reason::CoveredByExtended => "in the extended history already",
        }
    }
}

/// What was read: `kept` and the counts in `dropped` add up to `rows`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Report {
    /// The service that the plays come from.
    pub service: Service,
    /// The kind of export; the extended history where an archive holds both.
    pub source_kind: SourceKind,
    /// History files read.
    pub files: u32,
    /// Rows in these files.
    pub rows: u64,
    /// Plays kept.
    pub kept: u64,
    /// Rows not kept, by reason.
    pub dropped: BTreeMap<Reason, u64>,
    /// How many of them said again what another row says.
    pub duplicates: u64,
    /// The end of the first play kept.
    pub from: Option<UtcTime>,
    /// The end of the last play kept.
    pub to: Option<UtcTime>,
    /// Different artists among the plays kept.
    pub artists: u64,
    /// How many of the plays kept were new; the others had come with an earlier history of this member.
    /// Missing where the history is not among the member's plays.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub added: Option<u64>,
}

/// The part of a report that `refrain import --json` prints.
#[derive(Debug, Serialize)]
pub struct Summary<'a> {
    rows: u64,
    kept: u64,
    dropped: &'a BTreeMap<Reason, u64>,
    from: Option<UtcTime>,
    to: Option<UtcTime>,
    artists: u64,
    source_kind: SourceKind,
}

impl Report {
    /// Counts up plays that are sorted by time.
    pub(super) fn new(source_kind: SourceKind, files: u32, plays: &[Play], dropped: BTreeMap<Reason, u64>) -> Self {
        let kept = plays.len() as u64;
        let mut artists = HashSet::new();
        // One by one: collecting makes room for as many artists as there are plays, which is slower to fill.
        for play in plays {
            artists.insert(play.artist.as_str());
        }
        Report {
            service: Service::Spotify,
            source_kind,
            files,
            rows: kept + dropped.values().sum::<u64>(),
            kept,
            duplicates: dropped.get(&Reason::Duplicate).copied().unwrap_or(0),
            dropped,
            from: plays.first().map(|p| p.ts),
            to: plays.last().map(|p| p.ts),
            artists: artists.len() as u64,
            added: None,
        }
    }

    /// What the command line prints as JSON.
    pub fn summary(&self) -> Summary<'_> {
        Summary {
            rows: self.rows,
            kept: self.kept,
            dropped: &self.dropped,
            from: self.from,
            to: self.to,
            artists: self.artists,
            source_kind: self.source_kind,
        }
    }

    /// The dropped rows in one line, the most frequent reason first: `12 episodes of podcasts, 3 there twice`.
    pub fn dropped_in_words(&self) -> String {
        let mut counts: Vec<(&Reason, &u64)> = self.dropped.iter().collect();
        counts.sort_by_key(|(reason, count)| (std::cmp::Reverse(**count), **reason));
        let parts: Vec<String> = counts.iter().map(|(r, n)| format!("{} {}", number(**n), r.in_words(**n))).collect();
        parts.join(", ")
    }
}

fn number(count: u64) -> String {
    grouped(signed(count))
}

fn signed(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self.source_kind {
            SourceKind::SpotifyExtended => "Spotify, extended streaming history",
            SourceKind::SpotifyAccount => "Spotify, account data",
        };
        writeln!(f, "{kind}: {} with {}.", counted(self.files.into(), "files"), counted(signed(self.rows), "rows"))?;
        write!(f, "Kept: {} by {}", counted(signed(self.kept), "plays"), counted(signed(self.artists), "artists"))?;
        if let (Some(from), Some(to)) = (self.from, self.to) {
            write!(f, ", from {} to {}", from.calendar().date_naive(), to.calendar().date_naive())?;
        }
        write!(f, ".")?;
        if !self.dropped.is_empty() {
            write!(f, "\nDropped: {}.", self.dropped_in_words())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_reads_well_and_the_summary_has_just_its_fields() {
        let dropped = BTreeMap::from([(Reason::Podcast, 2), (Reason::PrivateSession, 1_950), (Reason::Audiobook, 1)]);
        let report = Report::new(SourceKind::SpotifyExtended, 1, &[], dropped);
        let words = "Spotify, extended streaming history: 1 file with 1,953 rows.\nKept: 0 plays by 0 artists.\n\
                     Dropped: 1,950 heard in a private session, 2 episodes of podcasts, 1 chapter of an audiobook.";
        assert_eq!(report.to_string(), words);
        let json = serde_json::to_value(report.summary()).unwrap();
        let mut names: Vec<&str> = json.as_object().unwrap().keys().map(String::as_str).collect();
        names.sort_unstable();
        assert_eq!(names, ["artists", "dropped", "from", "kept", "rows", "source_kind", "to"]);
        assert_eq!(json["dropped"]["private_session"], 1_950);
        assert_eq!(serde_json::from_str::<Report>(&serde_json::to_string(&report).unwrap()).unwrap(), report);
    }
}
