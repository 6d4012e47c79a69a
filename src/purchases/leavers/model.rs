//! What licensees are told of leavers. Pure.

use crate::clock::UtcTime;
use crate::db::schema::leavers_notices;
use crate::ids::{EditionId, LicenceId, NoticeId};
use crate::money::grouped;
use diesel::prelude::{Insertable, Queryable, Selectable};

/// Numbers are rounded down to a multiple of this.
pub const STEP: i64 = 10;

/// What was told for one licence at the end of a quarter.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable, Insertable)]
#[diesel(table_name = leavers_notices)]
pub struct LeaversNotice {
    /// Its id.
    pub id: NoticeId,
    /// The licence.
    pub licence_id: LicenceId,
    /// The edition that it was for then.
    pub edition_id: EditionId,
    /// The quarter that had ended, as `2026-Q1`.
    pub quarter: String,
    /// Members in the edition when it was drawn.
    pub members: i64,
    /// So many of them at least have left since, in tens.
    pub left_at_least: i64,
    /// When it was counted.
    pub told_at: UtcTime,
}

/// A number of leavers as it may be told.
pub fn rounded(left: i64) -> i64 {
    left.max(0) / STEP * STEP
}

impl LeaversNotice {
    /// Fewer than this have left.
    pub fn left_below(&self) -> i64 {
        self.left_at_least + STEP
    }

    /// How many have left, for people.
    pub fn in_words(&self) -> String {
        let (at_least, members) = (grouped(self.left_at_least), grouped(self.members));
        match self.left_at_least {
            0 => format!(
                "Of the {members} members in the edition, fewer than {STEP} have left since it was drawn, or none."
            ),
            _ => format!(
                "Of the {members} members in the edition, at least {at_least} and fewer than {} have left since it was drawn.",
                grouped(self.left_below())
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_numbers_are_all_the_same() {
        for (left, expected) in [(0, 0), (1, 0), (9, 0), (10, 10), (19, 10), (1_234, 1_230), (-1, 0)] {
            assert_eq!(rounded(left), expected, "{left}");
        }
    }
}
