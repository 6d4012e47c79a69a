//! Drawing an edition: once, and safe to begin again after a crash.
//!
//! The privacy cost is reserved before this begins. A try reads the members' plays, draws, and stores
//! the files under keys that hold their digests; nobody can see any of that. One write then publishes
//! everything at once and spends the reservation. Until that write a try may fail or be cut off at any
//! point, and the next one draws anew under the same reservation; after it, there is nothing to draw.
//! Two tries at the same time are harmless: the first to publish wins, and the other's files go.
//!
//! An operator may stop the drawing: that is noted at the edition, and whichever server draws it looks there, drops the
//! work, and publishes nothing. The reservation stays, as nothing of the try could be seen.

use crate::aggregates::{self, ArtistIds, DrawRequest, Drawn, Engine, EngineConfig, Progress, Stage};
use crate::clock::UtcTime;
use crate::config;
use crate::context::Context;
use crate::datasets::actions::publishing;
use crate::datasets::model::{Edition, Material, StoredRecipe};
use crate::datasets::steps;
use crate::datasets::store::{self, Publication};
use crate::error::{Code, Error, Result};
use crate::histories;
use crate::histories::model::PlaysObject;
use crate::ids::{AccountId, EditionId};
use crate::pools;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

/// Members that one write takes on.
const CHUNK: usize = 1_000;
const STORING: &str = "storing the files";
/// How often a draw notes how far it is, and looks whether an operator has stopped it.
const LOOK: Duration = Duration::from_millis(500);
/// Percent.
const ALL_READ: u8 = 100;

/// What a try needs to know.
#[derive(Debug, Clone)]
pub struct Order {
    edition: Edition,
    recipe: StoredRecipe,
    pool_delta_pico: u64,
    draw_set: Vec<AccountId>,
    objects: Vec<PlaysObject>,
    artists: Vec<String>,
    begun_at: UtcTime,
}

/// Draws an edition from the plays of the draw set and publishes it; returns it as it is then. One that is
/// published already, given up or stopped is returned as it is, also where that happens while it is drawn.
///
/// # Errors
/// `conflict` where the draw set or its plays changed meanwhile: it may be tried again at once. Whatever else
/// keeps it from being drawn; the edition then says so, its cost stays reserved, and it may be tried again.
pub async fn draw_edition(
    ctx: &Context,
    id: &EditionId,
    material: Material,
    progress: impl Fn(Progress) + Send + Sync,
) -> Result<Edition> {
    let tried = try_to_draw(ctx, id, material, progress).await;
    if let Err(error) = &tried {
        note_failure(ctx, id, error).await;
    }
    tried
}

/// Lets an edition say why it could not be drawn.
pub async fn note_failure(ctx: &Context, id: &EditionId, error: &Error) {
    let (edition_id, why) = (id.clone(), failure_words(error));
    let noted = ctx.db.write(move |tx| store::fail_edition(tx, &edition_id, &why)).await;
    if let Err(second) = noted {
        tracing::warn!(edition.id = %id, error = %second, "the failure of a draw could not be noted");
    }
}

async fn try_to_draw(
    ctx: &Context,
    id: &EditionId,
    material: Material,
    progress: impl Fn(Progress) + Send + Sync,
) -> Result<Edition> {
    let Some(order) = prepare(ctx, id, material).await? else { return as_it_is(ctx, id).await };
    let publication = match draw_and_store(ctx, &order, progress).await {
        Ok(Some(publication)) => publication,
        Ok(None) => return as_it_is(ctx, id).await,
        Err(error) if has_moved(ctx, &order).await? => {
            let words = "A member handed in more listening, or left, while the plays were read; it is drawn anew.";
            return Err(Error::conflict(words).because(error));
        }
        Err(error) => return Err(error),
    };
    let edition = publishing::publish(ctx, &order.edition, publication.clone()).await?;
    publishing::tidy(ctx, id, &publication.files).await;
    Ok(edition)
}

/// An edition that there is nothing to draw for any more, or not for now.
async fn as_it_is(ctx: &Context, id: &EditionId) -> Result<Edition> {
    publishing::tidy(ctx, id, &[]).await;
    let id = id.clone();
    ctx.db.read(move |db| store::edition(db, &id)).await
}

/// Takes an edition in hand and makes its members the draw set; `None` where it is published already, given up or
/// stopped.
pub async fn prepare(ctx: &Context, id: &EditionId, material: Material) -> Result<Option<Order>> {
    let Material { members: mut draw_set, list_sha256 } = material;
    draw_set.sort_unstable();
    draw_set.dedup();
    let edition_id = id.clone();
    let begun = ctx.db.write(move |tx| {
        let edition = store::edition(tx, &edition_id)?;
        if !store::note_progress(tx, &edition_id, Stage::Reading.words(), 0)? {
            return Ok(None);
        }
        let artists = list_sha256.as_deref().map_or(Ok(Vec::new()), |sha256| steps::artists(tx, sha256))?;
        let dataset = store::dataset(tx, &edition.dataset_id)?;
        let recipe = store::recipe(tx, &dataset.recipe_id)?;
        let pool = pools::steps::pool(tx, &dataset.pool_id)?;
        Ok(Some((edition, recipe, pool.delta_cap_pico.unsigned_abs(), artists, tx.now())))
    });
    let Some((edition, recipe, pool_delta_pico, artists, begun_at)) = begun.await? else { return Ok(None) };
    seat(ctx, id, &draw_set).await?;
    let objects = with_plays(ctx, draw_set.clone()).await?;
    Ok(Some(Order { edition, recipe, pool_delta_pico, draw_set, objects, artists, begun_at }))
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

/// Where the plays of the draw set lie. Who has none is in no object.
async fn with_plays(ctx: &Context, draw_set: Vec<AccountId>) -> Result<Vec<PlaysObject>> {
    ctx.db.read(move |db| histories::steps::plays_objects(db, &draw_set)).await
}

/// Whether the plays of the draw set lie elsewhere by now: a history that arrives takes the place of the
/// file before it, leaving takes the file away, and small files are brought together.
async fn has_moved(ctx: &Context, order: &Order) -> Result<bool> {
    Ok(with_plays(ctx, order.draw_set.clone()).await? != order.objects)
}

/// Draws, and stores what was drawn where nobody can see it yet. `None` where the edition was published, given up or
/// stopped meanwhile: then what was drawn is dropped and never leaves the memory.
pub async fn draw_and_store(
    ctx: &Context,
    order: &Order,
    progress: impl Fn(Progress) + Send + Sync,
) -> Result<Option<Publication>> {
    let Some(drawn) = draw(ctx, order, progress).await? else { return Ok(None) };
    let (id, read) = (order.edition.id.clone(), i32::from(ALL_READ));
    let goes_on = ctx.db.write(move |tx| {
        let now = tx.now();
        let is_open = store::note_progress(tx, &id, STORING, read)?;
        if is_open {
            store::note_drawn(tx, &id, now)?;
        }
        Ok(is_open)
    });
    if !goes_on.await? {
        return Ok(None);
    }
    publishing::put(ctx, &order.edition.id, &drawn).await.map(Some)
}

/// Runs the engine, and in between notes how far it is and looks whether the edition is still wanted. `None` where it was
/// stopped, published or given up meanwhile: the work is dropped where it stands, and nothing of it is left.
async fn draw(ctx: &Context, order: &Order, progress: impl Fn(Progress) + Send + Sync) -> Result<Option<Drawn>> {
    let (engine, request) = (engine(ctx)?, request(ctx, order).await?);
    let (tell, mut told) = watch::channel(Progress { stage: Stage::Reading, percent: 0 });
    let heard = |now: Progress| {
        progress(now);
        tell.send_replace(now);
    };
    let mut draw = pin!(aggregates::draw(&engine, request, &ctx.entropy, heard));
    let mut look = tokio::time::interval(LOOK);
    loop {
        tokio::select! {
            drawn = &mut draw => return drawn.map(Some),
            _ = look.tick() => match goes_on(ctx, order, &mut told).await {
                Ok(true) => {}
                Ok(false) => return Ok(None),
                // A database that is busy for a moment is no reason to lose hours of reading.
                Err(error) => tracing::warn!(edition.id = %order.edition.id, error = %error, "a draw could not look whether it is wanted"),
            },
        }
    }
}

/// Notes what is new of the progress. `false` where nobody wants the edition any more.
async fn goes_on(ctx: &Context, order: &Order, told: &mut watch::Receiver<Progress>) -> Result<bool> {
    let (id, is_new, now) = (order.edition.id.clone(), told.has_changed().unwrap_or(false), *told.borrow_and_update());
    if !is_new {
        return ctx.db.read(move |db| store::goes_on(db, &id)).await;
    }
    let read = i32::from(if now.stage == Stage::Reading { now.percent } else { ALL_READ });
    ctx.db.write(move |tx| store::note_progress(tx, &id, now.stage.words(), read)).await
}

fn engine(ctx: &Context) -> Result<Engine> {
    let settings = EngineConfig {
        memory_limit_bytes: ctx.config.draws.memory_bytes,
        spill_directory: ctx.config.spill_dir(),
        target_partitions: ctx.config.draws.partitions.unwrap_or_else(config::cores),
    };
    Engine::new(&settings, ctx.storage.object_store())
}

async fn request(ctx: &Context, order: &Order) -> Result<DrawRequest> {
    Ok(DrawRequest {
        recipe: order.recipe.document.clone(),
        members: order.draw_set.len() as u64,
        objects: order.objects.clone(),
        artists: order.artists.clone(),
        drawn_at: order.begun_at,
        pool_delta_pico: order.pool_delta_pico,
        artist_ids: artist_ids(ctx).await?,
    })
}

/// The mapping to MusicBrainz, where there is one. It is large and needed for a moment, so every draw reads it anew.
async fn artist_ids(ctx: &Context) -> Result<Option<Arc<ArtistIds>>> {
    let Some(path) = ctx.config.draws.musicbrainz_csv.clone() else { return Ok(None) };
    let read = tokio::task::spawn_blocking(move || ArtistIds::read(&path)).await.map_err(Error::internal)?;
    // It was whole when the server started; what is wrong with it now is for the operator's log, not for buyers.
    read.map(|ids| Some(Arc::new(ids))).map_err(|error| Error::internal(error.detail()))
}

/// What an edition says of a failure. A cause may hold anything and stays in the log.
fn failure_words(error: &Error) -> String {
    match error.code() {
        Code::Internal => "The draw failed on the server; the cause is in its log.".into(),
        _ => error.detail().to_owned(),
    }
}
