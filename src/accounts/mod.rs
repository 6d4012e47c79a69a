//! Who somebody is: buyer organisations, members and operators; passwords, sessions and tokens.

pub mod caller;
pub mod model;
