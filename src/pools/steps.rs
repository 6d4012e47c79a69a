//! What other slices do with pools inside their own transaction.

use super::model::{ConsentText, Cost, Membership, MembershipState, OwnMembership, Pool};
use super::{budget, store};
use crate::accounts;
use crate::accounts::model::AccountState;
use crate::db::schema::{consents, memberships, pools};
use crate::db::{Db, Tx};
use crate::error::{Code, Error, Result};
use crate::ids::{AccountId, BudgetEntryId, EditionId, PoolId};
use diesel::prelude::*;

/// A pool.
///
/// # Errors
/// `not-found`.
pub fn pool(db: &mut Db, id: &PoolId) -> Result<Pool> {
    store::pool(db, id)
}

/// The purposes of the consent text that holds now.
///
/// # Errors
/// `internal` where the database fails.
pub fn purposes(db: &mut Db, id: &PoolId) -> Result<Vec<String>> {
    Ok(store::current_text(db, id)?.purposes)
}

/// Sets a part of the privacy budget aside for what may be drawn for `subject_id`. Asking again for
/// the same gives the same entry.
///
/// # Errors
/// `budget-exhausted` where less is left; `conflict` where the subject's part was spent or released.
pub fn reserve_budget(tx: &mut Tx, pool_id: &PoolId, subject_id: &str, cost: Cost) -> Result<BudgetEntryId> {
    budget::reserve(tx, pool_id, subject_id, cost)
}

/// Notes that an edition was drawn under a reservation: what it cost never comes back. Repeating it
/// for the same edition changes nothing.
///
/// # Errors
/// `conflict` where the reservation was released or spent on another edition.
pub fn spend_budget(tx: &mut Tx, subject_id: &str, edition_id: &EditionId) -> Result<()> {
    budget::spend(tx, subject_id, edition_id)
}

/// Gives a reservation back under which nothing was drawn. Where there is none, or it was spent or
/// released before, nothing changes.
///
/// # Errors
/// `internal` where the database fails.
pub fn release_budget(tx: &mut Tx, subject_id: &str) -> Result<()> {
    budget::release(tx, subject_id)
}

/// What does not add up in the budgets, in words, for `refrain check`.
///
/// # Errors
/// `internal` where the database fails.
pub fn budget_problems(db: &mut Db) -> Result<Vec<String>> {
    budget::problems(db)
}

/// Raises the membership version: somebody's right to vote may have changed.
///
/// # Errors
/// `internal` where the database fails.
pub fn membership_changed(tx: &mut Tx, pool_id: &PoolId) -> Result<()> {
    diesel::update(pools::table.find(pool_id))
        .set(pools::membership_version.eq(pools::membership_version + 1))
        .execute(&mut **tx)?;
    Ok(())
}

/// The next number in the pool's row of invoices, which has no gaps: 1, 2, 3 …
///
/// # Errors
/// `internal` where the database fails.
pub fn next_invoice_number(tx: &mut Tx, pool_id: &PoolId) -> Result<i64> {
    let row = pools::table.find(pool_id);
    diesel::update(row).set(pools::invoices_issued.eq(pools::invoices_issued + 1)).execute(&mut **tx)?;
    Ok(row.select(pools::invoices_issued).first(&mut **tx)?)
}

/// How many members a pool has.
///
/// # Errors
/// `internal` where the database fails.
pub fn count_members(db: &mut Db, pool_id: &PoolId) -> Result<i64> {
    store::count_members(db, pool_id)
}

/// The next members of a pool after somebody, or from the beginning, sorted by id; at most so many.
///
/// # Errors
/// `internal` where the database fails.
pub fn members_after(db: &mut Db, pool_id: &PoolId, after: Option<&AccountId>, most: i64) -> Result<Vec<AccountId>> {
    store::members_after(db, pool_id, after, most)
}

/// The consent text of a pool that holds now.
///
/// # Errors
/// `not-found`.
pub fn current_text(db: &mut Db, pool_id: &PoolId) -> Result<ConsentText> {
    store::current_text(db, pool_id)
}

/// The memberships that somebody has or had, newest first.
///
/// # Errors
/// `internal` where the database fails.
pub fn memberships_of(db: &mut Db, member_id: &AccountId) -> Result<Vec<Membership>> {
    store::memberships_of(db, member_id)
}

/// Ends all memberships of somebody and takes back their consents.
///
/// # Errors
/// `internal` where the database fails.
pub fn leave_all(tx: &mut Tx, member_id: &AccountId) -> Result<()> {
    for membership in store::memberships_of(tx, member_id)? {
        leave(tx, &membership)?;
    }
    Ok(())
}

/// Takes a consent back: from now on no electorate and no draw for this purpose has this member. Taking back what was never
/// given changes nothing. Returns what the member sees of the membership then.
///
/// # Errors
/// `not-found` for who is no member.
pub fn withdraw_consent(tx: &mut Tx, pool_id: &PoolId, member_id: &AccountId, purpose: &str) -> Result<OwnMembership> {
    let membership = store::active(tx, pool_id, member_id)?;
    let (live, now) = (store::live_consent(&membership, purpose), tx.now());
    if diesel::update(live).set(consents::withdrawn_at.eq(now)).execute(&mut **tx)? > 0 {
        membership_changed(tx, pool_id)?;
    }
    store::own(tx, membership)
}

/// Ends somebody's membership in a pool and takes back the consents; ending it again changes nothing.
/// Returns what the member sees of it then.
///
/// # Errors
/// `not-found` for who never was a member.
pub fn leave_one(tx: &mut Tx, pool_id: &PoolId, member_id: &AccountId) -> Result<OwnMembership> {
    let find = |tx: &mut Tx| store::membership(tx, pool_id, member_id)?.ok_or_else(|| Error::not_found("membership"));
    let membership = find(tx)?;
    leave(tx, &membership)?;
    let left = find(tx)?;
    store::own(tx, left)
}

fn leave(tx: &mut Tx, membership: &Membership) -> Result<()> {
    let now = tx.now();
    let active = memberships::table
        .filter(memberships::id.eq(&membership.id).and(memberships::state.eq(MembershipState::Active)));
    let changed = diesel::update(active)
        .set((memberships::state.eq(MembershipState::Left), memberships::left_at.eq(now)))
        .execute(&mut **tx)?;
    if changed == 0 {
        return Ok(());
    }
    let live = consents::table.filter(consents::membership_id.eq(&membership.id).and(consents::withdrawn_at.is_null()));
    diesel::update(live).set(consents::withdrawn_at.eq(now)).execute(&mut **tx)?;
    membership_changed(tx, &membership.pool_id)
}

/// Whether an account may still act: its holder may have left since the token was looked at.
///
/// # Errors
/// `not-authenticated` where the account is closed.
pub fn ensure_open(db: &mut Db, account_id: &AccountId) -> Result<()> {
    match accounts::steps::account(db, account_id)?.state {
        AccountState::Active => Ok(()),
        AccountState::Left | AccountState::Disabled => {
            Err(Error::new(Code::NotAuthenticated, "This account is closed."))
        }
    }
}
