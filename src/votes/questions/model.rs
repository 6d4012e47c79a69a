//! What a question is, and when the one who is asked hears of it.

use crate::clock::UtcTime;
use crate::error::{Error, Result};
use crate::ids::{AccountId, QuestionId, VoteId};
use crate::text;

/// Questions that a member may ask in one vote.
pub const ASKED_MAX: usize = 3;
/// Longest question, and longest answer, in characters.
pub const TEXT_MAX: usize = 1_000;
/// The shortest time between two mails about questions in the same vote, in seconds.
const MAIL_PERIOD_S: i64 = 86_400;

/// A question with its answer.
#[derive(Debug, Clone, diesel::Queryable, diesel::Selectable)]
#[diesel(table_name = crate::db::schema::vote_questions)]
pub struct Question {
    /// Its id.
    pub id: QuestionId,
    /// The vote that it was asked in.
    pub vote_id: VoteId,
    /// Who asked; `None` once they have left.
    pub member_id: Option<AccountId>,
    /// What was asked.
    pub body: String,
    /// When.
    pub asked_at: UtcTime,
    /// What was answered.
    pub answer: Option<String>,
    /// When.
    pub answered_at: Option<UtcTime>,
    /// Why neither question nor answer is shown, where an operator decided so.
    pub withheld_reason: Option<String>,
    /// Since when.
    pub withheld_at: Option<UtcTime>,
}

/// How many questions there are in a vote.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Count {
    /// All.
    pub asked: i64,
    /// Those with an answer.
    pub answered: i64,
}

/// The words of a question or an answer, without what surrounds them.
///
/// # Errors
/// `invalid` where there are none, too many, or some that do not show.
pub fn words(given: &str) -> Result<String> {
    let words = given.trim();
    if !(1..=TEXT_MAX).contains(&words.chars().count()) {
        return Err(Error::invalid(format!("text has 1 to {TEXT_MAX} characters.")));
    }
    if !text::is_plain(words) {
        return Err(Error::invalid("text has a control character in it, or one that turns the direction of writing."));
    }
    Ok(words.to_owned())
}

/// When the mail is due that tells of a question asked now, and whether it has yet to be written; `last_due_at` is when
/// the last mail about the same vote was due. One a day at most: who asks soon after another waits for the next.
pub fn mail_due_at(last_due_at: Option<UtcTime>, now: UtcTime) -> (UtcTime, bool) {
    match last_due_at {
        Some(last) if last > now => (last, false),
        Some(last) => (last.plus_s(MAIL_PERIOD_S).max(now), true),
        None => (now, true),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_few_and_show() {
        assert_eq!(words("  Who will read it?\n").unwrap(), "Who will read it?");
        assert_eq!(words(&"ö".repeat(TEXT_MAX)).unwrap().chars().count(), TEXT_MAX);
        for odd in ["", " \n ", "a\u{0}b", "a\u{202E}b", &"ö".repeat(TEXT_MAX + 1)] {
            assert!(words(odd).is_err(), "{odd:?}");
        }
    }

    #[test]
    fn one_mail_a_day_tells_of_all_that_is_asked() {
        let at = |hours: i64| UtcTime::from_unix_s(hours * 3_600).unwrap();
        let cases = [
            (None, at(0), (at(0), true)),
            (Some(at(0)), at(0), (at(24), true)), // the mail of this very instant may be out already
            (Some(at(0)), at(1), (at(24), true)),
            (Some(at(24)), at(2), (at(24), false)), // one is on its way
            (Some(at(24)), at(24), (at(48), true)),
            (Some(at(24)), at(100), (at(100), true)),
        ];
        for (last, now, expected) in cases {
            assert_eq!(mail_due_at(last, now), expected, "{last:?} {now}");
        }
    }
}
