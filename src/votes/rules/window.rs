//! When ballots are taken, and the one case in which that changes: a late quorum.
//!
//! Somebody may hold back yes votes until the last moment, when those who would say no have no time left. So where
//! the yes votes that are needed are reached late, everyone gets the same time to answer, once. That the *outcome*
//! turns moves no deadline: where ballots can be changed, a few voters could turn it back and forth for ever.

use crate::clock::UtcTime;

const DAY_S: i64 = 86_400;

/// When ballots are taken: from `opens_at` on, and no longer at the deadline itself ([`effective_deadline`]).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// The first instant.
    pub opens_at: UtcTime,
    /// The first instant at which it is too late, unless the deadline was moved.
    pub closes_at: UtcTime,
    /// Where the deadline was moved to, as [`extension`] said.
    pub extended_to: Option<UtcTime>,
}

impl Window {
    /// A window whose deadline was not moved.
    pub fn new(opens_at: UtcTime, closes_at: UtcTime) -> Self {
        Window { opens_at, closes_at, extended_to: None }
    }
}

/// The deadline that counts. Everything that asks when a vote ends asks here: taking a ballot, closing, and what people are shown.
/// It is never earlier than `closes_at`, whatever was written beside it.
pub fn effective_deadline(window: &Window) -> UtcTime {
    window.extended_to.map_or(window.closes_at, |extended_to| extended_to.max(window.closes_at))
}

/// Whether a ballot is taken at an instant.
pub fn takes_ballots_at(window: &Window, now: UtcTime) -> bool {
    window.opens_at <= now && now < effective_deadline(window)
}

/// Whether a vote may be closed at an instant.
pub fn is_over_at(window: &Window, now: UtcTime) -> bool {
    now >= effective_deadline(window)
}

/// When those who have not voted are reminded: a day after the opening and a day before the deadline, once where that is the
/// same instant, and not at all in votes of a day or less.
pub fn reminders(window: &Window) -> Vec<UtcTime> {
    let deadline = effective_deadline(window);
    let mut times = vec![window.opens_at.plus_s(DAY_S), deadline.plus_s(-DAY_S)];
    times.retain(|at| window.opens_at < *at && *at < deadline);
    times.sort_unstable();
    times.dedup();
    times
}

/// Where the deadline moves to when the number of yes comes to what is needed, at `reached_at`: to
/// `late_quorum_s` after that, if this is later. `None` where it stays: the quorum came early enough, no ballot is
/// taken at that instant, the deadline was moved before, or the rules do not move it (`late_quorum_s` is 0).
///
/// It counts each time, not the first alone: who reached it early and took a yes back could else reach it once more at the
/// last moment, with nobody left to answer. A ballot is taken before `closes_at` only, so that the deadline moves by less than `late_quorum_s`.
pub fn extension(window: &Window, late_quorum_s: i64, reached_at: UtcTime) -> Option<UtcTime> {
    if window.extended_to.is_some() || late_quorum_s <= 0 || !takes_ballots_at(window, reached_at) {
        return None;
    }
    // At the end of the calendar this stops and does not overflow.
    let extended_to = reached_at.plus_s(late_quorum_s);
    (extended_to > window.closes_at).then_some(extended_to)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at_s(s: i64) -> UtcTime {
        UtcTime::from_unix_s(s).unwrap()
    }

    #[test]
    fn the_window_is_half_open() {
        let at = |ms| UtcTime::from_unix_ms(ms).unwrap();
        let window = Window::new(at(1_000), at(2_000));
        assert!(!takes_ballots_at(&window, at(999)));
        assert!(takes_ballots_at(&window, at(1_000)));
        assert!(takes_ballots_at(&window, at(1_999)) && !is_over_at(&window, at(1_999)));
        assert!(!takes_ballots_at(&window, at(2_000)) && is_over_at(&window, at(2_000)));
    }

    #[test]
    fn everything_asks_for_the_moved_deadline() {
        let moved = Window { extended_to: Some(at_s(3_000)), ..Window::new(at_s(1_000), at_s(2_000)) };
        assert_eq!(effective_deadline(&moved), at_s(3_000));
        assert!(takes_ballots_at(&moved, at_s(2_999)) && !is_over_at(&moved, at_s(2_999)));
        assert!(!takes_ballots_at(&moved, at_s(3_000)) && is_over_at(&moved, at_s(3_000)));
        let damaged = Window { extended_to: Some(at_s(1_500)), ..moved };
        assert_eq!(effective_deadline(&damaged), at_s(2_000), "no row makes a vote end before its deadline");
    }

    #[test]
    fn reminders_lie_a_day_from_either_end() {
        let hours = |hours: i64| at_s(hours * 3_600);
        let times = |closes: i64| reminders(&Window::new(hours(0), hours(closes)));
        assert_eq!(times(7 * 24), [hours(24), hours(6 * 24)]);
        assert_eq!(times(48), [hours(24)], "one, not two at once");
        assert_eq!(times(30), [hours(6), hours(24)]);
        assert_eq!((times(24), times(1)), (vec![], vec![]));
        let moved = Window { extended_to: Some(hours(8 * 24)), ..Window::new(hours(0), hours(7 * 24)) };
        assert_eq!(reminders(&moved), [hours(24), hours(7 * 24)]);
    }

    #[test]
    fn a_late_quorum_gives_everyone_the_same_time() {
        let window = Window::new(at_s(1_000), at_s(2_000));
        let cases = [
            (1_500, 0, None),
            (1_999, 0, None),
            (1_999, -5, None),
            (1_000, 300, None),
            (1_700, 300, None), // exactly at the border it is not late
            (1_701, 300, Some(2_001)),
            (1_999, 300, Some(2_299)),
            (2_000, 300, None), // no ballot is taken any more
            (999, 300, None),   // nor before it opens
            (1_000, 1_000, None),
            (1_001, 1_000, Some(2_001)),
        ];
        for (reached_s, late_quorum_s, expected) in cases {
            let found = extension(&window, late_quorum_s, at_s(reached_s));
            assert_eq!(found, expected.map(at_s), "reached at {reached_s}, {late_quorum_s} s");
        }
        let moved = Window { extended_to: Some(at_s(2_299)), ..window };
        assert_eq!(extension(&moved, 300, at_s(2_298)), None, "once only");
        assert_eq!(extension(&moved, 300, at_s(1_999)), None, "once only");
    }

    #[test]
    fn the_end_of_the_calendar_is_no_way_around_it() {
        let last = at_s(0).plus_s(i64::MAX);
        let window = Window::new(at_s(0), last.plus_s(-1));
        assert_eq!(extension(&window, i64::MAX, last.plus_s(-2)), Some(last));
        assert_eq!(extension(&Window::new(at_s(0), last), i64::MAX, last.plus_s(-1)), None, "there is no later");
    }

    proptest! {
        #[test]
        fn the_deadline_only_moves_back_and_no_further_than_the_rules_say(
            opens_s in 0i64..4_000_000_000, period_s in 1i64..10_000_000, late_quorum_s in 0i64..10_000_000,
            reached_after_s in -10i64..10_000_010,
        ) {
            let window = Window::new(at_s(opens_s), at_s(opens_s + period_s));
            let reached_s = opens_s + reached_after_s;
            prop_assume!(reached_s >= 0);
            let extended_to = extension(&window, late_quorum_s, at_s(reached_s));
            let moved = Window { extended_to, ..window };
            let deadline = effective_deadline(&moved);
            prop_assert!(deadline >= window.closes_at);
            prop_assert!(deadline <= window.closes_at.plus_s(late_quorum_s));
            prop_assert!(extended_to.is_none() || takes_ballots_at(&moved, window.closes_at), "and ballots are taken");
            if takes_ballots_at(&window, at_s(reached_s)) {
                prop_assert!(late_quorum_s == 0 || deadline >= at_s(reached_s).plus_s(late_quorum_s), "time to answer");
            } else {
                prop_assert_eq!(extended_to, None);
            }
        }
    }
}
