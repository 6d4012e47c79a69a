//! What the buyer's webhooks are told of an offer and its vote.

use crate::db::Tx;
use crate::error::Result;
use crate::ids::{CounterId, VoteId};
use crate::money::Money;
use crate::offers::model::{Offer, OfferState};
use crate::offers::steps;
use crate::votes::rules;
use crate::webhooks::events::EventType;
use crate::{votes, webhooks};
use serde_json::{Value, json};

/// What an offer's new state is told as; `None` where something else is told instead: that it was placed, that its vote has
/// opened, that its invoice was paid.
const fn told_as(state: OfferState) -> Option<EventType> {
    match state {
        OfferState::Queued | OfferState::Opening | OfferState::Voting | OfferState::Paid => None,
        OfferState::Accepted => Some(EventType::OfferAccepted),
        OfferState::Rejected => Some(EventType::OfferRejected),
        OfferState::Withdrawn => Some(EventType::OfferWithdrawn),
        OfferState::Lapsed => Some(EventType::OfferLapsed),
        OfferState::Void => Some(EventType::OfferVoid),
    }
}

fn about(offer: &Offer, state: OfferState) -> Value {
    json!({
        "offer_id": offer.id,
        "dataset_id": offer.dataset_id,
        "state": state,
        "price": Money::new(offer.price_minor, &offer.currency),
        "total": Money::new(offer.total_minor, &offer.currency),
        "href": format!("/v1/offers/{}", offer.id),
    })
}

/// That an offer was placed.
pub fn placed(tx: &mut Tx, offer: &Offer) -> Result<()> {
    webhooks::steps::tell(tx, &offer.organisation_id, EventType::OfferPlaced, &about(offer, offer.state))
}

/// That an offer has come to another state, and why.
pub fn changed(tx: &mut Tx, offer: &Offer, to: OfferState, reason: &str) -> Result<()> {
    let Some(event) = told_as(to) else { return Ok(()) };
    let mut data = about(offer, to);
    data["reason"] = json!(reason);
    webhooks::steps::tell(tx, &offer.organisation_id, event, &data)
}

/// That other terms are asked for.
pub fn countered(tx: &mut Tx, offer: &Offer, counter_id: &CounterId) -> Result<()> {
    let mut data = about(offer, offer.state);
    data["counter_id"] = json!(counter_id);
    webhooks::steps::tell(tx, &offer.organisation_id, EventType::OfferCountered, &data)
}

/// Where the vote on an offer stands: what the offer shows its buyer, and so no split before the end.
pub fn vote(tx: &mut Tx, offer: &Offer, vote_id: &VoteId, event: EventType) -> Result<()> {
    let vote = votes::steps::vote(tx, vote_id)?;
    let data = json!({
        "vote_id": vote_id,
        "offer_id": offer.id,
        "state": vote.state,
        "electors": vote.electors,
        "turnout": votes::steps::turnout(tx, &vote)?,
        "closes_at": vote.window().as_ref().map(rules::effective_deadline),
        "href": format!("/v1/offers/{}", offer.id),
    });
    webhooks::steps::tell(tx, &offer.organisation_id, event, &data)
}

/// That the deadline of a vote was moved.
pub fn extended(tx: &mut Tx, vote_id: &VoteId) -> Result<()> {
    let offer = steps::of_vote(tx, vote_id)?;
    vote(tx, &offer, vote_id, EventType::VoteExtended)
}
