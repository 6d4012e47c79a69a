//! Drawing an edition: once, and safe to begin again after a crash.
//!
//! The privacy cost is reserved before this begins. A try reads the members' plays, draws, and stores
//! the files under keys that hold their digests; nobody can see any of that. One write then publishes
//! everything at once and spends the reservation. Until that write a try may fail or be cut off at any
//! point, and the next one draws anew under the same reservation; after it, there is nothing to draw.
//! Two tries at the same time are harmless: the first to publish wins, and the other's files go.

use crate::aggregates::{self, DrawMember, DrawRequest, Drawn, Engine, EngineConfig, Progress, Stage};
use crate::config;
use crate::context::Context;
use crate::datasets::model::{Edition, EditionFile, EditionState, StoredRecipe};
use crate::datasets::steps;
use crate::datasets::store::{self, Publication};
use crate::datasets::views::PreviewRow;
use crate::error::{Code, Error, Result};
use crate::histories;
use crate::ids::{AccountId, EditionId};
use crate::pools;
use aws_lc_rs::digest;
use std::collections::HashMap;
use std::pin::pin;
use tokio::sync::watch;

/// Members that one write takes on.
const CHUNK: usize = 1_000;
const STORING: &str = "storing the files";

/// What a try needs to know.
#[derive(Debug, Clone)]
pub struct Order {
    edition: Edition,
    recipe: StoredRecipe,
    pool_delta_pico: u64,
    members: Vec<DrawMember>,
}

/// Draws an edition from the plays of the draw set and publishes it; returns it as it is then. One that is
/// published already, or was given up, is returned as it was.
///
/// # Errors
/// `conflict` where the draw set or its plays changed meanwhile: it may be tried again at once. Whatever else
/// keeps it from being drawn; the edition then says so, its cost stays reserved, and it may be tried again.
pub async fn draw_edition(
    ctx: &Context,
    id: &EditionId,
    draw_set: Vec<AccountId>,
    progress: impl Fn(Progress) + Send + Sync,
) -> Result<Edition> {
    let tried = try_to_draw(ctx, id, draw_set, progress).await;
    if let Err(error) = &tried {
        let (edition_id, why) = (id.clone(), failure_words(error));
        let noted = ctx.db.write(move |tx| store::fail_edition(tx, &edition_id, &why)).await;
        if let Err(second) = noted {
            tracing::warn!(edition.id = %id, error = %second, "the failure of a draw could not be noted");
        }
    }
    tried
}

async fn try_to_draw(
    ctx: &Context,
    id: &EditionId,
    draw_set: Vec<AccountId>,
    progress: impl Fn(Progress) + Send + Sync,
) -> Result<Edition> {
    let Some(order) = prepare(ctx, id, draw_set).await? else { return as_it_is(ctx, id).await };
    let publication = match draw_and_store(ctx, &order, progress).await {
        Ok(Some(publication)) => publication,
        Ok(None) => return as_it_is(ctx, id).await,
        Err(error) if has_moved(ctx, &order).await? => {
            let words = "A member handed in more listening, or left, while the plays were read; it is drawn anew.";
            return Err(Error::conflict(words).because(error));
        }
        Err(error) => return Err(error),
    };
    let edition = publish(ctx, &order, publication.clone()).await?;
    tidy(ctx, id, &publication.files).await;
    Ok(edition)
}

/// An edition that there is nothing to draw for any more.
async fn as_it_is(ctx: &Context, id: &EditionId) -> Result<Edition> {
    tidy(ctx, id, &[]).await;
    let id = id.clone();
    ctx.db.read(move |db| store::edition(db, &id)).await
}

/// Takes an edition in hand and makes its members the draw set; `None` where it is published already or given up.
pub async fn prepare(ctx: &Context, id: &EditionId, mut draw_set: Vec<AccountId>) -> Result<Option<Order>> {
    draw_set.sort_unstable();
    draw_set.dedup();
    let edition_id = id.clone();
    let begun = ctx.db.write(move |tx| {
        let edition = store::edition(tx, &edition_id)?;
        if !store::set_stage(tx, &edition_id, Stage::Reading.words())? {
            return Ok(None);
        }
        let dataset = store::dataset(tx, &edition.dataset_id)?;
        let recipe = store::recipe(tx, &dataset.recipe_id)?;
        let pool = pools::steps::pool(tx, &dataset.pool_id)?;
        Ok(Some((edition, recipe, pool.delta_cap_pico.unsigned_abs())))
    });
    let Some((edition, recipe, pool_delta_pico)) = begun.await? else { return Ok(None) };
    seat(ctx, id, &draw_set).await?;
    let members = with_plays(ctx, draw_set).await?;
    Ok(Some(Order { edition, recipe, pool_delta_pico, members }))
}

/// Brings the edition's members in line with the draw set, a chunk a write: those who have left since the
/// vote opened, or since a try before, are neither drawn from nor paid.
async fn seat(ctx: &Context, id: &EditionId, draw_set: &[AccountId]) -> Result<()> {
    let edition_id = id.clone();
    let seated = ctx.db.read(move |db| store::members(db, &edition_id)).await?;
    let absent = |list: &[AccountId], other: &[AccountId]| -> Vec<AccountId> {
        list.iter().filter(|member| other.binary_search(member).is_err()).cloned().collect()
    };
    for chunk in absent(&seated, draw_set).chunks(CHUNK) {
        let (id, chunk) = (id.clone(), chunk.to_vec());
        ctx.db.write(move |tx| store::remove_members(tx, &id, &chunk)).await?;
    }
    for chunk in absent(draw_set, &seated).chunks(CHUNK) {
        let (id, chunk) = (id.clone(), chunk.to_vec());
        ctx.db.write(move |tx| store::add_members(tx, &id, &chunk)).await?;
    }
    Ok(())
}

/// The draw set with the keys of its plays. A member without plays counts as one without plays.
async fn with_plays(ctx: &Context, draw_set: Vec<AccountId>) -> Result<Vec<DrawMember>> {
    ctx.db
        .read(move |db| {
            let mut keys: HashMap<_, _> = histories::steps::plays_files(db, &draw_set)?.into_iter().collect();
            let member = |account: AccountId| DrawMember { plays: keys.remove(&account), account };
            Ok(draw_set.into_iter().map(member).collect())
        })
        .await
}

/// Whether the plays of the draw set lie elsewhere by now: a history that arrives takes the place of the
/// file before it, and leaving takes the file away.
async fn has_moved(ctx: &Context, order: &Order) -> Result<bool> {
    let draw_set = order.members.iter().map(|member| member.account.clone()).collect();
    let now = with_plays(ctx, draw_set).await?;
    Ok(now.iter().zip(&order.members).any(|(now, then)| now.plays != then.plays))
}

/// Draws, and stores what was drawn where nobody can see it yet. `None` where the edition was published or
/// given up meanwhile: then what was drawn is dropped and never leaves the memory.
pub async fn draw_and_store(
    ctx: &Context,
    order: &Order,
    progress: impl Fn(Progress) + Send + Sync,
) -> Result<Option<Publication>> {
    let drawn = draw(ctx, order, progress).await?;
    let id = order.edition.id.clone();
    let goes_on = ctx.db.write(move |tx| {
        let now = tx.now();
        let is_open = store::set_stage(tx, &id, STORING)?;
        if is_open {
            store::note_drawn(tx, &id, now)?;
        }
        Ok(is_open)
    });
    if !goes_on.await? {
        return Ok(None);
    }
    let mut files = Vec::new();
    for file in &drawn.files {
        let object_key = format!("editions/{}/{}/{}", order.edition.id, file.entry.sha256, file.entry.name);
        ctx.storage.put(&object_key, file.content.clone()).await?;
        files.push(EditionFile {
            edition_id: order.edition.id.clone(),
            name: file.entry.name.clone(),
            object_key,
            media_type: file.entry.media_type.clone(),
            size_bytes: i64::try_from(file.entry.bytes).map_err(Error::internal)?,
            sha256: file.entry.sha256.clone(),
        });
    }
    publication(&drawn, files).map(Some)
}

/// Runs the engine, and notes in between how far it is.
async fn draw(ctx: &Context, order: &Order, progress: impl Fn(Progress) + Send + Sync) -> Result<Drawn> {
    let spill = ctx.config.data_dir.join("spill");
    tokio::fs::create_dir_all(&spill).await?;
    let settings = EngineConfig {
        memory_limit_bytes: ctx.config.draws.memory_bytes,
        spill_directory: spill,
        target_partitions: ctx.config.draws.partitions.unwrap_or_else(config::cores),
    };
    let engine = Engine::new(&settings, ctx.storage.object_store())?;
    let request = DrawRequest {
        recipe: order.recipe.document.clone(),
        members: order.members.clone(),
        pool_delta_pico: order.pool_delta_pico,
    };
    let (tell, mut told) = watch::channel(Stage::Reading);
    let heard = |now: Progress| {
        progress(now);
        tell.send_if_modified(|stage| std::mem::replace(stage, now.stage) != now.stage);
    };
    let mut draw = pin!(aggregates::draw(&engine, request, &ctx.entropy, heard));
    loop {
        tokio::select! {
            drawn = &mut draw => return drawn,
            Ok(()) = told.changed() => {
                let stage = *told.borrow_and_update();
                set_stage(ctx, order, stage.words()).await?;
            }
        }
    }
}

async fn set_stage(ctx: &Context, order: &Order, stage: &'static str) -> Result<()> {
    let id = order.edition.id.clone();
    ctx.db.write(move |tx| store::set_stage(tx, &id, stage)).await?;
    Ok(())
}

fn publication(drawn: &Drawn, files: Vec<EditionFile>) -> Result<Publication> {
    let manifest_json = serde_json::to_string(&drawn.manifest)?;
    let lot = hex::encode(digest::digest(&digest::SHA256, manifest_json.as_bytes()));
    let shown = aggregates::preview(&drawn.rows, &lot, aggregates::PREVIEW_ROWS);
    let row = |row: aggregates::Row| PreviewRow { artist: row.artist, fans: row.fans, capped_plays: row.capped_plays };
    let shown: Vec<PreviewRow> = shown.into_iter().map(row).collect();
    Ok(Publication {
        members: i64::try_from(drawn.manifest.members).map_err(Error::internal)?,
        rows_given: i64::try_from(drawn.rows.len()).map_err(Error::internal)?,
        manifest_json,
        preview_json: serde_json::to_string(&shown)?,
        files,
    })
}

/// The one write that makes an edition of what was drawn. If another try has published before, its edition
/// stands; if the edition was given up, nothing is published.
async fn publish(ctx: &Context, order: &Order, publication: Publication) -> Result<Edition> {
    let (id, subject_id) = (order.edition.id.clone(), order.edition.subject_id.clone());
    ctx.db
        .write(move |tx| {
            let edition = store::edition(tx, &id)?;
            if !EditionState::PUBLISH_FROM.contains(&edition.state) {
                return Ok(edition);
            }
            // A draw set only ever shrinks, so as many members are the same members.
            if store::count_members(tx, &id)? != publication.members {
                return Err(Error::conflict("The draw set changed while it was drawn from; it is drawn anew."));
            }
            let now = tx.now();
            store::publish_edition(tx, &id, &publication, now)?;
            pools::steps::spend_budget(tx, &subject_id, &id)?;
            steps::catalogue_changed(tx)?;
            store::edition(tx, &id)
        })
        .await
}

/// Clears away what is in the way of nothing: if that fails the edition is as good, and the check for orphans tells.
async fn tidy(ctx: &Context, id: &EditionId, stored: &[EditionFile]) {
    if let Err(error) = clear_away(ctx, id, stored).await {
        tracing::warn!(edition.id = %id, error = %error, "files of tries that were not published are left in the storage");
    }
}

/// Removes the files of a published edition that are not its own: what this try stored in vain, and what tries
/// before it left.
async fn clear_away(ctx: &Context, id: &EditionId, stored: &[EditionFile]) -> Result<()> {
    let edition_id = id.clone();
    let kept = ctx.db.read(move |db| store::files(db, &edition_id)).await?;
    let is_kept = |key: &str| kept.iter().any(|file| file.object_key == key);
    for file in stored.iter().filter(|file| !is_kept(&file.object_key)) {
        ctx.storage.delete(&file.object_key).await?;
    }
    let listed = ctx.storage.list(&format!("editions/{id}")).await?;
    for key in listed.iter().filter(|key| !is_kept(key)) {
        ctx.storage.delete(key).await?;
    }
    Ok(())
}

/// What an edition says of a failure. A cause may hold anything and stays in the log.
fn failure_words(error: &Error) -> String {
    match error.code() {
        Code::Internal => "The draw failed on the server; the cause is in its log.".into(),
        _ => error.detail().to_owned(),
    }
}
