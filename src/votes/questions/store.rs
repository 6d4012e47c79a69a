//! Queries over questions.

use super::model::{Count, Question};
use crate::clock::UtcTime;
use crate::db::Db;
use crate::db::schema::{vote_questions, votes};
use crate::error::Result;
use crate::ids::{AccountId, PoolId, QuestionId, VoteId};
use diesel::dsl::{count, count_star, max};
use diesel::prelude::*;
use std::collections::HashMap;

/// A question.
pub fn find(db: &mut Db, id: &QuestionId) -> Result<Option<Question>> {
    Ok(vote_questions::table.find(id).select(Question::as_select()).first(db).optional()?)
}

/// Adds a question.
pub fn insert(db: &mut Db, question: &Question, mail_due_at: UtcTime) -> Result<()> {
    diesel::insert_into(vote_questions::table)
        .values((
            vote_questions::id.eq(&question.id),
            vote_questions::vote_id.eq(&question.vote_id),
            vote_questions::member_id.eq(&question.member_id),
            vote_questions::body.eq(&question.body),
            vote_questions::asked_at.eq(question.asked_at),
            vote_questions::mail_due_at.eq(mail_due_at),
        ))
        .execute(db)?;
    Ok(())
}

/// What a member has asked in a vote.
pub fn asked_by(db: &mut Db, vote_id: &VoteId, member_id: &AccountId) -> Result<Vec<String>> {
    let own = vote_questions::vote_id.eq(vote_id).and(vote_questions::member_id.eq(member_id));
    Ok(vote_questions::table.filter(own).select(vote_questions::body).load(db)?)
}

/// When the last mail about questions in a vote is or was due.
pub fn last_mail_due_at(db: &mut Db, vote_id: &VoteId) -> Result<Option<UtcTime>> {
    Ok(vote_questions::table
        .filter(vote_questions::vote_id.eq(vote_id))
        .select(max(vote_questions::mail_due_at))
        .first(db)?)
}

/// The questions of a vote, the first that was asked first.
pub fn of_vote(db: &mut Db, vote_id: &VoteId, after: Option<&str>, most: i64) -> Result<Vec<Question>> {
    let mut query = vote_questions::table
        .filter(vote_questions::vote_id.eq(vote_id))
        .select(Question::as_select())
        .order(vote_questions::id)
        .limit(most)
        .into_boxed();
    if let Some(after) = after {
        query = query.filter(vote_questions::id.gt(after.to_owned()));
    }
    Ok(query.load(db)?)
}

/// How many questions there are in each of some votes; those without any are left out.
pub fn counts(db: &mut Db, vote_ids: &[&VoteId]) -> Result<HashMap<VoteId, Count>> {
    let rows: Vec<(VoteId, i64, i64)> = vote_questions::table
        .filter(vote_questions::vote_id.eq_any(vote_ids.iter().copied()))
        .group_by(vote_questions::vote_id)
        .select((vote_questions::vote_id, count_star(), count(vote_questions::answer)))
        .load(db)?;
    Ok(rows.into_iter().map(|(id, asked, answered)| (id, Count { asked, answered })).collect())
}

/// How many questions of a vote wait for an answer.
pub fn count_waiting(db: &mut Db, vote_id: &VoteId) -> Result<i64> {
    let waits = vote_questions::answer.is_null().and(vote_questions::withheld_at.is_null());
    Ok(vote_questions::table.filter(vote_questions::vote_id.eq(vote_id).and(waits)).count().get_result(db)?)
}

/// Answers a question; `false` where it has an answer already, or is withheld.
pub fn answer(db: &mut Db, id: &QuestionId, words: &str, by: &AccountId, at: UtcTime) -> Result<bool> {
    let waits = vote_questions::answer.is_null().and(vote_questions::withheld_at.is_null());
    let changed = diesel::update(vote_questions::table.filter(vote_questions::id.eq(id).and(waits)))
        .set((vote_questions::answer.eq(words), vote_questions::answered_by.eq(by), vote_questions::answered_at.eq(at)))
        .execute(db)?;
    Ok(changed == 1)
}

/// Withholds a question; `false` where it is withheld already.
pub fn withhold(db: &mut Db, id: &QuestionId, reason: &str, at: UtcTime) -> Result<bool> {
    let shown = vote_questions::table.filter(vote_questions::id.eq(id).and(vote_questions::withheld_at.is_null()));
    let changed = diesel::update(shown)
        .set((vote_questions::withheld_reason.eq(reason), vote_questions::withheld_at.eq(at)))
        .execute(db)?;
    Ok(changed == 1)
}

/// Forgets who asked what a member has asked, in one pool or in all.
pub fn forget_author(db: &mut Db, member_id: &AccountId, pool_id: Option<&PoolId>) -> Result<()> {
    let nobody = vote_questions::member_id.eq(None::<AccountId>);
    let own = vote_questions::table.filter(vote_questions::member_id.eq(member_id));
    match pool_id {
        Some(pool_id) => {
            let of_pool = votes::table.filter(votes::pool_id.eq(pool_id)).select(votes::id);
            diesel::update(own.filter(vote_questions::vote_id.eq_any(of_pool))).set(nobody).execute(db)?
        }
        None => diesel::update(own).set(nobody).execute(db)?,
    };
    Ok(())
}
