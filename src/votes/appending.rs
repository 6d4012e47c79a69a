//! Appending to a vote's log: leaves, tiles, and the frontier from which the root follows. For whoever holds the vote's row.

use super::commitment::{self, Hashed, Opening, Tag};
use super::log::{Hash, leaf_hash};
use super::log_store::{self, Appendix};
use super::model::{Choice, Vote};
use super::rules::Tally;
use super::tiles;
use crate::clock::UtcTime;
use crate::db::Tx;
use crate::error::{Error, Result};
use crate::ids::AccountId;

/// A leaf to be appended, and whose ballot it is.
#[derive(Debug, Clone)]
pub struct NewLeaf {
    /// What stands for the member in the log.
    pub tag: Tag,
    /// How many ballots of the member in this vote come before.
    pub sequence: u32,
    /// What the leaf commits to: a choice, or that the member's ballot is void.
    pub opening: Opening,
    /// The member's ballot that counted until now.
    pub before: Option<Choice>,
    /// The member. Is not in the log.
    pub member_id: AccountId,
    /// When the ballot was cast, or made void.
    pub cast_at: UtcTime,
}

/// What the log has come to.
pub struct Appended {
    /// What was appended, in its order.
    pub hashed: Vec<Hashed>,
    /// Where the first of it stands.
    pub from: u64,
    /// How many leaves there are.
    pub size: u64,
    /// The root over all of them.
    pub root: Hash,
    /// The ballots that count now.
    pub tally: Tally,
}

/// Appends leaves, and makes each the member's ballot that counts, or takes it away.
///
/// # Errors
/// `internal` where the database fails or the log is damaged.
pub fn append(tx: &mut Tx, vote: &Vote, leaves: &[NewLeaf]) -> Result<Appended> {
    let mut frontier = vote.log()?;
    let from = frontier.size();
    let mut tally = vote.live_tally();
    let mut hashed = Vec::with_capacity(leaves.len());
    for leaf in leaves {
        let commitment = commitment::commit(&leaf.opening, &vote.id, &leaf.tag);
        let leaf_hash = leaf_hash(&commitment::leaf(&vote.id, &leaf.tag, leaf.sequence, &commitment));
        hashed.push(Hashed { commitment, leaf_hash });
        frontier.append(leaf_hash);
        tally = tally.changed(leaf.before, leaf.opening.choice)?;
    }
    if !leaves.is_empty() {
        let first = i64::try_from(from).map_err(Error::internal)?;
        let appendix = Appendix { vote_id: &vote.id, first, leaves, hashed: &hashed, frontier: &frontier, tally };
        log_store::append(tx, &appendix)?;
        tiles::add_full(tx, &vote.id, from, frontier.size())?;
    }
    Ok(Appended { hashed, from, size: frontier.size(), root: frontier.root(), tally })
}
