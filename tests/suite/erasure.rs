//! Where plays are kept, and that nothing is left of whoever leaves: also in the files that many share.

use crate::common::actors::{export, export_of_a_fan, row};
use crate::common::http::Caller;
use crate::common::{Backend, TestApp};
use datafusion::parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use refrain::histories::model::shard_of;
use refrain::ids::AccountId;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

crate::on_both_databases!(
    the_plays_of_thirty_members_come_together_in_the_files_of_their_shards,
    who_closes_the_account_reads_without_one_when_all_is_erased,
    who_leaves_the_last_pool_keeps_the_account_and_reads_when_the_plays_are_erased,
);

const CANARY: &str = "Canary of the Erasures";

fn start(backend: Backend) -> TestApp {
    TestApp::start_with(backend, |config| config.storage.compact_after_s = 60)
}

/// A member of a pool who has played what nobody else has.
fn canary(app: &TestApp, pool_id: &str) -> Caller {
    let member = app.member("canary");
    app.join(&member, pool_id);
    assert_eq!(app.upload(&member, &export(&[row(99, 0, CANARY)]))["state"], "accepted");
    member
}

/// Whether a stored file names an artist, packed as it may be.
fn is_stored(app: &TestApp, artist: &str) -> bool {
    app.stored_files().iter().any(|key| {
        let file = std::fs::File::open(app.ctx.config.files_dir().join(key)).unwrap();
        let rows = ParquetRecordBatchReaderBuilder::try_new(file).unwrap().build().unwrap();
        rows.map(|rows| format!("{:?}", rows.unwrap())).any(|rows| rows.contains(artist))
    })
}

fn id_of(member: &Caller) -> AccountId {
    AccountId::parse(member.get("/v1/me").ok()["id"].as_str().unwrap()).unwrap()
}

/// Thirty of many members: those who share their shards with the most others. Each with a number and a shard.
fn thirty_neighbours(app: &TestApp) -> Vec<(u64, Caller, i32)> {
    let mut by_shard: BTreeMap<i32, Vec<(u64, Caller, i32)>> = BTreeMap::new();
    for number in 0..250 {
        let member = app.member(&format!("listener{number}"));
        let shard = shard_of(&id_of(&member));
        by_shard.entry(shard).or_default().push((number, member, shard));
    }
    let mut groups: Vec<_> = by_shard.into_values().collect();
    groups.sort_by_key(|group| std::cmp::Reverse(group.len()));
    groups.into_iter().flatten().take(30).collect()
}

fn the_plays_of_thirty_members_come_together_in_the_files_of_their_shards(backend: Backend) {
    let app = start(backend);
    let members = thirty_neighbours(&app);
    let shards: BTreeSet<i32> = members.iter().map(|(.., shard)| *shard).collect();
    for (number, member, _) in &members {
        assert_eq!(app.upload(member, &export_of_a_fan(*number))["state"], "accepted");
    }
    assert_eq!(app.stored_files().len(), 30, "each its own, until they are merged");
    app.advance_s(59);
    assert_eq!(app.stored_files().len(), 30);
    app.advance_s(1);
    app.ctx.clock.advance_s(20 * 60).unwrap();
    app.block_on(refrain::upkeep::sweep(&app.ctx)).unwrap();
    let stored = app.stored_files();
    let of_shard = |shard: &i32| stored.iter().filter(|key| key.starts_with(&format!("shards/{shard:03}/"))).count();
    assert!(shards.iter().all(|shard| of_shard(shard) == 2), "the plays and their counts: {stored:?}");
    assert!(stored.len() == 2 * shards.len() && stored.len() < 30, "{stored:?}");
    let number = members[0].0;
    let member = || app.log_in(&format!("listener{number}@example.org"));
    let more = app.upload(&member(), &export(&[row(number, 20, "One more")]));
    assert_eq!((&more["state"], &more["report"]["added"]), (&json!("accepted"), &json!(1)));
    assert_eq!(app.stored_files().len(), 2 * shards.len() + 1);
    assert_eq!(app.upload(&member(), &export_of_a_fan(number))["state"], "duplicate");
    app.advance_s(60);
    assert!(is_stored(&app, "One more"));
    assert_eq!(app.block_on(refrain::histories::actions::verify(&app.ctx)).unwrap(), [] as [String; 0]);
}

fn who_closes_the_account_reads_without_one_when_all_is_erased(backend: Backend) {
    let app = start(backend);
    let pool_id = app.pool("The pool");
    let (gone, bob) = (canary(&app, &pool_id), app.listener(&pool_id, 8));
    app.advance_s(60);
    app.upload(&gone, &export(&[row(98, 1, CANARY)]));
    assert!(app.stored_files().iter().any(|key| key.starts_with("shards/")) && is_stored(&app, CANARY));
    let gone_id = id_of(&gone).to_string();
    let leaving = gone.delete("/v1/me").ok();
    let receipt = leaving["erasure"].clone();
    assert_eq!(receipt["state"], "pending");
    let path = format!("/v1/erasures/{}", receipt["id"].as_str().unwrap());
    assert_eq!(app.anyone().get(&path).ok(), receipt);
    app.run_jobs();
    let done = app.anyone().get(&path).ok();
    assert_eq!((&done["state"], &done["requested_at"]), (&json!("done"), &receipt["requested_at"]));
    assert!(done["finished_at"].as_str() >= done["requested_at"].as_str());
    assert!(!done.to_string().contains(&gone_id), "it is about nobody: {done}");
    assert!(!is_stored(&app, CANARY) && !app.keeps(CANARY.as_bytes()));
    let nobodys = app.anyone().get("/v1/erasures/erasure_01jd2k8m0wfv9s3x6q4r7t5y2z");
    nobodys.problem(404, "not-found");
    let upload = app.upload(&app.log_in("listener8@example.org"), &export_of_a_fan(8));
    assert_eq!(upload["state"], "duplicate", "whoever stays is untouched");
    assert_eq!(bob.get("/v1/histories").ok()["items"].as_array().unwrap().len(), 2);
}

fn who_leaves_the_last_pool_keeps_the_account_and_reads_when_the_plays_are_erased(backend: Backend) {
    let app = start(backend);
    let (first, second) = (app.pool("The pool"), app.pool("Another"));
    let member = canary(&app, &first);
    app.join(&member, &second);
    app.advance_s(60);
    let leave = |pool_id: &str| member.delete(&format!("/v1/pools/{pool_id}/membership")).ok();
    assert_eq!(leave(&first).get("erasure"), None, "the plays are needed for the other pool");
    app.run_jobs();
    assert!(is_stored(&app, CANARY));
    let receipt: Value = leave(&second)["erasure"].clone();
    assert_eq!(receipt["state"], "pending");
    app.run_jobs();
    assert_eq!(member.get(&format!("/v1/erasures/{}", receipt["id"].as_str().unwrap())).ok()["state"], "done");
    assert!(!is_stored(&app, CANARY));
    assert_eq!(app.stored_files(), [] as [String; 0]);
    assert_eq!(member.get("/v1/me").status, 200, "the account is as it was");
}
