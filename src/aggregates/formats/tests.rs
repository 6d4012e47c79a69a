//! The files, read back as buyers read them.

use super::*;
use crate::aggregates::columns::Column;
use datafusion::arrow::array::{ArrayRef, BooleanArray, Float64Array, Int64Array, StringArray};
use datafusion::arrow::compute::concat_batches;
use datafusion::arrow::datatypes::Field;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use proptest::prelude::*;
use serde_json::{Value, json};
use std::sync::Arc;

/// The rows of a table as JSON objects.
pub fn rows_of(batch: &RecordBatch) -> Vec<Value> {
    let row = |row: usize| {
        let mut line = Vec::new();
        json_line(batch, row, &mut line).unwrap();
        serde_json::from_slice(&line).unwrap()
    };
    (0..batch.num_rows()).map(row).collect()
}

pub fn read_parquet(content: &Bytes) -> Vec<Value> {
    let reader = ParquetRecordBatchReaderBuilder::try_new(content.clone()).unwrap().build().unwrap();
    reader.map(Result::unwrap).flat_map(|batch| rows_of(&batch)).collect()
}

pub fn read_arrow(content: &Bytes) -> Vec<Value> {
    let reader = datafusion::arrow::ipc::reader::FileReader::try_new(std::io::Cursor::new(content), None).unwrap();
    assert!(reader.schema().metadata()["refrain"].contains("\"synthetic\":"));
    reader.map(Result::unwrap).flat_map(|batch| rows_of(&batch)).collect()
}

pub fn read_json_lines(content: &Bytes) -> Vec<Value> {
    let lines = std::str::from_utf8(content).unwrap().split_terminator('\n');
    lines.map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Reads a CSV file as a careful buyer does: RFC 4180, and one apostrophe off where the note says so. `like` tells the types.
pub fn read_csv(content: &Bytes, like: &RecordBatch) -> Vec<Value> {
    let mut reader = csv::Reader::from_reader(content.as_ref());
    let headers = reader.headers().unwrap().clone();
    let value = |cell: &str, data_type: &DataType| match data_type {
        DataType::Utf8 => {
            let first = cell.trim_start_matches('\'').chars().next();
            let guarded = cell.starts_with('\'') && first.is_some_and(|c| "=+-@\t\r".contains(c));
            json!(if guarded { &cell[1..] } else { cell })
        }
        DataType::Int64 => json!(cell.parse::<i64>().unwrap()),
        DataType::Float64 if cell.is_empty() => Value::Null,
        DataType::Float64 => json!(cell.parse::<f64>().unwrap()),
        _ => json!(cell == "true"),
    };
    let row = |record: csv::StringRecord| {
        let cells = headers.iter().zip(&record).map(|(name, cell)| {
            (name.to_owned(), value(cell, like.schema().field_with_name(name).unwrap().data_type()))
        });
        Value::Object(cells.collect())
    };
    reader.records().map(|record| row(record.unwrap())).collect()
}

fn label() -> Label<'static> {
    Label { recipe_kind: "artist_preference", recipe_sha256: "00", synthetic: false }
}

fn table(names: &[String], numbers: &[i64]) -> Table {
    let shares: Float64Array = numbers.iter().map(|n| (n % 3 != 0).then_some((n % 10_000) as f64 / 10_000.0)).collect();
    let flags: BooleanArray = numbers.iter().map(|n| Some(n % 2 == 0)).collect();
    let columns: Vec<(Field, ArrayRef)> = vec![
        (Field::new("artist", DataType::Utf8, false), Arc::new(StringArray::from_iter_values(names))),
        (Field::new("fans", DataType::Int64, false), Arc::new(Int64Array::from_iter_values(numbers.iter().copied()))),
        (Field::new("skip_share", DataType::Float64, true), Arc::new(shares)),
        (Field::new("several_time_zones", DataType::Boolean, false), Arc::new(flags)),
    ];
    let (fields, arrays): (Vec<Field>, Vec<ArrayRef>) = columns.into_iter().unzip();
    let rows = RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays).unwrap();
    let column = Column {
        name: "artist".into(),
        kind: "text".into(),
        unit: String::new(),
        meaning: "Who.".into(),
        error_bar: "None.".into(),
    };
    Table { name: "artist_preference".into(), columns: vec![column], rows }
}

#[test]
fn the_csv_is_rfc_4180() {
    let names = ["Crosby, Stills, Nash", "\"Quoted\"", "two\nlines", "=1+1"].map(str::to_owned);
    let text = String::from_utf8(csv(&table(&names, &[3, -4, 2, 0]).rows).unwrap()).unwrap();
    assert_eq!(
        text,
        "artist,fans,skip_share,several_time_zones\r\n\"Crosby, Stills, Nash\",3,,false\r\n\"\"\"Quoted\"\"\",-4,-0.0004,true\r\n\
         \"two\nlines\",2,0.0002,true\r\n'=1+1,0,,true\r\n"
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
    fn any_name_survives_every_format(names in prop::collection::vec("(?s).{0,12}|['=+@,\"\r\n\t-]{1,5}", 0..8), n in -1_000_000i64..1_000_000) {
        let numbers: Vec<i64> = (0..names.len() as i64).map(|i| n + i).collect();
        let table = table(&names, &numbers);
        let files = write(&table, &label()).unwrap();
        let rows = rows_of(&table.rows);
        prop_assert_eq!(&read_parquet(&files[0].content), &rows);
        prop_assert_eq!(&read_csv(&files[1].content, &table.rows), &rows);
        prop_assert_eq!(&read_json_lines(&files[2].content), &rows);
        prop_assert_eq!(&read_arrow(&files[3].content), &rows);
    }
}

#[test]
fn the_same_rows_are_the_same_bytes() {
    let names: Vec<String> = (0..5_000).map(|i| format!("Artist {}", i % 4_321)).collect();
    let numbers: Vec<i64> = (0..5_000).map(|i| i * 7 - 9).collect();
    let whole = table(&names, &numbers);
    let (front, back) = (table(&names[..99], &numbers[..99]), table(&names[99..], &numbers[99..]));
    let joined =
        Table { rows: concat_batches(&whole.rows.schema(), [&front.rows, &back.rows]).unwrap(), ..whole.clone() };
    let (one, two) = (write(&whole, &label()).unwrap(), write(&joined, &label()).unwrap());
    for (one, two) in one.iter().zip(&two) {
        assert_eq!(one.entry, two.entry);
        assert_eq!(one.content, two.content);
        assert_eq!(one.entry.bytes, one.content.len() as u64);
    }
}
