//! What a vote is and which way it may go.

use crate::clock::UtcTime;
use crate::db::schema::electors;
use crate::error::{Error, Result};
use crate::ids::{AccountId, PoolId, VoteId};
use crate::pools::model::Split;
use crate::text_enum;
use crate::votes::commitment::Tag;
use crate::votes::log::Frontier;
use crate::votes::rules::{Passing, Rules, Tally, Window};
use diesel::NullableExpressionMethods;

text_enum! {
    /// Where a vote stands.
    pub enum VoteState {
        /// Its electorate is being listed; nobody sees it yet.
        Opening = "opening",
        /// Ballots are taken until the deadline.
        Open = "open",
        /// Ended: the members said yes.
        Accepted = "accepted",
        /// Ended: the members did not say yes.
        Rejected = "rejected",
        /// Ended without a decision: the offer was withdrawn or the vote was called off.
        Void = "void",
    }
}

text_enum! {
    /// What a ballot says.
    pub enum Choice {
        /// Sell on these terms.
        Yes = "yes",
        /// Do not sell on these terms.
        No = "no",
        /// Neither: counted as turnout only.
        Abstain = "abstain",
    }
}

impl VoteState {
    /// The states from which a vote may come to this one. Everything else is refused.
    pub const fn allowed_from(self) -> &'static [VoteState] {
        match self {
            VoteState::Opening => &[],
            VoteState::Open => &[VoteState::Opening],
            VoteState::Accepted | VoteState::Rejected => &[VoteState::Open],
            VoteState::Void => &[VoteState::Opening, VoteState::Open],
        }
    }

    /// Whether nothing can change any more.
    pub const fn is_final(self) -> bool {
        matches!(self, VoteState::Accepted | VoteState::Rejected | VoteState::Void)
    }
}

/// A vote, with the rules that were frozen into it.
#[derive(Debug, Clone, diesel::Queryable, diesel::Selectable)]
#[diesel(table_name = crate::db::schema::votes)]
pub struct Vote {
    /// Its id.
    pub id: VoteId,
    /// The pool whose members vote.
    pub pool_id: PoolId,
    /// What is voted on, in plain words.
    pub subject_text: String,
    /// SHA-256 of the exact terms, in hex.
    pub terms_hash: String,
    /// Where it stands.
    pub state: VoteState,
    /// Size of the electorate.
    pub electors: i64,
    /// The version of the pool's membership of which the electorate was taken.
    pub membership_version: i64,
    /// Approval quorum in basis points of the electorate.
    pub quorum_bp: i32,
    /// Share of yes among yes and no that is needed: numerator.
    pub threshold_numerator: i32,
    /// Its denominator.
    pub threshold_denominator: i32,
    /// How long ballots are taken, in seconds.
    pub voting_period_s: i64,
    /// When ballots were first taken.
    pub opens_at: Option<UtcTime>,
    /// The deadline as it is kept; ask [`crate::votes::rules::effective_deadline`] for the one that counts.
    pub closes_at: Option<UtcTime>,
    /// When it ended.
    pub closed_at: Option<UtcTime>,
    /// Ballots for, once it has ended.
    pub yes: Option<i64>,
    /// Ballots against, once it has ended.
    pub no: Option<i64>,
    /// Abstentions, once it has ended.
    pub abstain: Option<i64>,
    /// Why it ended as it did, in words.
    pub reason: Option<String>,
    /// The key by which members become tags; `None` once it is destroyed.
    pub tag_key: Option<Vec<u8>>,
    /// Root of the Merkle tree over the electorate's tags, once the electorate is listed.
    pub electorate_root: Option<Vec<u8>>,
    /// Leaves in its log.
    pub log_size: i64,
    /// The log's frontier; ask [`crate::votes::log::Frontier`].
    pub log_frontier: Option<Vec<u8>>,
    /// Ballots for that count as of now. Sealed until it has ended.
    pub live_yes: i64,
    /// Ballots against that count as of now.
    pub live_no: i64,
    /// Abstentions that count as of now.
    pub live_abstain: i64,
    /// Seconds that are left at least when the yes that are needed are reached.
    pub late_quorum_s: i64,
    /// Whether a ballot that is cast cannot be changed.
    pub final_ballots: bool,
    /// What is shown while it is open.
    pub split: Split,
    /// Where the deadline was moved to.
    pub extended_to: Option<UtcTime>,
    /// Reminders that went out to those who had not voted.
    pub reminders_sent: i32,
    /// Whether every elector was a member with all consents at the instant of opening. Whoever has left or taken a consent back
    /// since is marked in the electorate.
    pub electors_settled: bool,
}

impl Vote {
    /// The ballots that count as of now: sealed until the vote has ended, but for their number.
    pub fn live_tally(&self) -> Tally {
        Tally { yes: self.live_yes, no: self.live_no, abstain: self.live_abstain }
    }

    /// Its log, so far.
    ///
    /// # Errors
    /// `internal` where the row is damaged.
    pub fn log(&self) -> Result<Frontier> {
        let size = u64::try_from(self.log_size).map_err(Error::internal)?;
        Frontier::from_bytes(size, self.log_frontier.as_deref().unwrap_or_default())
    }

    /// What it needs to pass.
    ///
    /// # Errors
    /// `invalid` for a row that no rule can have made.
    pub fn passing(&self) -> Result<Passing> {
        Passing::new(self.quorum_bp, self.threshold_numerator, self.threshold_denominator)
    }

    /// All its rules.
    ///
    /// # Errors
    /// As [`Vote::passing`].
    pub fn rules(&self) -> Result<Rules> {
        Ok(Rules {
            passing: self.passing()?,
            voting_period_s: self.voting_period_s,
            late_quorum_s: self.late_quorum_s,
            final_ballots: self.final_ballots,
            split: self.split,
        })
    }

    /// When it takes ballots; `None` while it is being opened.
    pub fn window(&self) -> Option<Window> {
        Some(Window { opens_at: self.opens_at?, closes_at: self.closes_at?, extended_to: self.extended_to })
    }

    /// The result's split; `None` until it was counted.
    pub fn tally(&self) -> Option<Tally> {
        Some(Tally { yes: self.yes?, no: self.no?, abstain: self.abstain? })
    }
}

/// A vote to be made. Its electorate is listed afterwards.
#[derive(Debug, Clone)]
pub struct NewVote {
    /// The pool whose members vote.
    pub pool_id: PoolId,
    /// What is voted on, in plain words.
    pub subject_text: String,
    /// SHA-256 of the exact terms, in hex.
    pub terms_hash: String,
    /// What electors must consent to for as long as their ballots are to count; nothing where what is sold
    /// was drawn already.
    pub purposes: Vec<String>,
    /// Its rules.
    pub rules: Rules,
    /// Size of the electorate, above zero.
    pub electors: i64,
    /// The version of the pool's membership of which the electorate was taken.
    pub membership_version: i64,
}

/// A member of the pool, as a vote sees them.
#[derive(Debug, Clone)]
pub struct Elector {
    /// What stands for them in the log; `None` where they are not in the electorate.
    pub tag: Option<Tag>,
    /// Whether they have taken back a consent without which the data is not sold.
    pub lacks_consent: bool,
    /// Their ballot that counts.
    pub choice: Option<Choice>,
    /// How many they have cast so far.
    pub casts: u32,
}

/// A member's ballot as it counts now.
#[derive(Debug, Clone, diesel::Queryable, diesel::Selectable)]
#[diesel(table_name = electors)]
pub struct Ballot {
    /// The vote.
    pub vote_id: VoteId,
    /// Who cast it.
    pub member_id: AccountId,
    /// What it says.
    #[diesel(select_expression = electors::choice.assume_not_null())]
    pub choice: Choice,
    /// When it was cast last.
    #[diesel(select_expression = electors::cast_at.assume_not_null())]
    pub cast_at: UtcTime,
    /// Its place in the vote's log.
    pub log_index: Option<i64>,
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every state against every other: the table is written out once more, by hand.
    #[test]
    fn a_vote_only_goes_forward() {
        use VoteState::{Accepted, Open, Opening, Rejected, Void};
        let allowed = [(Opening, Open), (Opening, Void), (Open, Accepted), (Open, Rejected), (Open, Void)];
        for &from in VoteState::ALL {
            for &to in VoteState::ALL {
                assert_eq!(to.allowed_from().contains(&from), allowed.contains(&(from, to)), "{from} to {to}");
            }
            let leads_on = VoteState::ALL.iter().any(|to| to.allowed_from().contains(&from));
            assert_eq!(from.is_final(), !leads_on, "{from}");
        }
    }
}
