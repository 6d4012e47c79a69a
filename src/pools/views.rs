//! What the API shows of pools.

use super::model::{Budget, Consent, ConsentText, Cost, Listing, MembershipState, OwnMembership, VoteRules};
use crate::clock::UtcTime;
use crate::error::{Error, Result};
use crate::ids::{AccountId, PoolId};
use crate::money::Money;
use serde::Serialize;

/// A pool, as anyone may see it. Nothing in it comes from what members played.
#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
#[schema(example = json!({
    "id": "pool_01jd2k8m0wfv9s3x6q4r7t5y2z", "name": "Night Listeners", "description": "People who listen at night.",
    "contact_email": "pool@example.org", "tax_note": "No tax is charged.", "currency": "USD",
    "fee_bp": 1_000, "tax_bp": 0, "price_floor": {"amount": 100_000, "currency": "USD"}, "payment_days": 30,
    "rules": {"quorum_bp": 2_500, "threshold_numerator": 1, "threshold_denominator": 2,
              "voting_period_s": 604_800, "cool_off_s": 1_209_600, "open_votes_max": 3,
              "late_quorum_s": 0, "final_ballots": false, "split": "sealed",
              "burst_bp": 0, "burst_window_s": 2_419_200},
    "members": 18_000,
    "budget": example_budget(),
    "consent": {"version": 1, "body": "What happens with your plays …", "purposes": ["market_research"],
                "created_at": "2026-01-01T00:00:00Z"},
    "created_at": "2026-01-01T00:00:00Z", "updated_at": "2026-01-01T00:00:00Z"
}))]
pub struct PoolView {
    /// Its id.
    pub id: PoolId,
    /// Its name.
    pub name: String,
    /// What it is about.
    pub description: String,
    /// Where to write to.
    pub contact_email: String,
    /// What buyers should know about tax.
    pub tax_note: String,
    /// The one currency of its prices.
    pub currency: String,
    /// The service's fee in basis points of the price; it is part of the price.
    pub fee_bp: i32,
    /// Tax in basis points of the price; it comes on top.
    pub tax_bp: i32,
    /// No offer below this is taken.
    pub price_floor: Money,
    /// Days in which an accepted offer is to be paid.
    pub payment_days: i32,
    /// How its members decide.
    pub rules: VoteRules,
    /// Its active members.
    pub members: i64,
    /// What its privacy budget still allows.
    pub budget: BudgetView,
    /// The text that who joins today consents to.
    pub consent: ConsentTextView,
    /// When it was made.
    pub created_at: UtcTime,
    /// When its settings last changed.
    pub updated_at: UtcTime,
}

/// A privacy budget: `cap` = `reserved` + `spent` + `left`.
#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
#[schema(example = json!(example_budget()))]
pub struct BudgetView {
    /// What all editions together may cost.
    pub cap: CostView,
    /// Set aside for editions that offers under way would be drawn for.
    pub reserved: CostView,
    /// Gone for good with editions that were drawn.
    pub spent: CostView,
    /// What further editions may cost.
    pub left: CostView,
}

/// A loss of privacy, as numbers and in words.
#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
pub struct CostView {
    /// Privacy loss (zero-concentrated differential privacy) in 1e-9.
    pub rho_nano: i64,
    /// Failure probability of the thresholds in 1e-12.
    pub delta_pico: i64,
    /// The same as epsilon at `total_delta`.
    pub epsilon: f64,
    /// The failure probability at which epsilon holds, `delta_pico` included: 1e-6, or twice `delta_pico` where that is more.
    pub total_delta: f64,
    /// What that means.
    pub in_words: String,
}

/// A version of what members consent to.
#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
#[schema(example = json!({"version": 1, "body": "What happens with your plays …", "purposes": ["market_research"],
                          "created_at": "2026-01-01T00:00:00Z"}))]
pub struct ConsentTextView {
    /// Counts from 1.
    pub version: i32,
    /// The text.
    pub body: String,
    /// The purposes that members may consent to, each by itself.
    pub purposes: Vec<String>,
    /// From when it holds.
    pub created_at: UtcTime,
}

/// A member's own place in a pool.
#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
#[schema(example = json!({
    "pool_id": "pool_01jd2k8m0wfv9s3x6q4r7t5y2z", "pool_name": "Night Listeners",
    "member_id": "acct_01jd2k8m0wfv9s3x6q4r7t5y2z", "state": "active", "joined_at": "2026-01-01T00:00:00Z",
    "votes_from": "2026-01-15T00:00:00Z", "current_text_version": 1,
    "consents": [{"purpose": "market_research", "text_version": 1, "given_at": "2026-01-01T00:00:00Z"}]
}))]
pub struct MembershipView {
    /// The pool.
    pub pool_id: PoolId,
    /// Its name.
    pub pool_name: String,
    /// Whose membership this is.
    pub member_id: AccountId,
    /// Whether it holds.
    pub state: MembershipState,
    /// When it began.
    pub joined_at: UtcTime,
    /// When it ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub left_at: Option<UtcTime>,
    /// Offers made from then on are this member's to decide, too.
    pub votes_from: UtcTime,
    /// The version of the consent text that holds now.
    pub current_text_version: i32,
    /// Every consent ever given, newest first.
    pub consents: Vec<ConsentView>,
}

/// A consent.
#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
pub struct ConsentView {
    /// What for.
    pub purpose: String,
    /// The version of the text that was consented to.
    pub text_version: i32,
    /// When it was given.
    pub given_at: UtcTime,
    /// When it was taken back; missing while it is live.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub withdrawn_at: Option<UtcTime>,
}

/// The usual budget after one edition, with another on order.
fn example_budget() -> Option<BudgetView> {
    let edition = Cost { rho_nano: 100_000_000, delta_pico: 1_000 };
    let cap = Cost { rho_nano: 500_000_000, delta_pico: 1_000_000 };
    Budget { cap, reserved: edition, spent: edition }.try_into().ok()
}

impl TryFrom<Listing> for PoolView {
    type Error = Error;

    fn try_from(Listing { pool, members, budget, text }: Listing) -> Result<Self> {
        Ok(PoolView {
            price_floor: Money::new(pool.price_floor_minor, &pool.currency),
            id: pool.id,
            name: pool.name,
            description: pool.description,
            contact_email: pool.contact_email,
            tax_note: pool.tax_note,
            currency: pool.currency,
            fee_bp: pool.fee_bp,
            tax_bp: pool.tax_bp,
            payment_days: pool.payment_days,
            rules: pool.rules,
            members,
            budget: budget.try_into()?,
            consent: text.into(),
            created_at: pool.created_at,
            updated_at: pool.updated_at,
        })
    }
}

impl TryFrom<Budget> for BudgetView {
    type Error = Error;

    fn try_from(budget: Budget) -> Result<Self> {
        Ok(BudgetView {
            left: budget.left().try_into()?,
            cap: budget.cap.try_into()?,
            reserved: budget.reserved.try_into()?,
            spent: budget.spent.try_into()?,
        })
    }
}

impl TryFrom<Cost> for CostView {
    type Error = Error;

    fn try_from(cost: Cost) -> Result<Self> {
        Ok(CostView {
            rho_nano: cost.rho_nano,
            delta_pico: cost.delta_pico,
            epsilon: cost.epsilon()?,
            total_delta: cost.total_delta_pico() as f64 * 1e-12,
            in_words: cost.in_words()?,
        })
    }
}

impl From<ConsentText> for ConsentTextView {
    fn from(text: ConsentText) -> Self {
        let ConsentText { pool_id: _, version, body, purposes, created_at } = text;
        ConsentTextView { version, body, purposes, created_at }
    }
}

impl From<OwnMembership> for MembershipView {
    fn from(own: OwnMembership) -> Self {
        MembershipView {
            pool_id: own.membership.pool_id,
            pool_name: own.pool_name,
            member_id: own.membership.member_id,
            state: own.membership.state,
            joined_at: own.membership.joined_at,
            left_at: own.membership.left_at,
            votes_from: own.votes_from,
            current_text_version: own.current_text_version,
            consents: own.consents.into_iter().map(ConsentView::from).collect(),
        }
    }
}

impl From<Consent> for ConsentView {
    fn from(consent: Consent) -> Self {
        let Consent { purpose, text_version, given_at, withdrawn_at, .. } = consent;
        ConsentView { purpose, text_version, given_at, withdrawn_at }
    }
}
