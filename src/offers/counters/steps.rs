//! What others ask about counter-offers, and what an accepted one does, inside their own transaction.

use super::model::{Counter, CounterState, changes};
use super::store;
use crate::accounts::caller::Buyer;
use crate::clock::UtcTime;
use crate::db::{Db, Tx};
use crate::error::{Error, Result};
use crate::ids::CounterId;
use crate::money::Money;
use crate::offers::model::{EditionChoice, ListSource, Offer, OfferState};
use crate::offers::terms::NewOffer;
use crate::offers::{placing, steps};
use crate::{datasets, votes};

/// A counter-offer as it is to be shown.
#[derive(Debug, Clone)]
pub struct Seen {
    /// The counter-offer.
    pub counter: Counter,
    /// Where it stands.
    pub state: CounterState,
    /// What it asks for instead of what is offered, line by line.
    pub changes: Vec<String>,
}

/// A counter-offer.
///
/// # Errors
/// `not-found` where there is none.
pub fn counter(db: &mut Db, id: &CounterId) -> Result<Counter> {
    store::find(db, id)?.ok_or_else(|| Error::not_found("counter-offer"))
}

/// The newest counter-offer to an offer, as it stands at an instant.
///
/// # Errors
/// `internal` where the database fails or a row is damaged.
pub fn newest_of(db: &mut Db, offer: &Offer, now: UtcTime) -> Result<Option<Seen>> {
    let newest = store::newest_of(db, &offer.id)?;
    newest.map(|counter| seen(db, offer, counter, now)).transpose()
}

/// A counter-offer to an offer, as it stands at an instant.
///
/// # Errors
/// `internal` where the database fails or a row is damaged.
pub fn seen(db: &mut Db, offer: &Offer, counter: Counter, now: UtcTime) -> Result<Seen> {
    let offered = offered(db, offer)?;
    let changes = changes(&offered, &counter.terms()?.applied_to(&offered)?);
    Ok(Seen { state: state(db, offer, &counter, now)?, changes, counter })
}

/// Where a counter-offer to an offer stands at an instant.
///
/// # Errors
/// `internal` where the database fails.
pub fn state(db: &mut Db, offer: &Offer, counter: &Counter, now: UtcTime) -> Result<CounterState> {
    let window = match &offer.vote_id {
        Some(id) => votes::steps::vote(db, id)?.window(),
        None => None,
    };
    Ok(counter.state_at(now, offer.state, window.as_ref()))
}

/// What the buyer sent when an offer was placed, out of its frozen terms.
///
/// # Errors
/// `internal` where the terms are damaged.
pub(super) fn offered(db: &mut Db, offer: &Offer) -> Result<NewOffer> {
    let terms = offer.terms()?;
    let own = |list: &&crate::offers::terms::ArtistList| {
        list.source == ListSource::Offer && terms.edition == EditionChoice::Next
    };
    let artists = match terms.artist_list.as_ref().filter(own) {
        Some(list) => Some(datasets::steps::artists(db, &list.sha256)?),
        None => None,
    };
    Ok(NewOffer {
        dataset_id: terms.dataset_id,
        edition: terms.edition,
        price: Money::new(terms.price.amount_minor, terms.price.currency),
        purpose: terms.purpose,
        field_of_use: terms.field_of_use,
        period_days: terms.period_days,
        exclusive_until: terms.exclusive_until,
        redistribution: terms.redistribution,
        models_after_term: terms.models_after_term,
        artists,
        message: offer.message.clone(),
    })
}

/// Ends an offer and places another in its stead, all or nothing: what the old one had set aside is free for the new one.
///
/// # Errors
/// As placing; and then nothing of it holds once the caller's transaction, or savepoint, is taken back.
pub(super) fn replace(tx: &mut Tx, old: &Offer, buyer: &Buyer, asked: &NewOffer) -> Result<Offer> {
    let reason = "The buyer accepted other terms in the place of these: there is a new vote on them, for which ballots of this one do \
                  not count.";
    steps::call_off(tx, old, OfferState::Withdrawn, reason)?;
    let new = placing::place(tx, buyer, asked)?;
    let detail = format!("It takes the place of {}, with the terms of a counter-offer.", old.id);
    steps::note(tx, &new.id, new.state, &detail)?;
    Ok(new)
}

/// Whether an offer could be replaced now: it is done, and taken back.
///
/// # Errors
/// As [`replace`].
pub(super) fn try_replacing(tx: &mut Tx, old: &Offer, buyer: &Buyer, asked: &NewOffer) -> Result<()> {
    let mut is_placed = false;
    let tried = tx.savepoint(|tx| -> Result<()> {
        replace(tx, old, buyer, asked)?;
        is_placed = true;
        Err(Error::internal("what was tried is taken back"))
    });
    if is_placed { Ok(()) } else { tried }
}
