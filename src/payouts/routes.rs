//! Payouts over HTTP.

use super::actions::{self, Shares};
use super::sales;
pub use super::sales::views::OwnSaleView;
pub use super::views::{ShareView, SharesView, StatementView};
use crate::accounts::caller::{Member, Operator};
use crate::context::Context;
use crate::error::Result;
use crate::ids::PurchaseId;
use crate::page::{Page, PageQuery};
use crate::query::Query;
use actix_web::web::{Data, Json, Path};

/// `GET /v1/payouts`: the member's own shares, newest first.
pub async fn statements(
    member: Member,
    ctx: Data<Context>,
    query: Query<PageQuery>,
) -> Result<Json<Page<StatementView>>> {
    let window = ctx.cursors.window(&query, &format!("payouts of {}", member.account_id))?;
    let found = actions::statements(&ctx, &member, &window).await?;
    let views: Vec<StatementView> = found.into_iter().map(StatementView::from).collect();
    Ok(Json(ctx.cursors.page(&window, views, |view| view.id.as_str())))
}

/// `GET /v1/sales`: what became of every vote that the member was in and that has ended, newest first.
pub async fn sales(member: Member, ctx: Data<Context>, query: Query<PageQuery>) -> Result<Json<Page<OwnSaleView>>> {
    let window = ctx.cursors.window(&query, &format!("sales of {}", member.account_id))?;
    let found = sales::list(&ctx, &member, &window).await?;
    let views = found.into_iter().map(OwnSaleView::of).collect::<Result<Vec<_>>>()?;
    Ok(Json(ctx.cursors.page(&window, views, |view| view.vote_id.as_str())))
}

/// `GET /v1/purchases/{id}/payouts`: everybody's share of one purchase, with the totals.
pub async fn of_purchase(
    operator: Operator,
    ctx: Data<Context>,
    id: Path<PurchaseId>,
    query: Query<PageQuery>,
) -> Result<Json<SharesView>> {
    let id = id.into_inner();
    let window = ctx.cursors.window(&query, &format!("payouts of {id}"))?;
    let mut shares: Shares = actions::of_purchase(&ctx, &operator, id.clone(), &window).await?;
    let rows = std::mem::take(&mut shares.payouts);
    let page = ctx.cursors.page(&window, rows, |payout| payout.member_id.as_str()).map(ShareView::from);
    let sale = shares.sale.take();
    Ok(Json(SharesView::of(id, sale, shares, page)))
}
