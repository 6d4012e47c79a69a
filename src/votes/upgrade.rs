//! Votes that were opened before votes had logs get one, with the ballots that were cast so far in it.

use super::appending::{self, NewLeaf};
use super::commitment::{self, Opening};
use super::{log_store, store};
use crate::context::Context;
use crate::db::Tx;
use crate::db::schema::{electors, votes};
use crate::error::{Error, Result};
use crate::ids::{AccountId, VoteId};
use crate::votes::model::{Ballot, VoteState};
use diesel::prelude::*;

/// Electors or ballots of one write.
const PIECE: i64 = 500;

/// Gives every vote that has not ended, and has none, a log. Before anybody can vote; repeating it changes nothing.
///
/// # Errors
/// `internal` where the database fails.
pub async fn give_logs(ctx: &Context) -> Result<()> {
    let going_on = votes::state.eq_any([VoteState::Opening, VoteState::Open]);
    let without = ctx.db.read(move |db| {
        let found = votes::table.filter(going_on.and(votes::tag_key.is_null())).select((votes::id, votes::state));
        Ok(found.load::<(VoteId, VoteState)>(db)?)
    });
    for (id, state) in without.await? {
        // The same each time, so that a server that is cut off half-way and begins again gives nobody a second tag.
        let key = ctx.pepper.bytes("the tags of a vote of before there were logs", id.as_str().as_bytes());
        while repeat(ctx, &id, move |tx, id| give_tags(tx, id, &key)).await? {}
        while repeat(ctx, &id, log_ballots).await? {}
        let vote_id = id.clone();
        let tags = ctx.db.read(move |db| log_store::tags(db, &vote_id)).await?;
        // An electorate that is still being listed gets its root at the end of that.
        let root = (state == VoteState::Open).then(|| commitment::electorate_root(tags)).transpose()?;
        let set = ctx.db.write(move |tx| {
            let root = root.map(|root| root.as_bytes().to_vec());
            let vote = diesel::update(votes::table.find(&id));
            Ok(vote.set((votes::tag_key.eq(Some(key.to_vec())), votes::electorate_root.eq(root))).execute(&mut **tx)?)
        });
        set.await?;
    }
    Ok(())
}

async fn repeat(
    ctx: &Context,
    id: &VoteId,
    piece: impl Fn(&mut Tx, &VoteId) -> Result<bool> + Send + 'static,
) -> Result<bool> {
    let id = id.clone();
    ctx.db.write(move |tx| piece(tx, &id)).await
}

/// Gives some electors their tags; `false` where all have one.
fn give_tags(tx: &mut Tx, id: &VoteId, key: &[u8]) -> Result<bool> {
    let without = electors::table.filter(electors::vote_id.eq(id).and(electors::tag.is_null()));
    let some: Vec<AccountId> = without.select(electors::member_id).limit(PIECE).load(&mut **tx)?;
    for member in &some {
        let tag = Some(commitment::tag(key, member).to_vec());
        diesel::update(electors::table.find((id, member))).set(electors::tag.eq(tag)).execute(&mut **tx)?;
    }
    Ok(!some.is_empty())
}

/// Appends some ballots that are in no log; `false` where all are.
fn log_ballots(tx: &mut Tx, id: &VoteId) -> Result<bool> {
    let some: Vec<Ballot> = store::ballots_in_no_log(tx, id, PIECE)?;
    let members: Vec<AccountId> = some.iter().map(|ballot| ballot.member_id.clone()).collect();
    let mut leaves = Vec::with_capacity(some.len());
    for (ballot, known) in some.into_iter().zip(log_store::cast_by(tx, id, &members)?) {
        if ballot.member_id != known.member_id {
            return Err(Error::internal("ballots and tags are read in the same order"));
        }
        leaves.push(NewLeaf {
            tag: known.tag,
            sequence: 0,
            opening: Opening { choice: Some(ballot.choice), nonce: tx.entropy().bytes() },
            before: None, // not counted yet
            member_id: ballot.member_id,
            cast_at: ballot.cast_at,
        });
    }
    let vote = log_store::hold(tx, id)?.ok_or_else(|| Error::not_found("vote"))?;
    appending::append(tx, &vote, &leaves)?;
    Ok(!leaves.is_empty())
}
