//! Giving out links, and taking back what was given out.

use super::files::{licensed_files, own_licence};
use crate::accounts::caller::Buyer;
use crate::clock::UtcTime;
use crate::context::Context;
use crate::datasets::model::EditionFile;
use crate::db::Tx;
use crate::downloads::links::Link;
use crate::downloads::model::{Grant, GrantKind};
use crate::downloads::store;
use crate::error::{Error, Result};
use crate::ids::{GrantId, LicenceId};
use crate::page::Window;
use crate::purchases;
use crate::purchases::licence::Licence;
use crate::secrets::Pepper;

/// How long links are good if nobody says: as long as most tools take to begin.
const LIFETIME_S: i64 = 3_600;
/// The longest: a week, as with signed links to S3.
const LIFETIME_S_MAX: i64 = 7 * 86_400;

/// Links that were made together.
#[derive(Debug, Clone)]
pub struct Links {
    /// What they hang on.
    pub grant: Grant,
    /// When they end.
    pub expires_at: UtcTime,
    /// Each file, and the link to it.
    pub items: Vec<(EditionFile, String)>,
}

/// Makes links to some files of a licence, or to all. They end with the licence if not before.
///
/// # Errors
/// As [`super::files()`]; `invalid` for a lifetime out of bounds, `not-found` for a file that the edition does not have.
pub async fn make_links(
    ctx: &Context,
    buyer: &Buyer,
    id: LicenceId,
    names: Option<Vec<String>>,
    lifetime_s: Option<i64>,
) -> Result<Links> {
    let lifetime_s = lifetime(lifetime_s)?;
    if names.as_ref().is_some_and(Vec::is_empty) {
        return Err(Error::invalid("files names no file; leave it out for links to all of them."));
    }
    let (buyer, names) = (buyer.clone(), names.unwrap_or_default());
    let made = ctx.db.write(move |tx| {
        let licence = own_licence(tx, &buyer, &id)?;
        let now = tx.now();
        purchases::steps::usable(tx, &licence, now)?;
        let mut files = licensed_files(tx, &licence)?;
        if let Some(missing) = names.iter().find(|name| files.iter().all(|file| file.name != **name)) {
            return Err(Error::not_found("file").because(missing.clone()));
        }
        files.retain(|file| names.is_empty() || names.contains(&file.name));
        let expires_at = expiry(&licence, now, lifetime_s);
        let grant = Grant {
            id: GrantId::new(now, tx.entropy()),
            licence_id: id.clone(),
            account_id: buyer.account_id.clone(),
            kind: GrantKind::Links,
            created_at: now,
            expires_at: Some(expires_at),
            revoked_at: None,
        };
        store::insert_grant(tx, &grant)?;
        Ok((grant, expires_at, files))
    });
    let (grant, expires_at, files) = made.await?;
    let now = grant.created_at;
    Ok(Links::sign(&ctx.config.server.public_url(), &ctx.pepper, grant, files, now, expires_at))
}

impl Links {
    /// Signs links to files from an instant on until another.
    pub(super) fn sign(
        server_url: &str,
        pepper: &Pepper,
        grant: Grant,
        files: Vec<EditionFile>,
        now: UtcTime,
        expires_at: UtcTime,
    ) -> Self {
        let expires_s = expires_at.unix_s() - now.unix_s();
        let href = |file: &EditionFile| Link::new(&grant, file, now, expires_s).href(server_url, pepper);
        let items = files.into_iter().map(|file| (href(&file), file)).map(|(href, file)| (file, href)).collect();
        Links { items, expires_at, grant }
    }
}

/// For how many seconds links are good that somebody asks for.
///
/// # Errors
/// `invalid` for a lifetime out of bounds.
pub(super) fn lifetime(lifetime_s: Option<i64>) -> Result<i64> {
    let lifetime_s = lifetime_s.unwrap_or(LIFETIME_S);
    if !(1..=LIFETIME_S_MAX).contains(&lifetime_s) {
        return Err(Error::invalid(format!("lifetime_s is 1 to {LIFETIME_S_MAX}, a week.")));
    }
    Ok(lifetime_s)
}

/// When links end that are made now: never after the licence.
pub(super) fn expiry(licence: &Licence, now: UtcTime, lifetime_s: i64) -> UtcTime {
    let end = now.plus_s(lifetime_s);
    licence.next_end().map_or(end, |licence_ends| licence_ends.min(end))
}

/// The grant of the tools that read a licence's tables by themselves: made when it is first needed, and the same until it is taken
/// back.
///
/// # Errors
/// `internal` where the database fails.
pub(in crate::downloads) fn grant_to_tools(tx: &mut Tx, buyer: &Buyer, id: &LicenceId) -> Result<Grant> {
    if let Some(grant) = store::profile(tx, id)? {
        return Ok(grant);
    }
    let now = tx.now();
    let grant = Grant {
        id: GrantId::new(now, tx.entropy()),
        licence_id: id.clone(),
        account_id: buyer.account_id.clone(),
        kind: GrantKind::Profile,
        created_at: now,
        expires_at: None,
        revoked_at: None,
    };
    store::insert_grant(tx, &grant)?;
    Ok(grant)
}

/// What a licence's holder has given out, newest first.
///
/// # Errors
/// `not-found` for another organisation's licence.
pub async fn grants(ctx: &Context, buyer: &Buyer, id: LicenceId, window: &Window) -> Result<Vec<Grant>> {
    let (buyer, window) = (buyer.clone(), window.clone());
    ctx.db
        .read(move |db| {
            own_licence(db, &buyer, &id)?;
            store::grants_of(db, &id, window.after.as_deref(), window.fetch())
        })
        .await
}

/// Takes back what was given out: from then on it opens nothing.
///
/// # Errors
/// `not-found` for a grant of another organisation's licence.
pub async fn revoke_grant(ctx: &Context, buyer: &Buyer, id: GrantId) -> Result<Grant> {
    let buyer = buyer.clone();
    ctx.db
        .write(move |tx| {
            let grant = store::grant(tx, &id)?;
            // Of a licence that is somebody else's one is told as much as of a grant that is not there.
            own_licence(tx, &buyer, &grant.licence_id).map_err(|_| Error::not_found("grant"))?;
            let now = tx.now();
            store::revoke_grant(tx, &id, now)?;
            store::grant(tx, &id)
        })
        .await
}
