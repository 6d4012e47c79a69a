//! What an offer does, seen from outside.

mod deciding;
mod opening;
mod placing;
mod world;
