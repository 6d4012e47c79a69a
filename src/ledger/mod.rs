//! The books: double entry, kept as accounts and transfers, and nothing else.
//!
//! A transfer moves an amount from one account (debited) to another (credited). It is written once
//! and never changed. What is only promised is a *pending* transfer; it is resolved at most once, by
//! a further transfer that names it and either posts or voids it. Balances are sums, never stored.

pub mod model;
pub mod steps;
mod store;

#[cfg(test)]
mod tests;
