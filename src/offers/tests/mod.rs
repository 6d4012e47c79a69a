//! What an offer does, seen from outside.

mod deciding;
mod lists;
mod opening;
mod placing;
pub(super) mod world;
