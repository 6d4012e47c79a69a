//! How well a listing fits what is asked.
//!
//! Each database has a measure of its own for that, and the two do not agree. So what counts is what both can tell, and what a
//! reader sees at once: in which part of the listing a word stands, and whether it is that word or only begins like it.

use super::words::{Question, Term};
use crate::datasets::store::{self, Field};
use crate::db::Db;
use crate::error::Result;
use std::collections::{HashMap, HashSet};

/// What a word is worth that stands in a part of a listing: more than it can be worth in all parts behind it.
const WORTH: [(Field, i64); 4] =
    [(Field::Title, 16), (Field::Keywords, 8), (Field::Description, 4), (Field::Recipe, 2)];
/// What it is worth more if it is the very word and no longer one.
const WHOLE: i64 = 1;

/// What the listings that were found are worth, by the number that the index of words has for them.
pub struct Scores {
    wanted: Option<HashMap<i64, i64>>,
    unwanted: HashSet<i64>,
}

impl Scores {
    /// What a listing is worth; `None` where it was not found.
    pub fn of(&self, number: Option<i64>) -> Option<i64> {
        if number.is_some_and(|number| self.unwanted.contains(&number)) {
            return None;
        }
        match &self.wanted {
            Some(wanted) => wanted.get(&number?).copied(),
            None => Some(0),
        }
    }
}

/// Looks for all that is asked. A listing is worth the sum over the words, each by the best place where it stands.
pub fn scores(db: &mut Db, question: &Question) -> Result<Scores> {
    let mut wanted: Option<HashMap<i64, i64>> = None;
    for term in &question.wanted {
        let found = found(db, term)?;
        wanted = Some(match wanted {
            None => found,
            Some(mut before) => {
                before.retain(|number, _| found.contains_key(number));
                before.iter_mut().for_each(|(number, score)| *score += found[number]);
                before
            }
        });
    }
    let mut unwanted = HashSet::new();
    for term in &question.unwanted {
        unwanted.extend(found(db, term)?.into_keys());
    }
    Ok(Scores { wanted, unwanted })
}

/// Where a term is found, with the best that it is worth there.
fn found(db: &mut Db, term: &Term) -> Result<HashMap<i64, i64>> {
    let mut found = HashMap::new();
    for wording in &term.0 {
        for (field, worth) in WORTH {
            let worth = if wording.is_open { worth } else { worth + WHOLE };
            for number in store::listings_with(db, wording, field)? {
                let best = found.entry(number).or_insert(worth);
                *best = worth.max(*best);
            }
        }
    }
    Ok(found)
}
