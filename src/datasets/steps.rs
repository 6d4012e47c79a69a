//! What other rooms ask of this one inside their own transactions.

use super::model::{Dataset, Edition, EditionFile, EditionState, StoredRecipe};
use super::recall::{Recall, RecallState, Recalled};
use super::store;
use crate::clock::UtcTime;
use crate::db::{Db, Tx};
use crate::error::{Error, Result};
use crate::ids::{AccountId, DatasetId, EditionId, PoolId, RecipeId};
use crate::pools;
use crate::pools::model::Cost;

/// One dataset, in whatever state: who asks decides what may be seen of it.
///
/// # Errors
/// `not-found`.
pub fn dataset(db: &mut Db, id: &DatasetId) -> Result<Dataset> {
    store::dataset(db, id)
}

/// One recipe.
///
/// # Errors
/// `not-found`.
pub fn recipe(db: &mut Db, id: &RecipeId) -> Result<StoredRecipe> {
    store::recipe(db, id)
}

/// One edition, in whatever state.
///
/// # Errors
/// `not-found`.
pub fn edition(db: &mut Db, id: &EditionId) -> Result<Edition> {
    store::edition(db, id)
}

/// The edition that may be sold from stock: the newest one that is published and was not recalled.
///
/// # Errors
/// `internal` where the database fails.
pub fn published_stock(db: &mut Db, id: &DatasetId) -> Result<Option<Edition>> {
    for edition in store::published_editions(db, id)? {
        if !store::is_recalled(db, &edition.id)? {
            return Ok(Some(edition));
        }
    }
    Ok(None)
}

/// The edition that was made for a subject, if there is one.
///
/// # Errors
/// `internal` where the database fails.
pub fn edition_for(db: &mut Db, subject_id: &str) -> Result<Option<Edition>> {
    store::edition_for(db, subject_id)
}

/// Begins the next edition of a dataset for a subject, or finds the one that was begun for it.
/// `subject_id` is the one under which the privacy cost is reserved.
///
/// # Errors
/// `internal` where the database fails.
pub fn begin_edition(tx: &mut Tx, dataset_id: &DatasetId, subject_id: &str) -> Result<EditionId> {
    if let Some(begun) = store::edition_for(tx, subject_id)? {
        return Ok(begun.id);
    }
    let (id, now) = (EditionId::new(tx.now(), tx.entropy()), tx.now());
    store::insert_edition(tx, &id, dataset_id, subject_id, "waiting to be drawn", now)?;
    Ok(id)
}

/// Adds members to an edition that is being prepared: at most about a thousand in one write.
/// Whoever is in it already stays in it once.
///
/// # Errors
/// `internal` where the database fails.
pub fn add_edition_members(tx: &mut Tx, id: &EditionId, members: &[AccountId]) -> Result<()> {
    store::add_members(tx, id, members)
}

/// Gives up an edition that cannot be delivered. What was reserved for it is free again, unless a try has
/// drawn noise: then it is spent, as if it had been published. A try that is under way publishes nothing any more. `false` where it is published or was given up before.
///
/// # Errors
/// `internal` where the database fails.
pub fn cancel_edition(tx: &mut Tx, id: &EditionId) -> Result<bool> {
    if !store::cancel_edition(tx, id)? {
        return Ok(false);
    }
    let edition = store::edition(tx, id)?;
    match edition.drawn_at {
        Some(_) => pools::steps::spend_budget(tx, &edition.subject_id, id)?,
        None => pools::steps::release_budget(tx, &edition.subject_id)?,
    }
    catalogue_changed(tx)?;
    Ok(true)
}

/// Who is in an edition, sorted by id.
///
/// # Errors
/// `internal` where the database fails.
pub fn edition_members(db: &mut Db, id: &EditionId) -> Result<Vec<AccountId>> {
    store::members(db, id)
}

/// Whether a member is in an edition.
///
/// # Errors
/// `internal` where the database fails.
pub fn is_in_edition(db: &mut Db, id: &EditionId, member_id: &AccountId) -> Result<bool> {
    store::is_member(db, id, member_id)
}

/// The files of an edition, by name; none before it is published.
///
/// # Errors
/// `internal` where the database fails.
pub fn files(db: &mut Db, id: &EditionId) -> Result<Vec<EditionFile>> {
    store::files(db, id)
}

/// Has an edition drawn again whose drawing an operator has stopped.
///
/// # Errors
/// `internal` where the database fails.
pub fn resume_drawing(tx: &mut Tx, id: &EditionId) -> Result<()> {
    store::resume_drawing(tx, id)
}

/// Keeps a list of artists; returns the name that it is kept under: the SHA-256, in hex, of its canonical JSON.
///
/// # Errors
/// `internal` where the database fails.
pub fn keep_artists(tx: &mut Tx, artists: &[String]) -> Result<String> {
    let now = tx.now();
    store::keep_list(tx, artists, now)
}

/// The list of artists that is kept under a name; `None` where there is none, or it is no longer what its name says.
///
/// # Errors
/// `internal` where the database fails.
pub fn find_artists(db: &mut Db, sha256: &str) -> Result<Option<Vec<String>>> {
    let kept = store::list(db, sha256)?.filter(|kept| store::list_sha256(&kept.artists_json) == kept.sha256);
    Ok(kept.map(|kept| serde_json::from_str(&kept.artists_json)).transpose()?)
}

/// The same where there must be one.
///
/// # Errors
/// `internal` where it is missing or damaged.
pub fn artists(db: &mut Db, sha256: &str) -> Result<Vec<String>> {
    let missing = || Error::internal(format!("the list of artists {sha256} is missing or damaged"));
    find_artists(db, sha256)?.ok_or_else(missing)
}

/// The artists that the newest edition of a pool to do so has made public, in its order, and which edition that is.
///
/// # Errors
/// `internal` where the database fails.
pub fn public_artists(db: &mut Db, pool_id: &PoolId) -> Result<Option<(EditionId, Vec<String>)>> {
    let Some((edition_id, sha256)) = store::newest_with_artists(db, pool_id)? else { return Ok(None) };
    Ok(Some((edition_id, artists(db, &sha256)?)))
}

/// Whether an edition of a pool has made artists public.
///
/// # Errors
/// `internal` where the database fails.
pub fn has_public_artists(db: &mut Db, pool_id: &PoolId) -> Result<bool> {
    Ok(store::newest_with_artists(db, pool_id)?.is_some())
}

/// Says which lists of artists are no longer what their names say, one sentence for each.
///
/// # Errors
/// `internal` where the database fails.
pub fn verify_lists(db: &mut Db) -> Result<Vec<String>> {
    let mut problems = Vec::new();
    for name in store::list_names(db)? {
        if store::list(db, &name)?.is_some_and(|kept| store::list_sha256(&kept.artists_json) != kept.sha256) {
            problems.push(format!("The list of artists {name} holds others than those that were hashed."));
        }
    }
    Ok(problems)
}

/// Says which recipes are no longer those that were hashed, one sentence for each.
///
/// # Errors
/// `internal` where the database fails.
pub fn verify_recipes(db: &mut Db) -> Result<Vec<String>> {
    let recipes = store::recipes(db, None, None, i64::MAX)?;
    let changed = recipes.iter().filter(|recipe| recipe.document.sha256() != recipe.document_hash);
    Ok(changed.map(|recipe| format!("The recipe {} is not the one that was hashed.", recipe.id)).collect())
}

/// Notes until when a dataset is sold exclusively, or that it no longer is. A later day that was sold
/// before stays: whoever holds it may buy once more for a shorter time.
///
/// # Errors
/// `not-found`.
pub fn set_exclusive(tx: &mut Tx, id: &DatasetId, until: Option<UtcTime>) -> Result<()> {
    let (now, held) = (tx.now(), store::dataset(tx, id)?.exclusive_until);
    let until = until.map(|asked| held.map_or(asked, |held| held.max(asked)));
    store::set_exclusive(tx, id, until, now)?;
    catalogue_changed(tx)
}

/// Tells every server that what it keeps of the catalogue is old.
///
/// # Errors
/// `internal` where the database fails.
pub fn catalogue_changed(tx: &mut Tx) -> Result<()> {
    store::raise_catalogue_version(tx)
}

/// All stored files of published editions, by key, for `refrain check`.
///
/// # Errors
/// `internal` where the database fails.
pub fn all_files(db: &mut Db) -> Result<Vec<EditionFile>> {
    store::all_files(db)
}

/// The recall of an edition, if there is one.
///
/// # Errors
/// `internal` where the database fails.
pub fn recall(db: &mut Db, id: &EditionId) -> Result<Option<Recalled>> {
    store::recall(db, id)
}

/// The recall that an edition was drawn to make good for, if there is one.
///
/// # Errors
/// `internal` where the database fails.
pub fn recall_replaced_by(db: &mut Db, id: &EditionId) -> Result<Option<Recalled>> {
    store::recall_replaced_by(db, id)
}

/// All recalls, for `refrain check`.
///
/// # Errors
/// `internal` where the database fails.
pub fn all_recalls(db: &mut Db) -> Result<Vec<Recalled>> {
    store::all_recalls(db)
}

/// The files of the editions whose places an edition has taken, each with the recall of its edition.
///
/// # Errors
/// `internal` where the database fails.
pub fn replaced_files(db: &mut Db, id: &EditionId) -> Result<Vec<(EditionFile, Recalled)>> {
    store::replaced_files(db, id)
}

/// An edition that can be recalled.
///
/// # Errors
/// `not-found`; `conflict` where it is not published or was recalled before.
pub fn expect_recallable(db: &mut Db, id: &EditionId) -> Result<Edition> {
    let edition = store::edition(db, id)?;
    if edition.state != EditionState::Published {
        return Err(Error::conflict(
            "Only a published edition can be recalled; the drawing of another can be stopped.",
        ));
    }
    if store::is_recalled(db, id)? {
        return Err(Error::conflict("The edition was recalled before."));
    }
    Ok(edition)
}

/// Recalls an edition of which it was seen that it can be.
///
/// # Errors
/// `internal` where the database fails.
pub fn enter_recall(tx: &mut Tx, edition: &Edition, recall: &Recall) -> Result<()> {
    store::insert_recall(tx, recall)?;
    store::note_news(tx, &edition.dataset_id, recall.recalled_at)?;
    catalogue_changed(tx)
}

/// Sets the privacy cost of an edition aside that is drawn in place of another, and begins it.
///
/// # Errors
/// `budget-exhausted` where the pool has less left; `conflict` where it was begun before.
pub fn begin_replacement(tx: &mut Tx, recalled: &Edition) -> Result<EditionId> {
    let dataset = store::dataset(tx, &recalled.dataset_id)?;
    let recipe = store::recipe(tx, &dataset.recipe_id)?;
    let cost = Cost { rho_nano: recipe.rho_nano, delta_pico: recipe.delta_pico };
    let subject_id = recalled.id.as_str();
    pools::steps::reserve_budget(tx, &dataset.pool_id, subject_id, cost)?;
    begin_edition(tx, &dataset.id, subject_id)
}

/// Brings a recall to its end. `false` where it has come to one before.
///
/// # Errors
/// `internal` where the database fails.
pub fn resolve_recall(tx: &mut Tx, id: &EditionId, to: RecallState) -> Result<bool> {
    let now = tx.now();
    let is_resolved = store::resolve_recall(tx, id, to, now)?;
    if is_resolved {
        catalogue_changed(tx)?;
    }
    Ok(is_resolved)
}
