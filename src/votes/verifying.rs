//! Checking what is published of an ended vote ([`super::bundle`]): needs no server, and trusts nobody.

use super::bundle::{FORMAT, Kept, KeptHead, Statement};
use super::commitment::{self, Opening, Tag, VOID};
use super::head::{Head, SignedHead};
use super::log::{self, Frontier, Hash, leaf_hash};
use super::model::{Choice, VoteState};
use super::rules::{self, Passing, Tally};
use super::words;
use crate::error::{Error, Result};
use crate::money::{counted, grouped};
use crate::signing::{KnownKey, PublicKey};
use crate::text::without_types;
use serde::de::DeserializeOwned;
use std::io::{BufRead, Read};

/// Longer than any line of a bundle.
const LINE_BYTES_MAX: u64 = 8_192;
/// Faults that are told one by one; more tell nothing more.
const FAULTS_TOLD: usize = 20;

/// What somebody brings along to a bundle.
#[derive(Debug, Clone, Default)]
pub struct Brought {
    /// The service's key or its name, had from elsewhere.
    pub key: Option<KnownKey>,
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
    /// What does not fit of what was brought along: that says nothing of the vote.
    pub misfits: Vec<String>,
    /// Whether the statement is signed by the key that it names.
    is_signed: bool,
}

impl Verdict {
    fn expect(&mut self, holds: bool, fault: impl FnOnce() -> String) {
        if !holds && self.faults.len() < FAULTS_TOLD {
            self.faults.push(fault());
        }
    }

    fn expect_fit(&mut self, fits: bool, misfit: impl FnOnce() -> String) {
        if !fits {
            self.misfits.push(misfit());
        }
    }
}

/// What no bundle can prove.
pub const NOT_PROVED: [&str; 4] = [
    "Who stands behind a tag. A service that lies could count people who do not exist, or vote for members who do not vote. \
     Whoever has not voted can look for their own tag (`your_tag` of the vote): no ballot stands there.",
    "When each ballot arrived: that is left out, as it would tell who voted how. A receipt says when its log was signed.",
    "That the service showed everybody the same log. Receipts of many members, checked against one bundle, show it.",
    "That nobody was paid or pressed: a receipt can be shown to others. Where ballots are not final, whoever is pressed can vote anew \
     until the deadline.",
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
        Some(kept) if kept.vote_id != statement.vote_id => {
            verdict.misfits.push(format!("The receipt is of another vote, {}.", kept.vote_id));
            None
        }
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
        match tags.binary_search(tag) {
            Err(_) => verdict.misfits.push("Your tag is not in the electorate: it is of another vote, or you were left out.".into()),
            Ok(elector) if leaves.casts[elector] == 0 => {
                verdict.shown.push("Your tag is in the electorate, and no ballot was cast under it.".into());
            }
            Ok(elector) => verdict.shown.push(format!(
                "Under your tag a ballot was cast, and the last one counted as {}. If you have not voted, somebody else has.",
                leaves.says(elector)
            )),
        }
    }
    Ok(verdict)
}

fn check_statement(statement: &Statement, brought: &Brought, verdict: &mut Verdict) -> Result<PublicKey> {
    let key = PublicKey::parse(&statement.key)
        .ok_or_else(|| Error::invalid("The statement's key is no Ed25519 key in base64url."))?;
    let is_signed = key.verifies(statement.text().as_bytes(), &statement.signature);
    verdict.is_signed = is_signed;
    verdict.expect(is_signed, || "The statement is not signed by the key that it names.".into());
    match &brought.key {
        Some(known) => verdict.expect(known.is(&key), || {
            format!("The statement is signed by the key {}, and not by {}.", key.text(), known.text())
        }),
        None => verdict.shown.push(format!(
            "The key is {}. Compare it with the one that the cooperative publishes, or give that with --key.",
            key.text()
        )),
    }
    // Where ballots are final, a vote may end before its deadline; that it was decided is looked at when it is counted.
    let soonest = statement.opens_at.plus_s(statement.voting_period_s);
    let latest = soonest.plus_s(statement.late_quorum_s);
    let window_holds = statement.opens_at < statement.closes_at
        && (soonest..=latest).contains(&statement.closes_at)
        && (statement.final_ballots || statement.closes_at <= statement.closed_at);
    verdict.expect(window_holds, || {
        format!(
            "The vote was open from {} to {} and counted at {}: its rules say {} seconds, and {} more at most.",
            statement.opens_at,
            statement.closes_at,
            statement.closed_at,
            statement.voting_period_s,
            statement.late_quorum_s
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
    /// Whether they are those whose root was signed.
    are_signed: bool,
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
    /// Whether the key of the statement has signed the receipt's head.
    is_signed: bool,
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
        let KeptHead { size, signed_at, ref key_id, ref signature, .. } = receipt.head;
        let head = Head { vote_id: vote_id.clone(), size, root, signed_at };
        let head = SignedHead { head, key_id: key_id.clone(), signature: signature.clone() };
        let (index, published) = (receipt.log_index, statement.log_size);
        let is_signed = head.is_signed_by(key) && *key_id == key.id();
        verdict.expect_fit(is_signed, || "The receipt's log is not signed by the key of the statement.".into());
        verdict.expect_fit(index < size, || {
            format!("The receipt's ballot, {index}, is not among the {size} of its own log.")
        });
        verdict.expect_fit(size <= published, || {
            format!("The receipt is of a log of {size} ballots, and the published one has {published}.")
        });
        let wanted = Wanted {
            kept,
            tag: bytes(&receipt.tag, "tag")?,
            nonce: bytes(&receipt.nonce, "nonce")?,
            found: None,
            is_signed,
            is_beginning: false,
        };
        wanted.check_hashes(root, verdict);
        Ok(wanted)
    }

    /// What a receipt says besides, and follows from the rest.
    fn check_hashes(&self, root: Hash, verdict: &mut Verdict) {
        let Kept { vote_id, choice, receipt } = self.kept;
        let opening = Opening { choice: Some(*choice), nonce: self.nonce };
        let commitment = commitment::commit(&opening, vote_id, &self.tag);
        let leaf = leaf_hash(&commitment::leaf(vote_id, &self.tag, receipt.sequence, &commitment));
        let says = |stated: &Option<String>, is: String| stated.as_ref().is_none_or(|stated| *stated == is);
        verdict.expect_fit(says(&receipt.commitment, hex::encode(commitment)), || {
            "The receipt's commitment is not that of its choice and its nonce.".into()
        });
        verdict.expect_fit(says(&receipt.leaf_hash, leaf.to_string()), || {
            "The receipt's leaf_hash is not that of its commitment.".into()
        });
        if let Some(proof) = &receipt.inclusion_proof {
            let hashes: Option<Vec<Hash>> = proof.iter().map(|hash| Hash::parse(hash)).collect();
            let leads = |hashes: &Vec<Hash>| {
                log::verify_inclusion(&leaf, receipt.log_index, receipt.head.size, hashes, &root).is_ok()
            };
            verdict.expect_fit(hashes.as_ref().is_some_and(leads), || {
                "The receipt's inclusion_proof does not lead from its ballot to the root of its log.".into()
            });
        }
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
        verdict.expect_fit(self.is_beginning, || {
            "The log that was signed for the receipt is not the beginning of the published one.".into()
        });
        let Some(elector) = self.found else {
            return verdict.expect_fit(false, || {
                format!("The ballot of the receipt, {choice}, is not in its place in the published log.")
            });
        };
        if !(self.is_signed && self.is_beginning && leaves.are_signed) {
            return; // it is in a log that is not the signed one
        }
        let is_last = leaves.casts[elector] == self.kept.receipt.sequence + 1;
        verdict.shown.push(match leaves.last[elector] {
            _ if is_last => format!("Your ballot is in the log as you cast it, and it was counted: {choice}."),
            Some(later) => {
                format!("The ballot of this receipt, {choice}, is in the log. A later one took its place and was counted: {later}. If you cast no later one, somebody else has.")
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
    let mut leaves = Leaves { casts: vec![0; tags.len()], last: vec![None; tags.len()], are_signed: false };
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
        verdict.expect(!statement.final_ballots || sequence == 0 || opening.choice.is_none(), || {
            format!("Line {}: a second ballot of an elector, where ballots are final.", lines.number)
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
    leaves.are_signed = is_root && verdict.is_signed;
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
    let was_early = statement.closed_at < statement.closes_at;
    verdict.expect(!was_early || rules::decided_early(&passing, electors, tally).is_some(), || {
        "The vote ended before its deadline, when ballots could still have changed its outcome.".into()
    });
    if tally == stated && state == statement.outcome && leaves.are_signed {
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
