//! Licences over HTTP.

use crate::accounts::caller::{Caller, Operator};
use crate::body::Body;
use crate::context::Context;
use crate::error::Result;
use crate::ids::LicenceId;
use crate::page::{Page, PageQuery};
use crate::purchases::actions;
use crate::purchases::views::{LicenceSummary, LicenceView};
use crate::query::Query;
use actix_web::web::{Data, Json, Path};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Takes a licence away.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "ground": "breach of these terms that is not mended within the notice",
    "reason": "Rows of the edition were published on the holder's site."
}))]
pub struct Revoke {
    /// One of the grounds in the licence's terms, word for word.
    pub ground: String,
    /// What happened, in words that the holder reads: 1 to 2,000 characters.
    #[schema(min_length = 1, max_length = 2000)]
    pub reason: String,
}

/// Takes a notice back.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"reason": "The rows were taken down within the notice."}))]
pub struct WithdrawNotice {
    /// Why: 1 to 2,000 characters.
    #[schema(min_length = 1, max_length = 2000)]
    pub reason: String,
}

/// Gives up a licence whose edition cannot be drawn.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"reason": "All members of the vote have left, so that nobody is left to draw from."}))]
pub struct Cancel {
    /// Why, in words that the buyer reads: 1 to 2,000 characters.
    #[schema(min_length = 1, max_length = 2000)]
    pub reason: String,
}

/// `GET /v1/licences`: the organisation's licences, or all for an operator, newest first.
pub async fn list(caller: Caller, ctx: Data<Context>, query: Query<PageQuery>) -> Result<Json<Page<LicenceSummary>>> {
    let owner = caller.organisation_id.as_ref().map_or("all organisations", |id| id.as_str());
    let window = ctx.cursors.window(&query, &format!("licences of {owner}"))?;
    let (seen, now) = (actions::list_licences(&ctx, &caller, &window).await?, ctx.clock.now());
    let views = seen.into_iter().map(|seen| Ok(LicenceView::of(seen, now)?.summary)).collect::<Result<Vec<_>>>()?;
    Ok(Json(ctx.cursors.page(&window, views, |view| view.id.as_str())))
}

/// `GET /v1/licences/{id}`: one licence with its terms.
pub async fn read(caller: Caller, ctx: Data<Context>, id: Path<LicenceId>) -> Result<Json<LicenceView>> {
    let seen = actions::read_licence(&ctx, &caller, id.into_inner()).await?;
    Ok(Json(LicenceView::of(seen, ctx.clock.now())?))
}

/// `POST /v1/licences/{id}/revoke`: takes a licence away, after the notice that its terms give.
pub async fn revoke(
    operator: Operator,
    ctx: Data<Context>,
    id: Path<LicenceId>,
    body: Body<Revoke>,
) -> Result<Json<LicenceView>> {
    let Revoke { ground, reason } = body.into_inner();
    let seen = actions::revoke(&ctx, &operator, id.into_inner(), ground, reason).await?;
    Ok(Json(LicenceView::of(seen, ctx.clock.now())?))
}

/// `POST /v1/licences/{id}/withdraw-notice`: keeps a licence whose holder has mended the breach in time.
pub async fn withdraw_notice(
    operator: Operator,
    ctx: Data<Context>,
    id: Path<LicenceId>,
    body: Body<WithdrawNotice>,
) -> Result<Json<LicenceView>> {
    let seen = actions::withdraw_notice(&ctx, &operator, id.into_inner(), body.into_inner().reason).await?;
    Ok(Json(LicenceView::of(seen, ctx.clock.now())?))
}

/// `POST /v1/licences/{id}/cancel`: gives up a licence whose edition cannot be drawn; all of the price goes back.
pub async fn cancel(
    operator: Operator,
    ctx: Data<Context>,
    id: Path<LicenceId>,
    body: Body<Cancel>,
) -> Result<Json<LicenceView>> {
    let seen = actions::cancel(&ctx, &operator, id.into_inner(), body.into_inner().reason).await?;
    Ok(Json(LicenceView::of(seen, ctx.clock.now())?))
}
