//! A licensed edition in the words of Croissant. Tools that read it have no account, so it leads to the files by signed links.

use super::files::{licensed_files, own_licence};
use super::grants::{Links, expiry, grant_to_tools, lifetime};
use crate::accounts::caller::Buyer;
use crate::context::Context;
use crate::datasets::croissant::{self, Licensed};
use crate::db::Db;
use crate::error::{Error, Result};
use crate::ids::LicenceId;
use crate::{datasets, pools, purchases};
use serde_json::Value;

/// The document. Its links hang on the grant that tools have, as the profile for Delta Sharing does: reading the document twice gives
/// out nothing twice.
///
/// # Errors
/// `not-found` for another organisation's licence, `invalid` for a lifetime out of bounds; what stands against the licence.
pub async fn croissant(ctx: &Context, buyer: &Buyer, id: LicenceId, lifetime_s: Option<i64>) -> Result<Value> {
    let (buyer, lifetime_s) = (buyer.clone(), lifetime(lifetime_s)?);
    let (server_url, pepper) = (ctx.config.server.public_url(), ctx.pepper.clone());
    let granted = ctx.db.write(move |tx| {
        let (licence, now) = (own_licence(tx, &buyer, &id)?, tx.now());
        purchases::steps::usable(tx, &licence, now)?;
        Ok((grant_to_tools(tx, &buyer, &id)?, licence, now))
    });
    let (grant, licence, now) = granted.await?;
    ctx.db
        .read(move |db| {
            let (files, expires_at) = (licensed_files(db, &licence)?, expiry(&licence, now, lifetime_s));
            let links = Links::sign(&server_url, &pepper, grant, files, now, expires_at);
            document(db, &licence.id, &links, &server_url)
        })
        .await
}

fn document(db: &mut Db, id: &LicenceId, links: &Links, server_url: &str) -> Result<Value> {
    let (file, _) = links.items.first().ok_or_else(|| Error::internal("an edition that is licensed has files"))?;
    let edition = datasets::steps::edition(db, &file.edition_id)?;
    let dataset = datasets::steps::dataset(db, &edition.dataset_id)?;
    let pool = pools::steps::pool(db, &dataset.pool_id)?;
    let manifest =
        edition.manifest_json.ok_or_else(|| Error::internal("an edition that is licensed has a manifest"))?;
    let published_at = edition.published_at.unwrap_or(edition.created_at);
    let (grant_id, expires_at) = (&links.grant.id, links.expires_at);
    let description = format!(
        "{}\n\nThis document is for the holder of licence {id}. Its links to the files carry their own signature: whoever has the document \
         can read the files until {expires_at}, or until the grant {grant_id} is taken back. Ask for the document again to have new \
         links; the files and their digests stay the same.",
        dataset.description
    );
    Ok(croissant::licensed(&Licensed {
        url: &format!("{server_url}/v1/editions/{}", edition.id),
        title: &format!("{}, edition {}", dataset.title, edition.number),
        description: &description,
        terms_url: &format!("{server_url}/v1/licences/{id}"),
        pool: (&pool.name, &pool.contact_email),
        number: edition.number,
        published_on: &published_at.calendar().format("%Y-%m-%d").to_string(),
        manifest: &serde_json::from_str(&manifest)?,
        files: &links.items,
    }))
}
