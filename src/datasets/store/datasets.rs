//! Listings.

use crate::clock::UtcTime;
use crate::datasets::model::{Dataset, DatasetState};
use crate::db::Db;
use crate::db::schema::{datasets, licences, offers};
use crate::error::{Error, Result};
use crate::ids::{DatasetId, EditionId, OrganisationId, PoolId, RecipeId};
use diesel::prelude::*;

#[derive(Queryable, Selectable)]
#[diesel(table_name = datasets)]
struct Row {
    id: DatasetId,
    pool_id: PoolId,
    recipe_id: RecipeId,
    title: String,
    description: String,
    keywords_json: String,
    purposes_json: String,
    licence_name: String,
    licence_text: String,
    price_floor_minor: i64,
    rows_promised: i64,
    state: DatasetState,
    exclusive_until: Option<UtcTime>,
    listed_at: Option<UtcTime>,
    created_at: UtcTime,
    updated_at: UtcTime,
}

impl Row {
    fn read(self) -> Result<Dataset> {
        Ok(Dataset {
            id: self.id,
            pool_id: self.pool_id,
            recipe_id: self.recipe_id,
            title: self.title,
            description: self.description,
            keywords: serde_json::from_str(&self.keywords_json)?,
            purposes: serde_json::from_str(&self.purposes_json)?,
            licence_name: self.licence_name,
            licence_text: self.licence_text,
            price_floor_minor: self.price_floor_minor,
            rows_promised: self.rows_promised,
            state: self.state,
            exclusive_until: self.exclusive_until,
            listed_at: self.listed_at,
            created_at: self.created_at,
            updated_at: self.updated_at,
        })
    }
}

/// One listing, in whatever state.
pub fn dataset(db: &mut Db, id: &DatasetId) -> Result<Dataset> {
    let row = datasets::table.find(id).select(Row::as_select()).first(db).optional()?;
    row.ok_or_else(|| Error::not_found("dataset"))?.read()
}

/// Listings in a state or in any, newest first, for operators.
pub fn datasets(db: &mut Db, state: Option<DatasetState>, after: Option<&str>, limit: i64) -> Result<Vec<Dataset>> {
    let mut query = datasets::table.select(Row::as_select()).order(datasets::id.desc()).limit(limit).into_boxed();
    if let Some(state) = state {
        query = query.filter(datasets::state.eq(state));
    }
    if let Some(after) = after {
        query = query.filter(datasets::id.lt(after.to_owned()));
    }
    query.load::<Row>(db)?.into_iter().map(Row::read).collect()
}

/// Writes a new listing.
pub fn insert_dataset(db: &mut Db, dataset: &Dataset) -> Result<()> {
    diesel::insert_into(datasets::table)
        .values((
            datasets::id.eq(&dataset.id),
            datasets::pool_id.eq(&dataset.pool_id),
            datasets::recipe_id.eq(&dataset.recipe_id),
            datasets::title.eq(&dataset.title),
            datasets::description.eq(&dataset.description),
            datasets::keywords_json.eq(serde_json::to_string(&dataset.keywords)?),
            datasets::purposes_json.eq(serde_json::to_string(&dataset.purposes)?),
            datasets::licence_name.eq(&dataset.licence_name),
            datasets::licence_text.eq(&dataset.licence_text),
            datasets::price_floor_minor.eq(dataset.price_floor_minor),
            datasets::rows_promised.eq(dataset.rows_promised),
            datasets::state.eq(dataset.state),
            datasets::created_at.eq(dataset.created_at),
            datasets::updated_at.eq(dataset.updated_at),
        ))
        .execute(db)?;
    Ok(())
}

/// Writes what an operator may edit of a draft. `false` where it is no draft any more.
pub fn update_draft(db: &mut Db, dataset: &Dataset) -> Result<bool> {
    let draft =
        datasets::table.filter(datasets::id.eq(&dataset.id)).filter(datasets::state.eq_any(DatasetState::EDIT_FROM));
    let changed = diesel::update(draft)
        .set((
            datasets::title.eq(&dataset.title),
            datasets::description.eq(&dataset.description),
            datasets::keywords_json.eq(serde_json::to_string(&dataset.keywords)?),
            datasets::purposes_json.eq(serde_json::to_string(&dataset.purposes)?),
            datasets::licence_name.eq(&dataset.licence_name),
            datasets::licence_text.eq(&dataset.licence_text),
            datasets::price_floor_minor.eq(dataset.price_floor_minor),
            datasets::rows_promised.eq(dataset.rows_promised),
            datasets::updated_at.eq(dataset.updated_at),
        ))
        .execute(db)?;
    Ok(changed == 1)
}

/// Moves a listing to a state, if it is in one of `from`.
pub fn move_dataset(
    db: &mut Db,
    id: &DatasetId,
    from: &[DatasetState],
    to: DatasetState,
    now: UtcTime,
) -> Result<bool> {
    let found = datasets::table.filter(datasets::id.eq(id)).filter(datasets::state.eq_any(from));
    let changed = diesel::update(found).set((datasets::state.eq(to), datasets::updated_at.eq(now))).execute(db)?;
    if to == DatasetState::Listed {
        let first = datasets::table.filter(datasets::id.eq(id)).filter(datasets::listed_at.is_null());
        diesel::update(first).set(datasets::listed_at.eq(now)).execute(db)?;
    }
    Ok(changed == 1)
}

/// Notes that there is news of a listing, so that whoever asks for what has changed finds it.
pub fn note_news(db: &mut Db, id: &DatasetId, now: UtcTime) -> Result<()> {
    diesel::update(datasets::table.find(id)).set(datasets::updated_at.eq(now)).execute(db)?;
    Ok(())
}

/// Notes until when a listing is sold exclusively.
pub fn set_exclusive(db: &mut Db, id: &DatasetId, until: Option<UtcTime>, now: UtcTime) -> Result<()> {
    let changed = diesel::update(datasets::table.find(id))
        .set((datasets::exclusive_until.eq(until), datasets::updated_at.eq(now)))
        .execute(db)?;
    if changed == 1 { Ok(()) } else { Err(Error::not_found("dataset")) }
}

/// Whether an organisation was granted a licence on a dataset, or on that one edition of it, which was neither revoked nor cancelled.
/// One that has expired counts: who bought something may still read what it was.
pub fn is_licensee(
    db: &mut Db,
    organisation: &OrganisationId,
    dataset: &DatasetId,
    edition: Option<&EditionId>,
) -> Result<bool> {
    let mut query = licences::table
        .filter(licences::organisation_id.eq(organisation.clone()).and(licences::dataset_id.eq(dataset.clone())))
        .filter(licences::state.ne_all(["revoked", "cancelled"]))
        .into_boxed();
    if let Some(edition) = edition {
        query = query.filter(licences::edition_id.eq(edition.clone()));
    }
    Ok(query.count().get_result::<i64>(db)? > 0)
}

/// Whether an organisation has an offer for a dataset that is not decided or not paid yet.
pub fn is_bidder(db: &mut Db, organisation: &OrganisationId, dataset: &DatasetId) -> Result<bool> {
    let own = offers::table.filter(offers::organisation_id.eq(organisation).and(offers::dataset_id.eq(dataset)));
    let standing = own.filter(offers::state.eq_any(["queued", "opening", "voting", "accepted"]));
    Ok(standing.count().get_result::<i64>(db)? > 0)
}
