//! The example of a manifest in the API's document: made by the code that makes real ones, so that it never goes stale.

use super::formats::FileEntry;
use super::manifest::Manifest;
use super::noise::NoisePlan;
use super::recipe::{ArtistPreference, Recipe};

/// The manifest of a made-up edition of the default recipe.
pub fn manifest() -> Manifest {
    let plan = NoisePlan::of(&ArtistPreference::default());
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
    let manifest = plan.and_then(|plan| Manifest::new(&Recipe::default(), &plan, 18_000, 5_000, 1_204, files));
    manifest.expect("the default recipe holds")
}
