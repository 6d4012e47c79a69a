//! The measuring side of `benches/compare/{ballots,browse,download}`, which run it: see there what for.
//!
//! - `load`: sends requests over keep-alive connections and tells how many were answered, and how long each took.
//! - `fetch`: reads a large file again and again and tells how many bytes came.
//! - `yardstick`: a bare handler that takes ballots, to see what the service could reach at the most.
//! - `bare`: a bare handler that answers what it was given, for the same end.
//! - `raw`: rows written to SQLite with one durable commit each.

mod bare;
mod fetch;
mod load;
mod raw;
mod yardstick;

use clap::Parser;

/// As the service has it.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[derive(Debug, Parser)]
enum Verb {
    Load(load::LoadArgs),
    Fetch(fetch::FetchArgs),
    Yardstick(yardstick::YardstickArgs),
    Bare(bare::BareArgs),
    Raw(raw::RawArgs),
}

fn main() {
    // `cargo bench` hands this over.
    match Verb::parse_from(std::env::args().filter(|word| word != "--bench")) {
        Verb::Load(args) => load::run(args),
        Verb::Fetch(args) => fetch::run(args),
        Verb::Yardstick(args) => yardstick::run(args),
        Verb::Bare(args) => bare::run(args),
        Verb::Raw(args) => raw::run(&args),
    }
}
