//! A member's plays as one Parquet file: the only form in which the pool keeps them.

use super::play::{Ended, Play, Service, Started, drop_covered, instant, sort_and_dedupe};
use crate::error::{Error, Result};
use bytes::Bytes;
use datafusion::arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, RecordBatch, StringArray, TimestampMillisecondArray, UInt32Array,
};
use datafusion::arrow::datatypes::{
    DataType, Field, Schema, SchemaRef, TimeUnit, TimestampMillisecondType, UInt32Type,
};
use datafusion::parquet::arrow::ArrowWriter;
use datafusion::parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use datafusion::parquet::basic::{Compression, ZstdLevel};
use datafusion::parquet::file::metadata::SortingColumn;
use datafusion::parquet::file::properties::{WriterProperties, WriterVersion};
use std::sync::{Arc, LazyLock};

/// The columns of a plays file, in order.
pub fn schema() -> SchemaRef {
    static SCHEMA: LazyLock<SchemaRef> = LazyLock::new(|| {
        let text = |name, nullable| Field::new(name, DataType::Utf8, nullable);
        Arc::new(Schema::new(vec![
            text("member_id", false),
            Field::new("ts", DataType::Timestamp(TimeUnit::Millisecond, Some("UTC".into())), false),
            Field::new("ms_played", DataType::UInt32, false),
            text("artist", false),
            text("album", true),
            text("track", false),
            text("track_uri", true),
            text("country", true),
            text("service", false),
            text("started", false),
            text("ended", false),
            Field::new("shuffle", DataType::Boolean, true),
        ]))
    });
    SCHEMA.clone()
}

/// Writes plays, which must be sorted by time as the intake gives them. The same plays of the same
/// member give the same bytes.
///
/// # Errors
/// `internal`: writing to memory fails only by a defect.
pub fn write(member_id: &str, plays: &[Play]) -> Result<Vec<u8>> {
    let text = |of: fn(&Play) -> &str| Arc::new(StringArray::from_iter_values(plays.iter().map(of))) as ArrayRef;
    let perhaps = |of: fn(&Play) -> Option<&str>| Arc::new(StringArray::from_iter(plays.iter().map(of))) as ArrayRef;
    let ts = TimestampMillisecondArray::from_iter_values(plays.iter().map(|p| p.ts.unix_ms())).with_timezone("UTC");
    let columns: Vec<ArrayRef> = vec![
        Arc::new(StringArray::from_iter_values(plays.iter().map(|_| member_id))),
        Arc::new(ts),
        Arc::new(UInt32Array::from_iter_values(plays.iter().map(|p| p.ms_played))),
        text(|p| &p.artist),
        perhaps(|p| p.album.as_deref()),
        text(|p| &p.track),
        perhaps(|p| p.track_uri.as_deref()),
        perhaps(|p| p.country.as_deref()),
        text(|p| p.service.as_str()),
        text(|p| p.started.as_str()),
        text(|p| p.ended.as_str()),
        Arc::new(BooleanArray::from_iter(plays.iter().map(|p| p.shuffle))),
    ];
    let batch = RecordBatch::try_new(schema(), columns).map_err(Error::internal)?;
    let level = ZstdLevel::try_new(3).map_err(Error::internal)?;
    let properties = WriterProperties::builder()
        .set_writer_version(WriterVersion::PARQUET_1_0)
        .set_compression(Compression::ZSTD(level))
        .set_dictionary_enabled(true)
        .set_created_by("refrain".to_owned()) // no version of a library in the bytes
        .set_sorting_columns(Some(vec![SortingColumn { column_idx: 1, descending: false, nulls_first: false }]))
        .build();
    let mut writer = ArrowWriter::try_new(Vec::new(), schema(), Some(properties)).map_err(Error::internal)?;
    writer.write(&batch).map_err(Error::internal)?;
    writer.into_inner().map_err(Error::internal)
}

/// Reads a plays file back, in the order it was written.
///
/// # Errors
/// `internal` where the file is not one that [`write()`] made.
pub fn read(bytes: Bytes) -> Result<Vec<Play>> {
    let builder = ParquetRecordBatchReaderBuilder::try_new(bytes).map_err(Error::internal)?;
    if builder.schema().fields() != schema().fields() {
        return Err(Error::internal("a plays file has other columns than it should"));
    }
    let mut plays = Vec::new();
    for batch in builder.build().map_err(Error::internal)? {
        append(&batch.map_err(Error::internal)?, &mut plays)?;
    }
    Ok(plays)
}

fn append(batch: &RecordBatch, plays: &mut Vec<Play>) -> Result<()> {
    // The schema was compared, so that every column has the type asked for.
    let text = |column: usize| batch.column(column).as_string::<i32>();
    let perhaps = |column: usize, row: usize| {
        let values = text(column);
        values.is_valid(row).then(|| values.value(row).to_owned())
    };
    let unknown = || Error::internal("a plays file holds a word that is not known");
    let ts = batch.column(1).as_primitive::<TimestampMillisecondType>();
    let ms_played = batch.column(2).as_primitive::<UInt32Type>();
    let shuffle = batch.column(11).as_boolean();
    plays.reserve(batch.num_rows());
    for row in 0..batch.num_rows() {
        plays.push(Play {
            ts: instant(ts.value(row))?,
            ms_played: ms_played.value(row),
            artist: text(3).value(row).to_owned(),
            album: perhaps(4, row),
            track: text(5).value(row).to_owned(),
            track_uri: perhaps(6, row),
            country: perhaps(7, row),
            service: Service::parse(text(8).value(row)).ok_or_else(unknown)?,
            started: Started::parse(text(9).value(row)).ok_or_else(unknown)?,
            ended: Ended::parse(text(10).value(row)).ok_or_else(unknown)?,
            shuffle: shuffle.is_valid(row).then(|| shuffle.value(row)),
        });
    }
    Ok(())
}

/// Plays of several histories of one member as one list: sorted, each once, and plays of the coarse
/// account data gone where finer ones cover their period.
pub fn merge(existing: Vec<Play>, new: Vec<Play>) -> Vec<Play> {
    let (mut coarse, mut fine): (Vec<Play>, Vec<Play>) = existing.into_iter().chain(new).partition(Play::is_coarse);
    sort_and_dedupe(&mut fine);
    sort_and_dedupe(&mut coarse);
    drop_covered(&mut coarse, &fine);
    fine.append(&mut coarse);
    fine.sort_by_key(|p| p.ts);
    fine
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::UtcTime;
    use crate::histories::intake;
    use crate::histories::made_up::{Shape, World};
    use crate::histories::zip::Limits;
    use proptest::prelude::*;
    use std::io::Cursor;

    fn plays(listener: u64, shape: Shape) -> Vec<Play> {
        let world = World::small(5, UtcTime::parse("2026-11-23T00:00:00Z").unwrap());
        let zip = world.listener(listener).zip(shape);
        intake::read(Cursor::new(zip), Limits::default(), world.now()).unwrap().0
    }

    #[test]
    fn plays_come_back_as_they_were_and_the_bytes_are_always_the_same() {
        for shape in [Shape::ExtendedNew, Shape::ExtendedOld, Shape::Account] {
            let plays = plays(0, shape);
            let bytes = write("mship_1", &plays).unwrap();
            assert_eq!(bytes, write("mship_1", &plays).unwrap());
            assert_eq!(read(bytes.into()).unwrap(), plays, "{shape:?}");
        }
        assert_eq!(read(write("mship_1", &[]).unwrap().into()).unwrap(), []);
        assert!(read(Bytes::from_static(b"PAR1 or not")).is_err());
    }

    #[test]
    fn the_columns_are_these_and_no_other() {
        let bytes = write("mship_1", &plays(1, Shape::ExtendedOld)).unwrap();
        let builder = ParquetRecordBatchReaderBuilder::try_new(Bytes::from(bytes)).unwrap();
        let names: Vec<&str> = builder.schema().fields().iter().map(|f| f.name().as_str()).collect();
        let columns = "member_id ts ms_played artist album track track_uri country service started ended shuffle";
        assert_eq!(names.join(" "), columns);
    }

    #[test]
    fn a_second_history_adds_only_what_is_new() {
        let (extended, account) = (plays(2, Shape::ExtendedNew), plays(2, Shape::Account));
        assert_eq!(merge(extended.clone(), extended.clone()), extended);
        assert_eq!(merge(extended.clone(), account.clone()), extended, "the same listening, rounded");
        assert_eq!(merge(account.clone(), extended.clone()), extended, "whichever came first");
        let later: Vec<Play> = account.iter().cloned().map(|p| Play { ts: p.ts.plus_days(4_000), ..p }).collect();
        assert_eq!(merge(extended.clone(), later.clone()).len(), extended.len() + later.len());
        assert_eq!(merge(account.clone(), vec![]), account);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]
        #[test]
        fn merging_again_changes_nothing(cut in 0.0..1.0f64, shapes in prop::sample::select(vec![
            (Shape::ExtendedNew, Shape::ExtendedNew), (Shape::Account, Shape::ExtendedOld), (Shape::Account, Shape::Account),
        ])) {
            let (mut one, two) = (plays(3, shapes.0), plays(3, shapes.1));
            one.truncate((one.len() as f64 * cut) as usize);
            let once = merge(one.clone(), two.clone());
            prop_assert_eq!(&merge(once.clone(), two.clone()), &once);
            prop_assert_eq!(&merge(once.clone(), one.clone()), &once);
            prop_assert_eq!(&merge(two, one), &once);
        }
    }
}
