//! What is offered: recipes, listings, the catalogue that anybody may browse, and the editions behind it.
//!
//! ```text
//! operator ─ recipe (immutable, versioned) ─→ draft ─ publish ─→ listed ⇄ unlisted
//!                                                       │
//!                          anybody ← catalogue ← page ←─┤      cache: ready bytes, strong ETags
//!                                                       │
//! jobs ─ draw_edition ─ aggregates ─→ files, manifest ─→ edition: preparing → published
//! ```
//!
//! Before the first edition a listing shows what follows from its recipe and from membership alone.
//! Afterwards it shows what was drawn, and of the rows at most twenty, chosen by hash.

pub mod actions;
mod budget;
pub mod cache;
mod catalogue;
pub mod croissant;
mod dcat;
mod draft;
mod example;
mod html;
pub mod model;
pub mod odrl;
mod page;
mod provenance;
pub mod recall;
pub mod routes;
mod schema_org;
pub mod steps;
mod store;
mod views;

#[cfg(test)]
mod tests;
