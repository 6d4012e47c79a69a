mod compacting;

use super::actions::{self, Arrived};
use super::made_up::archive::{EntryToWrite, Style, write};
use super::made_up::{Shape, World, broken};
use super::model::{History, HistoryState, PlaysObject, shard_of};
use super::play::Play;
use super::readers::Readers;
use super::report::Report;
use super::{steps, stored_plays};
use crate::accounts::caller::Member;
use crate::context::Context;
use crate::db::schema::{audit_log, histories, outbox};
use crate::error::{Code, Result};
use crate::ids::AccountId;
use crate::page::PageQuery;
use crate::pools;
use crate::pools::tests::{member, operator, pool};
use datafusion::parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use diesel::prelude::*;
use std::fs::File;
use std::io::Write;

/// A house with made-up listeners.
struct House {
    ctx: Context,
    readers: Readers,
    world: World,
    _guard: tempfile::TempDir,
}

fn house() -> House {
    let (ctx, guard) = Context::for_tests();
    let world = World::small(3, ctx.clock.now());
    House { readers: Readers::new(&ctx.config.uploads), ctx, world, _guard: guard }
}

/// A member whose plays belong to a shard.
pub(crate) async fn member_of_shard(ctx: &Context, shard: i32) -> Member {
    let mut id = AccountId::new(ctx.clock.now(), &ctx.entropy);
    while shard_of(&id) != shard {
        id = AccountId::new(ctx.clock.now(), &ctx.entropy);
    }
    pools::tests::member_with(ctx, id).await
}

/// How many stored files name an artist, in whatever column. They are decoded for it: what is packed shows nothing.
pub(crate) async fn files_that_name(ctx: &Context, artist: &str) -> usize {
    let mut found = 0;
    for prefix in ["plays", "shards", "held"] {
        for key in ctx.storage.list(prefix).await.unwrap() {
            let bytes = ctx.storage.get(&key).await.unwrap();
            let rows = ParquetRecordBatchReaderBuilder::try_new(bytes).unwrap().build().unwrap();
            found += usize::from(rows.map(|rows| format!("{:?}", rows.unwrap())).any(|rows| rows.contains(artist)));
        }
    }
    found
}

fn file(bytes: &[u8]) -> File {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(bytes).unwrap();
    file
}

impl House {
    fn zip(&self, listener: u64) -> Vec<u8> {
        self.world.listener(listener).zip(Shape::ExtendedNew)
    }

    async fn arrive(&self, member: &Member, zip: &[u8]) -> Result<Arrived> {
        actions::receive(&self.ctx, member, self.readers.enter().unwrap(), file(zip)).await
    }

    /// Sends an export and waits for what becomes of it.
    async fn send(&self, member: &Member, zip: &[u8]) -> History {
        let arrived = self.arrive(member, zip).await.unwrap();
        let id = arrived.history.id.clone();
        assert_eq!(arrived.history.state, HistoryState::Reading);
        actions::read(&self.ctx, arrived).await;
        actions::own(&self.ctx, member, id).await.unwrap()
    }

    async fn plays(&self, member: &Member) -> Vec<Play> {
        match self.object(member).await {
            Some(object) => stored_plays::of_member(&self.ctx.storage, &object.key, &member.account_id).await.unwrap(),
            None => Vec::new(),
        }
    }

    /// The object in which a member's plays lie.
    async fn object(&self, member: &Member) -> Option<PlaysObject> {
        let members = [member.account_id.clone()];
        self.ctx.db.read(move |db| steps::plays_objects(db, &members)).await.unwrap().pop()
    }

    /// Every stored file, and every file that a row names.
    async fn files(&self) -> (Vec<String>, Vec<String>) {
        let mut stored = Vec::new();
        for prefix in ["plays", "shards", "held"] {
            stored.extend(self.ctx.storage.list(prefix).await.unwrap());
        }
        stored.sort_unstable();
        (stored, self.ctx.db.read(steps::all_files).await.unwrap().into_keys().collect())
    }

    async fn assert_tidy(&self) {
        let (stored, named) = self.files().await;
        assert_eq!(stored, named);
    }
}

#[tokio::test]
async fn an_export_is_read_and_its_plays_are_kept_and_nothing_else() {
    let house = house();
    let member = member(&house.ctx).await;
    let zip = house.zip(0);
    let history = house.send(&member, &zip).await;
    assert_eq!(history.state, HistoryState::Accepted);
    let report: Report = serde_json::from_str(history.report_json.as_deref().unwrap()).unwrap();
    assert_eq!(report.kept, house.plays(&member).await.len() as u64);
    assert_eq!(report.kept, house.world.listener(0).plays().len() as u64);
    assert_eq!((history.covers_from, history.covers_to), (report.from, report.to));
    house.assert_tidy().await;
    let other = pools::tests::member(&house.ctx).await;
    let hidden = actions::own(&house.ctx, &other, history.id.clone()).await.unwrap_err();
    assert_eq!(hidden.code(), Code::NotFound, "nobody sees another's history");
    let own = actions::list_own(&house.ctx, &member, &PageQuery::default()).await.unwrap().items;
    assert_eq!(own, [history]);
}

#[tokio::test]
async fn what_is_no_archive_leaves_nothing_behind() {
    let house = house();
    let member = member(&house.ctx).await;
    for (bytes, code) in
        [(b"[1,2]".to_vec(), Code::NotAZip), (Vec::new(), Code::NotAZip), (broken::overlapping(), Code::UnsafeArchive)]
    {
        assert_eq!(house.arrive(&member, &bytes).await.err().map(|e| e.code()), Some(code));
    }
    assert!(actions::list_own(&house.ctx, &member, &PageQuery::default()).await.unwrap().items.is_empty());
    house.assert_tidy().await;
}

#[tokio::test]
async fn what_cannot_be_used_says_why_in_its_row() {
    let house = house();
    let member = member(&house.ctx).await;
    for (json, code) in [(&b"[]"[..], Code::NothingUsable), (&b"[{\"ts\":\"2024-01"[..], Code::UnreadableHistory)] {
        let history = house.send(&member, &broken::holding(json)).await;
        assert_eq!(history.state, HistoryState::Rejected);
        assert_eq!(history.problem_code.as_deref(), Some(code.slug()));
        assert!(history.problem_detail.is_some() && history.finished_at.is_some());
    }
    assert!(house.plays(&member).await.is_empty());
    house.assert_tidy().await;
}

#[tokio::test]
async fn the_same_history_twice_is_one_history_however_it_is_packed() {
    let house = house();
    let member = member(&house.ctx).await;
    let first = house.send(&member, &house.zip(0)).await;
    let plays = house.plays(&member).await;
    let mut files = house.world.listener(0).files(Shape::ExtendedNew);
    files.reverse();
    let entries: Vec<_> = files.iter().map(|(name, body)| EntryToWrite::new(name, body)).collect();
    for zip in [house.zip(0), write(Style::Windows, &entries)] {
        let again = house.send(&member, &zip).await;
        assert_eq!(again.state, HistoryState::Duplicate);
        assert_eq!(again.same_as.as_ref(), Some(&first.id));
    }
    assert_eq!(house.plays(&member).await, plays);
    house.assert_tidy().await;
}

#[tokio::test]
async fn a_further_history_is_merged_and_the_old_version_goes() {
    let house = house();
    let member = member(&house.ctx).await;
    house.send(&member, &house.zip(0)).await;
    let second = house.send(&member, &house.zip(1)).await;
    assert_eq!(second.state, HistoryState::Accepted);
    let both = house.world.listener(0).plays().len() + house.world.listener(1).plays().len();
    assert_eq!(house.plays(&member).await.len(), both);
    assert_eq!(house.files().await.0, [second.plays_key()]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn parallel_uploads_of_one_member_lose_no_play() {
    let house = std::sync::Arc::new(house());
    let member = member(&house.ctx).await;
    let sending = (0..6).map(|listener| {
        let (house, member) = (std::sync::Arc::clone(&house), member.clone());
        tokio::spawn(async move { house.send(&member, &house.zip(listener)).await })
    });
    for sent in sending.collect::<Vec<_>>() {
        assert_eq!(sent.await.unwrap().state, HistoryState::Accepted);
    }
    let all: usize = (0..6).map(|listener| house.world.listener(listener).plays().len()).sum();
    assert_eq!(house.plays(&member).await.len(), all);
    house.assert_tidy().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn one_history_sent_six_times_at_once_is_accepted_once() {
    let house = std::sync::Arc::new(house());
    let member = member(&house.ctx).await;
    let sending = (0..6).map(|_| {
        let (house, member) = (std::sync::Arc::clone(&house), member.clone());
        tokio::spawn(async move { house.send(&member, &house.zip(0)).await.state })
    });
    let mut states = Vec::new();
    for sent in sending.collect::<Vec<_>>() {
        states.push(sent.await.unwrap());
    }
    states.sort_unstable();
    assert_eq!(states[0], HistoryState::Accepted);
    assert!(states[1..].iter().all(|state| *state == HistoryState::Duplicate), "{states:?}");
    house.assert_tidy().await;
}

#[tokio::test]
async fn a_second_member_with_the_same_history_is_held_and_counts_nowhere() {
    let house = house();
    let (first, second, operator) = (member(&house.ctx).await, member(&house.ctx).await, operator(&house.ctx).await);
    let theirs = house.send(&first, &house.zip(0)).await;
    let held = house.send(&second, &house.zip(0)).await;
    assert_eq!(held.state, HistoryState::Held);
    assert!(house.plays(&second).await.is_empty());
    assert_eq!(house.send(&second, &house.zip(0)).await.state, HistoryState::Duplicate, "of the held one");
    house.assert_tidy().await;
    let told: Vec<String> = house.ctx.db.read(|db| Ok(outbox::table.select(outbox::kind).load(db)?)).await.unwrap();
    assert_eq!(told, ["history.held"]);

    let listed = actions::list_held(&house.ctx, &operator, &PageQuery::default()).await.unwrap().items;
    assert_eq!(listed.len(), 1);
    assert_eq!((&listed[0].history.id, &listed[0].others[0].id), (&held.id, &theirs.id));
    assert_eq!(actions::release(&house.ctx, &operator, held.id.clone(), " ").await.unwrap_err().code(), Code::Invalid);
    let released = actions::release(&house.ctx, &operator, held.id.clone(), "They share an account.").await.unwrap();
    assert_eq!(released.state, HistoryState::Accepted);
    assert_eq!(house.plays(&second).await, house.plays(&first).await);
    let again = actions::release(&house.ctx, &operator, held.id, "Once more.").await.unwrap_err();
    assert_eq!(again.code(), Code::Conflict);
    house.assert_tidy().await;
}

#[tokio::test]
async fn a_held_history_that_is_refused_is_deleted_and_the_member_reads_why() {
    let house = house();
    let (first, second, operator) = (member(&house.ctx).await, member(&house.ctx).await, operator(&house.ctx).await);
    house.send(&first, &house.zip(0)).await;
    let held = house.send(&second, &house.zip(0)).await;
    let refused = actions::reject(&house.ctx, &operator, held.id.clone(), "It is another's.").await.unwrap();
    assert_eq!(refused.state, HistoryState::Rejected);
    let seen = actions::own(&house.ctx, &second, held.id.clone()).await.unwrap();
    assert_eq!(seen.problem_code.as_deref(), Some("history-refused"));
    assert_eq!(seen.problem_detail.as_deref(), Some("It is another's."));
    let late = actions::release(&house.ctx, &operator, held.id, "Changed my mind.").await.unwrap_err();
    assert_eq!(late.code(), Code::Conflict);
    house.assert_tidy().await;
    let acts: Vec<String> =
        house.ctx.db.read(|db| Ok(audit_log::table.select(audit_log::action).load(db)?)).await.unwrap();
    assert_eq!(acts, ["history.reject"]);
}

#[tokio::test]
async fn the_first_history_of_a_member_is_seen_by_the_votes_of_the_pool() {
    let house = house();
    let (listing, member) = (pool(&house.ctx).await, member(&house.ctx).await);
    pools::actions::join(&house.ctx, &member, listing.pool.id.clone(), 1, vec![]).await.unwrap();
    let mut versions = Vec::new();
    for listener in [0, 1] {
        house.send(&member, &house.zip(listener)).await;
        let pool = pools::actions::read(&house.ctx, listing.pool.id.clone()).await.unwrap().pool;
        versions.push(pool.membership_version);
    }
    assert_eq!(versions, [2, 2], "joined, and given a first history; a second one changes nobody's right");
}

#[tokio::test]
async fn what_was_being_read_at_a_crash_is_rejected_at_the_next_start() {
    let house = house();
    let member = member(&house.ctx).await;
    house.send(&member, &house.zip(0)).await;
    let before = house.plays(&member).await;
    let arrived = house.arrive(&member, &house.zip(1)).await.unwrap();
    // The crash comes after the new version was stored and before the row named it.
    house.ctx.storage.put(&arrived.history.plays_key(), "half of it".into()).await.unwrap();
    let (stored, named) = house.files().await;
    assert_eq!((stored.len(), named.len()), (2, 1), "the check finds what nobody names");
    assert_eq!(actions::recover(&house.ctx).await.unwrap(), 1);
    assert_eq!(actions::recover(&house.ctx).await.unwrap(), 0);
    let history = actions::own(&house.ctx, &member, arrived.history.id.clone()).await.unwrap();
    assert_eq!(history.problem_code.as_deref(), Some("upload-interrupted"));
    house.assert_tidy().await;

    // Should the reader live after all, it comes too late and takes its file away.
    actions::read(&house.ctx, arrived).await;
    assert_eq!(house.plays(&member).await, before);
    house.assert_tidy().await;
}

async fn erase(house: &House, member: &Member) {
    let id: AccountId = member.account_id.clone();
    house.ctx.db.write(move |tx| steps::erase(tx, &id)).await.unwrap();
}

#[tokio::test]
async fn erasing_leaves_a_row_without_content_and_a_tombstone_that_holds_who_comes_back() {
    let house = house();
    let (gone, back, other) = (member(&house.ctx).await, member(&house.ctx).await, member(&house.ctx).await);
    let accepted = house.send(&gone, &house.zip(0)).await;
    house.send(&other, &house.zip(1)).await;
    let held = house.send(&gone, &house.zip(1)).await;
    house.send(&gone, &house.zip(0)).await;
    erase(&house, &gone).await;
    erase(&house, &gone).await;
    let (stored, named) = house.files().await;
    let gone_keys: Vec<&String> = stored.iter().filter(|key| !named.contains(key)).collect();
    assert_eq!(gone_keys, [&held.held_key(), &accepted.plays_key()]);
    let rows: Vec<History> = house
        .ctx
        .db
        .read(|db| {
            let erased = histories::table.filter(histories::state.eq(HistoryState::Erased));
            Ok(erased.select(History::as_select()).load(db)?)
        })
        .await
        .unwrap();
    assert_eq!(rows.len(), 3);
    for row in rows {
        let blank = (row.fingerprint, row.report_json, row.source_kind, row.covers_from, row.staged_key, row.same_as);
        assert_eq!(blank, (None, None, None, None, None, None));
    }
    assert_eq!(house.send(&back, &house.zip(0)).await.state, HistoryState::Held);
    let listed = actions::list_held(&house.ctx, &operator(&house.ctx).await, &PageQuery::default()).await.unwrap();
    assert_eq!(listed.items[0].left_at, Some(house.ctx.clock.now()));
    let known = house.send(&other, &house.zip(1)).await;
    assert_eq!(known.state, HistoryState::Duplicate, "who stays keeps what was accepted");
}

#[tokio::test]
async fn who_leaves_while_a_history_is_read_leaves_nothing() {
    let house = house();
    let member = member(&house.ctx).await;
    let arrived = house.arrive(&member, &house.zip(0)).await.unwrap();
    erase(&house, &member).await;
    actions::read(&house.ctx, arrived).await;
    assert_eq!(house.files().await, (Vec::new(), Vec::new()));
}
