//! Thousands of made-up listeners who join, upload and vote over HTTP, a few at a time.

use super::client::Client;
use super::stage::Stage;
use crate::error::{Error, Result};
use crate::histories::made_up::{Shape, World};
use serde_json::json;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

/// The password of every made-up account. It protects nothing.
pub const PASSWORD: &str = "correct horse battery staple";
/// Callers at the same time.
const CALLERS: usize = 4;

/// The address of a listener.
pub fn email(index: usize) -> String {
    format!("listener{index:05}@demo.example")
}

/// Registers a listener, joins the pool, and uploads the export.
fn join(client: &Client, pool_id: &str, purposes: &[&str], index: usize, export: &[u8]) -> Result<()> {
    let registered = client.post("/v1/members", &json!({"email": email(index), "password": PASSWORD}))?;
    let token = registered["session"]["access_token"].as_str().unwrap_or_default().to_owned();
    let member = client.with_token(&token);
    member.post(&format!("/v1/pools/{pool_id}/membership"), &json!({"text_version": 1, "purposes": purposes}))?;
    let accepted = member.upload("/v1/histories", "application/zip", export)?;
    wait_until_read(&member, accepted["id"].as_str().unwrap_or_default())
}

/// Polls the status, as a member's app would.
fn wait_until_read(member: &Client, history_id: &str) -> Result<()> {
    loop {
        let history = member.get(&format!("/v1/histories/{history_id}"))?;
        match history["state"].as_str() {
            Some("reading") => std::thread::sleep(std::time::Duration::from_millis(5)),
            Some("accepted" | "duplicate") => return Ok(()),
            _ => return Err(Error::conflict(format!("An upload was not accepted: {history}"))),
        }
    }
}

/// Lets everybody join: made-up listeners, and one more for each genuine export.
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
    at_once(stage, members, "joined", |index| {
        // Most bring the extended history as it is today, some an old one, some the account data.
        let shape = match index % 10 {
            0 => Shape::Account,
            1 => Shape::ExtendedOld,
            _ => Shape::ExtendedNew,
        };
        join(client, pool_id, purposes, index, &world.listener(index as u64).zip(shape))
    })
}

/// Lets `ballots` of the members log in and vote, the first `against` of them with no.
pub fn vote_all(stage: &Stage, client: &Client, vote_id: &str, ballots: usize, against: usize) -> Result<()> {
    at_once(stage, ballots, "voted", |index| {
        let session = client.post("/v1/sessions", &json!({"email": email(index), "password": PASSWORD}))?;
        let member = client.with_token(session["access_token"].as_str().unwrap_or_default());
        let choice = if index < against { "no" } else { "yes" };
        member.put(&format!("/v1/votes/{vote_id}/ballot"), &json!({"choice": choice}))?;
        Ok(())
    })
}

/// Does something for each index from a few threads; stops at the first failure and tells it.
fn at_once(stage: &Stage, count: usize, what: &str, work: impl Fn(usize) -> Result<()> + Sync) -> Result<()> {
    let bar = stage.progress(count, what);
    let next = AtomicUsize::new(0);
    let failure: Mutex<Option<Error>> = Mutex::new(None);
    std::thread::scope(|scope| {
        for _ in 0..CALLERS {
            scope.spawn(|| {
                loop {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    if index >= count {
                        return;
                    }
                    if let Err(error) = work(index) {
                        next.store(count, Ordering::Relaxed);
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
