//! The files of an edition, in the formats that buyers' tools read: the same bytes from the same rows, every time.

use super::noise::Row;
use super::words::Column;
use crate::error::{Error, Result};
use aws_lc_rs::digest;
use bytes::Bytes;
use datafusion::arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray};
use datafusion::arrow::datatypes::{DataType, Field, Schema};
use datafusion::arrow::ipc::writer::FileWriter;
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_writer::ArrowWriterOptions;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::metadata::KeyValue;
use parquet::file::properties::WriterProperties;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use utoipa::ToSchema;

/// A file's entry in a manifest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FileEntry {
    /// Name of the file.
    pub name: String,
    /// Length in bytes.
    pub bytes: u64,
    /// SHA-256 of the content, 64 hexadecimal digits.
    pub sha256: String,
    /// Media type.
    pub media_type: String,
}

/// A file, ready to be stored.
#[derive(Debug, Clone)]
pub struct File {
    /// What the manifest says of it.
    pub entry: FileEntry,
    /// The content.
    pub content: Bytes,
}

/// What the files say about themselves.
pub(super) struct Label<'a> {
    /// Name without extension.
    pub stem: &'a str,
    pub recipe_kind: &'a str,
    pub recipe_sha256: &'a str,
    pub columns: &'a [Column],
    /// Whether the rows are made up.
    pub synthetic: bool,
}

/// Writes the rows, in the order given, in every format.
pub(super) fn write(rows: &[Row], label: &Label<'_>) -> Result<Vec<File>> {
    Ok(vec![
        file(format!("{}.parquet", label.stem), "application/vnd.apache.parquet", parquet(rows, label)?),
        file(format!("{}.csv", label.stem), "text/csv; charset=utf-8; header=present", csv(rows)?),
        file(format!("{}.jsonl", label.stem), "application/jsonl", json_lines(rows)?),
        file(format!("{}.arrow", label.stem), "application/vnd.apache.arrow.file", arrow(rows, label)?),
    ])
}

fn file(name: String, media_type: &str, content: Vec<u8>) -> File {
    let sha256 = hex::encode(digest::digest(&digest::SHA256, &content));
    let entry = FileEntry { name, bytes: content.len() as u64, sha256, media_type: media_type.into() };
    File { entry, content: content.into() }
}

/// Parquet, zstd. What the columns mean is in the file's key-value metadata.
fn parquet(rows: &[Row], label: &Label<'_>) -> Result<Vec<u8>> {
    let batch = table(rows, Schema::new(fields()))?;
    let about = |key: &str, value: String| KeyValue::new(format!("refrain.{key}"), value);
    let properties = WriterProperties::builder()
        // The library would name its own version here, and an upgrade would change the bytes.
        .set_created_by("refrain".into())
        .set_compression(Compression::ZSTD(ZstdLevel::try_new(3).map_err(Error::internal)?))
        .set_key_value_metadata(Some(vec![
            about("recipe", label.recipe_kind.into()),
            about("recipe_sha256", label.recipe_sha256.into()),
            about("synthetic", label.synthetic.to_string()),
            about("columns", serde_json::to_string(label.columns)?),
        ]))
        .build();
    // The Arrow schema would be embedded with its own metadata; the Parquet schema says all there is to say.
    let options = ArrowWriterOptions::new().with_properties(properties).with_skip_arrow_metadata(true);
    let mut out = Vec::new();
    let mut writer = ArrowWriter::try_new_with_options(&mut out, batch.schema(), options).map_err(Error::internal)?;
    writer.write(&batch).map_err(Error::internal)?;
    writer.close().map_err(Error::internal)?;
    Ok(out)
}

fn fields() -> Vec<Field> {
    vec![
        Field::new("artist", DataType::Utf8, false),
        Field::new("fans", DataType::Int64, false),
        Field::new("capped_plays", DataType::Int64, false),
    ]
}

fn table(rows: &[Row], schema: Schema) -> Result<RecordBatch> {
    let columns: Vec<ArrayRef> = vec![
        Arc::new(rows.iter().map(|row| Some(row.artist.as_str())).collect::<StringArray>()),
        Arc::new(rows.iter().map(|row| row.fans).collect::<Int64Array>()),
        Arc::new(rows.iter().map(|row| row.capped_plays).collect::<Int64Array>()),
    ];
    RecordBatch::try_new(Arc::new(schema), columns).map_err(Error::internal)
}

/// Arrow IPC, the file format, not compressed: to be mapped into memory. What the columns mean is in the
/// schema's metadata, under one key: the library writes several in any order.
fn arrow(rows: &[Row], label: &Label<'_>) -> Result<Vec<u8>> {
    let about = serde_json::json!({
        "recipe": label.recipe_kind, "recipe_sha256": label.recipe_sha256, "synthetic": label.synthetic,
        "columns": label.columns
    });
    let schema = Schema::new(fields()).with_metadata([("refrain".to_owned(), about.to_string())].into());
    let batch = table(rows, schema)?;
    let mut out = Vec::new();
    let mut writer = FileWriter::try_new(&mut out, &batch.schema()).map_err(Error::internal)?;
    writer.write(&batch).map_err(Error::internal)?;
    writer.finish().map_err(Error::internal)?;
    drop(writer);
    Ok(out)
}

/// JSON Lines: UTF-8, one object a line, in the order of the columns.
fn json_lines(rows: &[Row]) -> Result<Vec<u8>> {
    let mut out = Vec::new();
    for row in rows {
        serde_json::to_writer(&mut out, &Line { artist: &row.artist, fans: row.fans, capped_plays: row.capped_plays })?;
        out.push(b'\n');
    }
    Ok(out)
}

/// A row as JSON Lines have it.
#[derive(Serialize)]
struct Line<'a> {
    artist: &'a str,
    fans: i64,
    capped_plays: i64,
}

/// CSV as in RFC 4180: UTF-8 without a mark, one header line, CRLF, quotes where they are needed.
fn csv(rows: &[Row]) -> Result<Vec<u8>> {
    let mut writer = csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(Vec::new());
    writer.write_record(["artist", "fans", "capped_plays"]).map_err(Error::internal)?;
    for row in rows {
        let cells = [guarded(&row.artist), row.fans.to_string(), row.capped_plays.to_string()];
        writer.write_record(cells).map_err(Error::internal)?;
    }
    writer.into_inner().map_err(|e| Error::internal(e.to_string()))
}

/// Puts an apostrophe before a text that a spreadsheet would run as a formula, and before one that looks as if that had
/// been done, so that taking one apostrophe off such a text always gives the name back. Other names stay as they are.
fn guarded(text: &str) -> String {
    let first = text.trim_start_matches('\'').chars().next();
    if matches!(first, Some('=' | '+' | '-' | '@' | '\t' | '\r')) { format!("'{text}") } else { text.to_owned() }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use datafusion::arrow::array::AsArray;
    use datafusion::arrow::datatypes::Int64Type;
    use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
    use proptest::prelude::*;

    pub fn read_parquet(content: &Bytes) -> Vec<Row> {
        let reader = ParquetRecordBatchReaderBuilder::try_new(content.clone()).unwrap().build().unwrap();
        reader.map(Result::unwrap).flat_map(|batch| rows_of(&batch)).collect()
    }

    fn rows_of(batch: &RecordBatch) -> Vec<Row> {
        let number = |i: usize| batch.column(i).as_primitive::<Int64Type>().clone();
        let (artists, fans, plays) = (batch.column(0).as_string::<i32>(), number(1), number(2));
        let row = |i: usize| Row { artist: artists.value(i).into(), fans: fans.value(i), capped_plays: plays.value(i) };
        (0..batch.num_rows()).map(row).collect()
    }

    /// Reads a CSV file as a careful buyer does: RFC 4180, and one apostrophe off where the note says so.
    pub fn read_csv(content: &Bytes) -> Vec<Row> {
        let mut reader = csv::Reader::from_reader(content.as_ref());
        assert_eq!(reader.headers().unwrap(), &["artist", "fans", "capped_plays"][..]);
        reader
            .records()
            .map(|record| {
                let record = record.unwrap();
                let name = &record[0];
                let first = name.trim_start_matches('\'').chars().next();
                let guarded = name.starts_with('\'') && first.is_some_and(|c| "=+-@\t\r".contains(c));
                let artist = if guarded { &name[1..] } else { name };
                Row {
                    artist: artist.into(),
                    fans: record[1].parse().unwrap(),
                    capped_plays: record[2].parse().unwrap(),
                }
            })
            .collect()
    }

    pub fn read_arrow(content: &Bytes) -> Vec<Row> {
        let reader = datafusion::arrow::ipc::reader::FileReader::try_new(std::io::Cursor::new(content), None).unwrap();
        assert!(reader.schema().metadata()["refrain"].contains("\"synthetic\":"));
        reader.map(Result::unwrap).flat_map(|batch| rows_of(&batch)).collect()
    }

    pub fn read_json_lines(content: &Bytes) -> Vec<Row> {
        let read = |line: &str| {
            let row: serde_json::Value = serde_json::from_str(line).unwrap();
            let number = |name: &str| row[name].as_i64().unwrap();
            Row {
                artist: row["artist"].as_str().unwrap().into(),
                fans: number("fans"),
                capped_plays: number("capped_plays"),
            }
        };
        std::str::from_utf8(content).unwrap().split_terminator('\n').map(read).collect()
    }

    fn label(columns: &[Column]) -> Label<'_> {
        Label {
            stem: "artist_preference",
            recipe_kind: "artist_preference",
            recipe_sha256: "00",
            columns,
            synthetic: false,
        }
    }

    fn row(artist: &str, fans: i64, capped_plays: i64) -> Row {
        Row { artist: artist.into(), fans, capped_plays }
    }

    #[test]
    fn the_csv_is_rfc_4180() {
        let rows =
            [row("Crosby, Stills, Nash", 3, -4), row("\"Quoted\"", 2, 2), row("two\nlines", 1, 1), row("=1+1", 1, 1)];
        let text = String::from_utf8(csv(&rows).unwrap()).unwrap();
        assert_eq!(
            text,
            "artist,fans,capped_plays\r\n\"Crosby, Stills, Nash\",3,-4\r\n\"\"\"Quoted\"\"\",2,2\r\n\"two\nlines\",1,1\r\n'=1+1,1,1\r\n"
        );
    }

    #[test]
    fn names_that_look_like_formulas_are_guarded_and_come_back() {
        for (name, cell) in [
            ("+44", "'+44"),
            ("-M-", "'-M-"),
            ("@onefive", "'@onefive"),
            ("'=x", "''=x"),
            ("'Til Tuesday", "'Til Tuesday"),
            ("a=b", "a=b"),
        ] {
            assert_eq!(guarded(name), cell);
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn any_name_survives_every_format(names in prop::collection::vec("(?s).{0,12}|['=+@,\"\r\n\t-]{1,5}", 0..8), n in any::<i64>()) {
            let rows: Vec<Row> = names.iter().enumerate().map(|(i, name)| row(name, n, i as i64 - 3)).collect();
            let files = write(&rows, &label(&[])).unwrap();
            prop_assert_eq!(&read_parquet(&files[0].content), &rows);
            prop_assert_eq!(&read_csv(&files[1].content), &rows);
            prop_assert_eq!(&read_json_lines(&files[2].content), &rows);
            prop_assert_eq!(&read_arrow(&files[3].content), &rows);
        }
    }

    #[test]
    fn the_same_rows_are_the_same_bytes() {
        let columns = super::super::Recipe::default().columns().unwrap();
        let rows: Vec<Row> = (0..5_000).map(|i| row(&format!("Artist {}", i % 4_321), i, i * 7 - 9)).collect();
        let (one, two) = (write(&rows, &label(&columns)).unwrap(), write(&rows, &label(&columns)).unwrap());
        for (one, two) in one.iter().zip(&two) {
            assert_eq!(one.entry, two.entry);
            assert_eq!(one.content, two.content);
            assert_eq!(one.entry.bytes, one.content.len() as u64);
        }
    }
}
