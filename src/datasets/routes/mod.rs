//! The catalogue for everybody, recipes and listings for operators, editions for those who hold a licence.

mod browse;
mod editions;
mod listings;
mod recipes;
mod spending;

pub use browse::{
    accuracy, at_hand, catalogue, croissant, dataset, dcat, dictionary, linked_catalogue, page, twin_csv, twin_parquet,
};
pub use editions::{StopDraw, edition, manifest, privacy_report, stop_draw};
pub use listings::{Listing, ListingsQuery, Unlisting, create, edit, list, publish, unlist};
pub use recipes::{
    NewRecipe, QuoteQuery, RecipeKindView, RecipeKindsView, RecipeView, RecipesQuery, create_recipe, kinds,
    list_recipes, quote, read_recipe,
};
pub use spending::{SpendingView, spending};

pub use crate::aggregates::AccuracySheet;

pub use super::actions::{EditionManifest, EditionView, RecallView};
pub use super::catalogue::{CatalogueQuery, CatalogueView};
pub use super::draft::{DatasetChanges, NewDataset};
pub use super::views::{DatasetView, DictionaryView};
