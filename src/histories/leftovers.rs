//! Stored files to which no other row refers, and when they go: an object that is being written has a row here
//! until it is taken up, one that was replaced has it from then on. So whatever a crash interrupts, every file
//! is known, and what is due can never be taken up again.

use super::model::shard_prefix;
use super::store;
use crate::clock::UtcTime;
use crate::context::Context;
use crate::db::schema::files_to_delete;
use crate::db::{Db, Tx};
use crate::error::Result;
use diesel::prelude::*;
use std::collections::BTreeSet;

/// For so long a replaced object stays: a draw that began before may still be reading it.
pub const GRACE_S: i64 = 15 * 60;

/// Within this time an object that is being written has to be taken up.
pub const WRITING_S: i64 = 3_600;

/// Files are deleted so long after they were due: clocks of several servers may differ by less.
const SLACK_S: i64 = 60;

/// Files that are deleted, and then forgotten, at once.
const CHUNK: i64 = 500;

/// Has a file deleted at a time, unless it is [taken up](take_up) before.
pub fn delete_at(tx: &mut Tx, key: &str, due_at: UtcTime) -> Result<()> {
    diesel::insert_into(files_to_delete::table)
        .values((files_to_delete::object_key.eq(key), files_to_delete::due_at.eq(due_at)))
        .execute(&mut **tx)?;
    Ok(())
}

/// Keeps files after all, as something refers to them from now on. `false`, and nothing has changed, where one
/// of them may be deleted already.
pub fn take_up(tx: &mut Tx, keys: &[&str]) -> Result<bool> {
    let now = tx.now();
    let rows = files_to_delete::table.filter(files_to_delete::object_key.eq_any(keys));
    let kept = rows.filter(files_to_delete::due_at.gt(now)).count().get_result::<i64>(&mut **tx)?;
    if kept != keys.len() as i64 {
        return Ok(false);
    }
    diesel::delete(files_to_delete::table.filter(files_to_delete::object_key.eq_any(keys))).execute(&mut **tx)?;
    Ok(true)
}

/// The files that wait for their deletion, and when they are due.
pub fn all(db: &mut Db) -> Result<Vec<(String, UtcTime)>> {
    Ok(files_to_delete::table.load(db)?)
}

/// Deletes the files that are due. Returns how many.
pub async fn delete_due(ctx: &Context) -> Result<usize> {
    let before = ctx.clock.now().plus_s(-SLACK_S);
    let mut deleted = 0;
    loop {
        let due = ctx.db.read(move |db| {
            let rows = files_to_delete::table.filter(files_to_delete::due_at.le(before)).limit(CHUNK);
            Ok(rows.select(files_to_delete::object_key).load::<String>(db)?)
        });
        let due = due.await?;
        for key in &due {
            ctx.storage.delete(key).await?;
        }
        if due.is_empty() {
            return Ok(deleted);
        }
        deleted += due.len();
        ctx.db.write(move |tx| forget(tx, &due)).await?;
    }
}

/// Makes everything due at once that lies in a shard and is not in force, whoever may be reading it.
pub async fn hurry(ctx: &Context, shard: i32) -> Result<()> {
    ctx.db
        .write(move |tx| {
            // A day ago: no server's clock is behind so much as to take one of them up.
            let past = tx.now().plus_days(-1);
            let rows = files_to_delete::table.filter(files_to_delete::object_key.like(below(shard)));
            diesel::update(rows).set(files_to_delete::due_at.eq(past)).execute(&mut **tx)?;
            Ok(())
        })
        .await
}

/// Deletes from a shard's place in the storage what is due and what no row knows, as a crash leaves it. Only for
/// the one that holds the shard's job.
pub async fn clear(ctx: &Context, shard: i32) -> Result<()> {
    // Listed first: what is begun after this is not in it.
    let stored = ctx.storage.list(&shard_prefix(shard)).await?;
    let now = ctx.clock.now();
    let known = ctx.db.read(move |db| {
        let waiting = files_to_delete::table.filter(files_to_delete::object_key.like(below(shard)));
        Ok((store::shard_objects(db, shard)?, waiting.load::<(String, UtcTime)>(db)?))
    });
    let (in_force, waiting) = known.await?;
    let (waiting, due): (Vec<_>, Vec<_>) = waiting.into_iter().partition(|(_, due_at)| *due_at > now);
    let mut kept: BTreeSet<String> = waiting.into_iter().map(|(key, _)| key).collect();
    kept.extend(in_force.into_iter().flat_map(|object| [object.object_key, object.counts_key]));
    for key in stored.iter().filter(|key| !kept.contains(*key)) {
        ctx.storage.delete(key).await?;
    }
    let due: Vec<String> = due.into_iter().map(|(key, _)| key).collect();
    if due.is_empty() { Ok(()) } else { ctx.db.write(move |tx| forget(tx, &due)).await }
}

fn forget(tx: &mut Tx, keys: &[String]) -> Result<()> {
    diesel::delete(files_to_delete::table.filter(files_to_delete::object_key.eq_any(keys))).execute(&mut **tx)?;
    Ok(())
}

/// What the keys below a shard's prefix are like.
fn below(shard: i32) -> String {
    format!("{}/%", shard_prefix(shard))
}
