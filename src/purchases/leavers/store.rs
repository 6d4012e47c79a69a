//! Queries on notices of leavers.

use super::model::LeaversNotice;
use crate::db::Db;
use crate::db::schema::{leavers_notices, licences};
use crate::error::Result;
use crate::ids::{LicenceId, OrganisationId};
use diesel::prelude::*;

pub fn insert(db: &mut Db, notice: &LeaversNotice) -> Result<()> {
    diesel::insert_into(leavers_notices::table).values(notice).execute(db)?;
    Ok(())
}

/// Whether a licence had a notice of a quarter, or of a later one.
pub fn is_told(db: &mut Db, id: &LicenceId, quarter: &str) -> Result<bool> {
    let told = leavers_notices::licence_id.eq(id).and(leavers_notices::quarter.ge(quarter));
    Ok(diesel::select(diesel::dsl::exists(leavers_notices::table.filter(told))).get_result(db)?)
}

/// A licence's notices, newest first.
pub fn of_licence(db: &mut Db, id: &LicenceId, after: Option<&str>, limit: i64) -> Result<Vec<LeaversNotice>> {
    let mut query = leavers_notices::table
        .filter(leavers_notices::licence_id.eq(id))
        .select(LeaversNotice::as_select())
        .order(leavers_notices::id.desc())
        .limit(limit)
        .into_boxed();
    if let Some(after) = after {
        query = query.filter(leavers_notices::id.lt(after.to_owned()));
    }
    Ok(query.load(db)?)
}

/// The notices of an organisation's licences of a quarter, in the order of the licences.
pub fn of_organisation(db: &mut Db, id: &OrganisationId, quarter: &str) -> Result<Vec<LeaversNotice>> {
    Ok(leavers_notices::table
        .inner_join(licences::table.on(licences::id.eq(leavers_notices::licence_id)))
        .filter(licences::organisation_id.eq(id).and(leavers_notices::quarter.eq(quarter)))
        .order(leavers_notices::licence_id)
        .select(LeaversNotice::as_select())
        .load(db)?)
}
