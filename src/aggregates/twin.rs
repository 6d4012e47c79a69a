//! The synthetic twin: a made-up file of the same schema and rough shape as an edition, for trying out one's tools before buying.
//! Made from the recipe, the number of members and a seed alone.

use super::formats::{self, File, Label};
use super::noise::{NoisePlan, Row};
use super::popularity;
use super::recipe::Recipe;
use crate::clock::Entropy;
use crate::error::Result;

/// A twin has at least this many rows, also where the pool is too small for an edition to have any.
const FEWEST_ROWS: usize = 50;
/// And at most this many: it is for trying out tools.
const MOST_ROWS: usize = 5_000;

/// The twin's files. The name, the artists and the Parquet file's metadata all say that it is made up.
///
/// # Errors
/// `invalid`: the recipe does not hold.
pub fn synthetic_twin(recipe: &Recipe, members: u64, seed: u64) -> Result<Vec<File>> {
    recipe.validate()?;
    let rows = rows(recipe, members, seed)?;
    let stem = format!("synthetic-twin-of-{}", recipe.kind().replace('_', "-"));
    let (columns, recipe_sha256) = (recipe.columns()?, recipe.sha256());
    let label = Label {
        stem: &stem,
        recipe_kind: recipe.kind(),
        recipe_sha256: &recipe_sha256,
        columns: &columns,
        synthetic: true,
    };
    formats::write(&rows, &label)
}

fn rows(recipe: &Recipe, members: u64, seed: u64) -> Result<Vec<Row>> {
    let Recipe::ArtistPreference(p) = recipe;
    let plan = NoisePlan::of(p)?;
    let smallest = plan.smallest_published_fans;
    let entropy = Entropy::seeded(seed);
    let mut rows: Vec<Row> = popularity::expected_fans(members, p.artists_per_member)
        .enumerate()
        .take_while(|(i, fans)| *i < MOST_ROWS && (*i < FEWEST_ROWS || *fans >= smallest as f64))
        .map(|(i, fans)| {
            let fans = (fans + plan.fans.sigma * roughly_normal(&entropy)).round() as i64;
            let fans = fans.max(smallest);
            // Favourites of favourites: the plays of a member fall with the artist's place in the list, about 30 on average.
            let plays_each = f64::from(p.plays_per_artist).min(20.0 + 20.0 * uniform(&entropy));
            let plays = fans as f64 * plays_each + plan.capped_plays.sigma * roughly_normal(&entropy);
            Row { artist: format!("Made-up Artist {:04}", i + 1), fans, capped_plays: plays.round() as i64 }
        })
        .collect();
    rows.sort_by(|a, b| b.fans.cmp(&a.fans).then_with(|| a.artist.cmp(&b.artist)));
    Ok(rows)
}

/// Between 0 and 1. Nothing private depends on it.
fn uniform(entropy: &Entropy) -> f64 {
    f64::from(u32::from_le_bytes(entropy.bytes())) / f64::from(u32::MAX)
}

/// Twelve uniform numbers make a bell that is good enough for made-up rows. Never used on members' data.
fn roughly_normal(entropy: &Entropy) -> f64 {
    (0..12).map(|_| uniform(entropy)).sum::<f64>() - 6.0
}

#[cfg(test)]
mod tests {
    use super::super::formats::tests::{read_csv, read_parquet};
    use super::*;

    #[test]
    fn a_twin_is_made_up_labelled_and_repeatable() {
        let recipe = Recipe::default();
        let twin = synthetic_twin(&recipe, 3_000, 7).unwrap();
        assert_eq!(twin[0].entry.name, "synthetic-twin-of-artist-preference.parquet");
        let rows = read_parquet(&twin[0].content);
        assert_eq!(rows, read_csv(&twin[1].content));
        assert!(rows.len() >= 50);
        assert!(rows.iter().all(|row| row.artist.starts_with("Made-up Artist ") && row.fans >= 103));
        assert!(rows.windows(2).all(|pair| pair[0].fans >= pair[1].fans), "sorted like an edition");
        let metadata = String::from_utf8_lossy(&twin[0].content).into_owned();
        assert!(metadata.contains("refrain.synthetic"));
        assert_eq!(twin[0].entry, synthetic_twin(&recipe, 3_000, 7).unwrap()[0].entry);
        assert_ne!(twin[0].entry, synthetic_twin(&recipe, 3_000, 8).unwrap()[0].entry);
        assert_eq!(
            read_parquet(&synthetic_twin(&recipe, 0, 7).unwrap()[0].content).len(),
            50,
            "small pools have a twin too"
        );
    }
}
