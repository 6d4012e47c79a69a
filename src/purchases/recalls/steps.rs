//! What a recall does to offers, invoices and licences, inside one write.

use super::model;
use crate::clock::UtcTime;
use crate::datasets::model::Edition;
use crate::datasets::recall::{RecallState, Recalled};
use crate::db::{Db, Tx};
use crate::error::{Error, Result};
use crate::ids::EditionId;
use crate::ledger::model::LedgerKind;
use crate::offers::model::OfferState;
use crate::purchases::licence::{Licence, LicenceState};
use crate::purchases::model::{Purchase, Refund};
use crate::purchases::{steps, store, telling};
use crate::queue::{self, JobKind};
use crate::webhooks::events::EventType;
use crate::{datasets, offers, outbox};
use serde_json::{Value, json};

/// The recall of an edition of which it is known that there is one.
pub(super) fn recalled(db: &mut Db, id: &EditionId) -> Result<Recalled> {
    datasets::steps::recall(db, id)?.ok_or_else(|| Error::internal(format!("{id} was not recalled")))
}

/// Takes an edition out of every sale that has not come to a licence yet: undecided offers are called off with their votes, invoices
/// lapse. Returns how many.
pub(super) fn withdraw_from_sale(tx: &mut Tx, recalled: &Recalled) -> Result<usize> {
    let standing = offers::steps::standing_for(tx, &recalled.recall.edition_id)?;
    for offer in &standing {
        if offer.state != OfferState::Accepted {
            offers::steps::void(tx, offer, &format!("Called off: {} It is not sold any more.", recalled.in_public()))?;
            continue;
        }
        let unsold = || Error::internal(format!("{} is accepted without an invoice", offer.id));
        let purchase = steps::purchase_of(tx, &offer.id)?.ok_or_else(unsold)?;
        let reason = format!(
            "{} It is not sold any more, and the invoice {} is not to be paid.",
            recalled.in_public(),
            purchase.invoice_number
        );
        if !steps::lapse(tx, &purchase, &reason)? {
            return Err(Error::internal(format!("{} was unpaid, but {} is settled", offer.id, purchase.id)));
        }
    }
    Ok(standing.len())
}

/// Takes the files away from everybody who holds a licence on a recalled edition: it is suspended where a replacement is on its way,
/// else it ends and is refunded. Everybody who ever had one is told. Returns how many held one.
pub(super) fn withdraw_from_licensees(tx: &mut Tx, recalled: &Recalled) -> Result<usize> {
    let (id, now) = (&recalled.recall.edition_id, tx.now());
    let mut held = 0;
    for licence in store::licences_on(tx, id)? {
        match (licence.state, licence.state_at(now)) {
            (LicenceState::Cancelled, _) => continue,
            (LicenceState::Active, LicenceState::Active) => {
                held += 1;
                if recalled.recall.state == RecallState::Replacing {
                    store::move_licence(tx, &licence.id, LicenceState::Active, LicenceState::Suspended)?;
                } else {
                    end_and_refund(tx, recalled, &licence)?;
                }
            }
            (before, after) if before != after => steps::finish(tx, &licence, now)?,
            _ => {}
        }
        tell_of_recall(tx, &licence, recalled, None)?;
    }
    Ok(held)
}

/// Brings the licences that wait for a replacement to it, now that it is there. Nothing happens where the recall was resolved before.
///
/// # Errors
/// `internal` where the database fails.
pub fn replace(tx: &mut Tx, id: &EditionId, replacement: &Edition) -> Result<()> {
    if !datasets::steps::resolve_recall(tx, id, RecallState::Replaced)? {
        return Ok(());
    }
    let (recalled, now) = (recalled(tx, id)?, tx.now());
    for licence in waiting(tx, id, now)? {
        if is_too_small(tx, &licence, replacement)? {
            end_and_refund(tx, &recalled, &licence)?;
            tell_of_recall(tx, &licence, &recalled, None)?;
            continue;
        }
        store::move_licence(tx, &licence.id, LicenceState::Suspended, LicenceState::Active)?;
        let without_files_s = now.unix_s() - recalled.recall.recalled_at.unix_s();
        let ends_at = licence.ends_at.map(|ends_at| ends_at.plus_s(without_files_s));
        store::set_edition(tx, &licence.id, &replacement.id, ends_at)?;
        let next_end = Licence { ends_at, ..licence.clone() }.next_end();
        queue::push(tx, JobKind::ExpireLicence, licence.id.as_str(), next_end.unwrap_or(now))?;
        telling::licence(tx, &licence.id, EventType::LicenceReplaced)?;
        outbox::push(tx, "licence.replaced", &about(&licence, &replacement.id))?;
    }
    // Now that those who waited hold a licence again.
    telling::published(tx, replacement)
}

/// Gives up a replacement: the licences that wait for it end and are refunded, and what was set aside of the privacy budget is free
/// again if nothing was drawn yet. Returns how many there are.
pub(super) fn give_up_replacement(
    tx: &mut Tx,
    id: &EditionId,
    replacement_id: &EditionId,
    reason: &str,
) -> Result<usize> {
    if !datasets::steps::cancel_edition(tx, replacement_id)? {
        return Err(Error::conflict("The replacement has just been published, and licences are about to move to it."));
    }
    if !datasets::steps::resolve_recall(tx, id, RecallState::Refunded)? {
        return Err(Error::conflict("The recall has been resolved already."));
    }
    let (recalled, now) = (recalled(tx, id)?, tx.now());
    let waiting = waiting(tx, id, now)?;
    for licence in &waiting {
        end_and_refund(tx, &recalled, licence)?;
        tell_of_recall(tx, licence, &recalled, Some(reason))?;
    }
    Ok(waiting.len())
}

/// The licences that are suspended; whose notice has run out is revoked now, as the clock has done before.
fn waiting(tx: &mut Tx, id: &EditionId, now: UtcTime) -> Result<Vec<Licence>> {
    let mut waiting = Vec::new();
    for licence in store::licences_on(tx, id)?.into_iter().filter(|licence| licence.state == LicenceState::Suspended) {
        if licence.state_at(now) == LicenceState::Suspended {
            waiting.push(licence);
        } else {
            steps::finish(tx, &licence, now)?;
        }
    }
    Ok(waiting)
}

/// Whether an edition has fewer rows than the terms promise, and what was sold had not.
fn is_too_small(tx: &mut Tx, licence: &Licence, replacement: &Edition) -> Result<bool> {
    let promised = licence.terms()?.refund.below_rows;
    let offer = offers::steps::offer(tx, &licence.offer_id)?;
    let sold = steps::sold_edition(tx, &offer)?.and_then(|edition| edition.rows_given);
    Ok(replacement.rows_given < Some(promised) && sold >= Some(promised))
}

/// Ends a licence because of a recall, and enters what goes back.
fn end_and_refund(tx: &mut Tx, recalled: &Recalled, licence: &Licence) -> Result<()> {
    if !store::change_licence(tx, &licence.id, LicenceState::Recalled)? {
        return Err(Error::internal(format!("{} is {} and cannot end by a recall", licence.id, licence.state)));
    }
    // Under notice it would have ended with that.
    store::set_recalled(tx, &licence.id, recalled.recall.recalled_at, licence.next_end())?;
    steps::end_exclusivity(tx, licence)?;
    let licence = steps::licence(tx, &licence.id)?;
    let purchase = steps::purchase(tx, &licence.purchase_id)?;
    let refund = refund(tx, &purchase, &licence)?;
    let memo = "refund: the edition was recalled";
    steps::enter_refund(tx, &purchase, refund, LedgerKind::RecallCosts, memo)?;
    offers::steps::tell(tx, &licence.offer_id, &format!("{} The licence has ended with it.", recalled.in_public()))
}

/// What goes back for a recall; nothing where a licence did not end by one. Everything that it is made of is frozen, so it is the same
/// whenever it is asked.
///
/// # Errors
/// `internal` where a row is damaged.
pub fn refund(db: &mut Db, purchase: &Purchase, licence: &Licence) -> Result<Refund> {
    if licence.state != LicenceState::Recalled {
        return Ok(Refund::default());
    }
    let (Some(edition_id), Some(would_end_at)) = (&licence.edition_id, licence.ends_at) else {
        return Err(Error::internal(format!("{} ended by a recall before it had begun", licence.id)));
    };
    let recall = recalled(db, edition_id)?.recall;
    let back = steps::refund(db, purchase, licence)?;
    model::refund(purchase, &licence.terms()?, back, recall.ground, recall.recalled_at, would_end_at)
}

/// Tells those who hold a licence, and their programs, of the recall of its edition; and why what was to replace it was given up.
fn tell_of_recall(tx: &mut Tx, licence: &Licence, recalled: &Recalled, given_up: Option<&str>) -> Result<()> {
    telling::recall(tx, &licence.id, &recalled.recall, given_up)?;
    let mut about = about(licence, &recalled.recall.edition_id);
    if let Some(reason) = given_up {
        about["reason"] = json!(reason);
    }
    outbox::push(tx, "licence.recalled", &about)
}

/// What the mails are about.
fn about(licence: &Licence, edition_id: &EditionId) -> Value {
    json!({"licence_id": licence.id, "edition_id": edition_id, "organisation_id": licence.organisation_id})
}
