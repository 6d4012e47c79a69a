//! Whether an edition can hold what its listing promises: looked at before members are asked and buyers pay.

use crate::aggregates::{self, Recipe};
use crate::error::Result;

/// The fewest electors with whom an edition of a recipe can have the rows that are promised; one, where none
/// are. No artist has more fans than there are members, and no member is a fan of more than L artists, so in a
/// smaller crowd so many rows come over the threshold only by accidents of the noise. A bound, and not a
/// forecast: what is likely stands in the accuracy sheet.
///
/// # Errors
/// `internal` where the recipe does not hold.
pub(super) fn electors_needed(recipe: &Recipe, rows_promised: i64) -> Result<i64> {
    aggregates::fewest_members(recipe, rows_promised)
}

/// Why too few electors are too few.
pub(super) fn too_few(electors: i64, needed: i64) -> String {
    format!(
        "Only {electors} members would be in the edition. With the privacy threshold as it is, the rows that the \
         listing promises need {needed} members at the very least."
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_no_crowd_of_that_size_could_give_is_known_beforehand() {
        let needed = |rows| electors_needed(&Recipe::default(), rows).unwrap();
        // 103 fans at least for each row, and 20 artists of each member.
        assert_eq!((needed(0), needed(1), needed(20)), (1, 103, 103));
        assert_eq!((needed(40), needed(50_000)), (206, 257_500));
        assert_eq!(needed(i64::MAX), i64::MAX / 20);
    }
}
