//! Reads the files of one export, several at a time.
//!
//! However many threads help, the outcome is that of reading one file after the other: each is read on its own, and
//! what they gave is put together, and held against the limits, in their order.

use super::helpers::Helpers;
use super::spotify::Found;
use super::zip::Limits;
use crate::error::{Code, Error, Result};
use crate::money::grouped;
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicU64, Ordering};

/// What one file gave.
pub struct FileRead {
    /// Its size, unpacked.
    pub bytes: u64,
    /// Its rows.
    pub found: Found,
}

/// Reads all files by `read` and adds up what was found; `too_large` has the words for a file that is larger than
/// the bytes that there is room for. At any time as many files are being read as there are threads at work.
///
/// # Errors
/// That of the first file, in their order, that fails by itself or goes beyond the limits of all together.
pub fn read_all<F: Sync>(
    files: &[F],
    limits: Limits,
    helpers: &Helpers,
    read: impl Fn(&F) -> Result<FileRead> + Sync,
    too_large: impl Fn(&F, u64) -> Error,
) -> Result<Found> {
    // That some files together are beyond a limit can be told whatever their order, and then no further one is
    // begun in vain; at which of them the limit was passed is told below.
    let (bytes, rows) = (AtomicU64::new(0), AtomicU64::new(0));
    let add = |sum: &AtomicU64, more: u64| sum.fetch_add(more, Ordering::Relaxed) + more;
    let fits = |read: &FileRead| {
        let (bytes, rows) = (add(&bytes, read.bytes), add(&rows, read.found.rows()));
        bytes <= limits.total_bytes && rows <= limits.rows
    };
    let outcomes = helpers.map(files.iter().collect(), |file| {
        let outcome = read(file);
        let go_on = outcome.as_ref().is_ok_and(fits);
        if go_on { ControlFlow::Continue(outcome) } else { ControlFlow::Break(outcome) }
    });
    let mut outcomes = outcomes.into_iter();
    let mut all = Found::default();
    let mut left_bytes = limits.total_bytes;
    for file in files {
        let FileRead { bytes, found } = outcomes.next().expect("files are left out only behind an error")?;
        left_bytes = left_bytes.checked_sub(bytes).ok_or_else(|| too_large(file, left_bytes))?;
        all.append(found);
        if all.rows() > limits.rows {
            let most = grouped(i64::try_from(limits.rows).unwrap_or(i64::MAX));
            let detail = format!("The history has more than the {most} rows that there is room for.");
            return Err(Error::new(Code::PayloadTooLarge, detail));
        }
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::histories::report::Reason;
    use proptest::prelude::*;

    /// A file of so many bytes and rows, or one that cannot be read.
    #[derive(Debug, Clone)]
    struct Pretended {
        name: usize,
        bytes: u64,
        rows: Option<u64>,
    }

    fn read(file: &Pretended) -> Result<FileRead> {
        let rows = file.rows.ok_or_else(|| Error::invalid(format!("file {} is broken", file.name)))?;
        let found = Found { dropped: [(Reason::Podcast, rows)].into(), ..Found::default() };
        Ok(FileRead { bytes: file.bytes, found })
    }

    fn outcome(files: &[Pretended], limits: Limits, threads: usize) -> std::result::Result<u64, String> {
        let too_large = |file: &Pretended, room| Error::invalid(format!("file {}: more than {room}", file.name));
        let found = read_all(files, limits, &Helpers::new(threads), read, too_large);
        found.map(|found| found.rows()).map_err(|error| error.to_string())
    }

    fn one_after_the_other(files: &[Pretended], limits: Limits) -> std::result::Result<u64, String> {
        let (mut left_bytes, mut rows) = (limits.total_bytes, 0);
        for file in files {
            let of_file = file.rows.ok_or(format!("file {} is broken", file.name))?;
            left_bytes =
                left_bytes.checked_sub(file.bytes).ok_or(format!("file {}: more than {left_bytes}", file.name))?;
            rows += of_file;
            if rows > limits.rows {
                return Err(format!("The history has more than the {} rows that there is room for.", limits.rows));
            }
        }
        Ok(rows)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(512))]
        #[test]
        fn threads_change_neither_what_is_found_nor_what_is_refused(
            sizes in proptest::collection::vec((0..100u64, prop::option::weighted(0.95, 0..100u64)), 0..12),
            total_bytes in 100..800u64, rows in 100..800u64,
        ) {
            let limits = Limits { total_bytes, rows, ..Limits::default() };
            let files: Vec<Pretended> =
                sizes.into_iter().enumerate().map(|(name, (bytes, rows))| Pretended { name, bytes, rows }).collect();
            let expected = one_after_the_other(&files, limits);
            for threads in 0..4 {
                let found = outcome(&files, limits, threads);
                match (&found, &expected) {
                    (Ok(rows), Ok(expected)) => prop_assert_eq!(rows, expected),
                    (Err(words), Err(expected)) => prop_assert!(words.contains(expected.as_str()), "{words}: {expected}"),
                    _ => prop_assert!(false, "{found:?} and not {expected:?}"),
                }
            }
        }
    }
}
