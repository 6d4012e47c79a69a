//! What is published of an ended vote, so that anybody can count it again: rules, tags of the electorate, and every leaf of the
//! log with what opens it. And the checking of that, which needs no server and trusts nobody.
//!
//! A bundle is lines of JSON, each with a line feed. First a [`Statement`]. Then, for each elector, the tag in hex, in ascending
//! order. Then, for each leaf in the order of the log, `[elector, sequence, says, nonce]`: the number of the elector's line from
//! 0, how many leaves of the elector come before, `yes`, `no`, `abstain` or `void`, and the nonce in hex. Nothing in it names
//! anybody, or says when a ballot arrived.

use super::commitment::{self, Opening, Tag, VOID};
use super::head::{Head, SignedHead};
use super::log::{Frontier, Hash, leaf_hash};
use super::model::{Choice, Vote, VoteState};
use super::rules::{self, Passing, Tally};
use super::words;
use crate::clock::UtcTime;
use crate::error::{Error, Result};
use crate::ids::VoteId;
use crate::money::{counted, grouped};
use crate::signing::{PublicKey, Signer};
use crate::text::without_types;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::io::{BufRead, Read};

/// The name of this shape.
pub const FORMAT: &str = "refrain-vote-bundle-1";
/// Longer than any line of a bundle.
const LINE_BYTES_MAX: u64 = 8_192;
/// Faults that are told one by one; more tell nothing more.
const FAULTS_TOLD: usize = 20;

/// A leaf as a line has it: number of the elector, sequence, what it says, nonce.
pub type LeafLine<'a> = (usize, u32, &'a str, String);

/// What the service says of a vote and signs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)] // as in the vote and its log
pub struct Statement {
    pub format: String,
    pub vote_id: VoteId,
    pub terms_hash: String,
    pub quorum_bp: i32,
    pub threshold_numerator: i32,
    pub threshold_denominator: i32,
    pub voting_period_s: i64,
    pub opens_at: UtcTime,
    pub closes_at: UtcTime,
    pub closed_at: UtcTime,
    pub electors: u64,
    pub electorate_root: String,
    pub yes: i64,
    pub no: i64,
    pub abstain: i64,
    /// `accepted` or `rejected`.
    pub outcome: VoteState,
    pub log_size: u64,
    pub log_root: String,
    /// The public key, Ed25519 in base64url without padding.
    pub key: String,
    /// Over [`Statement::text`], in the same form.
    pub signature: String,
}

impl Statement {
    /// What is said of a vote that has been counted; `None` where it has not, or has no log.
    ///
    /// # Errors
    /// `internal` where the row is damaged.
    pub fn of(vote: &Vote, signer: &Signer) -> Result<Option<Self>> {
        let (Some(tally), Some(window), Some(closed_at)) = (vote.tally(), vote.window(), vote.closed_at) else {
            return Ok(None);
        };
        let Some(root) = &vote.electorate_root else { return Ok(None) };
        let log = vote.log()?;
        let mut statement = Statement {
            format: FORMAT.into(),
            vote_id: vote.id.clone(),
            terms_hash: vote.terms_hash.clone(),
            quorum_bp: vote.quorum_bp,
            threshold_numerator: vote.threshold_numerator,
            threshold_denominator: vote.threshold_denominator,
            voting_period_s: vote.voting_period_s,
            opens_at: window.opens_at,
            closes_at: rules::effective_deadline(&window),
            closed_at,
            electors: u64::try_from(vote.electors).map_err(Error::internal)?,
            electorate_root: hex::encode(root),
            yes: tally.yes,
            no: tally.no,
            abstain: tally.abstain,
            outcome: vote.state,
            log_size: log.size(),
            log_root: log.root().to_string(),
            key: signer.public().text(),
            signature: String::new(),
        };
        statement.signature = signer.sign(statement.text().as_bytes());
        Ok(Some(statement))
    }

    /// The text that is signed: a line for each thing said, each with a line feed.
    pub fn text(&self) -> String {
        let Statement { vote_id, terms_hash, opens_at, closes_at, closed_at, .. } = self;
        [
            "refrain-vote-result-1".to_owned(),
            vote_id.to_string(),
            terms_hash.clone(),
            format!("{} {}/{}", self.quorum_bp, self.threshold_numerator, self.threshold_denominator),
            format!("{} {opens_at} {closes_at} {closed_at}", self.voting_period_s),
            format!("{} {}", self.electors, self.electorate_root),
            format!("{} {} {} {}", self.yes, self.no, self.abstain, self.outcome),
            format!("{} {}", self.log_size, self.log_root),
        ]
        .map(|line| line + "\n")
        .concat()
    }

    fn tally(&self) -> Tally {
        Tally { yes: self.yes, no: self.no, abstain: self.abstain }
    }
}

/// A ballot with its receipt, as the API gives it and a member keeps it. What else stands there is left alone.
#[derive(Debug, Clone, Deserialize)]
#[allow(missing_docs)]
pub struct Kept {
    pub vote_id: VoteId,
    pub choice: Choice,
    pub receipt: KeptReceipt,
}

/// What is needed of a receipt.
#[derive(Debug, Clone, Deserialize)]
#[allow(missing_docs)]
pub struct KeptReceipt {
    pub log_index: u64,
    pub sequence: u32,
    pub tag: String,
    pub nonce: String,
    pub head: KeptHead,
}

/// The head of a receipt.
#[derive(Debug, Clone, Deserialize)]
#[allow(missing_docs)]
pub struct KeptHead {
    pub size: u64,
    pub root: String,
    pub signed_at: UtcTime,
    pub key_id: String,
    pub signature: String,
}

/// What somebody brings along to a bundle.
#[derive(Debug, Clone, Default)]
pub struct Brought {
    /// The service's key, had from elsewhere.
    pub key: Option<PublicKey>,
    /// A receipt.
    pub receipt: Option<Kept>,
    /// One's own tag, whether one has voted or not.
    pub tag: Option<Tag>,
}

/// What the checking of a bundle has come to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Verdict {
    /// What holds, in words.
    pub shown: Vec<String>,
    /// What does not.
    pub faults: Vec<String>,
}

impl Verdict {
    fn expect(&mut self, holds: bool, fault: impl FnOnce() -> String) {
        if !holds && self.faults.len() < FAULTS_TOLD {
            self.faults.push(fault());
        }
    }
}

/// What no bundle can prove.
pub const NOT_PROVED: [&str; 4] = [
    "Who stands behind a tag. A service that lies could count people who do not exist, or vote for members who do not vote. \
     Whoever has not voted can look for their own tag (`your_tag` of the vote): no ballot stands there.",
    "When each ballot arrived: that is left out, as it would tell who voted how. A receipt says when its log was signed.",
    "That the service showed everybody the same log. Receipts of many members, checked against one bundle, show it.",
    "That nobody was paid or pressed: a receipt can be shown to others. Until the deadline a ballot can be changed.",
];

/// Checks a bundle from its lines, and what somebody brings along against it.
///
/// # Errors
/// `invalid`, with the line, where it is no bundle or is cut off. What does not hold in a bundle that can be read is in
/// [`Verdict::faults`].
pub fn verify(reader: impl BufRead, brought: &Brought) -> Result<Verdict> {
    let mut lines = Lines { reader, number: 0, line: String::new() };
    let mut verdict = Verdict::default();
    let statement: Statement = lines.next("the statement of a bundle")?;
    if statement.format != FORMAT {
        return Err(Error::invalid(format!(
            "The bundle is of the shape {}; this program reads {FORMAT}.",
            statement.format
        )));
    }
    let key = check_statement(&statement, brought, &mut verdict)?;
    let tags = read_electorate(&mut lines, &statement, &mut verdict)?;
    let mut wanted = match &brought.receipt {
        Some(kept) => Some(Wanted::of(kept, &statement, &key, &mut verdict)?),
        None => None,
    };
    let leaves = read_log(&mut lines, &statement, &tags, wanted.as_mut(), &mut verdict)?;
    if !lines.is_at_end()? {
        return Err(Error::invalid(format!("The bundle goes on after line {}, where it should end.", lines.number)));
    }
    count_again(&statement, &leaves, &mut verdict);
    if let Some(wanted) = &wanted {
        wanted.tell(&leaves, &mut verdict);
    }
    if let Some(tag) = &brought.tag {
        verdict.shown.push(match tags.binary_search(tag) {
            Err(_) => "Your tag is not in the electorate.".into(),
            Ok(elector) => match leaves.casts[elector] {
                0 => "Your tag is in the electorate, and no ballot was cast under it.".into(),
                _ => format!("Under your tag the ballot counted as {}.", leaves.says(elector)),
            },
        });
    }
    Ok(verdict)
}

fn check_statement(statement: &Statement, brought: &Brought, verdict: &mut Verdict) -> Result<PublicKey> {
    let key = PublicKey::parse(&statement.key)
        .ok_or_else(|| Error::invalid("The statement's key is no Ed25519 key in base64url."))?;
    let is_signed = key.verifies(statement.text().as_bytes(), &statement.signature);
    verdict.expect(is_signed, || "The statement is not signed by the key that it names.".into());
    match &brought.key {
        Some(known) => verdict.expect(*known == key, || {
            format!("The statement is signed by the key {}, and not by {}.", key.id(), known.id())
        }),
        None => verdict.shown.push(format!(
            "The key is {}. Compare it with what the cooperative publishes, or give it with --key.",
            key.id()
        )),
    }
    let window_holds = statement.opens_at < statement.closes_at
        && statement.closes_at == statement.opens_at.plus_s(statement.voting_period_s)
        && statement.closes_at <= statement.closed_at;
    verdict.expect(window_holds, || {
        format!(
            "The vote was open from {} to {} and counted at {}: its rules say {} seconds.",
            statement.opens_at, statement.closes_at, statement.closed_at, statement.voting_period_s
        )
    });
    if is_signed && window_holds {
        verdict.shown.push(format!(
            "The service has signed this result on the terms {}: open from {} until before {}.",
            statement.terms_hash, statement.opens_at, statement.closes_at
        ));
    }
    Ok(key)
}

fn read_electorate<R: BufRead>(lines: &mut Lines<R>, statement: &Statement, verdict: &mut Verdict) -> Result<Vec<Tag>> {
    let mut tags: Vec<Tag> = Vec::new();
    for _ in 0..statement.electors {
        let tag: String = lines.next("the tag of an elector")?;
        tags.push(lines.bytes(&tag, "a tag")?);
    }
    match commitment::electorate_root(tags.iter().copied()) {
        Ok(root) if root.to_string() == statement.electorate_root => {
            let electors = i64::try_from(statement.electors).unwrap_or(i64::MAX);
            verdict.shown.push(format!(
                "The electorate: {}, each with one tag; the root that was fixed before the vote opened is theirs.",
                counted(electors, "electors")
            ));
        }
        Ok(_) => verdict.expect(false, || "The tags are not those of which the electorate's root was made.".into()),
        Err(error) => verdict.expect(false, || error.detail().to_owned()),
    }
    Ok(tags)
}

/// The leaves of a log, as far as counting needs them.
struct Leaves {
    /// Of each elector how many leaves there are.
    casts: Vec<u32>,
    /// And what the last one says.
    last: Vec<Option<Choice>>,
}

impl Leaves {
    fn tally(&self) -> Tally {
        let of = |wanted| self.last.iter().filter(|says| **says == Some(wanted)).count() as i64;
        Tally { yes: of(Choice::Yes), no: of(Choice::No), abstain: of(Choice::Abstain) }
    }

    fn says(&self, elector: usize) -> &'static str {
        self.last[elector].map_or(VOID, Choice::as_str)
    }
}

/// The leaf of a receipt, to be found in the log.
struct Wanted<'a> {
    kept: &'a Kept,
    tag: Tag,
    nonce: [u8; commitment::BYTES],
    /// The elector in whose name it was found, as it was cast.
    found: Option<usize>,
    /// Whether the log had the root of the receipt's head when it was as long.
    is_beginning: bool,
}

impl<'a> Wanted<'a> {
    fn of(kept: &'a Kept, statement: &Statement, key: &PublicKey, verdict: &mut Verdict) -> Result<Self> {
        let Kept { vote_id, receipt, .. } = kept;
        let unread =
            |what: &str| Error::invalid(format!("The receipt cannot be read: its {what} is not 64 hex digits."));
        let bytes = |text: &str, what: &str| {
            hex::decode(text).ok().and_then(|bytes| bytes.try_into().ok()).ok_or_else(|| unread(what))
        };
        let root = Hash::parse(&receipt.head.root).ok_or_else(|| unread("root"))?;
        verdict.expect(*vote_id == statement.vote_id, || format!("The receipt is of another vote: {vote_id}."));
        let KeptHead { size, signed_at, ref key_id, ref signature, .. } = receipt.head;
        let head = Head { vote_id: vote_id.clone(), size, root, signed_at };
        let head = SignedHead { head, key_id: key_id.clone(), signature: signature.clone() };
        verdict
            .expect(head.is_signed_by(key), || "The receipt's log is not signed by the key of the statement.".into());
        verdict.expect(receipt.log_index < size && size <= statement.log_size, || {
            format!("The receipt is of a log of {size} leaves, and the published one has {}.", statement.log_size)
        });
        Ok(Wanted {
            kept,
            tag: bytes(&receipt.tag, "tag")?,
            nonce: bytes(&receipt.nonce, "nonce")?,
            found: None,
            is_beginning: false,
        })
    }

    /// Looks at a leaf that has just been appended.
    fn see(&mut self, elector: usize, tag: &Tag, sequence: u32, opening: &Opening, log: &Frontier) {
        let Kept { choice, receipt, .. } = self.kept;
        if log.size() == receipt.head.size {
            self.is_beginning = log.root().to_string() == receipt.head.root;
        }
        let is_it = *tag == self.tag
            && sequence == receipt.sequence
            && *opening == Opening { choice: Some(*choice), nonce: self.nonce };
        if log.size() == receipt.log_index + 1 && is_it {
            self.found = Some(elector);
        }
    }

    /// What became of the ballot.
    fn tell(&self, leaves: &Leaves, verdict: &mut Verdict) {
        let choice = self.kept.choice;
        verdict.expect(self.is_beginning, || {
            "The log that was signed for the receipt is not the beginning of the published one.".into()
        });
        let Some(elector) = self.found else {
            return verdict.expect(false, || {
                format!("The ballot of the receipt, {choice}, is not in its place in the published log.")
            });
        };
        let is_last = leaves.casts[elector] == self.kept.receipt.sequence + 1;
        verdict.shown.push(match leaves.last[elector] {
            _ if is_last => format!("Your ballot is in the log as you cast it, and it was counted: {choice}."),
            Some(later) => {
                format!("The ballot of this receipt, {choice}, is in the log. A later one of yours took its place and was counted: {later}.")
            }
            None => format!(
                "The ballot of this receipt, {choice}, is in the log. It was made void later, as you left or took a consent back."
            ),
        });
    }
}

fn read_log<R: BufRead>(
    lines: &mut Lines<R>,
    statement: &Statement,
    tags: &[Tag],
    mut wanted: Option<&mut Wanted>,
    verdict: &mut Verdict,
) -> Result<Leaves> {
    let mut leaves = Leaves { casts: vec![0; tags.len()], last: vec![None; tags.len()] };
    let mut log = Frontier::default();
    for _ in 0..statement.log_size {
        let (elector, sequence, says, nonce): (usize, u32, String, String) = lines.next("a leaf of the log")?;
        let opening = Opening { choice: lines.says(&says)?, nonce: lines.bytes(&nonce, "a nonce")? };
        let Some(tag) = tags.get(elector) else {
            return Err(lines.refused(&format!("elector {elector} is none of the {}", tags.len())));
        };
        verdict.expect(sequence == leaves.casts[elector], || {
            format!("Line {}: ballot {sequence} of an elector who has cast {}.", lines.number, leaves.casts[elector])
        });
        let commitment = commitment::commit(&opening, &statement.vote_id, tag);
        log.append(leaf_hash(&commitment::leaf(&statement.vote_id, tag, sequence, &commitment)));
        if let Some(wanted) = &mut wanted {
            wanted.see(elector, tag, sequence, &opening, &log);
        }
        leaves.casts[elector] += 1;
        leaves.last[elector] = opening.choice;
    }
    let is_root = log.root().to_string() == statement.log_root;
    verdict.expect(is_root, || "The opened ballots are not those of which the log's root was made.".into());
    if is_root {
        verdict.shown.push(format!(
            "The log: {}, opened; the root that the service signed is theirs.",
            counted(i64::try_from(log.size()).unwrap_or(i64::MAX), "ballots")
        ));
    }
    Ok(leaves)
}

fn count_again(statement: &Statement, leaves: &Leaves, verdict: &mut Verdict) {
    let (tally, stated) = (leaves.tally(), statement.tally());
    verdict.expect(tally == stated, || {
        format!(
            "Counted again it is {} yes, {} no, {} abstained; the statement says {}, {}, {}.",
            grouped(tally.yes),
            grouped(tally.no),
            grouped(tally.abstain),
            grouped(stated.yes),
            grouped(stated.no),
            grouped(stated.abstain)
        )
    });
    let passing = Passing::new(statement.quorum_bp, statement.threshold_numerator, statement.threshold_denominator);
    let (Ok(passing), Ok(electors)) = (passing, i64::try_from(statement.electors)) else {
        return verdict.expect(false, || "No vote can be decided by the rules of the statement.".into());
    };
    let outcome = rules::outcome(&passing, electors, tally);
    let state = if outcome.is_accepted() { VoteState::Accepted } else { VoteState::Rejected };
    verdict.expect(state == statement.outcome, || {
        format!("By its rules the vote is {state}; the statement says {}.", statement.outcome)
    });
    if tally == stated && state == statement.outcome {
        verdict.shown.push(format!("Counted again: {}", words::ending(&passing, electors, tally, outcome)));
    }
}

/// The lines of a bundle, one after the other.
struct Lines<R> {
    reader: R,
    /// Of the line that was read last, from 1.
    number: u64,
    line: String,
}

impl<R: BufRead> Lines<R> {
    fn next<T: DeserializeOwned>(&mut self, what: &str) -> Result<T> {
        self.line.clear();
        self.number += 1;
        let read = (&mut self.reader).take(LINE_BYTES_MAX).read_line(&mut self.line);
        if read.map_err(|error| self.refused(&error.to_string()))? == 0 {
            return Err(self.refused(&format!("the bundle ends where {what} should stand; it is cut off")));
        }
        serde_json::from_str(&self.line)
            .map_err(|error| self.refused(&format!("this is not {what}: {}", without_types(&error.to_string()))))
    }

    fn is_at_end(&mut self) -> Result<bool> {
        Ok(self.reader.fill_buf()?.is_empty())
    }

    fn bytes(&self, text: &str, what: &str) -> Result<[u8; commitment::BYTES]> {
        let bytes = hex::decode(text).ok().and_then(|bytes| bytes.try_into().ok());
        bytes.ok_or_else(|| self.refused(&format!("{what} is 64 hex digits")))
    }

    fn says(&self, text: &str) -> Result<Option<Choice>> {
        if text == VOID {
            return Ok(None);
        }
        let known = Choice::ALL.iter().copied().find(|choice| choice.as_str() == text);
        known.map(Some).ok_or_else(|| self.refused("a ballot says yes, no, abstain or void"))
    }

    fn refused(&self, why: &str) -> Error {
        Error::invalid(format!("Line {} of the bundle: {why}.", self.number))
    }
}

#[cfg(test)]
mod tests;
