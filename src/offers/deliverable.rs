//! Whether an edition can hold what its listing promises: looked at before members are asked and buyers pay.

use crate::aggregates::{self, Recipe};
use crate::error::Result;

/// The fewest electors with whom an edition of a recipe can have any row at all; one, where no rows are
/// promised. No artist has more fans than there are members, so in a smaller crowd nothing comes over the
/// threshold but by an accident of the noise.
///
/// # Errors
/// `internal` where the recipe does not hold.
pub(super) fn electors_needed(recipe: &Recipe, rows_promised: i64) -> Result<i64> {
    if rows_promised == 0 { Ok(1) } else { aggregates::smallest_published_fans(recipe) }
}

/// Why too few electors are too few.
pub(super) fn too_few(electors: i64, needed: i64) -> String {
    format!(
        "Only {electors} members would be in the edition, and the privacy threshold lets nothing through that fewer \
         than {needed} of them share: the rows that the listing promises cannot come of it."
    )
}
