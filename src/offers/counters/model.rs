//! What a counter-offer is, what it may ask for, and which way it may go.

use crate::clock::UtcTime;
use crate::error::{Error, Result};
use crate::ids::{AccountId, CounterId, OfferId};
use crate::money::{Money, counted};
use crate::offers::model::{EditionChoice, ModelsAfterTerm, OfferState, Redistribution};
use crate::offers::terms::NewOffer;
use crate::text_enum;
use crate::votes::rules::{self, Window};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

text_enum! {
    /// Where a counter-offer stands.
    pub enum CounterState {
        /// The buyer may accept or decline it.
        Standing = "standing",
        /// The buyer accepted it: a new offer has taken the place of the old one.
        Accepted = "accepted",
        /// The buyer declined it.
        Declined = "declined",
        /// The operator took it back.
        Withdrawn = "withdrawn",
        /// Nobody answered in time, or the offer was decided first.
        Lapsed = "lapsed",
    }
}

impl CounterState {
    /// The states from which a counter-offer may come to this one. Everything else is refused.
    pub const fn allowed_from(self) -> &'static [CounterState] {
        use CounterState::{Accepted, Declined, Lapsed, Standing, Withdrawn};
        match self {
            Standing => &[],
            Accepted | Declined | Withdrawn | Lapsed => &[Standing],
        }
    }
}

/// What a counter-offer asks for; what is left out stays as the buyer offered it. The dataset and the buyer's list of artists
/// are the buyer's to choose.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"price": {"amount": 6_000_000, "currency": "USD"}, "period_days": 180}))]
pub struct CounterTerms {
    /// Another edition: `next` or `stock`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub edition: Option<EditionChoice>,
    /// Another price before tax.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub price: Option<Money>,
    /// Another of the dataset's purposes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub purpose: Option<String>,
    /// Other words for what exactly will be done. One line of 1 to 2,000 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(min_length = 1, max_length = 2000)]
    pub field_of_use: Option<String>,
    /// Another term of the licence in days: 1 to 3,650.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1, maximum = 3650)]
    pub period_days: Option<i32>,
    /// Another day until which nobody else is to be granted a licence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exclusive_until: Option<UtcTime>,
    /// True for a licence that is not exclusive any more; then `exclusive_until` is left out.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub not_exclusive: bool,
    /// What else may be handed on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub redistribution: Option<Redistribution>,
    /// What else becomes of trained models when the term is over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub models_after_term: Option<ModelsAfterTerm>,
}

/// A counter-offer.
#[derive(Debug, Clone, diesel::Queryable, diesel::Selectable, diesel::Insertable)]
#[diesel(table_name = crate::db::schema::counters)]
pub struct Counter {
    /// Its id.
    pub id: CounterId,
    /// The offer that it answers.
    pub offer_id: OfferId,
    /// The operator who made it.
    pub made_by: AccountId,
    /// Where it stands as far as somebody said so; ask [`Counter::state_at`].
    pub state: CounterState,
    /// What it asks for, as JSON.
    pub terms_json: String,
    /// Words to the buyer.
    pub message: String,
    /// By when the buyer may answer.
    pub answer_by: UtcTime,
    /// When it was made.
    pub made_at: UtcTime,
    /// When it ended, where somebody ended it.
    pub ended_at: Option<UtcTime>,
    /// The offer that was placed when it was accepted.
    pub new_offer_id: Option<OfferId>,
}

impl Counter {
    /// What it asks for.
    ///
    /// # Errors
    /// `internal` where the stored text is damaged.
    pub fn terms(&self) -> Result<CounterTerms> {
        Ok(serde_json::from_str(&self.terms_json)?)
    }

    /// Where it stands at an instant, beside an offer in a state and its vote's window: the one judgement of what has lapsed.
    pub fn state_at(&self, now: UtcTime, offer: OfferState, window: Option<&Window>) -> CounterState {
        let is_decided = !OfferState::UNDECIDED.contains(&offer) || window.is_some_and(|w| rules::is_over_at(w, now));
        match self.state {
            CounterState::Standing if is_decided || now >= self.answer_by => CounterState::Lapsed,
            state => state,
        }
    }
}

impl CounterTerms {
    /// The buyer's offer with these terms in it. The list of artists stays where the edition is still to be drawn.
    ///
    /// # Errors
    /// `invalid` where it asks for nothing else than what is offered, or contradicts itself.
    pub fn applied_to(&self, offered: &NewOffer) -> Result<NewOffer> {
        if self.not_exclusive && self.exclusive_until.is_some() {
            return Err(Error::invalid("terms: not_exclusive and exclusive_until contradict each other."));
        }
        let edition = self.edition.unwrap_or(offered.edition);
        let exclusive_until = if self.not_exclusive { None } else { self.exclusive_until.or(offered.exclusive_until) };
        let field_of_use = self.field_of_use.as_deref().map_or(offered.field_of_use.as_str(), str::trim);
        let asked = NewOffer {
            dataset_id: offered.dataset_id.clone(),
            edition,
            price: self.price.clone().unwrap_or_else(|| offered.price.clone()),
            purpose: self.purpose.clone().unwrap_or_else(|| offered.purpose.clone()),
            field_of_use: field_of_use.to_owned(),
            period_days: self.period_days.unwrap_or(offered.period_days),
            exclusive_until,
            redistribution: self.redistribution.unwrap_or(offered.redistribution),
            models_after_term: self.models_after_term.unwrap_or(offered.models_after_term),
            artists: offered.artists.clone().filter(|_| edition == EditionChoice::Next),
            message: offered.message.clone(),
        };
        if changes(offered, &asked).is_empty() {
            return Err(Error::invalid("terms: a counter-offer asks for something else than the buyer offers."));
        }
        Ok(asked)
    }
}

/// What is asked instead of what is offered, line by line.
pub fn changes(offered: &NewOffer, asked: &NewOffer) -> Vec<String> {
    let days = |days: i32| counted(days.into(), "days");
    let quoted = |words: &str| format!("“{words}”");
    let until = |until: Option<UtcTime>| until.map_or("none".to_owned(), |until| format!("until {until}"));
    let parts = [
        ("Edition", asked.edition.to_string(), offered.edition.to_string()),
        ("Price", asked.price.to_string(), offered.price.to_string()),
        ("Purpose", asked.purpose.clone(), offered.purpose.clone()),
        ("What will be done", quoted(&asked.field_of_use), quoted(&offered.field_of_use)),
        ("Term", days(asked.period_days), days(offered.period_days)),
        ("Exclusivity", until(asked.exclusive_until), until(offered.exclusive_until)),
        ("May be handed on", asked.redistribution.to_string(), offered.redistribution.to_string()),
        ("Models after the term", asked.models_after_term.to_string(), offered.models_after_term.to_string()),
    ];
    let changed = parts.into_iter().filter(|(_, asked, offered)| asked != offered);
    changed.map(|(part, asked, offered)| format!("{part}: {asked} instead of {offered}.")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Entropy;
    use crate::ids::DatasetId;
    use CounterState::{Accepted, Declined, Lapsed, Standing, Withdrawn};

    fn at(s: i64) -> UtcTime {
        UtcTime::from_unix_s(s).unwrap()
    }

    fn counter(state: CounterState) -> Counter {
        let entropy = Entropy::seeded(1);
        Counter {
            id: CounterId::new(at(0), &entropy),
            offer_id: OfferId::new(at(0), &entropy),
            made_by: AccountId::new(at(0), &entropy),
            state,
            terms_json: "{}".into(),
            message: "Please.".into(),
            answer_by: at(100),
            made_at: at(0),
            ended_at: None,
            new_offer_id: None,
        }
    }

    fn offered() -> NewOffer {
        NewOffer {
            dataset_id: DatasetId::new(at(0), &Entropy::seeded(2)),
            edition: EditionChoice::Next,
            price: Money::new(50_000, "USD"),
            purpose: "model_training".into(),
            field_of_use: "Our radio.".into(),
            period_days: 30,
            exclusive_until: Some(at(86_400)),
            redistribution: Redistribution::Results,
            models_after_term: ModelsAfterTerm::Keep,
            artists: Some(vec!["Ada & the Loops".into()]),
            message: "Hello.".into(),
        }
    }

    /// Every state against every other: the table is written out once more, by hand.
    #[test]
    fn a_counter_offer_ends_once() {
        let allowed = [(Standing, Accepted), (Standing, Declined), (Standing, Withdrawn), (Standing, Lapsed)];
        for &from in CounterState::ALL {
            for &to in CounterState::ALL {
                assert_eq!(to.allowed_from().contains(&from), allowed.contains(&(from, to)), "{from} to {to}");
            }
        }
    }

    /// Every state of the counter-offer against every state of its offer, before and at its last instant, with the vote open and over.
    #[test]
    fn it_lapses_in_time_or_with_its_offer_and_nothing_else_does() {
        let undecided = [OfferState::Queued, OfferState::Opening, OfferState::Voting];
        let open = Window::new(at(0), at(50));
        for &state in CounterState::ALL {
            for &offer in OfferState::ALL {
                for (now, window) in [(49, None), (49, Some(&open)), (50, Some(&open)), (99, None), (100, None)] {
                    let is_over = now == 100 || (now == 50 && window.is_some()) || !undecided.contains(&offer);
                    let expected = if state == Standing && is_over { Lapsed } else { state };
                    assert_eq!(counter(state).state_at(at(now), offer, window), expected, "{state} {offer} {now}");
                }
            }
        }
    }

    #[test]
    fn what_is_left_out_stays_and_what_is_asked_is_told() {
        let terms = CounterTerms {
            price: Some(Money::new(60_000, "USD")),
            not_exclusive: true,
            edition: Some(EditionChoice::Stock),
            ..CounterTerms::default()
        };
        let asked = terms.applied_to(&offered()).unwrap();
        assert_eq!((asked.period_days, asked.exclusive_until, asked.artists.clone()), (30, None, None));
        let told = [
            "Edition: stock instead of next.",
            "Price: USD 600.00 instead of USD 500.00.",
            "Exclusivity: none instead of until 1970-01-02T00:00:00Z.",
        ];
        assert_eq!(changes(&offered(), &asked), told);
        let same =
            CounterTerms { period_days: Some(30), field_of_use: Some(" Our radio. ".into()), ..Default::default() };
        let both = CounterTerms { exclusive_until: Some(at(9)), ..terms };
        for odd in [CounterTerms::default(), same, both] {
            assert!(odd.applied_to(&offered()).is_err(), "{odd:?}");
        }
    }
}
