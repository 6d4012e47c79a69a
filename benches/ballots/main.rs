//! The measuring side of `benches/compare/ballots`, which runs it: see there what for.
//!
//! - `load`: sends requests over keep-alive connections and tells how many were answered, and how long each took.
//! - `yardstick`: a bare handler that takes ballots, to see what the service could reach at the most.
//! - `raw`: rows written to SQLite with one durable commit each.

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
    Yardstick(yardstick::YardstickArgs),
    Raw(raw::RawArgs),
}

fn main() {
    // `cargo bench` hands this over.
    match Verb::parse_from(std::env::args().filter(|word| word != "--bench")) {
        Verb::Load(args) => load::run(args),
        Verb::Yardstick(args) => yardstick::run(args),
        Verb::Raw(args) => raw::run(&args),
    }
}
