//! Reading plays where they are stored, row group by row group.

use super::play::Play;
use super::plays_file::{append, schema};
use crate::error::{Error, Result};
use crate::ids::AccountId;
use crate::storage::Storage;
use bytes::Bytes;
use datafusion::arrow::array::{AsArray, RecordBatch, StringArray};
use datafusion::arrow::compute::concat_batches;
use datafusion::arrow::datatypes::Int32Type;
use datafusion::parquet::arrow::ProjectionMask;
use datafusion::parquet::arrow::arrow_reader::ArrowReaderOptions;
use datafusion::parquet::arrow::async_reader::{
    AsyncFileReader, ParquetRecordBatchStream, ParquetRecordBatchStreamBuilder,
};
use datafusion::parquet::errors::{ParquetError, Result as ParquetResult};
use datafusion::parquet::file::metadata::{ParquetMetaData, ParquetMetaDataReader, RowGroupMetaData};
use futures_util::future::BoxFuture;
use futures_util::{FutureExt, TryFutureExt, TryStreamExt};
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};
use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::Arc;

/// Rows that are decoded at once.
const BATCH_ROWS: usize = 16_384;

/// The plays of one member in an object, in the order in which they are stored.
///
/// # Errors
/// `not-found` where the object is missing; `internal` where it is damaged or not sorted by member.
pub async fn of_member(storage: &Storage, key: &str, member: &AccountId) -> Result<Vec<Play>> {
    let mut plays = Vec::new();
    append(&Cursor::open(storage, key, [member, member]).await?.rows_of(member).await?, &mut plays)?;
    Ok(plays)
}

/// The members who have plays in an object. Reads one column.
///
/// # Errors
/// `not-found` where the object is missing; `internal` where it is damaged.
pub async fn members(storage: &Storage, key: &str) -> Result<BTreeSet<String>> {
    let builder = open(storage, key).await?;
    let only_members = ProjectionMask::roots(builder.parquet_schema(), [0]);
    let mut rows =
        builder.with_projection(only_members).with_batch_size(BATCH_ROWS).build().map_err(Error::internal)?;
    let mut found = BTreeSet::new();
    while let Some(batch) = rows.try_next().await.map_err(unreadable)? {
        let members = Members::of(&batch);
        found.extend(members.runs().map(|code| members.name(code).to_owned()));
    }
    Ok(found)
}

/// A way through an object from member to member, in their order. Of the object, the row group at hand is in memory.
pub struct Cursor {
    stream: ParquetRecordBatchStream<StoredFile>,
    /// What was decoded and not given out yet.
    at_hand: RecordBatch,
    /// The last member that was come by, to see that they are in order.
    last: String,
}

impl Cursor {
    /// Opens an object for a range of members, the first and the last of whom are given.
    ///
    /// # Errors
    /// `not-found` where the object is missing; `internal` where it is damaged.
    pub async fn open(storage: &Storage, key: &str, range: [&AccountId; 2]) -> Result<Self> {
        let builder = open(storage, key).await?;
        let groups = builder.metadata().row_groups().iter().enumerate();
        let wanted = groups.filter(|(_, group)| may_hold(group, range)).map(|(at, _)| at).collect();
        let stream = builder.with_row_groups(wanted).with_batch_size(BATCH_ROWS).build().map_err(Error::internal)?;
        Ok(Cursor { stream, at_hand: RecordBatch::new_empty(schema()), last: String::new() })
    }

    /// All rows of a member; none where the object has none. Members are to be asked for in their order; the
    /// rows of others in between are passed over.
    ///
    /// # Errors
    /// `internal` where the object is damaged or not sorted by member.
    pub async fn rows_of(&mut self, member: &AccountId) -> Result<RecordBatch> {
        let mut parts = Vec::new();
        loop {
            let rows = Members::of(&self.at_hand).rows_of(member.as_str());
            let rest = rows.end;
            if !rows.is_empty() {
                parts.push(self.at_hand.slice(rows.start, rows.len()));
            }
            if rest < self.at_hand.num_rows() {
                self.at_hand = self.at_hand.slice(rest, self.at_hand.num_rows() - rest);
                break;
            }
            match self.stream.try_next().await.map_err(unreadable)? {
                Some(batch) => self.at_hand = self.in_order(batch)?,
                None => {
                    self.at_hand = RecordBatch::new_empty(schema());
                    break;
                }
            }
        }
        concat_batches(&schema(), &parts).map_err(Error::internal)
    }

    /// Looks whether the rows go on in the order of members: in an object that is not sorted, plays would be missed.
    fn in_order(&mut self, batch: RecordBatch) -> Result<RecordBatch> {
        let members = Members::of(&batch);
        for code in members.runs() {
            let name = members.name(code);
            if name < self.last.as_str() {
                return Err(Error::internal("a plays file is not sorted by member"));
            }
            if name != self.last {
                name.clone_into(&mut self.last);
            }
        }
        Ok(batch)
    }
}

/// The column that says whose rows are whose.
struct Members<'a> {
    codes: &'a [i32],
    names: &'a StringArray,
}

impl<'a> Members<'a> {
    fn of(batch: &'a RecordBatch) -> Self {
        let column = batch.column(0).as_dictionary::<Int32Type>();
        Members { codes: column.keys().values(), names: column.values().as_string() }
    }

    /// No member is null, so that every code stands for a name.
    fn name(&self, code: i32) -> &'a str {
        self.names.value(code as usize)
    }

    /// The code of each run of rows.
    fn runs(&self) -> impl Iterator<Item = i32> {
        self.codes.chunk_by(|one, next| one == next).map(|run| run[0])
    }

    /// Where a member's rows are, in rows sorted by member; else where they would be.
    fn rows_of(&self, member: &str) -> Range<usize> {
        let start = self.codes.partition_point(|code| self.name(*code) < member);
        let length = self.codes[start..].partition_point(|code| self.name(*code) == member);
        start..start + length
    }
}

/// Whether a row group may hold somebody of a range of members, by its statistics.
fn may_hold(group: &RowGroupMetaData, [first, last]: [&AccountId; 2]) -> bool {
    let statistics = group.column(0).statistics();
    let bounds = statistics.and_then(|known| known.min_bytes_opt().zip(known.max_bytes_opt()));
    bounds.is_none_or(|(least, most)| least <= last.as_str().as_bytes() && first.as_str().as_bytes() <= most)
}

async fn open(storage: &Storage, key: &str) -> Result<ParquetRecordBatchStreamBuilder<StoredFile>> {
    let store = storage.object_store();
    let path = Path::parse(key).map_err(Error::internal)?;
    let size_bytes = store.head(&path).await?.size;
    // Files of before texts were dictionaries are read as if they had been.
    let options = ArrowReaderOptions::new().with_schema(schema());
    let file = StoredFile { store, path, size_bytes };
    ParquetRecordBatchStreamBuilder::new_with_options(file, options).await.map_err(unreadable)
}

/// An object as the Parquet library wants it.
struct StoredFile {
    store: Arc<dyn ObjectStore>,
    path: Path,
    size_bytes: u64,
}

impl AsyncFileReader for StoredFile {
    fn get_bytes(&mut self, range: Range<u64>) -> BoxFuture<'_, ParquetResult<Bytes>> {
        self.store.get_range(&self.path, range).map_err(failed).boxed()
    }

    fn get_byte_ranges(&mut self, ranges: Vec<Range<u64>>) -> BoxFuture<'_, ParquetResult<Vec<Bytes>>> {
        async move { self.store.get_ranges(&self.path, &ranges).await.map_err(failed) }.boxed()
    }

    fn get_metadata<'a>(
        &'a mut self,
        options: Option<&'a ArrowReaderOptions>,
    ) -> BoxFuture<'a, ParquetResult<Arc<ParquetMetaData>>> {
        let size_bytes = self.size_bytes;
        let reader = ParquetMetaDataReader::new().with_arrow_reader_options(options);
        async move { Ok(Arc::new(reader.load_and_finish(self, size_bytes).await?)) }.boxed()
    }
}

fn failed(cause: object_store::Error) -> ParquetError {
    ParquetError::External(Box::new(cause))
}

/// A file may be deleted while it is being read, which is not the same as its being damaged.
fn unreadable(error: ParquetError) -> Error {
    match error {
        ParquetError::External(cause) => match cause.downcast::<object_store::Error>() {
            Ok(cause) => Error::from(*cause),
            Err(cause) => Error::internal(cause),
        },
        other => Error::internal(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::{Entropy, UtcTime};
    use crate::error::Code;
    use crate::histories::helpers::Helpers;
    use crate::histories::play::some_play;
    use crate::histories::plays_file::{batch, write, writer_properties};
    use datafusion::parquet::arrow::ArrowWriter;

    fn ids(count: usize) -> Vec<AccountId> {
        let (now, entropy) = (UtcTime::parse("2026-01-01T00:00:00Z").unwrap(), Entropy::seeded(1));
        let mut ids: Vec<AccountId> = (0..count).map(|_| AccountId::new(now, &entropy)).collect();
        ids.sort_unstable();
        ids
    }

    fn plays(member: usize, count: i64) -> Vec<Play> {
        let start = UtcTime::parse("2025-01-01T00:00:00Z").unwrap();
        (0..count).map(|n| some_play(start.plus_s(n), 30_000, &format!("artist {member} {}", n % 10))).collect()
    }

    async fn store(directory: &tempfile::TempDir, order: &[(usize, &AccountId)]) -> Storage {
        let storage = Storage::local(directory.path()).unwrap();
        let mut writer = ArrowWriter::try_new(Vec::new(), schema(), Some(writer_properties())).unwrap();
        for (number, member) in order {
            writer.write(&batch(member.as_str(), &plays(*number, 9_000)).unwrap()).unwrap();
            writer.flush().unwrap(); // a row group for each
        }
        storage.put("shards/a", writer.into_inner().unwrap().into()).await.unwrap();
        storage
    }

    #[tokio::test]
    async fn members_are_found_across_batches_and_row_groups_and_nobody_else_is() {
        let (directory, ids) = (tempfile::tempdir().unwrap(), ids(5));
        let order: Vec<(usize, &AccountId)> = ids.iter().enumerate().filter(|(number, _)| *number != 2).collect();
        let storage = store(&directory, &order).await;
        for (number, member) in ids.iter().enumerate() {
            let found = of_member(&storage, "shards/a", member).await.unwrap();
            assert_eq!(found, if number == 2 { vec![] } else { plays(number, 9_000) });
        }
        let mut cursor = Cursor::open(&storage, "shards/a", [&ids[0], &ids[4]]).await.unwrap();
        for (member, rows) in [(1, 9_000), (2, 0), (4, 9_000), (4, 0)] {
            assert_eq!(cursor.rows_of(&ids[member]).await.unwrap().num_rows(), rows, "{member}");
        }
        let named: Vec<String> = members(&storage, "shards/a").await.unwrap().into_iter().collect();
        assert_eq!(named, order.iter().map(|(_, member)| member.to_string()).collect::<Vec<_>>());
    }

    #[tokio::test]
    async fn what_is_not_sorted_damaged_or_gone_is_told_apart() {
        let (directory, ids) = (tempfile::tempdir().unwrap(), ids(3));
        let storage = store(&directory, &[(1, &ids[1]), (0, &ids[0])]).await;
        let mut cursor = Cursor::open(&storage, "shards/a", [&ids[0], &ids[2]]).await.unwrap();
        assert!(cursor.rows_of(&ids[2]).await.is_err(), "a member would be missed");
        storage.put("shards/a", "no Parquet at all".into()).await.unwrap();
        let damaged = of_member(&storage, "shards/a", &ids[0]).await.unwrap_err();
        assert_eq!(damaged.code(), Code::Internal);
        storage
            .put("shards/a", write(ids[0].as_str(), &plays(0, 9_000), &Helpers::new(0)).unwrap().into())
            .await
            .unwrap();
        let mut cursor = Cursor::open(&storage, "shards/a", [&ids[0], &ids[0]]).await.unwrap();
        storage.delete("shards/a").await.unwrap();
        assert_eq!(cursor.rows_of(&ids[0]).await.unwrap_err().code(), Code::NotFound, "while it was being read");
        assert_eq!(of_member(&storage, "shards/a", &ids[0]).await.unwrap_err().code(), Code::NotFound);
    }
}
