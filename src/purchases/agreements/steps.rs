//! Making agreements inside the transaction that grants a licence, and finding out whether all are whole.

use super::model::{Agreement, Decision, Facts, Licensed, LicensedFile, Privacy};
use super::store;
use super::verifying::{self, Brought};
use crate::context::Context;
use crate::db::{Db, Tx};
use crate::error::{Error, Result};
use crate::ids::{EditionId, LicenceId};
use crate::offers::model::Offer;
use crate::purchases::licence::Licence;
use crate::purchases::steps::{invoice_of, licence, purchase};
use crate::signing::Signer;
use crate::zcdp::CUSTOMARY_DELTA_PICO;
use crate::{aggregates, datasets, offers, votes};

/// Who signs agreements, and where they can be had.
#[derive(Clone)]
pub struct Issuer {
    signer: Signer,
    server_url: String,
}

impl Issuer {
    /// This server.
    pub fn of(ctx: &Context) -> Self {
        Issuer { signer: ctx.signer.clone(), server_url: ctx.config.server.public_url() }
    }
}

/// Writes down what was agreed for a licence, once: where that was done before, nothing changes.
///
/// # Errors
/// `internal` where what it is made of is damaged.
pub fn make(tx: &mut Tx, issuer: &Issuer, licence_id: &LicenceId) -> Result<()> {
    if store::find(tx, licence_id)?.is_some() {
        return Ok(());
    }
    let licence = licence(tx, licence_id)?;
    let dataset = datasets::steps::dataset(tx, &licence.dataset_id)?;
    let facts = facts(tx, issuer, &licence, dataset.purposes)?;
    store::insert(tx, &Agreement::make(facts, &licence.terms_json, dataset.licence_text, &issuer.signer)?)
}

/// `purposes` are those that the dataset is offered for.
fn facts(tx: &mut Tx, issuer: &Issuer, licence: &Licence, purposes: Vec<String>) -> Result<Facts> {
    let (purchase, terms) = (purchase(tx, &licence.purchase_id)?, licence.terms()?);
    let (invoice, offer) = (invoice_of(&purchase)?, offers::steps::offer(tx, &licence.offer_id)?);
    let mut other_purposes = purposes;
    other_purposes.retain(|purpose| *purpose != terms.purpose);
    let edition_id = licence.edition_id.as_ref();
    let edition_id = edition_id.ok_or_else(|| Error::internal(format!("{} is of no edition", licence.id)))?;
    Ok(Facts {
        licence_id: licence.id.clone(),
        offer_id: licence.offer_id.clone(),
        granted_at: licence.granted_at,
        made_at: tx.now(),
        server_url: issuer.server_url.clone(),
        key_id: issuer.signer.public().id(),
        licensor: invoice.seller,
        licensor_email: invoice.contact_email,
        licensee: invoice.buyer,
        edition: licensed(tx, edition_id)?,
        other_purposes,
        ends_at: licence.ends_at,
        invoice_number: purchase.invoice_number,
        paid_at: purchase.settled_at,
        payment_reference: purchase.payment_reference,
        privacy: privacy(datasets::steps::recipe(tx, &terms.recipe_id)?.document.cost())?,
        vote: decision(tx, &offer)?,
    })
}

fn licensed(db: &mut Db, id: &EditionId) -> Result<Licensed> {
    let edition = datasets::steps::edition(db, id)?;
    let files = datasets::steps::files(db, id)?.into_iter();
    let files = files.map(|file| LicensedFile { name: file.name, sha256: file.sha256 }).collect();
    Ok(Licensed { id: edition.id, number: edition.number, files })
}

fn privacy(cost: aggregates::Cost) -> Result<Privacy> {
    let epsilon = cost.epsilon_at(CUSTOMARY_DELTA_PICO)?;
    Ok(Privacy {
        rho_nano: cost.rho_nano,
        delta_pico: cost.delta_pico,
        // A bound is rounded up: what is said must hold.
        epsilon: epsilon.map(|epsilon| format!("{:.2}", (epsilon * 100.0).ceil() / 100.0)),
        at_delta_pico: CUSTOMARY_DELTA_PICO,
    })
}

fn decision(db: &mut Db, offer: &Offer) -> Result<Decision> {
    let uncounted = || Error::internal(format!("{} was paid for, and no vote on it was counted", offer.id));
    let vote = votes::steps::vote(db, offer.vote_id.as_ref().ok_or_else(uncounted)?)?;
    let (Some(tally), Some(opens_at), Some(closed_at)) = (vote.tally(), vote.opens_at, vote.closed_at) else {
        return Err(uncounted());
    };
    let log = vote.log()?;
    Ok(Decision {
        vote_id: vote.id,
        opens_at,
        closed_at,
        electors: vote.electors,
        yes: tally.yes,
        no: tally.no,
        abstain: tally.abstain,
        log_size: log.size(),
        log_root: log.root().to_string(),
    })
}

/// Says of every licence what does not hold in its agreement, one sentence for each fault.
///
/// # Errors
/// `internal` where the database fails.
pub fn verify(db: &mut Db) -> Result<Vec<String>> {
    let without = store::licences_without(db)?.into_iter();
    let mut problems: Vec<String> =
        without.map(|id| format!("{id} has no agreement; the server writes it down when it starts")).collect();
    for id in store::licences_with(db)? {
        let Some(agreement) = store::find(db, &id)? else { continue };
        let bundle = agreement.bundle(licence(db, &id)?.terms_json);
        let faults = match verifying::check(&bundle, &Brought::default()) {
            Ok(verdict) => verdict.faults,
            Err(error) => vec![error.detail().to_owned()],
        };
        problems.extend(faults.into_iter().map(|fault| format!("The agreement of {id}: {fault}")));
    }
    Ok(problems)
}
