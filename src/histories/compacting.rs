//! Compaction: what members sent lies in small objects of their own until it is merged into their shard's.
//!
//! An object is announced ([`leftovers`]), stored, and then ONE write takes it up and points the rows of the
//! members in it at it, of those whose row still names the object that was read. Who sent another history or
//! left meanwhile stays in the new object as rows that nobody names; the next compaction leaves them out.
//! A crash before that write leaves files that are due, after it nothing.

use super::leftovers;
use super::merging::{self, Merged};
use super::model::{PlaysObject, ShardObject, is_shared, shard_of, shard_prefix};
use super::reading::blocking;
use super::store;
use crate::clock::UtcTime;
use crate::context::Context;
use crate::db::schema::{plays_files, plays_shards};
use crate::db::{Db, Tx};
use crate::error::{Code, Error, Result};
use crate::ids::{self, AccountId};
use crate::queue::{self, JobKind};
use diesel::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use tokio::runtime::Handle;

/// Small objects that are merged at once, so that the write that takes their members over stays short.
const SMALL_AT_ONCE: usize = 1_000;

/// How often a merging is done again because what was merged had moved meanwhile.
const ATTEMPTS: usize = 16;

/// Members' rows that one statement changes.
const CHUNK: usize = 500;

/// What becomes of the objects that a compaction replaces, and of everything else in the shard that is not in force.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Replaced {
    /// They stay for a while, as a draw may be reading them.
    Linger,
    /// They are deleted before the compaction is over: somebody's plays in them are to be erased.
    Vanish,
}

/// What there is to merge in a shard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    shard: i32,
    /// Whose plays, and where they lie.
    sources: Vec<PlaysObject>,
    /// The objects of the shard that the new one takes the place of.
    replaces: Vec<ShardObject>,
    /// More small objects wait than are merged at once.
    goes_on: bool,
}

/// Merges a shard's objects into one of every member's valid plays, where there is anything to merge or to
/// leave out. Returns when to look again, if there is more to do. Repeating it changes nothing. One at a time may
/// be at work on a shard, which the queue sees to.
///
/// # Errors
/// `busy` where members send histories faster than they are merged; `internal` where an object is missing or
/// damaged, or the database or the files fail.
pub async fn compact(ctx: &Context, shard: i32, replaced: Replaced) -> Result<Option<UtcTime>> {
    leftovers::clear(ctx, shard).await?;
    let again = merge_all(ctx, shard, replaced).await?;
    if replaced == Replaced::Vanish {
        leftovers::hurry(ctx, shard).await?;
        leftovers::clear(ctx, shard).await?;
    }
    Ok(again)
}

async fn merge_all(ctx: &Context, shard: i32, replaced: Replaced) -> Result<Option<UtcTime>> {
    for _ in 0..ATTEMPTS {
        let Some(plan) = ctx.db.read(move |db| plan(db, shard, SMALL_AT_ONCE)).await? else { return Ok(None) };
        if replaced == Replaced::Vanish && plan.replaces.is_empty() {
            // Nothing is shared yet: an erasure need not wait for what others sent to be merged.
            return Ok(Some(ctx.clock.now().plus_s(ctx.config.storage.compact_after_s)));
        }
        if carry_out(ctx, &plan).await? {
            return Ok(plan.goes_on.then(|| ctx.clock.now()));
        }
    }
    Err(Error::new(Code::Busy, "The members of this shard are sending histories at this moment; it is merged later."))
}

/// What there is to merge, with so many small objects at most; `None` where every member's plays lie in one
/// object that holds nobody else's.
pub(super) fn plan(db: &mut Db, shard: i32, small_at_once: usize) -> Result<Option<Plan>> {
    let replaces = store::shard_objects(db, shard)?;
    let (mut small, mut sources) = (Vec::new(), BTreeMap::<String, Vec<AccountId>>::new());
    for (member, key) in store::plays_of_shard(db, shard)? {
        if replaces.iter().any(|object| object.object_key == key) {
            sources.entry(key).or_default().push(member);
        } else {
            small.push((member, key));
        }
    }
    let is_whole = |object: &ShardObject| {
        let valid = sources.get(&object.object_key).map_or(0, Vec::len);
        usize::try_from(object.members).is_ok_and(|members| members == valid)
    };
    if small.is_empty() && replaces.len() < 2 && replaces.iter().all(is_whole) {
        return Ok(None);
    }
    let goes_on = small.len() > small_at_once;
    small.truncate(small_at_once);
    for (member, key) in small {
        sources.entry(key).or_default().push(member);
    }
    let source = |(key, members)| PlaysObject { key, counts_key: None, members };
    Ok(Some(Plan { shard, sources: sources.into_iter().map(source).collect(), replaces, goes_on }))
}

/// `false` where things changed so much meanwhile that it has to be planned anew.
async fn carry_out(ctx: &Context, plan: &Plan) -> Result<bool> {
    if plan.sources.is_empty() {
        let plan = plan.clone();
        return ctx.db.write(move |tx| replace(tx, &plan, None)).await;
    }
    let stored = match store_merged(ctx, plan).await {
        Ok(stored) => stored,
        Err(error) => return if is_current(ctx, plan).await? { Err(error) } else { Ok(false) },
    };
    let (by, new) = (plan.clone(), stored.clone());
    ctx.db.write(move |tx| replace(tx, &by, Some(&new))).await
}

/// Announces an object and stores it.
pub(super) async fn store_merged(ctx: &Context, plan: &Plan) -> Result<ShardObject> {
    let now = ctx.clock.now();
    let stem = format!("{}/{}", shard_prefix(plan.shard), ids::suffix(now, &ctx.entropy));
    let (object_key, counts_key) = (format!("{stem}.parquet"), format!("{stem}.counts.parquet"));
    let keys = [object_key.clone(), counts_key.clone()];
    ctx.db
        .write(move |tx| {
            let due_at = tx.now().plus_s(leftovers::WRITING_S);
            keys.iter().try_for_each(|key| leftovers::delete_at(tx, key, due_at))
        })
        .await?;
    let (storage, runtime, sources) = (ctx.storage.clone(), Handle::current(), plan.sources.clone());
    let keys = [object_key.clone(), counts_key.clone()];
    let merged = blocking(move || merging::merge(&storage, &runtime, &sources, &keys[0], &keys[1]));
    let Merged { size_bytes, counts_bytes } = merged.await?;
    Ok(ShardObject {
        object_key,
        shard: plan.shard,
        counts_key,
        size_bytes: i64::try_from(size_bytes).map_err(Error::internal)?,
        counts_bytes: i64::try_from(counts_bytes).map_err(Error::internal)?,
        members: i32::try_from(plan.sources.iter().map(|source| source.members.len()).sum::<usize>())
            .map_err(Error::internal)?,
        created_at: now,
    })
}

/// Whether the plays that were to be merged still lie where they lay.
async fn is_current(ctx: &Context, plan: &Plan) -> Result<bool> {
    let shard = plan.shard;
    let lie: BTreeMap<_, _> = ctx.db.read(move |db| store::plays_of_shard(db, shard)).await?.into_iter().collect();
    let is_current = |source: &PlaysObject| source.members.iter().all(|member| lie.get(member) == Some(&source.key));
    Ok(plan.sources.iter().all(is_current))
}

/// The one write of a compaction: takes the new object up, points at it the rows of the members who are still
/// where they were, and takes the old objects out of force. `false`, and nothing has changed, where the new one
/// may be deleted already.
pub(super) fn replace(tx: &mut Tx, plan: &Plan, new: Option<&ShardObject>) -> Result<bool> {
    let due_at = tx.now().plus_s(leftovers::GRACE_S);
    if let Some(new) = new {
        if !leftovers::take_up(tx, &[&new.object_key, &new.counts_key])? {
            return Ok(false);
        }
        diesel::insert_into(plays_shards::table).values(new).execute(&mut **tx)?;
        for source in &plan.sources {
            let moved = point_at(tx, source, new)?;
            if moved > 0 && !is_shared(&source.key) {
                leftovers::delete_at(tx, &source.key, due_at)?;
            }
        }
    }
    for old in &plan.replaces {
        let named = plays_files::shard.eq(plan.shard).and(plays_files::object_key.eq(&old.object_key));
        if plays_files::table.filter(named).count().get_result::<i64>(&mut **tx)? > 0 {
            return Err(Error::internal("plays that are in force would go with a replaced object"));
        }
        if diesel::delete(plays_shards::table.find(&old.object_key)).execute(&mut **tx)? == 1 {
            leftovers::delete_at(tx, &old.object_key, due_at)?;
            leftovers::delete_at(tx, &old.counts_key, due_at)?;
        }
    }
    Ok(true)
}

/// Points members' rows from one object at another, as far as they still name the one; says how many did.
/// Their plays stay as they are, and so does the time of their last change.
fn point_at(tx: &mut Tx, from: &PlaysObject, to: &ShardObject) -> Result<usize> {
    let mut moved = 0;
    for some in from.members.chunks(CHUNK) {
        let rows = plays_files::member_id.eq_any(some).and(plays_files::object_key.eq(&from.key));
        moved += diesel::update(plays_files::table.filter(rows))
            .set((plays_files::object_key.eq(&to.object_key), plays_files::size_bytes.eq(to.size_bytes)))
            .execute(&mut **tx)?;
    }
    Ok(moved)
}

/// Puts rows of before there were shards into theirs, and asks for their compaction. Returns how many there were.
pub async fn assign_shards(ctx: &Context) -> Result<usize> {
    let after_s = ctx.config.storage.compact_after_s;
    let mut assigned = 0;
    loop {
        let some = ctx.db.write(move |tx| {
            let rows = plays_files::table.filter(plays_files::shard.is_null()).limit(CHUNK as i64);
            let members: Vec<AccountId> = rows.select(plays_files::member_id).load(&mut **tx)?;
            let mut shards = BTreeSet::new();
            for member in &members {
                let shard = shard_of(member);
                diesel::update(plays_files::table.find(member)).set(plays_files::shard.eq(shard)).execute(&mut **tx)?;
                shards.insert(shard);
            }
            let due_at = tx.now().plus_s(after_s);
            shards.into_iter().try_for_each(|shard| ask(tx, shard, due_at))?;
            Ok(members.len())
        });
        match some.await? {
            0 => return Ok(assigned),
            some => assigned += some,
        }
    }
}

/// Asks for the compaction of a shard.
pub fn ask(tx: &mut Tx, shard: i32, due_at: UtcTime) -> Result<()> {
    queue::push(tx, JobKind::CompactPlays, &shard.to_string(), due_at)
}
