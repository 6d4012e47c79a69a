//! What there is to tell one who was in a vote, and the words for it. Pure.

use crate::clock::UtcTime;
use crate::ids::EditionId;
use crate::money::{self, counted};
use crate::offers::model::Offer;
use crate::offers::terms::Terms;
use crate::votes::model::{Choice, Vote, VoteState};
use crate::votes::steps::OwnBallot;

/// What became of a vote, for one who was in it.
#[derive(Debug, Clone)]
pub struct OwnSale {
    /// The vote, ended.
    pub vote: Vote,
    /// What it was about.
    pub offer: Offer,
    /// Their ballot.
    pub ballot: OwnBallot,
    /// Their data.
    pub data: Data,
    /// Their money.
    pub money: Money,
}

/// An edition that was drawn.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Drawn {
    /// The edition.
    pub edition_id: EditionId,
    /// When.
    pub drawn_at: Option<UtcTime>,
    /// Which plays it counted, in words.
    pub period: String,
    /// Whether it had been drawn for an earlier sale.
    pub is_stock: bool,
    /// Its recall, if there was one.
    pub recall: Option<Recall>,
}

/// The recall of an edition, for a member who is in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recall {
    /// Why, and what took its place.
    pub in_words: String,
    /// Whether their plays count in that.
    pub is_in_replacement: bool,
}

/// What became of a member's data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Data {
    /// Nothing was sold.
    NotSold,
    /// It was accepted and not paid in time.
    Lapsed,
    /// It was accepted, and what it was for was recalled before it was paid.
    RecalledUnpaid,
    /// It is accepted, and to be paid.
    Unpaid,
    /// It is paid, and yet to be drawn.
    Preparing,
    /// It was paid, and cannot be drawn.
    Cancelled,
    /// They were drawn from.
    InTheDraw(Drawn),
    /// Others were drawn from.
    NotInTheDraw(Drawn),
}

/// What became of a member's share.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Money {
    /// Nothing was sold.
    NotSold,
    /// Nobody paid in time.
    Lapsed,
    /// What was to be paid for was recalled before.
    RecalledUnpaid,
    /// It is not entered yet.
    NotYet,
    /// There will be none: were the edition drawn now, they would not be in it.
    NotAsThingsStand,
    /// It is in the books.
    Share {
        /// How much.
        amount_minor: i64,
        /// What was shared out.
        shared_minor: i64,
        /// Among how many.
        members: i64,
    },
    /// Those are paid who are in the edition.
    NotInTheDraw,
    /// All that there was to share went back to the buyer.
    GoneBack,
    /// There was less than the smallest amount for each.
    TooLittle {
        /// Among how many it was shared out.
        members: i64,
    },
}

/// What was asked, by whom, and what came of it, in one paragraph.
pub fn summary(terms: &Terms, vote: &Vote) -> String {
    let outcome = match vote.state {
        VoteState::Accepted => "The members accepted it.",
        VoteState::Rejected => "The members did not accept it.",
        _ => "The vote was called off.",
    };
    format!(
        "{} offered {} for “{}” of {}. {outcome}",
        terms.organisation_name, terms.price, terms.dataset_title, terms.pool_name
    )
}

/// What became of a ballot. `is_counted` tells whether ballots were counted at all.
pub fn ballot(ballot: OwnBallot, is_counted: bool) -> String {
    let said = match ballot {
        OwnBallot::None => return "You did not vote.".into(),
        OwnBallot::Void => {
            return "You had voted, and your ballot was void: you had left the pool, or taken back a consent, before ballots were \
                    counted."
                .into();
        }
        OwnBallot::Cast(Choice::Yes) => "You voted yes",
        OwnBallot::Cast(Choice::No) => "You voted no",
        OwnBallot::Cast(Choice::Abstain) => "You abstained",
    };
    if is_counted {
        format!("{said}, and your ballot was counted.")
    } else {
        format!("{said}; the vote was called off, so that no ballot was counted.")
    }
}

impl Data {
    /// Whether it was used; `None` where that is not known yet.
    pub fn is_used(&self) -> Option<bool> {
        match self {
            Data::Unpaid | Data::Preparing => None,
            Data::InTheDraw(_) => Some(true),
            Data::NotSold | Data::Lapsed | Data::RecalledUnpaid | Data::Cancelled | Data::NotInTheDraw(_) => {
                Some(false)
            }
        }
    }

    /// The edition, where there is one.
    pub fn drawn(&self) -> Option<&Drawn> {
        match self {
            Data::InTheDraw(drawn) | Data::NotInTheDraw(drawn) => Some(drawn),
            _ => None,
        }
    }

    /// The same for people.
    pub fn in_words(&self) -> String {
        match self {
            Data::NotSold => "Nothing of yours was used: nothing was sold.".into(),
            Data::Lapsed => "Nothing of yours was used: the buyer did not pay in time.".into(),
            Data::RecalledUnpaid => {
                "Nothing of yours was sold by this vote: the edition was recalled before the buyer had paid.".into()
            }
            Data::Unpaid => "Nothing of yours is used before the buyer has paid.".into(),
            Data::Preparing => "The edition is paid and yet to be drawn; nothing of yours is used before that.".into(),
            Data::Cancelled => "Nothing of yours was sold: the edition could not be made.".into(),
            Data::InTheDraw(drawn) => drawn.in_words(),
            Data::NotInTheDraw(_) => {
                "You were not in the draw: you had left the pool, or taken back a consent, before it.".into()
            }
        }
    }
}

impl Drawn {
    /// For a member who is in it.
    fn in_words(&self) -> String {
        let period = &self.period;
        let used = match self.is_stock {
            false => format!("You were in the draw: your plays {period} count in the edition, with noise."),
            true => format!(
                "You are in the edition, which had been drawn before: your plays {period} count in it, with noise."
            ),
        };
        match &self.recall {
            None => used,
            Some(Recall { in_words, is_in_replacement: false }) => format!("{used} {in_words} Your share stays yours."),
            Some(Recall { in_words, .. }) => {
                format!("{used} {in_words} Your plays count in that one, too. Your share stays yours.")
            }
        }
    }
}

impl Money {
    /// The same for people, in a currency.
    pub fn in_words(self, currency: &str) -> String {
        let amount = |minor: i64| money::Money::new(minor, currency);
        match self {
            Money::NotSold => "There is no money: nothing was sold.".into(),
            Money::Lapsed => "There is no money: the buyer did not pay in time.".into(),
            Money::RecalledUnpaid => "There is no money: the edition was recalled before the buyer had paid.".into(),
            Money::NotYet => "Your share is entered when the buyer has paid and the edition is there.".into(),
            Money::NotAsThingsStand => {
                "As things stand there is no share of yours: you have left the pool or taken a consent back, and would not be in the \
                 draw."
                    .into()
            }
            Money::Share { amount_minor, shared_minor, members } => format!(
                "Your share is {}: {} was shared equally by {}.",
                amount(amount_minor),
                amount(shared_minor),
                counted(members, "members")
            ),
            Money::NotInTheDraw => "There is no share of yours: those are paid whose plays are in the edition.".into(),
            Money::GoneBack => "There is no money: all of it went back to the buyer.".into(),
            Money::TooLittle { members } => format!(
                "There is no share of yours: shared by {}, there was less than {} for each.",
                counted(members, "members"),
                amount(1)
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Entropy;

    #[test]
    fn each_end_of_a_ballot_is_told_by_itself() {
        assert_eq!(ballot(OwnBallot::None, true), "You did not vote.");
        assert_eq!(ballot(OwnBallot::Cast(Choice::No), true), "You voted no, and your ballot was counted.");
        assert!(ballot(OwnBallot::Cast(Choice::Abstain), false).starts_with("You abstained; the vote was called off"));
        assert!(ballot(OwnBallot::Void, true).contains("was void"));
    }

    #[test]
    fn what_was_used_and_what_was_paid_is_told_with_why() {
        let at = UtcTime::from_unix_s(0).unwrap();
        let drawn = |is_stock| Drawn {
            edition_id: EditionId::new(at, &Entropy::seeded(1)),
            drawn_at: Some(at),
            period: "in the 12 whole months before the draw".into(),
            is_stock,
            recall: None,
        };
        let used = [Data::InTheDraw(drawn(false)), Data::InTheDraw(drawn(true))];
        assert!(
            used.iter().all(|data| data.is_used() == Some(true) && data.in_words().contains("in the 12 whole months"))
        );
        assert!(used[1].in_words().contains("had been drawn before"));
        for unused in [Data::NotSold, Data::Lapsed, Data::Cancelled, Data::NotInTheDraw(drawn(false))] {
            assert_eq!(unused.is_used(), Some(false), "{unused:?}");
        }
        assert_eq!((Data::Unpaid.is_used(), Data::Preparing.is_used()), (None, None));
        let share = Money::Share { amount_minor: 275, shared_minor: 4_950_000, members: 18_000 };
        assert_eq!(
            share.in_words("USD"),
            "Your share is USD 2.75: USD 49,500.00 was shared equally by 18,000 members."
        );
        let too_little = Money::TooLittle { members: 18_000 };
        assert!(too_little.in_words("USD").ends_with("there was less than USD 0.01 for each."));
    }
}
