//! What is published of an ended vote, so that anybody can count it again: rules, tags of the electorate, and every leaf of the
//! log with what opens it. [`super::verifying`] checks it.
//!
//! A bundle is lines of JSON, each with a line feed. First a [`Statement`]. Then, for each elector, the tag in hex, in ascending
//! order. Then, for each leaf in the order of the log, `[elector, sequence, says, nonce]`: the number of the elector's line from
//! 0, how many leaves of the elector come before, `yes`, `no`, `abstain` or `void`, and the nonce in hex. Nothing in it names
//! anybody, or says when a ballot arrived.

use super::model::{Choice, Vote, VoteState};
use super::rules::{self, Tally};
use crate::clock::UtcTime;
use crate::error::{Error, Result};
use crate::ids::VoteId;
use crate::signing::Signer;
use serde::{Deserialize, Serialize};

/// The name of this shape.
pub const FORMAT: &str = "refrain-vote-bundle-1";

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
    pub late_quorum_s: i64,
    pub final_ballots: bool,
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
            late_quorum_s: vote.late_quorum_s,
            final_ballots: vote.final_ballots,
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
            format!("{} {} {}", self.voting_period_s, self.late_quorum_s, self.final_ballots),
            format!("{opens_at} {closes_at} {closed_at}"),
            format!("{} {}", self.electors, self.electorate_root),
            format!("{} {} {} {}", self.yes, self.no, self.abstain, self.outcome),
            format!("{} {}", self.log_size, self.log_root),
        ]
        .map(|line| line + "\n")
        .concat()
    }

    /// The ballots as they are stated.
    pub fn tally(&self) -> Tally {
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
    pub commitment: Option<String>,
    pub leaf_hash: Option<String>,
    pub inclusion_proof: Option<Vec<String>>,
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
