//! The verbs of this room.

mod browse;
mod draw;
mod editions;
mod listings;
mod publishing;
mod recipes;
mod spending;
mod stopping;

pub use browse::{accessible, browse, linked_catalogue, listing};
pub use draw::{draw_edition, note_failure};
pub use editions::{EditionManifest, EditionView, RecallView, edition, manifest, privacy_report};
pub use listings::{Priced, create, edit, give_words, list, publish, unlist};
pub use recipes::{create as create_recipe, list as list_recipes, quote, read as read_recipe};
pub use spending::spending;
pub use stopping::stop_draw;

#[cfg(test)]
pub(super) use draw::{draw_and_store, prepare};
#[cfg(test)]
pub(super) use publishing::{publish as publish_edition, tidy};
