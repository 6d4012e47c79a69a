//! A listener's export in the shape of one year or another, with the rows that an intake must drop.

use super::archive::{EntryToWrite, Style, write};
use super::names;
use super::sheet::{Cell, Hand, Sheet};
use super::world::{Heard, Listener};
use crate::clock::UtcTime;
use Cell::{Flag, Null, Number, Text};

/// Which export a listener asked for, and when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// "Extended streaming history" as it is today.
    ExtendedNew,
    /// "Extended streaming history" until 2023: `endsong_0.json`, with more personal columns, unsorted.
    ExtendedOld,
    /// "Account data": a year, to the minute.
    Account,
}

/// What a row is about.
#[derive(Clone, Copy, PartialEq, Eq)]
enum About {
    Music,
    Private,
    Podcast,
    Audiobook,
    Nothing,
}

impl Listener<'_> {
    /// The export as the archive that a listener downloads: the histories, the folder's own entry in
    /// the middle and the manual at the end.
    pub fn zip(&self, shape: Shape) -> Vec<u8> {
        let (folder, manual) = match shape {
            Shape::ExtendedNew => ("Spotify Extended Streaming History/", "ReadMeFirst_ExtendedStreamingHistory.pdf"),
            Shape::ExtendedOld => ("MyData/", "ReadMeFirst_ExtendedStreamingHistory.pdf"),
            Shape::Account => ("Spotify Account Data/", "Read_Me_First.pdf"),
        };
        let files = self.files(shape);
        let mut entries: Vec<EntryToWrite> = files.iter().map(|(name, body)| EntryToWrite::new(name, body)).collect();
        entries.insert(1, EntryToWrite::new(folder, b"placeholder"));
        entries
            .push(EntryToWrite::new(&format!("{folder}{manual}"), b"%PDF-1.4\n% a manual in many languages\n%%EOF\n"));
        write(Style::Genuine, &entries)
    }

    /// The files of the export with their paths in the archive.
    pub fn files(&self, shape: Shape) -> Vec<(String, Vec<u8>)> {
        match shape {
            Shape::ExtendedNew => self.extended_files(shape, "Spotify Extended Streaming History"),
            Shape::ExtendedOld => self.extended_files(shape, "MyData"),
            Shape::Account => self.account_files(),
        }
    }

    fn extended_files(&self, shape: Shape, folder: &str) -> Vec<(String, Vec<u8>)> {
        let hand = if shape == Shape::ExtendedNew { Hand::Pretty } else { Hand::Compact };
        let (mut audio, mut video) = (Sheet::new(hand), Sheet::new(hand));
        let mut plays: Vec<(usize, &Heard)> = self.plays().iter().enumerate().collect();
        if shape == Shape::ExtendedOld {
            plays.sort_by_key(|(i, _)| i % 7);
        }
        for (i, play) in plays {
            // Now and then a music video, a private session, an episode, a row there twice.
            self.extended_row(if i % 40 == 11 { &mut video } else { &mut audio }, shape, play, About::Music);
            match i % 50 {
                3 => self.extended_row(&mut audio, shape, play, About::Music),
                7 => self.extended_row(&mut audio, shape, play, About::Private),
                13 => self.extended_row(&mut audio, shape, play, About::Podcast),
                17 => self.extended_row(&mut video, shape, play, About::Podcast),
                19 if shape == Shape::ExtendedNew => self.extended_row(&mut audio, shape, play, About::Audiobook),
                23 => self.extended_row(&mut audio, shape, play, About::Nothing),
                _ => {}
            }
        }
        let years = self.years();
        let names = match shape {
            Shape::ExtendedNew => {
                [format!("Streaming_History_Audio_{years}_0"), format!("Streaming_History_Video_{years}")]
            }
            _ => ["endsong_0".to_owned(), "endvideo".to_owned()],
        };
        names
            .into_iter()
            .zip([audio, video])
            .map(|(name, sheet)| (format!("{folder}/{name}.json"), sheet.finish()))
            .collect()
    }

    fn extended_row(&self, sheet: &mut Sheet, shape: Shape, play: &Heard, about: About) {
        let new = shape == Shape::ExtendedNew;
        let music = matches!(about, About::Music | About::Private);
        let (ts, artist) = (to_second(play.ts_s), self.world.artist_name(play.artist));
        let (track, album) = (names::track(play.artist, play.track), names::album(play.artist, play.track));
        let uri = names::track_uri(play.artist, play.track);
        let host = (self.index % 250 + 1).to_string();
        let masked = if self.index.is_multiple_of(5) { "x" } else { host.as_str() };
        let (address, user) = (format!("203.0.113.{masked}"), format!("made-up-{}", self.index));
        let when = |is: bool, text| if is { Text(text) } else { Null };
        let (episode, book) = (about == About::Podcast, about == About::Audiobook);
        let mut cells = vec![("ts", Text(&ts))];
        if !new {
            cells.push(("username", Text(&user)));
        }
        cells.push(("platform", Text(if new { "android" } else { "Android OS 10 API 29 (Made, Up)" })));
        cells.extend([("ms_played", Number(play.ms_played.into())), ("conn_country", Text(play.country))]);
        cells.push((if new { "ip_addr" } else { "ip_addr_decrypted" }, Text(&address)));
        if !new {
            cells.push(("user_agent_decrypted", Text("unknown")));
        }
        cells.extend([
            ("master_metadata_track_name", when(music, &track)),
            ("master_metadata_album_artist_name", when(music, artist)),
            ("master_metadata_album_album_name", when(music, &album)),
            ("spotify_track_uri", when(music, &uri)),
            ("episode_name", when(episode, "Number Nine")),
            ("episode_show_name", when(episode, "People Who Do Not Exist")),
            ("spotify_episode_uri", when(episode, "spotify:episode:0000000000000000000000")),
        ]);
        if new {
            cells.extend([
                ("audiobook_title", when(book, "A Book of Nothing")),
                ("audiobook_uri", when(book, "spotify:show:0000000000000000000000")),
                ("audiobook_chapter_uri", when(book, "spotify:episode:1111111111111111111111")),
                ("audiobook_chapter_title", when(book, "Chapter 1")),
            ]);
        }
        let start_s = play.ts_s - i64::from(play.ms_played / 1_000);
        cells.extend([
            ("reason_start", Text(play.reason_start)),
            ("reason_end", Text(play.reason_end)),
            ("shuffle", Flag(play.shuffle)),
            ("skipped", if new { Flag(play.reason_end == "fwdbtn") } else { Null }),
            ("offline", Flag(false)),
            ("offline_timestamp", Number(if new { start_s } else { start_s * 1_000 })),
            ("incognito_mode", Flag(about == About::Private)),
        ]);
        sheet.row(&cells);
    }

    fn account_files(&self) -> Vec<(String, Vec<u8>)> {
        let (mut music, mut podcasts) = (Sheet::new(Hand::Spaced), Sheet::new(Hand::Spaced));
        for (i, play) in self.plays().iter().enumerate() {
            let (end, track) = (to_minute(play.ts_s), names::track(play.artist, play.track));
            let artist = self.world.artist_name(play.artist);
            let mut row = |artist, track| {
                let named = [("endTime", Text(&end)), ("artistName", Text(artist)), ("trackName", Text(track))];
                music.row(&[named.as_slice(), &[("msPlayed", Number(play.ms_played.into()))]].concat());
            };
            row(artist, &track);
            match i % 50 {
                3 => row(artist, &track),
                7 => row("Unknown Artist", "Unknown Track"),
                13 => podcasts.row(&[
                    ("endTime", Text(&end)),
                    ("podcastName", Text("People Who Do Not Exist")),
                    ("episodeName", Text("Number Nine")),
                    ("msPlayed", Number(play.ms_played.into())),
                ]),
                _ => {}
            }
        }
        let user = format!("{{\n  \"email\" : \"listener-{}@example.org\"\n}}", self.index);
        [
            ("StreamingHistory_music_0", music.finish()),
            ("StreamingHistory_podcast_0", podcasts.finish()),
            ("Userdata", user.into_bytes()),
        ]
        .map(|(name, body)| (format!("Spotify Account Data/{name}.json"), body))
        .to_vec()
    }

    /// The years of the plays as file names have them: `2026` or `2025-2026`.
    fn years(&self) -> String {
        let year = |play: Option<&Heard>| to_second(play.map_or(0, |p| p.ts_s))[..4].to_owned();
        let (first, last) = (year(self.plays().first()), year(self.plays().last()));
        if first == last { first } else { format!("{first}-{last}") }
    }
}

/// `2026-01-31T23:59:59Z`
fn to_second(ts_s: i64) -> String {
    UtcTime::from_unix_s(ts_s).map(|t| t.to_string()).unwrap_or_default()
}

/// `2026-01-31 23:59`
fn to_minute(ts_s: i64) -> String {
    to_second(ts_s).replace('T', " ").get(..16).unwrap_or_default().to_owned()
}
