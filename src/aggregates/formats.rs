//! The files of an edition, in the formats that buyers' tools read: the same bytes from the same rows, every time.

use super::table::Table;
use crate::error::{Error, Result};
use aws_lc_rs::digest;
use bytes::Bytes;
use datafusion::arrow::array::{Array, AsArray, RecordBatch};
use datafusion::arrow::datatypes::{DataType, Float64Type, Int64Type, Schema};
use datafusion::arrow::ipc::writer::FileWriter;
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_writer::ArrowWriterOptions;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::metadata::KeyValue;
use parquet::file::properties::WriterProperties;
use serde::{Deserialize, Serialize};
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

/// What the files say about themselves, besides their columns.
pub(super) struct Label<'a> {
    pub recipe_kind: &'a str,
    pub recipe_sha256: &'a str,
    /// Whether the rows are made up.
    pub synthetic: bool,
}

/// Writes a table, its rows in the order given, in every format.
pub(super) fn write(table: &Table, label: &Label<'_>) -> Result<Vec<File>> {
    let name = &table.name;
    Ok(vec![
        file(format!("{name}.parquet"), "application/vnd.apache.parquet", parquet(table, label)?),
        file(format!("{name}.csv"), "text/csv; charset=utf-8; header=present", csv(&table.rows)?),
        file(format!("{name}.jsonl"), "application/jsonl", json_lines(&table.rows)?),
        file(format!("{name}.arrow"), "application/vnd.apache.arrow.file", arrow(table, label)?),
    ])
}

fn file(name: String, media_type: &str, content: Vec<u8>) -> File {
    let sha256 = hex::encode(digest::digest(&digest::SHA256, &content));
    let entry = FileEntry { name, bytes: content.len() as u64, sha256, media_type: media_type.into() };
    File { entry, content: content.into() }
}

/// Parquet, zstd. What the columns mean is in the file's key-value metadata.
fn parquet(table: &Table, label: &Label<'_>) -> Result<Vec<u8>> {
    let about = |key: &str, value: String| KeyValue::new(format!("refrain.{key}"), value);
    let properties = WriterProperties::builder()
        // The library would name its own version here, and an upgrade would change the bytes.
        .set_created_by("refrain".into())
        .set_compression(Compression::ZSTD(ZstdLevel::try_new(3).map_err(Error::internal)?))
        .set_key_value_metadata(Some(vec![
            about("recipe", label.recipe_kind.into()),
            about("recipe_sha256", label.recipe_sha256.into()),
            about("synthetic", label.synthetic.to_string()),
            about("columns", serde_json::to_string(&table.columns)?),
        ]))
        .build();
    // The Arrow schema would be embedded with its own metadata; the Parquet schema says all there is to say.
    let options = ArrowWriterOptions::new().with_properties(properties).with_skip_arrow_metadata(true);
    let mut out = Vec::new();
    let schema = table.rows.schema();
    let mut writer = ArrowWriter::try_new_with_options(&mut out, schema, options).map_err(Error::internal)?;
    writer.write(&table.rows).map_err(Error::internal)?;
    writer.close().map_err(Error::internal)?;
    Ok(out)
}

/// Arrow IPC, the file format, not compressed: to be mapped into memory. What the columns mean is in the
/// schema's metadata, under one key: the library writes several in any order.
fn arrow(table: &Table, label: &Label<'_>) -> Result<Vec<u8>> {
    let about = serde_json::json!({
        "recipe": label.recipe_kind, "recipe_sha256": label.recipe_sha256, "synthetic": label.synthetic,
        "columns": table.columns
    });
    let schema = Schema::new(table.rows.schema().fields().clone());
    let schema = schema.with_metadata([("refrain".to_owned(), about.to_string())].into());
    let rows = RecordBatch::try_new(schema.into(), table.rows.columns().to_vec()).map_err(Error::internal)?;
    let mut out = Vec::new();
    let mut writer = FileWriter::try_new(&mut out, &rows.schema()).map_err(Error::internal)?;
    writer.write(&rows).map_err(Error::internal)?;
    writer.finish().map_err(Error::internal)?;
    drop(writer);
    Ok(out)
}

/// One value of a table.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Cell<'a> {
    Nothing,
    Text(&'a str),
    Whole(i64),
    Number(f64),
    Flag(bool),
}

impl Cell<'_> {
    /// As JSON.
    pub fn json(self) -> serde_json::Value {
        match self {
            Cell::Nothing => serde_json::Value::Null,
            Cell::Text(text) => text.into(),
            Cell::Whole(number) => number.into(),
            Cell::Number(number) => number.into(),
            Cell::Flag(flag) => flag.into(),
        }
    }

    /// As a cell of CSV.
    fn csv(self) -> String {
        match self {
            Cell::Nothing => String::new(),
            Cell::Text(text) => guarded(text),
            Cell::Whole(number) => number.to_string(),
            Cell::Number(number) => number.to_string(),
            Cell::Flag(flag) => flag.to_string(),
        }
    }
}

/// A value of a table: `internal` where a column has a type that tables do not have.
pub(super) fn cell(column: &dyn Array, row: usize) -> Result<Cell<'_>> {
    if column.is_null(row) {
        return Ok(Cell::Nothing);
    }
    Ok(match column.data_type() {
        DataType::Utf8 => Cell::Text(column.as_string::<i32>().value(row)),
        DataType::Int64 => Cell::Whole(column.as_primitive::<Int64Type>().value(row)),
        DataType::Float64 => Cell::Number(column.as_primitive::<Float64Type>().value(row)),
        DataType::Boolean => Cell::Flag(column.as_boolean().value(row)),
        other => return Err(Error::internal(format!("a table has a column of {other}"))),
    })
}

/// JSON Lines: UTF-8, one object a line, in the order of the columns.
fn json_lines(rows: &RecordBatch) -> Result<Vec<u8>> {
    let mut out = Vec::new();
    for row in 0..rows.num_rows() {
        json_line(rows, row, &mut out)?;
        out.push(b'\n');
    }
    Ok(out)
}

/// One row as a JSON object, in the order of the columns.
pub(super) fn json_line(rows: &RecordBatch, row: usize, out: &mut Vec<u8>) -> Result<()> {
    let mut before = b'{';
    for (field, column) in rows.schema_ref().fields().iter().zip(rows.columns()) {
        out.push(before);
        serde_json::to_writer(&mut *out, field.name())?;
        out.push(b':');
        serde_json::to_writer(&mut *out, &cell(column, row)?.json())?;
        before = b',';
    }
    out.push(b'}');
    Ok(())
}

/// CSV as in RFC 4180: UTF-8 without a mark, one header line, CRLF, quotes where they are needed.
fn csv(rows: &RecordBatch) -> Result<Vec<u8>> {
    let mut writer = csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(Vec::new());
    writer.write_record(rows.schema_ref().fields().iter().map(|field| field.name())).map_err(Error::internal)?;
    for row in 0..rows.num_rows() {
        for column in rows.columns() {
            writer.write_field(cell(column, row)?.csv()).map_err(Error::internal)?;
        }
        writer.write_record(None::<&[u8]>).map_err(Error::internal)?;
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
pub(super) mod tests;
