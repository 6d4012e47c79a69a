//! The manifest of an edition, and with it its privacy report: everything a buyer or a member may know about how it was made,
//! and no number that was not drawn.
//!
//! What stands here comes from the recipe, from membership (which is public under the notion of neighbours used)
//! or from the released rows. Nothing comes from the plays themselves.

use super::accuracy::share_of_pool;
use super::columns::Column;
use super::formats::FileEntry;
use super::keys;
use super::noise::NoisePlan;
use super::recipe::{Cost, KeysFrom, PICO, Recipe};
use super::words::UNIT_OF_PRIVACY;
use crate::clock::UtcTime;
use crate::error::Result;
use crate::text::decimal;
use crate::zcdp::CUSTOMARY_DELTA_PICO;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

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
    /// How it was decided which groups appear.
    pub selection: Selection,
    /// Noise and error bars of each sum.
    pub measures: Vec<MeasureReport>,
    /// What the draw took from the pool's privacy budget.
    pub cost: Cost,
    /// The same as epsilon at a total failure probability.
    pub epsilon: Vec<EpsilonAt>,
    /// The tables of the edition, the recipe's own first.
    pub tables: Vec<TableReport>,
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
    /// Groups, or with pairs and months after the first play artists, of each member that count, the most played first.
    pub keys_per_member: u32,
    /// Groups that one member is in at most (L).
    pub groups_per_member: u32,
    /// Shorter plays do not count. In milliseconds.
    pub min_ms_played: u32,
}

/// How groups come into the file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Selection {
    /// Where they come from.
    pub keys_from: KeysFrom,
    /// How many artists the list has, where they come from one.
    pub listed_artists: Option<u64>,
    /// The threshold, where they come from listening.
    pub threshold: Option<ThresholdReport>,
    /// The probability that the choice of groups gives any one member away (delta).
    pub failure_probability: f64,
}

/// The threshold that a group has to pass.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ThresholdReport {
    /// A group of fewer members never appears (K).
    pub floor_members: u32,
    /// A group appears when its members, less the floor minus one, with noise, are more than this (tau). In members.
    pub threshold: i64,
    /// So no row has fewer members than this.
    pub smallest_published: i64,
    /// The same as a share of the members, 0 to 1 and above; absent in an empty pool.
    pub smallest_published_share: Option<f64>,
}

/// Noise and error bars of one sum.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct MeasureReport {
    /// The column; `minutes` stands behind `hours`.
    pub column: String,
    /// Unit of the numbers below.
    pub unit: String,
    /// The most that one member adds to one group (C).
    pub most_per_member: u32,
    /// How far one member moves the sums of all groups, in Euclidean length: C times the square root of L.
    pub sensitivity: f64,
    /// Law of the noise.
    pub noise: String,
    /// Standard deviation of the noise (sigma).
    pub noise_standard_deviation: f64,
    /// In 95 of 100 rows the noise is at most this, up or down.
    pub half_width_95: i64,
    /// With 95 % confidence the noise of all rows at once is at most this; absent for no rows.
    pub half_width_95_all_rows: Option<i64>,
    /// Privacy spent on this sum, in 1e-9 rho.
    pub rho_nano: u64,
}

/// A table of the edition.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TableReport {
    /// Name of its files, without extension.
    pub name: String,
    /// Its columns.
    pub columns: Vec<Column>,
    /// Rows in each of its files.
    pub row_count: u64,
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

/// What a manifest is made of besides the recipe.
pub(super) struct Making {
    pub drawn_at: UtcTime,
    pub members: u64,
    pub listed_artists: Option<u64>,
    pub pool_delta_pico: u64,
    pub tables: Vec<TableReport>,
    pub files: Vec<FileEntry>,
}

impl Manifest {
    pub(super) fn new(recipe: &Recipe, plan: &NoisePlan, making: Making) -> Result<Manifest> {
        let (from, to) = keys::period(recipe, making.drawn_at);
        let rows = making.tables.first().map_or(0, |table| table.row_count);
        Ok(Manifest {
            manifest_version: 2,
            explanation: recipe.explanation(),
            unit_of_privacy: UNIT_OF_PRIVACY.into(),
            recipe: recipe.clone(),
            recipe_sha256: recipe.sha256(),
            period: Period { from, to, words: recipe.period_in_words() },
            members: making.members,
            bounds: Bounds {
                keys_per_member: recipe.keys_per_member,
                groups_per_member: recipe.groups_per_member(),
                min_ms_played: recipe.min_ms_played,
            },
            selection: Selection {
                keys_from: recipe.keys_from,
                listed_artists: making.listed_artists,
                threshold: threshold(recipe, plan, making.members),
                failure_probability: plan.cost.delta(),
            },
            measures: measures(recipe, plan, rows)?,
            cost: plan.cost,
            epsilon: epsilons(plan.cost, Some(making.pool_delta_pico))?,
            tables: making.tables,
            files: making.files,
            caveats: recipe.caveats(),
        })
    }
}

/// The threshold in a pool of so many members, where there is one.
pub(super) fn threshold(recipe: &Recipe, plan: &NoisePlan, members: u64) -> Option<ThresholdReport> {
    plan.threshold.map(|threshold| ThresholdReport {
        floor_members: recipe.floor_members.unwrap_or(1),
        threshold: threshold.tau,
        smallest_published: threshold.smallest_published(),
        smallest_published_share: share_of_pool(threshold.smallest_published(), members),
    })
}

/// Noise and error bars by sum, those for all rows at once for so many rows.
pub(super) fn measures(recipe: &Recipe, plan: &NoisePlan, rows: u64) -> Result<Vec<MeasureReport>> {
    let groups = f64::from(recipe.groups_per_member());
    let report = |noise: &super::noise::SumNoise| {
        Ok(MeasureReport {
            column: noise.sum.column.into(),
            unit: noise.sum.unit.into(),
            most_per_member: noise.sum.most,
            sensitivity: f64::from(noise.sum.most) * groups.sqrt(),
            noise: "discrete Gaussian".into(),
            noise_standard_deviation: noise.sigma,
            half_width_95: noise.half_width_95,
            half_width_95_all_rows: noise.half_width_95_all(rows)?,
            rho_nano: noise.sum.rho_nano,
        })
    };
    plan.sums.iter().map(report).collect()
}

/// Epsilon at one in a million, and at the pool's own delta where that leaves room beyond what the cost uses.
pub(super) fn epsilons(cost: Cost, pool_delta_pico: Option<u64>) -> Result<Vec<EpsilonAt>> {
    let mut deltas = vec![CUSTOMARY_DELTA_PICO];
    deltas.extend(pool_delta_pico.filter(|delta| *delta != CUSTOMARY_DELTA_PICO));
    let mut out = Vec::new();
    for delta_pico in deltas {
        if let Some(epsilon) = cost.epsilon_at(delta_pico)? {
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
