//! What became of a pool's privacy budget.

use crate::context::Context;
use crate::datasets::model::Spending;
use crate::datasets::store;
use crate::error::Result;
use crate::ids::PoolId;
use crate::page::{Page, PageQuery};
use crate::pools;

/// What of a pool's budget is set aside or spent, newest first.
///
/// # Errors
/// `not-found`; `invalid` or `invalid-cursor` for a page that cannot be.
pub async fn spending(ctx: &Context, id: PoolId, query: &PageQuery) -> Result<Page<Spending>> {
    let window = ctx.cursors.window(query, &format!("budget of {id}"))?;
    let (after, fetch) = (window.after.clone(), window.fetch());
    let rows = ctx
        .db
        .read(move |db| {
            pools::steps::pool(db, &id)?;
            store::spendings(db, &id, after.as_deref(), fetch)
        })
        .await?;
    Ok(ctx.cursors.page(&window, rows, |spending| spending.id.as_str()))
}
