//! Queries on agreements.

use super::model::Agreement;
use crate::db::Db;
use crate::db::schema::{agreements, licences};
use crate::error::Result;
use crate::ids::LicenceId;
use diesel::prelude::*;

pub fn find(db: &mut Db, licence_id: &LicenceId) -> Result<Option<Agreement>> {
    Ok(agreements::table.find(licence_id).select(Agreement::as_select()).first(db).optional()?)
}

/// Licences that have no agreement, by id.
pub fn licences_without(db: &mut Db) -> Result<Vec<LicenceId>> {
    let with = agreements::table.select(agreements::licence_id);
    Ok(licences::table.filter(licences::id.ne_all(with)).select(licences::id).order(licences::id).load(db)?)
}

/// Licences that have one, by id.
pub fn licences_with(db: &mut Db) -> Result<Vec<LicenceId>> {
    Ok(agreements::table.select(agreements::licence_id).order(agreements::licence_id).load(db)?)
}

pub fn insert(db: &mut Db, row: &Agreement) -> Result<()> {
    diesel::insert_into(agreements::table)
        .values((
            agreements::licence_id.eq(&row.licence_id),
            agreements::made_at.eq(row.made_at),
            agreements::statement_json.eq(&row.statement_json),
            agreements::signature.eq(&row.signature),
            agreements::public_key.eq(&row.public_key),
            agreements::licence_text.eq(&row.licence_text),
            agreements::html.eq(&row.html),
            agreements::jsonld.eq(&row.jsonld),
            agreements::txt.eq(&row.txt),
        ))
        .execute(db)?;
    Ok(())
}
