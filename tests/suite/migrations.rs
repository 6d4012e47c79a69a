//! Both databases get the same tables from migrations of the same names.

use crate::common::Backend;
use diesel::prelude::*;
use diesel::sql_types::Text;
use refrain::db::backend::{Access, Target};
use refrain::db::{Db, migrations};
use std::collections::BTreeSet;
use std::path::Path;

#[derive(QueryableByName, Debug)]
struct Column {
    #[diesel(sql_type = Text)]
    table_name: String,
    #[diesel(sql_type = Text)]
    column_name: String,
    #[diesel(sql_type = Text)]
    nullable: String,
}

fn fresh(backend: Backend, directory: &Path) -> Db {
    let target = match backend {
        Backend::Sqlite => Target::choose(None, &directory.join("fresh.db")),
        Backend::Postgres => Target::choose(Some(&crate::common::postgres::cluster().new_database()), directory),
    };
    let mut db = target.unwrap().connect(Access::Write).unwrap();
    migrations::run(&mut db).unwrap();
    db
}

/// `table.column` and whether it may be NULL.
fn columns(db: &mut Db) -> BTreeSet<String> {
    let query = match db {
        Db::Sqlite(_) => {
            "SELECT m.name AS table_name, c.name AS column_name, CASE c.\"notnull\" WHEN 1 THEN 'NO' ELSE 'YES' END AS nullable
             FROM sqlite_master m JOIN pragma_table_info(m.name) c WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite_%'"
        }
        Db::Postgres(_) => {
            "SELECT table_name::text, column_name::text, is_nullable::text AS nullable
             FROM information_schema.columns WHERE table_schema = 'public'"
        }
    };
    let found: Vec<Column> = diesel::sql_query(query).load(db).unwrap();
    found
        .into_iter()
        .filter(|column| !column.table_name.starts_with("__diesel"))
        .map(|column| format!("{}.{} {}", column.table_name, column.column_name, column.nullable))
        .collect()
}

fn names(folder: &str) -> BTreeSet<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations").join(folder);
    std::fs::read_dir(path).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

#[test]
fn both_folders_hold_the_same_versions_under_the_same_names() {
    assert_eq!(names("sqlite"), names("postgres"));
    assert!(!names("sqlite").is_empty());
}

crate::on_both_databases!(
    a_fresh_database_has_the_columns_of_the_other,
    what_was_migrated_can_be_taken_back,
    plays_of_before_there_were_shards_are_still_named,
);

fn a_fresh_database_has_the_columns_of_the_other(backend: Backend) {
    let directory = tempfile::tempdir().unwrap();
    let here = columns(&mut fresh(backend, directory.path()));
    assert!(here.len() > 150, "{here:?}");
    if backend == Backend::Postgres {
        let embedded = columns(&mut fresh(Backend::Sqlite, directory.path()));
        assert_eq!(here, embedded);
    }
}

fn what_was_migrated_can_be_taken_back(backend: Backend) {
    use diesel_migrations::MigrationHarness;
    let directory = tempfile::tempdir().unwrap();
    let mut db = fresh(backend, directory.path());
    let before = columns(&mut db);
    match &mut db {
        Db::Sqlite(connection) => drop(connection.revert_all_migrations(migrations::SQLITE).unwrap()),
        Db::Postgres(connection) => drop(connection.revert_all_migrations(migrations::POSTGRES).unwrap()),
    }
    assert_eq!(columns(&mut db), BTreeSet::new());
    migrations::run(&mut db).unwrap();
    assert_eq!(columns(&mut db), before);
}

/// Takes every migration back but the first.
fn back_to_the_first(db: &mut Db) {
    use diesel_migrations::MigrationHarness;
    match db {
        Db::Sqlite(connection) => {
            while connection.applied_migrations().unwrap().len() > 1 {
                connection.revert_last_migration(migrations::SQLITE).unwrap();
            }
        }
        Db::Postgres(connection) => {
            while connection.applied_migrations().unwrap().len() > 1 {
                connection.revert_last_migration(migrations::POSTGRES).unwrap();
            }
        }
    }
}

fn plays_of_before_there_were_shards_are_still_named(backend: Backend) {
    use refrain::db::schema::plays_files;
    let directory = tempfile::tempdir().unwrap();
    let mut db = fresh(backend, directory.path());
    back_to_the_first(&mut db);
    for sql in [
        "INSERT INTO accounts (id, role, email, password_hash, state, created_at, updated_at) VALUES
         ('acct_1', 'member', 'ada@example.org', '', 'active', '2026-01-01 00:00:00', '2026-01-01 00:00:00')",
        "INSERT INTO plays_files VALUES ('acct_1', 'plays/acct_1/hist_1.parquet', 7, '2026-01-01 00:00:00')",
    ] {
        diesel::sql_query(sql).execute(&mut db).unwrap();
    }
    migrations::run(&mut db).unwrap();
    let named = |db: &mut Db| -> Vec<(String, i64, Option<i32>)> {
        let columns = (plays_files::object_key, plays_files::size_bytes, plays_files::shard);
        plays_files::table.select(columns).load(db).unwrap()
    };
    assert_eq!(named(&mut db), [("plays/acct_1/hist_1.parquet".to_owned(), 7, None)]);
    back_to_the_first(&mut db);
    migrations::run(&mut db).unwrap();
    assert_eq!(named(&mut db).len(), 1);
}
