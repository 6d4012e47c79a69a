//! The privacy budget as a ledger: reserved before anything is drawn, then spent or released.
//!
//! What is committed (reserved or spent) stands on the pool's own row and moves by one guarded
//! UPDATE, so that however many ask at once, the cap holds. What was drawn is never given back.

use super::model::{Budget, BudgetState, Cost, Pool};
use crate::db::schema::{budget_entries, pools};
use crate::db::{Db, Tx};
use crate::error::{Code, Error, Result};
use crate::ids::{BudgetEntryId, EditionId, PoolId};
use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::sql_types::BigInt;

type Entry = (BudgetEntryId, PoolId, BudgetState, i64, i64, Option<EditionId>);

fn entry(db: &mut Db, subject_id: &str) -> Result<Option<Entry>> {
    Ok(budget_entries::table
        .filter(budget_entries::subject_id.eq(subject_id))
        .select((
            budget_entries::id,
            budget_entries::pool_id,
            budget_entries::state,
            budget_entries::rho_nano,
            budget_entries::delta_pico,
            budget_entries::edition_id,
        ))
        .first(db)
        .optional()?)
}

/// See [`super::steps::reserve_budget`].
pub fn reserve(tx: &mut Tx, pool_id: &PoolId, subject_id: &str, cost: Cost) -> Result<BudgetEntryId> {
    if cost.rho_nano <= 0 || cost.delta_pico < 0 {
        return Err(Error::internal("an edition costs something"));
    }
    if let Some((id, pool, state, rho_nano, delta_pico, _)) = entry(tx, subject_id)? {
        let same = pool == *pool_id && rho_nano == cost.rho_nano && delta_pico == cost.delta_pico;
        if same && state == BudgetState::Reserved {
            return Ok(id);
        }
        return Err(Error::conflict(format!("The privacy budget for this was {state} already.")));
    }
    // The subtraction stands on the cap's side, where it cannot overflow.
    let room = pools::table
        .filter(pools::id.eq(pool_id))
        .filter(pools::rho_committed_nano.le(pools::rho_cap_nano - cost.rho_nano))
        .filter(pools::delta_committed_pico.le(pools::delta_cap_pico - cost.delta_pico));
    let changed = diesel::update(room)
        .set((
            pools::rho_committed_nano.eq(pools::rho_committed_nano + cost.rho_nano),
            pools::delta_committed_pico.eq(pools::delta_committed_pico + cost.delta_pico),
        ))
        .execute(&mut **tx)?;
    if changed != 1 {
        return Err(Error::new(
            Code::BudgetExhausted,
            "What is left of the pool's privacy budget is less than this edition would cost; \
             an edition that is drawn already may still be licensed.",
        ));
    }
    let (id, now) = (BudgetEntryId::new(tx.now(), tx.entropy()), tx.now());
    diesel::insert_into(budget_entries::table)
        .values((
            budget_entries::id.eq(&id),
            budget_entries::pool_id.eq(pool_id),
            budget_entries::subject_id.eq(subject_id),
            budget_entries::rho_nano.eq(cost.rho_nano),
            budget_entries::delta_pico.eq(cost.delta_pico),
            budget_entries::state.eq(BudgetState::Reserved),
            budget_entries::reserved_at.eq(now),
        ))
        .execute(&mut **tx)?;
    Ok(id)
}

/// See [`super::steps::spend_budget`].
pub fn spend(tx: &mut Tx, subject_id: &str, edition_id: &EditionId) -> Result<()> {
    let now = tx.now();
    let reserved = budget_entries::table
        .filter(budget_entries::subject_id.eq(subject_id).and(budget_entries::state.eq(BudgetState::Reserved)));
    let changed = diesel::update(reserved)
        .set((
            budget_entries::state.eq(BudgetState::Spent),
            budget_entries::resolved_at.eq(now),
            budget_entries::edition_id.eq(edition_id),
        ))
        .execute(&mut **tx)?;
    if changed == 1 {
        return Ok(());
    }
    match entry(tx, subject_id)? {
        Some((_, _, BudgetState::Spent, _, _, Some(spent_on))) if spent_on == *edition_id => Ok(()),
        Some((_, _, state, ..)) => Err(Error::conflict(format!("The privacy budget for this was {state} already."))),
        None => Err(Error::internal("an edition was drawn for which no budget was reserved")),
    }
}

/// See [`super::steps::release_budget`].
pub fn release(tx: &mut Tx, subject_id: &str) -> Result<()> {
    let Some((id, pool_id, BudgetState::Reserved, rho_nano, delta_pico, _)) = entry(tx, subject_id)? else {
        return Ok(());
    };
    let now = tx.now();
    let reserved =
        budget_entries::table.filter(budget_entries::id.eq(&id).and(budget_entries::state.eq(BudgetState::Reserved)));
    let changed = diesel::update(reserved)
        .set((budget_entries::state.eq(BudgetState::Released), budget_entries::resolved_at.eq(now)))
        .execute(&mut **tx)?;
    if changed == 1 {
        diesel::update(pools::table.find(&pool_id))
            .set((
                pools::rho_committed_nano.eq(pools::rho_committed_nano - rho_nano),
                pools::delta_committed_pico.eq(pools::delta_committed_pico - delta_pico),
            ))
            .execute(&mut **tx)?;
    }
    Ok(())
}

/// What has become of a pool's budget.
pub fn of(db: &mut Db, pool: &Pool) -> Result<Budget> {
    let mut sums = |state: BudgetState| -> Result<Cost> {
        let (rho_nano, delta_pico) = budget_entries::table
            .filter(budget_entries::pool_id.eq(&pool.id).and(budget_entries::state.eq(state)))
            .select((
                sql::<BigInt>("cast(coalesce(sum(rho_nano), 0) as bigint)"),
                sql::<BigInt>("cast(coalesce(sum(delta_pico), 0) as bigint)"),
            ))
            .first(db)?;
        Ok(Cost { rho_nano, delta_pico })
    };
    Ok(Budget {
        cap: Cost { rho_nano: pool.rho_cap_nano, delta_pico: pool.delta_cap_pico },
        reserved: sums(BudgetState::Reserved)?,
        spent: sums(BudgetState::Spent)?,
    })
}

/// Pools whose committed budget is not what their entries add up to, for `refrain check`.
pub fn problems(db: &mut Db) -> Result<Vec<String>> {
    let mut found = Vec::new();
    for pool in pools::table.order(pools::id).select(Pool::as_select()).load(db)? {
        let budget = of(db, &pool)?;
        let rho_nano = budget.reserved.rho_nano + budget.spent.rho_nano;
        let delta_pico = budget.reserved.delta_pico + budget.spent.delta_pico;
        if rho_nano != pool.rho_committed_nano || delta_pico != pool.delta_committed_pico {
            found.push(format!(
                "{}: committed are rho_nano {} and delta_pico {}, but its entries add up to {rho_nano} and {delta_pico}",
                pool.id, pool.rho_committed_nano, pool.delta_committed_pico
            ));
        }
    }
    Ok(found)
}
