//! Offers as the API shows them.

use crate::clock::UtcTime;
use crate::error::Result;
use crate::ids::{DatasetId, EditionId, OfferId, OrganisationId, PoolId, VoteId};
use crate::money::Money;
use crate::offers::actions::Seen;
use crate::offers::counters::views::CounterView;
use crate::offers::model::{EditionChoice, Offer, OfferState, TimelineEntry};
use crate::offers::terms::Terms;
use crate::votes::model::{Vote, VoteState};
use crate::votes::rules;
use serde::Serialize;
use utoipa::ToSchema;

/// An offer in a list.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(example = json!({
    "id": "offer_01jd2k8m0wfv9s3x6q4r7t5y2z",
    "state": "voting",
    "dataset_id": "dataset_01jd2k8m0wfv9s3x6q4r7t5y2z",
    "pool_id": "pool_01jd2k8m0wfv9s3x6q4r7t5y2z",
    "organisation_id": "org_01jd2k8m0wfv9s3x6q4r7t5y2z",
    "edition": "next",
    "price": {"amount": 5_500_000, "currency": "USD"},
    "fee": {"amount": 550_000, "currency": "USD"},
    "tax": {"amount": 0, "currency": "USD"},
    "total": {"amount": 5_500_000, "currency": "USD"},
    "terms_hash": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "decision_by": "2026-01-08T13:00:00Z",
    "created_at": "2026-01-01T12:00:00Z",
    "updated_at": "2026-01-01T12:00:01Z"
}))]
pub struct OfferSummary {
    /// Its id.
    pub id: OfferId,
    /// Where it stands.
    pub state: OfferState,
    /// The dataset.
    pub dataset_id: DatasetId,
    /// The pool whose members decide.
    pub pool_id: PoolId,
    /// The buyer organisation.
    pub organisation_id: OrganisationId,
    /// The next edition or the stock.
    pub edition: EditionChoice,
    /// The stock edition.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub edition_id: Option<EditionId>,
    /// The price before tax.
    pub price: Money,
    /// The cooperative's fee: a part of the price, not added to it.
    pub fee: Money,
    /// Tax on the price.
    pub tax: Money,
    /// What is to be paid in all.
    pub total: Money,
    /// SHA-256 of the frozen terms, in hex.
    pub terms_hash: String,
    /// By when the members will have decided.
    pub decision_by: UtcTime,
    /// By when it is to be paid, once it is accepted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pay_by: Option<UtcTime>,
    /// Why it ended as it did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// When it was placed.
    pub created_at: UtcTime,
    /// When its state last changed.
    pub updated_at: UtcTime,
}

/// An offer with everything about it.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct OfferView {
    /// The offer.
    #[serde(flatten)]
    pub summary: OfferSummary,
    /// The buyer's words to the members.
    #[schema(example = "We run a small internet radio and would like to play what people love.")]
    pub message: String,
    /// The frozen terms.
    pub terms: Terms,
    /// The vote, once it has opened.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vote: Option<VoteProgress>,
    /// The newest counter-offer to it, if there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub counter: Option<CounterView>,
    /// That the opening of the vote is or was held.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hold: Option<HoldView>,
    /// What has happened, from the beginning.
    pub timeline: Vec<TimelineView>,
}

/// An opening that is or was held, because many of those who would vote have joined lately.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(example = json!({"is_held": true, "held_at": "2026-01-01T12:00:01Z", "joined_lately": 900, "electors": 1_200}))]
pub struct HoldView {
    /// Whether an operator has yet to release it, or call the offer off.
    pub is_held: bool,
    /// Since when it is or was held.
    pub held_at: UtcTime,
    /// How many of the electorate have joined lately; for operators only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub joined_lately: Option<i64>,
    /// The electorate as it was then; for operators only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub electors: Option<i64>,
    /// When an operator released it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub released_at: Option<UtcTime>,
    /// Why.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub release_reason: Option<String>,
}

/// How far a vote is. The split is told with the reason, once it has ended.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(example = json!({
    "id": "vote_01jd2k8m0wfv9s3x6q4r7t5y2z", "state": "open", "electors": 18000, "turnout": 7012,
    "needed_yes": 1800, "opens_at": "2026-01-01T12:00:01Z", "closes_at": "2026-01-08T12:00:01Z"
}))]
pub struct VoteProgress {
    /// Its id.
    pub id: VoteId,
    /// Where it stands.
    pub state: VoteState,
    /// Members who may vote.
    pub electors: i64,
    /// Ballots cast so far.
    pub turnout: i64,
    /// Ballots in favour that it takes at least.
    pub needed_yes: i64,
    /// When it opened.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub opens_at: Option<UtcTime>,
    /// When it is too late to vote.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub closes_at: Option<UtcTime>,
}

/// A line of an offer's story.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(example = json!({
    "state": "opening", "detail": "Placed; the electorate is being listed.", "happened_at": "2026-01-01T12:00:00Z"
}))]
pub struct TimelineView {
    /// The state that the offer came to.
    pub state: OfferState,
    /// What happened.
    pub detail: String,
    /// When.
    pub happened_at: UtcTime,
}

/// A list of artists that offers are about.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(example = json!({
    "sha256": "53ec5200c9cfe1f1cde442ade1dd12cffc244ecff5e1ccf7fcd15b64482f957e", "artists": ["Ada & the Loops", "Böhme, Clara"]
}))]
pub struct ArtistListView {
    /// SHA-256 of the list, in hex, as offers' terms name it: of `artists` as a JSON array in its canonical form (RFC 8785).
    pub sha256: String,
    /// The names, in their order.
    pub artists: Vec<String>,
}

impl OfferView {
    /// An offer as buyers and operators are shown it.
    ///
    /// # Errors
    /// `internal` for a damaged row.
    pub fn of(seen: Seen) -> Result<Self> {
        let (terms, is_opening) = (seen.offer.terms()?, seen.offer.state == OfferState::Opening);
        let told = |count: i64| seen.is_operator.then_some(count);
        let hold = seen.hold.map(|hold| HoldView {
            is_held: is_opening && hold.released_at.is_none(),
            held_at: hold.held_at,
            joined_lately: told(hold.joined),
            electors: told(hold.electors),
            released_at: hold.released_at,
            release_reason: hold.release_reason,
        });
        Ok(OfferView {
            hold,
            message: seen.offer.message.clone(),
            summary: OfferSummary::from(seen.offer),
            terms,
            vote: seen.vote.map(|(vote, turnout)| VoteProgress::of(vote, turnout)).transpose()?,
            counter: seen.counter.map(CounterView::from),
            timeline: seen.timeline.into_iter().map(TimelineView::from).collect(),
        })
    }
}

impl VoteProgress {
    /// A vote with the ballots cast so far.
    ///
    /// # Errors
    /// `internal` for a damaged row.
    pub fn of(vote: Vote, turnout: i64) -> Result<Self> {
        let closes_at = vote.window().as_ref().map(rules::effective_deadline);
        Ok(VoteProgress {
            needed_yes: rules::need(&vote.passing()?, vote.electors),
            id: vote.id,
            state: vote.state,
            electors: vote.electors,
            turnout,
            opens_at: vote.opens_at,
            closes_at,
        })
    }
}

impl From<Offer> for OfferSummary {
    fn from(offer: Offer) -> Self {
        let money = |amount_minor| Money::new(amount_minor, offer.currency.clone());
        OfferSummary {
            price: money(offer.price_minor),
            fee: money(offer.fee_minor),
            tax: money(offer.tax_minor),
            total: money(offer.total_minor),
            edition: if offer.edition_id.is_some() { EditionChoice::Stock } else { EditionChoice::Next },
            id: offer.id,
            state: offer.state,
            dataset_id: offer.dataset_id,
            pool_id: offer.pool_id,
            organisation_id: offer.organisation_id,
            edition_id: offer.edition_id,
            terms_hash: offer.terms_hash,
            decision_by: offer.decision_by,
            pay_by: offer.pay_by,
            reason: offer.reason,
            created_at: offer.created_at,
            updated_at: offer.updated_at,
        }
    }
}

impl From<TimelineEntry> for TimelineView {
    fn from(entry: TimelineEntry) -> Self {
        TimelineView { state: entry.state, detail: entry.detail, happened_at: entry.happened_at }
    }
}
