//! Lists of artists: named by their content, written once, never changed.

use crate::clock::UtcTime;
use crate::datasets::model::EditionState;
use crate::db::Db;
use crate::db::schema::{artist_lists, datasets, editions, recalls};
use crate::error::Result;
use crate::ids::{EditionId, PoolId};
use aws_lc_rs::digest;
use diesel::dsl::{exists, not};
use diesel::prelude::*;

/// A list as it is kept: its canonical JSON, and the name that it is kept under.
#[derive(Debug, Queryable)]
pub struct KeptList {
    /// SHA-256 under which it is kept, in hex.
    pub sha256: String,
    /// The names as a JSON array.
    pub artists_json: String,
}

/// The name of a list: SHA-256, in hex, of its canonical JSON (RFC 8785: an array of texts without white space).
pub fn list_sha256(artists_json: &str) -> String {
    hex::encode(digest::digest(&digest::SHA256, artists_json.as_bytes()))
}

/// Keeps a list, unless it is kept already; returns its name.
pub fn keep_list(db: &mut Db, artists: &[String], now: UtcTime) -> Result<String> {
    // The JSON library writes texts as RFC 8785 asks, and an array holds nothing to be sorted.
    let artists_json = serde_json::to_string(artists)?;
    let sha256 = list_sha256(&artists_json);
    if list(db, &sha256)?.is_none() {
        diesel::insert_into(artist_lists::table)
            .values((
                artist_lists::sha256.eq(&sha256),
                artist_lists::artists_json.eq(artists_json),
                artist_lists::created_at.eq(now),
            ))
            .execute(db)?;
    }
    Ok(sha256)
}

/// A list by its name.
pub fn list(db: &mut Db, sha256: &str) -> Result<Option<KeptList>> {
    let kept = artist_lists::table.find(sha256).select((artist_lists::sha256, artist_lists::artists_json));
    Ok(kept.first(db).optional()?)
}

/// The names of all lists.
pub fn list_names(db: &mut Db) -> Result<Vec<String>> {
    Ok(artist_lists::table.order(artist_lists::sha256).select(artist_lists::sha256).load(db)?)
}

/// The newest published edition of a pool that has made artists public and was not recalled, and their list's name.
pub fn newest_with_artists(db: &mut Db, pool: &PoolId) -> Result<Option<(EditionId, String)>> {
    let newest = editions::table
        .inner_join(datasets::table)
        .filter(datasets::pool_id.eq(pool).and(editions::state.eq(EditionState::Published)))
        .filter(not(exists(recalls::table.filter(recalls::edition_id.eq(editions::id)))))
        .order((editions::published_at.desc(), editions::id.desc()))
        .select((editions::id, editions::artists_sha256.assume_not_null()))
        .filter(editions::artists_sha256.is_not_null());
    Ok(newest.first(db).optional()?)
}
