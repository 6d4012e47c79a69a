//! Editions, for operators and for those who hold a licence on them.

use crate::accounts::caller::{Caller, Operator};
use crate::body::Body;
use crate::context::Context;
use crate::datasets::actions::{self, EditionManifest, EditionView};
use crate::error::Result;
use crate::ids::EditionId;
use actix_web::HttpResponse;
use actix_web::web::{Data, Json, Path};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Stops the drawing of an edition.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"reason": "The machine is needed for something else today."}))]
pub struct StopDraw {
    /// Why, in words that buyers read too: 1 to 2,000 characters.
    #[schema(min_length = 1, max_length = 2000)]
    pub reason: String,
}

/// `GET /v1/editions/{id}`
pub async fn edition(caller: Caller, ctx: Data<Context>, id: Path<EditionId>) -> Result<Json<EditionView>> {
    Ok(Json(actions::edition(&ctx, &caller, id.into_inner()).await?))
}

/// `GET /v1/editions/{id}/manifest`
pub async fn manifest(caller: Caller, ctx: Data<Context>, id: Path<EditionId>) -> Result<Json<EditionManifest>> {
    Ok(Json(actions::manifest(&ctx, &caller, id.into_inner()).await?))
}

/// `GET /v1/editions/{id}/privacy-report`
pub async fn privacy_report(ctx: Data<Context>, id: Path<EditionId>) -> Result<HttpResponse> {
    let report = actions::privacy_report(&ctx, id.into_inner()).await?;
    Ok(HttpResponse::Ok().content_type("text/plain; charset=utf-8").body(report))
}

/// `POST /v1/editions/{id}/stop-draw`
pub async fn stop_draw(
    operator: Operator,
    ctx: Data<Context>,
    id: Path<EditionId>,
    body: Body<StopDraw>,
) -> Result<Json<EditionView>> {
    Ok(Json(actions::stop_draw(&ctx, &operator, id.into_inner(), body.into_inner().reason).await?))
}
