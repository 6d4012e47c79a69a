//! What others do with an offer inside their own transaction.

use crate::clock::UtcTime;
use crate::db::schema::{offer_events, offers};
use crate::db::{Db, Tx};
use crate::error::{Error, Result};
use crate::ids::{EditionId, EventId, OfferId, OrganisationId, PoolId, VoteId};
use crate::offers::model::{Offer, OfferState};
use crate::offers::{artists, store, telling, terms};
use crate::queue::{self, JobKind};
use crate::webhooks::events::EventType;
use crate::{outbox, pools, votes};
use diesel::dsl::max;
use diesel::prelude::*;
use serde_json::json;

/// An offer.
///
/// # Errors
/// `not-found` where there is none.
pub fn offer(db: &mut Db, id: &OfferId) -> Result<Offer> {
    store::find(db, id)?.ok_or_else(|| Error::not_found("offer"))
}

/// What an organisation may still have to pay, in minor units of the currency of its credit limit: the
/// totals of all offers that stand, decided or not. Who offers more than they can pay would have the
/// members vote in vain.
///
/// # Errors
/// `internal` where the database fails.
pub fn outstanding_minor(db: &mut Db, organisation_id: &OrganisationId) -> Result<i64> {
    store::outstanding_minor(db, organisation_id)
}

/// Closes a vote that is due, and decides its offer by it, all in one write: the state with its reason,
/// the day to pay by, the budget of a rejected one, the next offer in the queue, and the mails.
/// Returns the offer if it has been decided just now; `None` where there was nothing to close.
///
/// # Errors
/// `internal` where vote and offer contradict each other, and then neither has changed.
pub fn settle_vote(tx: &mut Tx, vote_id: &VoteId) -> Result<Option<Offer>> {
    let Some(closed) = votes::steps::close(tx, vote_id)? else { return Ok(None) };
    let offer = of_vote(tx, vote_id)?;
    let to = if closed.accepted { OfferState::Accepted } else { OfferState::Rejected };
    if !change(tx, &offer, to, &closed.reason)? {
        return Err(Error::internal(format!("{vote_id} has ended, but {} is {}", offer.id, offer.state)));
    }
    if closed.accepted {
        let pay_by = tx.now().plus_days(offer.terms()?.payment_days.into());
        diesel::update(offers::table.find(&offer.id)).set(offers::pay_by.eq(pay_by)).execute(&mut **tx)?;
    }
    telling::vote(tx, &offer, vote_id, EventType::VoteClosed)?;
    outbox::push(tx, "vote.closed", &json!({"vote_id": vote_id, "offer_id": offer.id}))?;
    outbox::push(tx, "offer.decided", &json!({"offer_id": offer.id}))?;
    self::offer(tx, &offer.id).map(Some)
}

/// Reminds those who have not voted, where it is time; returns when the next time is.
///
/// # Errors
/// `internal` where the database fails.
pub fn remind(tx: &mut Tx, vote_id: &VoteId) -> Result<Option<UtcTime>> {
    let (is_time, next) = votes::steps::remind(tx, vote_id)?;
    if is_time {
        let offer = of_vote(tx, vote_id)?;
        outbox::push(tx, "vote.reminder", &json!({"vote_id": vote_id, "offer_id": offer.id}))?;
    }
    Ok(next)
}

/// Has the buyer's webhooks told that the deadline of a vote was moved.
///
/// # Errors
/// `internal` where the database fails.
pub fn tell_of_extension(tx: &mut Tx, vote_id: &VoteId) -> Result<()> {
    telling::extended(tx, vote_id)
}

/// Lapses an accepted offer that was not paid in time. `false` where it was paid or has lapsed already.
///
/// # Errors
/// `internal` where the database fails.
pub fn lapse(tx: &mut Tx, id: &OfferId, reason: &str) -> Result<bool> {
    let offer = offer(tx, id)?;
    change(tx, &offer, OfferState::Lapsed, reason)
}

/// Offers for a stock edition that may still become licences, in their order.
///
/// # Errors
/// `internal` where the database fails.
pub fn standing_for(db: &mut Db, edition_id: &EditionId) -> Result<Vec<Offer>> {
    store::standing_for(db, edition_id)
}

/// Calls an undecided offer and its vote off, because what it is for is not sold any more; buyer and members are told.
///
/// # Errors
/// `conflict` where it is decided.
pub fn void(tx: &mut Tx, offer: &Offer, reason: &str) -> Result<()> {
    call_off(tx, offer, OfferState::Void, reason)?;
    outbox::push(tx, "offer.decided", &json!({"offer_id": offer.id}))
}

/// Notes that an accepted offer was paid.
///
/// # Errors
/// `conflict` where it is not waiting for payment.
pub fn mark_paid(tx: &mut Tx, id: &OfferId) -> Result<()> {
    let offer = offer(tx, id)?;
    if change(tx, &offer, OfferState::Paid, "Paid. Thank you.")? {
        return Ok(());
    }
    Err(Error::conflict(format!("The offer is {}; only an accepted one can be paid.", offer.state)))
}

/// Says which offers have terms that are no longer those that were hashed, or are about lists of artists that are not
/// there, one sentence for each.
///
/// # Errors
/// `internal` where the database fails.
pub fn verify(db: &mut Db) -> Result<Vec<String>> {
    let ids: Vec<OfferId> = offers::table.order(offers::id).select(offers::id).load(db)?;
    let mut problems = Vec::new();
    for id in ids {
        let offer = offer(db, &id)?;
        if terms::sha256(&offer.terms_json) != offer.terms_hash {
            problems.push(format!("{id} has other terms than those that were frozen and hashed"));
            continue;
        }
        let terms = offer.terms()?;
        let frozen =
            (terms.price.amount_minor, terms.fee.amount_minor, terms.tax.amount_minor, terms.total.amount_minor);
        if (offer.price_minor, offer.fee_minor, offer.tax_minor, offer.total_minor) != frozen {
            problems.push(format!("{id} has other amounts than its terms"));
        }
        problems.extend(artists::problem(db, &id, offer.artist_list_sha256.as_deref(), &terms)?);
    }
    Ok(problems)
}

/// Writes a line into the story of an offer whose state stays as it is.
///
/// # Errors
/// `not-found`.
pub fn tell(tx: &mut Tx, id: &OfferId, detail: &str) -> Result<()> {
    let state = offer(tx, id)?.state;
    note(tx, id, state, detail)
}

/// The offer that a vote decides. There always is one: the vote is made in the write that names it.
///
/// # Errors
/// `internal` where there is none.
pub fn of_vote(db: &mut Db, vote_id: &VoteId) -> Result<Offer> {
    store::of_vote(db, vote_id)?.ok_or_else(|| Error::internal(format!("{vote_id} has no offer")))
}

/// Ends an undecided offer and its vote.
pub(super) fn call_off(tx: &mut Tx, offer: &Offer, to: OfferState, reason: &str) -> Result<()> {
    if !change(tx, offer, to, reason)? {
        let detail = format!("The offer is {} and can no longer be called off.", offer.state);
        return Err(Error::conflict(detail));
    }
    let Some(vote_id) = &offer.vote_id else { return Ok(()) };
    if !votes::steps::void(tx, vote_id, reason)? {
        return Err(Error::internal(format!("{} was undecided, but {vote_id} has ended", offer.id)));
    }
    if offer.state == OfferState::Voting {
        telling::vote(tx, offer, vote_id, EventType::VoteClosed)?;
        outbox::push(tx, "vote.closed", &json!({"vote_id": vote_id, "offer_id": offer.id}))?;
    }
    Ok(())
}

/// Brings an offer to another state, if its state allows it: the one place that does. What was set aside
/// for an offer that is lost becomes free, and who waited for its place among the votes moves up.
pub(super) fn change(tx: &mut Tx, offer: &Offer, to: OfferState, detail: &str) -> Result<bool> {
    let now = tx.now();
    let allowed = offers::table.filter(offers::id.eq(&offer.id).and(offers::state.eq_any(to.allowed_from())));
    let changed = diesel::update(allowed).set((offers::state.eq(to), offers::updated_at.eq(now))).execute(&mut **tx)?;
    if changed == 0 {
        return Ok(false);
    }
    note(tx, &offer.id, to, detail)?;
    telling::changed(tx, offer, to, detail)?;
    if to.is_lost() || to == OfferState::Accepted {
        diesel::update(offers::table.find(&offer.id)).set(offers::reason.eq(detail)).execute(&mut **tx)?;
    }
    if to.is_lost() {
        pools::steps::release_budget(tx, offer.id.as_str())?;
    }
    if to.is_lost() || to == OfferState::Accepted {
        promote(tx, &offer.pool_id)?;
    }
    Ok(true)
}

/// Writes a line of an offer's story, after all that it has.
pub(super) fn note(tx: &mut Tx, id: &OfferId, state: OfferState, detail: &str) -> Result<()> {
    let (event_id, now) = (EventId::new(tx.now(), tx.entropy()), tx.now());
    let lines = offer_events::table.filter(offer_events::offer_id.eq(id)).select(max(offer_events::number));
    let number = lines.first::<Option<i32>>(&mut **tx)?.unwrap_or(0) + 1;
    diesel::insert_into(offer_events::table)
        .values((
            offer_events::id.eq(event_id),
            offer_events::offer_id.eq(id),
            offer_events::state.eq(state),
            offer_events::detail.eq(detail),
            offer_events::happened_at.eq(now),
            offer_events::number.eq(number),
        ))
        .execute(&mut **tx)?;
    Ok(())
}

/// Lets offers that wait take the places that are free, in their order.
fn promote(tx: &mut Tx, pool_id: &PoolId) -> Result<()> {
    let places = i64::from(pools::steps::pool(tx, pool_id)?.rules.open_votes_max);
    let free = usize::try_from(places - store::count_before_members(tx, pool_id)?).unwrap_or(0);
    for id in store::queued(tx, pool_id)?.into_iter().take(free) {
        let offer = offer(tx, &id)?;
        if change(tx, &offer, OfferState::Opening, "Its turn has come: the electorate is being listed.")? {
            let now = tx.now();
            queue::push(tx, JobKind::OpenVote, id.as_str(), now)?;
        }
    }
    Ok(())
}
