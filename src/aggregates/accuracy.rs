//! The accuracy sheet: what a recipe will give in a pool of N members, computed without looking at the data.

use super::columns::{Column, TableColumns};
use super::keys::{self, Key};
use super::manifest::{EpsilonAt, MeasureReport, epsilons, measures};
use super::noise::NoisePlan;
use super::popularity;
use super::recipe::{Cost, KeysFrom, Recipe};
use super::words::UNIT_OF_PRIVACY;
use crate::error::Result;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What a recipe will give, for somebody who decides whether to buy it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[schema(example = json!(accuracy_sheet(&Recipe::default(), 18_000, None).ok()))]
pub struct AccuracySheet {
    /// What is computed and what is protected.
    pub explanation: String,
    /// What an edition is good for.
    pub good_for: String,
    /// The recipe.
    pub recipe: Recipe,
    /// SHA-256 of the recipe's canonical form.
    pub recipe_sha256: String,
    /// Whose privacy is protected, and against what.
    pub unit_of_privacy: String,
    /// The number of members that the sheet is for.
    pub members: u64,
    /// The columns of the files.
    pub columns: Vec<Column>,
    /// The tables that the files have besides, worked out from the rows at no cost to the budget.
    #[serde(default)]
    pub further_tables: Vec<TableColumns>,
    /// What is wrong with asking for this in such a pool; empty where it is as it should be.
    #[serde(default)]
    pub warnings: Vec<String>,
    /// Noise and error bars, by measure; the bars for all rows at once are for the likely number of rows.
    pub measures: Vec<MeasureReport>,
    /// No group with a noisy number of members below this is in the file; absent where groups do not come from listening.
    pub smallest_published_fans: Option<i64>,
    /// The same as a share of the pool, 0 to 1 and above (then the pool is too small for any row); absent in an empty pool.
    pub smallest_published_share: Option<f64>,
    /// What a draw takes from the pool's privacy budget.
    pub cost: Cost,
    /// The same as epsilon at a total failure probability.
    pub epsilon: Vec<EpsilonAt>,
    /// What a draw takes from the budget, where a budget was given.
    pub budget: Option<BudgetShare>,
    /// How many rows to count on.
    pub rows: RowsForecast,
    /// What the numbers do not say.
    pub caveats: Vec<String>,
}

/// A draw against the pool's lifetime privacy budget.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({"lifetime": {"rho_nano": 500_000_000, "delta_pico": 5_000}, "share": 0.2, "draws": 5}))]
pub struct BudgetShare {
    /// The pool's lifetime budget.
    pub lifetime: Cost,
    /// Share of it that one draw takes, 0 to 1 and above: the larger of the shares of rho and of delta.
    pub share: f64,
    /// How many draws of this recipe the whole budget allows.
    pub draws: u64,
}

/// How many rows an edition will have.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RowsForecast {
    /// What may be promised: a quarter of the likely rows; nothing where that is under ten.
    pub fewest: u64,
    /// What the stated model of listening gives; where the groups come from a list, what the longest list gives.
    pub likely: u64,
    /// How the two come about.
    pub explanation: String,
}

/// The sheet of a recipe for a pool of so many members, and the pool's lifetime budget where there is one.
///
/// # Errors
/// `invalid`: the recipe does not hold.
pub fn accuracy_sheet(recipe: &Recipe, members: u64, lifetime: Option<Cost>) -> Result<AccuracySheet> {
    recipe.validate()?;
    let plan = NoisePlan::of(recipe)?;
    let rows = forecast(recipe, &plan, members);
    let smallest = plan.threshold.map(|threshold| threshold.smallest_published());
    Ok(AccuracySheet {
        explanation: recipe.explanation(),
        good_for: recipe.kind.good_for().into(),
        recipe: recipe.clone(),
        recipe_sha256: recipe.sha256(),
        unit_of_privacy: UNIT_OF_PRIVACY.into(),
        members,
        columns: recipe.columns()?,
        further_tables: recipe.further_tables(),
        warnings: recipe.warnings(members)?,
        measures: measures(recipe, &plan, rows.likely)?,
        smallest_published_fans: smallest,
        smallest_published_share: smallest.and_then(|smallest| share_of_pool(smallest, members)),
        cost: plan.cost,
        epsilon: epsilons(plan.cost, lifetime.map(|budget| budget.delta_pico))?,
        budget: lifetime.map(|budget| budget_share(plan.cost, budget)),
        rows,
        caveats: recipe.caveats(),
    })
}

/// The fewest members of whom an edition of the recipe can have so many rows, one where none are asked for. A bound and not a
/// forecast: no group has more members than there are, and no member is in more than L groups, so in a smaller crowd so
/// many rows come over the threshold only by accidents of the noise. Where groups do not come from listening, all rows are
/// given, whoever listens.
///
/// # Errors
/// `invalid`: the recipe does not hold.
pub fn fewest_members(recipe: &Recipe, rows: i64) -> Result<i64> {
    recipe.validate()?;
    let Some(threshold) = NoisePlan::of(recipe)?.threshold.filter(|_| rows > 0) else { return Ok(1) };
    let smallest = threshold.smallest_published();
    let for_all_rows = rows.saturating_mul(smallest) / i64::from(recipe.groups_per_member());
    Ok(for_all_rows.max(smallest))
}

/// The most rows that an edition of the recipe can have; `None` where that depends on the listening.
pub fn most_rows(recipe: &Recipe) -> Option<u64> {
    rows_with(recipe, recipe.most_artists.unwrap_or(0).into())
}

/// The rows of an edition whose list has so many artists; `None` where that depends on the listening.
pub fn rows_with(recipe: &Recipe, artists: u64) -> Option<u64> {
    keys::domain_size(recipe, artists)
}

pub(super) fn share_of_pool(fans: i64, members: u64) -> Option<f64> {
    (members > 0).then(|| fans as f64 / members as f64)
}

/// How many rows the model of listening takes over the threshold; or, where the groups are known beforehand, how many they are.
fn forecast(recipe: &Recipe, plan: &NoisePlan, members: u64) -> RowsForecast {
    let Some(threshold) = plan.threshold else { return known_rows(recipe) };
    let smallest = threshold.smallest_published();
    let likely = popularity::groups_with(recipe, members, smallest as f64);
    let fewest = if likely / 4 < 10 { 0 } else { likely / 4 };
    let explanation = format!(
        "Likely: the groups that {smallest} members or more would have among their top {}, in {}. \
         Fewest: a quarter of that, and none where the quarter is under ten. Neither looks at this pool's data; \
         what the fewest rows mean for a purchase stands in the terms.",
        recipe.keys_per_member,
        popularity::IN_WORDS
    );
    RowsForecast { fewest, likely, explanation }
}

fn known_rows(recipe: &Recipe) -> RowsForecast {
    let rows = |artists: u64| keys::domain_size(recipe, artists).unwrap_or(0);
    let likely = rows(recipe.most_artists.unwrap_or(0).into());
    if recipe.keys_from == KeysFrom::Bins {
        let explanation = "Every group is given, whether anybody listens or not.".to_owned();
        return RowsForecast { fewest: likely, likely, explanation };
    }
    let one = if recipe.has_key(Key::ArtistPair) { 2 } else { 1 };
    let explanation = format!(
        "At most: with the longest list, of {} artists, which the likely number stands for. Fewest: with a list of {one}. Every group of the list is given, whether anybody listens or not.",
        recipe.most_artists.unwrap_or(0)
    );
    RowsForecast { fewest: rows(one), likely, explanation }
}

fn budget_share(cost: Cost, lifetime: Cost) -> BudgetShare {
    let share = |part: u64, whole: u64| part as f64 / whole.max(1) as f64;
    BudgetShare {
        lifetime,
        share: share(cost.rho_nano, lifetime.rho_nano).max(share(cost.delta_pico, lifetime.delta_pico)),
        draws: (lifetime.rho_nano / cost.rho_nano.max(1)).min(lifetime.delta_pico / cost.delta_pico.max(1)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aggregates::presets;
    use crate::aggregates::recipe::Kind;

    #[test]
    fn the_default_sheet_says_the_worked_numbers() {
        let budget = Cost { rho_nano: 500_000_000, delta_pico: 5_000 };
        let sheet = accuracy_sheet(&Recipe::default(), 18_000, Some(budget)).unwrap();
        assert_eq!(sheet.smallest_published_fans, Some(103), "threshold 93 and floor 10");
        assert_eq!(sheet.measures[0].half_width_95, 28);
        assert!((sheet.measures[0].noise_standard_deviation - 14.14).abs() < 0.01);
        assert!((sheet.epsilon[0].epsilon - 2.14).abs() < 0.01, "{:?}", sheet.epsilon);
        assert_eq!(sheet.budget.as_ref().unwrap().draws, 5);
        assert!((sheet.budget.unwrap().share - 0.2).abs() < 1e-12);
        assert!(sheet.rows.likely > 400);
    }

    #[test]
    fn three_thousand_members_are_enough_for_fifty_rows() {
        let sheet = accuracy_sheet(&Recipe::default(), 3_000, None).unwrap();
        assert!((50..150).contains(&sheet.rows.likely), "{}", sheet.rows.likely);
        assert!(sheet.rows.fewest >= 10 && sheet.rows.fewest <= sheet.rows.likely / 4);
        assert_eq!(sheet.epsilon.len(), 1, "without a pool's budget there is only the customary delta");
    }

    #[test]
    fn a_pool_too_small_is_promised_nothing() {
        for members in [0, 1, 100] {
            let sheet = accuracy_sheet(&Recipe::default(), members, None).unwrap();
            assert_eq!((sheet.rows.fewest, sheet.rows.likely), (0, 0));
        }
        assert_eq!(accuracy_sheet(&Recipe::default(), 0, None).unwrap().smallest_published_share, None);
    }

    #[test]
    fn rows_that_are_known_beforehand_are_told() {
        let rows = |kind| accuracy_sheet(&presets::of(kind), 18_000, None).unwrap().rows;
        let known = |kind| (rows(kind).fewest, rows(kind).likely);
        assert_eq!(known(Kind::ListeningClock), (168, 168));
        assert_eq!(known(Kind::ListenerProfile), (525, 525));
        assert_eq!(known(Kind::BuyerPanel), (1, 2_000));
        assert_eq!(known(Kind::ArtistMap), (1, 499_500));
        assert_eq!(known(Kind::ArtistTrend), (24, 12_000));
        assert_eq!(most_rows(&presets::of(Kind::RetentionCurve)), Some(2_400));
        assert_eq!(most_rows(&Recipe::default()), None);
        assert_eq!(rows_with(&presets::of(Kind::ArtistMap), 3), Some(3));
        assert!(rows(Kind::ArtistByCountry).likely > 0);
    }

    #[test]
    fn what_no_crowd_of_that_size_could_give_is_known_beforehand() {
        let needed = |rows| fewest_members(&Recipe::default(), rows).unwrap();
        // 103 fans at least for each row, and 20 artists of each member.
        assert_eq!((needed(0), needed(1), needed(20)), (1, 103, 103));
        assert_eq!((needed(40), needed(50_000)), (206, 257_500));
        assert_eq!(needed(i64::MAX), i64::MAX / 20);
        assert_eq!(fewest_members(&presets::of(Kind::ListeningClock), 168).unwrap(), 1);
    }
}
