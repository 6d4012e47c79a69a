//! `refrain bench-draw`: one private draw from made-up plays, timed. `refrain bench-data` makes the plays.
//!
//! Nothing keeps account of the privacy here, and exact counts may be asked for: so plays without the mark of being
//! made up are refused.

use super::bench_data::Mark;
use crate::aggregates::{
    DrawRequest, Engine, EngineConfig, File, Kind, Progress, Recipe, Stage, counts_suffice, draw_from_made_up,
};
use crate::clock::{Clock, Entropy};
use crate::config::{Draws, cores};
use crate::error::{Error, Result};
use crate::histories::model::PlaysObject;
use crate::storage::Storage;
use serde::Serialize;
use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::Instant;

/// Draw one edition from made-up plays, and tell how long that took.
#[derive(Debug, Clone, clap::Args)]
pub struct BenchDrawArgs {
    /// A directory that `refrain bench-data` made
    #[arg(value_name = "DIR")]
    directory: PathBuf,
    /// Draw from the counts that were kept when the plays were stored, not from the plays
    #[arg(long)]
    counts: bool,
    /// What to draw, TOML or JSON [default: artist_preference as it is]
    #[arg(long, value_name = "FILE")]
    recipe: Option<PathBuf>,
    /// The artists that it is about, one a line, for a recipe that takes a list
    #[arg(long, value_name = "FILE")]
    artists: Option<PathBuf>,
    /// Keep the files of the edition here [default: they are written and removed]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Write the bounded counts as they were before the noise, as CSV, and tell how far off the noise is
    #[arg(long, value_name = "FILE")]
    exact: Option<PathBuf>,
    /// Print one JSON object instead of words
    #[arg(long)]
    json: bool,
}

/// What is measured.
#[derive(Debug, Serialize)]
struct Report {
    plays: u64,
    members: u32,
    artists: u32,
    from_counts: bool,
    rows_given: usize,
    seconds: Seconds,
    #[serde(skip_serializing_if = "Option::is_none")]
    exact: Option<Exactness>,
}

/// How long each stage took, in seconds.
#[derive(Debug, Default, Serialize)]
struct Seconds {
    /// From the list of members to the files of the edition on the disk.
    total: f64,
    reading: f64,
    bounding: f64,
    /// Noise, threshold and the edition's formats.
    drawing: f64,
    /// Putting the edition's files on the disk.
    writing: f64,
}

/// What the bounded counts are before the noise, and how far off the given rows are on average, up or down.
#[derive(Debug, PartialEq, Serialize)]
struct Exactness {
    artists: usize,
    fans: i64,
    capped_plays: i64,
    fans_error: f64,
    capped_plays_error: f64,
}

/// An artist's bounded counts.
#[derive(Debug, Clone, PartialEq)]
struct Row {
    artist: String,
    fans: i64,
    capped_plays: i64,
}

/// What the engine gives.
struct Outcome {
    rows: Vec<Row>,
    files: Vec<File>,
    /// The bounded counts before the noise, where they were asked for.
    exact: Option<Vec<Row>>,
}

/// Draws, and prints what is measured.
///
/// # Errors
/// `invalid` where the plays are not marked as made up, or the recipe does not hold.
pub fn run(args: &BenchDrawArgs) -> Result<()> {
    // The generator of random numbers takes a while to gather its first entropy, which a server has done long before it draws.
    std::thread::spawn(|| Entropy::system().bytes::<1>());
    let mark = Mark::read(&args.directory)?;
    let recipe = args.recipe.as_deref().map_or_else(|| Ok(Recipe::default()), super::recipe::read)?;
    if args.counts && !counts_suffice(&recipe, Clock::system().now()) {
        return Err(Error::invalid(
            "The counts that are kept beside plays do not suffice for this recipe: they are of plays of 30 seconds and more by \
             artist and whole month. Leave --counts out.",
        ));
    }
    if args.exact.is_some() && recipe.kind != Kind::ArtistPreference {
        return Err(Error::invalid("--exact compares artists' fans and plays: it is for artist_preference alone."));
    }
    let scratch = tempfile::tempdir()?;
    let out = args.out.clone().unwrap_or_else(|| scratch.path().join("edition"));
    std::fs::create_dir_all(&out)?;
    let storage = Storage::local(&args.directory)?;
    let draws = Draws::default();
    let config = EngineConfig {
        memory_limit_bytes: draws.memory_bytes,
        spill_directory: scratch.path().join("spill"),
        target_partitions: draws.partitions.unwrap_or_else(cores),
    };
    let engine = Engine::new(&config, storage.object_store())?;
    let watch = Watch::start();
    let objects = mark.objects(&args.directory)?;
    let progress = |at| watch.reached(at);
    let artists = args.artists.as_deref().map_or_else(|| Ok(Vec::new()), listed)?;
    let wanted = Wanted { recipe: &recipe, artists, from_counts: args.counts, exact: args.exact.is_some() };
    let drawing = draw(&engine, objects, wanted, &progress);
    let outcome = tokio::runtime::Runtime::new()?.block_on(drawing)?;
    let drawn_at = Instant::now();
    for file in &outcome.files {
        std::fs::write(out.join(&file.entry.name), &file.content)?;
    }
    let seconds = watch.stop(drawn_at);
    let report = Report {
        plays: mark.rows,
        members: mark.members,
        artists: mark.artists,
        from_counts: args.counts,
        rows_given: outcome.rows.len(),
        seconds,
        exact: outcome.exact.as_deref().map(|exact| exactness(exact, &outcome.rows)),
    };
    if let (Some(path), Some(exact)) = (&args.exact, &outcome.exact) {
        write_exact(path, exact)?;
    }
    super::print(if args.json { serde_json::to_string(&report)? } else { words(&report) })
}

/// One draw from made-up plays: the only function here that knows how the engine is called.
///
/// `progress` hears of every stage. Counts instead of plays, and bounded counts before the noise, on demand.
async fn draw(
    engine: &Engine,
    objects: Vec<PlaysObject>,
    wanted: Wanted<'_>,
    progress: &(dyn Fn(Progress) + Send + Sync),
) -> Result<Outcome> {
    let Wanted { recipe, artists, from_counts, exact } = wanted;
    let mut objects = objects;
    if !from_counts {
        objects.iter_mut().for_each(|object| object.counts_key = None);
    }
    let request = DrawRequest {
        recipe: recipe.clone(),
        members: objects.iter().map(|object| object.members.len() as u64).sum(),
        objects,
        artists,
        drawn_at: Clock::system().now(),
        pool_delta_pico: 5_000,
        artist_ids: None,
    };
    let (drawn, sums) = draw_from_made_up(engine, request, &Entropy::system(), progress).await?;
    let lines = drawn.files.iter().find(|file| file.entry.name == format!("{}.jsonl", recipe.kind()));
    let lines = lines.ok_or_else(|| Error::internal("an edition has its table as JSON Lines"))?;
    let row = |line: serde_json::Result<serde_json::Value>| {
        let line = line?;
        let number = |name: &str| line[name].as_i64().unwrap_or(0);
        let artist = line["artist"].as_str().unwrap_or_default().to_owned();
        Ok(Row { artist, fans: number("fans"), capped_plays: number("capped_plays") })
    };
    let rows = serde_json::Deserializer::from_slice(&lines.content).into_iter().map(row).collect::<Result<_>>()?;
    let known = |(artist, sums): (String, Vec<i64>)| {
        let sum = |place: usize| sums.get(place).copied().unwrap_or(0);
        Row { artist, fans: sum(0), capped_plays: sum(1) }
    };
    Ok(Outcome { rows, files: drawn.files, exact: exact.then(|| sums.into_iter().map(known).collect()) })
}

/// What is drawn, and how.
struct Wanted<'a> {
    recipe: &'a Recipe,
    artists: Vec<String>,
    from_counts: bool,
    exact: bool,
}

/// The names in a file, one a line.
fn listed(file: &Path) -> Result<Vec<String>> {
    let text = std::fs::read_to_string(file)
        .map_err(|e| Error::invalid(format!("The list {} cannot be read: {e}.", file.display())))?;
    Ok(text.lines().filter(|line| !line.is_empty()).map(str::to_owned).collect())
}

/// When each stage was reached first.
struct Watch {
    began_at: Instant,
    reached_at: Mutex<BTreeMap<Stage, Instant>>,
}

impl Watch {
    fn start() -> Self {
        Watch { began_at: Instant::now(), reached_at: Mutex::default() }
    }

    fn reached(&self, progress: Progress) {
        let mut reached_at = self.reached_at.lock().unwrap_or_else(|e| e.into_inner());
        reached_at.entry(progress.stage).or_insert_with(Instant::now);
    }

    /// Ends the watch; `drawn_at` is when the engine was done. A stage that was never told of took no time.
    fn stop(self, drawn_at: Instant) -> Seconds {
        let reached_at = self.reached_at.into_inner().unwrap_or_else(|e| e.into_inner());
        let drawing_at = reached_at.get(&Stage::Drawing).copied().unwrap_or(drawn_at);
        let bounding_at = reached_at.get(&Stage::Bounding).copied().unwrap_or(drawing_at);
        let s = |from: Instant, to: Instant| to.saturating_duration_since(from).as_secs_f64();
        Seconds {
            total: self.began_at.elapsed().as_secs_f64(),
            reading: s(self.began_at, bounding_at),
            bounding: s(bounding_at, drawing_at),
            drawing: s(drawing_at, drawn_at),
            writing: drawn_at.elapsed().as_secs_f64(),
        }
    }
}

fn exactness(exact: &[Row], given: &[Row]) -> Exactness {
    let known: HashMap<&str, &Row> = exact.iter().map(|row| (row.artist.as_str(), row)).collect();
    let error = |of: fn(&Row) -> i64| {
        let off = |row: &Row| of(row).abs_diff(known.get(row.artist.as_str()).map_or(0, |exact| of(exact))) as f64;
        given.iter().map(off).sum::<f64>() / given.len().max(1) as f64
    };
    Exactness {
        artists: exact.len(),
        fans: exact.iter().map(|row| row.fans).sum(),
        capped_plays: exact.iter().map(|row| row.capped_plays).sum(),
        fans_error: error(|row| row.fans),
        capped_plays_error: error(|row| row.capped_plays),
    }
}

fn write_exact(path: &Path, rows: &[Row]) -> Result<()> {
    let mut writer = csv::Writer::from_path(path).map_err(Error::internal)?;
    writer.write_record(["artist", "fans", "capped_plays"]).map_err(Error::internal)?;
    for row in rows {
        let cells = [row.artist.clone(), row.fans.to_string(), row.capped_plays.to_string()];
        writer.write_record(cells).map_err(Error::internal)?;
    }
    Ok(writer.flush()?)
}

fn words(report: &Report) -> String {
    let Seconds { total, reading, bounding, drawing, writing } = report.seconds;
    let source = if report.from_counts { "their counts" } else { "the plays themselves" };
    let mut words = format!(
        "{} rows drawn in {total:.2} s from {source}: {} plays of {} members.\n\
         Reading {reading:.2} s, bounding {bounding:.2} s, noise and formats {drawing:.2} s, writing {writing:.2} s.",
        report.rows_given, report.plays, report.members
    );
    if let Some(exact) = &report.exact {
        words += &format!(
            "\nBefore the noise {} artists had {} fans and {} capped plays; on average the rows are off by {:.1} fans and {:.0} plays.",
            exact.artists, exact.fans, exact.capped_plays, exact.fans_error, exact.capped_plays_error
        );
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::histories::made_up::crowd::CrowdSize;

    fn row(artist: &str, fans: i64, capped_plays: i64) -> Row {
        Row { artist: artist.into(), fans, capped_plays }
    }

    #[test]
    fn errors_are_averaged_over_what_is_given() {
        let exact = [row("a", 100, 900), row("b", 50, 100), row("c", 3, 3)];
        let told = exactness(&exact, &[row("a", 96, 910), row("b", 52, 100)]);
        assert_eq!((told.artists, told.fans, told.capped_plays), (3, 153, 1_003));
        assert_eq!((told.fans_error, told.capped_plays_error), (3.0, 5.0));
        assert_eq!(exactness(&exact, &[]).fans_error, 0.0);
    }

    #[test]
    fn plays_that_nothing_marks_as_made_up_are_refused() {
        let directory = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(directory.path().join("shards/000")).unwrap();
        let args = BenchDrawArgs {
            directory: directory.path().to_owned(),
            counts: false,
            recipe: None,
            artists: None,
            out: None,
            exact: None,
            json: false,
        };
        assert!(run(&args).unwrap_err().detail().contains("made up"));
    }

    #[test]
    fn what_a_recipe_does_not_allow_is_refused_and_said() {
        let directory = tempfile::tempdir().unwrap();
        let file = |name: &str, text: &str| {
            let path = directory.path().join(name);
            std::fs::write(&path, text).unwrap();
            path
        };
        let mark = Mark::of(CrowdSize { rows: 1, members: 1, artists: 1, seed: 1 });
        mark.write(directory.path(), &[]).unwrap();
        let args = BenchDrawArgs {
            directory: directory.path().to_owned(),
            counts: false,
            recipe: Some(file("clock.toml", "kind = \"listening_clock\"")),
            artists: None,
            out: None,
            exact: None,
            json: false,
        };
        let counts = run(&BenchDrawArgs { counts: true, ..args.clone() }).unwrap_err();
        assert!(counts.detail().contains("do not suffice for this recipe"), "{}", counts.detail());
        let exact = run(&BenchDrawArgs { exact: Some("exact.csv".into()), ..args.clone() }).unwrap_err();
        assert!(exact.detail().contains("artist_preference alone"), "{}", exact.detail());
        assert_eq!(
            listed(&file("list", "Ada & the Loops\n\nBöhme, Clara\n")).unwrap(),
            ["Ada & the Loops", "Böhme, Clara"]
        );
        assert!(listed(Path::new("/nowhere/list")).unwrap_err().detail().contains("/nowhere/list"));
    }

    #[test]
    fn a_stage_that_is_not_told_of_takes_no_time() {
        let watch = Watch::start();
        watch.reached(Progress { stage: Stage::Drawing, percent: 0 });
        let seconds = watch.stop(Instant::now());
        assert_eq!(seconds.bounding, 0.0);
        assert!(seconds.total >= seconds.reading + seconds.drawing);
    }
}
