//! Signed heads of a vote's log, and the receipts that members are given.
//!
//! A head is signed only after what it covers is durable. Whoever keeps one can show later that a log that lacks its leaves,
//! or has others, is not the one that it was signed for.

use super::commitment::{Hashed, Opening, Tag};
use super::log::Hash;
use crate::clock::UtcTime;
use crate::ids::VoteId;
use crate::signing::{PublicKey, Signer};

/// A log as it was at some time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    /// The vote.
    pub vote_id: VoteId,
    /// How many leaves its log has.
    pub size: u64,
    /// The root over them.
    pub root: Hash,
    /// When this was signed.
    pub signed_at: UtcTime,
}

/// A head that the service stands by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedHead {
    /// What is signed.
    pub head: Head,
    /// The name of the key.
    pub key_id: String,
    /// Ed25519, in base64url without padding, over [`Head::text`].
    pub signature: String,
}

/// What a member keeps of a ballot.
#[derive(Debug, Clone)]
pub struct Receipt {
    /// The ballot's place in the log, from 0.
    pub log_index: i64,
    /// What stands for the member there.
    pub tag: Tag,
    /// How many ballots of the member came before.
    pub sequence: u32,
    /// What the leaf commits to, and the nonce that opens it.
    pub opening: Opening,
    /// The commitment, and the hash of the leaf.
    pub hashed: Hashed,
    /// The log with the ballot in it.
    pub head: SignedHead,
    /// The hashes that lead from the leaf to the head's root, where they were asked for.
    pub proof: Option<Vec<Hash>>,
}

impl Head {
    /// The text that is signed: five lines, each with a line feed.
    pub fn text(&self) -> String {
        let Head { vote_id, size, root, signed_at } = self;
        format!("refrain-vote-head-1\n{vote_id}\n{size}\n{root}\n{signed_at}\n")
    }

    /// Signs it.
    pub fn signed(self, signer: &Signer) -> SignedHead {
        let signature = signer.sign(self.text().as_bytes());
        SignedHead { head: self, key_id: signer.public().id(), signature }
    }
}

impl SignedHead {
    /// Whether it is signed with this key.
    pub fn is_signed_by(&self, key: &PublicKey) -> bool {
        key.verifies(self.head.text().as_bytes(), &self.signature)
    }
}
