//! What an offer is and which way it may go.

use crate::clock::UtcTime;
use crate::error::Result;
use crate::ids::{AccountId, DatasetId, EditionId, EventId, OfferId, OrganisationId, PoolId, VoteId};
use crate::offers::terms::Terms;
use crate::text_enum;

text_enum! {
    /// Where an offer stands.
    pub enum OfferState {
        /// Waits until the pool's members have fewer votes open.
        Queued = "queued",
        /// Its electorate is being listed.
        Opening = "opening",
        /// The members vote on it.
        Voting = "voting",
        /// The members said yes; the invoice is to be paid.
        Accepted = "accepted",
        /// Paid: there is a licence.
        Paid = "paid",
        /// The members did not say yes, or nobody could vote.
        Rejected = "rejected",
        /// Taken back by the buyer before it was decided.
        Withdrawn = "withdrawn",
        /// Accepted, and not paid in time, or not before what it was for was recalled.
        Lapsed = "lapsed",
        /// Called off by an operator, for a public reason.
        Void = "void",
    }
}

impl OfferState {
    /// The states from which an offer may come to this one. Everything else is refused.
    pub const fn allowed_from(self) -> &'static [OfferState] {
        use OfferState::{Accepted, Lapsed, Opening, Paid, Queued, Rejected, Void, Voting, Withdrawn};
        match self {
            Queued => &[],
            Opening => &[Queued],
            Voting => &[Opening],
            Accepted => &[Voting],
            Paid | Lapsed => &[Accepted],
            Rejected => &[Opening, Voting],
            Withdrawn | Void => &[Queued, Opening, Voting],
        }
    }

    /// Whether nothing was sold: what was set aside for the offer is free again.
    pub const fn is_lost(self) -> bool {
        matches!(self, OfferState::Rejected | OfferState::Withdrawn | OfferState::Lapsed | OfferState::Void)
    }

    /// Whether nothing can change any more.
    pub const fn is_final(self) -> bool {
        self.is_lost() || matches!(self, OfferState::Paid)
    }

    /// States in which an offer takes up one of the pool's places for votes.
    pub const BEFORE_MEMBERS: &'static [OfferState] = &[OfferState::Opening, OfferState::Voting];

    /// States in which an offer may still be taken back, called off or answered with other terms.
    pub const UNDECIDED: &'static [OfferState] = &[OfferState::Queued, OfferState::Opening, OfferState::Voting];

    /// States in which an offer may still become a licence.
    pub const STANDING: &'static [OfferState] =
        &[OfferState::Queued, OfferState::Opening, OfferState::Voting, OfferState::Accepted];
}

text_enum! {
    /// Which edition of the dataset is asked for.
    pub enum EditionChoice {
        /// One that is drawn for this sale, once, after payment. It costs privacy budget.
        Next = "next",
        /// The one that was drawn already. It costs no privacy budget.
        Stock = "stock",
    }
}

text_enum! {
    /// Where a list of artists comes from.
    pub enum ListSource {
        /// From the buyer: it stands in the offer.
        Offer = "offer",
        /// From an earlier edition of the pool, which has made the artists public.
        Edition = "edition",
    }
}

text_enum! {
    /// What the buyer may hand on.
    pub enum Redistribution {
        /// Nothing.
        None = "none",
        /// Results of own analyses, from which the edition's rows cannot be got back.
        Results = "results",
    }
}

text_enum! {
    /// What becomes of models that were trained on the edition when the term is over.
    pub enum ModelsAfterTerm {
        /// They may be used on.
        Keep = "keep",
        /// They may be used on as they are, and not be trained further.
        Freeze = "freeze",
        /// They are deleted.
        Delete = "delete",
    }
}

/// An offer.
#[derive(Debug, Clone, diesel::Queryable, diesel::Selectable)]
#[diesel(table_name = crate::db::schema::offers)]
pub struct Offer {
    /// Its id.
    pub id: OfferId,
    /// The dataset.
    pub dataset_id: DatasetId,
    /// The pool of the dataset.
    pub pool_id: PoolId,
    /// The buyer organisation.
    pub organisation_id: OrganisationId,
    /// Who placed it.
    pub placed_by: AccountId,
    /// The stock edition asked for; `None` for the next one.
    pub edition_id: Option<EditionId>,
    /// Where it stands.
    pub state: OfferState,
    /// The price, fee included and tax not.
    pub price_minor: i64,
    /// The cooperative's fee, a part of the price.
    pub fee_minor: i64,
    /// Tax on the price.
    pub tax_minor: i64,
    /// What the buyer pays: price and tax.
    pub total_minor: i64,
    /// The pool's currency.
    pub currency: String,
    /// The terms as canonical JSON: exactly the bytes that are hashed.
    pub terms_json: String,
    /// SHA-256 of the terms, in hex.
    pub terms_hash: String,
    /// The buyer's words to the members.
    pub message: String,
    /// The vote, once it is being opened.
    pub vote_id: Option<VoteId>,
    /// Until when nobody else is to be granted a licence.
    pub exclusive_until: Option<UtcTime>,
    /// By when the members will have decided.
    pub decision_by: UtcTime,
    /// By when it is to be paid, once it is accepted.
    pub pay_by: Option<UtcTime>,
    /// Why it ended as it did, in words.
    pub reason: Option<String>,
    /// When it was placed.
    pub created_at: UtcTime,
    /// When its state last changed.
    pub updated_at: UtcTime,
    /// The name (SHA-256) of the list of artists in its terms, where there is one.
    pub artist_list_sha256: Option<String>,
}

impl Offer {
    /// The frozen terms.
    ///
    /// # Errors
    /// `internal` where the stored text is damaged.
    pub fn terms(&self) -> Result<Terms> {
        Terms::read(&self.terms_json)
    }
}

/// One line of an offer's story.
#[derive(Debug, Clone, diesel::Queryable, diesel::Selectable)]
#[diesel(table_name = crate::db::schema::offer_events)]
pub struct TimelineEntry {
    /// Its id.
    pub id: EventId,
    /// The state that the offer came to.
    pub state: OfferState,
    /// What happened, in words.
    pub detail: String,
    /// When.
    pub happened_at: UtcTime,
    /// Its place in the story: 1, 2, …
    pub number: i32,
}

#[cfg(test)]
mod tests {
    use super::*;
    use OfferState::{Accepted, Lapsed, Opening, Paid, Queued, Rejected, Void, Voting, Withdrawn};

    /// Every state against every other: the table is written out once more, by hand.
    #[test]
    fn an_offer_only_goes_forward() {
        let allowed = [
            (Queued, Opening),
            (Queued, Withdrawn),
            (Queued, Void),
            (Opening, Voting),
            (Opening, Rejected),
            (Opening, Withdrawn),
            (Opening, Void),
            (Voting, Accepted),
            (Voting, Rejected),
            (Voting, Withdrawn),
            (Voting, Void),
            (Accepted, Paid),
            (Accepted, Lapsed),
        ];
        for &from in OfferState::ALL {
            for &to in OfferState::ALL {
                assert_eq!(to.allowed_from().contains(&from), allowed.contains(&(from, to)), "{from} to {to}");
            }
        }
    }

    #[test]
    fn what_is_lost_or_paid_is_final_and_all_else_stands() {
        for &state in OfferState::ALL {
            let leads_on = OfferState::ALL.iter().any(|to| to.allowed_from().contains(&state));
            assert_eq!(leads_on, OfferState::STANDING.contains(&state), "{state}");
            assert_eq!(state.is_final(), !leads_on, "{state}");
            assert_eq!(state.is_final(), state.is_lost() || state == Paid, "{state}");
        }
        for &state in OfferState::ALL {
            assert_eq!(Withdrawn.allowed_from().contains(&state), OfferState::UNDECIDED.contains(&state), "{state}");
        }
        assert!([Rejected, Withdrawn, Lapsed, Void].iter().all(|state| state.is_lost()));
    }
}
