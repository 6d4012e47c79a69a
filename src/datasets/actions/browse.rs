//! The catalogue as it is read: by anybody what is listed, by those who may the rest.

use crate::accounts::caller::Caller;
use crate::accounts::model::Role;
use crate::context::Context;
use crate::datasets::cache::{Catalogue, Content, Ready};
use crate::datasets::catalogue::{self, CatalogueQuery};
use crate::datasets::model::DatasetState;
use crate::datasets::page::{self, Facts, Part};
use crate::datasets::{dcat, store};
use crate::error::{Error, Result};
use crate::ids::DatasetId;
use crate::page::PageQuery;

/// A page of the catalogue, from the shelf or made new.
///
/// # Errors
/// `invalid`, `invalid-cursor`: the query.
pub async fn browse(ctx: &Context, shelf: &Catalogue, url: &str, query: CatalogueQuery) -> Result<Ready> {
    let (cursors, now, kept) = (ctx.cursors.clone(), ctx.clock.now(), shelf.listings());
    shelf.ready(&ctx.db, url, move |db| Content::json(&catalogue::page(db, &kept, &cursors, &query, now)?)).await
}

/// A page of the catalogue in the words of DCAT, from the shelf or made new.
///
/// # Errors
/// `invalid`, `invalid-cursor`: the query.
pub async fn linked_catalogue(ctx: &Context, shelf: &Catalogue, url: &str, query: PageQuery) -> Result<Ready> {
    let (cursors, now, server_url) = (ctx.cursors.clone(), ctx.clock.now(), ctx.config.server.public_url());
    let make =
        move |db: &mut _| page::linked(&dcat::catalogue(db, &cursors, &query, &server_url, now)?, dcat::MEDIA_TYPE);
    shelf.ready(&ctx.db, url, make).await
}

/// A part of a listing that is in the catalogue, from the shelf or made new.
///
/// # Errors
/// `not-found`: there is none, or it is not listed.
pub async fn listing(ctx: &Context, shelf: &Catalogue, url: &str, id: DatasetId, part: Part) -> Result<Ready> {
    let (now, server_url) = (ctx.clock.now(), ctx.config.server.public_url());
    let make = move |db: &mut _| {
        let dataset = store::dataset(db, &id)?;
        if dataset.state != DatasetState::Listed {
            return Err(Error::not_found("dataset"));
        }
        Facts::load(db, dataset, now)?.content(part, &server_url)
    };
    shelf.ready(&ctx.db, url, make).await
}

/// The same part for a caller who may see more: operators everything; what was taken out of the catalogue,
/// the holders of a licence and those whose offer stands. Never kept for others.
///
/// # Errors
/// `not-found`: there is none, or this caller may not know of it.
pub async fn accessible(ctx: &Context, caller: &Caller, id: DatasetId, part: Part) -> Result<Ready> {
    let (caller, now, server_url) = (caller.clone(), ctx.clock.now(), ctx.config.server.public_url());
    ctx.db
        .read(move |db| {
            let dataset = store::dataset(db, &id)?;
            let may_see = match (dataset.state, caller.role, &caller.organisation_id) {
                (DatasetState::Listed, ..) | (_, Role::Operator, _) => true,
                (DatasetState::Unlisted, Role::Buyer, Some(own)) => {
                    store::is_licensee(db, own, &id, None)? || store::is_bidder(db, own, &id)?
                }
                _ => false,
            };
            if !may_see {
                return Err(Error::not_found("dataset"));
            }
            Facts::load(db, dataset, now)?.content(part, &server_url)?.try_into()
        })
        .await
}
