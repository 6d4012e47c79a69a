//! Which part of a file a request asks for (RFC 9110, section 14).
//!
//! One range is served. Several at once are allowed to be ignored (section 14.2), and are: the answer
//! is the whole file, which is right for every client and spares the server a multipart body.

use std::ops::Range;

/// What to send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wanted {
    /// All of it, as 200.
    Whole,
    /// These bytes, as 206.
    Part(Range<u64>),
    /// Nothing: the range lies outside, 416.
    Outside,
}

/// Reads a `Range` header for a file of a length in bytes. Of an empty file there is no part.
pub fn wanted(header: &str, length_bytes: u64) -> Wanted {
    let Some((unit, specs)) = header.split_once('=') else { return Wanted::Whole };
    // A unit that is not ours is ignored, and so are several ranges.
    if !unit.trim().eq_ignore_ascii_case("bytes") || specs.contains(',') {
        return Wanted::Whole;
    }
    match bounds(specs.trim(), length_bytes) {
        None => Wanted::Whole, // a header that is not valid is ignored (section 14.2)
        Some(range) if range.start >= length_bytes => Wanted::Outside,
        Some(range) => Wanted::Part(range.start..range.end.min(length_bytes)),
    }
}

/// `first-last`, `first-` or `-suffix`; `None` where it is none of them or runs backwards (section 14.1.1).
fn bounds(spec: &str, length_bytes: u64) -> Option<Range<u64>> {
    let (first, last) = spec.split_once('-')?;
    if first.is_empty() {
        return Some(length_bytes.saturating_sub(number(last)?)..length_bytes);
    }
    let first = number(first)?;
    if last.is_empty() {
        return Some(first..u64::MAX);
    }
    let last = number(last)?;
    (first <= last).then(|| first..last.saturating_add(1))
}

/// Digits only; a number too large to hold is as good as the largest.
fn number(digits: &str) -> Option<u64> {
    let only_digits = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
    only_digits.then(|| digits.parse().unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn single_ranges_are_cut_to_the_file() {
        for (header, part) in [
            ("bytes=0-0", 0..1),
            ("bytes=0-", 0..10),
            ("bytes=3-5", 3..6),
            ("bytes=9-9", 9..10),
            ("bytes=3-99999999999999999999999", 3..10),
            ("bytes=-3", 7..10),
            ("bytes=-99", 0..10),
            ("Bytes= 1-2", 1..3),
        ] {
            assert_eq!(wanted(header, 10), Wanted::Part(part), "{header}");
        }
    }

    #[test]
    fn what_lies_outside_is_refused_and_what_cannot_be_read_is_ignored() {
        for header in ["bytes=10-", "bytes=10-12", "bytes=99999999999999999999999-", "bytes=-0"] {
            assert_eq!(wanted(header, 10), Wanted::Outside, "{header}");
        }
        for header in ["bytes=5-2", "bytes=-", "bytes=", "bytes=a-b", "bytes=1", "bytes=+1-2", "bytes=1--2"] {
            assert_eq!(wanted(header, 10), Wanted::Whole, "{header}");
        }
    }

    #[test]
    fn other_units_and_several_ranges_mean_the_whole_file() {
        let thousand = format!("bytes={}", vec!["0-0"; 1_000].join(","));
        for header in ["", "lines=1-2", "bytes 1-2", "bytes=0-0,2-3", thousand.as_str()] {
            assert_eq!(wanted(header, 10), Wanted::Whole, "{header}");
        }
    }

    proptest! {
        #[test]
        fn a_part_is_never_empty_and_never_outside(header in "bytes=[0-9]{0,20}-[0-9]{0,20}", length in 1..u64::MAX) {
            match wanted(&header, length) {
                Wanted::Part(range) => prop_assert!(range.start < range.end && range.end <= length),
                // Outside, or not valid: backwards, or without any number.
                Wanted::Outside | Wanted::Whole => {}
            }
        }
    }
}
