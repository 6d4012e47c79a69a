//! A made-up bundle, right in every part, and then wrong in one part after the other.

use super::*;
use crate::clock::{Entropy, UtcTime};
use crate::ids::{AccountId, VoteId};
use crate::signing::Signer;
use crate::votes::bundle::KeptReceipt;
use crate::votes::log::{inclusion_proof, root_of_perfect};
use proptest::prelude::*;

const ELECTORS: usize = 5;

/// A vote of five, with what each leaf says: elector, choice.
struct Made {
    signer: Signer,
    statement: Statement,
    tags: Vec<Tag>,
    leaves: Vec<(usize, u32, Option<Choice>, [u8; commitment::BYTES])>,
    _directory: tempfile::TempDir,
}

fn at(s: i64) -> UtcTime {
    UtcTime::from_unix_s(1_767_225_600 + s).unwrap()
}

impl Made {
    /// Elector 0 says no and then yes, 1 yes, 2 no, 3 yes and leaves; 4 does not vote.
    fn new() -> Self {
        use Choice::{No, Yes};
        let directory = tempfile::tempdir().unwrap();
        let entropy = Entropy::seeded(1);
        let signer = Signer::load_or_make(&directory.path().join("key"), &entropy).unwrap();
        let vote_id = VoteId::new(at(0), &entropy);
        let mut tags: Vec<Tag> =
            (0..ELECTORS).map(|_| commitment::tag(b"key", &AccountId::new(at(0), &entropy))).collect();
        tags.sort_unstable();
        let mut casts = [0; ELECTORS];
        let mut leaves = Vec::new();
        for (elector, choice) in
            [(0, Some(No)), (1, Some(Yes)), (3, Some(Yes)), (0, Some(Yes)), (2, Some(No)), (3, None)]
        {
            leaves.push((elector, casts[elector], choice, entropy.bytes()));
            casts[elector] += 1;
        }
        let statement = Statement {
            format: FORMAT.into(),
            vote_id,
            terms_hash: "9f".repeat(32),
            quorum_bp: 4_000,
            threshold_numerator: 1,
            threshold_denominator: 2,
            voting_period_s: 100,
            late_quorum_s: 0,
            final_ballots: false,
            opens_at: at(0),
            closes_at: at(100),
            closed_at: at(101),
            electors: ELECTORS as u64,
            electorate_root: commitment::electorate_root(tags.iter().copied()).unwrap().to_string(),
            yes: 2,
            no: 1,
            abstain: 0,
            outcome: VoteState::Accepted,
            log_size: leaves.len() as u64,
            log_root: String::new(),
            key: signer.public().text(),
            signature: String::new(),
        };
        let mut made = Made { signer, statement, tags, leaves, _directory: directory };
        made.statement.log_root = made.log(made.leaves.len()).root().to_string();
        made.sign();
        made
    }

    fn sign(&mut self) {
        self.statement.signature = self.signer.sign(self.statement.text().as_bytes());
    }

    /// The commitments of all leaves, and their hashes.
    fn hashed(&self) -> Vec<([u8; 32], Hash)> {
        let hashed = |(elector, sequence, choice, nonce): &(usize, u32, Option<Choice>, [u8; 32])| {
            let (tag, vote_id) = (&self.tags[*elector], &self.statement.vote_id);
            let commitment = commitment::commit(&Opening { choice: *choice, nonce: *nonce }, vote_id, tag);
            (commitment, leaf_hash(&commitment::leaf(vote_id, tag, *sequence, &commitment)))
        };
        self.leaves.iter().map(hashed).collect()
    }

    /// The log of the first leaves.
    fn log(&self, size: usize) -> Frontier {
        let mut log = Frontier::default();
        self.hashed()[..size].iter().for_each(|(_, leaf)| log.append(*leaf));
        log
    }

    fn lines(&self) -> Vec<String> {
        let mut lines = vec![serde_json::to_string(&self.statement).unwrap()];
        lines.extend(self.tags.iter().map(|tag| format!("\"{}\"", hex::encode(tag))));
        for (elector, sequence, choice, nonce) in &self.leaves {
            let says = choice.map_or(VOID, Choice::as_str);
            lines.push(format!("[{elector},{sequence},\"{says}\",\"{}\"]", hex::encode(nonce)));
        }
        lines
    }

    /// The receipt of a leaf, signed when the log was so long.
    fn receipt(&self, index: usize, size: usize) -> Kept {
        let (elector, sequence, choice, nonce) = self.leaves[index];
        let (vote_id, root) = (self.statement.vote_id.clone(), self.log(size).root());
        let head = Head { vote_id: vote_id.clone(), size: size as u64, root, signed_at: at(50) }.signed(&self.signer);
        let hashed = self.hashed();
        let leaves: Vec<Hash> = hashed.iter().map(|(_, leaf)| *leaf).collect();
        let proof = inclusion_proof(index as u64, size as u64, |of| {
            let first = (of.index << of.level) as usize;
            Ok(root_of_perfect(&leaves[first..first + (1 << of.level)]))
        });
        Kept {
            vote_id,
            choice: choice.unwrap(),
            receipt: KeptReceipt {
                log_index: index as u64,
                sequence,
                tag: hex::encode(self.tags[elector]),
                nonce: hex::encode(nonce),
                commitment: Some(hex::encode(hashed[index].0)),
                leaf_hash: Some(leaves[index].to_string()),
                inclusion_proof: Some(proof.unwrap().iter().map(Hash::to_string).collect()),
                head: KeptHead {
                    size: size as u64,
                    root: root.to_string(),
                    signed_at: at(50),
                    key_id: head.key_id,
                    signature: head.signature,
                },
            },
        }
    }
}

fn checked(lines: &[String], brought: &Brought) -> Result<Verdict> {
    let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
    verify(text.as_bytes(), brought)
}

fn with_receipt(made: &Made, kept: Kept) -> Verdict {
    checked(&made.lines(), &Brought { receipt: Some(kept), ..Brought::default() }).unwrap()
}

#[test]
fn what_is_right_is_counted_again_and_found() {
    let made = Made::new();
    let brought = Brought { key: Some(made.signer.public().into()), ..Brought::default() };
    let verdict = checked(&made.lines(), &brought).unwrap();
    assert_eq!(verdict.faults, Vec::<String>::new());
    let said = verdict.shown.join("\n");
    for words in ["5 electors", "6 ballots", "3 of 5 members voted: 2 yes, 1 no, 0 abstained"] {
        assert!(said.contains(words), "{words} is not in:\n{said}");
    }
    assert!(!said.contains("--key"), "the key was given");
    for (index, words) in [
        (0, "A later one took its place and was counted: yes."),
        (1, "it was counted: yes."),
        (2, "It was made void later"),
        (3, "it was counted: yes."),
        (4, "it was counted: no."),
    ] {
        for size in index + 1..=made.leaves.len() {
            let verdict = with_receipt(&made, made.receipt(index, size));
            assert_eq!([verdict.faults, verdict.misfits].concat(), Vec::<String>::new(), "leaf {index} of {size}");
            assert!(verdict.shown.last().unwrap().contains(words), "leaf {index}: {:?}", verdict.shown);
        }
    }
    let of_tag = |tag: Tag| {
        let verdict = checked(&made.lines(), &Brought { tag: Some(tag), ..Brought::default() }).unwrap();
        verdict.shown.last().unwrap().clone()
    };
    assert!(of_tag(made.tags[4]).contains("no ballot was cast under it"));
    assert!(of_tag(made.tags[3]).contains("counted as void. If you have not voted, somebody else has."));
    assert!(of_tag(made.tags[2]).contains("counted as no"));
    let nobodys = checked(&made.lines(), &Brought { tag: Some([7; 32]), ..Brought::default() }).unwrap();
    assert!(nobodys.faults.is_empty() && nobodys.misfits[0].contains("not in the electorate"), "{nobodys:?}");
}

/// Whoever changes one thing and signs anew is found out all the same, as far as the parts bind each other.
#[test]
fn whatever_is_changed_is_a_fault() {
    let cases: [(&str, fn(&mut Made), bool); 18] = [
        ("not signed by the key", |made| made.statement.terms_hash = "00".repeat(32), false),
        ("not signed by the key", |made| made.statement.signature.clear(), false),
        ("Counted again it is 2 yes, 1 no", |made| made.statement.yes = 3, true),
        ("By its rules the vote is accepted", |made| made.statement.outcome = VoteState::Rejected, true),
        ("By its rules the vote is rejected", |made| made.statement.quorum_bp = 8_000, true),
        ("No vote can be decided", |made| made.statement.threshold_denominator = 0, true),
        ("its rules say 200 seconds", |made| made.statement.voting_period_s = 200, true),
        ("its rules say", |made| made.statement.closed_at = at(99), true),
        ("and 50 more at most", |made| (made.statement.late_quorum_s, made.statement.closes_at) = (50, at(151)), true),
        ("a second ballot of an elector", |made| made.statement.final_ballots = true, true),
        (
            "could still have changed its outcome",
            |made| (made.statement.final_ballots, made.statement.closed_at) = (true, at(99)),
            true,
        ),
        ("not those of which the electorate's root", |made| made.tags[4][31] ^= 1, true),
        ("not in ascending order, each once", |made| made.tags.swap(3, 4), true),
        ("not in ascending order, each once", |made| made.tags[4] = made.tags[3], true),
        ("not those of which the log's root", |made| made.leaves[1].2 = Some(Choice::No), true),
        ("not those of which the log's root", |made| made.leaves[1].3[0] ^= 1, true),
        ("not those of which the log's root", |made| made.leaves.swap(1, 4), true),
        ("ballot 2 of an elector who has cast 1", |made| made.leaves[3].1 = 2, true),
    ];
    for (words, change, signs) in cases {
        let mut made = Made::new();
        change(&mut made);
        if signs {
            made.sign();
        }
        let verdict = checked(&made.lines(), &Brought::default()).unwrap();
        assert!(verdict.faults.iter().any(|fault| fault.contains(words)), "{words}: {verdict:?}");
    }
    let (made, other) = (Made::new(), tempfile::tempdir().unwrap());
    let stranger = Signer::load_or_make(&other.path().join("key"), &Entropy::seeded(9)).unwrap();
    let brought = Brought { key: Some(stranger.public().into()), ..Brought::default() };
    assert!(checked(&made.lines(), &brought).unwrap().faults[0].contains("is signed by the key"));
}

#[test]
fn a_receipt_that_does_not_fit_is_a_fault() {
    let made = Made::new();
    let cases: [(&str, fn(&mut Kept)); 14] = [
        ("not in its place", |kept| kept.choice = Choice::No),
        ("not in its place", |kept| kept.receipt.nonce = "00".repeat(32)),
        ("not in its place", |kept| kept.receipt.sequence = 1),
        ("not in its place", |kept| kept.receipt.tag = "00".repeat(32)),
        ("not in its place", |kept| kept.receipt.log_index = 0),
        ("not signed by the key", |kept| kept.receipt.head.signature.clear()),
        ("is not among the 3 of its own log", |kept| kept.receipt.log_index = 99),
        ("of a log of 7 ballots", |kept| kept.receipt.head.size = 7),
        ("not the beginning of the published one", |kept| kept.receipt.head.root = "00".repeat(32)),
        ("not signed by the key", |kept| kept.receipt.head.key_id = "another".into()),
        ("commitment is not that", |kept| kept.receipt.commitment = Some("00".repeat(32))),
        ("leaf_hash is not that", |kept| kept.receipt.leaf_hash = Some("00".repeat(32))),
        ("does not lead", |kept| kept.receipt.inclusion_proof = Some(Vec::new())),
        ("does not lead", |kept| kept.receipt.inclusion_proof.as_mut().unwrap()[0] = "zz".into()),
    ];
    for (words, change) in cases {
        let mut kept = made.receipt(1, 3);
        change(&mut kept);
        let verdict = with_receipt(&made, kept);
        assert!(verdict.misfits.iter().any(|misfit| misfit.contains(words)), "{words}: {verdict:?}");
        assert!(verdict.faults.is_empty(), "nothing is wrong with the vote: {verdict:?}");
        let still_shown = verdict.shown.iter().any(|shown| shown.starts_with("Your ballot is in the log"));
        assert!(!still_shown || !words.contains("signed") && !words.contains("beginning"), "{words}: {verdict:?}");
    }
    let mut elsewhere = made.receipt(1, 3);
    elsewhere.vote_id = VoteId::new(at(1), &Entropy::seeded(5));
    let misfits = with_receipt(&made, elsewhere).misfits;
    assert!(misfits.len() == 1 && misfits[0].contains("of another vote"), "{misfits:?}");
    let mut unread = made.receipt(1, 3);
    unread.receipt.tag = "zz".into();
    let brought = Brought { receipt: Some(unread), ..Brought::default() };
    assert!(checked(&made.lines(), &brought).unwrap_err().detail().contains("its tag is not 64 hex digits"));
}

#[test]
fn what_is_no_bundle_is_refused_with_the_line() {
    let lines = Made::new().lines();
    let refused = |lines: &[String]| checked(lines, &Brought::default()).unwrap_err().detail().to_owned();
    for end in 0..lines.len() {
        assert!(
            refused(&lines[..end]).starts_with(&format!("Line {} of the bundle: the bundle ends", end + 1)),
            "{end}"
        );
    }
    let with = |at: usize, line: &str| {
        let mut lines = lines.clone();
        lines[at] = line.into();
        refused(&lines)
    };
    for (at, line, words) in [
        (0, "{}", "Line 1 of the bundle: this is not the statement"),
        (0, "", "Line 1 of the bundle: this is not the statement"),
        (2, "\"ab\"", "Line 3 of the bundle: a tag is 64 hex digits"),
        (2, "7", "Line 3 of the bundle: this is not the tag of an elector"),
        (7, "[5,0,\"yes\",\"00\"]", "a nonce is 64 hex digits"),
        (7, "[0,0,\"maybe\",\"00\"]", "a ballot says yes, no, abstain or void"),
        (7, "[0,-1,\"yes\",\"00\"]", "a whole number that is not negative"),
    ] {
        assert!(with(at, line).contains(words), "{}", with(at, line));
    }
    let nobody = format!("[5,0,\"yes\",\"{}\"]", "00".repeat(32));
    assert!(with(7, &nobody).contains("elector 5 is none of the 5"));
    let endless = with(3, &"9".repeat(20_000));
    assert!(endless.starts_with("Line 4 of the bundle"), "{endless}");
    let more = [lines.clone(), vec!["[]".into()]].concat();
    assert!(refused(&more).contains("goes on after line 12"), "{}", refused(&more));
    let other = lines[0].replace(FORMAT, "refrain-vote-bundle-2");
    assert!(with(0, &other).contains("of the shape refrain-vote-bundle-2"));
}

proptest! {
    /// Whatever somebody hands over is answered in words, and takes no more memory than it is long.
    #[test]
    fn whatever_stands_there_is_answered(
        at in 0..12usize, bytes in proptest::collection::vec(any::<u8>(), 0..200), place in any::<prop::sample::Index>(),
    ) {
        let lines = Made::new().lines();
        let _ = verify(&bytes[..], &Brought::default());
        let mut other = lines.clone();
        other[at] = String::from_utf8_lossy(&bytes).into_owned();
        let _ = checked(&other, &Brought::default());
        // One letter of a whole bundle is another one: it does not hold, or can not be read.
        let mut text: Vec<u8> = lines.join("\n").into_bytes();
        text.push(b'\n');
        let changed = place.index(text.len());
        text[changed] = if text[changed] == b'7' { b'8' } else { b'7' };
        let verdict = verify(&text[..], &Brought::default());
        prop_assert!(verdict.map_or(true, |verdict| !verdict.faults.is_empty()), "letter {changed}");
    }
}
