//! Editions, who is in them, and their files.

use crate::clock::UtcTime;
use crate::datasets::model::{Edition, EditionFile, EditionState};
use crate::datasets::store::lists;
use crate::db::Db;
use crate::db::schema::{edition_files, edition_members, editions};
use crate::error::{Error, Result};
use crate::ids::{AccountId, DatasetId, EditionId};
use diesel::prelude::*;

#[derive(Queryable, Selectable)]
#[diesel(table_name = editions)]
struct Row {
    id: EditionId,
    dataset_id: DatasetId,
    number: i32,
    subject_id: String,
    state: EditionState,
    stage: String,
    members: i64,
    rows_given: Option<i64>,
    manifest_json: Option<String>,
    preview_json: Option<String>,
    failure: Option<String>,
    created_at: UtcTime,
    drawn_at: Option<UtcTime>,
    published_at: Option<UtcTime>,
    percent: Option<i32>,
    stopped_at: Option<UtcTime>,
}

impl From<Row> for Edition {
    fn from(row: Row) -> Self {
        Edition {
            id: row.id,
            dataset_id: row.dataset_id,
            number: row.number,
            subject_id: row.subject_id,
            state: row.state,
            stage: row.stage,
            members: row.members,
            rows_given: row.rows_given,
            manifest_json: row.manifest_json,
            preview_json: row.preview_json,
            failure: row.failure,
            created_at: row.created_at,
            drawn_at: row.drawn_at,
            published_at: row.published_at,
            percent: row.percent,
            stopped_at: row.stopped_at,
        }
    }
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = edition_files)]
struct FileRow {
    edition_id: EditionId,
    name: String,
    object_key: String,
    media_type: String,
    size_bytes: i64,
    sha256: String,
}

impl From<FileRow> for EditionFile {
    fn from(row: FileRow) -> Self {
        EditionFile {
            edition_id: row.edition_id,
            name: row.name,
            object_key: row.object_key,
            media_type: row.media_type,
            size_bytes: row.size_bytes,
            sha256: row.sha256,
        }
    }
}

/// What a drawn edition is published with.
#[derive(Debug, Clone)]
pub struct Publication {
    /// Members in it.
    pub members: i64,
    /// Rows in each file.
    pub rows_given: i64,
    /// The manifest.
    pub manifest_json: String,
    /// The rows that anybody may see.
    pub preview_json: String,
    /// The artists that it makes public, in its order; none where its recipe finds no artists in listening.
    pub artists: Vec<String>,
    /// The files, stored already.
    pub files: Vec<EditionFile>,
}

/// One edition.
pub fn edition(db: &mut Db, id: &EditionId) -> Result<Edition> {
    let row = editions::table.find(id).select(Row::as_select()).first(db).optional()?;
    Ok(row.ok_or_else(|| Error::not_found("edition"))?.into())
}

/// The edition that was made for something, if there is one.
pub fn edition_for(db: &mut Db, subject_id: &str) -> Result<Option<Edition>> {
    let row = editions::table.filter(editions::subject_id.eq(subject_id)).select(Row::as_select());
    Ok(row.first(db).optional()?.map(Edition::from))
}

/// The published editions of a dataset, newest first.
pub fn published_editions(db: &mut Db, dataset: &DatasetId) -> Result<Vec<Edition>> {
    let rows = editions::table
        .filter(editions::dataset_id.eq(dataset).and(editions::state.eq(EditionState::Published)))
        .order(editions::number.desc())
        .select(Row::as_select())
        .load(db)?;
    Ok(rows.into_iter().map(Edition::from).collect())
}

/// Writes a new edition with the next number of its dataset.
pub fn insert_edition(
    db: &mut Db,
    id: &EditionId,
    dataset: &DatasetId,
    subject_id: &str,
    stage: &str,
    now: UtcTime,
) -> Result<()> {
    let last: Option<i32> = editions::table
        .filter(editions::dataset_id.eq(dataset))
        .select(diesel::dsl::max(editions::number))
        .first(db)?;
    diesel::insert_into(editions::table)
        .values((
            editions::id.eq(id),
            editions::dataset_id.eq(dataset),
            editions::number.eq(last.unwrap_or(0) + 1),
            editions::subject_id.eq(subject_id),
            editions::state.eq(EditionState::Preparing),
            editions::stage.eq(stage),
            editions::members.eq(0),
            editions::created_at.eq(now),
        ))
        .execute(db)?;
    Ok(())
}

/// Notes how far the work is, and that it is under way: the stage, and how much of the members' plays is read, in
/// percent. `false` where the edition is published, given up or stopped.
pub fn note_progress(db: &mut Db, id: &EditionId, stage: &str, percent: i32) -> Result<bool> {
    let open = editions::table.filter(editions::id.eq(id)).filter(editions::state.eq_any(EditionState::PUBLISH_FROM));
    let changed = diesel::update(open.filter(editions::stopped_at.is_null()))
        .set((
            editions::state.eq(EditionState::Preparing),
            editions::stage.eq(stage),
            editions::percent.eq(percent),
            editions::failure.eq(None::<String>),
        ))
        .execute(db)?;
    Ok(changed == 1)
}

/// Whether an edition is still to be drawn: it is neither published nor given up, and not stopped.
pub fn goes_on(db: &mut Db, id: &EditionId) -> Result<bool> {
    Ok(edition(db, id)?.is_wanted())
}

/// Stops the drawing of an edition until it is taken up again. `false` where it is published, given up or stopped.
pub fn stop_drawing(db: &mut Db, id: &EditionId, why: &str, now: UtcTime) -> Result<bool> {
    let open = editions::table.filter(editions::id.eq(id)).filter(editions::state.eq_any(EditionState::PUBLISH_FROM));
    let changed = diesel::update(open.filter(editions::stopped_at.is_null()))
        .set((
            editions::state.eq(EditionState::Failed),
            editions::stage.eq("stopped"),
            editions::failure.eq(why),
            editions::stopped_at.eq(now),
        ))
        .execute(db)?;
    Ok(changed == 1)
}

/// Has an edition that was stopped drawn again.
pub fn resume_drawing(db: &mut Db, id: &EditionId) -> Result<()> {
    let failed = editions::table.filter(editions::id.eq(id).and(editions::state.eq(EditionState::Failed)));
    diesel::update(failed.filter(editions::stopped_at.is_not_null()))
        .set((
            editions::stopped_at.eq(None::<UtcTime>),
            editions::state.eq(EditionState::Preparing),
            editions::stage.eq("waiting"),
            editions::failure.eq(None::<String>),
        ))
        .execute(db)?;
    Ok(())
}

/// Notes that noise was drawn for an edition; the first time counts.
pub fn note_drawn(db: &mut Db, id: &EditionId, now: UtcTime) -> Result<()> {
    let first = editions::table.filter(editions::id.eq(id).and(editions::drawn_at.is_null()));
    diesel::update(first).set(editions::drawn_at.eq(now)).execute(db)?;
    Ok(())
}

/// Notes that a try failed, and why the last one did. Nothing happens to an edition that is published, given up or stopped.
pub fn fail_edition(db: &mut Db, id: &EditionId, why: &str) -> Result<()> {
    let open = editions::table
        .filter(editions::id.eq(id).and(editions::stopped_at.is_null()))
        .filter(editions::state.eq_any([EditionState::Preparing, EditionState::Failed]));
    diesel::update(open)
        .set((editions::state.eq(EditionState::Failed), editions::stage.eq("failed"), editions::failure.eq(why)))
        .execute(db)?;
    Ok(())
}

/// Gives an edition up. `false` where it is published or was given up before.
pub fn cancel_edition(db: &mut Db, id: &EditionId) -> Result<bool> {
    let open = editions::table.filter(editions::id.eq(id)).filter(editions::state.eq_any(EditionState::PUBLISH_FROM));
    let changed = diesel::update(open)
        .set((editions::state.eq(EditionState::Cancelled), editions::stage.eq("cancelled")))
        .execute(db)?;
    Ok(changed == 1)
}

/// Publishes an edition with its files. `false` where it was published before, given up or stopped, and then nothing
/// has changed.
pub fn publish_edition(db: &mut Db, id: &EditionId, publication: &Publication, now: UtcTime) -> Result<bool> {
    if !goes_on(db, id)? {
        return Ok(false);
    }
    let artists_sha256 = match publication.artists.as_slice() {
        [] => None,
        artists => Some(lists::keep_list(db, artists, now)?),
    };
    diesel::update(editions::table.find(id))
        .set((
            editions::state.eq(EditionState::Published),
            editions::stage.eq("published"),
            editions::failure.eq(None::<String>),
            editions::members.eq(publication.members),
            editions::rows_given.eq(publication.rows_given),
            editions::manifest_json.eq(&publication.manifest_json),
            editions::preview_json.eq(&publication.preview_json),
            editions::artists_sha256.eq(artists_sha256),
            editions::published_at.eq(now),
        ))
        .execute(db)?;
    for file in &publication.files {
        diesel::insert_into(edition_files::table)
            .values((
                edition_files::edition_id.eq(&file.edition_id),
                edition_files::name.eq(&file.name),
                edition_files::object_key.eq(&file.object_key),
                edition_files::media_type.eq(&file.media_type),
                edition_files::size_bytes.eq(file.size_bytes),
                edition_files::sha256.eq(&file.sha256),
            ))
            .execute(db)?;
    }
    Ok(true)
}

/// The files of an edition, by name.
pub fn files(db: &mut Db, id: &EditionId) -> Result<Vec<EditionFile>> {
    let rows = edition_files::table.filter(edition_files::edition_id.eq(id)).order(edition_files::name);
    Ok(rows.select(FileRow::as_select()).load(db)?.into_iter().map(EditionFile::from).collect())
}

/// The files of all editions, by key.
pub fn all_files(db: &mut Db) -> Result<Vec<EditionFile>> {
    let rows = edition_files::table.order(edition_files::object_key);
    Ok(rows.select(FileRow::as_select()).load(db)?.into_iter().map(EditionFile::from).collect())
}

/// Who is in an edition, sorted by id.
pub fn members(db: &mut Db, id: &EditionId) -> Result<Vec<AccountId>> {
    let members = edition_members::table.filter(edition_members::edition_id.eq(id));
    Ok(members.order(edition_members::member_id).select(edition_members::member_id).load(db)?)
}

/// Whether a member is in an edition.
pub fn is_member(db: &mut Db, id: &EditionId, member_id: &AccountId) -> Result<bool> {
    let row = edition_members::table.find((id, member_id));
    Ok(diesel::select(diesel::dsl::exists(row)).get_result(db)?)
}

/// How many are in an edition.
pub fn count_members(db: &mut Db, id: &EditionId) -> Result<i64> {
    Ok(edition_members::table.filter(edition_members::edition_id.eq(id)).count().get_result(db)?)
}

/// Adds members to an edition; those who are in it already stay in it once.
pub fn add_members(db: &mut Db, id: &EditionId, members: &[AccountId]) -> Result<()> {
    let there: Vec<AccountId> = edition_members::table
        .filter(edition_members::edition_id.eq(id).and(edition_members::member_id.eq_any(members)))
        .select(edition_members::member_id)
        .load(db)?;
    let there: std::collections::HashSet<AccountId> = there.into_iter().collect();
    for member in members.iter().filter(|member| !there.contains(*member)) {
        diesel::insert_into(edition_members::table)
            .values((edition_members::edition_id.eq(id), edition_members::member_id.eq(member)))
            .execute(db)?;
    }
    note_members(db, id)
}

/// Takes members out of an edition that is not published.
pub fn remove_members(db: &mut Db, id: &EditionId, members: &[AccountId]) -> Result<()> {
    let out = edition_members::table
        .filter(edition_members::edition_id.eq(id).and(edition_members::member_id.eq_any(members)));
    diesel::delete(out).execute(db)?;
    note_members(db, id)
}

/// Brings the number that the edition states in line with its members.
fn note_members(db: &mut Db, id: &EditionId) -> Result<()> {
    let members = count_members(db, id)?;
    diesel::update(editions::table.find(id)).set(editions::members.eq(members)).execute(db)?;
    Ok(())
}
