//! What became of a pool's privacy budget, for everybody.

use crate::clock::UtcTime;
use crate::context::Context;
use crate::datasets::actions;
use crate::datasets::model::Spending;
use crate::error::{Error, Result};
use crate::ids::{BudgetEntryId, DatasetId, EditionId, PoolId};
use crate::page::{Page, PageQuery};
use crate::pools::model::BudgetState;
use crate::pools::views::CostView;
use crate::query::Query;
use actix_web::web::{Data, Json, Path};
use serde::Serialize;
use utoipa::ToSchema;

/// A part of a pool's privacy budget and what it went to.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(example = json!({
    "id": "budget_01jd2k8m0wfv9s3x6q4r7t5y2z", "state": "spent",
    "cost": {"rho_nano": 100_000_000, "delta_pico": 1_000, "epsilon": 2.14, "total_delta": 1e-6,
             "in_words": "rho 0.1 in zero-concentrated differential privacy"},
    "edition_id": "edition_01jd2k8m0wfv9s3x6q4r7t5y2z", "edition_number": 3,
    "dataset_id": "dataset_01jd2k8m0wfv9s3x6q4r7t5y2z", "dataset": "Artist preference",
    "reserved_at": "2026-01-08T12:00:00Z", "spent_at": "2026-01-20T09:30:00Z",
    "in_words": "Spent on edition 3 of “Artist preference”."
}))]
pub struct SpendingView {
    /// Its id.
    pub id: BudgetEntryId,
    /// `reserved` or `spent`; what went back to the pool is not listed.
    pub state: BudgetState,
    /// How much of the budget it is.
    pub cost: CostView,
    /// The edition, once it is drawn.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub edition_id: Option<EditionId>,
    /// Its number among those of its dataset.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub edition_number: Option<i32>,
    /// The dataset.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dataset_id: Option<DatasetId>,
    /// Its title.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dataset: Option<String>,
    /// When it was set aside.
    pub reserved_at: UtcTime,
    /// When it was spent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub spent_at: Option<UtcTime>,
    /// What it went to, in words.
    pub in_words: String,
}

impl TryFrom<Spending> for SpendingView {
    type Error = Error;

    fn try_from(spending: Spending) -> Result<Self> {
        let in_words = spending.in_words();
        let Spending { id, state, cost, reserved_at, spent_at, edition, dataset } = spending;
        let (edition_id, edition_number) = edition.map(|(id, number, _)| (id, number)).unzip();
        let (dataset_id, dataset) = dataset.unzip();
        Ok(SpendingView {
            id,
            state,
            cost: cost.try_into()?,
            edition_id,
            edition_number,
            dataset_id,
            dataset,
            reserved_at,
            spent_at,
            in_words,
        })
    }
}

/// `GET /v1/pools/{id}/budget`: what was set aside or spent, newest first.
pub async fn spending(
    ctx: Data<Context>,
    id: Path<PoolId>,
    query: Query<PageQuery>,
) -> Result<Json<Page<SpendingView>>> {
    Ok(Json(actions::spending(&ctx, id.into_inner(), &query).await?.try_map(SpendingView::try_from)?))
}
