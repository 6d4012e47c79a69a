//! Archives that must be refused, for tests.

use super::archive::{EntryToWrite, Style, write};

const NAME: &str = "MyData/endsong_0.json";

/// Spaces, which JSON allows, deflated about a thousand times; with the size declared, if one is given.
pub fn bomb(size_bytes: usize, declared_size: Option<u32>) -> Vec<u8> {
    let spaces = EntryToWrite::new(NAME, &vec![b' '; size_bytes]);
    write(Style::Genuine, &[EntryToWrite { declared_size, tightly: true, ..spaces }])
}

/// A link instead of a file.
pub fn symlink() -> Vec<u8> {
    write(Style::Genuine, &[EntryToWrite { unix_mode: 0o120_777, ..EntryToWrite::new(NAME, b"/etc/passwd") }])
}

/// An entry that says it needs a password.
pub fn encrypted() -> Vec<u8> {
    write(Style::Genuine, &[EntryToWrite { more_flags: 1, ..EntryToWrite::new(NAME, b"[]") }])
}

/// Two entries of the same name.
pub fn twins() -> Vec<u8> {
    write(Style::Genuine, &[EntryToWrite::new(NAME, b"[]"), EntryToWrite::new(NAME, b"[1]")])
}

/// More entries than anybody exports.
pub fn crowded(entries: usize) -> Vec<u8> {
    let entries: Vec<EntryToWrite> = (0..entries).map(|i| EntryToWrite::new(&format!("{i}.json"), b"")).collect();
    write(Style::Windows, &entries)
}

/// Two entries of the directory that share one run of bytes.
pub fn overlapping() -> Vec<u8> {
    let mut bytes = write(
        Style::Genuine,
        &[EntryToWrite::new("endsong_0.json", b"[]"), EntryToWrite::new("endsong_1.json", b"[]")],
    );
    // The second header of the directory is made to point where the first one does.
    let second = positions(&bytes, b"PK\x01\x02")[1];
    bytes[second + 42..second + 46].fill(0);
    bytes
}

/// An archive with one bit of its content turned over.
pub fn damaged() -> Vec<u8> {
    let mut bytes = write(Style::Windows, &[EntryToWrite::new(NAME, b"[1, 2, 3]")]);
    let content = positions(&bytes, b"[1, 2, 3]")[0];
    bytes[content + 1] ^= 1;
    bytes
}

/// An archive whose history is JSON of another kind, or none at all.
pub fn holding(json: &[u8]) -> Vec<u8> {
    write(Style::Genuine, &[EntryToWrite::new(NAME, json)])
}

fn positions(bytes: &[u8], what: &[u8]) -> Vec<usize> {
    (0..bytes.len().saturating_sub(what.len())).filter(|at| bytes[*at..].starts_with(what)).collect()
}
