//! What marks a directory of plays as made up.

use crate::error::{Error, Result};
use crate::histories::made_up::crowd::CrowdSize;
use crate::histories::model::{PlaysObject, shard_of};
use crate::ids::AccountId;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::Path;

const FILE: &str = "bench.json";
const MEMBERS: &str = "members.txt";

/// Says that the plays in a directory are made up, and where they lie. Written last, so that what has it is whole.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Mark {
    /// What made the plays.
    pub made_up_by: String,
    /// Plays of all members together.
    pub rows: u64,
    /// Members, with those who have no plays, as there may be where plays are few.
    pub members: u32,
    /// Artists that there are.
    pub artists: u32,
    /// What else made the plays what they are.
    pub seed: u64,
    /// Name of the file with the account ids of the members who have plays, sorted, one a line.
    pub members_file: String,
    /// The shards that hold anything.
    pub shards: Vec<ShardFiles>,
    /// What it took to make the files.
    pub seconds: Seconds,
}

/// The files of a shard, as paths from the directory on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShardFiles {
    /// The number of the shard.
    pub shard: i32,
    /// Its members' plays.
    pub plays: String,
    /// How often each of them played each artist in each month.
    pub counts: String,
    /// Plays in it.
    pub rows: u64,
    /// Size of the plays' file.
    pub plays_bytes: u64,
    /// Size of the counts' file.
    pub counts_bytes: u64,
}

/// Times in seconds: of all of it from start to end, of its parts as they add up over the threads.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Seconds {
    /// From start to end.
    pub total: f64,
    /// Making plays up.
    pub making: f64,
    /// Writing them.
    pub writing: f64,
    /// Counting them and writing the counts: what the counts cost whoever stores plays.
    pub counting: f64,
}

impl Mark {
    /// The mark of a crowd of that size, without its files.
    pub fn of(size: CrowdSize) -> Self {
        Mark {
            made_up_by: "refrain bench-data".into(),
            rows: size.rows,
            members: size.members,
            artists: size.artists,
            seed: size.seed,
            members_file: MEMBERS.into(),
            shards: Vec::new(),
            seconds: Seconds::default(),
        }
    }

    /// Writes the list of members, and then the mark.
    ///
    /// # Errors
    /// `storage-full` where the disk has no room.
    pub fn write(&self, directory: &Path, members: &[&AccountId]) -> Result<()> {
        let lines: String = members.iter().map(|member| format!("{member}\n")).collect();
        std::fs::write(directory.join(MEMBERS), lines)?;
        Ok(std::fs::write(directory.join(FILE), serde_json::to_string_pretty(self)? + "\n")?)
    }

    /// Reads the mark of a directory.
    ///
    /// # Errors
    /// `invalid` where it has none, or one that cannot be read: nothing tells then that its plays are made up.
    pub fn read(directory: &Path) -> Result<Self> {
        let path = directory.join(FILE);
        let refused = |why: String| {
            Error::invalid(format!(
                "{} does not mark its directory as made up: {why}. Only plays that `refrain bench-data` wrote are drawn here; \
                 members' plays are drawn by a server, which keeps account of their privacy.",
                path.display()
            ))
        };
        let text = std::fs::read_to_string(&path).map_err(|error| refused(error.to_string()))?;
        serde_json::from_str(&text).map_err(|error| refused(error.to_string()))
    }

    /// All members who have plays, as a draw takes them: by the objects that hold their plays. Keys are paths from the directory on.
    ///
    /// # Errors
    /// `invalid` where the list of members is not what it was.
    pub fn objects(&self, directory: &Path) -> Result<Vec<PlaysObject>> {
        let path = directory.join(&self.members_file);
        let text = std::fs::read_to_string(&path)?;
        let mut by_shard: BTreeMap<i32, Vec<AccountId>> = BTreeMap::new();
        for line in text.lines() {
            let member = AccountId::parse(line)
                .ok_or_else(|| Error::invalid(format!("{} holds what is no account id: {line}.", path.display())))?;
            by_shard.entry(shard_of(&member)).or_default().push(member);
        }
        let object = |files: &ShardFiles| {
            let mut members = by_shard.remove(&files.shard).unwrap_or_default();
            members.sort_unstable();
            PlaysObject { key: files.plays.clone(), counts_key: Some(files.counts.clone()), members }
        };
        Ok(self.shards.iter().map(object).collect())
    }
}
