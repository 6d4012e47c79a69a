//! The few rows of an edition that anybody may see once a vote has accepted its sale.

use super::formats::{cell, json_line};
use super::table::Table;
use crate::error::Result;
use aws_lc_rs::digest;
use serde_json::{Map, Value};

/// A preview never shows more rows than this.
pub const PREVIEW_ROWS: usize = 20;

/// And never more than one row in so many, so that the preview of a small edition is not the edition.
const ONE_ROW_IN: usize = 5;

/// At most `limit` rows, never more than [`PREVIEW_ROWS`] and never more than a fifth: chosen by a hash of the edition's
/// digest and the row, so that the choice says nothing about rank and is the same for everybody. In the edition's order.
///
/// # Errors
/// `internal`: only by a defect.
pub fn preview(table: &Table, edition_sha256: &str, limit: usize) -> Result<Vec<Map<String, Value>>> {
    let rows = &table.rows;
    let mut lots = Vec::with_capacity(rows.num_rows());
    let mut line = Vec::new();
    for row in 0..rows.num_rows() {
        line.clear();
        json_line(rows, row, &mut line)?;
        let mut hash = digest::Context::new(&digest::SHA256);
        hash.update(edition_sha256.as_bytes());
        hash.update(&[0]);
        hash.update(&line);
        lots.push((hash.finish().as_ref().to_vec(), row));
    }
    lots.sort_unstable();
    lots.truncate(limit.min(PREVIEW_ROWS).min(rows.num_rows() / ONE_ROW_IN));
    lots.sort_unstable_by_key(|(_, row)| *row);
    let shown = |row: usize| {
        let columns = rows.schema_ref().fields().iter().zip(rows.columns());
        columns.map(|(field, column)| Ok((field.name().clone(), cell(column, row)?.json()))).collect()
    };
    lots.into_iter().map(|(_, row)| shown(row)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aggregates::keys;
    use crate::aggregates::noise::{GroupSums, NoisePlan};
    use crate::aggregates::recipe::Recipe;
    use crate::aggregates::table;

    fn edition(rows: i64) -> Table {
        let recipe = Recipe::default();
        let group =
            |i: i64| GroupSums { values: vec![keys::Value::Text(format!("Artist {i}"))], sums: vec![1_000 - i, 0] };
        let groups: Vec<_> = (0..rows).map(group).collect();
        table::of(&recipe, &NoisePlan::of(&recipe).unwrap(), &groups, None).unwrap()
    }

    #[test]
    fn a_preview_is_small_steady_and_blind_to_rank() {
        let whole = edition(500);
        let one = preview(&whole, "aa", 20).unwrap();
        assert_eq!(one, preview(&whole, "aa", 50).unwrap(), "never more than twenty, the same for everybody");
        assert_eq!(one.len(), 20);
        assert_ne!(one, preview(&whole, "bb", 20).unwrap(), "another edition shows other rows");
        let fans: Vec<i64> = one.iter().map(|row| row["fans"].as_i64().unwrap()).collect();
        assert!(fans.iter().any(|n| *n < 750) && fans.iter().any(|n| *n > 750), "not only the top");
        assert!(fans.windows(2).all(|pair| pair[0] > pair[1]), "in the edition's order");
        let size = |rows| preview(&edition(rows), "aa", 20).unwrap().len();
        assert_eq!((size(0), size(4), size(50)), (0, 0, 10), "a fifth of a small edition");
    }
}
