//! Listeners who do not exist, and exports of them in the very shapes that real listeners receive:
//! for the demo, for tests and for measuring.
//!
//! Everything follows from a seed. Listening is modelled as it is found in published play counts: the
//! popularity of artists follows a Zipf–Mandelbrot law, each listener comes back to a private list of
//! favourites, tracks within an artist follow a Zipf law, the evening is busier than the night, and a
//! fifth of all plays are skips. Names are put together from word lists and belong to nobody, with the
//! difficult ones in between: other alphabets, commas, quotes, names that differ only in case.
//!
//! [`World`] makes [`Listener`]s, a listener makes its export in one of several [`Shape`]s; `archive`
//! writes archives byte by byte, `broken` those that must be refused. [`crowd`] makes plays by the million, without exports.

pub mod archive;
pub mod broken;
pub mod crowd;
mod law;
mod names;
mod shape;
mod sheet;
mod world;

pub use shape::Shape;
pub use world::{Heard, Listener, World};
