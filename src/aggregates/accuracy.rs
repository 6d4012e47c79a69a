//! The accuracy sheet: what a recipe will give in a pool of N members, computed without looking at the data.

use super::manifest::{EpsilonAt, MeasureReport, epsilons, measures};
use super::noise::NoisePlan;
use super::popularity;
use super::recipe::{Cost, Recipe};
use super::words::{Column, UNIT_OF_PRIVACY};
use crate::error::Result;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What a recipe will give, for somebody who decides whether to buy it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[schema(example = json!(accuracy_sheet(&Recipe::default(), 18_000, None).ok()))]
pub struct AccuracySheet {
    /// What is computed and what is protected.
    pub explanation: String,
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
    /// Noise and error bars, by measure; the bars for all rows at once are for the likely number of rows.
    pub measures: Vec<MeasureReport>,
    /// No artist with a noisy number of fans below this is in the file. In members.
    pub smallest_published_fans: i64,
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
    /// What the stated model of listening gives.
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
    let Recipe::ArtistPreference(parameters) = recipe;
    let plan = NoisePlan::of(parameters)?;
    let rows = forecast(parameters.artists_per_member, &plan, members);
    Ok(AccuracySheet {
        explanation: recipe.explanation(),
        recipe: recipe.clone(),
        recipe_sha256: recipe.sha256(),
        unit_of_privacy: UNIT_OF_PRIVACY.into(),
        members,
        columns: recipe.columns()?,
        measures: measures(parameters, &plan, rows.likely)?,
        smallest_published_fans: plan.smallest_published_fans,
        smallest_published_share: share_of_pool(plan.smallest_published_fans, members),
        cost: plan.cost,
        epsilon: epsilons(plan.cost, lifetime.map(|budget| budget.delta_pico))?,
        budget: lifetime.map(|budget| budget_share(plan.cost, budget)),
        rows,
        caveats: recipe.caveats(),
    })
}

/// No artist with a noisy number of fans below this is in an edition of the recipe. In members.
///
/// # Errors
/// `invalid`: the recipe does not hold.
pub fn smallest_published_fans(recipe: &Recipe) -> Result<i64> {
    recipe.validate()?;
    let Recipe::ArtistPreference(parameters) = recipe;
    Ok(NoisePlan::of(parameters)?.smallest_published_fans)
}

pub(super) fn share_of_pool(fans: i64, members: u64) -> Option<f64> {
    (members > 0).then(|| fans as f64 / members as f64)
}

/// How many artists the model of listening takes over the threshold.
fn forecast(artists_per_member: u32, plan: &NoisePlan, members: u64) -> RowsForecast {
    let smallest = plan.smallest_published_fans;
    let likely =
        popularity::expected_fans(members, artists_per_member).filter(|fans| *fans >= smallest as f64).count() as u64;
    let fewest = if likely / 4 < 10 { 0 } else { likely / 4 };
    let explanation = format!(
        "Likely: the artists that {smallest} members or more would have among their top {artists_per_member}, in {}. \
         Fewest: a quarter of that, and none where the quarter is under ten. Neither looks at this pool's data; \
         what the fewest rows mean for a purchase stands in the terms.",
        popularity::IN_WORDS
    );
    RowsForecast { fewest, likely, explanation }
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

    #[test]
    fn the_default_sheet_says_the_worked_numbers() {
        let budget = Cost { rho_nano: 500_000_000, delta_pico: 5_000 };
        let sheet = accuracy_sheet(&Recipe::default(), 18_000, Some(budget)).unwrap();
        assert_eq!(sheet.smallest_published_fans, 103, "threshold 93 and floor 10");
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
}
