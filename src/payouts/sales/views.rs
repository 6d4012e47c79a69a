//! What became of a vote, as the API shows it: plain words first.

use super::model::{self, Drawn, OwnSale};
use crate::clock::UtcTime;
use crate::error::Result;
use crate::ids::{DatasetId, EditionId, PoolId, VoteId};
use crate::money::Money;
use crate::votes::model::{Choice, VoteState};
use crate::votes::steps::OwnBallot;
use serde::Serialize;
use utoipa::ToSchema;

/// What became of a vote that you were in.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(example = json!({
    "in_words": "Northwind Radio offered USD 55,000.00 for “Artist preference” of Listeners together. The members accepted it.",
    "ballot": {"in_words": "You voted yes, and your ballot was counted.", "choice": "yes", "is_counted": true},
    "data": {
        "in_words": "You were in the draw: your plays whenever they were played count in the edition, with noise.",
        "is_used": true, "period": "whenever they were played",
        "edition_id": "edition_01jd2k8m0wfv9s3x6q4r7t5y2z", "drawn_at": "2026-01-09T08:00:00Z"
    },
    "money": {
        "in_words": "Your share is USD 2.75: USD 49,500.00 was shared equally by 18,000 members.",
        "share": {"amount": 275, "currency": "USD"}
    },
    "vote_id": "vote_01jd2k8m0wfv9s3x6q4r7t5y2z",
    "pool_id": "pool_01jd2k8m0wfv9s3x6q4r7t5y2z",
    "state": "accepted",
    "reason": "Accepted: 10,000 of 18,000 members voted: 9,950 yes, 50 no, 0 abstained.",
    "ended_at": "2026-01-08T12:00:00Z",
    "dataset_id": "dataset_01jd2k8m0wfv9s3x6q4r7t5y2z",
    "dataset": "Artist preference",
    "buyer": "Northwind Radio",
    "purpose": "model_training",
    "field_of_use": "Training the recommender of our own radio app.",
    "price": {"amount": 5_500_000, "currency": "USD"}
}))]
pub struct OwnSaleView {
    /// What was offered, by whom, and what the members said.
    pub in_words: String,
    /// Your ballot.
    pub ballot: OwnBallotView,
    /// Your data.
    pub data: OwnDataView,
    /// Your money.
    pub money: OwnMoneyView,
    /// The vote.
    pub vote_id: VoteId,
    /// The pool.
    pub pool_id: PoolId,
    /// How the vote ended.
    pub state: VoteState,
    /// Why it ended so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// When it ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<UtcTime>,
    /// What the offer was for.
    pub dataset_id: DatasetId,
    /// Its title.
    pub dataset: String,
    /// Who made the offer.
    pub buyer: String,
    /// What the data was wanted for.
    pub purpose: String,
    /// The same in the buyer's words.
    pub field_of_use: String,
    /// The price that was offered, the cooperative's fee included.
    pub price: Money,
}

/// A ballot and whether it counted.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct OwnBallotView {
    /// What became of it.
    pub in_words: String,
    /// What it says; missing where you cast none, or it was void.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub choice: Option<Choice>,
    /// Whether it was counted.
    pub is_counted: bool,
}

/// What became of a member's data.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct OwnDataView {
    /// What became of it.
    pub in_words: String,
    /// Whether your plays are in an edition that was sold by this vote; missing as long as that is not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub is_used: Option<bool>,
    /// Which plays the edition counts, once there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub period: Option<String>,
    /// The edition: its privacy report stands at `/v1/editions/{id}/privacy-report`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub edition_id: Option<EditionId>,
    /// When it was published.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub drawn_at: Option<UtcTime>,
}

/// What became of a member's share.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct OwnMoneyView {
    /// How much it is and how it came about, or why there is none.
    pub in_words: String,
    /// Your share, once it is in the books.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub share: Option<Money>,
}

impl OwnSaleView {
    /// What became of a vote, for one who was in it.
    ///
    /// # Errors
    /// `internal` for a damaged row.
    pub fn of(sale: OwnSale) -> Result<Self> {
        let OwnSale { vote, offer, ballot, data, money } = sale;
        let (terms, is_counted) = (offer.terms()?, vote.tally().is_some());
        let choice = match ballot {
            OwnBallot::Cast(choice) => Some(choice),
            OwnBallot::None | OwnBallot::Void => None,
        };
        let share = match money {
            model::Money::Share { amount_minor, .. } => Some(Money::new(amount_minor, offer.currency.clone())),
            _ => None,
        };
        let drawn: Option<Drawn> = data.drawn().cloned();
        Ok(OwnSaleView {
            in_words: model::summary(&terms, &vote),
            ballot: OwnBallotView {
                in_words: model::ballot(ballot, is_counted),
                is_counted: is_counted && choice.is_some(),
                choice,
            },
            data: OwnDataView {
                in_words: data.in_words(),
                is_used: data.is_used(),
                period: drawn.as_ref().map(|drawn| drawn.period.clone()),
                drawn_at: drawn.as_ref().and_then(|drawn| drawn.drawn_at),
                edition_id: drawn.map(|drawn| drawn.edition_id),
            },
            money: OwnMoneyView { in_words: money.in_words(&offer.currency), share },
            vote_id: vote.id,
            pool_id: vote.pool_id,
            state: vote.state,
            reason: vote.reason,
            ended_at: vote.closed_at,
            dataset_id: terms.dataset_id,
            dataset: terms.dataset_title,
            buyer: terms.organisation_name,
            purpose: terms.purpose,
            field_of_use: terms.field_of_use,
            price: terms.price,
        })
    }
}
