//! From a settled purchase to the files: the edition is drawn, and the licence begins.

use crate::aggregates::Progress;
use crate::context::Context;
use crate::datasets::model::{EditionState, Material};
use crate::db::Db;
use crate::error::{Code, Error, Result};
use crate::ids::{AccountId, EditionId, OfferId};
use crate::offers::model::Offer;
use crate::purchases::licence::{Licence, LicenceState};
use crate::purchases::model::Purchase;
use crate::purchases::{steps, store, telling};
use crate::{datasets, offers, votes};

/// How often one job draws before it gives way to others.
const TRIES: u32 = 5;

/// Draws the edition that a purchase waits for and delivers it; a job, and safe to repeat: an edition
/// that is published is not drawn again, and a licence begins once.
///
/// The draw set is the electorate of the sale less those who may no longer be drawn from: they have
/// left, withdrawn a consent, or their history is gone. The payees are the draw set. Members come and go
/// and hand in histories meanwhile; then it is drawn anew at once, a few times.
///
/// `false` where an operator has stopped it: nothing is published, the licence stays `preparing`, and it is not tried
/// again until an operator says so.
///
/// # Errors
/// Whatever keeps the edition from being drawn; the licence stays `preparing`, and it may be tried again.
pub async fn draw(ctx: &Context, id: &EditionId, progress: impl Fn(Progress) + Send + Sync) -> Result<bool> {
    let mut tries = 1;
    let offer = loop {
        let edition_id = id.clone();
        let (offer, material) = match ctx.db.read(move |db| due(db, &edition_id)).await {
            Ok(Some(due)) => due,
            Ok(None) => return Ok(true),
            Err(error) => {
                datasets::actions::note_failure(ctx, id, &error).await;
                return Err(error);
            }
        };
        match datasets::actions::draw_edition(ctx, id, material, &progress).await {
            Ok(edition) if edition.state == EditionState::Published => break offer,
            // Cancelled, and then there is nothing more to do; or stopped.
            Ok(edition) => return Ok(edition.stopped_at.is_none()),
            Err(error) if error.code() == Code::Conflict && tries < TRIES => tries += 1,
            Err(error) => return Err(error),
        }
    };
    ctx.db
        .write(move |tx| {
            let (purchase, licence) = settled(tx, &offer)?;
            if steps::deliver(tx, &purchase, &licence.id)? {
                telling::published(tx, &licence.id)?;
            }
            Ok(true)
        })
        .await
}

/// The offer that an edition is made for, and what to draw it from; `None` where its licence was cancelled.
fn due(db: &mut Db, id: &EditionId) -> Result<Option<(Offer, Material)>> {
    let offer = offer_of(db, id)?;
    if settled(db, &offer)?.1.state == LicenceState::Cancelled {
        return Ok(None);
    }
    let list_sha256 = offer.terms()?.artist_list.map(|list| list.sha256);
    let material = Material { members: draw_set(db, &offer)?, list_sha256 };
    Ok(Some((offer, material)))
}

/// What was paid for an offer, and what that grants.
fn settled(db: &mut Db, offer: &Offer) -> Result<(Purchase, Licence)> {
    let unpaid = || Error::internal(format!("{} was drawn for, but has no settled purchase", offer.id));
    let purchase = store::purchase_of(db, &offer.id)?.ok_or_else(unpaid)?;
    let licence = store::licence_of(db, &purchase.id)?.ok_or_else(unpaid)?;
    Ok((purchase, licence))
}

/// The offer that an edition is made for.
fn offer_of(db: &mut Db, id: &EditionId) -> Result<Offer> {
    let edition = datasets::steps::edition(db, id)?;
    let subject = OfferId::parse(&edition.subject_id);
    let subject = subject.ok_or_else(|| Error::internal(format!("{id} is made for {}", edition.subject_id)))?;
    offers::steps::offer(db, &subject)
}

/// Those of the electorate whose data may be drawn from at this moment. It only ever shrinks.
fn draw_set(db: &mut Db, offer: &Offer) -> Result<Vec<AccountId>> {
    let unvoted = || Error::internal(format!("{} was never voted on", offer.id));
    let electors = votes::steps::electors(db, offer.vote_id.as_ref().ok_or_else(unvoted)?)?;
    let terms = offer.terms()?;
    let purposes = datasets::steps::dataset(db, &offer.dataset_id)?.purposes;
    let joined_before = terms.submitted_at.plus_s(-terms.vote.cool_off_s);
    let mut still = votes::electorate::eligible(db, &offer.pool_id, &purposes, joined_before)?;
    still.retain(|member| electors.binary_search(member).is_ok());
    if still.is_empty() {
        return Err(Error::conflict(
            "Nobody is left to draw from: all electors have left or withdrawn their consent. Cancel the licence; \
             all of the price then goes back to the buyer.",
        ));
    }
    Ok(still)
}
