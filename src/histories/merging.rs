//! Merging stored plays of many members into one object of a shard.
//!
//! Everything goes by row batches, member by member: of an object that is read no more is in memory than the
//! row group at hand, of the new one no more than the row group being written, and of a member all plays.

use super::counts_file::CountsWriter;
use super::model::PlaysObject;
use super::plays_file::{schema, writer_properties};
use super::stored_plays::Cursor;
use crate::error::{Error, Result};
use crate::ids::AccountId;
use crate::storage::Storage;
use datafusion::parquet::arrow::ArrowWriter;
use std::collections::BTreeMap;
use tokio::runtime::Handle;

/// What was merged: the sizes of the two files, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Merged {
    /// Of the plays.
    pub size_bytes: u64,
    /// Of their counts.
    pub counts_bytes: u64,
}

/// Merges the plays of the members whom each source is good for into one new object, and counts them beside
/// it; what else the sources hold stays behind. Both are durable when this returns. The same plays give the
/// same bytes, wherever they lay. Runs on a thread that may block, and has the runtime read for it.
///
/// # Errors
/// `not-found` where a source is missing; `internal` where one is damaged, not sorted, or holds nothing of a
/// member, or where a member is in two of them. Then the object is not there, or nobody's.
pub fn merge(
    storage: &Storage,
    runtime: &Handle,
    sources: &[PlaysObject],
    key: &str,
    counts_key: &str,
) -> Result<Merged> {
    let new = storage.upload(key)?;
    let mut plays = ArrowWriter::try_new(new, schema(), Some(writer_properties())).map_err(Error::internal)?;
    let mut counts = CountsWriter::new(storage.upload(counts_key)?)?;
    let mut open: BTreeMap<&str, Cursor> = BTreeMap::new();
    for (member, source) in in_order(sources)? {
        let (key, members) = (source.key.as_str(), &source.members);
        let mut cursor = match open.remove(key) {
            Some(cursor) => cursor,
            None => runtime.block_on(Cursor::open(storage, key, [member, members.last().unwrap_or(member)]))?,
        };
        let rows = runtime.block_on(cursor.rows_of(member))?;
        if rows.num_rows() == 0 {
            return Err(Error::internal(format!("the stored file {key} holds no plays of {member}")));
        }
        plays.write(&rows).map_err(Error::internal)?;
        counts.add(&rows)?;
        if members.last() != Some(member) {
            open.insert(key, cursor);
        }
    }
    let size_bytes = plays.into_inner().map_err(Error::internal)?.finish()?;
    Ok(Merged { size_bytes, counts_bytes: counts.finish()?.finish()? })
}

/// Every member with the source of the plays, sorted by member.
fn in_order(sources: &[PlaysObject]) -> Result<BTreeMap<&AccountId, &PlaysObject>> {
    let mut order = BTreeMap::new();
    for source in sources {
        for member in &source.members {
            if order.insert(member, source).is_some() {
                return Err(Error::internal(format!("the plays of {member} are to be merged from two files")));
            }
        }
    }
    Ok(order)
}
