//! Recalls of editions.

use super::{edition, files};
use crate::clock::UtcTime;
use crate::datasets::model::{Edition, EditionFile};
use crate::datasets::recall::{Recall, RecallState, Recalled};
use crate::db::Db;
use crate::db::schema::{editions, recalls};
use crate::error::Result;
use crate::ids::{DatasetId, EditionId};
use diesel::prelude::*;

/// The recall of an edition, if there is one.
pub fn recall(db: &mut Db, id: &EditionId) -> Result<Option<Recalled>> {
    let found = recalls::table.find(id).select(Recall::as_select()).first(db).optional()?;
    found.map(|recall| numbered(db, recall)).transpose()
}

/// The recall that an edition was drawn to make good for, if there is one.
pub fn recall_replaced_by(db: &mut Db, id: &EditionId) -> Result<Option<Recalled>> {
    let found = recalls::table.filter(recalls::replacement_id.eq(id)).select(Recall::as_select());
    let found = found.first(db).optional()?;
    found.map(|recall| numbered(db, recall)).transpose()
}

fn numbered(db: &mut Db, recall: Recall) -> Result<Recalled> {
    let Edition { dataset_id, number, .. } = edition(db, &recall.edition_id)?;
    let replacement = match &recall.replacement_id {
        Some(id) => Some(edition(db, id)?),
        None => None,
    };
    Ok(Recalled { recall, dataset_id, number, replacement: replacement.map(|edition| (edition.number, edition.state)) })
}

/// The recalls of a dataset's editions, the newest edition first.
pub fn recalls_of(db: &mut Db, dataset: &DatasetId) -> Result<Vec<Recalled>> {
    let rows: Vec<EditionId> = recalls::table
        .inner_join(editions::table.on(editions::id.eq(recalls::edition_id)))
        .filter(editions::dataset_id.eq(dataset))
        .order(editions::number.desc())
        .select(recalls::edition_id)
        .load(db)?;
    let mut found = Vec::with_capacity(rows.len());
    for id in &rows {
        found.extend(recall(db, id)?);
    }
    Ok(found)
}

/// All recalls, for the check.
pub fn all_recalls(db: &mut Db) -> Result<Vec<Recalled>> {
    let rows = recalls::table.order(recalls::edition_id).select(Recall::as_select()).load(db)?;
    rows.into_iter().map(|recall| numbered(db, recall)).collect()
}

/// Whether an edition was recalled.
pub fn is_recalled(db: &mut Db, id: &EditionId) -> Result<bool> {
    Ok(diesel::select(diesel::dsl::exists(recalls::table.find(id))).get_result(db)?)
}

/// Adds a recall.
pub fn insert_recall(db: &mut Db, recall: &Recall) -> Result<()> {
    diesel::insert_into(recalls::table).values(recall).execute(db)?;
    Ok(())
}

/// Brings a recall to its end, if its state allows it. `false` where it does not.
pub fn resolve_recall(db: &mut Db, id: &EditionId, to: RecallState, now: UtcTime) -> Result<bool> {
    let open = recalls::table.filter(recalls::edition_id.eq(id).and(recalls::state.eq_any(to.allowed_from())));
    Ok(diesel::update(open).set((recalls::state.eq(to), recalls::resolved_at.eq(now))).execute(db)? == 1)
}

/// The files of the editions whose places an edition has taken, one after the other, each with the recall of its edition.
pub fn replaced_files(db: &mut Db, id: &EditionId) -> Result<Vec<(EditionFile, Recalled)>> {
    let (mut found, mut newer) = (Vec::new(), id.clone());
    while let Some(recalled) = recall_replaced_by(db, &newer)? {
        newer = recalled.recall.edition_id.clone();
        found.extend(files(db, &newer)?.into_iter().map(|file| (file, recalled.clone())));
    }
    Ok(found)
}
