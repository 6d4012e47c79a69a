//! What others ask about payouts in their own transaction.

use super::model::Sale;
use super::split::split;
use super::store;
use crate::datasets::model::Edition;
use crate::db::Db;
use crate::error::{Error, Result};
use crate::ids::{AccountId, PurchaseId};
use crate::offers::model::Offer;
use crate::purchases::licence::LicenceState;
use crate::purchases::model::{Purchase, PurchaseState};
use crate::queue::{self, JobKind};
use crate::{datasets, offers, purchases, votes};

/// A settled sale whose files are there; `None` before that, when nothing is shared out yet, and where
/// the licence was cancelled, when nothing ever is.
///
/// # Errors
/// `not-found` where there is no such purchase.
pub fn sale(db: &mut Db, id: &PurchaseId) -> Result<Option<Sale>> {
    let purchase = purchases::steps::purchase(db, id)?;
    let Some(licence) = purchases::steps::licence_of(db, id)? else { return Ok(None) };
    if matches!(licence.state, LicenceState::Preparing | LicenceState::Cancelled) {
        return Ok(None);
    }
    let offer = offers::steps::offer(db, &purchase.offer_id)?;
    let payees = match drawn_for(db, &offer)? {
        Some(drawn) => drawn.members,
        None => votes::steps::vote(db, voted(&offer)?)?.electors,
    };
    let refund = purchases::steps::refund(db, &purchase, &licence)?;
    Ok(Some(Sale { purchase, terms: licence.terms()?, refund, payees }))
}

/// Who is paid for a sale, by ascending id: everybody in an edition that was drawn for it, or the
/// electorate that agreed to sell one from stock.
///
/// # Errors
/// `internal` where the rows contradict each other.
pub(super) fn payees(db: &mut Db, purchase: &Purchase) -> Result<Vec<AccountId>> {
    let offer = offers::steps::offer(db, &purchase.offer_id)?;
    match drawn_for(db, &offer)? {
        Some(drawn) => datasets::steps::edition_members(db, &drawn.id),
        None => votes::steps::electors(db, voted(&offer)?),
    }
}

/// The edition that was drawn for a sale, whatever has taken its place since; `None` where it was sold from stock.
fn drawn_for(db: &mut Db, offer: &Offer) -> Result<Option<Edition>> {
    if offer.edition_id.is_some() { Ok(None) } else { purchases::steps::sold_edition(db, offer) }
}

fn voted(offer: &Offer) -> Result<&crate::ids::VoteId> {
    offer.vote_id.as_ref().ok_or_else(|| Error::internal(format!("{} was sold without a vote", offer.id)))
}

/// Says which settled purchases are not shared out as they should be, one sentence for each fault.
/// Nothing said means: shares, fee, tax and refund add up to the total, or to no more where the job is
/// still at it, and each share is in the books.
///
/// # Errors
/// `internal` where the database fails.
pub fn verify(db: &mut Db) -> Result<Vec<String>> {
    let mut problems = Vec::new();
    for id in purchases::steps::ids_in(db, PurchaseState::Settled)? {
        let Some(sale) = sale(db, &id)? else { continue };
        let (entered, paid_minor) = store::totals(db, &id)?;
        let shares = split(sale.to_share_minor(), usize::try_from(sale.payees).map_err(Error::internal)?)?;
        let expected = i64::try_from(shares.receivers()).map_err(Error::internal)?;
        let (purchase, refund) = (&sale.purchase, sale.refund.total_minor());
        let kept = purchase.fee_minor + purchase.tax_minor - (refund - sale.refund.revenue_minor);
        let accounted = paid_minor + kept + refund;
        let total = purchase.total().amount_minor;
        if accounted > total || entered > expected {
            problems.push(format!("{id} pays out more than was paid: {accounted} of {total} in {entered} shares"));
        } else if entered == expected && accounted != total {
            problems.push(format!("{id} leaves {} minor units with nobody", total - accounted));
        }
        if entered < expected && !queue::is_waiting(db, JobKind::Payout, id.as_str())? {
            let missing = expected - entered;
            problems.push(format!("{id} lacks {missing} of {expected} shares, and no job is about to enter them"));
        }
        if store::misfits(db, &id)? > 0 {
            problems.push(format!("{id} has shares that are not what the books say"));
        }
    }
    Ok(problems)
}
