//! The example of a manifest in the API's document: made by the code that makes real ones, so that it never goes stale.

use super::formats::FileEntry;
use super::manifest::{Making, Manifest, TableReport};
use super::noise::NoisePlan;
use super::recipe::Recipe;
use crate::clock::UtcTime;

/// The manifest of a made-up edition of the default recipe.
pub fn manifest() -> Manifest {
    let recipe = Recipe::default();
    let file = |name: &str, media_type: &str, bytes| FileEntry {
        name: name.into(),
        bytes,
        sha256: "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08".into(),
        media_type: media_type.into(),
    };
    let files = vec![
        file("artist_preference.parquet", "application/vnd.apache.parquet", 48_211),
        file("artist_preference.csv", "text/csv", 61_904),
    ];
    let manifest = NoisePlan::of(&recipe).and_then(|plan| {
        let columns = recipe.columns()?;
        let making = Making {
            drawn_at: UtcTime::from_unix_s(1_769_860_800).expect("the last day of January 2026 is in the calendar"),
            members: 18_000,
            listed_artists: None,
            pool_delta_pico: 5_000,
            tables: vec![TableReport { name: recipe.kind().into(), columns, row_count: 1_204 }],
            files,
        };
        Manifest::new(&recipe, &plan, making)
    });
    manifest.expect("the default recipe holds")
}
