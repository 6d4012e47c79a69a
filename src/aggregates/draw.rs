//! A draw: from the members' plays to the files of an edition, once.

use super::bound::TieSeed;
use super::counting::{Task, joined};
use super::formats::{self, File, Label};
use super::manifest::{Making, Manifest, TableReport};
use super::musicbrainz::ArtistIds;
use super::noise::{GroupSums, NoisePlan};
use super::query::Engine;
use super::recipe::{KeysFrom, Recipe};
use super::table::{self, Table};
use super::{keys, vectors};
use crate::clock::{Entropy, UtcTime};
use crate::error::{Error, Result};
use crate::histories::model::PlaysObject;
use std::sync::Arc;

/// What is to be drawn.
#[derive(Debug, Clone)]
pub struct DrawRequest {
    /// What to compute.
    pub recipe: Recipe,
    /// How many members are in the draw set, those without plays too.
    pub members: u64,
    /// Where their plays lie. Each member once.
    pub objects: Vec<PlaysObject>,
    /// The list of artists, where the recipe takes its groups from one. Each name once.
    pub artists: Vec<String>,
    /// The instant of the draw: it tells which months are the last ones.
    pub drawn_at: UtcTime,
    /// The pool's lifetime delta, at which the manifest states epsilon too. In 1e-12.
    pub pool_delta_pico: u64,
    /// MusicBrainz ids to be joined to artists.
    pub artist_ids: Option<Arc<ArtistIds>>,
}

/// What a draw gives.
#[derive(Debug, Clone)]
pub struct Drawn {
    /// The tables of the edition, the recipe's own first.
    pub tables: Vec<Table>,
    /// How they were made.
    pub manifest: Manifest,
    /// The files that hold them.
    pub files: Vec<File>,
}

/// Where a draw stands. Says nothing about plays: the share counts members' objects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// What is being done.
    pub stage: Stage,
    /// Share of that stage, 0 to 100.
    pub percent: u8,
}

/// The stages of a draw, in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// Plays are read.
    Reading,
    /// All plays are read; each member's part is cut to the bounds.
    Bounding,
    /// Noise is drawn and the files are written.
    Drawing,
    /// All is there.
    Done,
}

impl Stage {
    /// The stage as people read it.
    pub fn words(self) -> &'static str {
        match self {
            Stage::Reading => "reading the members' plays",
            Stage::Bounding => "bounding each member's part",
            Stage::Drawing => "drawing the noise and writing the files",
            Stage::Done => "done",
        }
    }
}

/// Draws an edition. Whoever calls this has reserved the recipe's [cost](Recipe::cost) before and charges it for good
/// once anything of the result could have been seen. Dropping the future stops the reading.
///
/// # Errors
/// `invalid`: the recipe does not hold, or the list of artists does not fit it. `internal`: an object is missing or damaged,
/// the machine lacks room, or a member is in the draw set twice.
pub async fn draw(
    engine: &Engine,
    request: DrawRequest,
    entropy: &Entropy,
    progress: impl Fn(Progress) + Send + Sync,
) -> Result<Drawn> {
    let exact = count(engine, &request, entropy, &progress).await?;
    release(request, exact, &progress).await
}

/// The same for plays that are made up, of which the exact sums may be known: they come along, by the group's values. For
/// measuring alone; nothing that holds members' plays calls this.
///
/// # Errors
/// As [`draw()`].
pub async fn draw_from_made_up(
    engine: &Engine,
    request: DrawRequest,
    entropy: &Entropy,
    progress: impl Fn(Progress) + Send + Sync,
) -> Result<(Drawn, Vec<(String, Vec<i64>)>)> {
    let exact = count(engine, &request, entropy, &progress).await?;
    let known = exact.iter().map(|group| (joined(&group.values), group.sums.clone())).collect();
    Ok((release(request, exact, &progress).await?, known))
}

/// The exact, bounded sums. They never leave this room.
async fn count(
    engine: &Engine,
    request: &DrawRequest,
    entropy: &Entropy,
    progress: &(impl Fn(Progress) + Send + Sync),
) -> Result<Vec<GroupSums>> {
    request.recipe.validate()?;
    check_list(&request.recipe, &request.artists)?;
    let reading = |percent| {
        progress(Progress { stage: Stage::Reading, percent });
        if percent == 100 {
            progress(Progress { stage: Stage::Bounding, percent: 0 });
        }
    };
    let task = Task {
        recipe: request.recipe.clone(),
        drawn_at: request.drawn_at,
        artists: request.artists.clone(),
        seed: TieSeed::new(entropy),
    };
    engine.group_sums(task, &request.objects, &reading).await
}

/// Noise, threshold and files.
async fn release(
    request: DrawRequest,
    exact: Vec<GroupSums>,
    progress: &(impl Fn(Progress) + Send + Sync),
) -> Result<Drawn> {
    progress(Progress { stage: Stage::Drawing, percent: 0 });
    let drawn = tokio::task::spawn_blocking(move || {
        let plan = NoisePlan::of(&request.recipe)?;
        let groups = plan.release(exact, domain(&request)?)?;
        publishable(&request, &plan, &groups)
    });
    let drawn = drawn.await.map_err(Error::internal)??;
    progress(Progress { stage: Stage::Done, percent: 100 });
    Ok(drawn)
}

/// Whether a list of artists fits a recipe: there is one just where it asks for one, not too long, each name once.
///
/// # Errors
/// `invalid`, in words.
pub fn check_list(recipe: &Recipe, artists: &[String]) -> Result<()> {
    let most = recipe.most_artists.unwrap_or(0) as usize;
    let least = if recipe.has_key(keys::Key::ArtistPair) { 2 } else { 1 };
    if recipe.keys_from.is_list() && !(least..=most).contains(&artists.len()) {
        let given = artists.len();
        return Err(Error::invalid(format!(
            "The list names {given} artists; the recipe takes from {least} to {most}."
        )));
    }
    if !recipe.keys_from.is_list() && !artists.is_empty() {
        return Err(Error::invalid("The recipe takes no list of artists."));
    }
    let mut sorted: Vec<&String> = artists.iter().collect();
    sorted.sort_unstable();
    if let Some(twice) = sorted.windows(2).find(|pair| pair[0] == pair[1]) {
        return Err(Error::invalid(format!("The list names {:?} twice.", twice[0])));
    }
    Ok(())
}

/// All groups, where they do not come from listening.
fn domain(request: &DrawRequest) -> Result<Option<Vec<Vec<keys::Value>>>> {
    match request.recipe.keys_from {
        KeysFrom::Threshold => Ok(None),
        _ => keys::domain(&request.recipe, &request.artists, request.drawn_at).map(Some),
    }
}

/// Files and manifest of released groups: from here on, only post-processing.
fn publishable(request: &DrawRequest, plan: &NoisePlan, groups: &[GroupSums]) -> Result<Drawn> {
    let recipe = &request.recipe;
    let mut tables = vec![table::of(recipe, plan, groups, request.artist_ids.as_deref())?];
    tables.extend(vectors::of(recipe, groups)?);
    let recipe_sha256 = recipe.sha256();
    let label = Label { recipe_kind: recipe.kind(), recipe_sha256: &recipe_sha256, synthetic: false };
    let mut files = Vec::new();
    for table in &tables {
        files.extend(formats::write(table, &label)?);
    }
    let report = |table: &Table| TableReport {
        name: table.name.clone(),
        columns: table.columns.clone(),
        row_count: table.rows.num_rows() as u64,
    };
    let making = Making {
        drawn_at: request.drawn_at,
        members: request.members,
        listed_artists: recipe.keys_from.is_list().then_some(request.artists.len() as u64),
        pool_delta_pico: request.pool_delta_pico,
        tables: tables.iter().map(report).collect(),
        files: files.iter().map(|file| file.entry.clone()).collect(),
    };
    let manifest = Manifest::new(recipe, plan, making)?;
    Ok(Drawn { tables, manifest, files })
}
