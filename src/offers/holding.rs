//! Openings that are held: where too many of those who would vote have joined lately, an operator looks before the vote opens.
//!
//! Whoever waits for the cool-off may vote, so somebody with patience could fill a pool with accounts of their own and then make
//! an offer. Being many and new proves nothing; so nobody is shut out, and the opening waits for a person.

use crate::accounts::caller::Operator;
use crate::clock::UtcTime;
use crate::context::Context;
use crate::db::{Db, Tx};
use crate::error::{Error, Result};
use crate::ids::OfferId;
use crate::offers::actions::{self, Seen};
use crate::offers::model::{Offer, OfferState};
use crate::offers::terms::TermsOfVote;
use crate::offers::{steps, store};
use crate::queue::{self, JobKind};
use crate::{accounts, audit, outbox};
use serde_json::json;

/// An opening that is or was held.
#[derive(Debug, Clone, PartialEq, Eq, diesel::Queryable, diesel::Selectable, diesel::Insertable)]
#[diesel(table_name = crate::db::schema::offer_holds)]
pub struct Hold {
    /// The offer.
    pub offer_id: OfferId,
    /// Members of the electorate who had joined lately when it was held.
    pub joined: i64,
    /// The electorate as it was then.
    pub electors: i64,
    /// Since when.
    pub held_at: UtcTime,
    /// When an operator let the vote open.
    pub released_at: Option<UtcTime>,
    /// Why.
    pub release_reason: Option<String>,
}

/// When somebody must have joined an offer's pool to count as new; `None` where its rules hold nothing.
pub(super) fn new_after(rules: &TermsOfVote, offer: &Offer) -> Option<UtcTime> {
    (rules.burst_bp > 0 && offer.edition_id.is_none()).then(|| offer.created_at.plus_s(-rules.burst_window_s))
}

/// Whether so many new members are too many for a vote to open by itself.
pub(super) fn is_burst(joined: i64, electors: i64, burst_bp: i32) -> bool {
    burst_bp > 0 && i128::from(joined) * 10_000 > i128::from(burst_bp) * i128::from(electors)
}

/// What was held of an offer's opening, if anything ever was.
///
/// # Errors
/// `internal` where the database fails.
pub fn find(db: &mut Db, id: &OfferId) -> Result<Option<Hold>> {
    store::hold(db, id)
}

/// Holds the opening of an offer, and tells the operators. The buyer is not told how many joined.
pub(super) fn hold(tx: &mut Tx, offer: &Offer, joined: i64, electors: i64) -> Result<()> {
    let hold = Hold {
        offer_id: offer.id.clone(),
        joined,
        electors,
        held_at: tx.now(),
        released_at: None,
        release_reason: None,
    };
    store::add_hold(tx, &hold)?;
    let detail =
        "Held: many of those who would vote have joined lately. An operator looks at it before the vote opens.";
    steps::note(tx, &offer.id, offer.state, detail)?;
    outbox::push(tx, "offer.held", &json!({"offer_id": offer.id}))
}

/// Lets the vote on an offer open that was held, for a reason that the buyer is told.
///
/// # Errors
/// `invalid` without a reason, `not-found`, `conflict` where nothing is held.
pub async fn release(ctx: &Context, operator: &Operator, id: OfferId, reason: String) -> Result<Seen> {
    let reason = reason.trim().to_owned();
    accounts::model::reason(&reason)?;
    let operator = operator.clone();
    ctx.db
        .write(move |tx| {
            let (offer, now) = (steps::offer(tx, &id)?, tx.now());
            if offer.state != OfferState::Opening || !store::release_hold(tx, &id, &reason, now)? {
                return Err(Error::conflict("The opening of this offer's vote is not held."));
            }
            steps::note(tx, &id, offer.state, &format!("Released by the operator: {reason}"))?;
            queue::push(tx, JobKind::OpenVote, id.as_str(), now)?;
            audit::note(tx, &operator.account_id, "offer.release", id.as_str(), Some(&reason))?;
            Ok(Seen { is_operator: true, ..actions::seen(tx, offer, now)? })
        })
        .await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_than_the_part_is_a_burst_and_just_the_part_is_none() {
        for (joined, electors, bp, expected) in [
            (0, 10, 1, false),
            (1, 10, 999, true),
            (1, 10, 1_000, false),
            (2, 10, 1_000, true),
            (10, 10, 9_999, true),
            (10, 10, 0, false),
            (i64::MAX, i64::MAX, 9_999, true),
        ] {
            assert_eq!(is_burst(joined, electors, bp), expected, "{joined} of {electors}, {bp}");
        }
    }
}
