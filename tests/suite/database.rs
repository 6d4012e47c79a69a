//! The two doors: what a write promises, whatever happens to its neighbours.

use crate::common::Backend;
use diesel::prelude::*;
use refrain::clock::{Clock, Entropy};
use refrain::config::{self, Secret};
use refrain::db::schema::versions;
use refrain::db::{Database, Db, Tx};
use refrain::error::{Code, Error, Result};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

crate::on_both_databases!(
    a_failed_write_takes_back_only_itself,
    a_panic_in_one_write_spares_the_others,
    concurrent_read_then_write_loses_no_update,
    a_read_cannot_write,
    a_savepoint_catches_a_unique_violation,
);

fn open(backend: Backend, directory: &tempfile::TempDir) -> Database {
    let url = match backend {
        Backend::Sqlite => None,
        Backend::Postgres => Some(Secret::from(crate::common::postgres::cluster().new_database())),
    };
    let settings = config::Database { url, ..config::Database::default() };
    Database::open(&settings, &directory.path().join("d.db"), Clock::system(), Entropy::seeded(3)).unwrap()
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(4).enable_all().build().unwrap()
}

fn put(tx: &mut Tx, name: &str) -> Result<()> {
    diesel::insert_into(versions::table).values((versions::name.eq(name), versions::value.eq(0))).execute(&mut **tx)?;
    Ok(())
}

fn count(db: &mut Db, prefix: &str) -> Result<i64> {
    Ok(versions::table.filter(versions::name.like(format!("{prefix}%"))).count().get_result(db)?)
}

fn a_failed_write_takes_back_only_itself(backend: Backend) {
    let directory = tempfile::tempdir().unwrap();
    let db = open(backend, &directory);
    runtime().block_on(async {
        let tasks: Vec<_> = (0..200)
            .map(|i| {
                let db = db.clone();
                tokio::spawn(async move {
                    db.write(move |tx| {
                        put(tx, &format!("row-{i}"))?;
                        if i % 3 == 0 { Err(Error::conflict("every third one is refused")) } else { Ok(i) }
                    })
                    .await
                })
            })
            .collect();
        let mut kept = 0;
        for (i, task) in tasks.into_iter().enumerate() {
            match task.await.unwrap() {
                Ok(value) => {
                    assert_eq!(value, i);
                    kept += 1;
                }
                Err(error) => assert_eq!((error.code(), i % 3), (Code::Conflict, 0)),
            }
        }
        assert_eq!(kept, 133);
        assert_eq!(db.read(|db| count(db, "row-")).await.unwrap(), 133);
    });
}

fn a_panic_in_one_write_spares_the_others(backend: Backend) {
    let directory = tempfile::tempdir().unwrap();
    let db = open(backend, &directory);
    runtime().block_on(async {
        let tasks: Vec<_> = (0..60)
            .map(|i| {
                let db = db.clone();
                tokio::spawn(async move {
                    db.write(move |tx| {
                        put(tx, &format!("row-{i}"))?;
                        assert!(i != 30, "one write of many panics");
                        Ok(())
                    })
                    .await
                })
            })
            .collect();
        for (i, task) in tasks.into_iter().enumerate() {
            assert_eq!(task.await.unwrap().is_ok(), i != 30, "write {i}");
        }
        assert_eq!(db.read(|db| count(db, "row-")).await.unwrap(), 59);
        db.write(|tx| put(tx, "row-after")).await.unwrap();
    });
}

/// The pattern that fails with "database is locked" where a write begins as a read.
fn concurrent_read_then_write_loses_no_update(backend: Backend) {
    let directory = tempfile::tempdir().unwrap();
    let db = open(backend, &directory);
    runtime().block_on(async {
        db.write(|tx| put(tx, "counter")).await.unwrap();
        let runs = Arc::new(AtomicU32::new(0));
        let tasks: Vec<_> = (0..64)
            .map(|_| {
                let (db, runs) = (db.clone(), Arc::clone(&runs));
                tokio::spawn(async move {
                    let step = move |tx: &mut Tx| {
                        runs.fetch_add(1, Ordering::SeqCst);
                        let row = versions::table.find("counter");
                        let value: i64 = row.select(versions::value).first(&mut **tx)?;
                        diesel::update(row).set(versions::value.eq(value + 1)).execute(&mut **tx)?;
                        Ok(())
                    };
                    // PostgreSQL may say that it is busy with 64 writers on one row; nothing is lost by asking again.
                    while let Err(error) = db.write(step.clone()).await {
                        assert_eq!(error.code(), Code::Busy, "{error:?}");
                    }
                })
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
        let read = |db: &mut Db| Ok(versions::table.find("counter").select(versions::value).first::<i64>(db)?);
        assert_eq!(db.read(read).await.unwrap(), 64);
        assert!(runs.load(Ordering::SeqCst) >= 64);
    });
}

fn a_read_cannot_write(backend: Backend) {
    let directory = tempfile::tempdir().unwrap();
    let db = open(backend, &directory);
    runtime().block_on(async {
        let tried = db
            .read(|db| {
                diesel::insert_into(versions::table)
                    .values((versions::name.eq("x"), versions::value.eq(1)))
                    .execute(db)?;
                Ok(())
            })
            .await;
        assert!(tried.is_err());
        assert_eq!(db.read(|db| count(db, "x")).await.unwrap(), 0);
    });
}

fn a_savepoint_catches_a_unique_violation(backend: Backend) {
    let directory = tempfile::tempdir().unwrap();
    let db = open(backend, &directory);
    runtime().block_on(async {
        db.write(|tx| {
            put(tx, "once")?;
            let again = tx.savepoint(|tx| put(tx, "once"));
            assert!(again.unwrap_err().is_unique_violation());
            put(tx, "other")
        })
        .await
        .unwrap();
        assert_eq!(db.read(|db| count(db, "o")).await.unwrap(), 2);
    });
}

#[test]
fn an_unreachable_postgres_is_an_error_and_no_new_file() {
    let directory = tempfile::tempdir().unwrap();
    let url = Some(Secret::from("postgres://nobody@127.0.0.1:1/none?connect_timeout=2".to_owned()));
    let settings = config::Database { url, ..config::Database::default() };
    let opened = Database::open(&settings, &directory.path().join("d.db"), Clock::system(), Entropy::seeded(3));
    assert_eq!(opened.err().unwrap().code(), Code::Busy);
    assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 0);
}
