//! Votes and ballots as the API shows them.

use crate::clock::UtcTime;
use crate::error::Result;
use crate::ids::{PoolId, VoteId};
use crate::pools::model::Split;
use crate::text::Hex;
use crate::votes::actions::Seen;
use crate::votes::head::{Head, Receipt, SignedHead};
use crate::votes::log::Hash;
use crate::votes::model::{Ballot, Choice, Elector, VoteState};
use crate::votes::rules::Tally;
use crate::votes::{rules, words};
use serde::Serialize;
use utoipa::ToSchema;

/// A vote, in plain words first.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(example = json!({
    "id": "vote_01jd2k8m0wfv9s3x6q4r7t5y2z",
    "pool_id": "pool_01jd2k8m0wfv9s3x6q4r7t5y2z",
    "state": "open",
    "subject": "Northwind Radio (NL) offers USD 55,000.00 for a licence to \"Artist preference\".",
    "rule": "The offer is accepted if at least 1,800 of the 18,000 members vote yes, and more vote yes than no.",
    "if_you_do_nothing": "If you do nothing, no ballot is counted for you.",
    "terms_hash": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "electors": 18000,
    "turnout": 7012,
    "needed_yes": 1800,
    "quorum_bp": 1000,
    "threshold": "1/2",
    "opens_at": "2026-01-01T12:00:00Z",
    "closes_at": "2026-01-08T12:00:00Z",
    "you_may_vote": true,
    "questions": 3,
    "questions_answered": 2,
    "electorate_root": "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "your_tag": "3031323334353637383940414243444546474849505152535455565758596061",
    "your_ballot": {
        "vote_id": "vote_01jd2k8m0wfv9s3x6q4r7t5y2z", "choice": "yes", "cast_at": "2026-01-02T09:30:00Z"
    }
}))]
pub struct VoteView {
    /// Its id.
    pub id: VoteId,
    /// The pool whose members vote.
    pub pool_id: PoolId,
    /// Where it stands.
    pub state: VoteState,
    /// What is sold, to whom, for what, for how much, and what a share would be about.
    pub subject: String,
    /// What it takes to pass, in words.
    pub rule: String,
    /// What doing nothing means, while the vote is open.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub if_you_do_nothing: Option<String>,
    /// SHA-256 of the exact terms, in hex: the same on the offer, the invoice and the licence.
    pub terms_hash: String,
    /// Size of the electorate. Frozen when the vote opened.
    pub electors: i64,
    /// Ballots cast so far.
    pub turnout: i64,
    /// Ballots in favour that it takes at least.
    pub needed_yes: i64,
    /// The quorum in basis points of the electorate.
    pub quorum_bp: i32,
    /// The share of yes among yes and no that is needed; `1/2` means more yes than no.
    pub threshold: String,
    /// When ballots were first taken.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub opens_at: Option<UtcTime>,
    /// When it is too late: a ballot at this very instant is refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub closes_at: Option<UtcTime>,
    /// That the deadline was moved, and why.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deadline_moved: Option<String>,
    /// When it ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub closed_at: Option<UtcTime>,
    /// The ballots so far, while it is open; only where the pool's rules show them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub so_far: Option<TallyView>,
    /// The counted ballots; sealed until the vote has ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub result: Option<TallyView>,
    /// Why it ended as it did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Whether you are in the electorate, the vote has not ended, and you have not cast a ballot that is final.
    pub you_may_vote: bool,
    /// Questions that were asked about the offer: what and what was answered stands at `/v1/votes/{id}/questions`.
    pub questions: i64,
    /// Of them, those that were answered.
    pub questions_answered: i64,
    /// Root of the Merkle tree over the tags of all electors, in hex: it was fixed before the vote opened.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub electorate_root: Option<String>,
    /// What stands for you in the vote's log, in hex, whether you have voted or not: with it you can see that nobody votes for
    /// you. Where one vote is read, and not in lists.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub your_tag: Option<String>,
    /// Your ballot as it counts now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub your_ballot: Option<BallotView>,
    /// What anybody needs to count the vote again. Once it has ended, where one vote is read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bundle: Option<BundleView>,
}

/// What is published of an ended vote.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(example = json!({
    "href": "/v1/votes/vote_01jd2k8m0wfv9s3x6q4r7t5y2z/bundle", "size_bytes": 3_240_118,
    "sha256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
}))]
pub struct BundleView {
    /// Where it is. `refrain verify` counts it.
    pub href: String,
    /// Its length.
    pub size_bytes: i64,
    /// SHA-256 of its content, in hex.
    pub sha256: String,
}

/// Counted ballots.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(example = json!({"yes": 9950, "no": 50, "abstain": 0}))]
pub struct TallyView {
    /// In favour.
    pub yes: i64,
    /// Against.
    pub no: i64,
    /// Neither.
    pub abstain: i64,
}

/// A ballot.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(example = json!({
    "vote_id": "vote_01jd2k8m0wfv9s3x6q4r7t5y2z", "choice": "yes", "cast_at": "2026-01-02T09:30:00Z"
}))]
pub struct BallotView {
    /// The vote.
    pub vote_id: VoteId,
    /// What it says. It may be changed until the vote closes; the last one counts.
    pub choice: Choice,
    /// When it was cast last.
    pub cast_at: UtcTime,
    /// What to keep of it. Not in lists, and not for votes of before there were receipts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub receipt: Option<ReceiptView>,
}

/// What to keep of a ballot: in words first, then what a machine checks.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(example = json!(example_receipt()))]
pub struct ReceiptView {
    /// What it shows, and what not.
    pub in_words: String,
    /// The ballot's place in the vote's log, from 0.
    pub log_index: i64,
    /// How many of your ballots in this vote come before.
    pub sequence: u32,
    /// What stands for you in the log, in hex. Nobody else can tell that it is you.
    #[schema(value_type = String)]
    pub tag: Hex,
    /// What keeps your choice from being guessed until the end, in hex.
    #[schema(value_type = String)]
    pub nonce: Hex,
    /// SHA-256 over choice, nonce, vote and tag, in hex: what the leaf commits to.
    #[schema(value_type = String)]
    pub commitment: Hex,
    /// The hash of the leaf, in hex.
    #[schema(value_type = String)]
    pub leaf_hash: Hex,
    /// The log with your ballot in it, signed.
    pub head: HeadView,
    /// The hashes that lead from the leaf to the root (RFC 9162, section 2.1.3), in hex; when a ballot is read, not when it is cast.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub inclusion_proof: Option<Vec<String>>,
}

/// A vote's log as it was at some time, signed by the service.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(example = json!(example_receipt().head))]
pub struct HeadView {
    /// The vote.
    pub vote_id: VoteId,
    /// How many leaves the log has.
    pub size: u64,
    /// The root of the Merkle tree over them (RFC 9162), in hex.
    #[schema(value_type = String)]
    pub root: Hex,
    /// When it was signed.
    pub signed_at: UtcTime,
    /// The key's name; the key itself stands at `/v1/signing-key`.
    pub key_id: String,
    /// Ed25519, in base64url without padding, over five lines, each ended by a line feed: `refrain-vote-head-1`, the vote's id,
    /// the size, the root and the time as they stand here.
    pub signature: String,
}

/// Hashes that show something about a log.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(example = json!({"size": 2, "hashes": ["6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"]}))]
pub struct ProofView {
    /// Leaves of the log that it is about.
    pub size: u64,
    /// The hashes, in the order of RFC 9162, in hex.
    pub hashes: Vec<String>,
}

fn example_receipt() -> ReceiptView {
    let bytes = |hex: &str| Hex(*Hash::parse(hex).expect("these are 64 digits").as_bytes());
    ReceiptView {
        in_words: "Your ballot says yes. It is number 17 in the log of this vote.".into(),
        log_index: 16,
        sequence: 0,
        tag: bytes("6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"),
        nonce: bytes("fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"),
        commitment: bytes("aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77"),
        leaf_hash: bytes("d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7"),
        head: HeadView {
            vote_id: VoteId::parse("vote_01jd2k8m0wfv9s3x6q4r7t5y2z").expect("this is the id of a vote"),
            size: 17,
            root: bytes("4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4"),
            signed_at: UtcTime::parse("2026-01-02T09:30:00Z").expect("this is RFC 3339"),
            key_id: "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k".into(),
            signature: "7fBQ0Zc2y9Zk".into(),
        },
        inclusion_proof: None,
    }
}

impl From<Receipt> for ReceiptView {
    fn from(receipt: Receipt) -> Self {
        let hashes = |proof: Vec<Hash>| proof.iter().map(Hash::to_string).collect();
        ReceiptView {
            in_words: words::receipt(receipt.opening.choice, receipt.log_index),
            log_index: receipt.log_index,
            sequence: receipt.sequence,
            tag: Hex(receipt.tag),
            nonce: Hex(receipt.opening.nonce),
            commitment: Hex(receipt.hashed.commitment),
            leaf_hash: Hex(*receipt.hashed.leaf_hash.as_bytes()),
            head: receipt.head.into(),
            inclusion_proof: receipt.proof.map(hashes),
        }
    }
}

impl From<SignedHead> for HeadView {
    fn from(SignedHead { head, key_id, signature }: SignedHead) -> Self {
        let Head { vote_id, size, root, signed_at } = head;
        HeadView { vote_id, size, root: Hex(*root.as_bytes()), signed_at, key_id, signature }
    }
}

impl ProofView {
    /// A proof about a log of so many leaves.
    pub fn of((size, hashes): (u64, Vec<Hash>)) -> Self {
        ProofView { size, hashes: hashes.iter().map(Hash::to_string).collect() }
    }
}

impl VoteView {
    /// A vote as one who looks at it is shown it.
    ///
    /// # Errors
    /// `internal` for a damaged row.
    pub fn of(seen: Seen) -> Result<Self> {
        let Seen { vote, turnout, elector, tag, ballot, questions, bundle } = seen;
        let elector = elector.filter(|elector| elector.tag.is_some());
        let rules = vote.rules()?;
        let passing = rules.passing;
        let window = vote.window();
        let is_open = vote.state == VoteState::Open;
        let so_far = (is_open && rules.split == Split::Live).then(|| vote.live_tally());
        let takes = |elector: &Elector| !(elector.lacks_consent || rules.final_ballots && elector.casts > 0);
        Ok(VoteView {
            rule: words::rule(&rules, vote.electors),
            if_you_do_nothing: match (is_open, &elector) {
                (true, Some(elector)) => Some(words::if_you_do_nothing(&rules, vote.electors, elector)),
                (true, None) => Some(words::NOTHING_TO_DO.into()),
                (false, _) => None,
            },
            needed_yes: rules::need(&passing, vote.electors),
            threshold: format!("{}/{}", vote.threshold_numerator, vote.threshold_denominator),
            closes_at: window.as_ref().map(rules::effective_deadline),
            deadline_moved: window.as_ref().and_then(words::extended),
            so_far: so_far.map(TallyView::from),
            result: vote.tally().map(TallyView::from),
            turnout,
            you_may_vote: is_open && elector.as_ref().is_some_and(takes),
            questions: questions.asked,
            questions_answered: questions.answered,
            electorate_root: vote.electorate_root.map(hex::encode),
            your_tag: tag.map(hex::encode),
            your_ballot: ballot.map(BallotView::from),
            bundle: bundle.map(|bundle| BundleView {
                href: format!("/v1/votes/{}/bundle", bundle.vote_id),
                size_bytes: bundle.size_bytes,
                sha256: bundle.sha256,
            }),
            id: vote.id,
            pool_id: vote.pool_id,
            state: vote.state,
            subject: vote.subject_text,
            terms_hash: vote.terms_hash,
            electors: vote.electors,
            quorum_bp: vote.quorum_bp,
            opens_at: vote.opens_at,
            closed_at: vote.closed_at,
            reason: vote.reason,
        })
    }
}

impl From<Tally> for TallyView {
    fn from(tally: Tally) -> Self {
        TallyView { yes: tally.yes, no: tally.no, abstain: tally.abstain }
    }
}

impl From<Ballot> for BallotView {
    fn from(ballot: Ballot) -> Self {
        BallotView { vote_id: ballot.vote_id, choice: ballot.choice, cast_at: ballot.cast_at, receipt: None }
    }
}

impl BallotView {
    /// A ballot with its receipt, where there is one.
    pub fn with(ballot: Ballot, receipt: Option<Receipt>) -> Self {
        BallotView { receipt: receipt.map(ReceiptView::from), ..ballot.into() }
    }
}
