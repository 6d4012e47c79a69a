//! Queries on the access log and on grants.

use super::model::{Access, Grant, GrantKind};
use crate::clock::UtcTime;
use crate::db::Db;
use crate::db::schema::{downloads, grants};
use crate::error::{Error, Result};
use crate::ids::{GrantId, LicenceId};
use diesel::prelude::*;

pub fn insert(db: &mut Db, row: &Access) -> Result<()> {
    diesel::insert_into(downloads::table).values(row).execute(db)?;
    Ok(())
}

/// Whether an access by a grant to a file is noted already, in a window and with a status.
pub fn is_noted(db: &mut Db, id: &GrantId, file: &str, window_at: UtcTime, status: i32) -> Result<bool> {
    let same = downloads::table
        .filter(downloads::grant_id.eq(id).and(downloads::file_name.eq(file)))
        .filter(downloads::window_at.eq(window_at).and(downloads::status.eq(status)));
    Ok(diesel::select(diesel::dsl::exists(same)).get_result(db)?)
}

/// A licence's accesses, newest first.
pub fn of_licence(db: &mut Db, id: &LicenceId, after: Option<&str>, limit: i64) -> Result<Vec<Access>> {
    let mut query = downloads::table
        .filter(downloads::licence_id.eq(id))
        .select(Access::as_select())
        .order(downloads::id.desc())
        .limit(limit)
        .into_boxed();
    if let Some(after) = after {
        query = query.filter(downloads::id.lt(after.to_owned()));
    }
    Ok(query.load(db)?)
}

pub fn insert_grant(db: &mut Db, grant: &Grant) -> Result<()> {
    diesel::insert_into(grants::table).values(grant).execute(db)?;
    Ok(())
}

/// A grant.
pub fn grant(db: &mut Db, id: &GrantId) -> Result<Grant> {
    let found = grants::table.find(id).select(Grant::as_select()).first(db).optional()?;
    found.ok_or_else(|| Error::not_found("grant"))
}

/// The profile of a licence that has not been taken back.
pub fn profile(db: &mut Db, id: &LicenceId) -> Result<Option<Grant>> {
    Ok(grants::table
        .filter(grants::licence_id.eq(id).and(grants::kind.eq(GrantKind::Profile)).and(grants::revoked_at.is_null()))
        .select(Grant::as_select())
        .first(db)
        .optional()?)
}

/// A licence's grants, newest first.
pub fn grants_of(db: &mut Db, id: &LicenceId, after: Option<&str>, limit: i64) -> Result<Vec<Grant>> {
    let mut query = grants::table
        .filter(grants::licence_id.eq(id))
        .select(Grant::as_select())
        .order(grants::id.desc())
        .limit(limit)
        .into_boxed();
    if let Some(after) = after {
        query = query.filter(grants::id.lt(after.to_owned()));
    }
    Ok(query.load(db)?)
}

/// Takes a grant back; one that was taken back before stays as it is.
pub fn revoke_grant(db: &mut Db, id: &GrantId, now: UtcTime) -> Result<()> {
    let good = grants::table.filter(grants::id.eq(id).and(grants::revoked_at.is_null()));
    diesel::update(good).set(grants::revoked_at.eq(Some(now))).execute(db)?;
    Ok(())
}
