//! The end of a draw: files that are stored and not yet seen, the one write that publishes them, and clearing away.

use crate::aggregates::{self, Drawn};
use crate::context::Context;
use crate::datasets::model::{Edition, EditionFile, EditionState};
use crate::datasets::steps;
use crate::datasets::store::{self, Publication};
use crate::error::{Error, Result};
use crate::ids::EditionId;
use crate::pools;
use aws_lc_rs::digest;

/// Stores the files of a draw under keys that hold their digests, where nobody can see them yet.
pub async fn put(ctx: &Context, id: &EditionId, drawn: &Drawn) -> Result<Publication> {
    let mut files = Vec::new();
    for file in &drawn.files {
        let object_key = format!("editions/{id}/{}/{}", file.entry.sha256, file.entry.name);
        ctx.storage.put(&object_key, file.content.clone()).await?;
        files.push(EditionFile {
            edition_id: id.clone(),
            name: file.entry.name.clone(),
            object_key,
            media_type: file.entry.media_type.clone(),
            size_bytes: i64::try_from(file.entry.bytes).map_err(Error::internal)?,
            sha256: file.entry.sha256.clone(),
        });
    }
    publication(drawn, files)
}

/// What is published of a draw, with its files stored already.
fn publication(drawn: &Drawn, files: Vec<EditionFile>) -> Result<Publication> {
    let manifest_json = serde_json::to_string(&drawn.manifest)?;
    let lot = hex::encode(digest::digest(&digest::SHA256, manifest_json.as_bytes()));
    let table = drawn.tables.first().ok_or_else(|| Error::internal("a draw gives one table at least"))?;
    let shown = aggregates::preview(table, &lot, aggregates::PREVIEW_ROWS)?;
    Ok(Publication {
        members: i64::try_from(drawn.manifest.members).map_err(Error::internal)?,
        rows_given: i64::try_from(table.rows.num_rows()).map_err(Error::internal)?,
        manifest_json,
        preview_json: serde_json::to_string(&shown)?,
        artists: if drawn.manifest.recipe.finds_artists() { table.artists() } else { Vec::new() },
        files,
    })
}

/// The one write that makes an edition of what was drawn. If another try has published before, its edition
/// stands; if the edition was given up or stopped, nothing is published.
pub async fn publish(ctx: &Context, edition: &Edition, publication: Publication) -> Result<Edition> {
    let (id, subject_id) = (edition.id.clone(), edition.subject_id.clone());
    ctx.db
        .write(move |tx| {
            let edition = store::edition(tx, &id)?;
            if !edition.is_wanted() {
                return Ok(edition);
            }
            // A draw set only ever shrinks, so as many members are the same members.
            if store::count_members(tx, &id)? != publication.members {
                return Err(Error::conflict("The draw set changed while it was drawn from; it is drawn anew."));
            }
            let now = tx.now();
            store::publish_edition(tx, &id, &publication, now)?;
            store::note_news(tx, &edition.dataset_id, now)?;
            pools::steps::spend_budget(tx, &subject_id, &id)?;
            steps::catalogue_changed(tx)?;
            store::edition(tx, &id)
        })
        .await
}

/// Clears away what is in the way of nothing: if that fails the edition is as good, and the check for orphans tells.
pub async fn tidy(ctx: &Context, id: &EditionId, stored: &[EditionFile]) {
    if let Err(error) = clear_away(ctx, id, stored).await {
        tracing::warn!(edition.id = %id, error = %error, "files of tries that were not published are left in the storage");
    }
}

/// Removes what this try stored in vain, and of an edition that has come to its end what tries before it left. As long
/// as it may be drawn again, the files of another try may be about to be published.
async fn clear_away(ctx: &Context, id: &EditionId, stored: &[EditionFile]) -> Result<()> {
    let edition_id = id.clone();
    let read = ctx.db.read(move |db| Ok((store::edition(db, &edition_id)?.state, store::files(db, &edition_id)?)));
    let (state, kept) = read.await?;
    let is_kept = |key: &str| kept.iter().any(|file| file.object_key == key);
    for file in stored.iter().filter(|file| !is_kept(&file.object_key)) {
        ctx.storage.delete(&file.object_key).await?;
    }
    if EditionState::PUBLISH_FROM.contains(&state) {
        return Ok(());
    }
    let listed = ctx.storage.list(&format!("editions/{id}")).await?;
    for key in listed.iter().filter(|key| !is_kept(key)) {
        ctx.storage.delete(key).await?;
    }
    Ok(())
}
