//! Zip archives written byte by byte, so that they have the very anatomy of the archives that people
//! receive: a library that writes clean archives cannot make one.

use flate2::{Compression, Crc, write::DeflateEncoder};
use std::io::Write;

/// Whose archive it looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Style {
    /// As Spotify's servers write it: deflated, sizes and CRC in data descriptors (flags 0x808).
    Genuine,
    /// As Windows packs a folder again: stored, sizes in the local header, 36 bytes of file times.
    Windows,
}

/// One entry to be written.
#[derive(Debug, Clone)]
pub struct EntryToWrite {
    /// The path as the archive spells it.
    pub name: String,
    /// The content; a directory may have one.
    pub body: Vec<u8>,
    /// The size to declare instead of the true one.
    pub declared_size: Option<u32>,
    /// Flags to set on top of the style's.
    pub more_flags: u16,
    /// Whether to spend time on packing it as tightly as can be.
    pub tightly: bool,
    /// The Unix mode to claim (0 for none).
    pub unix_mode: u32,
}

impl EntryToWrite {
    /// An honest entry.
    pub fn new(name: &str, body: &[u8]) -> Self {
        EntryToWrite {
            name: name.to_owned(),
            body: body.to_vec(),
            declared_size: None,
            more_flags: 0,
            tightly: false,
            unix_mode: 0,
        }
    }
}

/// Where an entry came to lie, for the central directory.
struct Placed<'a> {
    entry: &'a EntryToWrite,
    offset: u32,
    crc: u32,
    packed: u32,
    size: u32,
}

/// Writes an archive of the entries in the order given.
///
/// # Panics
/// Past 4 GiB: the archives here are small.
pub fn write(style: Style, entries: &[EntryToWrite]) -> Vec<u8> {
    let mut out = Vec::new();
    let placed: Vec<Placed<'_>> = entries.iter().map(|entry| place(&mut out, style, entry)).collect();
    let directory_at = len32(&out);
    for entry in &placed {
        central_header(&mut out, style, entry);
    }
    let directory_bytes = len32(&out) - directory_at;
    end_record(&mut out, placed.len(), directory_bytes, directory_at);
    out
}

fn place<'a>(out: &mut Vec<u8>, style: Style, entry: &'a EntryToWrite) -> Placed<'a> {
    let mut crc = Crc::new();
    crc.update(&entry.body);
    let packed = match style {
        Style::Genuine => deflate(&entry.body, if entry.tightly { Compression::best() } else { Compression::fast() }),
        Style::Windows => entry.body.clone(),
    };
    let size = entry.declared_size.unwrap_or(len32(&entry.body));
    let placed = Placed { entry, offset: len32(out), crc: crc.sum(), packed: len32(&packed), size };
    out.extend_from_slice(b"PK\x03\x04");
    match style {
        Style::Genuine => fixed_fields(out, style, entry, 0, 0, 0),
        Style::Windows => fixed_fields(out, style, entry, placed.crc, placed.packed, size),
    }
    let extra = extra_field(style);
    out.extend_from_slice(&len16(extra).to_le_bytes());
    out.extend_from_slice(entry.name.as_bytes());
    out.extend_from_slice(extra);
    out.extend_from_slice(&packed);
    if style == Style::Genuine {
        out.extend_from_slice(b"PK\x07\x08");
        for number in [placed.crc, placed.packed, size] {
            out.extend_from_slice(&number.to_le_bytes());
        }
    }
    placed
}

/// What local and central headers share: version, flags, method, time, CRC, sizes, length of the name.
fn fixed_fields(out: &mut Vec<u8>, style: Style, entry: &EntryToWrite, crc: u32, packed: u32, size: u32) {
    let (flags, method): (u16, u16) = match style {
        Style::Genuine => (0x808, 8),
        Style::Windows => (0, 0),
    };
    // 2024-06-01, 12:00:00 in the archive's own calendar.
    for number in [20, flags | entry.more_flags, method, 12 << 11, (44 << 9) | (6 << 5) | 1] {
        out.extend_from_slice(&number.to_le_bytes());
    }
    for number in [crc, packed, size] {
        out.extend_from_slice(&number.to_le_bytes());
    }
    out.extend_from_slice(&len16(entry.name.as_bytes()).to_le_bytes());
}

fn central_header(out: &mut Vec<u8>, style: Style, placed: &Placed<'_>) {
    let unix = placed.entry.unix_mode != 0;
    out.extend_from_slice(b"PK\x01\x02");
    out.extend_from_slice(&[20, if unix { 3 } else { 0 }]);
    fixed_fields(out, style, placed.entry, placed.crc, placed.packed, placed.size);
    let extra = extra_field(style);
    out.extend_from_slice(&len16(extra).to_le_bytes());
    out.extend_from_slice(&[0; 6]); // no comment, first disk, no internal attributes
    out.extend_from_slice(&(placed.entry.unix_mode << 16).to_le_bytes());
    out.extend_from_slice(&placed.offset.to_le_bytes());
    out.extend_from_slice(placed.entry.name.as_bytes());
    out.extend_from_slice(extra);
}

fn end_record(out: &mut Vec<u8>, entries: usize, directory_bytes: u32, directory_at: u32) {
    let count = u16::try_from(entries).unwrap_or(u16::MAX);
    out.extend_from_slice(b"PK\x05\x06\0\0\0\0");
    out.extend_from_slice(&count.to_le_bytes());
    out.extend_from_slice(&count.to_le_bytes());
    out.extend_from_slice(&directory_bytes.to_le_bytes());
    out.extend_from_slice(&directory_at.to_le_bytes());
    out.extend_from_slice(&[0, 0]);
}

/// NTFS times (tag 0x000a): what Windows adds to every entry.
fn extra_field(style: Style) -> &'static [u8] {
    const NTFS_TIMES: [u8; 36] = {
        let mut bytes = [0; 36];
        bytes[0] = 0x0a;
        bytes[2] = 32;
        bytes[8] = 1;
        bytes[10] = 24;
        bytes
    };
    match style {
        Style::Genuine => &[],
        Style::Windows => &NTFS_TIMES,
    }
}

fn deflate(body: &[u8], level: Compression) -> Vec<u8> {
    let mut encoder = DeflateEncoder::new(Vec::with_capacity(body.len() / 8), level);
    encoder.write_all(body).and_then(|()| encoder.finish()).expect("writing to memory does not fail")
}

fn len32(bytes: &[u8]) -> u32 {
    u32::try_from(bytes.len()).expect("a made-up archive stays under 4 GiB")
}

fn len16(bytes: &[u8]) -> u16 {
    u16::try_from(bytes.len()).expect("names are short")
}
