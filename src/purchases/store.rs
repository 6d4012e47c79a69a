//! Queries on purchases and licences.

use super::licence::{Licence, LicenceState};
use super::model::{Purchase, PurchaseState};
use crate::clock::UtcTime;
use crate::db::Db;
use crate::db::schema::{licences, purchases};
use crate::error::{Error, Result};
use crate::ids::{AccountId, DatasetId, EditionId, LicenceId, OfferId, OrganisationId, PurchaseId};
use diesel::prelude::*;

pub fn purchase(db: &mut Db, id: &PurchaseId) -> Result<Option<Purchase>> {
    Ok(purchases::table.find(id).select(Purchase::as_select()).first(db).optional()?)
}

pub fn purchase_of(db: &mut Db, offer_id: &OfferId) -> Result<Option<Purchase>> {
    let rows = purchases::table.filter(purchases::offer_id.eq(offer_id));
    Ok(rows.select(Purchase::as_select()).first(db).optional()?)
}

/// Purchases, newest first: one organisation's, or all.
pub fn purchases(
    db: &mut Db,
    organisation_id: Option<&OrganisationId>,
    state: Option<PurchaseState>,
    after: Option<&str>,
    limit: i64,
) -> Result<Vec<Purchase>> {
    let mut query =
        purchases::table.select(Purchase::as_select()).order(purchases::id.desc()).limit(limit).into_boxed();
    if let Some(organisation_id) = organisation_id {
        query = query.filter(purchases::organisation_id.eq(organisation_id.clone()));
    }
    if let Some(state) = state {
        query = query.filter(purchases::state.eq(state));
    }
    if let Some(after) = after {
        query = query.filter(purchases::id.lt(after.to_owned()));
    }
    Ok(query.load(db)?)
}

pub fn ids_in(db: &mut Db, state: PurchaseState) -> Result<Vec<PurchaseId>> {
    let rows = purchases::table.filter(purchases::state.eq(state));
    Ok(rows.select(purchases::id).order(purchases::id).load(db)?)
}

pub fn insert_purchase(db: &mut Db, row: &Purchase) -> Result<()> {
    diesel::insert_into(purchases::table)
        .values((
            purchases::id.eq(&row.id),
            purchases::offer_id.eq(&row.offer_id),
            purchases::organisation_id.eq(&row.organisation_id),
            purchases::pool_id.eq(&row.pool_id),
            purchases::state.eq(row.state),
            purchases::invoice_number.eq(&row.invoice_number),
            purchases::invoice_json.eq(&row.invoice_json),
            purchases::price_minor.eq(row.price_minor),
            purchases::fee_minor.eq(row.fee_minor),
            purchases::tax_minor.eq(row.tax_minor),
            purchases::currency.eq(&row.currency),
            purchases::issued_at.eq(row.issued_at),
            purchases::due_at.eq(row.due_at),
        ))
        .execute(db)?;
    Ok(())
}

/// Sets the order number while the invoice is not paid. `false` where it is too late.
pub fn set_po_number(db: &mut Db, id: &PurchaseId, po_number: &str) -> Result<bool> {
    let open = purchases::table.filter(purchases::id.eq(id).and(purchases::state.eq(PurchaseState::Invoiced)));
    Ok(diesel::update(open).set(purchases::po_number.eq(po_number)).execute(db)? == 1)
}

/// Brings a purchase to a state, if its state allows it. `false` where it does not.
pub fn change_purchase(db: &mut Db, id: &PurchaseId, to: PurchaseState) -> Result<bool> {
    let from = purchases::state.eq_any(to.allowed_from());
    let changed = diesel::update(purchases::table.filter(purchases::id.eq(id).and(from)));
    Ok(changed.set(purchases::state.eq(to)).execute(db)? == 1)
}

/// Notes who settled a purchase and by which payment.
pub fn note_payment(
    db: &mut Db,
    id: &PurchaseId,
    settled_by: &AccountId,
    payment_reference: &str,
    settled_at: UtcTime,
) -> Result<()> {
    diesel::update(purchases::table.find(id))
        .set((
            purchases::settled_at.eq(settled_at),
            purchases::settled_by.eq(settled_by),
            purchases::payment_reference.eq(payment_reference),
        ))
        .execute(db)?;
    Ok(())
}

pub fn licence(db: &mut Db, id: &LicenceId) -> Result<Option<Licence>> {
    Ok(licences::table.find(id).select(Licence::as_select()).first(db).optional()?)
}

pub fn licence_of(db: &mut Db, purchase_id: &PurchaseId) -> Result<Option<Licence>> {
    let rows = licences::table.filter(licences::purchase_id.eq(purchase_id));
    Ok(rows.select(Licence::as_select()).first(db).optional()?)
}

/// Licences, newest first: one organisation's, or all.
pub fn licences(
    db: &mut Db,
    organisation_id: Option<&OrganisationId>,
    after: Option<&str>,
    limit: i64,
) -> Result<Vec<Licence>> {
    let mut query = licences::table.select(Licence::as_select()).order(licences::id.desc()).limit(limit).into_boxed();
    if let Some(organisation_id) = organisation_id {
        query = query.filter(licences::organisation_id.eq(organisation_id.clone()));
    }
    if let Some(after) = after {
        query = query.filter(licences::id.lt(after.to_owned()));
    }
    Ok(query.load(db)?)
}

/// The organisations that hold a licence on a dataset which has not ended, or wait for one.
pub fn licensees(db: &mut Db, dataset_id: &DatasetId) -> Result<Vec<OrganisationId>> {
    let held = licences::state.eq_any([LicenceState::Preparing, LicenceState::Active]);
    let rows = licences::table.filter(licences::dataset_id.eq(dataset_id).and(held));
    Ok(rows.select(licences::organisation_id).distinct().load(db)?)
}

pub fn insert_licence(db: &mut Db, row: &Licence) -> Result<()> {
    diesel::insert_into(licences::table)
        .values((
            licences::id.eq(&row.id),
            licences::purchase_id.eq(&row.purchase_id),
            licences::offer_id.eq(&row.offer_id),
            licences::organisation_id.eq(&row.organisation_id),
            licences::dataset_id.eq(&row.dataset_id),
            licences::edition_id.eq(&row.edition_id),
            licences::state.eq(row.state),
            licences::terms_json.eq(&row.terms_json),
            licences::terms_hash.eq(&row.terms_hash),
            licences::granted_at.eq(row.granted_at),
        ))
        .execute(db)?;
    Ok(())
}

/// Brings a licence to a state, if its state allows it. `false` where it does not.
pub fn change_licence(db: &mut Db, id: &LicenceId, to: LicenceState) -> Result<bool> {
    let from = licences::state.eq_any(to.allowed_from());
    let changed = diesel::update(licences::table.filter(licences::id.eq(id).and(from)));
    Ok(changed.set(licences::state.eq(to)).execute(db)? == 1)
}

/// Brings a licence from one state to another that follows it. `false` where it is in neither.
pub fn move_licence(db: &mut Db, id: &LicenceId, from: LicenceState, to: LicenceState) -> Result<bool> {
    if !to.allowed_from().contains(&from) {
        return Err(Error::internal(format!("a licence that is {from} never becomes {to}")));
    }
    let changed = diesel::update(licences::table.filter(licences::id.eq(id).and(licences::state.eq(from))));
    Ok(changed.set(licences::state.eq(to)).execute(db)? == 1)
}

/// Gives a licence another edition, and another end of its term.
pub fn set_edition(db: &mut Db, id: &LicenceId, edition_id: &EditionId, ends_at: Option<UtcTime>) -> Result<()> {
    diesel::update(licences::table.find(id))
        .set((licences::edition_id.eq(edition_id), licences::ends_at.eq(ends_at)))
        .execute(db)?;
    Ok(())
}

/// Notes when a licence has ended, that no notice runs any more, and when it would have ended by itself.
pub fn set_recalled(db: &mut Db, id: &LicenceId, ended_at: UtcTime, would_end_at: Option<UtcTime>) -> Result<()> {
    diesel::update(licences::table.find(id))
        .set((
            licences::ended_at.eq(ended_at),
            licences::revoked_reason.eq(None::<String>),
            licences::ends_at.eq(would_end_at),
        ))
        .execute(db)?;
    Ok(())
}

/// All licences on an edition, in their order.
pub fn licences_on(db: &mut Db, edition_id: &EditionId) -> Result<Vec<Licence>> {
    let rows = licences::table.filter(licences::edition_id.eq(edition_id)).order(licences::id);
    Ok(rows.select(Licence::as_select()).load(db)?)
}

/// All licences in some states, in their order.
pub fn licences_with(db: &mut Db, states: &[LicenceState]) -> Result<Vec<Licence>> {
    let rows = licences::table.filter(licences::state.eq_any(states)).order(licences::id);
    Ok(rows.select(Licence::as_select()).load(db)?)
}

/// An organisation's licences in some states, in their order.
pub fn licences_in(db: &mut Db, organisation_id: &OrganisationId, states: &[LicenceState]) -> Result<Vec<Licence>> {
    let rows =
        licences::table.filter(licences::organisation_id.eq(organisation_id).and(licences::state.eq_any(states)));
    Ok(rows.order(licences::id).select(Licence::as_select()).load(db)?)
}

pub fn set_term(db: &mut Db, id: &LicenceId, starts_at: UtcTime, ends_at: UtcTime) -> Result<()> {
    diesel::update(licences::table.find(id))
        .set((licences::starts_at.eq(starts_at), licences::ends_at.eq(ends_at)))
        .execute(db)?;
    Ok(())
}

/// Gives a licence that is held notice, or takes the notice back. `false` where it is not held.
pub fn set_notice(db: &mut Db, id: &LicenceId, notice: Option<(&str, UtcTime)>) -> Result<bool> {
    let held = licences::table.filter(licences::id.eq(id).and(licences::state.eq_any(LicenceState::HELD)));
    let (reason, at) = notice.unzip();
    Ok(diesel::update(held).set((licences::revoked_reason.eq(reason), licences::ended_at.eq(at))).execute(db)? == 1)
}

/// Notes why a licence was cancelled, and when.
pub fn set_cancelled(db: &mut Db, id: &LicenceId, reason: &str, at: UtcTime) -> Result<()> {
    diesel::update(licences::table.find(id))
        .set((licences::revoked_reason.eq(reason), licences::ended_at.eq(at)))
        .execute(db)?;
    Ok(())
}

pub fn set_ended(db: &mut Db, id: &LicenceId, ended_at: UtcTime) -> Result<()> {
    diesel::update(licences::table.find(id)).set(licences::ended_at.eq(ended_at)).execute(db)?;
    Ok(())
}
