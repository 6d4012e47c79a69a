//! Questions over HTTP, as far as a vote knows of them. Asking and answering stand with the offers.

use super::actions;
use super::views::{QuestionView, WithholdQuestion};
use crate::accounts::caller::{Caller, Operator};
use crate::body::Body;
use crate::context::Context;
use crate::error::Result;
use crate::ids::{QuestionId, VoteId};
use crate::page::{Page, PageQuery};
use crate::query::Query;
use actix_web::web::{Data, Json, Path};

/// `GET /v1/votes/{id}/questions`: what was asked and answered, for members of the pool and operators.
pub async fn list(
    caller: Caller,
    ctx: Data<Context>,
    id: Path<VoteId>,
    query: Query<PageQuery>,
) -> Result<Json<Page<QuestionView>>> {
    let id = id.into_inner();
    let window = ctx.cursors.window(&query, &format!("questions of {id}"))?;
    let found = actions::list(&ctx, &caller, id, &window).await?;
    let page = ctx.cursors.page(&window, found, |question| question.id.as_str());
    Ok(Json(page.map(|question| QuestionView::of(question, &caller.account_id))))
}

/// `POST /v1/questions/{id}/withhold`: an operator shows a question to nobody any more.
pub async fn withhold(
    operator: Operator,
    ctx: Data<Context>,
    id: Path<QuestionId>,
    body: Body<WithholdQuestion>,
) -> Result<Json<QuestionView>> {
    let withheld = actions::withhold(&ctx, &operator, id.into_inner(), body.into_inner().reason).await?;
    Ok(Json(QuestionView::of(withheld, &operator.account_id)))
}
