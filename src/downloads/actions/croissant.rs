//! A licensed edition in the words of Croissant. Tools that read it have no account, so it leads to the files by signed links.

use super::grants::{Links, make_links};
use crate::accounts::caller::Buyer;
use crate::context::Context;
use crate::datasets::croissant::{self, Licensed};
use crate::db::Db;
use crate::error::{Error, Result};
use crate::ids::LicenceId;
use crate::{datasets, pools};
use serde_json::Value;

/// The document. Its links are a grant of their own, which can be taken back.
///
/// # Errors
/// As [`make_links`].
pub async fn croissant(ctx: &Context, buyer: &Buyer, id: LicenceId, lifetime_s: Option<i64>) -> Result<Value> {
    let links = make_links(ctx, buyer, id.clone(), None, lifetime_s).await?;
    let server_url = ctx.config.server.public_url();
    ctx.db.read(move |db| document(db, &id, &links, &server_url)).await
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
