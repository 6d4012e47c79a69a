//! Pools over HTTP.

use super::actions;
pub use super::settings::{BudgetCap, NewConsentText, NewPool, PoolChange};
pub use super::views::{BudgetView, ConsentTextView, ConsentView, CostView, MembershipView, PoolView};
use crate::accounts::caller::{Member, Operator};
use crate::body::Body;
use crate::context::Context;
use crate::error::Result;
use crate::ids::PoolId;
use crate::page::{Page, PageQuery};
use crate::query::Query;
use actix_web::web::{Data, Json, Path};
use actix_web::{HttpResponse, http::header::LOCATION};
use serde::{Deserialize, Serialize};

/// Joining a pool.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"text_version": 1, "purposes": ["market_research"]}))]
pub struct Join {
    /// The version of the consent text that was read: the one that holds now.
    #[schema(minimum = 1)]
    pub text_version: i32,
    /// The purposes consented to, of those that the text names; none is fine, too.
    pub purposes: Vec<String>,
}

/// Consenting to one more purpose.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"text_version": 1}))]
pub struct GiveConsent {
    /// The version of the consent text that was read: the one that holds now.
    #[schema(minimum = 1)]
    pub text_version: i32,
}

/// Makes a pool.
pub async fn create(operator: Operator, ctx: Data<Context>, body: Body<NewPool>) -> Result<HttpResponse> {
    let view = PoolView::try_from(actions::create(&ctx, &operator, body.into_inner()).await?)?;
    Ok(HttpResponse::Created().insert_header((LOCATION, format!("/v1/pools/{}", view.id))).json(view))
}

/// Changes a pool's settings.
pub async fn change(
    operator: Operator,
    ctx: Data<Context>,
    id: Path<PoolId>,
    body: Body<PoolChange>,
) -> Result<Json<PoolView>> {
    Ok(Json(actions::change(&ctx, &operator, id.into_inner(), body.into_inner()).await?.try_into()?))
}

/// Lists the pools.
pub async fn list(ctx: Data<Context>, query: Query<PageQuery>) -> Result<Json<Page<PoolView>>> {
    Ok(Json(actions::list(&ctx, &query).await?.try_map(PoolView::try_from)?))
}

/// Reads one pool.
pub async fn read(ctx: Data<Context>, id: Path<PoolId>) -> Result<Json<PoolView>> {
    Ok(Json(actions::read(&ctx, id.into_inner()).await?.try_into()?))
}

/// Publishes a new version of a pool's consent text.
pub async fn publish_text(
    operator: Operator,
    ctx: Data<Context>,
    id: Path<PoolId>,
    body: Body<NewConsentText>,
) -> Result<HttpResponse> {
    let text = actions::publish_text(&ctx, &operator, id.into_inner(), body.into_inner()).await?;
    Ok(HttpResponse::Created().json(ConsentTextView::from(text)))
}

/// Lists every version of a pool's consent text, newest first, on one page.
pub async fn texts(ctx: Data<Context>, id: Path<PoolId>) -> Result<Json<Page<ConsentTextView>>> {
    let texts = actions::texts(&ctx, id.into_inner()).await?;
    Ok(Json(Page { items: texts.into_iter().map(ConsentTextView::from).collect(), next_cursor: None }))
}

/// Joins a pool.
pub async fn join(member: Member, ctx: Data<Context>, id: Path<PoolId>, body: Body<Join>) -> Result<HttpResponse> {
    let Join { text_version, purposes } = body.into_inner();
    let own = actions::join(&ctx, &member, id.into_inner(), text_version, purposes).await?;
    Ok(HttpResponse::Created().json(MembershipView::from(own)))
}

/// Reads one's own membership.
pub async fn own(member: Member, ctx: Data<Context>, id: Path<PoolId>) -> Result<Json<MembershipView>> {
    Ok(Json(actions::own(&ctx, &member, id.into_inner()).await?.into()))
}

/// Lists one's own memberships in all pools, on one page.
pub async fn own_all(member: Member, ctx: Data<Context>) -> Result<Json<Page<MembershipView>>> {
    let all = actions::own_all(&ctx, &member).await?;
    Ok(Json(Page { items: all.into_iter().map(MembershipView::from).collect(), next_cursor: None }))
}

/// Consents to a purpose.
pub async fn give_consent(
    member: Member,
    ctx: Data<Context>,
    path: Path<(PoolId, String)>,
    body: Body<GiveConsent>,
) -> Result<Json<MembershipView>> {
    let (id, purpose) = path.into_inner();
    Ok(Json(actions::give_consent(&ctx, &member, id, purpose, body.text_version).await?.into()))
}
