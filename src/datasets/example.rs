//! The example of a listing's page in the API's document: made by the code that makes real ones, so that it never goes stale.

use super::model::{Dataset, DatasetState, StoredRecipe};
use super::page::Facts;
use super::store::ConsentText;
use crate::aggregates::Recipe;
use crate::clock::{Entropy, UtcTime};
use crate::ids::{DatasetId, PoolId, RecipeId};
use crate::pools::model::{Pool, VoteRules};

/// A made-up listing of a made-up pool, before anything was drawn.
pub fn page() -> serde_json::Value {
    let view = facts().view().and_then(|view| Ok(serde_json::to_value(view)?));
    view.expect("the recipe of the example is the default one, which holds")
}

fn facts() -> Facts {
    let now = UtcTime::from_unix_s(1_769_860_800).expect("the last day of January 2026 is in the calendar");
    let entropy = Entropy::seeded(0);
    let (pool, document) = (pool(PoolId::new(now, &entropy), now), Recipe::default());
    let purposes = vec!["academic_research".to_owned(), "market_research".to_owned()];
    let recipe = StoredRecipe {
        id: RecipeId::new(now, &entropy),
        pool_id: pool.id.clone(),
        name: "artists".into(),
        version: 1,
        document_hash: document.sha256(),
        rho_nano: 100_000_000,
        delta_pico: 1_000,
        document,
        created_at: now,
    };
    let dataset = Dataset {
        id: DatasetId::new(now, &entropy),
        pool_id: pool.id.clone(),
        recipe_id: recipe.id.clone(),
        title: "Artist preference of the Northern Listeners".into(),
        description: "How many members have an artist among their favourites, and how often they play it.".into(),
        keywords: vec!["artists".into(), "popularity".into()],
        purposes: purposes.clone(),
        licence_name: "Standard licence 1".into(),
        licence_text: "The licensee may …".into(),
        price_floor_minor: 500_000,
        rows_promised: 200,
        state: DatasetState::Listed,
        exclusive_until: None,
        listed_at: Some(now),
        created_at: now,
        updated_at: now,
    };
    let consents = vec![ConsentText { version: 1, purposes, created_at: now }];
    Facts { dataset, recipe, pool, members: 18_000, consents, editions: Vec::new(), recalls: Vec::new(), now }
}

fn pool(id: PoolId, now: UtcTime) -> Pool {
    Pool {
        id,
        name: "Northern Listeners".into(),
        description: "Listeners who decide together what becomes of their histories.".into(),
        contact_email: "pool@example.org".into(),
        tax_note: "Reverse charge applies abroad.".into(),
        currency: "USD".into(),
        fee_bp: 1_000,
        tax_bp: 810,
        price_floor_minor: 100_000,
        payment_days: 30,
        rules: VoteRules::default(),
        rho_cap_nano: 500_000_000,
        rho_committed_nano: 0,
        delta_cap_pico: 5_000,
        delta_committed_pico: 0,
        membership_version: 0,
        invoices_issued: 0,
        created_at: now,
        updated_at: now,
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_example_is_a_whole_page() {
        let page = super::page();
        assert_eq!(page["accuracy"]["members"], 18_000);
        assert_eq!(page["budget"]["editions_left"], 5);
        assert!(page["preview"].is_null());
    }
}
