//! Recalls over HTTP.

use super::actions::{self, Done};
use super::model::Remedy;
use crate::accounts::caller::Operator;
use crate::body::Body;
use crate::context::Context;
use crate::datasets::actions::RecallView;
use crate::datasets::cache::Catalogue;
use crate::datasets::recall::RecallGround;
use crate::error::Result;
use crate::ids::EditionId;
use actix_web::web::{Data, Json, Path};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Recalls an edition.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"ground": "error", "reason": "The plays of June were counted twice.", "remedy": "replacement"}))]
pub struct NewRecall {
    /// Why, in one word; the catalogue says it to everybody.
    pub ground: RecallGround,
    /// What happened, in words that every licensee reads: 1 to 2,000 characters. Name no member.
    #[schema(min_length = 1, max_length = 2000)]
    pub reason: String,
    /// What licensees get for it.
    pub remedy: Remedy,
}

/// Gives up a replacement.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"reason": "Nobody is left to draw it from."}))]
pub struct GiveUpReplacement {
    /// Why: 1 to 2,000 characters.
    #[schema(min_length = 1, max_length = 2000)]
    pub reason: String,
}

/// What was done.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(example = json!({
    "edition_id": "edition_01jd2k8m0wfv9s3x6q4r7t5y2a",
    "recall": {
        "recalled_at": "2026-02-10T09:00:00Z", "ground": "error", "state": "replacing",
        "replacement_id": "edition_01jd2k8m0wfv9s3x6q4r7t5y2z", "replacement_number": 2,
        "in_words": "Edition 1 was recalled on 2026-02-10: an error in the edition. Edition 2 is being drawn to take its place.",
        "reason": "The plays of June were counted twice."
    },
    "licences": 2,
    "offers": 1
}))]
pub struct RecallDone {
    /// The edition.
    pub edition_id: EditionId,
    /// Its recall.
    pub recall: RecallView,
    /// Licences that lost their files by this, or got their refund.
    pub licences: usize,
    /// Offers for the edition that were called off, and invoices that lapsed.
    pub offers: usize,
}

impl From<Done> for RecallDone {
    fn from(done: Done) -> Self {
        RecallDone {
            edition_id: done.recalled.recall.edition_id.clone(),
            recall: RecallView::from(&done.recalled),
            licences: done.licences,
            offers: done.offers,
        }
    }
}

/// `POST /v1/editions/{id}/recall`: from now on nothing of it is given out or sold.
pub async fn recall(
    operator: Operator,
    ctx: Data<Context>,
    shelf: Data<Catalogue>,
    id: Path<EditionId>,
    body: Body<NewRecall>,
) -> Result<Json<RecallDone>> {
    let NewRecall { ground, reason, remedy } = body.into_inner();
    let done = actions::recall(&ctx, &operator, id.into_inner(), ground, reason, remedy).await?;
    shelf.forget();
    Ok(Json(done.into()))
}

/// `POST /v1/editions/{id}/give-up-replacement`: licensees get their money instead.
pub async fn give_up_replacement(
    operator: Operator,
    ctx: Data<Context>,
    shelf: Data<Catalogue>,
    id: Path<EditionId>,
    body: Body<GiveUpReplacement>,
) -> Result<Json<RecallDone>> {
    let reason = body.into_inner().reason;
    let done = actions::give_up_replacement(&ctx, &operator, id.into_inner(), reason).await?;
    shelf.forget();
    Ok(Json(done.into()))
}
