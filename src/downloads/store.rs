//! Queries on the access log.

use super::model::Access;
use crate::db::Db;
use crate::db::schema::downloads;
use crate::error::Result;
use crate::ids::LicenceId;
use diesel::prelude::*;

pub fn insert(db: &mut Db, row: &Access) -> Result<()> {
    diesel::insert_into(downloads::table)
        .values((
            downloads::id.eq(&row.id),
            downloads::licence_id.eq(&row.licence_id),
            downloads::account_id.eq(&row.account_id),
            downloads::file_name.eq(&row.file_name),
            downloads::status.eq(row.status),
            downloads::range_asked.eq(&row.range_asked),
            downloads::size_bytes.eq(row.size_bytes),
            downloads::happened_at.eq(row.happened_at),
        ))
        .execute(db)?;
    Ok(())
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
