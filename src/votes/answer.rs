//! The answer to a ballot, which is given by the thousand a second.
//!
//! It is the JSON of [`BallotView`](super::views::BallotView), written from the ballot and its receipt as they are, and
//! without looking at each character for what JSON would have escaped: of ids, times, digests and our own words nothing is.

use super::commitment::Hashed;
use super::head::{Head, Receipt, SignedHead};
use super::model::Ballot;
use super::words;
use crate::text::Hex;
use std::fmt::Write;

/// It has about 1,200 bytes.
const BYTES: usize = 1_536;

/// A ballot that has been cast, and the receipt for it, which has no proof yet.
pub fn cast(ballot: &Ballot, receipt: &Receipt) -> String {
    let Receipt { log_index, tag, sequence, opening, hashed, head, proof: _ } = receipt;
    let Hashed { commitment, leaf_hash } = hashed;
    let SignedHead { head: Head { vote_id, size, root, signed_at }, key_id, signature } = head;
    let mut json = String::with_capacity(BYTES);
    json.push_str("{\"vote_id\":\"");
    json.push_str(ballot.vote_id.as_str());
    json.push_str("\",\"choice\":\"");
    json.push_str(ballot.choice.as_str());
    let _ = write!(json, "\",\"cast_at\":\"{}\",\"receipt\":{{\"in_words\":\"", ballot.cast_at); // a text takes all
    words::push_receipt(&mut json, opening.choice, *log_index);
    let _ = write!(json, "\",\"log_index\":{log_index},\"sequence\":{sequence},\"tag\":\"");
    Hex(*tag).push_to(&mut json);
    json.push_str("\",\"nonce\":\"");
    Hex(opening.nonce).push_to(&mut json);
    json.push_str("\",\"commitment\":\"");
    Hex(*commitment).push_to(&mut json);
    json.push_str("\",\"leaf_hash\":\"");
    Hex(*leaf_hash.as_bytes()).push_to(&mut json);
    json.push_str("\",\"head\":{\"vote_id\":\"");
    json.push_str(vote_id.as_str());
    let _ = write!(json, "\",\"size\":{size},\"root\":\"");
    Hex(*root.as_bytes()).push_to(&mut json);
    let _ = write!(json, "\",\"signed_at\":\"{signed_at}\",\"key_id\":\"");
    json.push_str(key_id);
    json.push_str("\",\"signature\":\"");
    json.push_str(signature);
    json.push_str("\"}}}");
    json
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::{Entropy, UtcTime};
    use crate::ids::{AccountId, VoteId};
    use crate::votes::commitment::Opening;
    use crate::votes::log::Hash;
    use crate::votes::model::Choice;
    use crate::votes::views::BallotView;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn it_is_the_json_of_the_view(
            choice in prop::sample::select(&[Choice::Yes, Choice::No, Choice::Abstain][..]),
            (log_index, sequence) in (0..i64::MAX, 0..u32::MAX),
            (cast_ms, signed_ms) in (0..4_000_000_000_000i64, 0..4_000_000_000_000i64),
            (key_id, signature) in ("[A-Za-z0-9_-]{43}", "[A-Za-z0-9_-]{86}"),
            (tag, nonce, commitment, leaf, root) in any::<([u8; 32], [u8; 32], [u8; 32], [u8; 32], [u8; 32])>(),
        ) {
            let time = |ms: i64| UtcTime::from_unix_ms(ms).unwrap();
            let hash = |bytes: [u8; 32]| Hash::from_bytes(&bytes).unwrap();
            let entropy = Entropy::seeded(1);
            let vote_id = VoteId::new(time(cast_ms), &entropy);
            let size = u64::try_from(log_index).unwrap() + 1;
            let head = Head { vote_id: vote_id.clone(), size, root: hash(root), signed_at: time(signed_ms) };
            let receipt = Receipt {
                log_index,
                tag,
                sequence,
                opening: Opening { choice: Some(choice), nonce },
                hashed: Hashed { commitment, leaf_hash: hash(leaf) },
                head: SignedHead { head, key_id, signature },
                proof: None,
            };
            let ballot = Ballot {
                vote_id,
                member_id: AccountId::new(time(cast_ms), &entropy),
                choice,
                cast_at: time(cast_ms),
                log_index: Some(log_index),
            };
            let written = cast(&ballot, &receipt);
            prop_assert!(written.len() <= BYTES);
            prop_assert_eq!(written, serde_json::to_string(&BallotView::with(ballot, Some(receipt))).unwrap());
        }
    }
}
