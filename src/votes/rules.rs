//! The arithmetic of a vote, pure and in integers: what a vote needs to pass, when it is open, how it ends.
//!
//! The rule is an *approval quorum*: enough members must say yes, and yes must reach the threshold
//! among yes and no. An abstention is turnout and nothing else. With a participation quorum a "no"
//! or an abstention could help an offer to pass; here one more of either never turns a rejection
//! into an acceptance, and one more "yes" never the other way round.
//!
//! [`early`] tells what no further ballot can change, and [`window`] when ballots are taken.

pub mod early;
pub mod window;

pub use early::decided_early;
pub use window::{Window, effective_deadline, extension, is_over_at, reminders, takes_ballots_at};

use crate::error::{Error, Result};
use crate::pools::model::Split;
use crate::votes::model::Choice;

/// Basis points in a whole.
const WHOLE_BP: i32 = 10_000;

/// What a vote needs to pass. Frozen into the vote: later changes of a pool's rules change nothing that is under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Passing {
    quorum_bp: i32,
    numerator: i32,
    denominator: i32,
}

/// All the rules of a vote, as they are frozen into it when it is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rules {
    /// What it needs to pass.
    pub passing: Passing,
    /// How long ballots are taken, in seconds.
    pub voting_period_s: i64,
    /// Seconds that are left at least when the yes that are needed are reached; 0 moves no deadline.
    pub late_quorum_s: i64,
    /// Whether a ballot that is cast cannot be changed. Then a vote ends as soon as nothing can change its outcome.
    pub final_ballots: bool,
    /// What is shown while it is open.
    pub split: Split,
}

/// Ballots by choice.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    /// For the offer.
    pub yes: i64,
    /// Against it.
    pub no: i64,
    /// Neither: counted as turnout only.
    pub abstain: i64,
}

/// How a tally ends under the rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Quorum and threshold are both reached.
    Accepted,
    /// Fewer said yes than the quorum needs.
    TooFewYes,
    /// Enough said yes, but too many said no.
    TooManyNo,
}

impl Passing {
    /// Rules from their numbers.
    ///
    /// # Errors
    /// `invalid` for a quorum outside of 1 to 10,000 basis points or a threshold outside of 0 to 1.
    pub fn new(quorum_bp: i32, numerator: i32, denominator: i32) -> Result<Self> {
        if !(1..=WHOLE_BP).contains(&quorum_bp) {
            return Err(Error::invalid("A quorum lies between 1 and 10,000 basis points."));
        }
        if denominator <= 0 || !(0..=denominator).contains(&numerator) {
            return Err(Error::invalid("A threshold is a fraction from 0 to 1 with a denominator above zero."));
        }
        Ok(Passing { quorum_bp, numerator, denominator })
    }

    /// Whether the threshold is exactly one half, however it is written: then a tie is a rejection.
    pub fn is_simple_majority(&self) -> bool {
        i64::from(self.numerator) * 2 == i64::from(self.denominator)
    }

    /// The quorum in basis points of the electorate.
    pub fn quorum_bp(&self) -> i32 {
        self.quorum_bp
    }

    /// The threshold as numerator and denominator.
    pub fn threshold(&self) -> (i32, i32) {
        (self.numerator, self.denominator)
    }

    /// Counts of ballots fit into 64 bits, so that nothing here overflows.
    fn threshold_reached(&self, yes: i128, no: i128) -> bool {
        if self.is_simple_majority() {
            return yes > no;
        }
        yes * i128::from(self.denominator) >= i128::from(self.numerator) * (yes + no)
    }
}

impl Tally {
    /// The tally when a member's ballot says something else than it did; nothing stands for none.
    ///
    /// # Errors
    /// `internal` where it did not say what is taken away: then the tally is damaged.
    pub fn changed(mut self, from: Option<Choice>, to: Option<Choice>) -> Result<Self> {
        let damaged = || Error::internal("a tally has fewer ballots of a kind than are taken away");
        if let Some(count) = from.map(|choice| self.of(choice)) {
            *count = Some(*count).filter(|count| *count > 0).ok_or_else(damaged)? - 1;
        }
        if let Some(count) = to.map(|choice| self.of(choice)) {
            *count += 1;
        }
        Ok(self)
    }

    fn of(&mut self, choice: Choice) -> &mut i64 {
        match choice {
            Choice::Yes => &mut self.yes,
            Choice::No => &mut self.no,
            Choice::Abstain => &mut self.abstain,
        }
    }

    /// Ballots cast.
    pub fn turnout(self) -> i64 {
        self.yes + self.no + self.abstain
    }
}

impl Outcome {
    /// Whether the offer is accepted.
    pub fn is_accepted(self) -> bool {
        self == Outcome::Accepted
    }
}

/// Votes in favour that are needed among `electors`: the quorum's share, rounded up, and never none.
pub fn need(passing: &Passing, electors: i64) -> i64 {
    let share =
        (i128::from(electors) * i128::from(passing.quorum_bp) + i128::from(WHOLE_BP - 1)) / i128::from(WHOLE_BP);
    // A quorum is at most the whole, so the share fits wherever the electors did.
    i64::try_from(share).unwrap_or(i64::MAX).max(1)
}

/// The outcome of a tally: a pure function of the frozen rules, the electorate's size and the ballots.
pub fn outcome(passing: &Passing, electors: i64, tally: Tally) -> Outcome {
    if tally.yes < need(passing, electors) {
        Outcome::TooFewYes
    } else if passing.threshold_reached(tally.yes.into(), tally.no.into()) {
        Outcome::Accepted
    } else {
        Outcome::TooManyNo
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::{Just, Strategy};

    fn passing(quorum_bp: i32, numerator: i32, denominator: i32) -> Passing {
        Passing::new(quorum_bp, numerator, denominator).unwrap()
    }

    fn tally(yes: i64, no: i64, abstain: i64) -> Tally {
        Tally { yes, no, abstain }
    }

    #[test]
    fn the_decision_vectors_hold() {
        let two_thirds = passing(1_000, 2, 3);
        assert_eq!(outcome(&two_thirds, 18_000, tally(1_800, 900, 0)), Outcome::Accepted, "both bounds exactly");
        assert_eq!(outcome(&two_thirds, 18_000, tally(1_800, 901, 0)), Outcome::TooManyNo, "5,400 < 5,402");
        assert_eq!(outcome(&two_thirds, 18_000, tally(1_799, 0, 0)), Outcome::TooFewYes, "one short");
        let half = passing(5_000, 1, 2);
        assert_eq!(outcome(&half, 7, tally(4, 0, 0)), Outcome::Accepted, "3.5 rounds up to 4");
        assert_eq!(outcome(&half, 7, tally(3, 0, 4)), Outcome::TooFewYes, "abstainers do not make it pass");
        assert_eq!(outcome(&passing(10_000, 1, 1), 1, tally(1, 0, 0)), Outcome::Accepted);
        assert_eq!(outcome(&passing(1, 1, 2), 5, tally(0, 0, 5)), Outcome::TooFewYes, "nobody said yes");
        assert_eq!(outcome(&half, 10, tally(5, 5, 0)), Outcome::TooManyNo, "a tie is no majority");
        assert_eq!(
            outcome(&passing(5_000, 2, 4), 10, tally(5, 5, 0)),
            Outcome::TooManyNo,
            "however one half is written"
        );
        assert_eq!(outcome(&passing(5_000, 51, 100), 100, tally(51, 49, 0)), Outcome::Accepted);
    }

    #[test]
    fn need_is_rounded_up_and_never_none() {
        let all = [(1, 1, 1), (1, 10_000, 1), (1, 10_001, 2), (5_000, 7, 4), (10_000, 7, 7), (1_000, 18_000, 1_800)];
        for (quorum_bp, electors, expected) in all {
            assert_eq!(need(&passing(quorum_bp, 1, 2), electors), expected, "{quorum_bp} of {electors}");
        }
        assert_eq!(need(&passing(10_000, 1, 2), i64::MAX), i64::MAX, "no overflow");
    }

    /// One more yes never hurts, one more no or abstention never helps: every state up to nine electors.
    #[test]
    fn ballots_never_work_against_their_choice() {
        let rules =
            [(1, 1, 2), (1_000, 2, 3), (3_334, 1, 2), (5_000, 1, 2), (5_000, 0, 1), (7_500, 3, 4), (10_000, 1, 1)];
        let mut states = 0;
        for (quorum_bp, numerator, denominator) in rules {
            let passing = passing(quorum_bp, numerator, denominator);
            for electors in 1..=9i64 {
                for yes in 0..=electors {
                    for no in 0..=electors - yes {
                        for abstain in 0..=electors - yes - no {
                            states += 1;
                            let accepted = |y, n, a| outcome(&passing, electors, tally(y, n, a)).is_accepted();
                            let now = accepted(yes, no, abstain);
                            if yes + no + abstain < electors {
                                assert!(!now || accepted(yes + 1, no, abstain), "a yes turned it down");
                                assert!(now || !accepted(yes, no + 1, abstain), "a no let it pass");
                                assert!(now || !accepted(yes, no, abstain + 1), "an abstention let it pass");
                            }
                            // Changing one's mind towards yes never hurts either.
                            assert!(!now || no == 0 || accepted(yes + 1, no - 1, abstain));
                            assert!(!now || abstain == 0 || accepted(yes + 1, no, abstain - 1));
                        }
                    }
                }
            }
        }
        assert_eq!(states, 7 * 714, "all states were walked");
    }

    #[test]
    fn impossible_rules_are_refused() {
        for (quorum_bp, numerator, denominator) in
            [(0, 1, 2), (10_001, 1, 2), (1, 1, 0), (1, 0, 0), (1, 3, 2), (1, -1, 2)]
        {
            assert!(Passing::new(quorum_bp, numerator, denominator).is_err());
        }
    }

    #[test]
    fn rules_are_read_back_as_they_were_made() {
        let made = passing(2_500, 2, 3);
        assert_eq!((made.quorum_bp(), made.threshold()), (2_500, (2, 3)));
    }

    #[test]
    fn a_changed_ballot_is_counted_once() {
        let one = Tally::default().changed(None, Some(Choice::Yes)).unwrap();
        assert_eq!(one, tally(1, 0, 0));
        let other = one.changed(Some(Choice::Yes), Some(Choice::No)).unwrap();
        assert_eq!(other, tally(0, 1, 0));
        assert_eq!(other.changed(Some(Choice::No), Some(Choice::Abstain)).unwrap(), tally(0, 0, 1));
        assert_eq!(other.changed(Some(Choice::No), None).unwrap(), Tally::default());
        assert!(other.changed(Some(Choice::Yes), None).is_err(), "nobody said yes");
    }

    proptest::proptest! {
        /// The outcome at real sizes agrees with the definition written out in rational arithmetic.
        #[test]
        fn the_outcome_is_its_definition(
            electors in 1i64..2_000_000, yes in 0i64..2_000_000, no in 0i64..2_000_000,
            quorum_bp in 1i32..=10_000, denominator in 1i32..1_000, part in 0i32..1_000,
        ) {
            let numerator = part % (denominator + 1);
            let (yes, no) = (yes % (electors + 1), no % (electors + 1));
            let no = no.min(electors - yes);
            let (y, n) = (i128::from(yes), i128::from(no));
            let quorum = y >= 1 && y * 10_000 >= i128::from(electors) * i128::from(quorum_bp);
            let threshold = if numerator * 2 == denominator { y > n } else {
                y * i128::from(denominator) >= i128::from(numerator) * (y + n)
            };
            let found = outcome(&passing(quorum_bp, numerator, denominator), electors, tally(yes, no, 0));
            proptest::prop_assert_eq!(found.is_accepted(), quorum && threshold);
        }

        /// It does not matter who votes first.
        #[test]
        fn the_order_of_ballots_does_not_matter(
            (choices, shuffled) in proptest::collection::vec(proptest::sample::select(Choice::ALL), 0..60)
                .prop_flat_map(|choices| (Just(choices.clone()), Just(choices).prop_shuffle())),
            quorum_bp in 1i32..=10_000, more in 0i64..20,
        ) {
            let electors = i64::try_from(choices.len()).unwrap() + more;
            let passing = passing(quorum_bp, 1, 2);
            let [one, other] = [choices, shuffled].map(|choices| {
                choices.into_iter().fold(Tally::default(), |tally, choice| tally.changed(None, Some(choice)).unwrap())
            });
            proptest::prop_assert_eq!(one, other);
            proptest::prop_assert_eq!(outcome(&passing, electors, one), outcome(&passing, electors, other));
        }
    }
}
