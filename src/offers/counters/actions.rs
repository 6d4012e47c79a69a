//! What operators and buyers do with counter-offers.

use super::model::{Counter, CounterState, CounterTerms};
use super::steps::{self, Seen, offered};
use super::store;
use crate::accounts::caller::{Buyer, Operator};
use crate::clock::UtcTime;
use crate::context::Context;
use crate::db::Tx;
use crate::error::{Error, Result};
use crate::idempotency::{self, Kept, Once};
use crate::ids::{CounterId, OfferId, OrganisationId};
use crate::offers::actions::seen as offer_seen;
use crate::offers::counters::views::{CounterView, NewCounter};
use crate::offers::model::{Offer, OfferState};
use crate::offers::steps as offers;
use crate::offers::telling;
use crate::offers::views::OfferView;
use crate::{audit, outbox, text};
use serde_json::json;

/// Longest message, in characters.
const MESSAGE_MAX: usize = 2_000;

/// Asks the buyer of an undecided offer for other terms, once per key. Whether an offer with these could be placed is looked
/// at as if it were accepted now. The buyer is told by mail.
///
/// # Errors
/// `invalid`, `not-found`; `conflict` where the offer is decided or a counter-offer stands; else as placing an offer.
pub async fn make(ctx: &Context, operator: &Operator, id: OfferId, new: NewCounter, once: Once) -> Result<Kept> {
    let message = message(&new.message)?;
    let operator = operator.clone();
    ctx.db
        .write(move |tx| {
            idempotency::once(tx, &once, 201, |tx| {
                let offer = offers::offer(tx, &id)?;
                make_room(tx, &offer)?;
                check_time(tx, &offer, new.answer_by)?;
                let asked = new.terms.applied_to(&offered(tx, &offer)?)?;
                let buyer =
                    Buyer { account_id: offer.placed_by.clone(), organisation_id: offer.organisation_id.clone() };
                steps::try_replacing(tx, &offer, &buyer, &asked)?;
                let counter = keep(tx, &operator, &offer, &new.terms, &message, new.answer_by)?;
                let now = tx.now();
                Ok(CounterView::from(steps::seen(tx, &offer, counter, now)?))
            })
        })
        .await
}

/// One counter-offer stands at a time: whichever has lapsed makes room.
fn make_room(tx: &mut Tx, offer: &Offer) -> Result<()> {
    let now = tx.now();
    if let Some(before) = store::standing_of(tx, &offer.id)? {
        if steps::state(tx, offer, &before, now)? == CounterState::Standing {
            let detail = format!("{} stands until {}; take it back first.", before.id, before.answer_by);
            return Err(Error::conflict(detail));
        }
        store::end(tx, &before.id, CounterState::Lapsed, now, None)?;
    }
    Ok(())
}

fn check_time(tx: &mut Tx, offer: &Offer, answer_by: UtcTime) -> Result<()> {
    let (now, latest) = (tx.now(), offer.decision_by);
    if !OfferState::UNDECIDED.contains(&offer.state) {
        return Err(Error::conflict(format!("The offer is {}; there is nothing to ask for any more.", offer.state)));
    }
    if answer_by <= now || answer_by > latest {
        return Err(Error::invalid(format!("answer_by lies after now and no later than the decision, {latest}.")));
    }
    Ok(())
}

fn keep(
    tx: &mut Tx,
    operator: &Operator,
    offer: &Offer,
    terms: &CounterTerms,
    message: &str,
    answer_by: UtcTime,
) -> Result<Counter> {
    let now = tx.now();
    let counter = Counter {
        id: CounterId::new(now, tx.entropy()),
        offer_id: offer.id.clone(),
        made_by: operator.account_id.clone(),
        state: CounterState::Standing,
        terms_json: serde_json::to_string(terms)?,
        message: message.to_owned(),
        answer_by,
        made_at: now,
        ended_at: None,
        new_offer_id: None,
    };
    store::insert(tx, &counter)?;
    let detail = format!("The operator asks for other terms ({}), to be answered by {answer_by}.", counter.id);
    offers::note(tx, &offer.id, offer.state, &detail)?;
    telling::countered(tx, offer, &counter.id)?;
    outbox::push(tx, "offer.countered", &json!({"offer_id": offer.id, "counter_id": counter.id}))?;
    audit::note(tx, &operator.account_id, "offer.counter", offer.id.as_str(), Some(message))?;
    Ok(counter)
}

/// Accepts a counter-offer, once per key: the old offer ends, its vote is void, and a new offer is placed, all in one write. If it cannot
/// be placed nothing changes. Answers with the new offer.
///
/// # Errors
/// `not-found` for a counter-offer to another organisation, `conflict` where it does not stand any more; else as placing an offer.
pub async fn accept(ctx: &Context, buyer: &Buyer, id: CounterId, once: Once) -> Result<Kept> {
    let buyer = buyer.clone();
    ctx.db
        .write(move |tx| {
            idempotency::once(tx, &once, 201, |tx| {
                let (counter, old) = standing(tx, &id, Some(&buyer.organisation_id))?;
                let asked = counter.terms()?.applied_to(&offered(tx, &old)?)?;
                let (new, now) = (steps::replace(tx, &old, &buyer, &asked)?, tx.now());
                end(tx, &id, CounterState::Accepted, Some(&new.id))?;
                OfferView::of(offer_seen(tx, new, now)?)
            })
        })
        .await
}

/// Declines a counter-offer. Offer and vote go on as they were.
///
/// # Errors
/// `not-found` for a counter-offer to another organisation, `conflict` where it does not stand any more.
pub async fn decline(ctx: &Context, buyer: &Buyer, id: CounterId) -> Result<Seen> {
    let organisation_id = buyer.organisation_id.clone();
    ctx.db
        .write(move |tx| {
            let (_, offer) = standing(tx, &id, Some(&organisation_id))?;
            end(tx, &id, CounterState::Declined, None)?;
            offers::note(
                tx,
                &offer.id,
                offer.state,
                "The buyer declined the counter-offer; the offer stands as it was.",
            )?;
            ended(tx, &offer, &id)
        })
        .await
}

/// Takes a counter-offer back.
///
/// # Errors
/// `not-found`, `conflict` where it does not stand any more.
pub async fn withdraw(ctx: &Context, operator: &Operator, id: CounterId) -> Result<Seen> {
    let operator = operator.clone();
    ctx.db
        .write(move |tx| {
            let (_, offer) = standing(tx, &id, None)?;
            end(tx, &id, CounterState::Withdrawn, None)?;
            offers::note(tx, &offer.id, offer.state, "The operator took the counter-offer back.")?;
            audit::note(tx, &operator.account_id, "counter.withdraw", id.as_str(), None)?;
            ended(tx, &offer, &id)
        })
        .await
}

/// A counter-offer that stands, with its offer.
fn standing(tx: &mut Tx, id: &CounterId, of: Option<&OrganisationId>) -> Result<(Counter, Offer)> {
    let (counter, now) = (steps::counter(tx, id)?, tx.now());
    let offer = offers::offer(tx, &counter.offer_id)?;
    if of.is_some_and(|own| offer.organisation_id != *own) {
        return Err(Error::not_found("counter-offer"));
    }
    match steps::state(tx, &offer, &counter, now)? {
        CounterState::Standing => Ok((counter, offer)),
        state => Err(Error::conflict(format!("The counter-offer is {state}; it is no longer to be answered."))),
    }
}

fn end(tx: &mut Tx, id: &CounterId, to: CounterState, new_offer_id: Option<&OfferId>) -> Result<()> {
    let now = tx.now();
    if store::end(tx, id, to, now, new_offer_id)? {
        return Ok(());
    }
    Err(Error::internal(format!("{id} stood, and cannot be {to}")))
}

fn ended(tx: &mut Tx, offer: &Offer, id: &CounterId) -> Result<Seen> {
    let (counter, now) = (steps::counter(tx, id)?, tx.now());
    steps::seen(tx, offer, counter, now)
}

fn message(given: &str) -> Result<String> {
    let message = given.trim();
    if !(1..=MESSAGE_MAX).contains(&message.chars().count()) || !text::is_plain(message) {
        return Err(Error::invalid(format!(
            "message says to the buyer why, in 1 to {MESSAGE_MAX} characters that show."
        )));
    }
    Ok(message.to_owned())
}
