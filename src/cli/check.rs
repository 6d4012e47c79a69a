//! `refrain check`: is what the server keeps whole?

use super::Settings;
use crate::clock::{Clock, Entropy};
use crate::context::Context;
use crate::db::Db;
use crate::error::{Error, Result};
use crate::{datasets, histories, ledger, payouts, pools};
use clap::Args;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Text};
use std::collections::BTreeSet;

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
    let context = Context::open(args.settings.load()?, Clock::system(), Entropy::system())?;
    let problems = super::block_on(check(&context, args.remove_orphans))?;
    for problem in &problems {
        println!("PROBLEM  {problem}");
    }
    if problems.is_empty() {
        println!("Everything is whole: database, privacy budgets, ledger, stored files.");
        return Ok(());
    }
    Err(Error::conflict(format!(
        "{} found, listed above.",
        if problems.len() == 1 { "One problem was" } else { "Problems were" }
    )))
}

/// Everything that is not as it should be, in words.
async fn check(ctx: &Context, remove_orphans: bool) -> Result<Vec<String>> {
    let (mut problems, referenced) = ctx
        .db
        .read(|db| {
            let mut problems = database(db)?;
            problems.extend(pools::steps::budget_problems(db)?);
            problems.extend(ledger::steps::verify(db)?);
            problems.extend(payouts::steps::verify(db)?);
            let mut referenced: BTreeSet<String> = histories::steps::object_keys(db)?.into_iter().collect();
            referenced.extend(datasets::steps::object_keys(db)?);
            Ok((problems, referenced))
        })
        .await?;
    let mut stored = BTreeSet::new();
    for prefix in PREFIXES {
        stored.extend(ctx.storage.list(prefix).await?);
    }
    problems.extend(
        referenced
            .difference(&stored)
            .map(|key| format!("The stored file {key} is missing; restore it from a backup.")),
    );
    for orphan in stored.difference(&referenced) {
        if remove_orphans {
            ctx.storage.delete(orphan).await?;
            println!("removed  {orphan}, to which nothing refers");
        } else {
            problems.push(format!("Nothing refers to the stored file {orphan}; --remove-orphans deletes it."));
        }
    }
    Ok(problems)
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
