//! A careful reader for the archives that people upload.
//!
//! Only the central directory is believed, because genuine exports have no sizes in their local
//! headers (flags 0x808), and only entries that somebody asks for are ever inflated, piece by piece and
//! under limits. Nothing is written anywhere. What an archive says about itself is checked against
//! what comes out: the declared sizes alone bound nothing.
//!
//! What is refused and what is let pass was chosen by looking at genuine exports: a directory entry
//! that is not the first one and carries eleven deflated bytes is normal there, and so is a ratio of
//! 14, with 26 and more in made-up data.

use crate::error::{Code, Error, Result};
use crate::text;
use ::zip::ZipArchive;
use ::zip::result::ZipError;
use std::io::{ErrorKind, Read, Seek, SeekFrom};
use streams::{Inflating, Problem, Shared};

mod streams;

/// How much an archive may hold. All sizes are of inflated bytes.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Entries, directories included.
    pub entries: usize,
    /// Bytes of one entry.
    pub file_bytes: u64,
    /// Bytes of all histories together.
    pub total_bytes: u64,
    /// Rows of all histories together.
    pub rows: u64,
    /// Inflated bytes for one deflated byte. Entries under 1 MiB are not held to it.
    pub ratio: u64,
}

/// Up to here the ratio of an entry does not matter: it cannot hurt.
const SMALL_BYTES: u64 = 1 << 20;

impl Default for Limits {
    /// Room for four times the heaviest genuine export known (227,000 rows, 155 MB in files of 12.8 MB).
    fn default() -> Self {
        Limits { entries: 500, file_bytes: 64 << 20, total_bytes: 640 << 20, rows: 1_000_000, ratio: 200 }
    }
}

/// One entry worth a look: a file, not a directory, and none of a macOS archive's shadows.
#[derive(Debug, Clone)]
pub struct Entry {
    /// The path inside the archive, with `/` between the parts.
    pub path: String,
    index: usize,
}

impl Entry {
    /// The last part of the path.
    pub fn file_name(&self) -> &str {
        self.path.rsplit('/').next().unwrap_or(&self.path)
    }
}

/// An opened archive whose directory has passed every check.
pub struct Archive<R> {
    archive: ZipArchive<Shared<R>>,
    entries: Vec<Entry>,
    limits: Limits,
}

impl<R: Read + Seek> Archive<R> {
    /// Reads the directory and checks all of it, the entries that nobody will read included.
    ///
    /// # Errors
    /// `not-a-zip` where it cannot be read, `unsafe-archive` where it is built to do harm or holds
    /// another archive, `payload-too-large` where a declared size is beyond the limits.
    pub fn open(mut reader: R, limits: Limits) -> Result<Self> {
        refuse_crowds(&mut reader, limits.entries)?;
        let mut archive = ZipArchive::new(Shared::new(reader)).map_err(no_archive)?;
        if archive.len() > limits.entries {
            return Err(too_many(limits.entries));
        }
        if archive.has_duplicate_names() {
            return Err(refused("two entries have the same name"));
        }
        if archive.has_overlapping_entries().map_err(no_archive)? {
            return Err(refused("its entries overlap"));
        }
        let mut entries = Vec::new();
        for index in 0..archive.len() {
            let entry = archive.by_index_data(index).map_err(no_archive)?;
            let path = checked_path(&entry.name().map_err(|e| broken(e, "An entry's name"))?, entry.name_raw())?;
            if entry.encrypted() {
                return Err(refused(format!("{path:?} is protected by a password; send the archive as you got it")));
            }
            if entry.unix_mode().is_some_and(|mode| mode & 0o170_000 == 0o120_000) {
                return Err(refused(format!("{path:?} is a link and not a file")));
            }
            if ends_with(&path, ".zip") {
                return Err(refused(format!("{path:?} is an archive inside the archive; send that one alone")));
            }
            check_declared(&path, entry.size(), entry.compressed_size(), limits)?;
            if !entry.is_dir() && !path.ends_with('/') && !is_shadow(&path) {
                entries.push(Entry { path, index });
            }
        }
        entries.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(Archive { archive, entries, limits })
    }

    /// The files of the archive, by path.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// Inflates one entry for `take`. Several threads may do this at a time.
    ///
    /// # Errors
    /// `not-a-zip` where the entry is damaged or cut off, `payload-too-large` where more comes out than
    /// an entry may hold, `unsafe-archive` where it was packed too tightly; else what `take` fails with.
    pub fn read<T>(&self, entry: &Entry, take: impl FnOnce(&mut dyn Read) -> Result<T>) -> Result<T> {
        let mut archive = self.archive.clone();
        let file = archive.by_index(entry.index).map_err(|e| broken(e, &entry.path))?;
        let by_ratio = file.compressed_size().saturating_mul(self.limits.ratio).max(SMALL_BYTES);
        let room_bytes = self.limits.file_bytes.min(self.limits.total_bytes).min(by_ratio);
        let mut inflating = Inflating { file, left_bytes: room_bytes, problem: None };
        let taken = take(&mut inflating);
        // What is wrong with the archive goes before what somebody could not make of it: so read it to its end.
        if taken.is_err() && inflating.problem.is_none() {
            // A failure is noted where it happens.
            let _ = std::io::copy(&mut inflating, &mut std::io::sink());
        }
        match inflating.problem {
            None => taken,
            Some(Problem::TooMuch) if room_bytes == by_ratio => Err(packed_too_tightly(&entry.path)),
            Some(Problem::TooMuch) => Err(too_large(&entry.path, room_bytes)),
            Some(Problem::Broken(cause)) => Err(broken(ZipError::Io(cause), &entry.path)),
        }
    }
}

/// Looks at the end of the file before the directory is read: a directory of a million entries should
/// cost nobody the memory for it. Archives of more than 65,534 entries say 65,535 here.
fn refuse_crowds<R: Read + Seek>(reader: &mut R, entries: usize) -> Result<()> {
    let length = reader.seek(SeekFrom::End(0))?;
    reader.seek(SeekFrom::Start(length.saturating_sub(22 + 65_535)))?;
    let mut tail = Vec::new();
    reader.take(22 + 65_535).read_to_end(&mut tail)?;
    reader.seek(SeekFrom::Start(0))?;
    let crowded = |record: &[u8]| {
        record.starts_with(b"PK\x05\x06") && usize::from(u16::from_le_bytes([record[10], record[11]])) > entries
    };
    // Every record that a reader might settle on is asked, not only the last one.
    if tail.windows(22).any(crowded) { Err(too_many(entries)) } else { Ok(()) }
}

fn check_declared(path: &str, size: u64, compressed: u64, limits: Limits) -> Result<()> {
    if size > limits.file_bytes {
        return Err(too_large(path, limits.file_bytes));
    }
    if size > SMALL_BYTES && size / limits.ratio > compressed {
        return Err(packed_too_tightly(path));
    }
    Ok(())
}

/// Longer paths than any system writes would only swell the messages that name them.
const LONGEST_PATH_BYTES: usize = 1_000;

/// A path that could leave a folder is refused even though nothing is extracted here: no honest export
/// has one. Backslashes come from old Windows programs and count as separators.
fn checked_path(name: &str, raw: &[u8]) -> Result<String> {
    if name.chars().any(char::is_control) || raw.contains(&0) {
        return Err(refused("an entry's name holds control characters"));
    }
    if name.len() > LONGEST_PATH_BYTES {
        return Err(refused("an entry's name is longer than any export's"));
    }
    let path = name.replace('\\', "/");
    let drive = path.as_bytes().get(1) == Some(&b':') && path.as_bytes()[0].is_ascii_alphabetic();
    if path.is_empty() || path.starts_with('/') || drive || path.split('/').any(|part| part == "..") {
        return Err(refused(format!("the path {path:?} points out of the archive")));
    }
    Ok(path)
}

/// What macOS adds beside the files: `__MACOSX/…/._name`, and the folder's own notes.
fn is_shadow(path: &str) -> bool {
    path.starts_with("__MACOSX/") || path.rsplit('/').next().is_some_and(|name| name.starts_with("._"))
}

fn ends_with(path: &str, ending: &str) -> bool {
    path.len() >= ending.len()
        && path.is_char_boundary(path.len() - ending.len())
        && path[path.len() - ending.len()..].eq_ignore_ascii_case(ending)
}

fn refused(why: impl std::fmt::Display) -> Error {
    Error::new(Code::UnsafeArchive, format!("The archive was refused: {why}."))
}

fn too_many(entries: usize) -> Error {
    refused(format!("it has more than {entries} entries, and a genuine export has a few dozen"))
}

fn packed_too_tightly(path: &str) -> Error {
    refused(format!("{path:?} would inflate to far more than its packed size allows"))
}

/// Words for a file that is larger than there is room for.
pub fn too_large(path: &str, limit_bytes: u64) -> Error {
    Error::new(
        Code::PayloadTooLarge,
        format!("{path:?} inflates to more than the {} that there is room for.", text::size(limit_bytes)),
    )
}

/// Words for a failure of the archive; a failure of the disk under it stays one.
fn broken(cause: ZipError, what: &str) -> Error {
    let detail = match &cause {
        ZipError::Io(e) => match e.kind() {
            ErrorKind::UnexpectedEof | ErrorKind::InvalidData | ErrorKind::InvalidInput | ErrorKind::Other => {
                format!("{what} is damaged or cut off ({e}); download the export again and send it as it is.")
            }
            kind => return Error::from(std::io::Error::new(kind, cause)),
        },
        other => format!("{what} cannot be read ({other}); send the export as you downloaded it."),
    };
    Error::new(Code::NotAZip, detail)
}

/// The same for what does not even begin and end as an archive does.
fn no_archive(cause: ZipError) -> Error {
    match cause {
        ZipError::InvalidArchive(_) => Error::new(
            Code::NotAZip,
            "This is not a zip archive, or only a part of one. Send the archive that the service mailed you a link to, \
             whole and as you downloaded it (my_spotify_data.zip).",
        ),
        other => broken(other, "The archive"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::histories::made_up::archive::{EntryToWrite, Style, write};
    use crate::histories::made_up::broken as bad;
    use proptest::prelude::*;
    use std::io::Cursor;

    fn open(bytes: Vec<u8>) -> Result<Archive<Cursor<Vec<u8>>>> {
        Archive::open(Cursor::new(bytes), Limits::default())
    }

    fn inflated(archive: &Archive<Cursor<Vec<u8>>>, entry: &Entry) -> Result<Vec<u8>> {
        archive.read(entry, |file| {
            let mut bytes = Vec::new();
            file.read_to_end(&mut bytes)?;
            Ok(bytes)
        })
    }

    fn failure(bytes: Vec<u8>) -> Error {
        match open(bytes) {
            Err(error) => error,
            Ok(archive) => {
                let entry = archive.entries()[0].clone();
                inflated(&archive, &entry).map(|bytes| bytes.len()).expect_err("the archive should have been refused")
            }
        }
    }

    fn one(style: Style, name: &str, body: &[u8]) -> Vec<u8> {
        write(style, &[EntryToWrite::new(name, body)])
    }

    #[test]
    fn sizes_and_crc_only_in_the_central_directory_are_enough() {
        let bytes = one(Style::Genuine, "MyData/endsong_0.json", b"[]");
        assert_eq!(&bytes[6..8], &0x808u16.to_le_bytes(), "data descriptor and UTF-8");
        assert_eq!(&bytes[14..26], &[0; 12], "no CRC and no sizes in the local header");
        let archive = open(bytes).unwrap();
        let entry = archive.entries()[0].clone();
        assert_eq!(entry.file_name(), "endsong_0.json");
        assert_eq!(inflated(&archive, &entry).unwrap(), b"[]");
    }

    #[test]
    fn a_directory_entry_with_a_body_that_is_not_first_is_passed_over() {
        let entries = [EntryToWrite::new("MyData/a.json", b"[]"), EntryToWrite::new("MyData/", b"placeholder")];
        assert_eq!(open(write(Style::Genuine, &entries)).unwrap().entries().len(), 1);
    }

    #[test]
    fn archives_made_again_by_macos_have_shadows() {
        let entries =
            [EntryToWrite::new("d/a.json", b"[]"), EntryToWrite::new("__MACOSX/d/._a.json", b"\0\x05\x16\x07")];
        let archive = open(write(Style::Genuine, &entries)).unwrap();
        assert_eq!(archive.entries().iter().map(Entry::file_name).collect::<Vec<_>>(), ["a.json"]);
    }

    #[test]
    fn archives_made_again_by_windows_are_stored_with_extra_fields_and_backslashes() {
        let archive = open(one(Style::Windows, "my_spotify_data\\endsong_0.json", b"[ ]")).unwrap();
        let entry = archive.entries()[0].clone();
        assert_eq!(entry.path, "my_spotify_data/endsong_0.json");
        assert_eq!(inflated(&archive, &entry).unwrap(), b"[ ]");
    }

    #[test]
    fn a_ratio_above_thirty_is_fine() {
        let body = b"{\"ts\":\"2024-01-01T00:00:00Z\"},\n".repeat(100_000);
        let bytes = one(Style::Genuine, "endsong_0.json", &body);
        assert!(body.len() > 30 * bytes.len());
        let archive = open(bytes).unwrap();
        let entry = archive.entries()[0].clone();
        assert_eq!(inflated(&archive, &entry).unwrap().len(), body.len());
    }

    #[test]
    fn bombs_are_refused_whatever_size_they_declare() {
        assert_eq!(failure(bad::bomb(200 << 20, None)).code(), Code::PayloadTooLarge);
        assert_eq!(failure(bad::bomb(32 << 20, None)).code(), Code::UnsafeArchive, "the ratio alone");
        assert_eq!(failure(bad::bomb(200 << 20, Some(100))).code(), Code::NotAZip, "more comes out than declared");
        let tight = Limits { file_bytes: 1000, ..Limits::default() };
        let archive = Archive::open(Cursor::new(one(Style::Genuine, "a.json", &[b' '; 1000])), tight).unwrap();
        let entry = archive.entries()[0].clone();
        assert_eq!(inflated(&archive, &entry).unwrap().len(), 1000);
        let total = Limits { total_bytes: 999, ..Limits::default() };
        let archive = Archive::open(Cursor::new(one(Style::Genuine, "a.json", &[b' '; 1000])), total).unwrap();
        assert_eq!(inflated(&archive, &entry).unwrap_err().code(), Code::PayloadTooLarge);
    }

    #[test]
    fn tricks_with_names_and_entries_are_refused() {
        for name in ["../../x", "/etc/x", "C:\\x", "a\0b", "a/../../b", "..\\x", "inner.ZIP"] {
            assert_eq!(failure(one(Style::Genuine, name, b"x")).code(), Code::UnsafeArchive, "{name:?}");
        }
        let tricks = [
            bad::symlink(),
            bad::encrypted(),
            bad::twins(),
            bad::overlapping(),
            bad::crowded(501),
            bad::crowded(100_000),
        ];
        for (i, bytes) in tricks.into_iter().enumerate() {
            assert_eq!(failure(bytes).code(), Code::UnsafeArchive, "trick {i}");
        }
    }

    #[test]
    fn a_damaged_entry_is_told_whatever_its_reader_makes_of_it() {
        let outcome = |bytes: Vec<u8>| {
            let archive = open(bytes).unwrap();
            let refusal = archive.read(&archive.entries()[0], |_| Err::<(), _>(Error::invalid("I do not like it")));
            refusal.unwrap_err().code()
        };
        assert_eq!(outcome(bad::damaged()), Code::NotAZip);
        assert_eq!(outcome(bad::bomb(32 << 20, Some(100))), Code::NotAZip);
        assert_eq!(
            outcome(one(Style::Genuine, "endsong_0.json", b"[]")),
            Code::Invalid,
            "there is nothing wrong with it"
        );
    }

    #[test]
    fn half_an_archive_and_no_archive_are_told_apart_from_good_ones() {
        let whole = one(Style::Genuine, "endsong_0.json", b"[]");
        assert_eq!(failure(whole[..whole.len() / 2].to_vec()).code(), Code::NotAZip);
        for bytes in [&b""[..], b"PK", b"[1,2]", &[0; 4096]] {
            assert_eq!(failure(bytes.to_vec()).code(), Code::NotAZip);
        }
        assert_eq!(failure(bad::damaged()).code(), Code::NotAZip, "the checksum is looked at");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn no_bytes_make_it_panic(noise in proptest::collection::vec(any::<u8>(), 0..400), at in any::<prop::sample::Index>(), with in any::<u8>()) {
            let _ = open(noise);
            let mut bytes = one(Style::Genuine, "endsong_0.json", b"[1, 2, 3]");
            let at = at.index(bytes.len());
            bytes[at] = with;
            if let Ok(archive) = open(bytes) {
                for entry in archive.entries() {
                    let _ = inflated(&archive, entry);
                }
            }
        }
    }
}
