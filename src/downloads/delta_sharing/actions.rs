//! Letting a tool in, and giving a holder the profile for it.

use super::model::{Share, SharedTable, name};
use crate::accounts::caller::Buyer;
use crate::aggregates::{Manifest, TableReport};
use crate::clock::UtcTime;
use crate::context::Context;
use crate::db::Db;
use crate::downloads::actions::{grant_to_tools, licensed_files, own_licence};
use crate::downloads::links::Link;
use crate::downloads::model::Grant;
use crate::downloads::store;
use crate::error::{Code, Error, Result};
use crate::ids::{EditionId, GrantId, LicenceId};
use crate::secrets::Pepper;
use crate::{datasets, pools, purchases};
use aws_lc_rs::constant_time;

/// What the secret half of a token is derived for.
const PURPOSE: &str = "tokens of profiles";
/// How long a link to a table's file is good: a tool may read it in its own time.
const LINK_LIFETIME_S: i64 = 3_600;
const PARQUET: &str = "application/vnd.apache.parquet";

/// What a profile is made of.
#[derive(Debug, Clone)]
pub struct Profile {
    /// Shown with every request.
    pub token: String,
    /// Until when the licence lasts, if it ends.
    pub ends_at: Option<UtcTime>,
    /// The name of the share.
    pub share: String,
}

/// The profile of a licence: made when it is first asked for, and the same until it is taken back.
///
/// # Errors
/// `not-found` for another organisation's licence; what stands against the licence.
pub async fn profile(ctx: &Context, buyer: &Buyer, id: LicenceId) -> Result<Profile> {
    let buyer = buyer.clone();
    let found = ctx.db.write(move |tx| {
        let (licence, now) = (own_licence(tx, &buyer, &id)?, tx.now());
        purchases::steps::usable(tx, &licence, now)?;
        let grant = grant_to_tools(tx, &buyer, &id)?;
        share(tx, grant, now)
    });
    let share = found.await?;
    Ok(Profile { token: token(&ctx.pepper, &share.grant.id), ends_at: share.ends_at, share: share.name })
}

/// What a tool may read that shows a token.
///
/// # Errors
/// `not-authenticated` for a token that is none of ours; `link-refused` for one that was taken back; what stands against the
/// licence.
pub async fn shown(ctx: &Context, token: Option<&str>) -> Result<Share> {
    let refused = |why| {
        let words = format!("{why} Fetch the profile anew: GET /v1/licences/{{id}}/profile.share");
        Error::new(Code::NotAuthenticated, words)
    };
    let token =
        token.ok_or_else(|| refused("The request shows no token: its profile says which, as a bearer token."))?;
    let grant_id =
        genuine(&ctx.pepper, token).ok_or_else(|| refused("The profile's token is not one of this server's."))?;
    let now = ctx.clock.now();
    ctx.db
        .read(move |db| {
            let grant = store::grant(db, &grant_id)?;
            if let Some(revoked_at) = grant.revoked_at {
                let words =
                    format!("This profile was taken back by the licence's holder at {revoked_at}; ask for a new one.");
                return Err(Error::new(Code::LinkRefused, words));
            }
            share(db, grant, now)
        })
        .await
}

/// The link to a table's file, and when it ends.
pub fn link(ctx: &Context, share: &Share, table: &SharedTable) -> (String, UtcTime) {
    let now = ctx.clock.now();
    let end = now.plus_s(LINK_LIFETIME_S);
    let expires_at = share.ends_at.map_or(end, |licence_ends| licence_ends.min(end));
    let expires_s = expires_at.unix_s() - now.unix_s();
    let link = Link::new(&share.grant, &table.file, now, expires_s);
    (link.href(&ctx.config.server.public_url(), &ctx.pepper), expires_at)
}

/// A token: the grant's name, and what only the server can make of it. So none has to be kept.
fn token(pepper: &Pepper, id: &GrantId) -> String {
    format!("{id}.{}", pepper.tag(PURPOSE, id.as_str().as_bytes()))
}

fn genuine(pepper: &Pepper, shown: &str) -> Option<GrantId> {
    let id = GrantId::parse(shown.split_once('.')?.0)?;
    let expected = token(pepper, &id);
    constant_time::verify_slices_are_equal(expected.as_bytes(), shown.as_bytes()).ok().map(|()| id)
}

fn share(db: &mut Db, grant: Grant, now: UtcTime) -> Result<Share> {
    let licence = purchases::steps::licence(db, &grant.licence_id)?;
    purchases::steps::usable(db, &licence, now)?;
    let edition_id = licence.edition_id.as_ref().ok_or_else(|| Error::internal("a licence in force has an edition"))?;
    let edition = datasets::steps::edition(db, edition_id)?;
    let dataset = datasets::steps::dataset(db, &licence.dataset_id)?;
    let pool = pools::steps::pool(db, &dataset.pool_id)?;
    let (Some(manifest), Some(published_at)) = (&edition.manifest_json, edition.published_at) else {
        return Err(Error::internal("an edition under licence is published"));
    };
    let manifest: Manifest = serde_json::from_str(manifest)?;
    let files = licensed_files(db, &licence)?;
    let table = |report: TableReport| {
        let file =
            files.iter().find(|file| file.media_type == PARQUET && file.name == format!("{}.parquet", report.name));
        let file = file.cloned().ok_or_else(|| Error::internal(format!("{} has no Parquet file", report.name)))?;
        Ok(SharedTable { report, file })
    };
    Ok(Share {
        name: name(&pool.name, "pool"),
        schema: name(&dataset.title, "dataset"),
        tables: manifest.tables.into_iter().map(table).collect::<Result<_>>()?,
        version: edition.number,
        recalled: replaced(db, edition_id)?,
        published_at,
        description: dataset.description,
        ends_at: licence.next_end(),
        grant,
    })
}

/// The versions of the tables that the licence was for before, as their editions were recalled: their numbers, and why.
fn replaced(db: &mut Db, edition_id: &EditionId) -> Result<Vec<(i32, String)>> {
    let (mut found, mut newer) = (Vec::new(), edition_id.clone());
    while let Some(recalled) = datasets::steps::recall_replaced_by(db, &newer)? {
        found.push((recalled.number, recalled.in_words()));
        newer = recalled.recall.edition_id;
    }
    Ok(found)
}
