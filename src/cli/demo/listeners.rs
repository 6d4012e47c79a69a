//! Thousands of made-up listeners who join, upload and vote over HTTP, a few at a time.

use super::call::{Body, Call};
use super::client::Client;
use super::stage::{Stage, log_in};
use crate::clock::UtcTime;
use crate::error::{Error, Result};
use crate::histories::made_up::{Shape, World};
use serde_json::json;
use std::ops::{Range, RangeInclusive};
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

/// The password of every made-up account. It protects nothing.
pub const PASSWORD: &str = "correct horse battery staple";
/// The shell variable with a member's token.
pub const MEMBER: &str = "MEMBER";
/// Plays in a made-up export: fewer than people have, so that thousands of exports are made in seconds.
const PLAYS_EACH: RangeInclusive<u32> = 150..=400;
/// Callers at the same time.
const CALLERS: usize = 4;

/// The address of a listener.
pub fn email(index: usize) -> String {
    format!("listener{index:05}@demo.example")
}

/// The world of all the demo's listeners.
pub fn world(now: UtcTime) -> World {
    World::new(2_025, now, PLAYS_EACH)
}

/// The export of a listener: most bring the extended history as it is today, some an old one, some the account data.
pub fn export(world: &World, index: usize) -> Vec<u8> {
    let shape = match index % 10 {
        1 => Shape::Account,
        2 => Shape::ExtendedOld,
        _ => Shape::ExtendedNew,
    };
    world.listener(index as u64).zip(shape)
}

/// Registers a listener, joins the pool, and uploads the export.
fn join(client: &Client, pool_id: &str, purposes: &[&str], index: usize, export: &[u8]) -> Result<()> {
    let account = json!({"email": email(index), "password": PASSWORD});
    let registered = client.ask(&Call::post("/v1/members", &account))?;
    let member = client.with_token(MEMBER, registered["session"]["access_token"].as_str().unwrap_or_default());
    let consent = json!({"text_version": 1, "purposes": purposes});
    member.ask(&Call::post(format!("/v1/pools/{pool_id}/membership"), &consent))?;
    let accepted = member.ask(&Call::new("POST", "/v1/histories", Body::Zip(export, "")))?;
    wait_until_read(&member, accepted["id"].as_str().unwrap_or_default())
}

/// Polls the status, as a member's app would.
pub fn wait_until_read(member: &Client, history_id: &str) -> Result<()> {
    loop {
        let history = member.ask(&Call::get(format!("/v1/histories/{history_id}")))?;
        match history["state"].as_str() {
            Some("reading") => std::thread::sleep(std::time::Duration::from_millis(5)),
            Some("accepted" | "duplicate") => return Ok(()),
            _ => return Err(Error::conflict(format!("An upload was not accepted: {history}"))),
        }
    }
}

/// Lets everybody but the first listener join: made-up listeners, and one more for each genuine export.
pub fn join_all(
    stage: &Stage,
    client: &Client,
    pool_id: &str,
    purposes: &[&str],
    world: &World,
    members: usize,
    exports: &[PathBuf],
) -> Result<()> {
    for (i, path) in exports.iter().enumerate() {
        let bytes =
            std::fs::read(path).map_err(|e| Error::invalid(format!("{} cannot be read: {e}.", path.display())))?;
        join(client, pool_id, purposes, members + i, &bytes)?;
        stage.say(format!("{} was uploaded as {}", path.display(), email(members + i)));
    }
    at_once(stage, 1..members, "joined", |index| join(client, pool_id, purposes, index, &export(world, index)))
}

/// Lets the members up to `ballots` but the first log in and vote, the last `against` of them with no.
pub fn vote_all(stage: &Stage, client: &Client, vote_id: &str, ballots: usize, against: usize) -> Result<()> {
    at_once(stage, 1..ballots, "voted", |index| {
        let member = client.with_token(MEMBER, &log_in(client, &email(index))?.1);
        let ballot = json!({"choice": if index + against < ballots { "yes" } else { "no" }});
        member.ask(&Call::put(format!("/v1/votes/{vote_id}/ballot"), &ballot))?;
        Ok(())
    })
}

/// Does something for each index from a few threads; stops at the first failure and tells it.
fn at_once(stage: &Stage, indices: Range<usize>, what: &str, work: impl Fn(usize) -> Result<()> + Sync) -> Result<()> {
    let bar = stage.progress(indices.len(), what);
    let next = AtomicUsize::new(indices.start);
    let failure: Mutex<Option<Error>> = Mutex::new(None);
    std::thread::scope(|scope| {
        for _ in 0..CALLERS {
            scope.spawn(|| {
                loop {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    if index >= indices.end {
                        return;
                    }
                    if let Err(error) = work(index) {
                        next.store(indices.end, Ordering::Relaxed);
                        failure.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
                        return;
                    }
                    bar.inc(1);
                }
            });
        }
    });
    bar.finish_and_clear();
    failure.into_inner().unwrap_or_else(PoisonError::into_inner).map_or(Ok(()), Err)
}
