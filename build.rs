//! Rebuilds when a migration changes, because they are embedded, and tells the tests whether this
//! machine can run PostgreSQL, and what the README's commands need.

use std::path::PathBuf;

fn main() {
    println!("cargo:rerun-if-changed=migrations");
    println!("cargo:rerun-if-env-changed=PATH");
    println!("cargo:rerun-if-env-changed=REFRAIN_REQUIRE_POSTGRES");
    println!("cargo:rustc-check-cfg=cfg(postgres)");
    println!("cargo:rustc-check-cfg=cfg(shell)");
    // Where it is required its absence has to fail the tests, so they are not skipped.
    let required = std::env::var_os("REFRAIN_REQUIRE_POSTGRES").is_some_and(|value| value == "1");
    if required || server_programs_found() {
        println!("cargo:rustc-cfg=postgres");
    }
    println!("cargo:rerun-if-env-changed=REFRAIN_S3_SERVER");
    println!("cargo:rustc-check-cfg=cfg(s3)");
    // Whoever names it wants the tests that need it.
    if std::env::var_os("REFRAIN_S3_SERVER").is_some() || all_in(&path(), &["s3s-fs"]) {
        println!("cargo:rustc-cfg=s3");
    }
    if all_in(&path(), &["bash", "curl"]) {
        println!("cargo:rustc-cfg=shell");
    }
}

fn path() -> Vec<PathBuf> {
    std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default()).collect()
}

fn all_in(places: &[PathBuf], programs: &[&str]) -> bool {
    programs.iter().all(|program| places.iter().any(|bin| bin.join(program).exists()))
}

/// On PATH, or where Debian puts them.
fn server_programs_found() -> bool {
    let debian =
        std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten().map(|entry| entry.path().join("bin"));
    path()
        .into_iter()
        .chain(debian)
        .any(|bin| ["initdb", "postgres", "pg_ctl"].iter().all(|program| bin.join(program).exists()))
}
