//! `refrain check`: is what the server keeps whole?

use super::Settings;
use crate::clock::{Clock, Entropy};
use crate::context::Context;
use crate::datasets::model::EditionFile;
use crate::db::Db;
use crate::error::{Error, Result};
use crate::{datasets, histories, ledger, offers, payouts, pools, votes};
use aws_lc_rs::digest;
use clap::Args;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Text};
use futures_util::StreamExt;
use std::collections::BTreeMap;

/// Where stored files lie, by what they are for.
const PREFIXES: [&str; 3] = ["plays", "held", "editions"];

/// Check the database, the ledger and the stored files.
#[derive(Debug, Args)]
pub struct CheckArgs {
    #[command(flatten)]
    settings: Settings,
    /// Also remove stored files that nothing refers to. Only while no server runs.
    #[arg(long)]
    remove_orphans: bool,
}

#[derive(QueryableByName)]
struct Line {
    #[diesel(sql_type = Text)]
    text: String,
}

#[derive(QueryableByName)]
struct Count {
    #[diesel(sql_type = BigInt)]
    count: i64,
}

/// Prints what was found, and fails where something is wrong.
pub fn run(args: &CheckArgs) -> Result<()> {
    let config = args.settings.load()?;
    if config.database.url.is_none() && !config.sqlite_path().exists() {
        // Nothing is made here: a check of the wrong place must not find a fresh and perfect one.
        return Err(Error::invalid(format!(
            "There is no {} to check. Name the server's data directory with --data-dir.",
            config.sqlite_path().display()
        )));
    }
    let context = Context::open(config, Clock::system(), Entropy::system())?;
    let problems = super::block_on(check(&context, args.remove_orphans))?;
    for problem in &problems {
        super::print(format!("PROBLEM  {problem}"))?;
    }
    if problems.is_empty() {
        return super::print(
            "Everything is whole: database, privacy budgets, votes, terms, ledger, shares, stored files.",
        );
    }
    Err(Error::conflict(format!(
        "{} found, listed above.",
        if problems.len() == 1 { "One problem was" } else { "Problems were" }
    )))
}

/// What the database says about stored files: key → size in bytes, where that is kept.
type Named = BTreeMap<String, Option<i64>>;

/// Everything that is not as it should be, in words.
async fn check(ctx: &Context, remove_orphans: bool) -> Result<Vec<String>> {
    let mut problems = ctx.db.read(database).await.unwrap_or_else(|error| vec![damaged(&error)]);
    if !problems.is_empty() {
        return Ok(problems); // whatever else were found would only follow from this
    }
    let (found, named, editions) = ctx
        .db
        .read(|db| {
            let mut problems = pools::steps::budget_problems(db)?;
            problems.extend(votes::steps::verify(db)?);
            problems.extend(offers::steps::verify(db)?);
            problems.extend(ledger::steps::verify(db)?);
            problems.extend(payouts::steps::verify(db)?);
            Ok((problems, histories::steps::all_files(db)?, datasets::steps::all_files(db)?))
        })
        .await?;
    problems.extend(found);
    let mut named: Named = named;
    named.extend(editions.iter().map(|file| (file.object_key.clone(), Some(file.size_bytes))));
    problems.extend(stored(ctx, &named, remove_orphans).await?);
    for file in &editions {
        problems.extend(digest_of(ctx, file).await?);
    }
    Ok(problems)
}

/// A database that cannot be read to its end.
fn damaged(error: &Error) -> String {
    let cause = error.cause().map_or_else(|| error.detail().to_owned(), ToString::to_string);
    format!("Database: {cause}. Restore it from a backup.")
}

/// Files that are missing, of another size, or nobody's.
async fn stored(ctx: &Context, named: &Named, remove_orphans: bool) -> Result<Vec<String>> {
    let mut sizes = BTreeMap::new();
    for prefix in PREFIXES {
        sizes.extend(ctx.storage.sizes(prefix).await?);
    }
    let mut problems = Vec::new();
    for (key, size_bytes) in named {
        match (sizes.remove(key), size_bytes.map(i64::unsigned_abs)) {
            (None, _) => problems.push(format!("The stored file {key} is missing; restore it from a backup.")),
            (Some(is), Some(was)) if is != was => problems.push(format!(
                "The stored file {key} has {is} bytes and had {was} when it was written; restore it from a backup."
            )),
            _ => {}
        }
    }
    for orphan in sizes.keys() {
        if remove_orphans {
            ctx.storage.delete(orphan).await?;
            super::print(format!("removed  {orphan}, to which nothing refers"))?;
        } else {
            problems.push(format!("Nothing refers to the stored file {orphan}; --remove-orphans deletes it."));
        }
    }
    Ok(problems)
}

/// Whether a file of an edition is still what its buyers were promised; one that is missing was told of before.
async fn digest_of(ctx: &Context, file: &EditionFile) -> Result<Option<String>> {
    let mut context = digest::Context::new(&digest::SHA256);
    let Ok(mut pieces) = ctx.storage.stream(&file.object_key, 0..file.size_bytes.unsigned_abs()).await else {
        return Ok(None);
    };
    while let Some(piece) = pieces.next().await {
        context.update(&piece?);
    }
    let same = hex::encode(context.finish().as_ref()) == file.sha256;
    let words =
        || format!("The stored file {} is not what its digest says; restore it from a backup.", file.object_key);
    Ok((!same).then(words))
}

fn database(db: &mut Db) -> Result<Vec<String>> {
    let Db::Sqlite(_) = db else { return Ok(Vec::new()) }; // PostgreSQL keeps its own house in order
    let found: Vec<Line> = diesel::sql_query("SELECT integrity_check AS text FROM pragma_integrity_check").load(db)?;
    let mut problems: Vec<String> =
        found.into_iter().filter(|line| line.text != "ok").map(|line| format!("Database: {}", line.text)).collect();
    let dangling: Count = diesel::sql_query("SELECT count(*) AS count FROM pragma_foreign_key_check").get_result(db)?;
    if dangling.count > 0 {
        problems.push(format!("Database: {} rows refer to rows that are not there.", dangling.count));
    }
    Ok(problems)
}
