//! The synthetic twin: a made-up file of the same schema and rough shape as an edition, for trying out one's tools before buying.
//! Made from the recipe, the number of members and a seed alone.

use super::formats::{self, File, Label};
use super::keys::{self, Key, Value};
use super::measures::MOST_SUMS;
use super::noise::{GroupSums, NoisePlan};
use super::popularity;
use super::recipe::{KeysFrom, Recipe};
use super::{table, vectors};
use crate::clock::{Entropy, UtcTime};
use crate::error::Result;

/// A twin has at least this many rows where an edition has as many groups as listening brings, also where the pool is too
/// small for any.
const FEWEST_ROWS: usize = 50;
/// And at most this many: it is for trying out tools.
const MOST_ROWS: usize = 5_000;
/// A made-up list of artists is so long at most.
const MOST_LISTED: u32 = 40;

/// The twin's files. The name, the artists and the Parquet file's metadata all say that it is made up. `drawn_at` tells which
/// months are the last ones, where the recipe asks for these.
///
/// # Errors
/// `invalid`: the recipe does not hold.
pub fn synthetic_twin(recipe: &Recipe, members: u64, drawn_at: UtcTime, seed: u64) -> Result<Vec<File>> {
    recipe.validate()?;
    let plan = NoisePlan::of(recipe)?;
    let groups = groups(recipe, &plan, members, drawn_at, seed)?;
    let mut tables = vec![table::of(recipe, &plan, &groups, None)?];
    tables.extend(vectors::of(recipe, &groups)?);
    let recipe_sha256 = recipe.sha256();
    let label = Label { recipe_kind: recipe.kind(), recipe_sha256: &recipe_sha256, synthetic: true };
    let mut files = Vec::new();
    for table in &mut tables {
        table.name = format!("synthetic-twin-of-{}", table.name.replace('_', "-"));
        files.extend(formats::write(table, &label)?);
    }
    Ok(files)
}

fn groups(recipe: &Recipe, plan: &NoisePlan, members: u64, drawn_at: UtcTime, seed: u64) -> Result<Vec<GroupSums>> {
    let entropy = Entropy::seeded(seed);
    let smallest = plan.threshold.map_or(i64::MIN, |threshold| threshold.smallest_published());
    let expected = match recipe.keys_from {
        KeysFrom::Threshold => heard(recipe, members, smallest),
        _ => listed(recipe, members, drawn_at)?,
    };
    let mut groups: Vec<GroupSums> = expected
        .into_iter()
        .map(|(values, members)| {
            let mut sums = made_up(recipe, members, &entropy);
            for (sum, noise) in sums.iter_mut().zip(&plan.sums) {
                *sum += (noise.sigma * roughly_normal(&entropy)).round() as i64;
            }
            sums[0] = sums[0].max(smallest);
            sums.truncate(plan.sums.len());
            GroupSums { values, sums }
        })
        .collect();
    if recipe.keys_from == KeysFrom::Threshold {
        groups.sort_by(|a, b| b.sums[0].cmp(&a.sums[0]).then_with(|| a.values.cmp(&b.values)));
    }
    Ok(groups)
}

/// Groups as listening brings them, with the members that the model expects.
fn heard(recipe: &Recipe, members: u64, smallest: i64) -> Vec<(Vec<Value>, f64)> {
    let shares = popularity::shares(recipe);
    let mut groups: Vec<(usize, usize, f64)> = popularity::expected_fans(members, recipe.keys_per_member)
        .take(MOST_ROWS)
        .enumerate()
        .flat_map(|(artist, fans)| shares.iter().enumerate().map(move |(other, share)| (artist, other, fans * share)))
        .collect();
    groups.sort_by(|a, b| b.2.total_cmp(&a.2));
    let passed = groups.partition_point(|(_, _, fans)| *fans >= smallest as f64);
    groups.truncate(passed.clamp(FEWEST_ROWS, MOST_ROWS));
    groups.into_iter().map(|(artist, other, fans)| (values(recipe, artist, other), fans)).collect()
}

fn artist_name(place: usize) -> String {
    format!("Made-up Artist {:04}", place + 1)
}

fn values(recipe: &Recipe, artist: usize, other: usize) -> Vec<Value> {
    let text = |text: String| Value::Text(text);
    let mut values = Vec::new();
    for key in &recipe.group_by {
        match key {
            Key::Artist => values.push(text(artist_name(artist))),
            Key::Album => values.extend([text(artist_name(artist)), text(format!("Made-up Album {}", other + 1))]),
            Key::Track => values.extend([text(artist_name(artist)), text(format!("Made-up Track {}", other + 1))]),
            Key::ArtistPair => values.extend([text(artist_name(artist)), text(artist_name(artist + 1 + other))]),
            Key::Month => values.push(text(keys::month_text(12 * 55 + other as u32 % 24))),
            Key::Weekday => values.push(Value::Number(other as i64 % 7)),
            Key::HourOfWeek => values.push(Value::Number(other as i64 % 168)),
            Key::Country => values.push(text(["DE", "SE", "BR", "JP", "US", "FR"][other % 6].into())),
            Key::Service => values.push(text("spotify".into())),
            Key::MonthsSinceFirst | Key::Volume | Key::Variety => values.push(text(String::new())),
        }
    }
    values
}

/// All groups of a recipe whose groups are known beforehand, of a short made-up list where they come from one.
fn listed(recipe: &Recipe, members: u64, drawn_at: UtcTime) -> Result<Vec<(Vec<Value>, f64)>> {
    let artists: Vec<String> =
        (0..recipe.most_artists.unwrap_or(0).min(MOST_LISTED) as usize).map(artist_name).collect();
    let mut domain = keys::domain(recipe, &artists, drawn_at)?;
    domain.truncate(MOST_ROWS);
    let each = members as f64 / domain.len().max(1) as f64;
    let fans: Vec<f64> = popularity::expected_fans(members, recipe.keys_per_member).take(artists.len()).collect();
    let expected = |values: &[Value]| match values.first() {
        Some(Value::Text(name)) => artists.iter().position(|artist| artist == name).map_or(each, |place| fans[place]),
        _ => each,
    };
    Ok(domain.into_iter().map(|values| (values.clone(), expected(&values))).collect())
}

/// Sums that fit together, without noise.
fn made_up(recipe: &Recipe, members: f64, entropy: &Entropy) -> Vec<i64> {
    let plays_each = f64::from(recipe.plays_per_key.unwrap_or(1)).min(20.0 + 20.0 * uniform(entropy));
    let share = 0.2 + 0.3 * uniform(entropy);
    let mut sums = Vec::with_capacity(MOST_SUMS);
    for sum in recipe.sums() {
        let whole = if sum.most == 1 { members } else { members * plays_each };
        let is_part = matches!(sum.column, "skipped_plays" | "finished_plays" | "first_plays" | "returned_members");
        let value = match sum.column {
            "minutes" => members * plays_each * 3.5,
            _ if is_part => whole * share,
            _ => whole,
        };
        sums.push(value.round() as i64);
    }
    sums
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
    use super::super::formats::tests::{read_json_lines, read_parquet};
    use super::*;
    use crate::aggregates::presets;
    use crate::aggregates::recipe::Kind;

    fn twin(recipe: &Recipe, members: u64, seed: u64) -> Vec<File> {
        synthetic_twin(recipe, members, UtcTime::parse("2026-03-15T00:00:00Z").unwrap(), seed).unwrap()
    }

    #[test]
    fn a_twin_is_made_up_labelled_and_repeatable() {
        let recipe = Recipe::default();
        let files = twin(&recipe, 3_000, 7);
        assert_eq!(files[0].entry.name, "synthetic-twin-of-artist-preference.parquet");
        let rows = read_parquet(&files[0].content);
        assert_eq!(rows, read_json_lines(&files[2].content));
        assert!(rows.len() >= 50);
        let fans: Vec<i64> = rows.iter().map(|row| row["fans"].as_i64().unwrap()).collect();
        assert!(rows.iter().all(|row| row["artist"].as_str().unwrap().starts_with("Made-up Artist ")));
        assert!(fans.iter().all(|fans| *fans >= 103) && fans.is_sorted_by(|a, b| a >= b), "sorted like an edition");
        let metadata = String::from_utf8_lossy(&files[0].content).into_owned();
        assert!(metadata.contains("refrain.synthetic"));
        assert_eq!(files[0].entry, twin(&recipe, 3_000, 7)[0].entry);
        assert_ne!(files[0].entry, twin(&recipe, 3_000, 8)[0].entry);
        assert_eq!(read_parquet(&twin(&recipe, 0, 7)[0].content).len(), 50, "small pools have a twin too");
    }

    #[test]
    fn every_kind_has_a_twin_of_its_own_columns() {
        for kind in Kind::ALL.iter().filter(|kind| **kind != Kind::Custom) {
            let recipe = presets::of(*kind);
            let rows = read_parquet(&twin(&recipe, 18_000, 7)[0].content);
            assert!(rows.len() >= 40, "{kind}: {}", rows.len());
            let columns = recipe.columns().unwrap();
            assert!(columns.iter().all(|column| rows[0].get(&column.name).is_some()), "{kind}: {}", rows[0]);
        }
    }
}
