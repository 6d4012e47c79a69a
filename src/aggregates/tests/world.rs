//! A made-up pool, its plays laid down as a pool keeps them.

use crate::aggregates::bound::TieSeed;
use crate::aggregates::counting::Task;
use crate::aggregates::noise::GroupSums;
use crate::aggregates::recipe::{NANO, Recipe};
use crate::aggregates::{DrawRequest, Drawn, Engine, EngineConfig, draw};
use crate::clock::{Entropy, UtcTime};
use crate::histories::counts_file::CountsWriter;
use crate::histories::model::PlaysObject;
use crate::histories::play::{Ended, Play, Service, Started};
use crate::histories::plays_file;
use crate::ids::AccountId;
use datafusion::parquet::arrow::ArrowWriter;
use object_store::{ObjectStoreExt, memory::InMemory};
use std::collections::BTreeMap;
use std::sync::Arc;

/// How the plays of a pool lie in its objects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layout {
    /// One object a member.
    Alone,
    /// So many members in an object.
    Shards(usize),
    /// The same, with the counts kept beside.
    Counted(usize),
}

/// A made-up pool. Members are in the order in which they joined, which is that of their ids.
pub struct Pool {
    pub engine: Engine,
    pub store: Arc<InMemory>,
    pub members: Vec<(AccountId, Vec<Play>)>,
    _spill: tempfile::TempDir,
}

/// A play of 200 seconds in Sweden, heard to its end, at noon of New Year's Day 2025.
pub fn play(artist: &str) -> Play {
    Play {
        ts: at("2025-01-01T12:00:00Z"),
        ms_played: 200_000,
        artist: artist.into(),
        album: Some("An Album".into()),
        track: "A Track".into(),
        track_uri: Some("spotify:track:0000000000000000000000".into()),
        country: Some("SE".into()),
        service: Service::Spotify,
        started: Started::Chosen,
        ended: Ended::Finished,
        shuffle: Some(false),
    }
}

/// An instant.
pub fn at(text: &str) -> UtcTime {
    UtcTime::parse(text).unwrap()
}

/// The instant of every draw here.
pub fn drawn_at() -> UtcTime {
    at("2026-03-15T09:00:00Z")
}

/// So many plays of each artist.
pub fn counted<S: AsRef<str>>(counts: &[(S, usize)]) -> Vec<Play> {
    counts.iter().flat_map(|(artist, n)| std::iter::repeat_n(play(artist.as_ref()), *n)).collect()
}

/// A seed of ties.
pub fn seed(n: u64) -> TieSeed {
    TieSeed::new(&Entropy::seeded(n))
}

/// The default recipe with some parameters changed.
pub fn recipe(change: impl FnOnce(&mut Recipe)) -> Recipe {
    let mut recipe = Recipe::default();
    change(&mut recipe);
    recipe.validate().unwrap();
    recipe
}

/// Much budget, so that a small made-up pool gives rows: noise of about one fan, threshold of a few.
pub fn generous() -> Recipe {
    recipe(|r| {
        (r.keys_per_member, r.plays_per_key, r.floor_members) = (5, Some(3), Some(2));
        (r.fans_rho_nano, r.capped_plays_rho_nano, r.delta_pico) = (Some(5 * NANO), Some(5 * NANO), Some(1_000_000));
    })
}

/// Sums by group, the group as one text.
pub type Exact = BTreeMap<String, Vec<i64>>;

impl Pool {
    pub fn new() -> Pool {
        Pool::with_memory(256 << 20)
    }

    pub fn with_memory(memory_limit_bytes: usize) -> Pool {
        let store = Arc::new(InMemory::new());
        let spill = tempfile::tempdir().unwrap();
        let config = EngineConfig { memory_limit_bytes, spill_directory: spill.path().into(), target_partitions: 2 };
        Pool { engine: Engine::new(&config, store.clone()).unwrap(), store, members: Vec::new(), _spill: spill }
    }

    /// Some of the members in a pool of their own, under the same ids.
    pub fn only(&self, keep: impl Fn(&AccountId) -> bool) -> Pool {
        let kept = self.members.iter().filter(|(account, _)| keep(account));
        Pool { members: kept.cloned().collect(), ..Pool::new() }
    }

    /// Adds a member with these plays; none: a member without an object.
    pub fn join(&mut self, mut plays: Vec<Play>) {
        let n = self.members.len();
        let account = AccountId::new(UtcTime::from_unix_s(1_000 + n as i64).unwrap(), &Entropy::seeded(n as u64));
        plays.sort_by_key(|play| play.ts);
        self.members.push((account, plays));
    }

    /// Adds a member who played these artists so many times.
    pub fn join_counts<S: AsRef<str>>(&mut self, counts: &[(S, usize)]) {
        self.join(counted(counts));
    }

    /// Lays the plays down; returns the objects of all members.
    pub async fn lay(&self, layout: Layout) -> Vec<PlaysObject> {
        let each = match layout {
            Layout::Alone => 1,
            Layout::Shards(n) | Layout::Counted(n) => n,
        };
        let mut heard: Vec<&(AccountId, Vec<Play>)> =
            self.members.iter().filter(|(_, plays)| !plays.is_empty()).collect();
        heard.sort_by(|a, b| a.0.cmp(&b.0));
        let mut objects = Vec::new();
        for (number, members) in heard.chunks(each).enumerate() {
            let key = format!("shards/{number:03}/{layout:?}.parquet");
            let mut plays =
                ArrowWriter::try_new(Vec::new(), plays_file::schema(), Some(plays_file::writer_properties())).unwrap();
            let mut counts = CountsWriter::new(Vec::new()).unwrap();
            for (account, of_member) in members {
                let batch = plays_file::batch(account.as_str(), of_member).unwrap();
                counts.add(&batch).unwrap();
                plays.write(&batch).unwrap();
            }
            self.put(&key, plays.into_inner().unwrap()).await;
            let counts_key = format!("shards/{number:03}/{layout:?}.counts.parquet");
            self.put(&counts_key, counts.finish().unwrap()).await;
            let is_counted = matches!(layout, Layout::Counted(_));
            let members = members.iter().map(|(account, _)| account.clone()).collect();
            objects.push(PlaysObject { key, counts_key: is_counted.then_some(counts_key), members });
        }
        objects
    }

    pub async fn put(&self, key: &str, content: Vec<u8>) {
        self.store.put(&object_store::path::Path::from(key), content.into()).await.unwrap();
    }

    /// The exact, bounded sums of some objects.
    pub async fn exact(&self, recipe: &Recipe, artists: &[&str], objects: &[PlaysObject], seed: &TieSeed) -> Exact {
        let task = Task {
            recipe: recipe.clone(),
            drawn_at: drawn_at(),
            artists: artists.iter().map(|&artist| artist.into()).collect(),
            seed: seed.clone(),
        };
        let sums = self.engine.group_sums(task, objects, &|_| ()).await.unwrap();
        let n = sums.len();
        let text = |group: &GroupSums| group.values.iter().map(|value| value.text()).collect::<Vec<_>>().join("/");
        let map: Exact = sums.into_iter().map(|group| (text(&group), group.sums)).collect();
        assert_eq!(map.len(), n, "every group once");
        map
    }

    /// The same of all members, laid down in two objects.
    pub async fn exact_of_all(&self, recipe: &Recipe, seed: &TieSeed) -> Exact {
        let half = self.members.len().div_ceil(2).max(1);
        self.exact(recipe, &[], &self.lay(Layout::Shards(half)).await, seed).await
    }

    /// What is asked for a draw of all members.
    pub async fn request(&self, recipe: &Recipe, artists: &[&str]) -> DrawRequest {
        DrawRequest {
            recipe: recipe.clone(),
            members: self.members.len() as u64,
            objects: self.lay(Layout::Counted(7)).await,
            artists: artists.iter().map(|&artist| artist.into()).collect(),
            drawn_at: drawn_at(),
            pool_delta_pico: 5_000,
            artist_ids: None,
        }
    }

    pub async fn draw(&self, recipe: &Recipe, artists: &[&str]) -> Drawn {
        draw(&self.engine, self.request(recipe, artists).await, &Entropy::seeded(1), |_| ()).await.unwrap()
    }
}

/// Objects without a member.
pub fn without(objects: &[PlaysObject], member: &AccountId) -> Vec<PlaysObject> {
    let mut objects = objects.to_vec();
    objects.iter_mut().for_each(|object| object.members.retain(|other| other != member));
    objects
}
