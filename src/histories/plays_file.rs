//! Plays as a Parquet file: the only form in which the pool keeps them.
//!
//! A file holds the plays of one member or of many, sorted by member and time, so that each member's plays
//! lie together. Every text is a dictionary, in the file and in memory: whoever counts compares codes and
//! reads each name once. The Arrow schema is written along, so that readers get dictionaries unasked.

use super::helpers::Helpers;
use super::play::{Ended, Play, Service, Started, drop_covered, instant, sort_and_dedupe};
use crate::error::{Error, Result};
use bytes::Bytes;
use datafusion::arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, RecordBatch, StringDictionaryBuilder, TimestampMillisecondArray,
    UInt32Array,
};
use datafusion::arrow::datatypes::{
    DataType, Field, Int32Type, Schema, SchemaRef, TimeUnit, TimestampMillisecondType, UInt32Type,
};
use datafusion::parquet::arrow::ArrowWriter;
use datafusion::parquet::arrow::arrow_reader::{ArrowReaderOptions, ParquetRecordBatchReaderBuilder};
use datafusion::parquet::arrow::arrow_writer::{ArrowColumnChunk, ArrowColumnWriter, compute_leaves};
use datafusion::parquet::basic::{Compression, Encoding, ZstdLevel};
use datafusion::parquet::errors::Result as ParquetResult;
use datafusion::parquet::file::metadata::SortingColumn;
use datafusion::parquet::file::properties::{
    EnabledStatistics, WriterProperties, WriterPropertiesBuilder, WriterVersion,
};
use datafusion::parquet::schema::types::ColumnPath;
use std::ops::ControlFlow;
use std::sync::{Arc, LazyLock};

/// Rows of a row group, at most.
const ROW_GROUP_ROWS: usize = 1 << 20;

/// Room for the dictionary of a column in a row group: 100,000 artists need a third of it. Beyond it a
/// column would fall back to plain text, which is slow to count.
const DICTIONARY_BYTES: usize = 8 << 20;

/// A text as these files keep it.
pub(super) fn text_type() -> DataType {
    DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8))
}

/// The columns of a plays file, in order.
pub fn schema() -> SchemaRef {
    static SCHEMA: LazyLock<SchemaRef> = LazyLock::new(|| {
        let text = |name, nullable| Field::new(name, text_type(), nullable);
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

/// How plays files are written. Rows must come sorted by `member_id` and `ts`.
///
/// Instants are kept as differences and lengths as they are: their values hardly repeat. Only the columns
/// by which rows are found have statistics; nobody looks for one page, so that no page index is kept.
pub fn writer_properties() -> WriterProperties {
    sorted_by(2)
        .set_column_dictionary_enabled(ColumnPath::from("ts"), false)
        .set_column_encoding(ColumnPath::from("ts"), Encoding::DELTA_BINARY_PACKED)
        .set_column_statistics_enabled(ColumnPath::from("ts"), EnabledStatistics::Chunk)
        .set_column_dictionary_enabled(ColumnPath::from("ms_played"), false)
        .set_column_encoding(ColumnPath::from("ms_played"), Encoding::PLAIN)
        .build()
}

/// What the files of this room have in common: sorted by their first columns, of which one is the member.
pub(super) fn sorted_by(columns: i32) -> WriterPropertiesBuilder {
    let ascending = |column_idx| SortingColumn { column_idx, descending: false, nulls_first: false };
    WriterProperties::builder()
        .set_writer_version(WriterVersion::PARQUET_1_0)
        .set_created_by("refrain".to_owned()) // no version of a library in the bytes
        .set_compression(Compression::ZSTD(ZstdLevel::default())) // the fastest; encoded columns hardly shrink more
        .set_dictionary_enabled(true)
        .set_dictionary_page_size_limit(DICTIONARY_BYTES)
        .set_max_row_group_row_count(Some(ROW_GROUP_ROWS))
        .set_statistics_enabled(EnabledStatistics::None)
        .set_column_statistics_enabled(ColumnPath::from("member_id"), EnabledStatistics::Chunk)
        .set_offset_index_disabled(true)
        .set_sorting_columns(Some((0..columns).map(ascending).collect()))
}

/// Plays of one member as rows, in the order given.
///
/// # Errors
/// `internal`: the columns fit the schema, except by a defect.
pub fn batch(member_id: &str, plays: &[Play]) -> Result<RecordBatch> {
    let columns = (0..schema().fields().len()).map(|place| column(place, member_id, plays)).collect();
    RecordBatch::try_new(schema(), columns).map_err(Error::internal)
}

/// One column of [`schema`], by its place there.
fn column(place: usize, member_id: &str, plays: &[Play]) -> ArrayRef {
    let some = |of: fn(&Play) -> &str| texts(plays.iter().map(|play| Some(of(play))));
    let perhaps = |of: fn(&Play) -> Option<&str>| texts(plays.iter().map(of));
    match place {
        0 => texts(plays.iter().map(|_| Some(member_id))),
        1 => {
            let instants = TimestampMillisecondArray::from_iter_values(plays.iter().map(|play| play.ts.unix_ms()));
            Arc::new(instants.with_timezone("UTC"))
        }
        2 => Arc::new(UInt32Array::from_iter_values(plays.iter().map(|play| play.ms_played))),
        3 => some(|play| &play.artist),
        4 => perhaps(|play| play.album.as_deref()),
        5 => some(|play| &play.track),
        6 => perhaps(|play| play.track_uri.as_deref()),
        7 => perhaps(|play| play.country.as_deref()),
        8 => some(|play| play.service.as_str()),
        9 => some(|play| play.started.as_str()),
        10 => some(|play| play.ended.as_str()),
        _ => Arc::new(BooleanArray::from_iter(plays.iter().map(|play| play.shuffle))),
    }
}

fn texts<'a>(values: impl Iterator<Item = Option<&'a str>>) -> ArrayRef {
    let mut column = StringDictionaryBuilder::<Int32Type>::new();
    values.for_each(|value| column.append_option(value));
    Arc::new(column.finish())
}

/// Writes the plays of one member, which must be sorted by time as the intake gives them. The same plays
/// of the same member give the same bytes, however many threads help.
///
/// # Errors
/// `internal`: writing to memory fails only by a defect.
pub fn write(member_id: &str, plays: &[Play], helpers: &Helpers) -> Result<Vec<u8>> {
    let file = ArrowWriter::try_new(Vec::new(), schema(), Some(writer_properties())).map_err(Error::internal)?;
    let (mut file, encoders) = file.into_serialized_writer().map_err(Error::internal)?;
    for (number, plays) in plays.chunks(ROW_GROUP_ROWS).enumerate() {
        // Columns know nothing of one another until they are put one behind the other.
        let encoders = encoders.create_column_writers(number).map_err(Error::internal)?;
        let work = encoders.into_iter().zip(schema().fields().iter().cloned()).enumerate().collect();
        let encoded = helpers.map(work, |(place, (encoder, field))| {
            ControlFlow::Continue(encode(encoder, &field, &column(place, member_id, plays)))
        });
        let mut group = file.next_row_group().map_err(Error::internal)?;
        for column in encoded {
            column.and_then(|column| column.append_to_row_group(&mut group)).map_err(Error::internal)?;
        }
        group.close().map_err(Error::internal)?;
    }
    file.into_inner().map_err(Error::internal)
}

fn encode(mut encoder: ArrowColumnWriter, field: &Field, values: &ArrayRef) -> ParquetResult<ArrowColumnChunk> {
    for leaf in compute_leaves(field, values)? {
        encoder.write(&leaf)?;
    }
    encoder.close()
}

/// Reads a plays file back, in the order it was written.
///
/// # Errors
/// `internal` where the file is not a plays file.
pub fn read(bytes: Bytes) -> Result<Vec<Play>> {
    // Files of before texts were dictionaries are read as if they had been.
    let options = ArrowReaderOptions::new().with_schema(schema());
    let builder = ParquetRecordBatchReaderBuilder::try_new_with_options(bytes, options).map_err(Error::internal)?;
    let mut plays = Vec::new();
    for batch in builder.build().map_err(Error::internal)? {
        append(&batch.map_err(Error::internal)?, &mut plays)?;
    }
    Ok(plays)
}

/// The plays of rows in [`schema`], at the end of those that are there.
pub(super) fn append(batch: &RecordBatch, plays: &mut Vec<Play>) -> Result<()> {
    let unknown = || Error::internal("a plays file holds a word that is not known");
    let text = |column: usize, row: usize| -> Option<&str> {
        let values = batch.column(column).as_dictionary::<Int32Type>();
        values.key(row).map(|code| values.values().as_string::<i32>().value(code))
    };
    let needed = |column, row| text(column, row).ok_or_else(unknown);
    let perhaps = |column, row| text(column, row).map(str::to_owned);
    let ts = batch.column(1).as_primitive::<TimestampMillisecondType>();
    let ms_played = batch.column(2).as_primitive::<UInt32Type>();
    let shuffle = batch.column(11).as_boolean();
    plays.reserve(batch.num_rows());
    for row in 0..batch.num_rows() {
        plays.push(Play {
            ts: instant(ts.value(row))?,
            ms_played: ms_played.value(row),
            artist: needed(3, row)?.to_owned(),
            album: perhaps(4, row),
            track: needed(5, row)?.to_owned(),
            track_uri: perhaps(6, row),
            country: perhaps(7, row),
            service: Service::parse(needed(8, row)?).ok_or_else(unknown)?,
            started: Started::parse(needed(9, row)?).ok_or_else(unknown)?,
            ended: Ended::parse(needed(10, row)?).ok_or_else(unknown)?,
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
    use crate::histories::helpers::Helpers;
    use crate::histories::intake;
    use crate::histories::made_up::{Shape, World};
    use crate::histories::zip::Limits;
    use proptest::prelude::*;
    use std::io::Cursor;

    fn plays(listener: u64, shape: Shape) -> Vec<Play> {
        let world = World::small(5, UtcTime::parse("2026-11-23T00:00:00Z").unwrap());
        let zip = world.listener(listener).zip(shape);
        intake::read(Cursor::new(zip), Limits::default(), world.now(), &Helpers::new(0)).unwrap().0
    }

    #[test]
    fn plays_come_back_as_they_were_and_the_bytes_are_always_the_same() {
        for shape in [Shape::ExtendedNew, Shape::ExtendedOld, Shape::Account] {
            let plays = plays(0, shape);
            let bytes = write("mship_1", &plays, &Helpers::new(0)).unwrap();
            assert_eq!(bytes, write("mship_1", &plays, &Helpers::new(0)).unwrap());
            assert_eq!(read(bytes.into()).unwrap(), plays, "{shape:?}");
        }
        assert_eq!(read(write("mship_1", &[], &Helpers::new(0)).unwrap().into()).unwrap(), []);
        assert!(read(Bytes::from_static(b"PAR1 or not")).is_err());
    }

    #[test]
    fn files_of_before_texts_were_dictionaries_are_read_too() {
        let plays = plays(0, Shape::ExtendedNew);
        let plain: Vec<Field> = schema().fields().iter().map(|field| plain(field)).collect();
        let plain = Arc::new(Schema::new(plain));
        let columns = batch("mship_1", &plays).unwrap().columns().iter().zip(plain.fields()).map(as_plain).collect();
        let mut writer = ArrowWriter::try_new(Vec::new(), plain.clone(), None).unwrap();
        writer.write(&RecordBatch::try_new(plain, columns).unwrap()).unwrap();
        assert_eq!(read(writer.into_inner().unwrap().into()).unwrap(), plays);
    }

    fn plain(field: &Field) -> Field {
        let data_type = if *field.data_type() == text_type() { DataType::Utf8 } else { field.data_type().clone() };
        field.clone().with_data_type(data_type)
    }

    fn as_plain((column, field): (&ArrayRef, &Arc<Field>)) -> ArrayRef {
        datafusion::arrow::compute::cast(column, field.data_type()).unwrap()
    }

    #[test]
    fn readers_get_dictionaries_unasked_and_a_hundred_thousand_names_stay_codes() {
        let some = plays(0, Shape::ExtendedNew).remove(0);
        let plays: Vec<Play> =
            (0..100_000).map(|n| Play { artist: format!("an artist with a name {n}"), ..some.clone() }).collect();
        let bytes = Bytes::from(write("mship_1", &plays, &Helpers::new(0)).unwrap());
        let builder = ParquetRecordBatchReaderBuilder::try_new(bytes).unwrap();
        assert_eq!(builder.schema().fields(), schema().fields());
        let columns = builder.metadata().row_group(0).columns();
        for column in [0, 3, 4, 5, 6, 7, 8, 9, 10] {
            let pages = columns[column].page_encoding_stats_mask();
            assert!(pages.is_some_and(|mask| mask.is_only(Encoding::RLE_DICTIONARY)), "{column}: {pages:?}");
        }
        assert!(columns[2].dictionary_page_offset().is_none() && columns[1].dictionary_page_offset().is_none());
        assert!(columns[0].statistics().is_some() && columns[3].statistics().is_none());
        assert!(
            columns
                .iter()
                .all(|column| column.column_index_offset().is_none() && column.offset_index_offset().is_none())
        );
    }

    #[test]
    fn the_columns_are_these_and_no_other() {
        let bytes = write("mship_1", &plays(1, Shape::ExtendedOld), &Helpers::new(0)).unwrap();
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
