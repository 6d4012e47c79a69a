//! What is decided before the deadline: only where ballots are final. Where they may be changed, nothing is decided
//! until the deadline, as every ballot may still turn.

use super::{Outcome, Passing, Tally, need};

/// The outcome that no further ballot can change, where ballots are final; `None` while it is open. A rejection is
/// [`Outcome::TooFewYes`] where even all that are left could not bring enough yes, and else [`Outcome::TooManyNo`].
///
/// It holds for the ballots as they are: whoever leaves takes a ballot along, so a vote that is decided early is
/// counted and closed in one transaction.
pub fn decided_early(passing: &Passing, electors: i64, tally: Tally) -> Option<Outcome> {
    let [yes, no, abstain] = [tally.yes, tally.no, tally.abstain].map(i128::from);
    let rest = i128::from(electors) - yes - no - abstain;
    if [yes, no, abstain, rest].iter().any(|count| *count < 0) {
        return None; // no vote can have come to this, so nothing is decided by it
    }
    let need = i128::from(need(passing, electors));
    // The worst that can come is that all others say no; the best, that all say yes. At least one yes is needed, so
    // a count without any never reaches a threshold here.
    if yes >= need && passing.threshold_reached(yes, no + rest) {
        Some(Outcome::Accepted)
    } else if yes + rest < need {
        Some(Outcome::TooFewYes)
    } else if !passing.threshold_reached(yes + rest, no) {
        Some(Outcome::TooManyNo)
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::super::outcome;
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    const RULES: [(i32, i32, i32); 10] = [
        (1, 1, 2),
        (1_000, 2, 3),
        (2_500, 51, 100),
        (3_334, 1, 2),
        (5_000, 1, 2),
        (5_000, 2, 4),
        (5_000, 0, 1),
        (5_000, 1, 3),
        (7_500, 3, 4),
        (10_000, 1, 1),
    ];

    fn tally(yes: i64, no: i64, abstain: i64) -> Tally {
        Tally { yes, no, abstain }
    }

    /// Every tally that so many electors can come to.
    fn tallies(electors: i64) -> impl Iterator<Item = Tally> {
        (0..=electors).flat_map(move |yes| {
            (0..=electors - yes)
                .flat_map(move |no| (0..=electors - yes - no).map(move |abstain| tally(yes, no, abstain)))
        })
    }

    fn plus(a: Tally, b: Tally) -> Tally {
        tally(a.yes + b.yes, a.no + b.no, a.abstain + b.abstain)
    }

    /// What all completions of a count agree on, by trying each: those who are left vote anything, or not at all.
    fn by_trying(passing: &Passing, electors: i64, now: Tally) -> Option<Outcome> {
        let ends: Vec<_> =
            tallies(electors - now.turnout()).map(|more| outcome(passing, electors, plus(now, more))).collect();
        let accepted = ends.iter().filter(|end| end.is_accepted()).count();
        if accepted == ends.len() {
            Some(Outcome::Accepted)
        } else if accepted > 0 {
            None
        } else if ends.iter().all(|end| *end == Outcome::TooFewYes) {
            Some(Outcome::TooFewYes)
        } else {
            Some(Outcome::TooManyNo)
        }
    }

    #[test]
    fn it_is_what_every_way_to_go_on_agrees_on() {
        let mut found = BTreeMap::new();
        for (quorum_bp, numerator, denominator) in RULES {
            let passing = Passing::new(quorum_bp, numerator, denominator).unwrap();
            for electors in 1..=9 {
                for now in tallies(electors) {
                    let early = decided_early(&passing, electors, now);
                    assert_eq!(early, by_trying(&passing, electors, now), "{passing:?}, {electors} electors, {now:?}");
                    assert!(early.is_some() || now.turnout() < electors, "all have voted and nothing is decided");
                    *found.entry(format!("{early:?}")).or_insert(0) += 1;
                }
            }
        }
        assert_eq!(found.values().sum::<i32>(), 10 * 714, "all states were walked");
        assert_eq!(found.len(), 4, "each outcome, and none, was met: {found:?}");
    }

    /// A yes never brings a rejection and a no never an acceptance, and what is decided stays decided.
    #[test]
    fn one_more_ballot_never_works_against_its_choice() {
        for (quorum_bp, numerator, denominator) in RULES {
            let passing = Passing::new(quorum_bp, numerator, denominator).unwrap();
            for electors in 1..=9 {
                let early = |now| decided_early(&passing, electors, now).map(Outcome::is_accepted);
                for now in tallies(electors).filter(|now| now.turnout() < electors) {
                    let [yes, no, abstain] =
                        [tally(1, 0, 0), tally(0, 1, 0), tally(0, 0, 1)].map(|one| early(plus(now, one)));
                    match early(now) {
                        None => assert!(yes != Some(false) && no != Some(true), "{passing:?}, {electors}, {now:?}"),
                        decided => assert_eq!([yes, no, abstain], [decided; 3], "{passing:?}, {electors}, {now:?}"),
                    }
                }
            }
        }
    }

    #[test]
    fn the_known_decisions_come_early() {
        let half = Passing::new(5_000, 1, 2).unwrap();
        assert_eq!(decided_early(&half, 7, tally(4, 0, 0)), Some(Outcome::Accepted));
        assert_eq!(decided_early(&half, 7, tally(3, 0, 0)), None);
        assert_eq!(decided_early(&half, 7, tally(0, 0, 4)), Some(Outcome::TooFewYes), "three yes are not enough");
        assert_eq!(decided_early(&half, 10, tally(0, 5, 0)), Some(Outcome::TooManyNo), "the best is a tie");
        assert_eq!(decided_early(&half, 10, tally(5, 0, 0)), None, "the worst is a tie");
        assert_eq!(decided_early(&half, 10, tally(5, 0, 1)), Some(Outcome::Accepted));
    }

    #[test]
    fn an_impossible_count_decides_nothing() {
        let half = Passing::new(5_000, 1, 2).unwrap();
        for count in [tally(5, 0, 0), tally(2, 2, 2), tally(5, -1, 0), tally(i64::MAX, i64::MAX, i64::MAX)] {
            assert_eq!(decided_early(&half, 4, count), None, "{count:?}");
        }
        assert_eq!(decided_early(&half, i64::MAX, tally(i64::MAX, 0, 0)), Some(Outcome::Accepted), "no overflow");
    }

    proptest! {
        /// At real sizes: however the count goes on from an early decision, it ends in it.
        #[test]
        fn the_full_count_says_the_same(
            electors in 1i64..2_000_000, shares in any::<[u32; 6]>(), quorum_bp in 1i32..=10_000,
            denominator in 1i32..=10_000, part in any::<u32>(),
        ) {
            let numerator = i32::try_from(part % u32::try_from(denominator + 1).unwrap()).unwrap();
            let passing = Passing::new(quorum_bp, numerator, denominator).unwrap();
            let mut left = electors;
            let [a, b, c, d, e, f] = shares.map(|share| {
                let taken = i64::from(share) % (left + 1);
                left -= taken;
                taken
            });
            let now = tally(a, b, c);
            let end = plus(now, tally(d, e, f));
            if let Some(early) = decided_early(&passing, electors, now) {
                prop_assert_eq!(early.is_accepted(), outcome(&passing, electors, end).is_accepted());
                prop_assert_eq!(early.is_accepted(), outcome(&passing, electors, now).is_accepted());
                prop_assert_eq!(decided_early(&passing, electors, end).map(Outcome::is_accepted), Some(early.is_accepted()));
            }
        }
    }
}
