//! Whether a history can be genuine, and whether it has been here before.

use super::play::Play;
use super::report::{Reason, Report};
use crate::error::{Code, Error, Result};
use aws_lc_rs::hmac;
use std::collections::HashMap;

const DAY_MS: i64 = 86_400_000;

/// A day is impossible when plays of more than this end within it. The day itself has 24 hours; a play
/// that began the day before, a device that reports what it played offline, and a clock set wrong for
/// an evening bring genuine days above that, but hardly by another half day.
const IMPOSSIBLE_DAY_MS: u64 = 36 * 3_600_000;

/// So many impossible days a history may have, whatever its length.
const FORGIVEN_DAYS: usize = 6;

/// And so many in a hundred days with listening.
const FORGIVEN_DAYS_PERCENT: usize = 5;

/// So many rows may be dated in the future, and so many in a hundred: a device with a wrong clock.
const FORGIVEN_FUTURE_ROWS: u64 = 9;
const FORGIVEN_FUTURE_PERCENT: u64 = 1;

/// Refuses what nobody can have listened to.
///
/// The rule, which is generous because genuine exports are not neat:
/// 1. More than 9 rows, and more than 1 % of all rows, are dated in the future.
/// 2. More than 6 days (UTC), and more than 5 % of the days with listening, have plays of over 36
///    hours that end in them.
///
/// # Errors
/// `implausible-history`, saying which of the two and by how much.
pub fn plausible(plays: &[Play], report: &Report) -> Result<()> {
    let future = report.dropped.get(&Reason::InTheFuture).copied().unwrap_or(0);
    if future > FORGIVEN_FUTURE_ROWS && future * 100 > report.rows * FORGIVEN_FUTURE_PERCENT {
        let rows = report.rows;
        return Err(implausible(format!("{future} of its {rows} rows are dated in the future")));
    }
    let mut heard_ms: HashMap<i64, u64> = HashMap::new();
    for play in plays {
        *heard_ms.entry(play.ts.unix_ms().div_euclid(DAY_MS)).or_default() += u64::from(play.ms_played);
    }
    let impossible = heard_ms.values().filter(|ms| **ms > IMPOSSIBLE_DAY_MS).count();
    if impossible > FORGIVEN_DAYS && impossible * 100 > heard_ms.len() * FORGIVEN_DAYS_PERCENT {
        let days = heard_ms.len();
        return Err(implausible(format!("on {impossible} of its {days} days more than 36 hours were listened to")));
    }
    Ok(())
}

fn implausible(why: String) -> Error {
    let detail = format!("This history cannot be genuine: {why}. If it is, write to the operator.");
    Error::new(Code::ImplausibleHistory, detail)
}

/// What tells one history from another: HMAC-SHA-256 over the sorted set of its plays' keys, as 64
/// hexadecimal digits. The order of rows, their layout and the archive around them change nothing, so
/// that the same history is known again; without the pepper nobody can try histories against it.
pub fn fingerprint(plays: &[Play], pepper: &[u8]) -> String {
    let mut keys: Vec<_> = plays.iter().map(Play::key).collect();
    keys.sort_unstable();
    keys.dedup();
    let mut context = hmac::Context::with_key(&hmac::Key::new(hmac::HMAC_SHA256, pepper));
    context.update(b"refrain history fingerprint 1\n");
    for (ts, ms_played, first, second) in keys {
        context.update(&ts.unix_ms().to_le_bytes());
        context.update(&ms_played.to_le_bytes());
        for text in [first, second] {
            // The length goes first, so that no two lists of texts read alike.
            context.update(&(text.len() as u64).to_le_bytes());
            context.update(text.as_bytes());
        }
    }
    hex::encode(context.sign().as_ref())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::UtcTime;
    use crate::histories::made_up::{Shape, World};
    use crate::histories::play::sort_and_dedupe;
    use crate::histories::report::SourceKind;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    fn plays() -> Vec<Play> {
        plays_of(Shape::ExtendedNew)
    }

    fn plays_of(shape: Shape) -> Vec<Play> {
        let world = World::small(7, UtcTime::parse("2026-11-23T00:00:00Z").unwrap());
        let mut found = crate::histories::spotify::Found::default();
        for (name, body) in world.listener(0).files(shape) {
            crate::histories::spotify::read_file(&name, &body[..], world.now(), &mut found).unwrap();
        }
        sort_and_dedupe(&mut found.extended);
        found.extended
    }

    fn judged(plays: &[Play], future: u64) -> Result<()> {
        let dropped = BTreeMap::from([(Reason::InTheFuture, future)]);
        plausible(plays, &Report::new(SourceKind::SpotifyExtended, 1, plays, dropped))
    }

    /// So many days on which the same hours of listening end.
    fn days(days: i64, hours: u32) -> Vec<Play> {
        let some = plays().remove(0);
        let start = UtcTime::parse("2024-01-01T12:00:00Z").unwrap();
        let hour =
            |d: i64, h: u32| Play { ts: start.plus_days(d).plus_s(i64::from(h)), ms_played: 3_600_000, ..some.clone() };
        (0..days).flat_map(|d| (0..hours).map(move |h| (d, h))).map(|(d, h)| hour(d, h)).collect()
    }

    #[test]
    fn days_of_more_hours_than_there_are_give_a_forgery_away() {
        assert!(judged(&days(100, 24), 0).is_ok());
        assert!(judged(&days(100, 36), 0).is_ok(), "devices that were offline overlap");
        assert_eq!(judged(&days(100, 37), 0).unwrap_err().code(), Code::ImplausibleHistory);
        assert!(judged(&days(6, 48), 0).is_ok(), "a few odd days prove nothing");
        let mut mixed = days(200, 3);
        mixed.extend(days(10, 48));
        assert!(judged(&mixed, 0).is_ok(), "nor do ten of two hundred");
    }

    #[test]
    fn many_plays_in_the_future_are_refused_and_a_few_are_not() {
        let plays = plays();
        assert!(judged(&plays, 9).is_ok(), "a wrong clock for an hour");
        assert_eq!(judged(&plays, 200).unwrap_err().code(), Code::ImplausibleHistory);
        assert_eq!(judged(&[], 10).unwrap_err().code(), Code::ImplausibleHistory);
    }

    #[test]
    fn a_fingerprint_is_of_the_set_and_of_the_pepper() {
        let plays = plays();
        let print = fingerprint(&plays, b"pepper");
        assert_eq!(print.len(), 64);
        assert_ne!(print, fingerprint(&plays, b"salt"));
        assert_ne!(print, fingerprint(&plays[1..], b"pepper"));
        let doubled = [plays.clone(), plays.clone()].concat();
        assert_eq!(print, fingerprint(&doubled, b"pepper"));
        assert_eq!(print, fingerprint(&plays_of(Shape::ExtendedOld), b"pepper"), "the shape of another year");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(8))]
        #[test]
        fn shuffled_rows_have_the_same_fingerprint(shuffled in Just(plays()).prop_shuffle()) {
            prop_assert_eq!(fingerprint(&plays(), b"pepper"), fingerprint(&shuffled, b"pepper"));
        }
    }
}
