//! From an upload to plays and a report: archives, and for the command line folders and single files.

use super::checks;
use super::files::{self, FileRead};
use super::helpers::Helpers;
use super::play::{Play, drop_covered, sort_and_dedupe};
use super::report::{Reason, Report, SourceKind};
use super::spotify::{self, Found};
use super::zip::{self, Archive, Entry, Limits};
use crate::clock::UtcTime;
use crate::error::{Code, Error, Result};
use crate::text;
use std::fs::File;
use std::io::{Read, Seek};
use std::path::{Path, PathBuf};

/// How deep a folder is searched: exports have one level, people's own folders a few more.
const FOLDER_DEPTH: usize = 5;

/// Reads the archive of an export: its plays, sorted by time, each once, and the report.
///
/// Where the archive holds several requests, or both kinds of export, what they have in common is
/// kept once: rows with the same instant, track and length, and account data about a period that the
/// extended history covers.
///
/// # Errors
/// `not-a-zip`, `unsafe-archive`, `payload-too-large` for the archive; `unreadable-history` for a file
/// in it; `nothing-usable` where no play is left; `implausible-history` where [`checks::plausible`] says so.
pub fn read(
    source: impl Read + Seek + Send,
    limits: Limits,
    now: UtcTime,
    helpers: &Helpers,
) -> Result<(Vec<Play>, Report)> {
    let archive = Archive::open(source, limits)?;
    let histories: Vec<_> = archive.entries().iter().filter(|e| spotify::is_history(e.file_name())).collect();
    let read = |entry: &&Entry| {
        let mut found = Found::default();
        let bytes = archive.read(entry, |file| spotify::read_file(entry.file_name(), file, now, &mut found))?;
        Ok(FileRead { bytes, found })
    };
    let found = files::read_all(&histories, limits, helpers, read, |entry, room| zip::too_large(&entry.path, room))?;
    finish(found, histories.len())
}

/// Reads an archive, a folder with unpacked histories, or one history file of any name.
///
/// # Errors
/// As [`read`]; and `invalid` where there is nothing at `path` that can be opened.
pub fn read_path(path: &Path, limits: Limits, now: UtcTime, helpers: &Helpers) -> Result<(Vec<Play>, Report)> {
    let open = |path: &Path| {
        File::open(path).map_err(|e| Error::invalid(format!("{} cannot be opened: {e}.", path.display())))
    };
    let metadata = path.metadata().map_err(|e| Error::invalid(format!("{} cannot be opened: {e}.", path.display())))?;
    let paths = if metadata.is_dir() {
        let mut paths = Vec::new();
        search(path, FOLDER_DEPTH, limits.entries, &mut paths)?;
        paths.sort();
        paths
    } else if path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("json")) {
        vec![path.to_owned()]
    } else {
        return read(open(path)?, limits, now, helpers);
    };
    let too_large = |path: &PathBuf, room: u64| {
        let detail = format!("{} is larger than the {} that there is room for.", path.display(), text::size(room));
        Error::new(Code::PayloadTooLarge, detail)
    };
    let read = |path: &PathBuf| {
        let (file, room) = (open(path)?, limits.file_bytes.min(limits.total_bytes));
        if file.metadata()?.len() > room {
            return Err(too_large(path, room));
        }
        let name = path.file_name().map(|name| name.to_string_lossy()).unwrap_or_default();
        let mut found = Found::default();
        let bytes = spotify::read_file(&name, file.take(room), now, &mut found)?;
        Ok(FileRead { bytes, found })
    };
    let found = files::read_all(&paths, limits, helpers, read, too_large)?;
    finish(found, paths.len())
}

/// The histories in a folder and the folders in it; links are not followed.
fn search(folder: &Path, depth: usize, most: usize, files: &mut Vec<PathBuf>) -> Result<()> {
    for entry in folder.read_dir()? {
        let entry = entry?;
        let (kind, name) = (entry.file_type()?, entry.file_name());
        if kind.is_dir() && depth > 0 {
            search(&entry.path(), depth - 1, most, files)?;
        } else if kind.is_file() && spotify::is_history(&name.to_string_lossy()) {
            if files.len() == most {
                return Err(Error::new(Code::PayloadTooLarge, format!("The folder holds more than {most} histories.")));
            }
            files.push(entry.path());
        }
    }
    Ok(())
}

/// Compares what the files gave with one another and counts it up.
fn finish(found: Found, files: usize) -> Result<(Vec<Play>, Report)> {
    let Found { extended: mut plays, mut account, mut dropped, extended_rows } = found;
    let duplicates = sort_and_dedupe(&mut plays) + sort_and_dedupe(&mut account);
    let covered = drop_covered(&mut account, &plays);
    plays.append(&mut account);
    plays.sort_by_key(|p| p.ts);
    for (reason, count) in [(Reason::Duplicate, duplicates), (Reason::CoveredByExtended, covered)] {
        if count > 0 {
            dropped.insert(reason, count);
        }
    }
    let kind = if extended_rows > 0 { SourceKind::SpotifyExtended } else { SourceKind::SpotifyAccount };
    let report = Report::new(kind, u32::try_from(files).unwrap_or(u32::MAX), &plays, dropped);
    checks::plausible(&plays, &report)?;
    if plays.is_empty() {
        return Err(Error::new(Code::NothingUsable, nothing_usable(&report)));
    }
    Ok((plays, report))
}

fn nothing_usable(report: &Report) -> String {
    if report.files == 0 {
        return "No listening history was found. Spotify's begins with Streaming_History_Audio_, endsong or \
                StreamingHistory and ends in .json; send the archive as you downloaded it."
            .to_owned();
    }
    if report.rows == 0 {
        return "The history is empty: it holds no rows.".to_owned();
    }
    let rows =
        if report.rows == 1 { "The one row is no".into() } else { format!("None of the {} rows is a", report.rows) };
    format!("{rows} play that is kept: {}.", report.dropped_in_words())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::histories::made_up::archive::{EntryToWrite, Style, write};
    use crate::histories::made_up::{Shape, World, broken};
    use crate::histories::plays_file;
    use std::io::Cursor;

    fn world() -> World {
        World::small(11, UtcTime::parse("2026-11-23T00:00:00Z").unwrap())
    }

    fn import(zip: Vec<u8>) -> Result<(Vec<Play>, Report)> {
        read(Cursor::new(zip), Limits::default(), world().now(), &Helpers::new(1))
    }

    fn archive(style: Style, files: &[(String, Vec<u8>)]) -> Vec<u8> {
        let entries: Vec<EntryToWrite> = files.iter().map(|(name, body)| EntryToWrite::new(name, body)).collect();
        write(style, &entries)
    }

    #[test]
    fn every_shape_gives_the_listeners_plays() {
        let world = world();
        for index in 0..6 {
            let listener = world.listener(index);
            for shape in [Shape::ExtendedNew, Shape::ExtendedOld, Shape::Account] {
                let (plays, report) = import(listener.zip(shape)).unwrap();
                assert_eq!(plays.len() as u64, report.kept);
                assert_eq!(report.kept, listener.plays().len() as u64, "{shape:?}");
                assert_eq!(report.kept + report.dropped.values().sum::<u64>(), report.rows);
                assert!(report.rows > report.kept, "a made-up export has rows to drop, too");
                assert_eq!(report.from, plays.first().map(|p| p.ts));
                assert!(plays.is_sorted_by_key(|p| p.ts));
                let kind =
                    if shape == Shape::Account { SourceKind::SpotifyAccount } else { SourceKind::SpotifyExtended };
                assert_eq!(report.source_kind, kind);
            }
        }
    }

    #[test]
    fn the_layout_of_the_archive_changes_nothing() {
        let world = world();
        let listener = world.listener(1);
        let (plays, _) = import(listener.zip(Shape::ExtendedNew)).unwrap();
        let mut files = listener.files(Shape::ExtendedNew);
        files.reverse();
        let moved: Vec<_> =
            files.iter().map(|(name, body)| (name.replace("Spotify", "my/own"), body.clone())).collect();
        assert_eq!(import(archive(Style::Windows, &moved)).unwrap().0, plays);
        let twice = [files.clone(), files.iter().map(|(n, b)| (format!("again/{n}"), b.clone())).collect()].concat();
        let (same, report) = import(archive(Style::Genuine, &twice)).unwrap();
        assert_eq!(same, plays, "two overlapping requests are one history");
        assert!(report.duplicates >= report.kept);
        assert_eq!(report.kept + report.dropped.values().sum::<u64>(), report.rows);
    }

    #[test]
    fn account_data_gives_way_to_the_extended_history_beside_it() {
        let world = world();
        let listener = world.listener(2);
        let (plays, _) = import(listener.zip(Shape::ExtendedNew)).unwrap();
        let both = [listener.files(Shape::ExtendedNew), listener.files(Shape::Account)].concat();
        let (same, report) = import(archive(Style::Genuine, &both)).unwrap();
        assert_eq!(same, plays);
        assert!(report.dropped[&Reason::CoveredByExtended] > 0);
        assert_eq!(report.kept + report.dropped.values().sum::<u64>(), report.rows);
        assert_eq!(report.source_kind, SourceKind::SpotifyExtended);
    }

    #[test]
    fn other_json_files_in_the_archive_are_left_alone() {
        let mut files = world().listener(3).files(Shape::Account);
        let kept = import(archive(Style::Genuine, &files)).unwrap().1.kept;
        for name in ["UserAddress.json", "Wrapped2024.json", "Playlist1.json", "Identifiers.json"] {
            files.push((format!("Spotify Account Data/{name}"), b"{\"not\": \"a history\"} {".to_vec()));
        }
        assert_eq!(import(archive(Style::Genuine, &files)).unwrap().1.kept, kept);
        let others = archive(Style::Genuine, &files[files.len() - 4..]);
        assert_eq!(import(others).unwrap_err().code(), Code::NothingUsable);
    }

    #[test]
    fn what_cannot_be_used_says_why() {
        let code = |json: &[u8]| import(broken::holding(json)).unwrap_err().code();
        assert_eq!(code(b"{\"ts\":1}"), Code::UnreadableHistory);
        assert_eq!(code(b"[{\"ts\":\"2024-01-01T0"), Code::UnreadableHistory);
        assert_eq!(code(b"[]"), Code::NothingUsable);
        assert_eq!(code(b"[1, {}]"), Code::NothingUsable);
        let error = import(broken::holding(b"[\n{\"ts\": nope}]")).unwrap_err().to_string();
        assert!(error.contains("endsong_0.json") && error.contains("line 2"), "{error}");
        assert_eq!(import(b"PK".to_vec()).unwrap_err().code(), Code::NotAZip);
    }

    #[test]
    fn a_history_from_the_future_is_implausible_and_not_just_empty() {
        let world = world();
        let listener = world.listener(4);
        let early = UtcTime::parse("2010-01-01T00:00:00Z").unwrap();
        let error = read(Cursor::new(listener.zip(Shape::ExtendedNew)), Limits::default(), early, &Helpers::new(1))
            .unwrap_err();
        assert_eq!(error.code(), Code::ImplausibleHistory);
    }

    #[test]
    fn a_folder_and_a_single_file_are_read_like_the_archive() {
        let (world, limits, helpers) = (world(), Limits::default(), Helpers::new(1));
        let listener = world.listener(5);
        let (plays, _) = import(listener.zip(Shape::Account)).unwrap();
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("inside")).unwrap();
        for (name, body) in listener.files(Shape::Account) {
            let name = name.rsplit('/').next().unwrap().to_owned();
            std::fs::write(folder.path().join("inside").join(name), body).unwrap();
        }
        assert_eq!(read_path(folder.path(), limits, world.now(), &helpers).unwrap().0, plays);
        let zip = folder.path().join("my_spotify_data.zip");
        std::fs::write(&zip, listener.zip(Shape::Account)).unwrap();
        assert_eq!(read_path(&zip, limits, world.now(), &helpers).unwrap().0, plays);
        let single = folder.path().join("renamed.JSON");
        std::fs::copy(folder.path().join("inside/StreamingHistory_music_0.json"), &single).unwrap();
        assert_eq!(read_path(&single, limits, world.now(), &helpers).unwrap().0, plays);
        let missing = read_path(&folder.path().join("nowhere.zip"), limits, world.now(), &helpers);
        assert_eq!(missing.unwrap_err().code(), Code::Invalid);
        for small in
            [Limits { file_bytes: 10, ..limits }, Limits { total_bytes: 10, ..limits }, Limits { rows: 10, ..limits }]
        {
            assert_eq!(read_path(&single, small, world.now(), &helpers).unwrap_err().code(), Code::PayloadTooLarge);
            assert_eq!(
                read_path(folder.path(), small, world.now(), &helpers).unwrap_err().code(),
                Code::PayloadTooLarge
            );
        }
        let error = read_path(&zip, Limits { rows: 10, ..limits }, world.now(), &helpers).unwrap_err();
        assert_eq!(error.code(), Code::PayloadTooLarge);
    }

    /// A big export: the histories of several listeners, as if one had asked for them again and again.
    fn many_files() -> Vec<(String, Vec<u8>)> {
        let world = World::new(11, world().now(), 200..=400);
        let shapes = [Shape::ExtendedNew, Shape::Account, Shape::ExtendedOld, Shape::ExtendedNew];
        let of = |(index, shape): (usize, &Shape)| {
            let mut files = world.listener(index as u64).files(*shape);
            files.retain(|(path, _)| spotify::is_history(path.rsplit('/').next().unwrap_or(path)));
            files.into_iter().map(move |(name, body)| (format!("{index}/{name}"), body))
        };
        shapes.iter().enumerate().flat_map(of).collect()
    }

    #[test]
    fn the_number_of_threads_changes_nothing() {
        let zip = archive(Style::Genuine, &many_files());
        let read = |threads| {
            let helpers = Helpers::new(threads);
            let (plays, report) = read(Cursor::new(zip.clone()), Limits::default(), world().now(), &helpers).unwrap();
            let bytes = plays_file::write("mship_1", &plays, &helpers).unwrap();
            (plays, report, bytes)
        };
        let alone = read(0);
        assert!(alone.1.files > 4);
        for threads in [1, 1, 1, 2, 3, 3] {
            assert!(read(threads) == alone, "{threads} helpers");
        }
    }

    #[test]
    fn a_broken_file_among_good_ones_is_named_whoever_reads_it() {
        let mut files = many_files();
        let (first, second) = (1, files.len() - 1);
        files[second].1 = b"[{\"ts\": \"2024".to_vec();
        let refusals = |files: &[(String, Vec<u8>)], limits: Limits| {
            let zip = archive(Style::Genuine, files);
            let refusal = |threads| {
                let outcome = read(Cursor::new(zip.clone()), limits, world().now(), &Helpers::new(threads));
                outcome.map(|(plays, _)| plays.len()).unwrap_err().to_string()
            };
            let alone = refusal(0);
            for threads in [1, 1, 1, 2, 3, 3] {
                assert_eq!(refusal(threads), alone, "{threads} helpers");
            }
            alone
        };
        let name = |path: &str| path.rsplit('/').next().unwrap().to_owned();
        let words = refusals(&files, Limits::default());
        assert!(words.contains(&name(&files[second].0)) && words.contains("byte 13, line 1"), "{words}");
        files[first].1 = b"[\n1,\n2,\n{]".to_vec();
        let words = refusals(&files, Limits::default());
        assert!(words.contains(&name(&files[first].0)) && words.contains("byte 9, line 4"), "{words}");
        let less = files[0].1.len() as u64 - 1;
        let words = refusals(&files, Limits { total_bytes: less, ..Limits::default() });
        assert!(words.contains(&files[0].0) && words.contains("room for"), "{words}");
    }

    #[test]
    fn all_histories_together_are_held_to_the_limits() {
        let files = many_files();
        let total: u64 = files.iter().map(|(_, body)| body.len() as u64).sum();
        let zip = archive(Style::Genuine, &files);
        let read =
            |limits| read(Cursor::new(zip.clone()), limits, world().now(), &Helpers::new(1)).map(|(_, report)| report);
        let limits = Limits::default();
        let rows = read(Limits { total_bytes: total, ..limits }).unwrap().rows;
        let last = files.iter().map(|(path, _)| path).max().unwrap();
        let words = read(Limits { total_bytes: total - 1, ..limits }).unwrap_err().to_string();
        assert!(words.contains(last.as_str()) && words.contains("room for"), "{words}");
        assert!(read(Limits { rows, ..limits }).is_ok());
        assert_eq!(read(Limits { rows: rows - 1, ..limits }).unwrap_err().code(), Code::PayloadTooLarge);
    }
}
