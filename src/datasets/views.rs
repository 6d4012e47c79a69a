//! A listing as it is written out for its readers.

use super::budget::{BudgetView, PriceView};
use super::model::DatasetState;
use super::provenance::ProvenanceView;
use super::recall::RecallSummary;
use crate::aggregates::{AccuracySheet, Column, EpsilonAt, TableColumns};
use crate::clock::UtcTime;
use crate::ids::{DatasetId, EditionId, PoolId, RecipeId};
use serde::Serialize;
use utoipa::ToSchema;

/// All about a listing.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!(super::example::page()))]
pub struct DatasetView {
    /// Its id.
    pub id: DatasetId,
    /// Where it stands; `listed` for everything in the catalogue.
    pub state: DatasetState,
    /// One line about it.
    pub title: String,
    /// What it is and what it is good for.
    pub description: String,
    /// Words to find it by.
    pub keywords: Vec<String>,
    /// What a buyer may use it for; fixed since it was listed.
    pub purposes: Vec<String>,
    /// When it was listed first.
    pub listed_at: Option<UtcTime>,
    /// The pool.
    pub pool: PoolView,
    /// Whom to ask.
    pub contact_email: String,
    /// What is computed.
    pub recipe: RecipeSummary,
    /// What the columns of the files mean.
    pub dictionary: Vec<Column>,
    /// Where the data comes from.
    pub provenance: ProvenanceView,
    /// What the recipe gives in a pool of this size, computed without looking at the data.
    pub accuracy: AccuracySheet,
    /// Rows that an edition has at least, or the terms' refund applies.
    pub rows_promised: i64,
    /// A made-up file of the same shape, to try one's tools on.
    pub twin: TwinView,
    /// The licence in full.
    pub licence: LicenceTextView,
    /// The lowest price, with everything that is paid.
    pub price: PriceView,
    /// What the pool's privacy budget still allows.
    pub budget: BudgetView,
    /// Whether somebody has it exclusively.
    pub exclusivity: ExclusivityView,
    /// The editions that were drawn, newest first. Those that were recalled say so: they are neither sold nor given out.
    pub editions: Vec<EditionSummary>,
    /// Rows of the newest edition that was not recalled; absent before there is one.
    pub preview: Option<PreviewView>,
}

/// What the columns of a listing's files mean.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({"columns": [{
    "name": "artist", "type": "text", "unit": "", "meaning": "The album artist's name as the service wrote it.",
    "error_bar": "None: the name is exact."
}]}))]
pub struct DictionaryView {
    /// The columns, in order.
    pub columns: Vec<Column>,
    /// The tables that an edition has besides.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub further_tables: Vec<TableColumns>,
}

/// The pool of a listing.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = DatasetPoolView, example = json!({"id": "pool_01jd2k8m0wfv9s3x6q4r7t5y2z", "name": "Northern Listeners", "members": 18_000}))]
pub struct PoolView {
    /// Its id.
    pub id: PoolId,
    /// Its name.
    pub name: String,
    /// Members at present; the number is at most a minute old.
    pub members: u64,
}

/// The recipe of a listing.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({"id": "recipe_01jd2k8m0wfv9s3x6q4r7t5y2z", "name": "artists", "version": 1, "kind": "artist_preference", "sha256": "7b1c…"}))]
pub struct RecipeSummary {
    /// Its id.
    pub id: RecipeId,
    /// What operators call it.
    pub name: String,
    /// Its version.
    pub version: i32,
    /// The computation.
    pub kind: String,
    /// SHA-256 of its canonical form; the accuracy sheet has the recipe itself.
    pub sha256: String,
}

/// The synthetic twin.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({
    "note": "Made up from the recipe and a round number of members.",
    "files": [{"url": "/v1/datasets/dataset_01jd2k8m0wfv9s3x6q4r7t5y2z/twin.csv", "media_type": "text/csv"}]
}))]
pub struct TwinView {
    /// What it is.
    pub note: String,
    /// Its files.
    pub files: Vec<TwinFile>,
}

/// A file of the twin.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({"url": "/v1/datasets/dataset_01jd2k8m0wfv9s3x6q4r7t5y2z/twin.csv", "media_type": "text/csv"}))]
pub struct TwinFile {
    /// Where it is.
    pub url: String,
    /// Its media type.
    pub media_type: String,
}

/// The licence of a listing.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({"name": "Refrain standard licence 1", "text": "The licensee may …"}))]
pub struct LicenceTextView {
    /// Its name.
    pub name: String,
    /// All of it.
    pub text: String,
}

/// Whether somebody has a listing exclusively.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({"exclusive": false, "until": null, "words": "Nobody has an exclusive licence."}))]
pub struct ExclusivityView {
    /// Whether other offers are shut out at present.
    pub exclusive: bool,
    /// Until when.
    pub until: Option<UtcTime>,
    /// The same in words.
    pub words: String,
}

/// A published edition, as everybody may know it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({
    "id": "edition_01jd2k8m0wfv9s3x6q4r7t5y2z", "number": 1, "published_at": "2026-01-31T12:00:00Z", "rows": 1_204,
    "members": 18_000, "epsilon": [{"epsilon": 2.14, "delta": 0.000_001, "words": "Except with a probability of 0.000001 …"}]
}))]
pub struct EditionSummary {
    /// Its id.
    pub id: EditionId,
    /// 1, 2, … of the dataset.
    pub number: i32,
    /// When it was published.
    pub published_at: Option<UtcTime>,
    /// Rows in each file.
    pub rows: i64,
    /// Members in it.
    pub members: i64,
    /// What its draw means for a member's privacy.
    pub epsilon: Vec<EpsilonAt>,
    /// Why it is neither sold nor given out any more, where it was recalled.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recall: Option<RecallSummary>,
}

/// The rows of an edition that anybody may see.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({
    "edition_id": "edition_01jd2k8m0wfv9s3x6q4r7t5y2z", "note": "At most 20 rows of edition 1, chosen by a hash.",
    "rows": [{"artist": "Made-up Artist 0001", "fans": 1_204, "capped_plays": 60_311}]
}))]
pub struct PreviewView {
    /// The edition.
    pub edition_id: EditionId,
    /// How the rows were chosen.
    pub note: String,
    /// At most 20 rows, in the edition's order: the columns that the dictionary names.
    #[schema(value_type = Vec<Object>)]
    pub rows: Vec<serde_json::Map<String, serde_json::Value>>,
}
