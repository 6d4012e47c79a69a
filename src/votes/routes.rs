//! A member's votes over HTTP.

use crate::accounts::caller::{Caller, Member};
use crate::body::Body;
use crate::context::Context;
use crate::error::Result;
use crate::ids::VoteId;
use crate::page::{Page, PageQuery};
use crate::votes::actions;
use crate::votes::model::Choice;
use crate::votes::views::{BallotView, VoteView};
use actix_web::web::{Data, Json, Path, Query};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A ballot to be cast.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"choice": "yes"}))]
pub struct CastBallot {
    /// `yes`, `no` or `abstain`.
    pub choice: Choice,
}

/// `GET /v1/votes`: the votes in which the member may take part, open ones first.
pub async fn list(member: Member, ctx: Data<Context>, query: Query<PageQuery>) -> Result<Json<Page<VoteView>>> {
    let window = ctx.cursors.window(&query, &format!("votes of {}", member.account_id))?;
    let seen = actions::list(&ctx, &member, window.clone()).await?;
    let views = seen.into_iter().map(VoteView::of).collect::<Result<Vec<_>>>()?;
    Ok(Json(ctx.cursors.page(&window, views, |view| view.id.as_str())))
}

/// `GET /v1/votes/{id}`: one vote, for members of its pool and operators.
pub async fn read(caller: Caller, ctx: Data<Context>, id: Path<VoteId>) -> Result<Json<VoteView>> {
    Ok(Json(VoteView::of(actions::read(&ctx, &caller, id.into_inner()).await?)?))
}

/// `PUT /v1/votes/{id}/ballot`: casts the member's ballot or changes it.
pub async fn cast(
    member: Member,
    ctx: Data<Context>,
    id: Path<VoteId>,
    body: Body<CastBallot>,
) -> Result<Json<BallotView>> {
    Ok(Json(actions::cast(&ctx, &member, id.into_inner(), body.choice).await?.into()))
}

/// `GET /v1/votes/{id}/ballot`: the member's own ballot as it counts now.
pub async fn own_ballot(member: Member, ctx: Data<Context>, id: Path<VoteId>) -> Result<Json<BallotView>> {
    Ok(Json(actions::own_ballot(&ctx, &member, id.into_inner()).await?.into()))
}
