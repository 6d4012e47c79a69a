//! What the log of a vote holds: commitments that bind a member to a choice and hide it until they are opened.
//!
//! A member stands in the log as a tag, a keyed hash that only the member and whoever has the vote's key can tell from any
//! other. A leaf commits to what a ballot says by a hash over the choice and a random nonce, which the member is given; at
//! the end both are published for every leaf, so that anybody can count again. Of the ballots of one tag the last counts.

use super::log::{Frontier, Hash, leaf_hash};
use super::model::Choice;
use super::rules::Tally;
use crate::error::{Error, Result};
use crate::ids::{AccountId, VoteId};
use aws_lc_rs::{digest, hmac};
use std::collections::HashMap;

/// Length of tags, nonces and commitments, in bytes.
pub const BYTES: usize = 32;

/// What stands in the log for a leaf.
#[derive(Debug, Clone, Copy)]
pub struct Hashed {
    /// The commitment to what the leaf says.
    pub commitment: [u8; BYTES],
    /// The hash of the leaf.
    pub leaf_hash: super::log::Hash,
}

/// What stands before everything that is hashed here, so that a hash of one kind is never one of another.
const COMMITMENT: &str = "refrain-ballot-1";
const LEAF: &str = "refrain-leaf-1";
const TAG: &str = "refrain-elector-1";
/// Stands for the choice in a leaf that makes a ballot void.
pub const VOID: &str = "void";

/// What stands for a member in the log of one vote.
pub type Tag = [u8; BYTES];

/// What opens a commitment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Opening {
    /// The choice; `None` where the leaf says that the member's ballot is void: the member has left, or has taken back a
    /// consent without which the data is not sold.
    pub choice: Option<Choice>,
    /// What keeps the choice from being found by trying all there are.
    pub nonce: [u8; BYTES],
}

impl Opening {
    /// Whether it opens a commitment of this tag in this vote.
    pub fn opens(&self, commitment: &[u8], vote_id: &VoteId, tag: &Tag) -> bool {
        commit(self, vote_id, tag)[..] == *commitment
    }
}

/// The tag of a member: HMAC-SHA256 under the vote's own key.
pub fn tag(vote_key: &[u8], member_id: &AccountId) -> Tag {
    let key = hmac::Key::new(hmac::HMAC_SHA256, vote_key);
    let mut tag = [0; BYTES];
    tag.copy_from_slice(hmac::sign(&key, &joined(&[TAG.as_bytes(), member_id.as_str().as_bytes()])).as_ref());
    tag
}

/// The commitment to a choice.
pub fn commit(opening: &Opening, vote_id: &VoteId, tag: &Tag) -> [u8; BYTES] {
    let choice = opening.choice.map_or(VOID, Choice::as_str);
    let parts = [COMMITMENT.as_bytes(), choice.as_bytes(), &opening.nonce, vote_id.as_str().as_bytes(), tag];
    let mut commitment = [0; BYTES];
    commitment.copy_from_slice(digest::digest(&digest::SHA256, &joined(&parts)).as_ref());
    commitment
}

/// The bytes of a leaf. `sequence` is the number of leaves of the same tag that come before.
pub fn leaf(vote_id: &VoteId, tag: &Tag, sequence: u32, commitment: &[u8; BYTES]) -> Vec<u8> {
    joined(&[LEAF.as_bytes(), vote_id.as_str().as_bytes(), tag, &sequence.to_be_bytes(), commitment])
}

/// Parts one after the other, each behind its length in 32 bits, so that no two lists of parts give the same bytes.
fn joined(parts: &[&[u8]]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(parts.iter().map(|part| part.len() + 4).sum());
    for part in parts {
        bytes.extend_from_slice(&(part.len() as u32).to_be_bytes()); // ids and hashes are short
        bytes.extend_from_slice(part);
    }
    bytes
}

/// The root of the Merkle tree over an electorate's tags in ascending order, each a leaf.
///
/// # Errors
/// `invalid` where they are not sorted, or one is there twice: then somebody has two ballots.
pub fn electorate_root(tags: impl IntoIterator<Item = Tag>) -> Result<Hash> {
    let mut tree = Frontier::default();
    let mut before: Option<Tag> = None;
    for tag in tags {
        if before.is_some_and(|before| before >= tag) {
            let why = "The tags of the electorate are not in ascending order, each once.";
            return Err(Error::invalid(why));
        }
        tree.append(leaf_hash(&tag));
        before = Some(tag);
    }
    Ok(tree.root())
}

/// Counts opened leaves in the order of the log: of each tag the last.
pub fn count<'a>(leaves: impl IntoIterator<Item = (&'a Tag, Option<Choice>)>) -> Tally {
    let last: HashMap<&Tag, Option<Choice>> = leaves.into_iter().collect();
    let of = |wanted| last.values().filter(|choice| **choice == Some(wanted)).count() as i64;
    Tally { yes: of(Choice::Yes), no: of(Choice::No), abstain: of(Choice::Abstain) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::{Entropy, UtcTime};
    use proptest::prelude::*;

    fn id() -> VoteId {
        VoteId::parse("vote_01jd2k8m0wfv9s3x6q4r7t5y2z").unwrap()
    }

    fn opening(choice: Option<Choice>) -> Opening {
        Opening { choice, nonce: [7; BYTES] }
    }

    #[test]
    fn a_commitment_is_opened_by_its_own_choice_nonce_vote_and_tag_alone() {
        let (vote, tag) = (id(), [1; BYTES]);
        let choices = [Some(Choice::Yes), Some(Choice::No), Some(Choice::Abstain), None];
        for choice in choices {
            let commitment = commit(&opening(choice), &vote, &tag);
            for other in choices {
                assert_eq!(opening(other).opens(&commitment, &vote, &tag), other == choice);
            }
            assert!(!Opening { nonce: [8; BYTES], ..opening(choice) }.opens(&commitment, &vote, &tag));
            assert!(!opening(choice).opens(&commitment, &vote, &[2; BYTES]));
            let elsewhere = VoteId::new(UtcTime::from_unix_s(0).unwrap(), &Entropy::seeded(1));
            assert!(!opening(choice).opens(&commitment, &elsewhere, &tag));
            assert!(!opening(choice).opens(&commitment[..31], &vote, &tag));
        }
    }

    #[test]
    fn leaves_differ_wherever_a_part_does() {
        let (vote, tag, commitment) = (id(), [1; BYTES], [3; BYTES]);
        let one = leaf(&vote, &tag, 0, &commitment);
        assert_ne!(one, leaf(&vote, &tag, 1, &commitment));
        assert_ne!(one, leaf(&vote, &[2; BYTES], 0, &commitment));
        assert_ne!(one, leaf(&vote, &tag, 0, &[4; BYTES]));
        assert_ne!(joined(&[b"ab", b"c"]), joined(&[b"a", b"bc"]));
        assert_ne!(joined(&[b"ab"]), joined(&[b"ab", b""]));
    }

    #[test]
    fn tags_are_a_members_own_in_each_vote() {
        let member = |seed| AccountId::new(UtcTime::from_unix_s(0).unwrap(), &Entropy::seeded(seed));
        assert_eq!(tag(b"key", &member(1)), tag(b"key", &member(1)));
        assert_ne!(tag(b"key", &member(1)), tag(b"key", &member(2)));
        assert_ne!(tag(b"key", &member(1)), tag(b"yek", &member(1)));
    }

    #[test]
    fn an_electorate_has_each_tag_once_and_in_order() {
        let tags = |numbers: &[u8]| electorate_root(numbers.iter().map(|number| [*number; BYTES]));
        assert!(tags(&[1, 2, 3]).is_ok() && tags(&[]).is_ok());
        assert_ne!(tags(&[1, 2, 3]).unwrap(), tags(&[1, 2, 4]).unwrap());
        assert_ne!(tags(&[1, 2]).unwrap(), tags(&[1, 2, 3]).unwrap());
        assert!(tags(&[1, 1]).is_err() && tags(&[2, 1]).is_err());
    }

    fn choice() -> impl Strategy<Value = Option<Choice>> {
        prop_oneof![Just(Some(Choice::Yes)), Just(Some(Choice::No)), Just(Some(Choice::Abstain)), Just(None)]
    }

    proptest! {
        /// What a member's last leaf says counts, whatever others do in between.
        #[test]
        fn the_last_leaf_of_each_tag_counts(leaves in proptest::collection::vec((0..6u8, choice()), 0..40)) {
            let tags: Vec<Tag> = (0..6).map(|number| [number; BYTES]).collect();
            let in_order = count(leaves.iter().map(|(member, choice)| (&tags[usize::from(*member)], *choice)));
            let mut by_member = leaves.clone();
            by_member.sort_by_key(|(member, _)| *member); // keeps each member's own order
            let by_member = count(by_member.iter().map(|(member, choice)| (&tags[usize::from(*member)], *choice)));
            prop_assert_eq!(in_order, by_member);
            let last = |member| leaves.iter().rev().find(|(other, _)| *other == member).and_then(|(_, choice)| *choice);
            let yes = (0..6).filter(|member| last(*member) == Some(Choice::Yes)).count() as i64;
            prop_assert_eq!((in_order.yes, in_order.turnout()), (yes, (0..6).filter(|member| last(*member).is_some()).count() as i64));
        }
    }
}
