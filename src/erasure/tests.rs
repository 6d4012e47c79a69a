use super::actions;
use crate::accounts::caller::Member;
use crate::context::Context;
use crate::db::schema::{accounts, ballots, jobs, tombstones};
use crate::error::{Code, Result};
use crate::histories;
use crate::histories::actions::{Arrived, read};
use crate::histories::made_up::{Shape, World};
use crate::histories::model::{History, HistoryState, held_prefix, plays_prefix};
use crate::histories::readers::Readers;
use crate::pools::model::MembershipState;
use crate::pools::steps::memberships_of;
use crate::queue::JobKind;
use crate::votes::fixture;
use crate::votes::model::Choice;
use diesel::prelude::*;
use std::io::Write;
use std::path::Path;

async fn arrive(ctx: &Context, member: &Member) -> Result<Arrived> {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(&World::small(3, ctx.clock.now()).listener(0).zip(Shape::ExtendedNew)).unwrap();
    let slot = Readers::new(&ctx.config.uploads).enter().unwrap();
    histories::actions::receive(ctx, member, slot, file).await
}

async fn send(ctx: &Context, member: &Member) -> History {
    let arrived = arrive(ctx, member).await.unwrap();
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
    actions::leave(&ctx, &member).await.unwrap();
    actions::leave(&ctx, &member).await.unwrap();
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

    actions::erase(&ctx, &id).await.unwrap();
    actions::erase(&ctx, &id).await.unwrap();
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
    let cast = ctx.db.read(move |db| Ok(ballots::table.filter(ballots::member_id.eq(id)).count().get_result(db)?));
    cast.await.unwrap()
}

#[tokio::test]
async fn leaving_takes_ballots_in_open_votes_back_in_that_pool_or_in_all() {
    let (ctx, _guard) = Context::for_tests();
    let pool_id = fixture::pool(&ctx, fixture::rules()).await;
    let members = fixture::members(&ctx, &pool_id, 3).await;
    let (vote_id, _) = fixture::open_vote(&ctx, &pool_id, &members).await;
    for member in &members {
        crate::votes::actions::cast(&ctx, member, vote_id.clone(), Choice::Yes).await.unwrap();
    }
    let (left, is_erased) = actions::leave_pool(&ctx, &members[0], pool_id.clone()).await.unwrap();
    assert!(is_erased, "it was the last pool");
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
