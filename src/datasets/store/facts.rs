//! Facts from membership and consent that a listing states, and the version of the catalogue.

use crate::clock::UtcTime;
use crate::db::Db;
use crate::db::schema::{consent_texts, versions};
use crate::error::Result;
use crate::ids::PoolId;
use crate::pools;
use diesel::prelude::*;

const CATALOGUE: &str = "catalogue";

/// One version of what members consent to.
#[derive(Debug, Clone)]
pub struct ConsentText {
    /// 1, 2, …
    pub version: i32,
    /// The purposes that it offers.
    pub purposes: Vec<String>,
    /// Since when it is in use.
    pub created_at: UtcTime,
}

/// The versions of a pool's consent text, oldest first.
pub fn consent_texts(db: &mut Db, pool: &PoolId) -> Result<Vec<ConsentText>> {
    let rows: Vec<(i32, String, UtcTime)> = consent_texts::table
        .filter(consent_texts::pool_id.eq(pool))
        .order(consent_texts::version)
        .select((consent_texts::version, consent_texts::purposes_json, consent_texts::created_at))
        .load(db)?;
    let read = |(version, purposes, created_at): (i32, String, UtcTime)| {
        Ok(ConsentText { version, purposes: serde_json::from_str(&purposes)?, created_at })
    };
    rows.into_iter().map(read).collect()
}

/// Members of a pool at present.
pub fn active_members(db: &mut Db, pool: &PoolId) -> Result<u64> {
    Ok(pools::steps::count_members(db, pool)?.unsigned_abs())
}

/// The version of the catalogue: a number that goes up whenever a listing shows something new.
pub fn catalogue_version(db: &mut Db) -> Result<i64> {
    Ok(versions::table.find(CATALOGUE).select(versions::value).first(db)?)
}

/// Raises the version of the catalogue.
pub fn raise_catalogue_version(db: &mut Db) -> Result<()> {
    diesel::update(versions::table.find(CATALOGUE)).set(versions::value.eq(versions::value + 1)).execute(db)?;
    Ok(())
}
