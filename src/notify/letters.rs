//! From a notice to a letter: looks up what the wording needs, at the moment of sending.

use super::licensees;
use super::notices::{Kind, Notice};
use super::wording::{self, Letter, Links, Proposal};
use crate::accounts::model::{Account, AccountState, EmailTokenPurpose, OrganisationState, VoteMails};
use crate::clock::UtcTime;
use crate::db::Tx;
use crate::error::{Code, Result};
use crate::ids::{AccountId, PoolId, VoteId};
use crate::money::Money;
use crate::offers::counters::model::CounterState;
use crate::offers::model::{Offer, OfferState};
use crate::pools::model::MembershipState;
use crate::purchases::model::PurchaseState;
use crate::votes::model::{Vote, VoteState};
use crate::votes::rules;
use crate::{accounts, histories, offers, pools, purchases, votes, webhooks};

/// A letter and where it goes.
#[derive(Debug, Clone)]
pub struct Addressed {
    /// The address.
    pub to: String,
    /// What it says.
    pub letter: Letter,
}

/// Words a notice for one recipient; `None` where there is nothing to say any more: the recipient has
/// left, the address is verified already, the vote or the invoice is over, a decision was overtaken.
///
/// Only an address that was shown to reach its holder gets mail, but for the mails that show just that.
///
/// # Errors
/// `not-found` where what it is about is gone, `internal` where the database fails.
pub fn write(tx: &mut Tx, links: &Links, notice: &Notice, to: &AccountId) -> Result<Option<Addressed>> {
    let account = accounts::steps::account(tx, to)?;
    let proving = matches!(notice.kind, Kind::AccountVerify | Kind::AccountReset);
    if account.state != AccountState::Active || !(proving || account.email_verified_at.is_some()) {
        return Ok(None);
    }
    let letter = word(tx, links, notice, &account)?;
    Ok(letter.map(|letter| Addressed { to: account.email, letter }))
}

fn word(tx: &mut Tx, links: &Links, notice: &Notice, to: &Account) -> Result<Option<Letter>> {
    Ok(match notice.kind {
        Kind::Nothing => None,
        Kind::AccountVerify if to.email_verified_at.is_some() => None,
        Kind::AccountVerify => {
            let (purpose, now) = (EmailTokenPurpose::Verify, tx.now());
            let token = accounts::steps::mint_email_token(tx, &to.id, purpose)?;
            Some(wording::verify_address(links, &token, now.plus_s(purpose.ttl_s())))
        }
        Kind::AccountReset => {
            let (purpose, now) = (EmailTokenPurpose::Reset, tx.now());
            let token = accounts::steps::mint_email_token(tx, &to.id, purpose)?;
            Some(wording::reset_password(links, &token, now.plus_s(purpose.ttl_s())))
        }
        Kind::OrganisationRegistered => {
            let organisation = accounts::steps::organisation(tx, &notice.id("organisation_id")?)?;
            let waits = organisation.state == OrganisationState::Pending;
            waits.then(|| wording::application_waits(links, &organisation))
        }
        Kind::OrganisationDecided => {
            let organisation = accounts::steps::organisation(tx, &notice.id("organisation_id")?)?;
            wording::application_decided(links, &organisation)
        }
        Kind::HistoryHeld => {
            let held = histories::steps::held(tx, &notice.id("history_id")?)?;
            held.map(|held| wording::history_held(links, &held))
        }
        Kind::ConsentTextPublished => consent_text_published(tx, links, notice, to)?,
        Kind::VoteOpened => vote_opened(tx, links, notice, to)?,
        Kind::VoteReminder => vote_reminder(tx, links, notice, to)?,
        Kind::VoteExtended => vote_extended(tx, links, notice, to)?,
        Kind::VoteQuestionAsked => question_asked(tx, links, notice)?,
        Kind::VoteQuestionAnswered => question_answered(tx, links, notice, to)?,
        Kind::VoteClosed => vote_closed(tx, links, notice, to)?,
        Kind::OfferDecided => {
            let offer = offers::steps::offer(tx, &notice.id("offer_id")?)?;
            wording::offer_decided(links, &proposal(&offer, format!("/v1/offers/{}", offer.id))?, &offer)
        }
        Kind::OfferHeld => offer_held(tx, links, notice)?,
        Kind::OfferCountered => offer_countered(tx, links, notice)?,
        Kind::InvoiceIssued => invoice_issued(tx, links, notice)?,
        Kind::InvoiceRefunded => {
            let purchase = purchases::steps::purchase(tx, &notice.id("purchase_id")?)?;
            let refunds = purchases::steps::refunds_paid(tx, &purchase)?;
            Some(wording::invoice_refunded(links, &purchase, &refunds))
        }
        Kind::OfferLapsed => {
            let offer = offers::steps::offer(tx, &notice.id("offer_id")?)?;
            Some(wording::offer_lapsed(links, &proposal(&offer, format!("/v1/offers/{}", offer.id))?, &offer))
        }
        Kind::LicenceReady => licensees::ready(tx, links, notice)?,
        Kind::LicenceChanged => licensees::changed(tx, links, notice)?,
        Kind::LicenceRecalled => licensees::recalled(tx, links, notice)?,
        Kind::LicenceReplaced => licensees::replaced(tx, links, notice)?,
        Kind::LeaversCounted => licensees::leavers(tx, links, notice)?,
        Kind::WebhookFailing => {
            // Not where it was deleted, or something has arrived meanwhile.
            let failing = webhooks::steps::find(tx, &notice.id("webhook_id")?)?.filter(|hook| hook.warned_at.is_some());
            failing.map(|webhook| wording::webhook_failing(links, &webhook))
        }
    })
}

/// Only to who is still a member; the text is the one that holds when the mail goes out.
fn consent_text_published(tx: &mut Tx, links: &Links, notice: &Notice, to: &Account) -> Result<Option<Letter>> {
    let pool_id: PoolId = notice.id("pool_id")?;
    let memberships = pools::steps::memberships_of(tx, &to.id)?;
    if !memberships.iter().any(|m| m.pool_id == pool_id && m.state == MembershipState::Active) {
        return Ok(None);
    }
    let (pool, text) = (pools::steps::pool(tx, &pool_id)?, pools::steps::current_text(tx, &pool_id)?);
    let path = format!("/v1/pools/{pool_id}/consent-texts");
    Ok(Some(wording::consent_text_published(links, &pool.name, &text.body, &path)))
}

/// Only as long as ballots are taken: whoever could no longer act on it is not asked.
fn vote_opened(tx: &mut Tx, links: &Links, notice: &Notice, to: &Account) -> Result<Option<Letter>> {
    let Some((vote, proposal, closes_at)) = still_open(tx, notice, to)? else { return Ok(None) };
    // Where no reminder will come, this is the one mail that asks for a vote.
    let is_reminded = vote.window().is_some_and(|window| !rules::reminders(&window).is_empty());
    if is_reminded && !wants_all(tx, to)? {
        return Ok(None);
    }
    Ok(Some(wording::vote_opened(links, &proposal, closes_at, vote.final_ballots)))
}

/// Whether somebody wants more than to be reminded.
fn wants_all(tx: &mut Tx, to: &Account) -> Result<bool> {
    Ok(accounts::steps::vote_mails(tx, &to.id)? == VoteMails::All)
}

/// Not to who has voted meanwhile.
fn vote_reminder(tx: &mut Tx, links: &Links, notice: &Notice, to: &Account) -> Result<Option<Letter>> {
    let Some((vote, proposal, closes_at)) = still_open(tx, notice, to)? else { return Ok(None) };
    if votes::steps::has_voted(tx, &vote.id, &to.id)? {
        return Ok(None);
    }
    Ok(Some(wording::vote_reminder(links, &proposal, closes_at)))
}

fn still_open(tx: &mut Tx, notice: &Notice, to: &Account) -> Result<Option<(Vote, Proposal, UtcTime)>> {
    let Some((vote, proposal)) = voted_on(tx, notice, to)? else { return Ok(None) };
    let closes_at = takes_ballots_until(&vote, tx.now());
    Ok(closes_at.map(|closes_at| (vote, proposal, closes_at)))
}

/// Only as long as there is time to answer to it.
fn vote_extended(tx: &mut Tx, links: &Links, notice: &Notice, to: &Account) -> Result<Option<Letter>> {
    if !wants_all(tx, to)? {
        return Ok(None);
    }
    let Some((vote, proposal, _)) = still_open(tx, notice, to)? else { return Ok(None) };
    let has_voted = votes::steps::has_voted(tx, &vote.id, &to.id)?;
    let may_vote = !(has_voted && vote.final_ballots);
    Ok(vote.window().and_then(|window| wording::vote_extended(links, &proposal, &window, may_vote)))
}

/// Only while one waits for an answer that may still be given.
fn question_asked(tx: &mut Tx, links: &Links, notice: &Notice) -> Result<Option<Letter>> {
    let vote = votes::steps::vote(tx, &notice.id("vote_id")?)?;
    let (waiting, now) = (votes::questions::steps::count_waiting(tx, &vote.id)?, tx.now());
    let Some(closes_at) = takes_ballots_until(&vote, now).filter(|_| waiting > 0) else { return Ok(None) };
    let offer = offers::steps::offer(tx, &notice.id("offer_id")?)?;
    let proposal = proposal(&offer, format!("/v1/offers/{}/questions", offer.id))?;
    Ok(Some(wording::question_asked(links, &proposal, waiting, closes_at)))
}

/// To whoever asked and is still of the pool, unless it was withheld meanwhile.
fn question_answered(tx: &mut Tx, links: &Links, notice: &Notice, to: &Account) -> Result<Option<Letter>> {
    let question = votes::questions::steps::question(tx, &notice.id("question_id")?)?;
    let is_theirs = question.member_id.as_ref() == Some(&to.id);
    let answer = question.answer.filter(|_| is_theirs && question.withheld_at.is_none());
    let (Some(answer), Some((vote, proposal))) = (answer, voted_on(tx, notice, to)?) else { return Ok(None) };
    let proposal = Proposal { path: format!("/v1/votes/{}/questions", vote.id), ..proposal };
    Ok(Some(wording::question_answered(links, &proposal, &question.body, &answer)))
}

/// Until when a vote takes ballots; `None` where it takes none now.
fn takes_ballots_until(vote: &Vote, now: UtcTime) -> Option<UtcTime> {
    let window = vote.window().filter(|window| vote.state == VoteState::Open && rules::takes_ballots_at(window, now));
    window.map(|window| rules::effective_deadline(&window))
}

fn vote_closed(tx: &mut Tx, links: &Links, notice: &Notice, to: &Account) -> Result<Option<Letter>> {
    let ended = if wants_all(tx, to)? { voted_on(tx, notice, to)? } else { None };
    Ok(ended.and_then(|(vote, proposal)| wording::vote_closed(links, &proposal, &vote)))
}

/// The vote and what it is about; `None` for an elector who has left the pool and may not read it any more.
fn voted_on(tx: &mut Tx, notice: &Notice, to: &Account) -> Result<Option<(Vote, Proposal)>> {
    let id: VoteId = notice.id("vote_id")?;
    let vote = match votes::steps::expect_member(tx, &id, &to.id) {
        Ok((vote, _)) => vote,
        Err(error) if error.code() == Code::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let offer = offers::steps::of_vote(tx, &id)?;
    let proposal = proposal(&offer, format!("/v1/votes/{id}"))?;
    Ok(Some((vote, proposal)))
}

/// What was frozen into the offer, so that a mail never says anything else than the terms.
fn proposal(offer: &Offer, path: String) -> Result<Proposal> {
    let terms = offer.terms()?;
    Ok(Proposal {
        pool: terms.pool_name,
        dataset: terms.dataset_title,
        buyer: terms.organisation_name,
        purpose: terms.purpose,
        field_of_use: terms.field_of_use,
        price: Money::new(offer.price_minor, &offer.currency),
        path,
    })
}

/// Only while an operator has yet to look at it.
fn offer_held(tx: &mut Tx, links: &Links, notice: &Notice) -> Result<Option<Letter>> {
    let offer = offers::steps::offer(tx, &notice.id("offer_id")?)?;
    let hold = offers::holding::find(tx, &offer.id)?;
    let hold = hold.filter(|hold| hold.released_at.is_none() && offer.state == OfferState::Opening);
    let proposal = proposal(&offer, format!("/v1/offers/{}", offer.id))?;
    Ok(hold.map(|hold| wording::offer_held(links, &proposal, hold.joined, hold.electors)))
}

/// Only while it may be answered.
fn offer_countered(tx: &mut Tx, links: &Links, notice: &Notice) -> Result<Option<Letter>> {
    let offer = offers::steps::offer(tx, &notice.id("offer_id")?)?;
    let (counter, now) = (offers::counters::steps::counter(tx, &notice.id("counter_id")?)?, tx.now());
    let seen = offers::counters::steps::seen(tx, &offer, counter, now)?;
    let proposal = proposal(&offer, format!("/v1/offers/{}", offer.id))?;
    let stands = seen.state == CounterState::Standing;
    Ok(stands.then(|| wording::offer_countered(links, &proposal, &seen.changes, &seen.counter)))
}

/// Only while it is to be paid.
fn invoice_issued(tx: &mut Tx, links: &Links, notice: &Notice) -> Result<Option<Letter>> {
    let purchase = purchases::steps::purchase(tx, &notice.id("purchase_id")?)?;
    let waits = purchase.state == PurchaseState::Invoiced;
    Ok(waits.then(|| wording::invoice_issued(links, &purchase)))
}

#[cfg(test)]
#[path = "letters_tests.rs"]
mod tests;
