//! A vote in plain words: what it needs, what doing nothing means, and why it ended as it did.

use crate::money::{counted, grouped};
use crate::pools::model::Split;
use crate::votes::model::{Choice, Elector};
use crate::votes::rules::{Outcome, Passing, Rules, Tally, Window, need};

/// What it takes to pass among so many electors, and what else holds in the vote.
pub fn rule(rules: &Rules, electors: i64) -> String {
    let mut words = format!(
        "The offer is accepted if at least {} of the {} vote yes, and {}. \
         Abstaining counts as taking part and neither for nor against. {}",
        grouped(need(&rules.passing, electors)),
        counted(electors, "members"),
        majority(&rules.passing),
        if rules.final_ballots {
            "A ballot cannot be changed. The vote ends at its deadline, or before, as soon as no ballot can change its outcome."
        } else {
            "A ballot may be changed until the vote closes; the last one counts."
        }
    );
    if rules.split == Split::Live {
        words += " How many said yes and no is shown while the vote is open.";
    }
    if let Some(late) = late_quorum(rules, electors) {
        words += " ";
        words += &late;
    }
    words
}

/// What happens to whoever does nothing.
pub fn doing_nothing(passing: &Passing, electors: i64) -> String {
    let needed = need(passing, electors);
    if needed >= electors {
        return "If you do nothing, the offer is not accepted: all members have to vote yes.".into();
    }
    format!(
        "If you do nothing, no ballot is counted for you: you are neither for nor against. \
         The offer can still be accepted if {} yes; your data is then in the edition and you are paid your share. \
         You can leave the pool at any time, and your plays are in no edition that is drawn after that.",
        match needed {
            1 => "1 other votes".to_owned(),
            more => format!("{} others vote", grouped(more)),
        },
    )
}

/// What happens if an elector does nothing from now on.
pub fn if_you_do_nothing(rules: &Rules, electors: i64, elector: &Elector) -> String {
    let was_void = elector.casts > 0 && elector.choice.is_none();
    match (elector.lacks_consent, elector.choice, was_void) {
        (true, ..) => format!(
            "You have taken back a consent that this sale needs: you have no say in it, your plays are not in the edition, and there is \
             no share of yours. {}",
            match (was_void, rules.final_ballots) {
                (false, _) => "If you give the consent again, you may vote.",
                (true, false) => "Your ballot is void by that. If you give the consent again, you may vote again.",
                (true, true) => "Your ballot is void by that, and as ballots are final here none is taken in its place.",
            }
        ),
        (false, Some(choice), _) => format!("Your ballot says {choice}. If you do nothing, it stands and is counted."),
        (false, None, true) if rules.final_ballots => {
            "Your ballot was made void when you took a consent back. As ballots are final here, none is taken in its place.".into()
        }
        (false, None, true) => format!(
            "Your ballot was made void when you took a consent back; you may vote again. {}",
            doing_nothing(&rules.passing, electors)
        ),
        (false, None, false) => doing_nothing(&rules.passing, electors),
    }
}

/// Why there is no ballot of somebody to be shown.
pub fn no_ballot(elector: &Elector) -> &'static str {
    match (elector.tag, elector.casts) {
        (None, _) => "You have no ballot here: you are not among those who vote on this offer.",
        (Some(_), 0) => "You have not voted in this vote.",
        (Some(_), _) => "Your ballot in this vote is void: it was made so when you took a consent back.",
    }
}

/// The same for somebody of the pool who is not in the electorate.
pub const NOTHING_TO_DO: &str =
    "You have no vote on this offer: your plays would not be in the edition, and you have no share of the price.";

/// What happens if the yes that are needed come late, and what everyone learns by it; `None` where nothing does.
fn late_quorum(rules: &Rules, electors: i64) -> Option<String> {
    if rules.late_quorum_s == 0 {
        return None;
    }
    let (time, needed) = (duration(rules.late_quorum_s), grouped(need(&rules.passing, electors)));
    let late = if rules.late_quorum_s == rules.voting_period_s {
        "after the vote has opened".into()
    } else {
        format!("within {time} of the deadline")
    };
    let mut words = format!(
        "If the yes that are needed are reached {late}, the vote goes on for {time} from then, once. \
         A moved deadline tells everyone that at least {needed} said yes, and when the last of these did"
    );
    words.push_str(match rules.split {
        Split::Sealed => ", although the split is sealed until the end.",
        Split::Live => ".",
    });
    if rules.final_ballots {
        words.push_str(" As no ballot can be changed, that time is for those who have not voted.");
    }
    Some(words)
}

/// That a deadline was moved, from when to when and why; `None` where it was not.
pub fn extended(window: &Window) -> Option<String> {
    let extended_to = window.extended_to?;
    Some(format!(
        "The deadline was moved from {} to {}, once: the yes that are needed were reached late. \
         Everyone has the time to answer that.",
        window.closes_at, extended_to
    ))
}

/// Why a vote ended as it did.
pub fn ending(passing: &Passing, electors: i64, tally: Tally, outcome: Outcome) -> String {
    let split = format!(
        "{} of {} voted: {} yes, {} no, {} abstained",
        grouped(tally.turnout()),
        counted(electors, "members"),
        grouped(tally.yes),
        grouped(tally.no),
        grouped(tally.abstain),
    );
    let needed = need(passing, electors);
    let needed = format!("It takes at least {} yes, and that {}.", grouped(needed), majority(passing));
    match outcome {
        Outcome::Accepted => format!("Accepted: {split}. {needed}"),
        Outcome::TooFewYes => format!("Rejected, too few said yes: {split}. {needed}"),
        Outcome::TooManyNo => format!("Rejected, too many said no: {split}. {needed}"),
    }
}

/// What a receipt shows.
pub fn receipt(choice: Option<Choice>, log_index: i64) -> String {
    let mut words = String::new();
    push_receipt(&mut words, choice, log_index);
    words
}

/// The same, behind what a text has already.
pub fn push_receipt(text: &mut String, choice: Option<Choice>, log_index: i64) {
    match choice {
        Some(choice) => {
            text.push_str("Your ballot says ");
            text.push_str(choice.as_str());
        }
        None => text.push_str("Your ballot is void"),
    }
    text.push_str(". It is number ");
    text.push_str(&grouped(log_index + 1));
    text.push_str(
        " in the log of this vote, and the service has signed that log with your ballot in it. If you vote again, \
         only your last ballot counts, and it gets a receipt of its own. When the vote has ended, all ballots are opened without names: \
         with this receipt you can find yours and see that it was counted as you cast it. Show it to nobody who should not know how you voted.",
    );
}

fn majority(passing: &Passing) -> String {
    let (numerator, denominator) = passing.threshold();
    match (passing.is_simple_majority(), numerator == denominator) {
        (true, _) => "more vote yes than no".into(),
        (false, true) => "nobody votes no".into(),
        (false, false) => format!("yes is at least {numerator}/{denominator} of yes and no together"),
    }
}

/// Seconds in the largest unit that they are a whole number of.
fn duration(seconds: i64) -> String {
    let units = [(86_400, "day"), (3_600, "hour"), (60, "minute"), (1, "second")];
    let (unit_s, name) = units.into_iter().find(|(unit_s, _)| seconds % unit_s == 0).unwrap_or((1, "second"));
    let count = seconds / unit_s;
    format!("{} {name}{}", grouped(count), if count == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::UtcTime;
    use crate::votes::rules::outcome;

    fn rules_of(passing: Passing) -> Rules {
        Rules { passing, voting_period_s: 604_800, late_quorum_s: 0, final_ballots: false, split: Split::Sealed }
    }

    #[test]
    fn the_ending_says_what_was_counted_and_what_was_needed() {
        let half = Passing::new(1_000, 1, 2).unwrap();
        let end = |yes, no, abstain| {
            let tally = Tally { yes, no, abstain };
            ending(&half, 12, tally, outcome(&half, 12, tally))
        };
        assert_eq!(
            end(10, 1, 1),
            "Accepted: 12 of 12 members voted: 10 yes, 1 no, 1 abstained. \
             It takes at least 2 yes, and that more vote yes than no."
        );
        assert!(end(1, 0, 0).starts_with("Rejected, too few said yes: 1 of 12 members voted"));
        assert!(end(2, 2, 0).starts_with("Rejected, too many said no: 4 of 12 members voted"));
    }

    #[test]
    fn the_rule_reads_for_one_member_and_for_many() {
        let whole = Passing::new(10_000, 1, 1).unwrap();
        assert!(rule(&rules_of(whole), 1).contains("at least 1 of the 1 member vote yes, and nobody votes no"));
        let two_thirds = Passing::new(1_000, 2, 3).unwrap();
        assert!(rule(&rules_of(two_thirds), 18_000).contains("1,800 of the 18,000 members"));
        assert!(rule(&rules_of(two_thirds), 18_000).contains("at least 2/3 of yes and no together"));
        assert!(doing_nothing(&whole, 1).contains("not accepted: all members have to vote yes"));
        assert!(doing_nothing(&Passing::new(5_000, 1, 2).unwrap(), 2).contains("if 1 other votes yes;"));
        assert!(doing_nothing(&two_thirds, 18_000).contains("if 1,800 others vote yes;"));
    }

    #[test]
    fn a_late_quorum_says_what_it_gives_away() {
        let rules = Rules { late_quorum_s: 86_400, ..rules_of(Passing::new(1_000, 1, 2).unwrap()) };
        let told = |rules: &Rules| rule(rules, 18_000);
        let sealed = told(&rules);
        assert!(sealed.contains("reached within 1 day of the deadline, the vote goes on for 1 day from then, once."));
        assert!(sealed.contains("at least 1,800 said yes") && sealed.contains("although the split is sealed"));
        assert!(sealed.contains("may be changed") && !sealed.contains("no ballot can be changed"));
        let live = told(&Rules { split: Split::Live, final_ballots: true, ..rules });
        assert!(!live.contains("sealed") && live.contains("that time is for those who have not voted"), "{live}");
        assert!(live.contains("cannot be changed") && live.contains("is shown while the vote is open"), "{live}");
        let always = told(&Rules { late_quorum_s: 604_800, ..rules });
        assert!(always.contains("reached after the vote has opened, the vote goes on for 7 days"), "{always}");
        assert!(!told(&Rules { late_quorum_s: 0, ..rules }).contains("deadline"));
    }

    #[test]
    fn a_moved_deadline_says_from_when_to_when() {
        let at = |s| UtcTime::from_unix_s(s).unwrap();
        let window = Window::new(at(0), at(86_400));
        assert_eq!(extended(&window), None);
        let moved = extended(&Window { extended_to: Some(at(90_000)), ..window }).unwrap();
        assert!(moved.contains("from 1970-01-02T00:00:00Z to 1970-01-02T01:00:00Z"), "{moved}");
    }

    #[test]
    fn a_duration_is_told_in_whole_units() {
        let all = [(60, "1 minute"), (90, "90 seconds"), (7_200, "2 hours"), (86_400, "1 day"), (90_000, "25 hours")];
        for (seconds, words) in all {
            assert_eq!(duration(seconds), words);
        }
    }
}
