//! What others do with questions inside their own transaction.

use super::model::{ASKED_MAX, Count, Question, mail_due_at};
use super::store;
use crate::clock::UtcTime;
use crate::db::{Db, Tx};
use crate::error::{Code, Error, Result};
use crate::ids::{AccountId, PoolId, QuestionId, VoteId};
use crate::votes::model::{Vote, VoteState};
use crate::votes::rules;
use crate::votes::steps as votes;
use std::collections::HashMap;

/// A question that was asked just now.
#[derive(Debug, Clone)]
pub struct Asked {
    /// The question.
    pub question: Question,
    /// When a mail is to tell of it that nobody has written yet.
    pub tell_at: Option<UtcTime>,
}

/// A question.
///
/// # Errors
/// `not-found` where there is none.
pub fn question(db: &mut Db, id: &QuestionId) -> Result<Question> {
    store::find(db, id)?.ok_or_else(|| Error::not_found("question"))
}

/// Asks a question in a vote that is open. The words are checked already.
///
/// # Errors
/// `not-found` outside of the vote's pool, `not-in-electorate`, `vote-closed` outside of the window; `conflict` for one who has
/// asked as often as anybody may, or has asked this already.
pub fn ask(tx: &mut Tx, vote_id: &VoteId, member_id: &AccountId, words: &str) -> Result<Asked> {
    if votes::expect_member(tx, vote_id, member_id)?.1.tag.is_none() {
        return Err(Error::new(
            Code::NotInElectorate,
            "Those ask who vote: whose plays would be in the edition. Everybody of the pool may read what is asked and answered.",
        ));
    }
    expect_open(tx, vote_id)?;
    let before = store::asked_by(tx, vote_id, member_id)?;
    if before.iter().any(|asked| asked == words) {
        return Err(Error::conflict("You have asked just this in this vote already."));
    }
    if before.len() >= ASKED_MAX {
        return Err(Error::conflict(format!("You have asked {ASKED_MAX} questions in this vote; more are not taken.")));
    }
    let now = tx.now();
    let (due_at, is_new) = mail_due_at(store::last_mail_due_at(tx, vote_id)?, now);
    let question = Question {
        id: QuestionId::new(now, tx.entropy()),
        vote_id: vote_id.clone(),
        member_id: Some(member_id.clone()),
        body: words.to_owned(),
        asked_at: now,
        answer: None,
        answered_at: None,
        withheld_reason: None,
        withheld_at: None,
    };
    store::insert(tx, &question, due_at)?;
    Ok(Asked { question, tell_at: is_new.then_some(due_at) })
}

/// Answers a question for good, as long as the vote is open. Whether the one who answers may is for the caller to know.
///
/// # Errors
/// `vote-closed` outside of the window, `conflict` where it is answered or withheld.
pub fn answer(tx: &mut Tx, id: &QuestionId, by: &AccountId, words: &str) -> Result<Question> {
    let vote_id = question(tx, id)?.vote_id;
    expect_open(tx, &vote_id)?;
    let now = tx.now();
    if !store::answer(tx, id, words, by, now)? {
        return Err(Error::conflict(match question(tx, id)?.withheld_at {
            Some(_) => "The question is withheld; it is no longer to be answered.",
            None => "The question is answered already; an answer is not changed.",
        }));
    }
    question(tx, id)
}

/// The questions of a vote, the first that was asked first.
///
/// # Errors
/// `internal` where the database fails.
pub fn of_vote(db: &mut Db, vote_id: &VoteId, after: Option<&str>, most: i64) -> Result<Vec<Question>> {
    store::of_vote(db, vote_id, after, most)
}

/// How many questions there are in each of some votes; those without any are left out.
///
/// # Errors
/// `internal` where the database fails.
pub fn counts(db: &mut Db, vote_ids: &[&VoteId]) -> Result<HashMap<VoteId, Count>> {
    store::counts(db, vote_ids)
}

/// How many questions of a vote wait for an answer.
///
/// # Errors
/// `internal` where the database fails.
pub fn count_waiting(db: &mut Db, vote_id: &VoteId) -> Result<i64> {
    store::count_waiting(db, vote_id)
}

/// Forgets that somebody who leaves asked what they have asked, in one pool or in all. What was asked stays with its vote.
///
/// # Errors
/// `internal` where the database fails.
pub fn forget_author(tx: &mut Tx, member_id: &AccountId, pool_id: Option<&PoolId>) -> Result<()> {
    store::forget_author(tx, member_id, pool_id)
}

fn expect_open(tx: &mut Tx, vote_id: &VoteId) -> Result<Vote> {
    let (vote, now) = (votes::vote(tx, vote_id)?, tx.now());
    if vote.state == VoteState::Open && vote.window().is_some_and(|window| rules::takes_ballots_at(&window, now)) {
        return Ok(vote);
    }
    Err(Error::new(Code::VoteClosed, "Questions are asked and answered as long as the vote is open, and it is not."))
}
