//! Votes and ballots as the API shows them.

use crate::clock::UtcTime;
use crate::error::Result;
use crate::ids::{PoolId, VoteId};
use crate::votes::actions::Seen;
use crate::votes::model::{Ballot, Choice, VoteState};
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
    /// What doing nothing means.
    pub if_you_do_nothing: String,
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
    /// When it ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub closed_at: Option<UtcTime>,
    /// The counted ballots; sealed until the vote has ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub result: Option<TallyView>,
    /// Why it ended as it did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Whether you are in the electorate and the vote has not ended.
    pub you_may_vote: bool,
    /// Your ballot as it counts now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub your_ballot: Option<BallotView>,
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
}

impl VoteView {
    /// A vote as one who looks at it is shown it.
    ///
    /// # Errors
    /// `internal` for a damaged row.
    pub fn of(seen: Seen) -> Result<Self> {
        let Seen { vote, turnout, is_elector, ballot } = seen;
        let passing = vote.passing()?;
        let window = vote.window();
        let result = vote.tally().map(|t| TallyView { yes: t.yes, no: t.no, abstain: t.abstain });
        Ok(VoteView {
            rule: words::rule(&passing, vote.electors),
            if_you_do_nothing: words::doing_nothing(&passing, vote.electors),
            needed_yes: rules::need(&passing, vote.electors),
            threshold: format!("{}/{}", vote.threshold_numerator, vote.threshold_denominator),
            closes_at: window.as_ref().map(rules::effective_deadline),
            result,
            turnout,
            you_may_vote: is_elector && vote.state == VoteState::Open,
            your_ballot: ballot.map(BallotView::from),
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

impl From<Ballot> for BallotView {
    fn from(ballot: Ballot) -> Self {
        BallotView { vote_id: ballot.vote_id, choice: ballot.choice, cast_at: ballot.cast_at }
    }
}
