//! `refrain check`: is what the server keeps whole?

use super::Settings;
use crate::app;
use crate::clock::{Clock, Entropy, UtcTime};
use crate::config::Config;
use crate::context::Context;
use crate::db::Db;
use crate::error::{Error, Result};
use crate::{datasets, histories, ledger, offers, payouts, pools, purchases, votes};
use aws_lc_rs::digest;
use clap::Args;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Text};
use futures_util::StreamExt;
use std::collections::BTreeMap;
use std::fs::File;

/// Where stored files lie, by what they are for.
const PREFIXES: [&str; 5] = ["plays", "shards", "held", "editions", "votes"];

/// A file that is to be deleted is missed by nobody; so long after it was due, though, it should be gone.
const OVERDUE_DAYS: i64 = 1;

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
    expect_an_installation(&config)?;
    let _alone = if args.remove_orphans { Some(alone(&config)?) } else { None };
    let context = Context::open(config, Clock::system(), Entropy::system())?;
    let problems = super::block_on(check(&context, args.remove_orphans))?;
    for problem in &problems {
        super::print(format!("PROBLEM  {problem}"))?;
    }
    if problems.is_empty() {
        return super::print(
            "Everything is whole: database, privacy budgets, votes, terms, agreements, recipes, lists of artists, ledger, shares, stored files.",
        );
    }
    Err(Error::conflict(format!(
        "{} found, listed above.",
        if problems.len() == 1 { "One problem was" } else { "Problems were" }
    )))
}

/// Nothing is made here: a check of the wrong place, or of what is left of the right one, must not find a fresh and perfect
/// one, to which no stored file belongs.
fn expect_an_installation(config: &Config) -> Result<()> {
    let (database, keys) = (config.sqlite_path(), config.keys_dir());
    if config.database.url.is_none() {
        match std::fs::metadata(&database) {
            Err(_) => {
                return Err(Error::invalid(format!(
                    "There is no {} to check. Name the server's data directory with --data-dir.",
                    database.display()
                )));
            }
            Ok(file) if file.len() == 0 => {
                return Err(Error::invalid(format!("{} is empty; restore it from a backup.", database.display())));
            }
            Ok(_) => {}
        }
    }
    if !keys.join("pepper").exists() {
        return Err(Error::invalid(format!(
            "The server's keys are not in {}; restore them from a backup, together with the database.",
            keys.display()
        )));
    }
    Ok(())
}

/// Holds the data directory, so that no server writes files while those of nobody are removed.
fn alone(config: &Config) -> Result<File> {
    match app::try_lock_directory(config)? {
        (lock, true) => Ok(lock),
        (_, false) => Err(Error::conflict("A server runs on this data directory; stop it to remove files.")),
    }
}

/// What the database says about stored files.
struct Named {
    /// Key → size in bytes, where that is kept.
    files: BTreeMap<String, Option<i64>>,
    /// Key → when it is to be deleted.
    to_delete: BTreeMap<String, UtcTime>,
}

/// Everything that is not as it should be, in words.
async fn check(ctx: &Context, remove_orphans: bool) -> Result<Vec<String>> {
    let mut problems = ctx.db.read(database).await.unwrap_or_else(|error| vec![damaged(&error)]);
    if !problems.is_empty() {
        return Ok(problems); // whatever else were found would only follow from this
    }
    let (found, files, published, to_delete) = ctx
        .db
        .read(|db| {
            let mut problems = pools::steps::budget_problems(db)?;
            problems.extend(votes::steps::verify(db)?);
            problems.extend(datasets::steps::verify_lists(db)?);
            problems.extend(datasets::steps::verify_recipes(db)?);
            problems.extend(offers::steps::verify(db)?);
            problems.extend(ledger::steps::verify(db)?);
            problems.extend(purchases::steps::verify(db)?);
            problems.extend(purchases::agreements::steps::verify(db)?);
            problems.extend(payouts::steps::verify(db)?);
            let editions = datasets::steps::all_files(db)?.into_iter();
            let mut published: Vec<_> = editions.map(|file| (file.object_key, file.size_bytes, file.sha256)).collect();
            published.extend(votes::steps::all_files(db)?);
            Ok((problems, histories::steps::all_files(db)?, published, histories::steps::files_to_delete(db)?))
        })
        .await?;
    problems.extend(found);
    let mut files = Named { files, to_delete };
    files.files.extend(published.iter().map(|(key, size_bytes, _)| (key.clone(), Some(*size_bytes))));
    problems.extend(stored(ctx, &files, remove_orphans).await?);
    problems.extend(histories::actions::verify(ctx).await?);
    for (key, size_bytes, sha256) in &published {
        problems.extend(digest_of(ctx, key, *size_bytes, sha256).await);
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
    for (key, size_bytes) in &named.files {
        match (sizes.remove(key), size_bytes.map(i64::unsigned_abs)) {
            (None, _) => problems.push(format!("The stored file {key} is missing; restore it from a backup.")),
            (Some(is), Some(was)) if is != was => problems.push(format!(
                "The stored file {key} has {is} bytes and had {was} when it was written; restore it from a backup."
            )),
            _ => {}
        }
    }
    let overdue = ctx.clock.now().plus_days(-OVERDUE_DAYS);
    for orphan in sizes.keys() {
        if named.to_delete.get(orphan).is_some_and(|due_at| *due_at > overdue) {
            continue;
        }
        if remove_orphans {
            ctx.storage.delete(orphan).await?;
            super::print(format!("removed  {orphan}, to which nothing refers"))?;
        } else {
            problems.push(format!("Nothing refers to the stored file {orphan}; --remove-orphans deletes it."));
        }
    }
    Ok(problems)
}

/// Whether a published file is still what was promised; one that is missing was told of before.
async fn digest_of(ctx: &Context, key: &str, size_bytes: i64, sha256: &str) -> Option<String> {
    let mut context = digest::Context::new(&digest::SHA256);
    let Ok(mut pieces) = ctx.storage.stream(key, 0..size_bytes.unsigned_abs()).await else {
        return None;
    };
    while let Some(piece) = pieces.next().await {
        match piece {
            Ok(piece) => context.update(&piece),
            Err(error) => {
                let cause = error.cause().map_or_else(|| error.detail().to_owned(), ToString::to_string);
                return Some(format!("The stored file {key} cannot be read: {cause}; restore it from a backup."));
            }
        }
    }
    let same = hex::encode(context.finish().as_ref()) == sha256;
    let words = || format!("The stored file {key} is not what its digest says; restore it from a backup.");
    (!same).then(words)
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
