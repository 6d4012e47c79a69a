//! A vote in plain words: what it needs, what doing nothing means, and why it ended as it did.

use crate::money::{counted, grouped};
use crate::votes::model::Choice;
use crate::votes::rules::{Outcome, Passing, Tally, need};

/// What it takes to pass among so many electors.
pub fn rule(passing: &Passing, electors: i64) -> String {
    format!(
        "The offer is accepted if at least {} of the {} vote yes, and {}. \
         Abstaining counts as taking part and neither for nor against. \
         A ballot may be changed until the vote closes; the last one counts.",
        grouped(need(passing, electors)),
        counted(electors, "members"),
        majority(passing),
    )
}

/// What happens to whoever does nothing.
pub fn doing_nothing(passing: &Passing, electors: i64) -> String {
    format!(
        "If you do nothing, no ballot is counted for you: you are neither for nor against. \
         The offer can still be accepted if {} yes; your data is then in the edition and you are paid your share. \
         You can leave the pool at any time, and your plays are in no edition that is drawn after that.",
        match need(passing, electors) {
            1 => "1 other votes".to_owned(),
            more => format!("{} others vote", grouped(more)),
        },
    )
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
    let needed = format!("At least {} yes were needed, and {}.", grouped(need(passing, electors)), majority(passing));
    match outcome {
        Outcome::Accepted => format!("Accepted: {split}. {needed}"),
        Outcome::TooFewYes => format!("Rejected, too few said yes: {split}. {needed}"),
        Outcome::TooManyNo => format!("Rejected, too many said no: {split}. {needed}"),
    }
}

/// What a receipt shows.
pub fn receipt(choice: Option<Choice>, log_index: i64) -> String {
    let says = match choice {
        Some(choice) => format!("Your ballot says {choice}."),
        None => "Your ballot is void.".to_owned(),
    };
    format!(
        "{says} It is number {} in the log of this vote, and the service has signed that log with your ballot in it. If you vote again, \
         only your last ballot counts, and it gets a receipt of its own. When the vote has ended, all ballots are opened without names: \
         with this receipt you can find yours and see that it was counted as you cast it. Show it to nobody who should not know how you voted.",
        grouped(log_index + 1),
    )
}

fn majority(passing: &Passing) -> String {
    let (numerator, denominator) = passing.threshold();
    match (passing.is_simple_majority(), numerator == denominator) {
        (true, _) => "more vote yes than no".into(),
        (false, true) => "nobody votes no".into(),
        (false, false) => format!("yes is at least {numerator}/{denominator} of yes and no together"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::votes::rules::outcome;

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
             At least 2 yes were needed, and more vote yes than no."
        );
        assert!(end(1, 0, 0).starts_with("Rejected, too few said yes: 1 of 12 members voted"));
        assert!(end(2, 2, 0).starts_with("Rejected, too many said no: 4 of 12 members voted"));
    }

    #[test]
    fn the_rule_reads_for_one_member_and_for_many() {
        let whole = Passing::new(10_000, 1, 1).unwrap();
        assert!(rule(&whole, 1).contains("at least 1 of the 1 member vote yes, and nobody votes no"));
        let two_thirds = Passing::new(1_000, 2, 3).unwrap();
        assert!(rule(&two_thirds, 18_000).contains("1,800 of the 18,000 members"));
        assert!(rule(&two_thirds, 18_000).contains("at least 2/3 of yes and no together"));
        assert!(doing_nothing(&whole, 1).contains("if 1 other votes yes;"));
        assert!(doing_nothing(&two_thirds, 18_000).contains("if 1,800 others vote yes;"));
    }
}
