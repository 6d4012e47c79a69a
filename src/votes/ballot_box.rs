//! The ballot box: ballots that wait are written together, each to its own place in the vote's log.
//!
//! A server holds one for each of its workers. While a batch is being made durable the next one gathers, so that nobody
//! waits for a timer. A batch holds the row of its vote once, for all of its ballots: it reserves their places in the log with
//! one update, and shuts out the closing, and the other boxes, until it is committed. Were every ballot to count up the log in a transaction
//! of its own, all would queue for that row one by one; a sequencer that gives places out afterwards would have to promise
//! each member a place that nobody can check yet. So whoever is answered has a place, and a receipt that is whole.

use super::appending::{self, NewLeaf};
use super::commitment::{Hashed, Opening, Tag};
use super::head::{Head, SignedHead};
use super::log::{Frontier, Hash};
use super::log_store as store;
use super::model::{Ballot, Choice, Elector, Vote, VoteState};
use super::rules::{self, Tally};
use super::standing;
use crate::context::Context;
use crate::db::Tx;
use crate::error::{Code, Error, Result};
use crate::ids::{AccountId, VoteId};
use crate::outbox;
use crate::queue::{self, JobKind};
use serde_json::json;
use std::collections::BTreeMap;
use tokio::sync::{mpsc, oneshot};

/// Most ballots in one batch: far less work than a write may take.
const BATCH_MAX: usize = 512;
/// Ballots that may wait; beyond it members are told to come back.
const WAITING_MAX: usize = 8_192;

/// A ballot that was taken, with its place in the log.
#[derive(Debug, Clone)]
pub struct Taken {
    /// The ballot as it counts now.
    pub ballot: Ballot,
    /// What opens its commitment.
    pub opening: Opening,
    /// What stands for the member in the log.
    pub tag: Tag,
    /// How many ballots of the member in this vote came before.
    pub sequence: u32,
    /// What stands in the log.
    pub hashed: Hashed,
}

/// What has become of some ballots of one vote.
#[derive(Debug)]
pub struct Put {
    /// Each taken or refused, in the order in which they came.
    pub answers: Vec<Result<Taken>>,
    /// How many leaves the log has with those that were taken.
    pub log_size: u64,
    /// The root over these.
    pub root: Hash,
}

/// The way to the box.
#[derive(Clone)]
pub struct BallotBox {
    slot: mpsc::Sender<Waiting>,
}

struct Waiting {
    vote_id: VoteId,
    cast: Cast,
    answer: Waiter,
}

type Waiter = oneshot::Sender<Result<(Taken, SignedHead)>>;

/// Who says what.
#[derive(Debug, Clone)]
pub struct Cast {
    /// The member.
    pub member_id: AccountId,
    /// The choice.
    pub choice: Choice,
}

impl BallotBox {
    /// Sets a box up. It is emptied on the runtime of the caller, until the last handle is dropped.
    pub fn open(ctx: &Context) -> Self {
        let (slot, waiting) = mpsc::channel(WAITING_MAX);
        tokio::spawn(empty(ctx.clone(), waiting));
        BallotBox { slot }
    }

    /// Casts a ballot, or changes the one cast before, and returns once it is durable: what was taken, and the log with it,
    /// signed.
    ///
    /// # Errors
    /// `not-found` outside of the vote's pool, `not-in-electorate`, `vote-closed` outside of the window, `conflict` where
    /// ballots are final and there is one already; `busy` where too many wait.
    pub async fn cast(&self, vote_id: VoteId, cast: Cast) -> Result<(Taken, SignedHead)> {
        let (answer, answered) = oneshot::channel();
        let waiting = Waiting { vote_id, cast, answer };
        self.slot.try_send(waiting).map_err(|failed| match failed {
            mpsc::error::TrySendError::Full(_) => {
                Error::new(Code::Busy, "Too many ballots are waiting; try again shortly.").retry_after_s(1)
            }
            mpsc::error::TrySendError::Closed(_) => Error::internal("the ballot box is closed"),
        })?;
        answered.await.map_err(|_| Error::internal("the ballot box is closed"))?
    }
}

async fn empty(ctx: Context, mut waiting: mpsc::Receiver<Waiting>) {
    let mut batch = Vec::with_capacity(BATCH_MAX);
    while waiting.recv_many(&mut batch, BATCH_MAX).await > 0 {
        let mut by_vote: BTreeMap<VoteId, (Vec<Cast>, Vec<Waiter>)> = BTreeMap::new();
        for Waiting { vote_id, cast, answer } in batch.drain(..) {
            let (casts, waiters) = by_vote.entry(vote_id).or_default();
            casts.push(cast);
            waiters.push(answer);
        }
        for (vote_id, (casts, waiters)) in by_vote {
            let id = vote_id.clone();
            let written = ctx.db.write_holding_vote(move |tx| put(tx, &id, &casts)).await;
            answer(&ctx, &vote_id, waiters, written);
        }
    }
}

/// The head is signed once for all that were taken, since signing takes longer than all else that a ballot needs of this
/// thread, and not at all where none was. A caller that has gone away no longer wants the answer.
fn answer(ctx: &Context, vote_id: &VoteId, waiters: Vec<Waiter>, written: Result<Put>) {
    match written {
        Ok(Put { answers, log_size, root }) => {
            let head = || Head { vote_id: vote_id.clone(), size: log_size, root, signed_at: ctx.clock.now() };
            let mut signed = None;
            for (waiter, taken) in waiters.into_iter().zip(answers) {
                let taken =
                    taken.map(|taken| (taken, signed.get_or_insert_with(|| head().signed(&ctx.signer)).clone()));
                let _ = waiter.send(taken);
            }
        }
        Err(error) => {
            // Everybody is told the same; the cause goes with one of the answers, as a failure is logged once.
            let (code, detail) = (error.code(), error.detail().to_owned());
            let mut first = Some(error);
            for waiter in waiters {
                let error = first.take().unwrap_or_else(|| Error::new(code, detail.clone()));
                let _ = waiter.send(Err(error));
            }
        }
    }
}

/// Writes ballots of one vote, in their order. Each is taken or refused by itself.
///
/// # Errors
/// `internal` where the database fails, and then none is taken.
pub fn put(tx: &mut Tx, vote_id: &VoteId, casts: &[Cast]) -> Result<Put> {
    let now = tx.now();
    let Some(vote) = store::hold(tx, vote_id)? else {
        let answers = casts.iter().map(|_| Err(Error::not_found("vote"))).collect();
        return Ok(Put { answers, log_size: 0, root: Frontier::default().root() });
    };
    let members: Vec<&AccountId> = casts.iter().map(|cast| &cast.member_id).collect();
    let mut electors = standing::electors_among(tx, &vote, &members)?;
    let takes_ballots =
        vote.state == VoteState::Open && vote.window().is_some_and(|window| rules::takes_ballots_at(&window, now));
    let mut answers: Vec<Result<()>> = Vec::with_capacity(casts.len());
    let mut leaves = Vec::with_capacity(casts.len());
    let nonces = tx.entropy().many(casts.len());
    for (cast, nonce) in casts.iter().zip(nonces) {
        let may_vote = electors.get_mut(&cast.member_id).ok_or_else(|| Error::not_found("vote"));
        let judged =
            may_vote.and_then(|elector| judge(elector, takes_ballots, vote.final_ballots).map(|tag| (elector, tag)));
        answers.push(judged.map(|(elector, tag)| {
            leaves.push(NewLeaf {
                tag,
                sequence: elector.casts,
                opening: Opening { choice: Some(cast.choice), nonce },
                before: elector.choice.replace(cast.choice),
                member_id: cast.member_id.clone(),
                cast_at: now,
            });
            elector.casts += 1;
        }));
    }
    let appended = appending::append(tx, &vote, &leaves)?;
    follow_up(tx, &vote, appended.tally)?;
    let mut leaves = (appended.from..).zip(leaves.into_iter().zip(appended.hashed));
    let taken = answers.into_iter().map(|answer| {
        answer.and_then(|()| {
            let (log_index, (leaf, hashed)) =
                leaves.next().ok_or_else(|| Error::internal("a ballot that is taken has a leaf"))?;
            let choice = leaf.opening.choice.ok_or_else(|| Error::internal("a ballot says something"))?;
            let log_index = Some(i64::try_from(log_index).map_err(Error::internal)?);
            Ok(Taken {
                ballot: Ballot { vote_id: vote_id.clone(), member_id: leaf.member_id, choice, cast_at: now, log_index },
                opening: leaf.opening,
                tag: leaf.tag,
                sequence: leaf.sequence,
                hashed,
            })
        })
    });
    Ok(Put { answers: taken.collect(), log_size: appended.size, root: appended.root })
}

/// What ballots set going: a quorum that is reached late moves the deadline, once; and a vote of final ballots that none
/// can change any more is closed at once.
fn follow_up(tx: &mut Tx, vote: &Vote, tally: Tally) -> Result<()> {
    let (rules, now) = (vote.rules()?, tx.now());
    let Some(window) = vote.window() else { return Ok(()) };
    let need = rules::need(&rules.passing, vote.electors);
    if vote.live_tally().yes < need
        && tally.yes >= need
        && let Some(extended_to) = rules::extension(&window, rules.late_quorum_s, now)
    {
        store::extend(tx, &vote.id, extended_to)?;
        outbox::push(tx, "vote.extended", &json!({"vote_id": vote.id}))?;
    }
    if rules.final_ballots && rules::decided_early(&rules.passing, vote.electors, tally).is_some() {
        queue::push(tx, JobKind::CloseVote, vote.id.as_str(), now)?;
    }
    Ok(())
}

/// Whether a member's ballot is taken, and under which tag.
fn judge(elector: &Elector, takes_ballots: bool, final_ballots: bool) -> Result<Tag> {
    let Some(tag) = elector.tag else {
        return Err(Error::new(
            Code::NotInElectorate,
            "Those vote whose plays would be in the edition, but for who belongs to the buyer; the list was frozen when the vote opened.",
        ));
    };
    if elector.lacks_consent {
        return Err(Error::new(
            Code::NotInElectorate,
            "You have taken back a consent without which your plays are not in the edition; give it again to vote.",
        ));
    }
    if !takes_ballots {
        return Err(Error::new(Code::VoteClosed, "The vote takes no ballots any more; yours stays as it was."));
    }
    if final_ballots && (elector.casts > 0 || elector.choice.is_some()) {
        return Err(Error::conflict(match elector.choice {
            Some(_) => "Ballots are final in this vote; yours stays as you cast it.",
            None => {
                "Ballots are final in this vote: you have cast yours. It was made void when you took a consent back, and none is \
                     taken in its place."
            }
        }));
    }
    Ok(tag)
}
