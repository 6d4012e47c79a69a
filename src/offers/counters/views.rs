//! Counter-offers as the API takes and shows them.

use super::model::{CounterState, CounterTerms};
use super::steps::Seen;
use crate::clock::UtcTime;
use crate::ids::{CounterId, OfferId};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A counter-offer to be made.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "terms": {"price": {"amount": 6_000_000, "currency": "USD"}, "period_days": 180},
    "message": "Members told us that a year is long for this price.",
    "answer_by": "2026-01-05T12:00:00Z"
}))]
pub struct NewCounter {
    /// What is asked for instead of what is offered.
    pub terms: CounterTerms,
    /// Why, in words to the buyer: 1 to 2,000 characters.
    #[schema(min_length = 1, max_length = 2000)]
    pub message: String,
    /// By when the buyer may answer: after now, and no later than the offer's `decision_by`.
    pub answer_by: UtcTime,
}

/// A counter-offer.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(example = json!({
    "id": "counter_01jd2k8m0wfv9s3x6q4r7t5y2z",
    "offer_id": "offer_01jd2k8m0wfv9s3x6q4r7t5y2z",
    "state": "standing",
    "changes": ["Price: USD 60,000.00 instead of USD 55,000.00.", "Term: 180 days instead of 365 days."],
    "message": "Members told us that a year is long for this price.",
    "answer_by": "2026-01-05T12:00:00Z",
    "made_at": "2026-01-02T12:00:00Z"
}))]
pub struct CounterView {
    /// Its id.
    pub id: CounterId,
    /// The offer that it answers.
    pub offer_id: OfferId,
    /// Where it stands.
    pub state: CounterState,
    /// What it asks for instead of what is offered, line by line. All else stays as it is.
    pub changes: Vec<String>,
    /// The operator's words to the buyer.
    pub message: String,
    /// By when the buyer may answer, unless the offer is decided before.
    pub answer_by: UtcTime,
    /// When it was made.
    pub made_at: UtcTime,
    /// When it was accepted, declined or taken back.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<UtcTime>,
    /// The offer that took the place of the one it answers, once it was accepted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub new_offer_id: Option<OfferId>,
}

impl From<Seen> for CounterView {
    fn from(seen: Seen) -> Self {
        let Seen { counter, state, changes } = seen;
        CounterView {
            id: counter.id,
            offer_id: counter.offer_id,
            state,
            changes,
            message: counter.message,
            answer_by: counter.answer_by,
            made_at: counter.made_at,
            ended_at: counter.ended_at,
            new_offer_id: counter.new_offer_id,
        }
    }
}
