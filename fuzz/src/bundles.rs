//! Bundles of votes, made, changed and signed anew as the input says. Whatever the check of a bundle finds nothing wrong
//! with is counted here once more, by hand: it has to come to the result that the bundle states.

use crate::clock::{Entropy, UtcTime};
use crate::ids::{AccountId, VoteId};
use crate::signing::Signer;
use crate::votes::bundle::{FORMAT, Kept, KeptHead, KeptReceipt, Statement};
use crate::votes::commitment::{self, Opening, Tag};
use crate::votes::head::Head;
use crate::votes::log::{Frontier, leaf_hash};
use crate::votes::model::{Choice, VoteState};
use crate::votes::verifying::{Brought, Verdict, verify};
use serde_json::Value;
use std::sync::OnceLock;

const START_S: i64 = 1_767_225_600;

/// The input, byte by byte; zeros when it is used up.
struct Bytes<'a>(&'a [u8]);

impl Bytes<'_> {
    fn next(&mut self) -> u8 {
        let Some((first, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        *first
    }

    fn below(&mut self, end: usize) -> usize {
        let number = usize::from(self.next()) << 8 | usize::from(self.next());
        number % end.max(1)
    }

    fn small(&mut self) -> i64 {
        i64::from(self.next() % 8)
    }
}

#[derive(Clone)]
struct Made {
    statement: Statement,
    tags: Vec<Tag>,
    /// Elector, sequence, what it says, nonce.
    leaves: Vec<(usize, u32, Option<Choice>, [u8; 32])>,
}

fn signer() -> &'static Signer {
    static SIGNER: OnceLock<Signer> = OnceLock::new();
    SIGNER.get_or_init(|| {
        let directory = tempfile::tempdir().unwrap();
        Signer::load_or_make(&directory.path().join("key"), &Entropy::seeded(1)).unwrap()
    })
}

fn at(s: i64) -> UtcTime {
    UtcTime::from_unix_s(START_S + s).unwrap()
}

fn choice(byte: u8) -> Option<Choice> {
    [Some(Choice::Yes), Some(Choice::No), Some(Choice::Abstain), Some(Choice::Yes), None][usize::from(byte % 5)]
}

/// Whether so many yes and no pass.
fn passes(quorum_bp: i64, (part, whole): (i64, i64), electors: i64, yes: i64, no: i64) -> bool {
    let quorum = yes >= 1 && yes * 10_000 >= electors * quorum_bp;
    quorum && if part * 2 == whole { yes > no } else { yes * whole >= part * (yes + no) }
}

impl Made {
    /// A vote that is right in every part.
    fn honest(bytes: &mut Bytes) -> Self {
        let electors = 1 + bytes.below(5);
        let entropy = Entropy::seeded(2);
        let vote_id = VoteId::new(at(0), &entropy);
        let mut tags: Vec<Tag> =
            (0..electors).map(|_| commitment::tag(b"key", &AccountId::new(at(0), &entropy))).collect();
        tags.sort_unstable();
        let is_final = bytes.next().is_multiple_of(4);
        let mut leaves: Vec<(usize, u32, Option<Choice>, [u8; 32])> = Vec::new();
        for _ in 0..bytes.below(10) {
            let elector = bytes.below(electors);
            let casts = leaves.iter().filter(|leaf| leaf.0 == elector).count() as u32;
            let says = choice(bytes.next());
            // Where ballots are final, all that may come after one is that it is void.
            let says = if is_final && casts > 0 { None } else { says };
            leaves.push((elector, casts, says, entropy.bytes()));
        }
        let statement = Statement {
            format: FORMAT.into(),
            vote_id,
            terms_hash: "9f".repeat(32),
            quorum_bp: [1, 2_500, 5_000, 10_000][bytes.below(4)],
            threshold_numerator: [1, 2, 1, 51][bytes.below(4)],
            threshold_denominator: [2, 3, 1, 100][bytes.below(4)].max(1),
            voting_period_s: 100,
            late_quorum_s: [0, 50][bytes.below(2)],
            final_ballots: is_final,
            opens_at: at(0),
            closes_at: at(100),
            closed_at: at(100 + bytes.small()),
            electors: electors as u64,
            electorate_root: String::new(),
            yes: 0,
            no: 0,
            abstain: 0,
            outcome: VoteState::Rejected,
            log_size: 0,
            log_root: String::new(),
            key: signer().public().text(),
            signature: String::new(),
        };
        let mut made = Made { statement, tags, leaves };
        if made.statement.threshold_numerator > made.statement.threshold_denominator {
            made.statement.threshold_denominator = 100;
        }
        made.say();
        made
    }

    /// States what the leaves give, and signs it.
    fn say(&mut self) {
        let count = |wanted| {
            let last = |elector| self.leaves.iter().rev().find(|leaf| leaf.0 == elector).and_then(|leaf| leaf.2);
            (0..self.tags.len()).filter(|elector| last(*elector) == Some(wanted)).count() as i64
        };
        let (yes, no, abstain) = (count(Choice::Yes), count(Choice::No), count(Choice::Abstain));
        let log_root = self.log(self.leaves.len()).root().to_string();
        let said = &mut self.statement;
        (said.yes, said.no, said.abstain) = (yes, no, abstain);
        let threshold = (said.threshold_numerator.into(), said.threshold_denominator.into());
        let is_accepted = passes(said.quorum_bp.into(), threshold, said.electors as i64, yes, no);
        said.outcome = if is_accepted { VoteState::Accepted } else { VoteState::Rejected };
        said.electorate_root = commitment::electorate_root(self.tags.iter().copied()).unwrap().to_string();
        (said.log_size, said.log_root) = (self.leaves.len() as u64, log_root);
        self.sign();
    }

    fn sign(&mut self) {
        self.statement.signature = signer().sign(self.statement.text().as_bytes());
    }

    fn log(&self, size: usize) -> Frontier {
        let mut log = Frontier::default();
        for (elector, sequence, choice, nonce) in &self.leaves[..size] {
            let (tag, id) = (&self.tags[*elector], &self.statement.vote_id);
            let commitment = commitment::commit(&Opening { choice: *choice, nonce: *nonce }, id, tag);
            log.append(leaf_hash(&commitment::leaf(id, tag, *sequence, &commitment)));
        }
        log
    }

    fn text(&self) -> Vec<u8> {
        let mut lines = vec![serde_json::to_string(&self.statement).unwrap()];
        lines.extend(self.tags.iter().map(|tag| format!("\"{}\"", hex::encode(tag))));
        for (elector, sequence, says, nonce) in &self.leaves {
            let says = says.map_or("void", Choice::as_str);
            lines.push(format!("[{elector},{sequence},\"{says}\",\"{}\"]", hex::encode(nonce)));
        }
        lines.into_iter().flat_map(|line| (line + "\n").into_bytes()).collect()
    }

    /// What the member of a leaf keeps, of a log that was as long as the input says.
    fn receipt(&self, index: usize, bytes: &mut Bytes) -> Option<Kept> {
        let (elector, sequence, says, nonce) = *self.leaves.get(index)?;
        let size = index + 1 + bytes.below(self.leaves.len() - index);
        let (vote_id, root) = (self.statement.vote_id.clone(), self.log(size).root());
        let head = Head { vote_id: vote_id.clone(), size: size as u64, root, signed_at: at(50) }.signed(signer());
        let head = KeptHead {
            size: size as u64,
            root: root.to_string(),
            signed_at: at(50),
            key_id: head.key_id,
            signature: head.signature,
        };
        let (tag, nonce) = (hex::encode(self.tags[elector]), hex::encode(nonce));
        let (commitment, leaf_hash, inclusion_proof) = (None, None, None);
        let receipt =
            KeptReceipt { log_index: index as u64, sequence, tag, nonce, commitment, leaf_hash, inclusion_proof, head };
        Some(Kept { vote_id, choice: says?, receipt })
    }

    /// Has whoever runs the service lie in one thing, which may be the truth by chance.
    fn lie(&mut self, bytes: &mut Bytes) {
        let (place, number) = (bytes.next(), bytes.small());
        let said = &mut self.statement;
        match place % 18 {
            0 => said.yes = number,
            1 => said.no = number,
            2 => said.abstain = number,
            3 => said.outcome = VoteState::ALL[number as usize % VoteState::ALL.len()],
            4 => said.quorum_bp = [0, 1, 3_000, 9_999, 10_000, 10_001, i32::MAX, i32::MIN][number as usize],
            5 => said.threshold_numerator = number as i32 - 2,
            6 => said.threshold_denominator = number as i32 - 2,
            7 => said.final_ballots = !said.final_ballots,
            8 => said.closed_at = at(number * 30),
            9 => said.closes_at = at(number * 30),
            10 => said.voting_period_s = [0, 100, -1, i64::MAX, i64::MIN, 99, 101, 150][number as usize],
            11 => said.late_quorum_s = [0, 50, -1, i64::MAX, i64::MIN, 49, 51, 100][number as usize],
            12 => said.electors = [0, 1, 2, 3, 4, 5, 6, u64::MAX][number as usize],
            13 => said.log_size = [0, 1, 2, 3, 4, 5, 6, u64::MAX][number as usize],
            14 if !self.leaves.is_empty() => {
                let leaf = bytes.below(self.leaves.len());
                self.leaves[leaf].2 = choice(bytes.next());
            }
            15 if !self.leaves.is_empty() => {
                let leaf = bytes.below(self.leaves.len());
                self.leaves[leaf].1 = number as u32;
            }
            16 if !self.leaves.is_empty() => {
                let (from, to) = (bytes.below(self.leaves.len()), bytes.below(self.leaves.len()));
                self.leaves.swap(from, to);
            }
            17 if !self.leaves.is_empty() => {
                let leaf = bytes.below(self.leaves.len());
                self.leaves[leaf].0 = bytes.below(self.tags.len());
            }
            _ => said.terms_hash.push('0'),
        }
        match bytes.next() % 3 {
            0 => self.sign(),
            // The root of other leaves, under the same result.
            1 => {
                self.statement.log_root = self.log(self.leaves.len()).root().to_string();
                self.sign();
            }
            _ => {}
        }
    }
}

/// Changes the bytes of a bundle, somewhere.
fn scratched(bytes: &mut Bytes, mut text: Vec<u8>) -> Vec<u8> {
    for _ in 0..bytes.below(4) {
        let place = bytes.below(text.len());
        match bytes.next() % 5 {
            0 if !text.is_empty() => text[place] = bytes.next(),
            1 => text.insert(place, bytes.next()),
            2 if !text.is_empty() => drop(text.remove(place)),
            3 => text.truncate(place),
            _ => {
                let mut lines: Vec<&[u8]> = text.split_inclusive(|byte| *byte == b'\n').collect();
                let (from, to) = (bytes.below(lines.len()), bytes.below(lines.len()));
                if from < lines.len() && bytes.next().is_multiple_of(2) {
                    lines.swap(from, to);
                } else if from < lines.len() {
                    lines.insert(to, lines[from]);
                }
                text = lines.concat();
            }
        }
    }
    text
}

/// Follows the input.
pub fn check(input: &[u8]) {
    let mut bytes = Bytes(input);
    if bytes.next().is_multiple_of(8) {
        judge(bytes.0, &Brought::default(), None);
        return;
    }
    let honest = Made::honest(&mut bytes);
    let index = bytes.below(honest.leaves.len());
    let receipt = honest.receipt(index, &mut bytes);
    let tag = honest.tags.get(bytes.below(honest.tags.len() + 1)).copied();
    let brought = Brought { key: Some(signer().public().into()), receipt, tag };
    let text = honest.text();
    let verdict = judge(&text, &brought, Some(&honest)).expect("it is a bundle");
    assert_eq!([verdict.faults, verdict.misfits].concat(), Vec::<String>::new(), "nothing is wrong with it");
    let mut other = honest.clone();
    for _ in 0..bytes.below(3) {
        other.lie(&mut bytes);
    }
    let is_said_anew = other.statement.signature != honest.statement.signature;
    let text = scratched(&mut bytes, other.text());
    judge(&text, &brought, (!is_said_anew).then_some(&honest));
}

/// Has a bundle checked, and counts again what nothing is found to be wrong with. Where the service has signed nothing but
/// the truth, nothing else may pass for it.
fn judge(text: &[u8], brought: &Brought, truth: Option<&Made>) -> Option<Verdict> {
    let verdict = verify(text, brought).ok()?;
    if !verdict.faults.is_empty() {
        return Some(verdict);
    }
    let lines: Vec<Value> = text
        .split(|byte| *byte == b'\n')
        .filter(|line| !line.is_empty())
        .map(|line| serde_json::from_slice(line).expect("a line of a bundle is JSON"))
        .collect();
    let said = &lines[0];
    let number = |name: &str| said[name].as_i64().expect("a number");
    let electors = number("electors") as usize;
    let (tags, leaves) = lines[1..].split_at(electors);
    assert_eq!(leaves.len() as i64, number("log_size"));
    let mut last: Vec<Option<&str>> = vec![None; electors];
    let mut casts = vec![0; electors];
    for leaf in leaves {
        let elector = leaf[0].as_u64().expect("a number") as usize;
        assert_eq!(leaf[1].as_i64(), Some(casts[elector]), "ballots are counted up");
        casts[elector] += 1;
        last[elector] = leaf[2].as_str();
    }
    let count = |says| last.iter().filter(|last| **last == Some(says)).count() as i64;
    let (yes, no, abstain) = (count("yes"), count("no"), count("abstain"));
    assert_eq!((yes, no, abstain), (number("yes"), number("no"), number("abstain")));
    let threshold = (number("threshold_numerator"), number("threshold_denominator"));
    let ends = |yes, no| passes(number("quorum_bp"), threshold, electors as i64, yes, no);
    assert_eq!(said["outcome"], if ends(yes, no) { "accepted" } else { "rejected" });
    let time = |name: &str| UtcTime::parse(said[name].as_str().expect("a text")).expect("a time");
    if time("closed_at") < time("closes_at") {
        let rest = electors as i64 - yes - no - abstain;
        let decided = (0..=rest).all(|more| (0..=rest - more).all(|nos| ends(yes + more, no + nos) == ends(yes, no)));
        assert!(decided && said["final_ballots"] == true, "it ended early, and others could still have voted");
    }
    let hex = |value: &Value| hex::decode(value.as_str().expect("a text")).expect("hex digits");
    if let Some(kept) = brought.receipt.as_ref().filter(|_| verdict.misfits.is_empty()) {
        let leaf = &leaves[kept.receipt.log_index as usize];
        assert_eq!(
            (leaf[2].as_str(), leaf[1].as_u64()),
            (Some(kept.choice.as_str()), Some(kept.receipt.sequence.into()))
        );
        assert_eq!(hex(&leaf[3]), hex::decode(&kept.receipt.nonce).unwrap());
        assert_eq!(hex(&tags[leaf[0].as_u64().unwrap() as usize]), hex::decode(&kept.receipt.tag).unwrap());
    }
    if let Some(truth) = truth {
        let statement: Statement = serde_json::from_value(said.clone()).unwrap();
        assert_eq!(statement.text(), truth.statement.text(), "something else than what was signed");
        assert!(tags.iter().map(hex).eq(truth.tags.iter().map(|tag| tag.to_vec())));
        let is_same = |(leaf, made): (&Value, &(usize, u32, Option<Choice>, [u8; 32]))| {
            let says = made.2.map_or("void", Choice::as_str);
            leaf[0].as_u64() == Some(made.0 as u64) && leaf[2] == says && hex(&leaf[3]) == made.3
        };
        assert!(leaves.len() == truth.leaves.len() && leaves.iter().zip(&truth.leaves).all(is_same));
    }
    Some(verdict)
}
