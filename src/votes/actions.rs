//! What members do with a vote, and the listing of an electorate.

use crate::accounts::caller::{Caller, Member};
use crate::accounts::model::Role;
use crate::context::Context;
use crate::db::Db;
use crate::error::{Code, Error, Result};
use crate::ids::{AccountId, VoteId};
use crate::page::Window as PageWindow;
use crate::votes::model::{Ballot, Choice, Vote, VoteState};
use crate::votes::{rules, steps, store};

/// Electors written in one transaction: far under the time that a write may hold the writer.
const PIECE: usize = 1_000;

/// A vote as somebody may see it.
#[derive(Debug, Clone)]
pub struct Seen {
    /// The vote.
    pub vote: Vote,
    /// Ballots cast so far.
    pub turnout: i64,
    /// Whether the one who looks may vote.
    pub is_elector: bool,
    /// The ballot of the one who looks.
    pub ballot: Option<Ballot>,
}

/// Casts a ballot, or changes the one cast before. It decides nothing: votes end at their deadline alone.
///
/// # Errors
/// `not-found` outside of the vote's pool, `not-in-electorate`, and `vote-closed` outside of the window.
pub async fn cast(ctx: &Context, member: &Member, id: VoteId, choice: Choice) -> Result<Ballot> {
    let member_id = member.account_id.clone();
    ctx.db
        .write(move |tx| {
            let now = tx.now();
            let standing = store::standing(tx, &id, &member_id)?.ok_or_else(|| Error::not_found("vote"))?;
            if !standing.is_elector {
                return Err(Error::new(
                    Code::NotInElectorate,
                    "Those vote whose plays would be in the edition; the list was frozen when the vote opened.",
                ));
            }
            if standing.lacks_consent {
                return Err(Error::new(
                    Code::NotInElectorate,
                    "You have taken back a consent without which your plays are not in the edition; give it again to vote.",
                ));
            }
            let takes_ballots = standing.window.is_some_and(|window| rules::takes_ballots_at(&window, now));
            if standing.state != VoteState::Open || !takes_ballots {
                return Err(Error::new(Code::VoteClosed, "The vote takes no ballots any more; yours stays as it was."));
            }
            store::put_ballot(tx, &id, &member_id, choice, now)?;
            Ok(Ballot { vote_id: id.clone(), member_id: member_id.clone(), choice, cast_at: now })
        })
        .await
}

/// A member's own ballot.
///
/// # Errors
/// `not-found` where there is none, or no such vote.
pub async fn own_ballot(ctx: &Context, member: &Member, id: VoteId) -> Result<Ballot> {
    let member_id = member.account_id.clone();
    ctx.db
        .read(move |db| {
            let ballot = store::ballots_of(db, &[&id], &member_id)?.pop();
            ballot.ok_or_else(|| Error::not_found("ballot of yours in this vote"))
        })
        .await
}

/// One vote: for members of its pool and for operators.
///
/// # Errors
/// `not-found` for everybody else.
pub async fn read(ctx: &Context, caller: &Caller, id: VoteId) -> Result<Seen> {
    let caller = caller.clone();
    ctx.db
        .read(move |db| {
            let is_elector = match caller.role {
                Role::Operator => false,
                Role::Member => steps::expect_member(db, &id, &caller.account_id)?,
                Role::Buyer => return Err(Error::not_found("vote")),
            };
            let vote = steps::vote(db, &id)?;
            let turnout = steps::turnout(db, &vote)?;
            let ballot = store::ballots_of(db, &[&id], &caller.account_id)?.pop();
            Ok(Seen { vote, turnout, is_elector, ballot })
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
            let mut seen = Vec::with_capacity(votes.len());
            for vote in &votes {
                let position = ballots.iter().position(|ballot| ballot.vote_id == vote.id);
                let ballot = position.map(|at| ballots.swap_remove(at));
                seen.push(Seen { turnout: steps::turnout(db, vote)?, is_elector: true, ballot, vote: vote.clone() });
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
        let vote_id = id.clone();
        let wanted = ctx.db.write(move |tx| steps::list_piece(tx, &vote_id, membership_version, &more, &fewer)).await?;
        if !wanted {
            return Ok(false);
        }
    }
    Ok(true)
}
