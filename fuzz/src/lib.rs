//! The checks of votes, without the rest of the house: built with a fuzzer's instruments the whole of it would take hours.
//!
//! The sources are the program's own, read from where they lie. What they need of rooms that are too heavy stands in for
//! these here: an error that is words, and one enum of a pool's rules.
#![allow(dead_code, missing_docs, unused_imports)]

pub mod bundles;
pub mod proofs;

#[path = "../../src/clock.rs"]
mod clock;
#[path = "../../src/ids.rs"]
mod ids;
#[path = "../../src/money.rs"]
mod money;
#[path = "../../src/secrets.rs"]
mod secrets;
#[path = "../../src/signing.rs"]
mod signing;
#[path = "../../src/text.rs"]
mod text;

#[path = "../../src/db"]
mod db {
    pub mod schema;
    pub mod types;
}

#[path = "../../src/votes"]
mod votes {
    pub mod bundle;
    pub mod commitment;
    pub mod head;
    pub mod log;
    pub mod model;
    pub mod rules;
    pub mod verifying;
    pub mod words;
}

mod pools {
    pub mod model {
        crate::text_enum! {
            pub enum Split {
                Sealed = "sealed",
                Live = "live",
            }
        }
    }
}

mod error {
    pub type Result<T, E = Error> = std::result::Result<T, E>;

    #[derive(Debug)]
    pub struct Error(String);

    impl Error {
        pub fn invalid(detail: impl Into<String>) -> Self {
            Error(detail.into())
        }

        pub fn internal(cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
            Error(cause.into().to_string())
        }

        pub fn detail(&self) -> &str {
            &self.0
        }
    }

    impl From<std::io::Error> for Error {
        fn from(cause: std::io::Error) -> Self {
            Error::internal(cause)
        }
    }
}
