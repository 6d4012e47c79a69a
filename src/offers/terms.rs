//! The terms of an offer: everything that the members decide on and the licence will say, frozen as
//! canonical JSON and named by its SHA-256 on offer, vote, invoice and licence.
//!
//! The JSON follows RFC 8785 (JSON Canonicalization Scheme) in the subset used here: member names
//! sorted, no white space, whole numbers below 2^53, no floats. So anyone can hash the bytes again.

use crate::clock::UtcTime;
use crate::error::{Error, Result};
use crate::ids::{DatasetId, EditionId, OrganisationId, PoolId, RecipeId};
use crate::money::{Money, share_bp};
use crate::offers::artists;
use crate::offers::model::{EditionChoice, ListSource, ModelsAfterTerm, Redistribution};
use crate::pools::model::{Split, VoteRules};
use crate::text;
use crate::votes::rules::{Passing, Rules};
use aws_lc_rs::digest;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The name of this shape of the terms.
pub const FORMAT: &str = "refrain-terms-1";
/// The largest number that every JSON reader keeps exactly: 2^53 − 1.
const NUMBER_MAX: u64 = (1 << 53) - 1;
/// Longest message and field of use, in characters.
const TEXT_MAX: usize = 2_000;
/// Longest term of a licence, in days.
const PERIOD_DAYS_MAX: i32 = 3_650;

/// What a buyer sends: the part of the terms that is theirs to choose.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "dataset_id": "dataset_01jd2k8m0wfv9s3x6q4r7t5y2z",
    "edition": "next",
    "price": {"amount": 5_500_000, "currency": "USD"},
    "purpose": "model_training",
    "field_of_use": "Training the recommender of our own radio app.",
    "period_days": 365,
    "redistribution": "none",
    "models_after_term": "keep",
    "message": "We run a small internet radio and would like to play what people love."
}))]
pub struct NewOffer {
    /// The dataset.
    pub dataset_id: DatasetId,
    /// `next` for an edition drawn for this sale, `stock` for the one that was drawn already.
    pub edition: EditionChoice,
    /// The price before tax, in the pool's currency. The cooperative's fee is a part of it.
    pub price: Money,
    /// What the data is for: one of the dataset's purposes.
    pub purpose: String,
    /// What exactly will be done with it, and where. One line of 1 to 2,000 characters.
    #[schema(min_length = 1, max_length = 2000)]
    pub field_of_use: String,
    /// The licence's term in days, counted from the first availability of the files. 1 to 3,650.
    #[schema(minimum = 1, maximum = 3650)]
    pub period_days: i32,
    /// Until when nobody else is to be granted a licence; leave out for a licence that is not exclusive.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exclusive_until: Option<UtcTime>,
    /// What may be handed on.
    pub redistribution: Redistribution,
    /// What becomes of trained models when the term is over.
    pub models_after_term: ModelsAfterTerm,
    /// The artists that the next edition is to be about, where the dataset takes the buyer's list; else left out. As the
    /// music services write the names: at most 2,000, each one line of 1 to 500 characters, each once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_items = 2000, min_length = 1, max_length = 500, example = json!(["Ada & the Loops", "Böhme, Clara"]))]
    pub artists: Option<Vec<String>>,
    /// Words to the members, at most 2,000 characters. Not a part of the terms.
    #[serde(default)]
    #[schema(max_length = 2000)]
    pub message: String,
}

/// The frozen terms.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({
    "format": "refrain-terms-1",
    "submitted_at": "2026-01-01T12:00:00Z",
    "pool_id": "pool_01jd2k8m0wfv9s3x6q4r7t5y2z",
    "pool_name": "Listeners together",
    "dataset_id": "dataset_01jd2k8m0wfv9s3x6q4r7t5y2z",
    "dataset_title": "Artist preference",
    "recipe_id": "recipe_01jd2k8m0wfv9s3x6q4r7t5y2z",
    "recipe_hash": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "edition": "next",
    "organisation_id": "org_01jd2k8m0wfv9s3x6q4r7t5y2z",
    "organisation_name": "Northwind Radio",
    "purpose": "model_training",
    "field_of_use": "Training the recommender of our own radio app.",
    "licence_name": "Refrain Data Licence 1.0",
    "licence_sha256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "period_days": 365,
    "earlier_licences": "Licences that were granted before stay as they are.",
    "redistribution": "none",
    "no_reidentification": true,
    "models_after_term": "keep",
    "warranty": "The edition is computed by the recipe named here from members' own exports.",
    "refund": {"below_rows": 50, "refund_bp": 10_000},
    "revocation": {"grounds": ["breach of these terms that is not mended within the notice"], "notice_days": 30},
    "price": {"amount": 5_500_000, "currency": "USD"},
    "fee": {"amount": 550_000, "currency": "USD"},
    "tax": {"amount": 0, "currency": "USD"},
    "total": {"amount": 5_500_000, "currency": "USD"},
    "payment_days": 14,
    "vote": {
        "quorum_bp": 1000, "threshold_numerator": 1, "threshold_denominator": 2,
        "voting_period_s": 604_800, "cool_off_s": 1_209_600
    }
}))]
pub struct Terms {
    /// The name of this shape.
    pub format: String,
    /// When the offer was placed. Who joined later than the cool-off before this does not vote.
    pub submitted_at: UtcTime,
    /// The pool.
    pub pool_id: PoolId,
    /// Its name.
    pub pool_name: String,
    /// The dataset.
    pub dataset_id: DatasetId,
    /// Its title.
    pub dataset_title: String,
    /// The recipe that computes it.
    pub recipe_id: RecipeId,
    /// SHA-256 of the recipe, in hex.
    pub recipe_hash: String,
    /// The next edition or the stock.
    pub edition: EditionChoice,
    /// The stock edition.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub edition_id: Option<EditionId>,
    /// The artists that the edition is about, where its groups come from a list of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub artist_list: Option<ArtistList>,
    /// The buyer organisation.
    pub organisation_id: OrganisationId,
    /// Its legal name.
    pub organisation_name: String,
    /// What the data is for.
    pub purpose: String,
    /// What exactly will be done with it.
    pub field_of_use: String,
    /// The licence.
    pub licence_name: String,
    /// SHA-256 of the licence's full text, in hex.
    pub licence_sha256: String,
    /// The licence's term in days from the first availability of the files.
    pub period_days: i32,
    /// Until when nobody else is granted a licence; missing for a licence that is not exclusive.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exclusive_until: Option<UtcTime>,
    /// What exclusivity does not touch.
    pub earlier_licences: String,
    /// What may be handed on.
    pub redistribution: Redistribution,
    /// Always true: nobody may be singled out or identified.
    pub no_reidentification: bool,
    /// What becomes of trained models when the term is over.
    pub models_after_term: ModelsAfterTerm,
    /// What is promised of the data, and what is not.
    pub warranty: String,
    /// When the money goes back.
    pub refund: Refund,
    /// When the licence may be taken away.
    pub revocation: Revocation,
    /// The price before tax.
    pub price: Money,
    /// The cooperative's fee, a part of the price.
    pub fee: Money,
    /// Tax on the price.
    pub tax: Money,
    /// What the buyer pays.
    pub total: Money,
    /// Days to pay in, from the acceptance on.
    pub payment_days: i32,
    /// The rules of the vote.
    pub vote: TermsOfVote,
}

/// The list of artists that an edition is about. The names stand under `/v1/artist-lists/{sha256}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({
    "source": "offer", "artists": 2, "sha256": "53ec5200c9cfe1f1cde442ade1dd12cffc244ecff5e1ccf7fcd15b64482f957e"
}))]
pub struct ArtistList {
    /// Who named the artists.
    pub source: ListSource,
    /// The edition that made them public, where they come from one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub edition_id: Option<EditionId>,
    /// How many there are.
    pub artists: i64,
    /// SHA-256 of the list, in hex: of the names, in their order, as a JSON array in its canonical form (RFC 8785).
    pub sha256: String,
}

/// When the money goes back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({"below_rows": 50, "refund_bp": 10_000}))]
pub struct Refund {
    /// An edition with fewer rows than this is refunded: the rows promised.
    pub below_rows: i64,
    /// The share of the total that is refunded then, in basis points.
    pub refund_bp: i32,
}

/// When the licence may be taken away.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({"grounds": ["breach of these terms that is not mended within the notice"], "notice_days": 30}))]
pub struct Revocation {
    /// The grounds, and no others.
    pub grounds: Vec<String>,
    /// Days between the notice and the end, in which a breach may be mended.
    pub notice_days: i32,
}

/// The pool's vote rules as they were when the offer was placed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({
    "quorum_bp": 1000, "threshold_numerator": 1, "threshold_denominator": 2,
    "voting_period_s": 604_800, "cool_off_s": 1_209_600
}))]
pub struct TermsOfVote {
    /// Approval quorum in basis points of the electorate.
    pub quorum_bp: i32,
    /// Share of yes among yes and no that is needed: numerator.
    pub threshold_numerator: i32,
    /// Its denominator. Exactly one half means more yes than no.
    pub threshold_denominator: i32,
    /// How long ballots are taken, in seconds.
    pub voting_period_s: i64,
    /// How long before the placing a member must have joined, in seconds.
    pub cool_off_s: i64,
    /// Seconds that are left at least when the yes that are needed are reached. Absent: no deadline is moved.
    #[serde(default, skip_serializing_if = "is_default")]
    pub late_quorum_s: i64,
    /// Whether a ballot that is cast cannot be changed. Absent: it can.
    #[serde(default, skip_serializing_if = "is_default")]
    pub final_ballots: bool,
    /// What is shown while the vote is open besides how many have voted. Absent: nothing.
    #[serde(default, skip_serializing_if = "is_default")]
    pub split: Split,
    /// Basis points of the electorate that may have joined lately before the opening is held. Absent: it is not held.
    #[serde(default, skip_serializing_if = "is_default")]
    pub burst_bp: i32,
    /// How many seconds before the placing count as lately. Absent together with `burst_bp`.
    #[serde(default, skip_serializing_if = "is_default")]
    pub burst_window_s: i64,
}

/// What stands for a rule that was not there when the first terms were frozen: their bytes stay what they were.
fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// Terms as they are kept: the exact bytes and their name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frozen {
    /// Canonical JSON.
    pub json: String,
    /// Its SHA-256 in hex.
    pub sha256: String,
}

impl NewOffer {
    /// Checks what can be checked without looking anything up.
    ///
    /// # Errors
    /// `invalid`, naming the field.
    pub fn check(&self) -> Result<()> {
        if !(1..=PERIOD_DAYS_MAX).contains(&self.period_days) {
            return Err(Error::invalid(format!("period_days lies between 1 and {PERIOD_DAYS_MAX}.")));
        }
        if self.field_of_use.trim().is_empty() {
            return Err(Error::invalid("field_of_use says what will be done with the data; members decide by it."));
        }
        artists::check(self.artists.as_deref().unwrap_or_default())?;
        for (field, text) in [("field_of_use", &self.field_of_use), ("message", &self.message)] {
            if text.chars().count() > TEXT_MAX {
                return Err(Error::invalid(format!("{field} has at most {TEXT_MAX} characters.")));
            }
            // Members read these words among ours; only the message, which stands last, may have lines of its own.
            let plain = if field == "message" { text::is_plain(text) } else { text::is_plain_line(text) };
            if !plain {
                return Err(Error::invalid(format!(
                    "{field} has a control character in it, or one that turns the direction of writing."
                )));
            }
        }
        Ok(())
    }
}

impl Terms {
    /// Freezes the terms.
    ///
    /// # Errors
    /// `internal` where they hold a number that JSON readers may round, which is a defect.
    pub fn freeze(&self) -> Result<Frozen> {
        let json = canonical(self)?;
        let sha256 = sha256(&json);
        Ok(Frozen { json, sha256 })
    }

    /// Reads frozen terms.
    ///
    /// # Errors
    /// `internal` where the text is damaged.
    pub fn read(json: &str) -> Result<Self> {
        Ok(serde_json::from_str(json)?)
    }

    /// What goes back to the buyer where the edition has fewer rows than promised: the stated share of price and tax, each rounded half
    /// up by itself.
    ///
    /// # Errors
    /// `invalid` where an amount is out of range.
    pub fn refund_for_few_rows(&self) -> Result<Money> {
        let part = |money: &Money| share_bp(money.amount_minor, self.refund.refund_bp.clamp(0, 10_000));
        Ok(Money::new(part(&self.price)? + part(&self.tax)?, &self.total.currency))
    }
}

impl TermsOfVote {
    /// The rules that are frozen into the vote.
    ///
    /// # Errors
    /// `invalid` where no vote could be decided by these numbers.
    pub fn rules(&self) -> Result<Rules> {
        Ok(Rules {
            passing: Passing::new(self.quorum_bp, self.threshold_numerator, self.threshold_denominator)?,
            voting_period_s: self.voting_period_s,
            late_quorum_s: self.late_quorum_s,
            final_ballots: self.final_ballots,
            split: self.split,
        })
    }
}

impl From<&VoteRules> for TermsOfVote {
    fn from(rules: &VoteRules) -> Self {
        TermsOfVote {
            quorum_bp: rules.quorum_bp,
            threshold_numerator: rules.threshold_numerator,
            threshold_denominator: rules.threshold_denominator,
            voting_period_s: rules.voting_period_s,
            cool_off_s: rules.cool_off_s,
            late_quorum_s: rules.late_quorum_s,
            final_ballots: rules.final_ballots,
            split: rules.split,
            burst_bp: rules.burst_bp,
            burst_window_s: if rules.burst_bp > 0 { rules.burst_window_s } else { 0 },
        }
    }
}

/// SHA-256 of terms in their frozen form, or of another text that is named by it, in hex.
pub fn sha256(json: &str) -> String {
    hex::encode(digest::digest(&digest::SHA256, json.as_bytes()))
}

/// Canonical JSON (RFC 8785) of a value without floats. The JSON library keeps objects sorted by name
/// and escapes as the RFC says; names here are ASCII, so that sorting by bytes is sorting by UTF-16.
///
/// # Errors
/// `internal` where it holds a number that JSON readers may round, which is a defect.
pub fn canonical(value: &impl Serialize) -> Result<String> {
    let value = serde_json::to_value(value)?;
    if !is_exact(&value) {
        return Err(Error::internal("canonical JSON holds whole numbers below 2^53 only"));
    }
    Ok(value.to_string())
}

fn is_exact(value: &serde_json::Value) -> bool {
    use serde_json::Value::{Array, Number, Object};
    match value {
        Number(n) => n.as_i64().is_some_and(|n| n.unsigned_abs() <= NUMBER_MAX),
        Array(items) => items.iter().all(is_exact),
        Object(members) => members.iter().all(|(name, member)| name.is_ascii() && is_exact(member)),
        _ => true,
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use serde_json::json;

    /// Made-up terms of so many days that give back a share where there are too few rows.
    pub fn sample_of(period_days: i32, refund_bp: i32) -> Terms {
        Terms { period_days, refund: Refund { refund_bp, ..sample().refund }, ..sample() }
    }

    #[test]
    fn canonical_json_is_sorted_however_it_was_written() {
        let written = r#"{"b": [ {"z": 1, "a": "é\n\u0001\/"} ], "a": null, "A": -5}"#;
        let value: serde_json::Value = serde_json::from_str(written).unwrap();
        assert_eq!(canonical(&value).unwrap(), "{\"A\":-5,\"a\":null,\"b\":[{\"a\":\"é\\n\\u0001/\",\"z\":1}]}");
    }

    #[test]
    fn numbers_that_a_reader_may_round_are_refused() {
        for refused in [json!(1.5), json!(1u64 << 53), json!({"a": [-(1i64 << 53)]}), json!({"ä": 1})] {
            assert!(canonical(&refused).is_err(), "{refused}");
        }
        assert_eq!(canonical(&json!([NUMBER_MAX, -1])).unwrap(), "[9007199254740991,-1]");
    }

    proptest::proptest! {
        /// Whatever is frozen reads back as the same, and freezes to the same bytes again.
        #[test]
        fn freezing_is_stable(text in "\\PC{0,40}", rows in 0i64..1_000_000_000, days in 1i32..3_650) {
            let mut terms = sample();
            terms.field_of_use = text;
            terms.refund.below_rows = rows;
            terms.period_days = days;
            let frozen = terms.freeze().unwrap();
            let again = Terms::read(&frozen.json).unwrap();
            proptest::prop_assert_eq!(&again, &terms);
            proptest::prop_assert_eq!(again.freeze().unwrap(), frozen);
        }

        /// Any change to the terms changes their name.
        #[test]
        fn a_change_changes_the_hash(price in 1i64..1_000_000_000) {
            let (before, mut terms) = (sample(), sample());
            terms.price.amount_minor = before.price.amount_minor + price;
            proptest::prop_assert_ne!(before.freeze().unwrap().sha256, terms.freeze().unwrap().sha256);
        }
    }

    fn sample() -> Terms {
        let id = |prefix: &str| json!(format!("{prefix}_01jd2k8m0wfv9s3x6q4r7t5y2z"));
        let money = json!({"amount": 100, "currency": "USD"});
        serde_json::from_value(json!({
            "format": FORMAT, "submitted_at": "2026-01-01T12:00:00Z",
            "pool_id": id("pool"), "pool_name": "P", "dataset_id": id("dataset"), "dataset_title": "D",
            "recipe_id": id("recipe"), "recipe_hash": "00", "edition": "next",
            "organisation_id": id("org"), "organisation_name": "O", "purpose": "model_training",
            "field_of_use": "x", "licence_name": "L", "licence_sha256": "00", "period_days": 365,
            "earlier_licences": "stay", "redistribution": "none", "no_reidentification": true,
            "models_after_term": "keep", "warranty": "none", "refund": {"below_rows": 50, "refund_bp": 10_000},
            "revocation": {"grounds": ["breach"], "notice_days": 30},
            "price": money, "fee": money, "tax": money, "total": money, "payment_days": 14,
            "vote": {
                "quorum_bp": 1, "threshold_numerator": 1, "threshold_denominator": 2,
                "voting_period_s": 1, "cool_off_s": 1
            },
        }))
        .unwrap()
    }
}
