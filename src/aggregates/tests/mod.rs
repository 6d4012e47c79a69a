//! The room seen from outside: made-up pools in an object store in memory, drawn by the real engine.

mod bounds;
mod damage;
mod draws;
mod kinds;
mod paths;
mod sensitivity;
mod statistics;
mod world;
