//! From a settled purchase to the files: the edition is drawn, and the licence begins.

use crate::aggregates::Progress;
use crate::context::Context;
use crate::datasets::model::{EditionState, Material};
use crate::datasets::recall::RecallState;
use crate::db::Db;
use crate::error::{Code, Error, Result};
use crate::ids::{AccountId, EditionId, OfferId};
use crate::offers::model::Offer;
use crate::purchases::licence::{Licence, LicenceState};
use crate::purchases::model::Purchase;
use crate::purchases::{recalls, steps, store, telling};
use crate::{datasets, offers, votes};

/// How often one job draws before it gives way to others.
const TRIES: u32 = 5;

/// What an edition is drawn for.
enum Goal {
    /// A sale that is paid.
    Sale(OfferId),
    /// The recall of this edition, whose place it is to take.
    Replacement(EditionId),
}

/// Draws the edition that a purchase or the licensees of a recalled edition wait for and delivers it; a job, and safe to repeat: an
/// edition that is published is not drawn again, and a licence begins once, and moves once.
///
/// The draw set is the electorate of the sale less those who may no longer be drawn from: they have
/// left, withdrawn a consent, or their history is gone. The payees are the draw set. For a replacement nobody is paid anew, so only
/// those are drawn from who are in the recalled edition and were paid for that. Members come and go
/// and hand in histories meanwhile; then it is drawn anew at once, a few times.
///
/// `false` where an operator has stopped it: nothing is published, the licence stays `preparing`, and it is not tried
/// again until an operator says so.
///
/// # Errors
/// Whatever keeps the edition from being drawn; the licence stays `preparing`, and it may be tried again.
pub async fn draw(ctx: &Context, id: &EditionId, progress: impl Fn(Progress) + Send + Sync) -> Result<bool> {
    let mut tries = 1;
    let (goal, drawn) = loop {
        let edition_id = id.clone();
        let (goal, material) = match ctx.db.read(move |db| due(db, &edition_id)).await {
            Ok(Some(due)) => due,
            Ok(None) => return Ok(true),
            Err(error) => {
                datasets::actions::note_failure(ctx, id, &error).await;
                return Err(error);
            }
        };
        match datasets::actions::draw_edition(ctx, id, material, &progress).await {
            Ok(edition) if edition.state == EditionState::Published => break (goal, edition),
            // Cancelled, and then there is nothing more to do; or stopped.
            Ok(edition) => return Ok(edition.stopped_at.is_none()),
            Err(error) if error.code() == Code::Conflict && tries < TRIES => tries += 1,
            Err(error) => return Err(error),
        }
    };
    ctx.db
        .write(move |tx| {
            match &goal {
                Goal::Sale(offer_id) => {
                    let (purchase, licence) = settled(tx, offer_id)?;
                    if steps::deliver(tx, &purchase, &licence.id)? {
                        telling::published(tx, &drawn)?;
                    }
                }
                Goal::Replacement(recalled_id) => recalls::steps::replace(tx, recalled_id, &drawn)?,
            }
            Ok(true)
        })
        .await
}

/// What an edition is made for, and what to draw it from; `None` where that was given up.
fn due(db: &mut Db, id: &EditionId) -> Result<Option<(Goal, Material)>> {
    let (offer, recalled) = (offer_of(db, id)?, datasets::steps::recall_replaced_by(db, id)?);
    let is_given_up = match &recalled {
        Some(recalled) => recalled.recall.state != RecallState::Replacing,
        None => settled(db, &offer.id)?.1.state == LicenceState::Cancelled,
    };
    if is_given_up {
        return Ok(None);
    }
    let list_sha256 = offer.terms()?.artist_list.map(|list| list.sha256);
    let recalled_id = recalled.map(|recalled| recalled.recall.edition_id);
    // What is published already is not drawn again, and is delivered though everybody may have left since.
    let members = match (datasets::steps::edition(db, id)?.state, &recalled_id) {
        (EditionState::Published, _) => Vec::new(),
        (_, Some(recalled_id)) => draw_set_of_replacement(db, &offer, recalled_id)?,
        (_, None) => draw_set(db, &offer)?,
    };
    let goal = recalled_id.map_or(Goal::Sale(offer.id), Goal::Replacement);
    Ok(Some((goal, Material { members, list_sha256 })))
}

/// What was paid for an offer, and what that grants.
fn settled(db: &mut Db, offer_id: &OfferId) -> Result<(Purchase, Licence)> {
    let unpaid = || Error::internal(format!("{offer_id} was drawn for, but has no settled purchase"));
    let purchase = store::purchase_of(db, offer_id)?.ok_or_else(unpaid)?;
    let licence = store::licence_of(db, &purchase.id)?.ok_or_else(unpaid)?;
    Ok((purchase, licence))
}

/// The offer that an edition is made for; where it replaces another, the one that that was made for.
fn offer_of(db: &mut Db, id: &EditionId) -> Result<Offer> {
    let subject = datasets::steps::edition(db, id)?.subject_id;
    if let Some(recalled_id) = EditionId::parse(&subject) {
        return offer_of(db, &recalled_id);
    }
    let offer_id = OfferId::parse(&subject).ok_or_else(|| Error::internal(format!("{id} is made for {subject}")))?;
    offers::steps::offer(db, &offer_id)
}

/// Those of the electorate whose data may be drawn from at this moment.
fn draw_set(db: &mut Db, offer: &Offer) -> Result<Vec<AccountId>> {
    let still = eligible(db, offer)?;
    if still.is_empty() {
        return Err(Error::conflict(
            "Nobody is left to draw from: all electors have left or withdrawn their consent. Cancel the licence; \
             all of the price then goes back to the buyer.",
        ));
    }
    Ok(still)
}

/// Those of them who are in the recalled edition, too.
fn draw_set_of_replacement(db: &mut Db, offer: &Offer, recalled_id: &EditionId) -> Result<Vec<AccountId>> {
    let in_it = datasets::steps::edition_members(db, recalled_id)?;
    let mut still = eligible(db, offer)?;
    still.retain(|member| in_it.binary_search(member).is_ok());
    if still.is_empty() {
        return Err(Error::conflict(
            "Nobody is left to draw from: all members in the recalled edition have left or withdrawn their consent. Give the \
             replacement up; licensees then get their refund.",
        ));
    }
    Ok(still)
}

/// Those of the electorate who are members with all consents and a history now. It only ever shrinks.
fn eligible(db: &mut Db, offer: &Offer) -> Result<Vec<AccountId>> {
    let unvoted = || Error::internal(format!("{} was never voted on", offer.id));
    let electors = votes::steps::electors(db, offer.vote_id.as_ref().ok_or_else(unvoted)?)?;
    let terms = offer.terms()?;
    let purposes = datasets::steps::dataset(db, &offer.dataset_id)?.purposes;
    let joined_before = terms.submitted_at.plus_s(-terms.vote.cool_off_s);
    let mut still = votes::electorate::eligible(db, &offer.pool_id, &purposes, joined_before)?;
    still.retain(|member| electors.binary_search(member).is_ok());
    Ok(still)
}
