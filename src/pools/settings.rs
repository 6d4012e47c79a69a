//! What an operator may set: checked in words, before anything is stored.

use super::model::{Cost, Pool, Split, VoteRules, is_purpose};
use crate::error::{Error, Result};
use crate::money::{self, Money};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// Budgets beyond this protect nobody: rho 10 allows odds to change by more than a factor of 10^15.
const RHO_CAP_MAX_NANO: i64 = 10_000_000_000;
/// A delta above this would let one member in a hundred thousand be exposed.
const DELTA_CAP_MAX_PICO: i64 = 10_000_000;

/// A new pool.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "name": "Night Listeners", "description": "People who listen at night.",
    "contact_email": "pool@example.org", "tax_note": "No tax is charged.", "fee_bp": 1_000, "tax_bp": 0,
    "price_floor": {"amount": 100_000, "currency": "USD"}, "payment_days": 30, "rules": {"quorum_bp": 2_500},
    "budget": {"rho_nano": 500_000_000, "delta_pico": 1_000_000},
    "consent": {"body": "What happens with your plays …", "purposes": ["market_research", "academic_research"]}
}))]
pub struct NewPool {
    /// 1 to 80 characters; no two pools share a name, and it never changes.
    #[schema(min_length = 1, max_length = 80)]
    pub name: String,
    /// What the pool is about: 1 to 4,000 characters.
    #[schema(min_length = 1, max_length = 4000)]
    pub description: String,
    /// Where buyers and members may write: an e-mail address of at most 254 bytes.
    #[schema(min_length = 3, max_length = 254, format = Email)]
    pub contact_email: String,
    /// What buyers should know about tax: up to 1,000 characters.
    #[serde(default)]
    #[schema(max_length = 1000)]
    pub tax_note: String,
    /// The service's fee in basis points of the price: 0 to 10,000, 1,000 if not said.
    #[serde(default = "fee_default_bp")]
    #[schema(minimum = 0, maximum = 10000)]
    pub fee_bp: i32,
    /// Tax on top of the price in basis points: 0 to 10,000, none if not said.
    #[serde(default)]
    #[schema(minimum = 0, maximum = 10000)]
    pub tax_bp: i32,
    /// No offer below this is taken. Its currency is the pool's, for good.
    pub price_floor: Money,
    /// Days in which an accepted offer is to be paid: 1 to 180, 30 if not said.
    #[serde(default = "payment_default_days")]
    #[schema(minimum = 1, maximum = 180)]
    pub payment_days: i32,
    /// How the members decide.
    #[serde(default)]
    pub rules: VoteRules,
    /// What all editions together may cost in privacy.
    #[serde(default)]
    pub budget: BudgetCap,
    /// What members consent to.
    pub consent: NewConsentText,
}

/// The limits of a pool's privacy budget.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields, default)]
#[schema(example = json!({"rho_nano": 500_000_000, "delta_pico": 1_000_000}))]
pub struct BudgetCap {
    /// Privacy loss in 1e-9 (zero-concentrated differential privacy): 1 to 10,000,000,000, 500,000,000 if not said,
    /// which is five editions of the usual kind.
    #[schema(minimum = 1, maximum = 10000000000i64)]
    pub rho_nano: i64,
    /// Failure probability of the thresholds in 1e-12: 1 to 10,000,000, 1,000,000 if not said, one in a million.
    #[schema(minimum = 1, maximum = 10000000)]
    pub delta_pico: i64,
}

/// A wording that members consent to.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"body": "What happens with your plays …", "purposes": ["market_research"]}))]
pub struct NewConsentText {
    /// What members read: 1 to 20,000 characters.
    #[schema(min_length = 1, max_length = 20000)]
    pub body: String,
    /// Purposes that each member may consent to or not: 1 to 20 words like `market_research`, each of 2 to 40 small letters,
    /// digits and underscores.
    #[schema(min_items = 1, max_items = 20, min_length = 2, max_length = 40, pattern = "^[a-z][a-z0-9_]*$")]
    pub purposes: Vec<String>,
}

/// Changes to a pool; what is left out stays as it is. Votes that are open keep the rules that they
/// opened with, and offers that are placed keep their fee, tax and days to pay.
#[derive(Debug, Clone, Default, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"fee_bp": 800, "reason": "Running costs went down."}))]
pub struct PoolChange {
    /// Why, for the audit log: 1 to 2,000 characters.
    #[schema(min_length = 1, max_length = 2000)]
    pub reason: String,
    /// A new description: 1 to 4,000 characters.
    #[schema(min_length = 1, max_length = 4000)]
    pub description: Option<String>,
    /// A new contact address of at most 254 bytes.
    #[schema(min_length = 3, max_length = 254, format = Email)]
    pub contact_email: Option<String>,
    /// A new note about tax: up to 1,000 characters.
    #[schema(max_length = 1000)]
    pub tax_note: Option<String>,
    /// Another fee in basis points: 0 to 10,000.
    #[schema(minimum = 0, maximum = 10000)]
    pub fee_bp: Option<i32>,
    /// Another tax in basis points: 0 to 10,000.
    #[schema(minimum = 0, maximum = 10000)]
    pub tax_bp: Option<i32>,
    /// Another price floor, in the pool's currency.
    pub price_floor: Option<Money>,
    /// Other days in which to pay: 1 to 180.
    #[schema(minimum = 1, maximum = 180)]
    pub payment_days: Option<i32>,
    /// Other rules; one that is left out stays as it is. Votes that are open keep the rules they opened with.
    pub rules: Option<RulesChange>,
    /// A lower budget. It is a promise to those who have joined and cannot be raised.
    pub budget: Option<BudgetCap>,
}

/// Rules to change; those left out stay.
#[derive(Debug, Clone, Default, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"quorum_bp": 3_000}))]
pub struct RulesChange {
    /// Basis points of the electorate that must say yes: 1 to 10,000.
    pub quorum_bp: Option<i32>,
    /// The upper part of the share of yes that is enough.
    pub threshold_numerator: Option<i32>,
    /// The lower part of that fraction.
    pub threshold_denominator: Option<i32>,
    /// Seconds for which a vote is open: a minute to 90 days.
    pub voting_period_s: Option<i64>,
    /// Seconds that somebody is a member before having a vote: longer than a vote is open.
    pub cool_off_s: Option<i64>,
    /// Votes open at the same time; further offers wait.
    pub open_votes_max: Option<i32>,
    /// Seconds that are left at least when the yes that are needed are reached; 0 moves no deadline.
    pub late_quorum_s: Option<i64>,
    /// Whether a ballot that is cast cannot be changed.
    pub final_ballots: Option<bool>,
    /// Whether the split is shown while a vote is open.
    pub split: Option<Split>,
    /// Basis points of an electorate that may have joined lately before the opening is held; 0 holds none.
    pub burst_bp: Option<i32>,
    /// How many seconds before the offer count as lately.
    pub burst_window_s: Option<i64>,
}

impl RulesChange {
    fn apply(self, rules: VoteRules) -> VoteRules {
        VoteRules {
            quorum_bp: self.quorum_bp.unwrap_or(rules.quorum_bp),
            threshold_numerator: self.threshold_numerator.unwrap_or(rules.threshold_numerator),
            threshold_denominator: self.threshold_denominator.unwrap_or(rules.threshold_denominator),
            voting_period_s: self.voting_period_s.unwrap_or(rules.voting_period_s),
            cool_off_s: self.cool_off_s.unwrap_or(rules.cool_off_s),
            open_votes_max: self.open_votes_max.unwrap_or(rules.open_votes_max),
            late_quorum_s: self.late_quorum_s.unwrap_or(rules.late_quorum_s),
            final_ballots: self.final_ballots.unwrap_or(rules.final_ballots),
            split: self.split.unwrap_or(rules.split),
            burst_bp: self.burst_bp.unwrap_or(rules.burst_bp),
            burst_window_s: self.burst_window_s.unwrap_or(rules.burst_window_s),
        }
    }
}

impl Default for BudgetCap {
    fn default() -> Self {
        BudgetCap { rho_nano: 500_000_000, delta_pico: 1_000_000 }
    }
}

fn fee_default_bp() -> i32 {
    1_000
}

fn payment_default_days() -> i32 {
    30
}

/// Checks all settings of a pool and brings the vote's fraction to its lowest terms.
///
/// # Errors
/// `invalid`, naming the setting and what it may be.
pub fn check(mut pool: Pool) -> Result<Pool> {
    text("name", &pool.name, 1, 80)?;
    text("description", &pool.description, 1, 4_000)?;
    text("tax_note", &pool.tax_note, 0, 1_000)?;
    let address = pool.contact_email.split_once('@');
    let address_ok = address.is_some_and(|(name, host)| !name.is_empty() && !host.is_empty() && !host.contains('@'));
    if !address_ok || pool.contact_email.len() > 254 || pool.contact_email.contains(char::is_whitespace) {
        return Err(Error::invalid("contact_email: an e-mail address looks like name@example.org."));
    }
    if !money::is_currency(&pool.currency) {
        return Err(Error::invalid("price_floor: a currency is three capital letters of ISO 4217, like USD."));
    }
    Money::new(pool.price_floor_minor, &pool.currency).expect_positive(&pool.currency, "price_floor")?;
    between("fee_bp", pool.fee_bp.into(), 0, 10_000)?;
    between("tax_bp", pool.tax_bp.into(), 0, 10_000)?;
    between("payment_days", pool.payment_days.into(), 1, 180)?;
    between("budget.rho_nano", pool.rho_cap_nano, 1, RHO_CAP_MAX_NANO)?;
    between("budget.delta_pico", pool.delta_cap_pico, 1, DELTA_CAP_MAX_PICO)?;
    pool.rules = check_rules(pool.rules)?;
    Ok(pool)
}

/// Checks a pool's vote rules. One half means more yes than no, however it was written: 2/4 becomes 1/2.
fn check_rules(mut rules: VoteRules) -> Result<VoteRules> {
    between("rules.quorum_bp", rules.quorum_bp.into(), 1, 10_000)?;
    between("rules.threshold_denominator", rules.threshold_denominator.into(), 1, 10_000)?;
    between("rules.threshold_numerator", rules.threshold_numerator.into(), 0, rules.threshold_denominator.into())?;
    if rules.threshold_numerator * 2 < rules.threshold_denominator {
        return Err(Error::invalid(
            "rules.threshold: below 1/2 an offer would pass against the greater part of those who voted; \
             1/2 means more yes than no.",
        ));
    }
    between("rules.voting_period_s", rules.voting_period_s, 60, 90 * 86_400)?;
    between("rules.cool_off_s", rules.cool_off_s, 0, 366 * 86_400)?;
    if rules.cool_off_s <= rules.voting_period_s {
        return Err(Error::invalid(
            "rules.cool_off_s: it must be longer than voting_period_s, or somebody could join to decide an offer.",
        ));
    }
    between("rules.open_votes_max", rules.open_votes_max.into(), 1, 100)?;
    between("rules.late_quorum_s", rules.late_quorum_s, 0, 90 * 86_400)?;
    if rules.late_quorum_s > rules.voting_period_s {
        return Err(Error::invalid("rules.late_quorum_s: it may be as long as voting_period_s at most."));
    }
    between("rules.burst_bp", rules.burst_bp.into(), 0, 9_999)?;
    between("rules.burst_window_s", rules.burst_window_s, 60, 732 * 86_400)?;
    if rules.burst_bp > 0 && rules.burst_window_s <= rules.cool_off_s {
        return Err(Error::invalid(
            "rules.burst_window_s: it must be longer than cool_off_s, or nobody who joined within it could vote.",
        ));
    }
    let divisor = greatest_common_divisor(rules.threshold_numerator, rules.threshold_denominator);
    rules.threshold_numerator /= divisor;
    rules.threshold_denominator /= divisor;
    Ok(rules)
}

fn greatest_common_divisor(a: i32, b: i32) -> i32 {
    if b == 0 { a } else { greatest_common_divisor(b, a % b) }
}

/// Checks a consent text.
///
/// # Errors
/// `invalid`, naming what is not right.
pub fn check_text(new: &NewConsentText) -> Result<()> {
    text("consent.body", &new.body, 1, 20_000)?;
    let different: BTreeSet<&String> = new.purposes.iter().collect();
    if !(1..=20).contains(&new.purposes.len()) || different.len() != new.purposes.len() {
        return Err(Error::invalid("consent.purposes: name 1 to 20 purposes, each once."));
    }
    match new.purposes.iter().find(|purpose| !is_purpose(purpose)) {
        Some(odd) => Err(Error::invalid(format!(
            "consent.purposes: {odd:?} is none; a purpose has 2 to 40 small letters, digits and underscores."
        ))),
        None => Ok(()),
    }
}

/// What a pool would be after a change.
///
/// # Errors
/// `invalid` for a setting out of range, `conflict` for a budget that is raised or already used up.
pub fn changed(mut pool: Pool, change: PoolChange) -> Result<Pool> {
    reason(&change.reason)?;
    pool.description = change.description.unwrap_or(pool.description);
    pool.contact_email = change.contact_email.unwrap_or(pool.contact_email);
    pool.tax_note = change.tax_note.unwrap_or(pool.tax_note);
    pool.fee_bp = change.fee_bp.unwrap_or(pool.fee_bp);
    pool.tax_bp = change.tax_bp.unwrap_or(pool.tax_bp);
    pool.payment_days = change.payment_days.unwrap_or(pool.payment_days);
    if let Some(rules) = change.rules {
        pool.rules = rules.apply(pool.rules);
    }
    if let Some(floor) = change.price_floor {
        pool.price_floor_minor = floor.expect_positive(&pool.currency, "price_floor")?;
    }
    if let Some(cap) = change.budget {
        let committed = Cost { rho_nano: pool.rho_committed_nano, delta_pico: pool.delta_committed_pico };
        if cap.rho_nano > pool.rho_cap_nano || cap.delta_pico > pool.delta_cap_pico {
            return Err(Error::conflict(
                "budget: it was promised to those who joined and cannot be raised; it may be lowered.",
            ));
        }
        if cap.rho_nano < committed.rho_nano || cap.delta_pico < committed.delta_pico {
            return Err(Error::conflict(format!(
                "budget: rho_nano {} and delta_pico {} are reserved or spent already.",
                committed.rho_nano, committed.delta_pico
            )));
        }
        (pool.rho_cap_nano, pool.delta_cap_pico) = (cap.rho_nano, cap.delta_pico);
    }
    check(pool)
}

/// Checks the reason that an operator gives.
///
/// # Errors
/// `invalid` where there is none.
pub fn reason(given: &str) -> Result<()> {
    text("reason", given.trim(), 1, 2_000)
}

fn text(what: &str, given: &str, least: usize, most: usize) -> Result<()> {
    if (least..=most).contains(&given.chars().count()) && !given.contains('\0') {
        return Ok(());
    }
    Err(Error::invalid(format!("{what}: {least} to {most} characters are needed.")))
}

fn between(what: &str, given: i64, least: i64, most: i64) -> Result<()> {
    if (least..=most).contains(&given) {
        return Ok(());
    }
    Err(Error::invalid(format!("{what}: {given} is out of range; it may be {least} to {most}.")))
}
