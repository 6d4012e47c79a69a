//! The few rows of an edition that anybody may see once a vote has accepted its sale.

use super::noise::Row;
use aws_lc_rs::digest;

/// A preview never shows more rows than this.
pub const PREVIEW_ROWS: usize = 20;

/// And never more than one row in so many, so that the preview of a small edition is not the edition.
const ONE_ROW_IN: usize = 5;

/// At most `limit` rows, never more than [`PREVIEW_ROWS`] and never more than a fifth: chosen by a hash of the edition's digest and the artist, so that the
/// choice says nothing about rank and is the same for everybody. In the edition's order.
pub fn preview(rows: &[Row], edition_sha256: &str, limit: usize) -> Vec<Row> {
    let lot = |row: &Row| {
        let mut hash = digest::Context::new(&digest::SHA256);
        hash.update(edition_sha256.as_bytes());
        hash.update(&[0]);
        hash.update(row.artist.as_bytes());
        hash.finish().as_ref().to_vec()
    };
    let mut lots: Vec<(Vec<u8>, usize)> = rows.iter().enumerate().map(|(i, row)| (lot(row), i)).collect();
    lots.sort_unstable();
    lots.truncate(limit.min(PREVIEW_ROWS).min(rows.len() / ONE_ROW_IN));
    lots.sort_unstable_by_key(|(_, i)| *i);
    lots.into_iter().map(|(_, i)| rows[i].clone()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_preview_is_small_steady_and_blind_to_rank() {
        let rows: Vec<Row> =
            (0..500).map(|i| Row { artist: format!("Artist {i}"), fans: 1_000 - i, capped_plays: 0 }).collect();
        let one = preview(&rows, "aa", 20);
        assert_eq!(one, preview(&rows, "aa", 50), "never more than twenty, the same for everybody");
        assert_eq!(one.len(), 20);
        assert_ne!(one, preview(&rows, "bb", 20), "another edition shows other rows");
        assert!(one.iter().any(|row| row.fans < 750) && one.iter().any(|row| row.fans > 750), "not only the top");
        assert!(one.windows(2).all(|pair| pair[0].fans > pair[1].fans), "in the edition's order");
        assert!(preview(&[], "aa", 20).is_empty());
        assert_eq!(preview(&rows[..50], "aa", 20).len(), 10, "a fifth of a small edition");
        assert!(preview(&rows[..4], "aa", 20).is_empty());
    }
}
