//! How many votes a pool's members are asked to answer at a time, and when an offer's turn comes.

use crate::clock::UtcTime;
use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// What listing an electorate, closing a vote and a restart in between may take on top of the voting period.
pub const MARGIN_S: i64 = 3_600;

/// By when an offer placed now will be decided: the places for votes are given to those who wait in
/// their order, each for a whole voting period and a margin. `ends` are the instants at which the
/// places taken now become free, `ahead` is the number of offers that wait already.
pub fn decision_by(now: UtcTime, voting_period_s: i64, places: i32, mut ends: Vec<UtcTime>, ahead: usize) -> UtcTime {
    let places = usize::try_from(places).unwrap_or(0).max(1);
    ends.sort_unstable();
    // Where more votes are open than there are places now, the first to end make room for nobody.
    ends.drain(..ends.len().saturating_sub(places));
    ends.resize(places, now);
    let mut free_at: BinaryHeap<Reverse<UtcTime>> = ends.into_iter().map(Reverse).collect();
    let mut decided_by = now;
    for _ in 0..=ahead {
        let start = free_at.pop().map_or(now, |Reverse(at)| at.max(now));
        decided_by = start.plus_s(voting_period_s.saturating_add(MARGIN_S));
        free_at.push(Reverse(decided_by));
    }
    decided_by
}

#[cfg(test)]
mod tests {
    use super::*;

    const PERIOD_S: i64 = 10 * MARGIN_S;

    fn at(hours: i64) -> UtcTime {
        UtcTime::from_unix_s(1_000_000_000).unwrap().plus_s(hours * MARGIN_S)
    }

    #[test]
    fn the_promise_follows_the_queue() {
        assert_eq!(decision_by(at(0), PERIOD_S, 3, vec![], 0), at(11), "a place is free");
        assert_eq!(decision_by(at(0), PERIOD_S, 2, vec![at(4)], 0), at(11), "one of two places is free");
        assert_eq!(decision_by(at(0), PERIOD_S, 1, vec![at(4)], 0), at(15), "after the one that is open");
        assert_eq!(decision_by(at(0), PERIOD_S, 1, vec![at(4)], 2), at(37), "two wait before it");
        assert_eq!(decision_by(at(0), PERIOD_S, 2, vec![at(4), at(6)], 1), at(17), "the second to become free");
        assert_eq!(decision_by(at(0), PERIOD_S, 1, vec![at(4), at(9)], 0), at(20), "more are open than places remain");
        assert_eq!(decision_by(at(0), PERIOD_S, 1, vec![at(-4)], 0), at(11), "an end that is overdue");
    }

    proptest::proptest! {
        /// Waiting behind more never means being decided earlier, and never before a vote of one's own.
        #[test]
        fn nobody_gains_by_a_longer_queue(
            ends in proptest::collection::vec(0i64..20, 0..6), ahead in 0usize..20, places in 1i32..5,
        ) {
            let ends: Vec<_> = ends.into_iter().map(at).collect();
            let mine = decision_by(at(0), PERIOD_S, places, ends.clone(), ahead);
            proptest::prop_assert!(mine >= at(11));
            proptest::prop_assert!(mine <= decision_by(at(0), PERIOD_S, places, ends, ahead + 1));
        }
    }
}
