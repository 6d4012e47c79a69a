//! The manifest of an edition: everything a buyer may know about how it was made, and no number that was not drawn.
//!
//! What stands here comes from the recipe, from membership (which is public under the notion of neighbours used)
//! or from the released rows. Nothing comes from the plays themselves.

use super::accuracy::share_of_pool;
use super::formats::FileEntry;
use super::noise::{MeasureNoise, NoisePlan, epsilon_at};
use super::recipe::{ArtistPreference, Cost, PICO, Recipe};
use super::words::{Column, UNIT_OF_PRIVACY};
use crate::clock::UtcTime;
use crate::error::Result;
use crate::text::decimal;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The failure probability at which epsilon is always given: one in a million.
const CUSTOMARY_DELTA_PICO: u64 = PICO / 1_000_000;

/// How an edition was made and what it holds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[schema(example = json!(super::example::manifest()))]
pub struct Manifest {
    /// Version of this document's shape.
    pub manifest_version: u32,
    /// What was computed and what is protected, in plain words.
    pub explanation: String,
    /// Whose privacy is protected, and against what.
    pub unit_of_privacy: String,
    /// The recipe.
    pub recipe: Recipe,
    /// SHA-256 of the recipe's canonical form.
    pub recipe_sha256: String,
    /// Which plays were in question.
    pub period: Period,
    /// Members in the edition, those without plays too.
    pub members: u64,
    /// How far any one member can move the numbers.
    pub bounds: Bounds,
    /// How it was decided which artists appear.
    pub selection: Selection,
    /// Noise and error bars, by measure.
    pub measures: Vec<MeasureReport>,
    /// What the draw took from the pool's privacy budget.
    pub cost: Cost,
    /// The same as epsilon at a total failure probability.
    pub epsilon: Vec<EpsilonAt>,
    /// The columns of the files.
    pub columns: Vec<Column>,
    /// Rows in each file.
    pub row_count: u64,
    /// The files.
    pub files: Vec<FileEntry>,
    /// What the numbers do not say.
    pub caveats: Vec<String>,
}

/// A period of plays, by the instant at which they ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Period {
    /// First instant inside; absent: from the beginning.
    pub from: Option<UtcTime>,
    /// First instant after; absent: to the end.
    pub to: Option<UtcTime>,
    /// The same in words.
    pub words: String,
}

/// The limits on one member's part.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Bounds {
    /// Artists of each member that count, the most played first (L).
    pub artists_per_member: u32,
    /// Plays of one artist by one member that count (C).
    pub plays_per_artist: u32,
    /// Shorter plays do not count. In milliseconds.
    pub min_ms_played: u32,
}

/// How artists come into the file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Selection {
    /// An artist of fewer members never appears (K).
    pub floor_members: u32,
    /// An artist appears when its fans, less the floor minus one, with noise, are more than this (tau). In members.
    pub threshold: i64,
    /// So no row has fewer fans than this. In members.
    pub smallest_published_fans: i64,
    /// The same as a share of the members, 0 to 1 and above; absent in an empty pool.
    pub smallest_published_share: Option<f64>,
    /// The probability that the choice of artists gives any one member away (delta).
    pub failure_probability: f64,
}

/// Noise and error bars of one measure.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct MeasureReport {
    /// The column.
    pub column: String,
    /// Unit of the numbers below.
    pub unit: String,
    /// Law of the noise.
    pub noise: String,
    /// Standard deviation of the noise (sigma).
    pub noise_standard_deviation: f64,
    /// In 95 of 100 rows the noise is at most this, up or down.
    pub half_width_95: i64,
    /// With 95 % confidence the noise of all rows at once is at most this; absent for no rows.
    pub half_width_95_all_rows: Option<i64>,
    /// Privacy spent on this measure, in 1e-9 rho.
    pub rho_nano: u64,
}

/// Privacy as (epsilon, delta).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct EpsilonAt {
    /// Epsilon.
    pub epsilon: f64,
    /// At this total failure probability.
    pub delta: f64,
    /// The same in words.
    pub words: String,
}

impl Manifest {
    pub(super) fn new(
        recipe: &Recipe,
        plan: &NoisePlan,
        members: u64,
        pool_delta_pico: u64,
        row_count: u64,
        files: Vec<FileEntry>,
    ) -> Result<Manifest> {
        let Recipe::ArtistPreference(p) = recipe;
        Ok(Manifest {
            manifest_version: 1,
            explanation: recipe.explanation(),
            unit_of_privacy: UNIT_OF_PRIVACY.into(),
            recipe: recipe.clone(),
            recipe_sha256: recipe.sha256(),
            period: Period { from: p.from, to: p.to, words: p.period_in_words() },
            members,
            bounds: Bounds {
                artists_per_member: p.artists_per_member,
                plays_per_artist: p.plays_per_artist,
                min_ms_played: p.min_ms_played,
            },
            selection: Selection {
                floor_members: p.floor_members,
                threshold: plan.threshold,
                smallest_published_fans: plan.smallest_published_fans,
                smallest_published_share: share_of_pool(plan.smallest_published_fans, members),
                failure_probability: plan.cost.delta(),
            },
            measures: measures(p, plan, row_count)?,
            cost: plan.cost,
            epsilon: epsilons(plan.cost, Some(pool_delta_pico))?,
            columns: recipe.columns()?,
            row_count,
            files,
            caveats: recipe.caveats(),
        })
    }
}

/// Noise and error bars by measure, those for all rows at once for so many rows.
pub(super) fn measures(p: &ArtistPreference, plan: &NoisePlan, rows: u64) -> Result<Vec<MeasureReport>> {
    let report = |column: &str, unit: &str, noise: MeasureNoise, rho_nano: u64| -> Result<MeasureReport> {
        Ok(MeasureReport {
            column: column.into(),
            unit: unit.into(),
            noise: "discrete Gaussian".into(),
            noise_standard_deviation: noise.sigma,
            half_width_95: noise.half_width_95,
            half_width_95_all_rows: noise.half_width_95_all(rows)?,
            rho_nano,
        })
    };
    Ok(vec![
        report("fans", "members", plan.fans, p.fans_rho_nano)?,
        report("capped_plays", "plays", plan.capped_plays, p.capped_plays_rho_nano)?,
    ])
}

/// Epsilon at one in a million, and at the pool's own delta where that leaves room beyond what the cost uses.
pub(super) fn epsilons(cost: Cost, pool_delta_pico: Option<u64>) -> Result<Vec<EpsilonAt>> {
    let mut deltas = vec![CUSTOMARY_DELTA_PICO];
    deltas.extend(pool_delta_pico.filter(|delta| *delta != CUSTOMARY_DELTA_PICO));
    let mut out = Vec::new();
    for delta_pico in deltas {
        if let Some(epsilon) = epsilon_at(cost, delta_pico)? {
            let words = format!(
                "Except with a probability of {}, whether a member's plays are in makes no outcome more than {:.1} times as likely \
                 (epsilon {epsilon:.2}).",
                decimal(delta_pico, 12),
                epsilon.exp()
            );
            out.push(EpsilonAt { epsilon, delta: delta_pico as f64 / PICO as f64, words });
        }
    }
    Ok(out)
}
