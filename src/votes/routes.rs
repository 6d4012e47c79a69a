//! A member's votes over HTTP.

use crate::accounts::caller::{Caller, Member};
use crate::body::Body;
use crate::context::Context;
use crate::error::Result;
use crate::ids::VoteId;
use crate::page::{Page, PageQuery};
use crate::query::Query;
use crate::votes::ballot_box::BallotBox;
use crate::votes::model::Choice;
use crate::votes::views::{BallotView, HeadView, ProofView, VoteView};
use crate::votes::{actions, answer};
use actix_web::HttpResponse;
use actix_web::body::SizedStream;
use actix_web::http::header;
use actix_web::web::{Data, Json, Path};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

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
    ballots: Data<BallotBox>,
    id: Path<VoteId>,
    body: Body<CastBallot>,
) -> Result<HttpResponse> {
    let (ballot, receipt) = actions::cast(&ballots, &member, id.into_inner(), body.choice).await?;
    Ok(HttpResponse::Ok().content_type(header::ContentType::json()).body(answer::cast(&ballot, &receipt)))
}

/// `GET /v1/votes/{id}/ballot`: the member's own ballot as it counts now.
pub async fn own_ballot(member: Member, ctx: Data<Context>, id: Path<VoteId>) -> Result<Json<BallotView>> {
    let (ballot, receipt) = actions::own_ballot(&ctx, &member, id.into_inner()).await?;
    Ok(Json(BallotView::with(ballot, receipt)))
}

/// A place in a log.
#[derive(Debug, Clone, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct InclusionQuery {
    /// The leaf's place, from 0. It has to be said.
    #[param(minimum = 0)]
    pub index: Option<u64>,
    /// Leaves of the log in which it is to be shown: those of the head that one has. All that there are, if not said.
    #[param(minimum = 1)]
    pub size: Option<u64>,
}

/// Two states of a log.
#[derive(Debug, Clone, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ConsistencyQuery {
    /// Leaves of the earlier one, at least one. It has to be said.
    #[param(minimum = 1)]
    pub first: Option<u64>,
    /// Leaves of the later one. All that there are, if not said.
    #[param(minimum = 1)]
    pub second: Option<u64>,
}

/// `GET /v1/votes/{id}/log`: the log as it is now, signed.
pub async fn log(caller: Caller, ctx: Data<Context>, id: Path<VoteId>) -> Result<Json<HeadView>> {
    Ok(Json(actions::head(&ctx, &caller, id.into_inner()).await?.into()))
}

/// `GET /v1/votes/{id}/bundle`: what is published of an ended vote.
pub async fn bundle(ctx: Data<Context>, id: Path<VoteId>) -> Result<HttpResponse> {
    let (bundle, bytes) = actions::bundle(&ctx, id.into_inner()).await?;
    Ok(HttpResponse::Ok()
        .content_type("application/x-ndjson")
        .insert_header((header::ETAG, format!("\"{}\"", bundle.sha256)))
        .insert_header((header::CONTENT_DISPOSITION, format!("attachment; filename=\"{}.jsonl\"", bundle.vote_id)))
        .body(SizedStream::new(bundle.size_bytes.unsigned_abs(), bytes)))
}

/// `GET /v1/votes/{id}/log/inclusion`: shows that a leaf is in the log.
pub async fn inclusion(
    caller: Caller,
    ctx: Data<Context>,
    id: Path<VoteId>,
    query: Query<InclusionQuery>,
) -> Result<Json<ProofView>> {
    let InclusionQuery { index, size } = query.into_inner();
    Ok(Json(ProofView::of(actions::inclusion(&ctx, &caller, id.into_inner(), index, size).await?)))
}

/// `GET /v1/votes/{id}/log/consistency`: shows that the log as it was is the beginning of what it is.
pub async fn consistency(
    caller: Caller,
    ctx: Data<Context>,
    id: Path<VoteId>,
    query: Query<ConsistencyQuery>,
) -> Result<Json<ProofView>> {
    let ConsistencyQuery { first, second } = query.into_inner();
    Ok(Json(ProofView::of(actions::consistency(&ctx, &caller, id.into_inner(), first, second).await?)))
}
