//! Leaving for good, and erasing what was kept.

use crate::accounts::caller::Member;
use crate::accounts::model::AccountState;
use crate::context::Context;
use crate::db::Tx;
use crate::error::Result;
use crate::histories::model::{held_prefix, plays_prefix};
use crate::ids::{AccountId, PoolId};
use crate::pools::model::{MembershipState, OwnMembership};
use crate::queue::{self, JobKind};
use crate::{accounts, audit, histories, pools, votes};

/// Takes a member out of everything that is still to come, at once, and asks for the erasure of what
/// is kept. Nothing of it can be undone. Leaving again changes nothing.
///
/// # Errors
/// `internal` where the database fails, and then nothing has changed.
pub async fn leave(ctx: &Context, member: &Member) -> Result<()> {
    let (id, pepper) = (member.account_id.clone(), ctx.pepper.clone());
    ctx.db
        .write(move |tx| {
            if accounts::steps::account(tx, &id)?.state != AccountState::Left {
                audit::note(tx, &id, "member.leave", id.as_str(), None)?;
            }
            votes::steps::forget_ballots(tx, &id)?;
            pools::steps::leave_all(tx, &id)?;
            accounts::steps::close_account(tx, &pepper, &id)?;
            let now = tx.now();
            queue::push(tx, JobKind::EraseMember, id.as_str(), now)
        })
        .await
}

/// Takes a member out of one pool, at once: membership, consents, ballots in its open votes. Who is in no
/// other pool has the plays erased; in another they are still needed. The flag tells whether they are erased.
///
/// # Errors
/// `not-found` for who never was a member.
pub async fn leave_pool(ctx: &Context, member: &Member, pool_id: PoolId) -> Result<(OwnMembership, bool)> {
    let id = member.account_id.clone();
    ctx.db
        .write(move |tx| {
            votes::steps::forget_ballots_in(tx, &id, &pool_id)?;
            let left = pools::steps::leave_one(tx, &pool_id, &id)?;
            let is_erased = !is_in_a_pool(tx, &id)?;
            if is_erased {
                let now = tx.now();
                queue::push(tx, JobKind::EraseMember, id.as_str(), now)?;
            }
            Ok((left, is_erased))
        })
        .await
}

fn is_in_a_pool(tx: &mut Tx, id: &AccountId) -> Result<bool> {
    Ok(pools::steps::memberships_of(tx, id)?.iter().any(|membership| membership.state == MembershipState::Active))
}

/// Erases what was kept of a member who has left all pools: the rows first, then every file below the member's
/// name, those included that a crash left behind, and at last what the database's log still holds of
/// the rows. Each part may be repeated. Whoever has joined a pool again meanwhile keeps the plays.
///
/// # Errors
/// `busy` where the log could not be emptied yet.
pub async fn erase(ctx: &Context, id: &AccountId) -> Result<()> {
    let of = id.clone();
    let named = ctx.db.write(move |tx| {
        let has_left = accounts::steps::account(tx, &of)?.state == AccountState::Left;
        if !has_left && is_in_a_pool(tx, &of)? {
            return Ok(None);
        }
        histories::steps::erase(tx, &of).map(Some)
    });
    let Some(mut keys) = named.await? else { return Ok(()) };
    for prefix in [plays_prefix(id), held_prefix(id)] {
        keys.extend(ctx.storage.list(&prefix).await?);
    }
    for key in &keys {
        ctx.storage.delete(key).await?;
    }
    ctx.db.empty_log().await
}
