//! Leaving for good, and erasing what was kept.

use super::model::Erasure;
use super::store;
use crate::accounts::caller::Member;
use crate::accounts::model::AccountState;
use crate::clock::UtcTime;
use crate::context::Context;
use crate::db::Tx;
use crate::error::Result;
use crate::histories::actions::Replaced;
use crate::histories::model::{held_prefix, plays_prefix, shard_of};
use crate::ids::{AccountId, ErasureId, PoolId};
use crate::pools::model::{MembershipState, OwnMembership};
use crate::queue::{self, JobKind};
use crate::{accounts, audit, histories, pools, votes};

/// Takes a member out of everything that is still to come, at once, and asks for the erasure of what
/// is kept, for which there is a receipt. Nothing of it can be undone. Leaving again changes nothing.
///
/// # Errors
/// `internal` where the database fails, and then nothing has changed.
pub async fn leave(ctx: &Context, member: &Member) -> Result<Erasure> {
    let (id, pepper) = (member.account_id.clone(), ctx.pepper.clone());
    ctx.db
        .write(move |tx| {
            if accounts::steps::account(tx, &id)?.state != AccountState::Left {
                audit::note(tx, &id, "member.leave", id.as_str(), None)?;
            }
            votes::steps::forget_ballots(tx, &id)?;
            votes::questions::steps::forget_author(tx, &id, None)?;
            pools::steps::leave_all(tx, &id)?;
            accounts::steps::close_account(tx, &pepper, &id)?;
            ask(tx, &id)
        })
        .await
}

/// Takes a member out of one pool, at once: membership, consents, ballots in its open votes, and that they asked what they
/// asked in its votes. Who is in no other pool has the plays erased, for which there is a receipt; in another they are still
/// needed.
///
/// # Errors
/// `not-found` for who never was a member.
pub async fn leave_pool(ctx: &Context, member: &Member, pool_id: PoolId) -> Result<(OwnMembership, Option<Erasure>)> {
    let id = member.account_id.clone();
    ctx.db
        .write(move |tx| {
            votes::steps::forget_ballots_in(tx, &id, &pool_id)?;
            votes::questions::steps::forget_author(tx, &id, Some(&pool_id))?;
            let left = pools::steps::leave_one(tx, &pool_id, &id)?;
            let erasure = if is_in_a_pool(tx, &id)? { None } else { Some(ask(tx, &id)?) };
            Ok((left, erasure))
        })
        .await
}

/// Takes a consent back, at once: no electorate and no draw for this purpose has the member any more, and where a vote on it
/// is open, the member's ballot does not count any more.
///
/// # Errors
/// `not-found` for who is no member.
pub async fn withdraw_consent(
    ctx: &Context,
    member: &Member,
    pool_id: PoolId,
    purpose: String,
) -> Result<OwnMembership> {
    let id = member.account_id.clone();
    ctx.db
        .write(move |tx| {
            votes::steps::forget_ballots_about(tx, &id, &pool_id, &purpose)?;
            pools::steps::withdraw_consent(tx, &pool_id, &id, &purpose)
        })
        .await
}

fn ask(tx: &mut Tx, id: &AccountId) -> Result<Erasure> {
    let now = tx.now();
    queue::push(tx, JobKind::EraseMember, id.as_str(), now)?;
    store::open(tx, id)
}

fn is_in_a_pool(tx: &mut Tx, id: &AccountId) -> Result<bool> {
    Ok(pools::steps::memberships_of(tx, id)?.iter().any(|membership| membership.state == MembershipState::Active))
}

/// How far an erasure is, for whoever holds its receipt.
///
/// # Errors
/// `not-found`.
pub async fn erasure(ctx: &Context, id: ErasureId) -> Result<Erasure> {
    ctx.db.read(move |db| store::erasure(db, &id)).await
}

/// Erases what was kept of a member who has left all pools, as far as it is the member's alone: the rows first,
/// then every file below the member's name, those included that a crash left behind. What the member shares with
/// others is left to [`compact`], which is asked for: so many who leave at once share the rewriting of a shard. Each
/// part may be repeated. Whoever has joined a pool again meanwhile keeps the plays.
///
/// # Errors
/// `internal` where the database or the files fail.
pub async fn erase(ctx: &Context, id: &AccountId) -> Result<()> {
    let of = id.clone();
    let begun = ctx.db.write(move |tx| {
        let has_left = accounts::steps::account(tx, &of)?.state == AccountState::Left;
        if !has_left && is_in_a_pool(tx, &of)? {
            store::kept(tx, &of)?;
            return Ok(false);
        }
        histories::steps::erase(tx, &of)?;
        Ok(true)
    });
    if !begun.await? {
        return Ok(());
    }
    for prefix in [plays_prefix(id), held_prefix(id)] {
        for key in ctx.storage.list(&prefix).await? {
            ctx.storage.delete(&key).await?;
        }
    }
    let of = id.clone();
    ctx.db
        .write(move |tx| {
            let (shard, now) = (shard_of(&of), tx.now());
            store::wait_for_shard(tx, &of, shard)?;
            histories::steps::ask_for_compaction(tx, shard, now)
        })
        .await
}

/// Compacts a shard, and ends the erasures that wait for it: every object is deleted that may hold their plays,
/// whoever may be reading it, and at last what the database's log still holds of their rows. Only then is an
/// erasure done. Returns when to look again. Each part may be repeated.
///
/// # Errors
/// `busy` where the log could not be emptied yet; `internal` where the database or the files fail.
pub async fn compact(ctx: &Context, shard: i32) -> Result<Option<UtcTime>> {
    let waiting = ctx.db.read(move |db| store::waiting_for(db, shard)).await?;
    if waiting.is_empty() {
        return histories::actions::compact(ctx, shard, Replaced::Linger).await;
    }
    let again = histories::actions::compact(ctx, shard, Replaced::Vanish).await?;
    ctx.db.empty_log().await?;
    ctx.db.write(move |tx| store::done(tx, &waiting)).await?;
    Ok(again)
}
