//! Questions about an offer: its electors ask in the vote, and the buyer answers. Who the buyer is, a vote does not know.

use crate::accounts::caller::{Buyer, Caller, Member};
use crate::context::Context;
use crate::error::{Error, Result};
use crate::ids::{OfferId, QuestionId, VoteId};
use crate::offers::actions::{of_organisation, scope};
use crate::offers::steps;
use crate::outbox;
use crate::page::Window;
use crate::votes::questions::model::{Question, words};
use crate::votes::questions::steps as questions;
use serde_json::json;

/// Asks a question. The buyer is told by mail, once a day at most.
///
/// # Errors
/// `invalid` for words that are none, or too many; else as [`questions::ask`].
pub async fn ask(ctx: &Context, member: &Member, vote_id: VoteId, text: &str) -> Result<Question> {
    let (words, member_id) = (words(text)?, member.account_id.clone());
    ctx.db
        .write(move |tx| {
            let asked = questions::ask(tx, &vote_id, &member_id, &words)?;
            if let Some(at) = asked.tell_at {
                let offer = steps::of_vote(tx, &vote_id)?;
                let told = json!({"vote_id": vote_id, "offer_id": offer.id});
                outbox::push_at(tx, "vote.question_asked", &told, at)?;
            }
            Ok(asked.question)
        })
        .await
}

/// Answers a question, once, for the organisation whose offer it is about. Whoever asked is told by mail.
///
/// # Errors
/// `invalid` for words that are none, or too many; `not-found` for a question about the offer of another organisation;
/// `vote-closed`; `conflict` where it is answered or withheld.
pub async fn answer(ctx: &Context, buyer: &Buyer, id: QuestionId, text: &str) -> Result<Question> {
    let (words, buyer) = (words(text)?, buyer.clone());
    ctx.db
        .write(move |tx| {
            let vote_id = questions::question(tx, &id)?.vote_id;
            let offer = steps::of_vote(tx, &vote_id)?;
            if offer.organisation_id != buyer.organisation_id {
                return Err(Error::not_found("question"));
            }
            let answered = questions::answer(tx, &id, &buyer.account_id, &words)?;
            let told = json!({"vote_id": vote_id, "offer_id": offer.id, "question_id": id});
            outbox::push(tx, "vote.question_answered", &told)?;
            Ok(answered)
        })
        .await
}

/// The questions about an offer, the first that was asked first: for the buyer's organisation and for operators.
///
/// # Errors
/// `forbidden` for members, who read them in the vote; `not-found` for an offer of another organisation.
pub async fn of_offer(ctx: &Context, caller: &Caller, id: OfferId, window: &Window) -> Result<Vec<Question>> {
    let (organisation_id, window) = (scope(caller)?, window.clone());
    ctx.db
        .read(move |db| match of_organisation(db, &id, organisation_id.as_ref())?.vote_id {
            Some(vote_id) => questions::of_vote(db, &vote_id, window.after.as_deref(), window.fetch()),
            None => Ok(Vec::new()),
        })
        .await
}
