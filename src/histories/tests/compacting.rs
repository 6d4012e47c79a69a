use super::{House, house, member_of_shard};
use crate::accounts::caller::Member;
use crate::clock::UtcTime;
use crate::db::schema::plays_files;
use crate::histories::actions::{self, Replaced};
use crate::histories::compacting::{self, Plan};
use crate::histories::counts_file::CountsWriter;
use crate::histories::helpers::Helpers;
use crate::histories::model::{PlaysObject, ShardObject, plays_prefix};
use crate::histories::play::{Play, some_play};
use crate::histories::{leftovers, plays_file, steps, store};
use crate::ids::{self, AccountId};
use crate::queue::{self, JobKind, JobState};
use diesel::prelude::*;
use proptest::prelude::*;
use std::collections::BTreeMap;

const SHARD: i32 = 7;

impl House {
    /// A member whose plays belong to the shard of these tests.
    async fn neighbour(&self) -> Member {
        member_of_shard(&self.ctx, SHARD).await
    }

    /// Gives a member these plays and no others, as an upload does: in a small object, to which the row points.
    async fn give(&self, member: &Member, plays: &[Play]) {
        let id = member.account_id.clone();
        let key = format!("{}/{}.parquet", plays_prefix(&id), ids::suffix(self.ctx.clock.now(), &self.ctx.entropy));
        let bytes = plays_file::write(id.as_str(), plays, &Helpers::new(0)).unwrap();
        let size_bytes = bytes.len() as i64;
        self.ctx.storage.put(&key, bytes.into()).await.unwrap();
        let given = self.ctx.db.write(move |tx| {
            diesel::delete(plays_files::table.find(&id)).execute(&mut **tx)?;
            diesel::insert_into(plays_files::table)
                .values((
                    plays_files::member_id.eq(&id),
                    plays_files::object_key.eq(&key),
                    plays_files::size_bytes.eq(size_bytes),
                    plays_files::updated_at.eq(tx.now()),
                    plays_files::shard.eq(SHARD),
                ))
                .execute(&mut **tx)?;
            Ok(())
        });
        given.await.unwrap();
    }

    async fn compact(&self, replaced: Replaced) {
        let now = self.ctx.clock.now();
        while actions::compact(&self.ctx, SHARD, replaced).await.unwrap() == Some(now) {}
    }

    async fn plan(&self) -> Option<Plan> {
        self.ctx.db.read(|db| compacting::plan(db, SHARD, 1_000)).await.unwrap()
    }

    async fn in_force(&self) -> Vec<ShardObject> {
        self.ctx.db.read(|db| store::shard_objects(db, SHARD)).await.unwrap()
    }

    /// The stored files, by their first part.
    async fn stored(&self) -> BTreeMap<String, usize> {
        let mut found = BTreeMap::new();
        for key in self.files().await.0 {
            *found.entry(key.split('/').next().unwrap().to_owned()).or_default() += 1;
        }
        found
    }

    async fn wait_s(&self, seconds: i64) {
        self.ctx.clock.advance_s(seconds).unwrap();
        actions::tidy(&self.ctx).await.unwrap();
    }
}

fn counted(prefix: &str, files: usize) -> (String, usize) {
    (prefix.to_owned(), files)
}

#[tokio::test]
async fn what_arrived_is_merged_into_one_object_and_lies_there_as_it_was() {
    let house = house();
    let mut members = [house.neighbour().await, house.neighbour().await, house.neighbour().await];
    members.sort_by(|one, other| one.account_id.cmp(&other.account_id));
    let mut plays = Vec::new();
    for (listener, member) in members.iter().enumerate() {
        house.send(member, &house.zip(listener as u64)).await;
        plays.push(house.plays(member).await);
    }
    let asked = house.ctx.db.read(|db| queue::is_waiting(db, JobKind::CompactPlays, "7")).await.unwrap();
    assert!(asked, "the uploads asked for it");
    house.compact(Replaced::Linger).await;
    house.compact(Replaced::Linger).await;
    let [object] = <[ShardObject; 1]>::try_from(house.in_force().await).unwrap();
    assert_eq!(object.members, 3);
    let ids: Vec<AccountId> = members.iter().rev().map(|member| member.account_id.clone()).collect();
    let found = house.ctx.db.read(move |db| steps::plays_objects(db, &ids)).await.unwrap();
    let ids = members.iter().map(|member| member.account_id.clone()).collect();
    let (key, counts_key) = (object.object_key.clone(), Some(object.counts_key.clone()));
    assert_eq!(found, [PlaysObject { key, counts_key, members: ids }]);
    let (mut rows, mut counts) = (Vec::new(), CountsWriter::new(Vec::new()).unwrap());
    for (member, plays) in members.iter().zip(&plays) {
        assert_eq!(&house.plays(member).await, plays);
        counts.add(&plays_file::batch(member.account_id.as_str(), plays).unwrap()).unwrap();
        rows.extend_from_slice(plays);
    }
    let stored = house.ctx.storage.get(&object.object_key).await.unwrap();
    assert_eq!(stored.len() as i64, object.size_bytes);
    assert_eq!(plays_file::read(stored).unwrap(), rows, "one after the other");
    let stored = house.ctx.storage.get(&object.counts_key).await.unwrap();
    assert_eq!((stored.len() as i64, &stored[..]), (object.counts_bytes, &counts.finish().unwrap()[..]));
    assert_eq!(house.stored().await, [counted("plays", 3), counted("shards", 2)].into(), "a draw may be reading");
    house.wait_s(leftovers::GRACE_S + 61).await;
    assert_eq!(house.stored().await, [counted("shards", 2)].into());
    house.assert_tidy().await;
    assert_eq!(actions::verify(&house.ctx).await.unwrap(), [] as [String; 0]);
}

#[tokio::test]
async fn a_further_history_of_who_is_in_a_shard_is_merged_and_moves_out_until_the_next_compaction() {
    let house = house();
    let (one, other) = (house.neighbour().await, house.neighbour().await);
    house.send(&one, &house.zip(0)).await;
    house.send(&other, &house.zip(1)).await;
    house.compact(Replaced::Linger).await;
    let theirs = house.plays(&other).await;
    let first = house.object(&one).await.unwrap().key;
    let second = house.send(&one, &house.zip(2)).await;
    let both = house.world.listener(0).plays().len() + house.world.listener(2).plays().len();
    assert_eq!(house.plays(&one).await.len(), both);
    assert_eq!(house.object(&one).await.unwrap().key, second.plays_key());
    assert_eq!(house.object(&other).await.unwrap().key, first, "the object that they shared stays");
    house.compact(Replaced::Linger).await;
    assert_eq!(house.plays(&one).await.len(), both);
    assert_eq!(house.plays(&other).await, theirs);
    assert_eq!(house.in_force().await.len(), 1);
    house.wait_s(leftovers::GRACE_S - 1).await;
    assert!(house.ctx.storage.get(&first).await.is_ok(), "a draw may still be reading it");
    house.wait_s(62).await;
    assert_eq!(house.stored().await, [counted("shards", 2)].into());
    house.assert_tidy().await;
}

#[tokio::test]
async fn who_sends_a_history_while_others_are_merged_keeps_the_newer_object() {
    let house = house();
    let (one, other) = (house.neighbour().await, house.neighbour().await);
    house.send(&one, &house.zip(0)).await;
    house.send(&other, &house.zip(1)).await;
    let plan = house.plan().await.unwrap();
    let new = compacting::store_merged(&house.ctx, &plan).await.unwrap();
    house.send(&one, &house.zip(2)).await;
    let both = house.plays(&one).await;
    let replaced = house.ctx.db.write(move |tx| compacting::replace(tx, &plan, Some(&new)));
    assert!(replaced.await.unwrap());
    assert_eq!(house.plays(&one).await, both);
    assert!(house.object(&one).await.unwrap().key.starts_with("plays/"));
    assert!(house.object(&other).await.unwrap().key.starts_with("shards/"));
    house.compact(Replaced::Linger).await;
    assert_eq!(house.plays(&one).await, both);
    assert!(house.plan().await.is_none(), "nobody else's plays are left in the object");
}

#[tokio::test]
async fn what_a_crash_leaves_between_storing_and_taking_up_goes_and_cannot_come_back() {
    let house = house();
    let member = house.neighbour().await;
    house.send(&member, &house.zip(0)).await;
    let plays = house.plays(&member).await;
    let plan = house.plan().await.unwrap();
    let new = compacting::store_merged(&house.ctx, &plan).await.unwrap();
    let known = house.ctx.db.read(steps::files_to_delete).await.unwrap();
    assert!(known.contains_key(&new.object_key) && known.contains_key(&new.counts_key));
    let (key, half) = (new.object_key.clone(), "shards/007/half".to_owned());
    house.ctx.storage.put(&half, "what a killed process was writing".into()).await.unwrap();
    house.compact(Replaced::Linger).await;
    assert!(house.ctx.storage.get(&half).await.is_err(), "nobody knows it");
    assert!(house.ctx.storage.get(&key).await.is_ok(), "another server may be about to take it up");
    house.wait_s(leftovers::WRITING_S + 61).await;
    assert_eq!(house.stored().await, [counted("shards", 2)].into(), "the object in force");
    let late = house.ctx.db.write(move |tx| compacting::replace(tx, &plan, Some(&new)));
    assert!(!late.await.unwrap());
    assert_eq!(house.plays(&member).await, plays);
    house.assert_tidy().await;
}

#[tokio::test]
async fn what_is_to_be_erased_takes_every_other_object_of_the_shard_along_at_once() {
    let house = house();
    let (gone, stays) = (house.neighbour().await, house.neighbour().await);
    house.send(&gone, &house.zip(0)).await;
    house.send(&stays, &house.zip(1)).await;
    let plan = house.plan().await.unwrap();
    compacting::store_merged(&house.ctx, &plan).await.unwrap();
    house.compact(Replaced::Linger).await;
    let plays = house.plays(&stays).await;
    super::erase(&house, &gone).await;
    house.compact(Replaced::Vanish).await;
    let [object] = <[ShardObject; 1]>::try_from(house.in_force().await).unwrap();
    assert_eq!(object.members, 1);
    assert_eq!(house.ctx.storage.list("shards").await.unwrap(), [object.counts_key, object.object_key]);
    assert_eq!(house.plays(&stays).await, plays);
    super::erase(&house, &stays).await;
    house.compact(Replaced::Vanish).await;
    assert_eq!(house.ctx.storage.list("shards").await.unwrap(), [] as [String; 0], "nobody is left");
    assert!(house.in_force().await.is_empty() && house.plan().await.is_none());
}

#[tokio::test]
async fn many_small_objects_are_merged_some_at_a_time() {
    let house = house();
    let now = house.ctx.clock.now();
    for _ in 0..3 {
        house.give(&house.neighbour().await, &[some_play(now, 30_000, "an artist")]).await;
    }
    let some = house.ctx.db.read(|db| compacting::plan(db, SHARD, 2)).await.unwrap().unwrap();
    let new = compacting::store_merged(&house.ctx, &some).await.unwrap();
    assert_eq!(new.members, 2);
    assert!(house.ctx.db.write(move |tx| compacting::replace(tx, &some, Some(&new))).await.unwrap());
    house.compact(Replaced::Linger).await;
    assert_eq!(house.in_force().await[0].members, 3);
}

#[tokio::test]
async fn rows_of_before_there_were_shards_are_put_into_theirs() {
    let house = house();
    let member = house.neighbour().await;
    house.send(&member, &house.zip(0)).await;
    let plays = house.plays(&member).await;
    let unplaced = house.ctx.db.write(|tx| {
        Ok(diesel::update(plays_files::table).set(plays_files::shard.eq(None::<i32>)).execute(&mut **tx)?)
    });
    assert_eq!(unplaced.await.unwrap(), 1);
    house.compact(Replaced::Linger).await;
    assert!(house.in_force().await.is_empty());
    house.wait_s(0).await;
    house.compact(Replaced::Linger).await;
    assert_eq!(house.in_force().await.len(), 1);
    assert_eq!(house.plays(&member).await, plays);
}

#[tokio::test]
async fn a_lost_object_stops_the_merging_and_loses_nobody_elses_plays() {
    let house = house();
    let (lost, whole) = (house.neighbour().await, house.neighbour().await);
    let play = some_play(house.ctx.clock.now(), 30_000, "an artist");
    for member in [&lost, &whole] {
        house.give(member, std::slice::from_ref(&play)).await;
    }
    house.ctx.storage.delete(&house.object(&lost).await.unwrap().key).await.unwrap();
    assert!(actions::compact(&house.ctx, SHARD, Replaced::Linger).await.is_err());
    assert_eq!(house.plays(&whole).await, [play]);
    assert_eq!(house.in_force().await, []);
    let of_another = house.object(&whole).await.unwrap().key;
    let id = lost.account_id.clone();
    let mixed_up = house.ctx.db.write(move |tx| {
        let row = plays_files::table.find(&id);
        Ok(diesel::update(row).set(plays_files::object_key.eq(&of_another)).execute(&mut **tx)?)
    });
    mixed_up.await.unwrap();
    assert!(actions::compact(&house.ctx, SHARD, Replaced::Linger).await.is_err(), "it holds nothing of that member");
    let problems = actions::verify(&house.ctx).await.unwrap();
    assert!(problems.len() == 1 && problems[0].contains(lost.account_id.as_str()), "{problems:?}");
}

#[tokio::test]
async fn a_compaction_that_is_asked_for_while_it_runs_is_run_again() {
    let house = house();
    let runs = house.ctx.db.write(|tx| {
        let (now, kinds) = (tx.now(), [JobKind::CompactPlays]);
        let mut runs = Vec::new();
        compacting::ask(tx, SHARD, now)?;
        for asks in [2, 0] {
            let job = queue::claim(tx, &kinds, "test", 60)?.expect("it is due");
            for earlier_s in 0..asks {
                compacting::ask(tx, SHARD, now.plus_s(-earlier_s))?;
            }
            assert!(queue::claim(tx, &kinds, "another", 60)?.is_none(), "one at a time");
            queue::done(tx, &job)?;
            runs.push(queue::find(tx, &job.id)?.map(|job| job.state));
        }
        Ok(runs)
    });
    assert_eq!(runs.await.unwrap(), [Some(JobState::Waiting), Some(JobState::Done)]);
}

/// What may happen to a shard of four members.
#[derive(Debug, Clone)]
enum Event {
    /// A member has these plays from now on.
    Give(usize, Vec<(i64, u32, usize)>),
    Compact,
    /// A compaction that ends where the server does.
    Crash,
    /// A member has other plays while a compaction is under way.
    Race(usize, Vec<(i64, u32, usize)>),
    Erase(usize),
}

fn events() -> impl Strategy<Value = Vec<Event>> {
    let plays = || proptest::collection::vec((0..400i64, 0..60_000u32, 0..4usize), 1..12);
    let event = prop_oneof![
        4 => (0..4usize, plays()).prop_map(|(member, plays)| Event::Give(member, plays)),
        3 => Just(Event::Compact),
        1 => Just(Event::Crash),
        1 => (0..4usize, plays()).prop_map(|(member, plays)| Event::Race(member, plays)),
        1 => (0..4usize).prop_map(Event::Erase),
    ];
    proptest::collection::vec(event, 1..14)
}

fn played(plays: &[(i64, u32, usize)]) -> Vec<Play> {
    let start = UtcTime::parse("2024-12-01T10:00:00Z").unwrap();
    let artists = ["Zoë", "an artist", "another", "B"];
    let mut plays: Vec<Play> = plays
        .iter()
        .map(|(hour, ms_played, artist)| some_play(start.plus_s(hour * 3_600), *ms_played, artists[*artist]))
        .collect();
    plays.sort_by_key(|play| play.ts);
    plays
}

async fn happen(house: &House, members: &[Member], should: &mut BTreeMap<usize, Vec<Play>>, event: &Event) {
    match event {
        Event::Give(member, plays) => {
            house.give(&members[*member], &played(plays)).await;
            should.insert(*member, played(plays));
        }
        Event::Compact => house.compact(Replaced::Linger).await,
        Event::Crash | Event::Race(..) => {
            let Some(plan) = house.plan().await.filter(|_| !should.is_empty()) else { return };
            let new = compacting::store_merged(&house.ctx, &plan).await.unwrap();
            if let Event::Race(member, plays) = event {
                house.give(&members[*member], &played(plays)).await;
                should.insert(*member, played(plays));
                let replaced = house.ctx.db.write(move |tx| compacting::replace(tx, &plan, Some(&new)));
                assert!(replaced.await.unwrap());
            }
        }
        Event::Erase(member) => {
            super::erase(house, &members[*member]).await;
            house.compact(Replaced::Vanish).await;
            should.remove(member);
        }
    }
}

async fn no_play_is_lost(events: Vec<Event>) {
    let house = house();
    let mut members = Vec::new();
    for _ in 0..4 {
        members.push(house.neighbour().await);
    }
    let mut should = BTreeMap::new();
    for event in &events {
        happen(&house, &members, &mut should, event).await;
        for (number, member) in members.iter().enumerate() {
            assert_eq!(house.plays(member).await, should.get(&number).cloned().unwrap_or_default(), "{event:?}");
        }
    }
    house.compact(Replaced::Linger).await;
    house.compact(Replaced::Vanish).await;
    let mut order: Vec<(&AccountId, &Vec<Play>)> =
        should.iter().map(|(number, plays)| (&members[*number].account_id, plays)).collect();
    order.sort_unstable_by_key(|(member, _)| *member);
    let Some(object) = house.in_force().await.pop() else { return assert!(should.is_empty()) };
    let mut counts = CountsWriter::new(Vec::new()).unwrap();
    for (member, plays) in &order {
        counts.add(&plays_file::batch(member.as_str(), plays).unwrap()).unwrap();
    }
    let rows: Vec<Play> = order.into_iter().flat_map(|(_, plays)| plays.clone()).collect();
    let stored = house.ctx.storage.get(&object.object_key).await.unwrap();
    assert_eq!(plays_file::read(stored).unwrap(), rows);
    assert_eq!(house.ctx.storage.get(&object.counts_key).await.unwrap(), counts.finish().unwrap());
    assert_eq!(house.ctx.storage.list("shards").await.unwrap().len(), 2);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]
    #[test]
    fn whatever_happens_no_play_is_lost_doubled_or_out_of_order(events in events()) {
        tokio::runtime::Runtime::new().unwrap().block_on(no_play_is_lost(events));
    }
}
