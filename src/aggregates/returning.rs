//! Coming back to an artist in the months after the first play.

use super::bound::{Group, Tally};
use super::counting::Counting;
use super::keys;
use super::member::{MemberPlay, SETTLED_AFTER_MS};
use hashbrown::{HashMap, HashSet};

/// For each of the artists and each month after the member's first play of it: whether the member could have come back
/// (`comparable`: history and period both go on until that month or longer) and whether it did (`first`).
///
/// An artist first heard in the history's first 90 days may have been known before, one first heard before the period was,
/// and account data is not complete: these are left out.
pub fn months(counting: &Counting, artists: &HashSet<u32>, plays: &[MemberPlay]) -> Vec<(Group, Tally)> {
    let exact: Vec<&MemberPlay> = plays.iter().filter(|play| !play.is_coarse).collect();
    let (Some(begin), Some(end)) = (exact.first(), exact.last()) else { return Vec::new() };
    let settled_ms = begin.ts_ms.saturating_add(SETTLED_AFTER_MS);
    let mut heard: HashMap<u32, Vec<u32>> = HashMap::new();
    let mut known_before = HashSet::new();
    for play in exact.iter().filter(|play| artists.contains(&play.artist)) {
        if play.ts_ms < settled_ms || counting.is_before(play.ts_ms) {
            known_before.insert(play.artist);
        } else if counting.counts(play) {
            heard.entry(play.artist).or_default().push(keys::month_of(play.ts_ms));
        }
    }
    let last = keys::month_of(counting.last_inside(end.ts_ms));
    let most = counting.recipe().months_after.unwrap_or(0);
    let mut out = Vec::new();
    for (artist, months) in heard.into_iter().filter(|(artist, _)| !known_before.contains(artist)) {
        let first = months[0]; // plays are sorted by time
        let later: HashSet<u32> = months.iter().map(|month| month - first).collect();
        out.extend((1..=most).take_while(|after| first + after <= last).map(|after| {
            let tally = Tally { comparable: 1, first: u32::from(later.contains(&after)), ..Tally::default() };
            ([artist, after, 0, 0], tally)
        }));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aggregates::bound::TieSeed;
    use crate::aggregates::counting::Task;
    use crate::aggregates::intern::Names;
    use crate::aggregates::recipe::Recipe;
    use crate::clock::{Entropy, UtcTime};
    use crate::histories::play::Ended;

    #[test]
    fn coming_back_is_told_by_month_while_the_history_goes_on() {
        let task = Task {
            recipe: Recipe::parse(r#"{"kind":"retention_curve","months_after":4}"#).unwrap(),
            drawn_at: UtcTime::parse("2026-03-15T00:00:00Z").unwrap(),
            artists: vec!["New".into(), "Old".into()],
            seed: TieSeed::new(&Entropy::seeded(1)),
        };
        let mut names = Names::default();
        let counting = Counting::new(&task, &mut names);
        let mut play = |artist: &str, date: &str| MemberPlay {
            ts_ms: UtcTime::parse(&format!("{date}T12:00:00Z")).unwrap().unix_ms(),
            ms_played: 200_000,
            artist: names.id(artist),
            album: 0,
            track: 0,
            country: 0,
            service: 0,
            ended: Ended::Finished,
            is_coarse: false,
        };
        let plays = [
            play("Old", "2020-01-10"),
            play("New", "2020-05-10"),
            play("Old", "2020-05-11"),
            play("New", "2020-05-12"),
            play("New", "2020-07-01"),
            play("Old", "2020-08-31"),
        ];
        let artists = plays.iter().map(|play| play.artist).collect();
        let told: Vec<(u32, u32, u32)> = months(&counting, &artists, &plays)
            .iter()
            .map(|(group, tally)| (group[1], tally.first, tally.comparable))
            .collect();
        assert_eq!(told, [(1, 0, 1), (2, 1, 1), (3, 0, 1)], "June no, July yes, August no; September is not seen");
        // Ninety days to the millisecond after the first play the history has settled.
        let edge = [play("Old", "2020-01-10"), play("Edge", "2020-04-09"), play("Old", "2020-05-01")];
        let told =
            |plays: &[MemberPlay]| months(&counting, &plays.iter().map(|play| play.artist).collect(), plays).len();
        let early = [edge[0], MemberPlay { ts_ms: edge[1].ts_ms - 1, ..edge[1] }, edge[2]];
        assert_eq!((told(&edge), told(&early)), (1, 0));
        // A period ends what can be seen of it, and what was heard before it began is nothing new.
        let within = |from: &str, to: &str| {
            let recipe = format!(r#"{{"kind":"retention_curve","months_after":4,"from":"{from}","to":"{to}"}}"#);
            let task = Task { recipe: Recipe::parse(&recipe).unwrap(), ..task.clone() };
            let counting = Counting::new(&task, &mut Names::default());
            months(&counting, &artists, &plays).iter().map(|(group, tally)| (group[1], tally.first)).collect::<Vec<_>>()
        };
        assert_eq!(within("2020-01-01T00:00:00Z", "2020-07-01T00:00:00Z"), [(1, 0)], "July is not seen");
        assert_eq!(within("2020-01-01T00:00:00Z", "2020-08-01T00:00:00Z"), [(1, 0), (2, 1)]);
        assert_eq!(within("2020-05-11T00:00:00Z", "2020-10-01T00:00:00Z"), [], "known since the day before");
        let coarse = plays.map(|play| MemberPlay { is_coarse: true, ..play });
        assert!(months(&counting, &artists, &coarse).is_empty());
        assert!(months(&counting, &artists, &[]).is_empty());
    }
}
