//! What a listing says about money and about the pool's privacy budget.

use super::model::{Dataset, StoredRecipe};
use crate::error::Result;
use crate::money::{Money, share_bp, sum};
use crate::pools::model::Pool;
use serde::Serialize;
use utoipa::ToSchema;

/// The lowest price, with all that is paid.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(example = json!({
    "floor": {"amount": 500_000, "currency": "USD"},
    "fee_included": {"amount": 50_000, "currency": "USD"},
    "tax": {"amount": 40_500, "currency": "USD"},
    "total": {"amount": 540_500, "currency": "USD"},
    "note": "The price is the whole price: the cooperative's fee of 10 % is inside. Tax of 8.1 % comes on top, so an offer at the floor is invoiced at USD 5,405.00."
}))]
pub struct PriceView {
    /// The lowest price of an offer.
    pub floor: Money,
    /// The cooperative's fee, inside the price.
    pub fee_included: Money,
    /// Tax on that price, on top of it.
    pub tax: Money,
    /// What is paid in all at that price.
    pub total: Money,
    /// The same in words, with what the pool says about tax.
    pub note: String,
}

/// What the pool's privacy budget still allows.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = DatasetBudgetView, example = json!({"editions_left": 4, "words": "The pool's privacy budget still allows 4 more editions of this recipe."}))]
pub struct BudgetView {
    /// How many more editions of this recipe can be drawn, ever.
    pub editions_left: i64,
    /// The same in words.
    pub words: String,
}

/// The price of a listing at its floor.
pub fn price(dataset: &Dataset, pool: &Pool) -> Result<PriceView> {
    let money = |amount_minor| Money::new(amount_minor, pool.currency.as_str());
    let floor = dataset.price_floor_minor;
    let tax = share_bp(floor, pool.tax_bp)?;
    let total = money(sum([floor, tax])?);
    let (fee_words, tax_words) = (percent(pool.fee_bp), percent(pool.tax_bp));
    let mut note = format!("The price is the whole price: the cooperative's fee of {fee_words} is inside. ");
    note.push_str(&match tax {
        0 => format!("No tax is added: an offer at the floor is invoiced at {total}."),
        _ => format!("Tax of {tax_words} comes on top, so an offer at the floor is invoiced at {total}."),
    });
    if !pool.tax_note.is_empty() {
        note = format!("{note} {}", pool.tax_note);
    }
    Ok(PriceView {
        floor: money(floor),
        fee_included: money(share_bp(floor, pool.fee_bp)?),
        tax: money(tax),
        total,
        note,
    })
}

/// What the budget still allows of a recipe: reserved and spent are both gone.
pub fn left(pool: &Pool, recipe: &StoredRecipe) -> BudgetView {
    let draws = |cap: i64, committed: i64, cost: i64| if cost > 0 { (cap - committed).max(0) / cost } else { i64::MAX };
    let rho = draws(pool.rho_cap_nano, pool.rho_committed_nano, recipe.rho_nano);
    let delta = draws(pool.delta_cap_pico, pool.delta_committed_pico, recipe.delta_pico);
    let editions_left = rho.min(delta);
    let words = match editions_left {
        0 => "The pool's privacy budget allows no further edition of this recipe; editions in stock may still be licensed.".into(),
        1 => "The pool's privacy budget allows one more edition of this recipe.".into(),
        n => format!("The pool's privacy budget still allows {n} more editions of this recipe."),
    };
    BudgetView { editions_left, words }
}

/// Basis points as people write a percentage: 810 is `8.1 %`.
fn percent(basis_points: i32) -> String {
    let (whole, part) = (basis_points / 100, basis_points % 100);
    let digits = format!("{whole}.{part:02}");
    format!("{} %", digits.trim_end_matches('0').trim_end_matches('.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentages_read_as_people_write_them() {
        for (basis_points, expected) in [(810, "8.1 %"), (1_000, "10 %"), (5, "0.05 %"), (0, "0 %"), (10_000, "100 %")]
        {
            assert_eq!(percent(basis_points), expected);
        }
    }
}
