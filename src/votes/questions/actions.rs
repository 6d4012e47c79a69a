//! Looking at questions, and withholding one.

use super::model::Question;
use super::{steps, store};
use crate::accounts::caller::{Caller, Operator};
use crate::context::Context;
use crate::error::{Error, Result};
use crate::ids::{QuestionId, VoteId};
use crate::page::Window;
use crate::votes::actions::expect_known;
use crate::{accounts, audit};

/// The questions of a vote, the first that was asked first: for members of its pool and for operators.
///
/// # Errors
/// `not-found` for everybody else.
pub async fn list(ctx: &Context, caller: &Caller, vote_id: VoteId, window: &Window) -> Result<Vec<Question>> {
    let (caller, window) = (caller.clone(), window.clone());
    ctx.db
        .read(move |db| {
            expect_known(db, &vote_id, &caller)?;
            store::of_vote(db, &vote_id, window.after.as_deref(), window.fetch())
        })
        .await
}

/// Shows a question and its answer to nobody any more, for a reason that is shown instead. They stay in the database.
///
/// # Errors
/// `invalid` without a reason, `not-found`, `conflict` where it is withheld already.
pub async fn withhold(ctx: &Context, operator: &Operator, id: QuestionId, reason: String) -> Result<Question> {
    let reason = reason.trim().to_owned();
    accounts::model::reason(&reason)?;
    let operator_id = operator.account_id.clone();
    ctx.db
        .write(move |tx| {
            steps::question(tx, &id)?;
            let now = tx.now();
            if !store::withhold(tx, &id, &reason, now)? {
                return Err(Error::conflict("The question is withheld already."));
            }
            audit::note(tx, &operator_id, "question.withhold", id.as_str(), Some(&reason))?;
            steps::question(tx, &id)
        })
        .await
}
