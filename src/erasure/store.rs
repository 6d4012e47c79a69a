//! Queries over the receipts of erasures.

use super::model::{Erasure, ErasureState};
use crate::clock::UtcTime;
use crate::db::schema::erasures;
use crate::db::{Db, Tx};
use crate::error::{Error, Result};
use crate::ids::{AccountId, ErasureId};
use diesel::prelude::*;

/// One erasure.
pub fn erasure(db: &mut Db, id: &ErasureId) -> Result<Erasure> {
    let found = erasures::table.find(id).select(Erasure::as_select()).first(db).optional()?;
    found.ok_or_else(|| Error::not_found("erasure"))
}

/// The receipt of the erasure of an account: the one that is pending, or else a new one.
pub fn open(tx: &mut Tx, account_id: &AccountId) -> Result<Erasure> {
    let pending = erasures::account_id.eq(account_id).and(erasures::state.eq(ErasureState::Pending));
    let known = erasures::table.filter(pending).select(Erasure::as_select()).first(&mut **tx).optional()?;
    if let Some(known) = known {
        return Ok(known);
    }
    let (id, now) = (ErasureId::new(tx.now(), tx.entropy()), tx.now());
    diesel::insert_into(erasures::table)
        .values((
            erasures::id.eq(&id),
            erasures::state.eq(ErasureState::Pending),
            erasures::account_id.eq(account_id),
            erasures::requested_at.eq(now),
        ))
        .execute(&mut **tx)?;
    erasure(tx, &id)
}

/// Notes that only the files which an account shared with others are left to erase: those of a shard.
pub fn wait_for_shard(tx: &mut Tx, account_id: &AccountId, shard: i32) -> Result<()> {
    let pending = erasures::account_id.eq(account_id).and(erasures::state.eq(ErasureState::Pending));
    diesel::update(erasures::table.filter(pending)).set(erasures::shard.eq(shard)).execute(&mut **tx)?;
    Ok(())
}

/// The erasures that wait for a shard.
pub fn waiting_for(db: &mut Db, shard: i32) -> Result<Vec<ErasureId>> {
    let waiting = erasures::shard.eq(shard).and(erasures::state.eq(ErasureState::Pending));
    Ok(erasures::table.filter(waiting).select(erasures::id).load(db)?)
}

/// Ends erasures that are done: from now on they name nobody.
pub fn done(tx: &mut Tx, ids: &[ErasureId]) -> Result<()> {
    let (pending, now) = (erasures::state.eq(ErasureState::Pending), tx.now());
    for some in ids.chunks(500) {
        diesel::update(erasures::table.filter(erasures::id.eq_any(some).and(pending)))
            .set(over(ErasureState::Done, now))
            .execute(&mut **tx)?;
    }
    Ok(())
}

/// Ends the erasure of somebody whose plays are needed again.
pub fn kept(tx: &mut Tx, account_id: &AccountId) -> Result<()> {
    let pending = erasures::account_id.eq(account_id).and(erasures::state.eq(ErasureState::Pending));
    let now = tx.now();
    diesel::update(erasures::table.filter(pending)).set(over(ErasureState::Kept, now)).execute(&mut **tx)?;
    Ok(())
}

type Over = (
    diesel::dsl::Eq<erasures::state, ErasureState>,
    diesel::dsl::Eq<erasures::account_id, Option<AccountId>>,
    diesel::dsl::Eq<erasures::shard, Option<i32>>,
    diesel::dsl::Eq<erasures::finished_at, UtcTime>,
);

fn over(state: ErasureState, now: UtcTime) -> Over {
    (erasures::state.eq(state), erasures::account_id.eq(None), erasures::shard.eq(None), erasures::finished_at.eq(now))
}
