//! Editions, for operators and for those who hold a licence on them.

use crate::accounts::caller::Caller;
use crate::context::Context;
use crate::datasets::actions::{self, EditionManifest, EditionView};
use crate::error::Result;
use crate::ids::EditionId;
use actix_web::web::{Data, Json, Path};

/// `GET /v1/editions/{id}`
pub async fn edition(caller: Caller, ctx: Data<Context>, id: Path<EditionId>) -> Result<Json<EditionView>> {
    Ok(Json(actions::edition(&ctx, &caller, id.into_inner()).await?))
}

/// `GET /v1/editions/{id}/manifest`
pub async fn manifest(caller: Caller, ctx: Data<Context>, id: Path<EditionId>) -> Result<Json<EditionManifest>> {
    Ok(Json(actions::manifest(&ctx, &caller, id.into_inner()).await?))
}
