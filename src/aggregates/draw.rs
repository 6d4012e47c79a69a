//! A draw: from the members' plays to the files of an edition, once.

use super::bound::TieSeed;
use super::formats::{self, File, Label};
use super::manifest::Manifest;
use super::noise::{NoisePlan, Row};
use super::query::{DrawMember, Engine};
use super::recipe::Recipe;
use crate::clock::Entropy;
use crate::error::{Error, Result};

/// What is to be drawn.
#[derive(Debug, Clone)]
pub struct DrawRequest {
    /// What to compute.
    pub recipe: Recipe,
    /// Whose plays. Each member once.
    pub members: Vec<DrawMember>,
    /// The pool's lifetime delta, at which the manifest states epsilon too. In 1e-12.
    pub pool_delta_pico: u64,
}

/// What a draw gives.
#[derive(Debug, Clone)]
pub struct Drawn {
    /// The released rows: fans falling, then by artist.
    pub rows: Vec<Row>,
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
/// `invalid`: the recipe does not hold. `internal`: an object is missing or damaged, the machine lacks room, or a member
/// is in the draw set twice.
pub async fn draw(
    engine: &Engine,
    request: DrawRequest,
    entropy: &Entropy,
    progress: impl Fn(Progress) + Send + Sync,
) -> Result<Drawn> {
    request.recipe.validate()?;
    let seed = TieSeed::new(entropy);
    let reading = |percent| {
        progress(Progress { stage: Stage::Reading, percent });
        if percent == 100 {
            progress(Progress { stage: Stage::Bounding, percent: 0 });
        }
    };
    let counts = engine.bounded_counts(&request.recipe, &request.members, &seed, &reading).await?;
    progress(Progress { stage: Stage::Drawing, percent: 0 });
    let drawn = tokio::task::spawn_blocking(move || {
        let Recipe::ArtistPreference(parameters) = &request.recipe;
        let plan = NoisePlan::of(parameters)?;
        let rows = plan.release(&counts)?;
        publishable(&request, &plan, rows)
    });
    let drawn = drawn.await.map_err(Error::internal)??;
    progress(Progress { stage: Stage::Done, percent: 100 });
    Ok(drawn)
}

/// Files and manifest of released rows: from here on, only post-processing.
fn publishable(request: &DrawRequest, plan: &NoisePlan, rows: Vec<Row>) -> Result<Drawn> {
    let recipe = &request.recipe;
    let (columns, recipe_sha256) = (recipe.columns()?, recipe.sha256());
    let label = Label {
        stem: recipe.kind(),
        recipe_kind: recipe.kind(),
        recipe_sha256: &recipe_sha256,
        columns: &columns,
        synthetic: false,
    };
    let files = formats::write(&rows, &label)?;
    let entries = files.iter().map(|file| file.entry.clone()).collect();
    let members = request.members.len() as u64;
    let manifest = Manifest::new(recipe, plan, members, request.pool_delta_pico, rows.len() as u64, entries)?;
    Ok(Drawn { rows, manifest, files })
}
