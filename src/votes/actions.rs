//! What members do with a vote, and the listing of an electorate.

use crate::accounts::caller::{Caller, Member};
use crate::accounts::model::Role;
use crate::context::Context;
use crate::db::Db;
use crate::error::{Code, Error, Result};
use crate::ids::{AccountId, VoteId};
use crate::page::Window as PageWindow;
use crate::votes::ballot_box::{BallotBox, Cast};
use crate::votes::commitment::{self, Hashed, Opening, Tag};
use crate::votes::head::{Head, Receipt, SignedHead};
use crate::votes::log::Hash;
use crate::votes::model::{Ballot, Choice, Elector, Vote, VoteState};
use crate::votes::questions::model::Count;
use crate::votes::store::Bundle;
use crate::votes::tiles::{self, Tiles};
use crate::votes::{log, log_store, questions, standing, steps, store, words};
use bytes::Bytes;
use futures_util::stream::BoxStream;
use std::time::{Duration, Instant};

/// Electors written in one transaction: far under the time that a write may hold the writer.
const PIECE: usize = 1_000;
/// The longest pause between two of them: a million take no longer than twenty seconds more for it.
const PAUSE_MAX: Duration = Duration::from_millis(20);

/// A vote as somebody may see it.
#[derive(Debug, Clone)]
pub struct Seen {
    /// The vote.
    pub vote: Vote,
    /// Ballots cast so far.
    pub turnout: i64,
    /// How the one who looks stands to it; `None` for an operator.
    pub elector: Option<Elector>,
    /// What stands for them in the log, where that was asked for.
    pub tag: Option<Tag>,
    /// The ballot of the one who looks.
    pub ballot: Option<Ballot>,
    /// How many questions were asked in it.
    pub questions: Count,
    /// What is published, where that was asked for.
    pub bundle: Option<Bundle>,
}

/// Casts a ballot, or changes the one cast before, and gives a receipt for it.
///
/// # Errors
/// As [`BallotBox::cast`].
pub async fn cast(ballots: &BallotBox, member: &Member, id: VoteId, choice: Choice) -> Result<(Ballot, Receipt)> {
    let (taken, head) = ballots.cast(id, Cast { member_id: member.account_id.clone(), choice }).await?;
    let receipt = Receipt {
        log_index: taken.ballot.log_index.ok_or_else(|| Error::internal("a ballot that is taken has a place"))?,
        tag: taken.tag,
        sequence: taken.sequence,
        opening: taken.opening,
        hashed: taken.hashed,
        head,
        proof: None,
    };
    Ok((taken.ballot, receipt))
}

/// A member's own ballot that counts, and the receipt for it with the log as it is now.
///
/// # Errors
/// `not-found` where there is none, or no such vote.
pub async fn own_ballot(ctx: &Context, member: &Member, id: VoteId) -> Result<(Ballot, Option<Receipt>)> {
    let member_id = member.account_id.clone();
    let found = ctx.db.read(move |db| {
        let Some(ballot) = store::ballots_of(db, &[&id], &member_id)?.pop() else {
            let (_, elector) = steps::expect_member(db, &id, &member_id)?;
            return Err(Error::new(Code::NotFound, words::no_ballot(&elector)));
        };
        // Of a vote of before there were logs there is no receipt.
        let Some(log_index) = ballot.log_index else { return Ok((ballot, None)) };
        let (head, leaf) = (head_of(&steps::vote(db, &id)?)?, log_store::leaf(db, &id, log_index)?);
        let index = u64::try_from(log_index).map_err(Error::internal)?;
        let mut tiles = Tiles::new(db, &id, head.0);
        let proof = log::inclusion_proof(index, head.0, |at| tiles.root(at))?;
        Ok((ballot, Some((head, leaf, proof))))
    });
    let (ballot, logged) = found.await?;
    let Some(((size, root), leaf, proof)) = logged else { return Ok((ballot, None)) };
    let bytes = |bytes: Vec<u8>| bytes.try_into().map_err(|_| Error::internal("what a leaf is made of has 32 bytes"));
    let head = Head { vote_id: ballot.vote_id.clone(), size, root, signed_at: ctx.clock.now() };
    let receipt = Receipt {
        log_index: leaf.log_index,
        tag: bytes(leaf.tag)?,
        sequence: u32::try_from(leaf.sequence).map_err(Error::internal)?,
        opening: Opening { choice: leaf.choice, nonce: bytes(leaf.nonce)? },
        hashed: Hashed { commitment: bytes(leaf.commitment)?, leaf_hash: tiles::hash(&leaf.leaf_hash)? },
        head: head.signed(&ctx.signer),
        proof: Some(proof),
    };
    Ok((ballot, Some(receipt)))
}

/// The log of a vote as it is now, signed: for members of its pool and for operators.
///
/// # Errors
/// `not-found` for everybody else.
pub async fn head(ctx: &Context, caller: &Caller, id: VoteId) -> Result<SignedHead> {
    let (caller, vote_id) = (caller.clone(), id.clone());
    let read = ctx.db.read(move |db| head_of(&expect_known(db, &vote_id, &caller)?));
    let (size, root) = read.await?;
    Ok(Head { vote_id: id, size, root, signed_at: ctx.clock.now() }.signed(&ctx.signer))
}

/// The hashes that show that a leaf is in the log of `size` leaves; the whole log where no size is given. Returns the size, too.
///
/// # Errors
/// `not-found` for everybody but members of the vote's pool and operators; `invalid` for a leaf or a size that there is not, and
/// without any leaf.
pub async fn inclusion(
    ctx: &Context,
    caller: &Caller,
    id: VoteId,
    index: Option<u64>,
    size: Option<u64>,
) -> Result<(u64, Vec<Hash>)> {
    let caller = caller.clone();
    ctx.db
        .read(move |db| {
            let log_size = expect_known(db, &id, &caller)?.log()?.size();
            let index = index.ok_or_else(|| Error::invalid("Say which leaf: index, from 0."))?;
            let size = expect_size(size, log_size)?;
            let mut tiles = Tiles::new(db, &id, log_size);
            Ok((size, log::inclusion_proof(index, size, |at| tiles.root(at))?))
        })
        .await
}

/// The hashes that show that the log of `first` leaves is the beginning of that of `second`; of the whole log where that is not given.
///
/// # Errors
/// As [`inclusion`].
pub async fn consistency(
    ctx: &Context,
    caller: &Caller,
    id: VoteId,
    first: Option<u64>,
    second: Option<u64>,
) -> Result<(u64, Vec<Hash>)> {
    let caller = caller.clone();
    ctx.db
        .read(move |db| {
            let log_size = expect_known(db, &id, &caller)?.log()?.size();
            let first = first.ok_or_else(|| Error::invalid("Say of how many leaves the earlier log is: first."))?;
            let second = expect_size(second, log_size)?;
            let mut tiles = Tiles::new(db, &id, log_size);
            Ok((second, log::consistency_proof(first, second, |at| tiles.root(at))?))
        })
        .await
}

/// What is published of a vote that has been counted: for everybody, as it names nobody.
///
/// # Errors
/// `not-found` as long as nothing is published.
pub async fn bundle(ctx: &Context, id: VoteId) -> Result<(Bundle, BoxStream<'static, Result<Bytes>>)> {
    let found = ctx.db.read(move |db| store::bundle(db, &id)).await?;
    let bundle = found.ok_or_else(|| Error::not_found("published vote"))?;
    let bytes = ctx.storage.stream(&bundle.object_key, 0..bundle.size_bytes.unsigned_abs()).await?;
    Ok((bundle, bytes))
}

fn head_of(vote: &Vote) -> Result<(u64, Hash)> {
    let log = vote.log()?;
    Ok((log.size(), log.root()))
}

/// A size that the log has had.
fn expect_size(size: Option<u64>, now: u64) -> Result<u64> {
    let size = size.unwrap_or(now);
    if size > now {
        return Err(Error::invalid(format!("The log has {now} leaves, and not {size}.")));
    }
    Ok(size)
}

/// A vote of which the caller may know: operators of every one, members of those of their pool.
pub(in crate::votes) fn expect_known(db: &mut Db, id: &VoteId, caller: &Caller) -> Result<Vote> {
    match caller.role {
        Role::Operator => steps::vote(db, id),
        Role::Member => steps::expect_member(db, id, &caller.account_id).map(|(vote, _)| vote),
        Role::Buyer => Err(Error::not_found("vote")),
    }
}

/// One vote: for members of its pool and for operators.
///
/// # Errors
/// `not-found` for everybody else.
pub async fn read(ctx: &Context, caller: &Caller, id: VoteId) -> Result<Seen> {
    let caller = caller.clone();
    ctx.db
        .read(move |db| {
            let (vote, elector) = match caller.role {
                Role::Operator => (steps::vote(db, &id)?, None),
                Role::Member => {
                    steps::expect_member(db, &id, &caller.account_id).map(|(vote, elector)| (vote, Some(elector)))?
                }
                Role::Buyer => return Err(Error::not_found("vote")),
            };
            let tag = elector.as_ref().and_then(|elector| elector.tag);
            let turnout = steps::turnout(db, &vote)?;
            let ballot = store::ballots_of(db, &[&id], &caller.account_id)?.pop();
            let bundle = store::bundle(db, &id)?;
            let questions = questions::steps::counts(db, &[&id])?.remove(&id).unwrap_or_default();
            Ok(Seen { vote, turnout, elector, tag, ballot, questions, bundle })
        })
        .await
}

/// The votes in whose electorate a member is: open ones first, then those that have ended; newest first in both.
///
/// # Errors
/// `invalid-cursor` where the page does not begin after a vote of this list.
pub async fn list(ctx: &Context, member: &Member, window: PageWindow) -> Result<Vec<Seen>> {
    let member_id = member.account_id.clone();
    ctx.db
        .read(move |db| {
            let votes = page_of_votes(db, &member_id, &window)?;
            let ids: Vec<&VoteId> = votes.iter().map(|vote| &vote.id).collect();
            let mut ballots = store::ballots_of(db, &ids, &member_id)?;
            let mut questions = questions::steps::counts(db, &ids)?;
            let mut seen = Vec::with_capacity(votes.len());
            for vote in &votes {
                let position = ballots.iter().position(|ballot| ballot.vote_id == vote.id);
                let ballot = position.map(|at| ballots.swap_remove(at));
                seen.push(Seen {
                    turnout: steps::turnout(db, vote)?,
                    elector: standing::electors_among(db, vote, &[&member_id])?.remove(&member_id),
                    tag: None,
                    ballot,
                    questions: questions.remove(&vote.id).unwrap_or_default(),
                    bundle: None,
                    vote: vote.clone(),
                });
            }
            Ok(seen)
        })
        .await
}

/// A page may begin among the open votes and go on with the ended ones. Its cursor is a vote's id: in which of the
/// two parts it lies is looked up, so that a vote that closes between two pages is shown once more rather than never.
fn page_of_votes(db: &mut Db, member_id: &AccountId, window: &PageWindow) -> Result<Vec<Vote>> {
    let after = window.after.as_deref();
    let after_state = match after.and_then(VoteId::parse) {
        Some(id) => Some(steps::vote(db, &id)?.state),
        None => None,
    };
    let mut votes = Vec::new();
    let among_open = after_state.is_none_or(|state| state == VoteState::Open);
    if among_open {
        votes = store::of_member(db, member_id, true, after, window.fetch())?;
    }
    let room = window.fetch() - i64::try_from(votes.len()).unwrap_or(i64::MAX);
    if room > 0 {
        let after = if among_open { None } else { after };
        votes.extend(store::of_member(db, member_id, false, after, room)?);
    }
    Ok(votes)
}

/// Writes the electorate of one membership version, in bounded steps that can be repeated: what a run
/// before has left behind is compared, and only the difference is written.
/// `false` where the vote is no longer being opened, or a later listing has taken over.
///
/// # Errors
/// `internal` where the database fails.
pub async fn list_electors(
    ctx: &Context,
    id: &VoteId,
    membership_version: i64,
    mut members: Vec<AccountId>,
) -> Result<bool> {
    members.sort_unstable();
    let electors = i64::try_from(members.len()).map_err(Error::internal)?;
    let vote_id = id.clone();
    if !ctx.db.write(move |tx| steps::begin_listing(tx, &vote_id, membership_version, electors)).await? {
        return Ok(false);
    }
    // Read after the listing has begun: from here on nobody else writes to this electorate.
    let vote_id = id.clone();
    let mut listed = ctx.db.read(move |db| steps::electors(db, &vote_id)).await?;
    listed.sort_unstable(); // by bytes, as the search below compares; a database may order texts otherwise
    let more: Vec<_> = members.iter().filter(|m| listed.binary_search(m).is_err()).cloned().collect();
    let fewer: Vec<_> = listed.iter().filter(|m| members.binary_search(m).is_err()).cloned().collect();
    let added = more.chunks(PIECE).map(|piece| (piece.to_vec(), Vec::new()));
    let removed = fewer.chunks(PIECE).map(|piece| (Vec::new(), piece.to_vec()));
    for (more, fewer) in added.chain(removed) {
        let (vote_id, began_at) = (id.clone(), Instant::now());
        let wanted = ctx.db.write(move |tx| steps::list_piece(tx, &vote_id, membership_version, &more, &fewer)).await?;
        if !wanted {
            return Ok(false);
        }
        // Then the database is everybody else's, for three times as long.
        tokio::time::sleep((began_at.elapsed() * 3).min(PAUSE_MAX)).await;
    }
    let vote_id = id.clone();
    let tags = ctx.db.read(move |db| log_store::tags(db, &vote_id)).await?;
    let (vote_id, root) = (id.clone(), commitment::electorate_root(tags)?);
    ctx.db.write(move |tx| steps::end_listing(tx, &vote_id, membership_version, &root)).await
}
