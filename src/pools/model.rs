//! What a pool is: its rules, its members and their consent, and what its privacy budget still allows.

use crate::clock::UtcTime;
use crate::db::schema::{consents, memberships, pools};
use crate::error::{Error, Result};
use crate::ids::{AccountId, ConsentId, MembershipId, PoolId};
use crate::money::grouped;
use crate::zcdp::{self, CUSTOMARY_DELTA_PICO};
use crate::{text, text_enum};
use diesel::prelude::*;
use serde::{Deserialize, Serialize};

text_enum! {
    /// Whether somebody belongs to a pool.
    pub enum MembershipState {
        /// A member.
        Active = "active",
        /// Was one.
        Left = "left",
    }
}

text_enum! {
    /// What has become of a part of the privacy budget.
    pub enum BudgetState {
        /// Set aside for an edition that may be drawn.
        Reserved = "reserved",
        /// An edition was drawn under it; it never comes back.
        Spent = "spent",
        /// Nothing was drawn; it went back to the pool.
        Released = "released",
    }
}

/// A pool, as the database has it.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable, Insertable)]
#[diesel(table_name = pools)]
pub struct Pool {
    /// Its id.
    pub id: PoolId,
    /// Its name; no two pools share one.
    pub name: String,
    /// What it is about, in words.
    pub description: String,
    /// Where buyers and members may write.
    pub contact_email: String,
    /// What buyers should know about tax.
    pub tax_note: String,
    /// The one currency of its prices.
    pub currency: String,
    /// The service's fee, in basis points of the price.
    pub fee_bp: i32,
    /// Tax on top of the price, in basis points of it.
    pub tax_bp: i32,
    /// No offer below this is taken.
    pub price_floor_minor: i64,
    /// Days in which an accepted offer is to be paid.
    pub payment_days: i32,
    /// How its members decide.
    #[diesel(embed)]
    pub rules: VoteRules,
    /// Privacy loss that all editions together may cost (zCDP), in 1e-9.
    pub rho_cap_nano: i64,
    /// Of it, reserved or spent.
    pub rho_committed_nano: i64,
    /// Failure probability that all editions' thresholds together may cost, in 1e-12.
    pub delta_cap_pico: i64,
    /// Of it, reserved or spent.
    pub delta_committed_pico: i64,
    /// Goes up whenever somebody's right to vote may have changed.
    pub membership_version: i64,
    /// Invoices numbered so far.
    pub invoices_issued: i64,
    /// When it was made.
    pub created_at: UtcTime,
    /// When its settings last changed.
    pub updated_at: UtcTime,
}

/// How a pool's members decide on an offer. An offer passes where enough members say yes (`quorum_bp`
/// of the electorate) and, of those who said yes or no, a large enough share said yes.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable, Insertable, Serialize, Deserialize, utoipa::ToSchema)]
#[diesel(table_name = pools)]
#[serde(deny_unknown_fields, default)]
#[schema(example = json!({
    "quorum_bp": 2_500, "threshold_numerator": 1, "threshold_denominator": 2,
    "voting_period_s": 604_800, "cool_off_s": 1_209_600, "open_votes_max": 3,
    "late_quorum_s": 0, "final_ballots": false, "split": "sealed", "burst_bp": 0, "burst_window_s": 2_419_200
}))]
pub struct VoteRules {
    /// Basis points of the electorate that must say yes: 1 to 10,000, 2,500 if not said.
    #[schema(minimum = 1, maximum = 10000)]
    pub quorum_bp: i32,
    /// The share of yes among yes and no that is enough; 1 of 2 means more yes than no. From 1/2 to 1/1, 1/2 if not said.
    #[schema(minimum = 1, maximum = 10000)]
    pub threshold_numerator: i32,
    /// The lower part of that fraction: 1 to 10,000.
    #[schema(minimum = 1, maximum = 10000)]
    pub threshold_denominator: i32,
    /// Seconds for which a vote is open: a minute to 90 days, 7 days if not said.
    #[schema(minimum = 60, maximum = 7776000)]
    pub voting_period_s: i64,
    /// Seconds that somebody is a member before having a vote: longer than a vote is open, so that
    /// nobody joins to decide an offer that is being prepared. At most 366 days, 14 days if not said.
    #[schema(minimum = 61, maximum = 31622400)]
    pub cool_off_s: i64,
    /// Votes open at the same time; further offers wait. 1 to 100, 3 if not said.
    #[schema(minimum = 1, maximum = 100)]
    pub open_votes_max: i32,
    /// Seconds that are left at least when the yes that are needed are reached: where that is late, the deadline moves,
    /// once, so that everybody has time to answer. A moved deadline tells that the quorum was reached, and when. 0 to the
    /// seconds for which a vote is open; 0, which moves nothing, if not said.
    #[schema(minimum = 0, maximum = 7776000)]
    pub late_quorum_s: i64,
    /// Whether a ballot that is cast cannot be changed. Then a vote ends as soon as no ballot can change its outcome. `false`
    /// if not said: a ballot may be changed until the deadline, and nothing is decided before.
    pub final_ballots: bool,
    /// Whether the split is shown while a vote is open: `sealed`, as it is if not said, or `live`.
    pub split: Split,
    /// If more than this part of an electorate, in basis points, has joined within `burst_window_s` before the offer, the vote
    /// does not open by itself: an operator looks first whether somebody packs the pool. 0 to 9,999; 0, which holds nothing, if
    /// not said, because in a young pool everybody is new and every offer would be held. Offers for an edition that is drawn
    /// already are not held: who was in it was decided before.
    #[schema(minimum = 0, maximum = 9999)]
    pub burst_bp: i32,
    /// How many seconds before the offer count as lately. Longer than `cool_off_s` where `burst_bp` is not 0, as who has joined
    /// since has no vote anyway. At most 732 days, 28 days if not said.
    #[schema(minimum = 60, maximum = 63244800)]
    pub burst_window_s: i64,
}

crate::text_enum! {
    /// What is shown of an open vote besides how many have voted.
    #[derive(Default)]
    pub enum Split {
        /// Nothing: how many said yes and no is told when it has ended.
        #[default]
        Sealed = "sealed",
        /// How many said yes and no so far.
        Live = "live",
    }
}

impl Default for VoteRules {
    fn default() -> Self {
        VoteRules {
            quorum_bp: 2_500,
            threshold_numerator: 1,
            threshold_denominator: 2,
            voting_period_s: 7 * 86_400,
            cool_off_s: 14 * 86_400,
            open_votes_max: 3,
            late_quorum_s: 0,
            final_ballots: false,
            split: Split::Sealed,
            burst_bp: 0,
            burst_window_s: 28 * 86_400,
        }
    }
}

/// What an edition costs the privacy budget.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cost {
    /// Privacy loss (zCDP), in 1e-9.
    pub rho_nano: i64,
    /// Failure probability of its threshold, in 1e-12.
    pub delta_pico: i64,
}

/// A pool's budget: what it may lose, and what has become of it. `cap` = `reserved` + `spent` + `left`.
#[derive(Debug, Clone, PartialEq)]
pub struct Budget {
    /// What all editions together may cost.
    pub cap: Cost,
    /// Set aside for editions that may be drawn.
    pub reserved: Cost,
    /// Gone with editions that were drawn.
    pub spent: Cost,
}

impl Budget {
    /// What further editions may cost.
    pub fn left(&self) -> Cost {
        Cost {
            rho_nano: self.cap.rho_nano - self.reserved.rho_nano - self.spent.rho_nano,
            delta_pico: self.cap.delta_pico - self.reserved.delta_pico - self.spent.delta_pico,
        }
    }
}

impl Cost {
    /// The failure probability at which epsilon is told, in 1e-12: one in a million, and more only where thresholds alone
    /// use up half of that.
    pub fn total_delta_pico(self) -> u64 {
        CUSTOMARY_DELTA_PICO.max(self.delta_pico.unsigned_abs().saturating_mul(2))
    }

    /// Epsilon at the failure probability of [`Cost::total_delta_pico`]; as recipes and editions state it.
    ///
    /// # Errors
    /// `internal`: it cannot be converted.
    pub fn epsilon(self) -> Result<f64> {
        if self.rho_nano == 0 {
            return Ok(0.0);
        }
        let (rho_nano, spent_pico) = (self.rho_nano.unsigned_abs(), self.delta_pico.unsigned_abs());
        let epsilon = zcdp::epsilon(rho_nano, spent_pico, self.total_delta_pico())?;
        epsilon.ok_or_else(|| Error::internal("half of the failure probability is always left"))
    }

    /// The same for people.
    ///
    /// # Errors
    /// As [`Cost::epsilon`].
    pub fn in_words(self) -> Result<String> {
        if self.rho_nano == 0 {
            return Ok("nothing".to_owned());
        }
        let epsilon = self.epsilon()?;
        Ok(format!(
            "rho {} in zero-concentrated differential privacy: whatever somebody believes about one member's listening, \
             the odds change by a factor of at most {:.1} (epsilon {epsilon:.2}), except with a chance of 1 in {}",
            text::decimal(self.rho_nano.unsigned_abs(), 9),
            epsilon.exp(),
            grouped((zcdp::PICO / self.total_delta_pico()) as i64),
        ))
    }
}

/// A version of what members consent to. Never changed; a new wording is a new version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConsentText {
    /// The pool that it belongs to.
    pub pool_id: PoolId,
    /// Counts from 1.
    pub version: i32,
    /// The text that members read.
    pub body: String,
    /// The purposes that members may consent to, each by itself.
    pub purposes: Vec<String>,
    /// From when it holds.
    pub created_at: UtcTime,
}

/// Somebody's place in a pool.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable)]
#[diesel(table_name = memberships)]
pub struct Membership {
    /// Its id.
    pub id: MembershipId,
    /// The pool.
    pub pool_id: PoolId,
    /// Whose it is.
    pub member_id: AccountId,
    /// Whether it still holds.
    pub state: MembershipState,
    /// When it began, for the last time.
    pub joined_at: UtcTime,
    /// When it ended.
    pub left_at: Option<UtcTime>,
}

/// A member's consent to one purpose.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable)]
#[diesel(table_name = consents)]
pub struct Consent {
    /// Its id.
    pub id: ConsentId,
    /// Whose it is.
    pub membership_id: MembershipId,
    /// What for.
    pub purpose: String,
    /// The version of the text that was consented to.
    pub text_version: i32,
    /// When it was given.
    pub given_at: UtcTime,
    /// When it was taken back.
    pub withdrawn_at: Option<UtcTime>,
}

/// A pool with what may be told of it to anyone.
#[derive(Debug, Clone, PartialEq)]
pub struct Listing {
    /// The pool.
    pub pool: Pool,
    /// Its active members.
    pub members: i64,
    /// Its privacy budget.
    pub budget: Budget,
    /// The text that who joins today consents to.
    pub text: ConsentText,
}

/// A membership with its consents, those taken back included, newest first.
#[derive(Debug, Clone, PartialEq)]
pub struct OwnMembership {
    /// The membership.
    pub membership: Membership,
    /// The name of the pool.
    pub pool_name: String,
    /// When the cool-off ends: offers made from then on are this member's to decide.
    pub votes_from: UtcTime,
    /// The version of the text that holds now.
    pub current_text_version: i32,
    /// Every consent ever given.
    pub consents: Vec<Consent>,
}

/// What the house knows about purposes: short words like `market_research`.
pub fn is_purpose(text: &str) -> bool {
    let letters = text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
    (2..=40).contains(&text.len()) && letters && text.as_bytes()[0].is_ascii_lowercase()
}

/// Reads the purposes of a consent text as they are stored.
pub(super) fn purposes_from(json: &str) -> Result<Vec<String>> {
    Ok(serde_json::from_str(json)?)
}
