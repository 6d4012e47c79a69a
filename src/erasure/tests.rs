use super::actions;
use super::model::{Erasure, ErasureState};
use crate::accounts::caller::Member;
use crate::context::Context;
use crate::db::schema::{accounts, electors, erasures, jobs, tombstones};
use crate::error::{Code, Result};
use crate::histories;
use crate::histories::actions::{Arrived, Replaced, read};
use crate::histories::made_up::{Shape, World, broken};
use crate::histories::model::{History, HistoryState, held_prefix, plays_prefix, shard_of};
use crate::histories::plays_file;
use crate::histories::readers::Readers;
use crate::histories::tests::{files_that_name, member_of_shard};
use crate::pools::model::MembershipState;
use crate::pools::steps::memberships_of;
use crate::queue::JobKind;
use crate::votes::fixture;
use crate::votes::model::Choice;
use diesel::prelude::*;
use std::io::Write;
use std::path::Path;

async fn arrive(ctx: &Context, member: &Member) -> Result<Arrived> {
    arrive_with(ctx, member, &World::small(3, ctx.clock.now()).listener(0).zip(Shape::ExtendedNew)).await
}

async fn arrive_with(ctx: &Context, member: &Member, zip: &[u8]) -> Result<Arrived> {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(zip).unwrap();
    let slot = Readers::new(&ctx.config.uploads).enter().unwrap();
    histories::actions::receive(ctx, member, slot, file).await
}

async fn send(ctx: &Context, member: &Member) -> History {
    read_in(ctx, member, arrive(ctx, member).await.unwrap()).await
}

async fn read_in(ctx: &Context, member: &Member, arrived: Arrived) -> History {
    let id = arrived.history.id.clone();
    read(ctx, arrived).await;
    histories::actions::own(ctx, member, id).await.unwrap()
}

/// Whether bytes stand anywhere in the files below a directory.
fn anywhere(directory: &Path, canary: &[u8]) -> bool {
    std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()).any(|path| {
        if path.is_dir() {
            return anywhere(&path, canary);
        }
        std::fs::read(path).unwrap().windows(canary.len()).any(|window| window == canary)
    })
}

#[tokio::test]
async fn who_leaves_is_out_at_once_and_then_erased_everywhere() {
    let (ctx, guard) = Context::for_tests();
    let member = crate::pools::tests::member(&ctx).await;
    let id = member.account_id.clone();
    let history = send(&ctx, &member).await;
    assert_eq!(history.state, HistoryState::Accepted);
    // What a crash left behind belongs to the person, too.
    ctx.storage.put(&format!("{}/orphan.parquet", plays_prefix(&id)), "an orphan".into()).await.unwrap();
    ctx.storage.put(&format!("{}/orphan.parquet", held_prefix(&id)), "an orphan".into()).await.unwrap();
    let address = format!("{id}@example.org");
    let canaries = [address.into_bytes(), history.report_json.unwrap().into_bytes(), b"an orphan".to_vec()];
    assert!(canaries.iter().all(|canary| anywhere(guard.path(), canary)));
    let receipt = actions::leave(&ctx, &member).await.unwrap();
    assert_eq!(actions::leave(&ctx, &member).await.unwrap(), receipt);
    let (of, subject) = (id.clone(), id.to_string());
    let (state, waiting): (String, i64) = ctx
        .db
        .read(move |db| {
            let erasing = jobs::table.filter(jobs::kind.eq(JobKind::EraseMember).and(jobs::subject_id.eq(subject)));
            let state = accounts::table.find(of).select(accounts::state).first(db)?;
            Ok((state, erasing.count().get_result(db)?))
        })
        .await
        .unwrap();
    assert_eq!((state.as_str(), waiting), ("left", 1));
    let late = arrive(&ctx, &member).await.err().map(|error| error.code());
    assert_eq!(late, Some(Code::NotAuthenticated), "a token that is still good opens nothing");

    for _ in 0..2 {
        actions::erase(&ctx, &id).await.unwrap();
        assert_eq!(actions::erasure(&ctx, receipt.id.clone()).await.unwrap().state, ErasureState::Pending);
    }
    for _ in 0..2 {
        actions::compact(&ctx, shard_of(&id)).await.unwrap();
        let done = actions::erasure(&ctx, receipt.id.clone()).await.unwrap();
        assert_eq!((done.state, done.finished_at), (ErasureState::Done, Some(ctx.clock.now())));
    }
    for canary in &canaries {
        assert!(!anywhere(guard.path(), canary), "{:?}", String::from_utf8_lossy(canary));
    }
    assert_eq!(ctx.storage.list("plays").await.unwrap(), Vec::<String>::new());
    let kinds: Vec<String> = ctx
        .db
        .read(|db| Ok(tombstones::table.order(tombstones::kind).select(tombstones::kind).load(db)?))
        .await
        .unwrap();
    assert_eq!(kinds, ["email", "history"]);
    let back = crate::pools::tests::member(&ctx).await;
    assert_eq!(send(&ctx, &back).await.state, HistoryState::Held, "coming back makes no new person");
}

async fn ballots_of(ctx: &Context, member: &Member) -> i64 {
    let id = member.account_id.clone();
    let theirs = electors::member_id.eq(id).and(electors::choice.is_not_null());
    let cast = ctx.db.read(move |db| Ok(electors::table.filter(theirs).count().get_result(db)?));
    cast.await.unwrap()
}

#[tokio::test]
async fn leaving_takes_ballots_in_open_votes_back_in_that_pool_or_in_all() {
    let (ctx, _guard) = Context::for_tests();
    let pool_id = fixture::pool(&ctx, fixture::rules()).await;
    let members = fixture::members(&ctx, &pool_id, 3).await;
    let (vote_id, _) = fixture::open_vote(&ctx, &pool_id, &members).await;
    for member in &members {
        crate::votes::fixture::cast(&ctx, member, vote_id.clone(), Choice::Yes).await.unwrap();
    }
    let (left, erasure) = actions::leave_pool(&ctx, &members[0], pool_id.clone()).await.unwrap();
    assert!(erasure.is_some(), "it was the last pool");
    assert_eq!(left.membership.state, MembershipState::Left);
    actions::leave(&ctx, &members[1]).await.unwrap();
    let mut counts = Vec::new();
    for member in &members {
        counts.push(ballots_of(&ctx, member).await);
    }
    assert_eq!(counts, [0, 0, 1]);
    let of = members[1].account_id.clone();
    let memberships = ctx.db.read(move |db| memberships_of(db, &of)).await.unwrap();
    assert!(memberships.iter().all(|m| m.state == MembershipState::Left));
}

const SHARD: i32 = 200;

/// A member of the shard who has played one artist, and nobody else has, in two histories, which lie in the
/// shard's objects and in one of the member's own.
async fn neighbour(ctx: &Context, artist: &str) -> Member {
    let member = member_of_shard(ctx, SHARD).await;
    for month in ["04", "05"] {
        let row = serde_json::json!([{
            "ts": format!("2025-{month}-01T10:00:00Z"), "ms_played": 180_000, "conn_country": "DE",
            "master_metadata_track_name": "A song", "master_metadata_album_artist_name": artist,
            "spotify_track_uri": format!("spotify:track:{:022}", artist.len()), "reason_start": "clickrow",
        }]);
        let zip = broken::holding(&serde_json::to_vec(&row).unwrap());
        let arrived = arrive_with(ctx, &member, &zip).await.unwrap();
        assert_eq!(read_in(ctx, &member, arrived).await.state, HistoryState::Accepted);
        if month == "04" {
            actions::compact(ctx, SHARD).await.unwrap();
        }
    }
    member
}

async fn state(ctx: &Context, receipt: &Erasure) -> ErasureState {
    actions::erasure(ctx, receipt.id.clone()).await.unwrap().state
}

#[tokio::test]
async fn who_shares_files_with_others_is_erased_from_all_of_them_and_several_at_once() {
    let (ctx, guard) = Context::for_tests();
    let stays = neighbour(&ctx, "Whoever Stays").await;
    let leavers = [neighbour(&ctx, "Canary the First").await, neighbour(&ctx, "Canary the Second").await];
    assert_eq!(
        files_that_name(&ctx, "Canary the First").await,
        6,
        "two generations with their counts, and two of their own"
    );
    let mut receipts = Vec::new();
    for leaver in &leavers {
        receipts.push(actions::leave(&ctx, leaver).await.unwrap());
    }
    for leaver in &leavers {
        actions::erase(&ctx, &leaver.account_id).await.unwrap();
    }
    assert_eq!(state(&ctx, &receipts[0]).await, ErasureState::Pending, "it lies in the shard's files");
    assert!(files_that_name(&ctx, "Canary").await > 0);
    actions::compact(&ctx, SHARD).await.unwrap();
    for receipt in &receipts {
        assert_eq!(state(&ctx, receipt).await, ErasureState::Done, "one rewriting is enough for both");
    }
    assert_eq!(files_that_name(&ctx, "Canary").await, 0);
    assert!(!anywhere(guard.path(), b"Canary the"));
    assert_eq!(files_that_name(&ctx, "Whoever Stays").await, 4, "the shard's two, and two that others may be reading");
    let id = stays.account_id.clone();
    let objects = ctx.db.read(move |db| histories::steps::plays_objects(db, &[id])).await.unwrap();
    let plays = plays_file::read(ctx.storage.get(&objects[0].key).await.unwrap()).unwrap();
    assert_eq!(plays.len(), 2, "whoever stays has both histories");
    let named = ctx
        .db
        .read(|db| Ok(erasures::table.filter(erasures::account_id.is_not_null()).count().get_result::<i64>(db)?));
    assert_eq!(named.await.unwrap(), 0, "a receipt of what is over names nobody");
}

#[tokio::test]
async fn who_leaves_while_a_shard_is_compacted_waits_for_the_next_compaction() {
    let (ctx, _guard) = Context::for_tests();
    let [first, second] = [neighbour(&ctx, "Canary the First").await, neighbour(&ctx, "Canary the Second").await];
    let receipts = [actions::leave(&ctx, &first).await.unwrap(), actions::leave(&ctx, &second).await.unwrap()];
    actions::erase(&ctx, &first.account_id).await.unwrap();
    actions::compact(&ctx, SHARD).await.unwrap();
    assert_eq!(state(&ctx, &receipts[0]).await, ErasureState::Done);
    assert_eq!(state(&ctx, &receipts[1]).await, ErasureState::Pending);
    actions::erase(&ctx, &second.account_id).await.unwrap();
    actions::compact(&ctx, SHARD).await.unwrap();
    assert_eq!(state(&ctx, &receipts[1]).await, ErasureState::Done);
    assert_eq!(files_that_name(&ctx, "Canary").await, 0);
}

#[tokio::test]
async fn who_leaves_the_last_pool_is_erased_and_keeps_the_account_unless_a_pool_is_joined_again() {
    let (ctx, _guard) = Context::for_tests();
    let (pool, member) = (crate::pools::tests::pool(&ctx).await.pool.id, neighbour(&ctx, "Canary").await);
    let join = || crate::pools::actions::join(&ctx, &member, pool.clone(), 1, vec![]);
    join().await.unwrap();
    let (_, erasure) = actions::leave_pool(&ctx, &member, pool.clone()).await.unwrap();
    join().await.unwrap();
    actions::erase(&ctx, &member.account_id).await.unwrap();
    assert_eq!(state(&ctx, &erasure.unwrap()).await, ErasureState::Kept);
    assert!(files_that_name(&ctx, "Canary").await > 0);
    let (_, erasure) = actions::leave_pool(&ctx, &member, pool.clone()).await.unwrap();
    actions::erase(&ctx, &member.account_id).await.unwrap();
    actions::compact(&ctx, SHARD).await.unwrap();
    assert_eq!(state(&ctx, &erasure.unwrap()).await, ErasureState::Done);
    assert_eq!(files_that_name(&ctx, "Canary").await, 0);
    assert_eq!(send(&ctx, &member).await.state, HistoryState::Accepted, "the account is as it was");
}

#[tokio::test]
async fn an_erasure_that_a_crash_interrupts_is_taken_up_wherever_it_was() {
    let (ctx, _guard) = Context::for_tests();
    let (stays, leaver) = (neighbour(&ctx, "Whoever Stays").await, neighbour(&ctx, "Canary").await);
    let receipt = actions::leave(&ctx, &leaver).await.unwrap();
    let id = leaver.account_id.clone();
    ctx.db.write(move |tx| histories::steps::erase(tx, &id)).await.unwrap(); // the server stops after the rows went
    actions::compact(&ctx, SHARD).await.unwrap();
    assert_eq!(state(&ctx, &receipt).await, ErasureState::Pending, "files of the member's own are still there");
    actions::erase(&ctx, &leaver.account_id).await.unwrap();
    assert_eq!(state(&ctx, &receipt).await, ErasureState::Pending, "the job for the shard has not run");
    histories::actions::compact(&ctx, SHARD, Replaced::Linger).await.unwrap(); // it stops after the new object is in force
    assert!(files_that_name(&ctx, "Canary").await > 0, "older ones linger");
    actions::compact(&ctx, SHARD).await.unwrap();
    assert_eq!(state(&ctx, &receipt).await, ErasureState::Done);
    assert_eq!(files_that_name(&ctx, "Canary").await, 0);
    let id = stays.account_id.clone();
    assert!(ctx.db.read(move |db| histories::steps::has_accepted(db, &id)).await.unwrap());
}
