//! What a pool's privacy budget went to, edition by edition.

use crate::clock::UtcTime;
use crate::datasets::model::Spending;
use crate::db::Db;
use crate::db::schema::{budget_entries, datasets, editions};
use crate::error::Result;
use crate::ids::{BudgetEntryId, DatasetId, EditionId, PoolId};
use crate::pools::model::{BudgetState, Cost};
use diesel::prelude::*;

type Row = (
    BudgetEntryId,
    BudgetState,
    i64,
    i64,
    UtcTime,
    Option<UtcTime>,
    Option<(EditionId, i32, Option<UtcTime>)>,
    Option<(DatasetId, String)>,
);

/// The entries of a pool's budget that are set aside or spent, newest first.
pub fn spendings(db: &mut Db, pool_id: &PoolId, after: Option<&str>, limit: i64) -> Result<Vec<Spending>> {
    let mut query = budget_entries::table
        .left_join(editions::table.on(budget_entries::edition_id.eq(editions::id.nullable())))
        .left_join(datasets::table.on(editions::dataset_id.eq(datasets::id)))
        .filter(budget_entries::pool_id.eq(pool_id.clone()).and(budget_entries::state.ne(BudgetState::Released)))
        .order(budget_entries::id.desc())
        .limit(limit)
        .select((
            budget_entries::id,
            budget_entries::state,
            budget_entries::rho_nano,
            budget_entries::delta_pico,
            budget_entries::reserved_at,
            budget_entries::resolved_at,
            (editions::id, editions::number, editions::published_at).nullable(),
            (datasets::id, datasets::title).nullable(),
        ))
        .into_boxed();
    if let Some(after) = after {
        query = query.filter(budget_entries::id.lt(after.to_owned()));
    }
    let rows: Vec<Row> = query.load(db)?;
    let read = |(id, state, rho_nano, delta_pico, reserved_at, resolved_at, edition, dataset): Row| Spending {
        id,
        state,
        cost: Cost { rho_nano, delta_pico },
        reserved_at,
        spent_at: resolved_at,
        edition,
        dataset,
    };
    Ok(rows.into_iter().map(read).collect())
}
