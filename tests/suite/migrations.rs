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
        .filter(|column| !column.table_name.starts_with("__diesel") && !is_of_words(column))
        .map(|column| format!("{}.{} {}", column.table_name, column.column_name, column.nullable))
        .collect()
}

/// The index over the words of listings: to SQLite a table with tables of its own behind it, to PostgreSQL a column.
fn is_of_words(column: &Column) -> bool {
    column.table_name.starts_with("listing_words")
        || (column.table_name.as_str(), column.column_name.as_str()) == ("listing_texts", "words")
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
    ballots_of_before_they_stood_with_their_electors_are_still_cast,
    licences_and_books_of_before_there_were_recalls_are_kept,
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

/// Takes the last migrations back, until so many are left.
fn back_to(db: &mut Db, count: usize) {
    use diesel_migrations::MigrationHarness;
    match db {
        Db::Sqlite(connection) => {
            while connection.applied_migrations().unwrap().len() > count {
                connection.revert_last_migration(migrations::SQLITE).unwrap();
            }
        }
        Db::Postgres(connection) => {
            while connection.applied_migrations().unwrap().len() > count {
                connection.revert_last_migration(migrations::POSTGRES).unwrap();
            }
        }
    }
}

fn plays_of_before_there_were_shards_are_still_named(backend: Backend) {
    use refrain::db::schema::plays_files;
    let directory = tempfile::tempdir().unwrap();
    let mut db = fresh(backend, directory.path());
    back_to(&mut db, 1);
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
    back_to(&mut db, 1);
    migrations::run(&mut db).unwrap();
    assert_eq!(named(&mut db).len(), 1);
}

/// Ada has voted, Bea's ballot was made void after she had voted twice, Cleo has not voted.
fn ballots_of_before_they_stood_with_their_electors_are_still_cast(backend: Backend) {
    use refrain::db::schema::electors;
    let directory = tempfile::tempdir().unwrap();
    let mut db = fresh(backend, directory.path());
    back_to(&mut db, 10);
    let (tag, void_tag) = ("61".repeat(32), "62".repeat(32));
    let bytes = |hex: &str| match backend {
        Backend::Sqlite => format!("x'{hex}'"),
        Backend::Postgres => format!("decode('{hex}', 'hex')"),
    };
    let some = bytes("00");
    let leaf = |index: i32, tag: &str, sequence: i32, choice: &str| {
        format!(
            "INSERT INTO vote_leaves (vote_id, log_index, tag, sequence, commitment, leaf_hash, choice, nonce, cast_at)
             VALUES ('vote_1', {index}, {}, {sequence}, {some}, {some}, {choice}, {some}, '2026-01-02 00:00:00')",
            bytes(tag)
        )
    };
    let member = |name: &str| {
        format!(
            "INSERT INTO accounts (id, role, email, password_hash, state, created_at, updated_at) VALUES
             ('{name}', 'member', '{name}@example.org', '', 'active', '2026-01-01 00:00:00', '2026-01-01 00:00:00')"
        )
    };
    let elector = |name: &str, tag: &str| {
        format!("INSERT INTO electors (vote_id, member_id, tag) VALUES ('vote_1', '{name}', {})", bytes(tag))
    };
    for sql in [
        "INSERT INTO pools (id, name, description, contact_email, tax_note, currency, fee_bp, tax_bp, price_floor_minor,
             payment_days, quorum_bp, threshold_numerator, threshold_denominator, voting_period_s, cool_off_s, open_votes_max,
             rho_cap_nano, rho_committed_nano, delta_cap_pico, delta_committed_pico, membership_version, invoices_issued,
             created_at, updated_at)
         VALUES ('pool_1', 'A pool', '', 'pool@example.org', '', 'USD', 0, 0, 1, 14, 5000, 1, 2, 3600, 60, 1, 1, 0, 1, 0, 1, 0,
             '2026-01-01 00:00:00', '2026-01-01 00:00:00')"
            .to_owned(),
        "INSERT INTO votes (id, pool_id, subject_text, terms_hash, state, electors, membership_version, quorum_bp,
             threshold_numerator, threshold_denominator, voting_period_s)
         VALUES ('vote_1', 'pool_1', 'Something', '00', 'opening', 3, 1, 5000, 1, 2, 3600)"
            .to_owned(),
        member("ada"),
        member("bea"),
        member("cleo"),
        elector("ada", &tag),
        elector("bea", &void_tag),
        elector("cleo", &"63".repeat(32)),
        "INSERT INTO ballots (vote_id, member_id, choice, cast_at, log_index, casts)
         VALUES ('vote_1', 'ada', 'no', '2026-01-02 00:00:00', 0, 1)"
            .to_owned(),
        leaf(0, &tag, 0, "'no'"),
        leaf(1, &void_tag, 0, "'yes'"),
        leaf(2, &void_tag, 1, "'no'"),
        leaf(3, &void_tag, 2, "NULL"),
    ] {
        assert_eq!(diesel::sql_query(&sql).execute(&mut db).unwrap(), 1, "{sql}");
    }
    let cast = |db: &mut Db| -> Vec<(String, Option<String>, Option<i64>, i32)> {
        let columns = (electors::member_id, electors::choice, electors::log_index, electors::casts);
        electors::table.order(electors::member_id).select(columns).load(db).unwrap()
    };
    let expected = [
        ("ada".to_owned(), Some("no".to_owned()), Some(0), 1),
        ("bea".to_owned(), None, None, 3),
        ("cleo".to_owned(), None, None, 0),
    ];
    migrations::run(&mut db).unwrap();
    assert_eq!(cast(&mut db), expected);
    back_to(&mut db, 10);
    migrations::run(&mut db).unwrap();
    assert_eq!(cast(&mut db), expected, "and once more, the way back between");
}

/// A real sale, on which the tables are made anew: whatever refers to them still does, and its buyer gets the notices that are new.
fn licences_and_books_of_before_there_were_recalls_are_kept(backend: Backend) {
    use refrain::db::schema::{jobs, ledger_accounts, licences, transfers};
    let market = crate::common::market::Market::open(backend, 3);
    let sold = market.sell(50_000);
    let config = &market.app.ctx.config;
    let url = config.database.url.as_ref().map(|url| url.expose().to_owned());
    let mut db = Target::choose(url.as_deref(), &config.sqlite_path()).unwrap().connect(Access::Write).unwrap();
    let rows = |db: &mut Db| -> Vec<i64> {
        let licences: i64 = licences::table.count().get_result(db).unwrap();
        let accounts: i64 = ledger_accounts::table.count().get_result(db).unwrap();
        let transfers: i64 = transfers::table.count().get_result(db).unwrap();
        let told: i64 = jobs::table.filter(jobs::kind.eq("tell_leavers")).count().get_result(db).unwrap();
        vec![licences, accounts, transfers, told]
    };
    let before = rows(&mut db);
    assert_eq!((before[0], before[3]), (1, 1));
    back_to(&mut db, names("sqlite").iter().filter(|name| name.as_str() < "00000000000016").count());
    assert_eq!(rows(&mut db), [&before[..3], &[0]].concat());
    migrations::run(&mut db).unwrap();
    assert_eq!(rows(&mut db), before);
    let licence = format!("/v1/licences/{}", sold.licence["id"].as_str().unwrap());
    assert_eq!(market.buyer.get(&licence).ok(), sold.licence);
    let orphan = "INSERT INTO transfers (id, debit_account_id, credit_account_id, amount_minor, kind, subject_id, memo, created_at)
        VALUES ('transfer_1', 'ledger_1', 'ledger_2', 1, 'posted', 'x', '', '2026-01-01 00:00:00')";
    assert!(diesel::sql_query(orphan).execute(&mut db).is_err(), "references are looked at as before");
    drop(db);
    market.app.advance_days(23);
    let told = market.buyer.get(&format!("{licence}/notices")).ok();
    assert_eq!(told["items"][0]["quarter"], "2026-Q1", "{told}");
}
