//! Once a quarter, those who hold licences are told how many of the members in their editions have left since the draw.
//!
//! Licensees ask whether what they hold still stands for people who want it. How many have left follows from membership alone, so it
//! may be told. But exact small numbers would point to people: who knows that Ada has left, and reads that "1" has, knows that Ada was in the
//! edition; two editions whose members differ by one would tell of that one. So every number is rounded down to tens and counts from
//! the draw; below ten, nobody included, it is always the same words, "fewer than 10". A notice comes every quarter whether or not
//! somebody has left, so that its coming says nothing either. The number itself is not kept.

pub mod actions;
pub mod model;
pub mod quarter;
pub mod routes;

mod store;
