//! Rebuilds when a migration changes, because they are embedded, and tells the tests whether this
//! machine can run PostgreSQL.

use std::path::PathBuf;

fn main() {
    println!("cargo:rerun-if-changed=migrations");
    println!("cargo:rerun-if-env-changed=PATH");
    println!("cargo:rerun-if-env-changed=REFRAIN_REQUIRE_POSTGRES");
    println!("cargo:rustc-check-cfg=cfg(postgres)");
    // Where it is required its absence has to fail the tests, so they are not skipped.
    let required = std::env::var_os("REFRAIN_REQUIRE_POSTGRES").is_some_and(|value| value == "1");
    if required || server_programs_found() {
        println!("cargo:rustc-cfg=postgres");
    }
}

/// On PATH, or where Debian puts them.
fn server_programs_found() -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let debian =
        std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten().map(|entry| entry.path().join("bin"));
    let places: Vec<PathBuf> = std::env::split_paths(&path).chain(debian).collect();
    places.iter().any(|bin| ["initdb", "postgres", "pg_ctl"].iter().all(|program| bin.join(program).exists()))
}
