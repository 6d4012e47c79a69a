//! Durable writes per second through `db.write`: 64 tasks at once (group commit) against one after
//! the other (one commit each), both on the embedded database at `synchronous=FULL`.
//!
//! `cargo bench --bench group_commit [-- --quick]`. The last line is one JSON object; the exit status
//! is not zero where group commit is less than 8 times the one-by-one rate.

use criterion::Criterion;
use diesel::prelude::*;
use refrain::clock::{Clock, Entropy};
use refrain::config;
use refrain::db::{Database, schema::versions};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

const TASKS: u64 = 64;
const RATIO_MUST: f64 = 8.0;

/// One durable row: what the smallest write of the house does.
async fn write_row(db: &Database, name: String) {
    let row = move |tx: &mut refrain::db::Tx| {
        diesel::insert_into(versions::table)
            .values((versions::name.eq(&name), versions::value.eq(1)))
            .execute(&mut **tx)?;
        Ok(())
    };
    db.write(row).await.expect("a row can be written");
}

fn one_by_one(runtime: &tokio::runtime::Runtime, db: &Database, run: &str, writes: u64) -> Duration {
    let began_at = Instant::now();
    runtime.block_on(async {
        for i in 0..writes {
            write_row(db, format!("{run}-{i}")).await;
        }
    });
    began_at.elapsed()
}

fn from_many_tasks(runtime: &tokio::runtime::Runtime, db: &Database, run: &str, writes: u64) -> Duration {
    let began_at = Instant::now();
    runtime.block_on(async {
        let tasks: Vec<_> = (0..TASKS)
            .map(|task| {
                let (db, run) = (db.clone(), run.to_owned());
                tokio::spawn(async move {
                    let mut i = task;
                    while i < writes {
                        write_row(&db, format!("{run}-{i}")).await;
                        i += TASKS;
                    }
                })
            })
            .collect();
        for task in tasks {
            task.await.expect("a writing task ends");
        }
    });
    began_at.elapsed()
}

fn median(mut rates: Vec<f64>) -> f64 {
    rates.sort_by(f64::total_cmp);
    rates[rates.len() / 2]
}

fn main() {
    let directory = tempfile::tempdir().expect("a temporary directory can be made");
    let runtime = tokio::runtime::Runtime::new().expect("a runtime can be started");
    let settings = config::Database::default();
    let db = Database::open(&settings, &directory.path().join("bench.db"), Clock::system(), Entropy::system())
        .expect("a fresh database opens");
    let runs = Arc::new(Mutex::new(0));
    let rates: [Arc<Mutex<Vec<f64>>>; 2] = Default::default();
    let mut criterion = Criterion::default().sample_size(10).configure_from_args();
    for (which, name) in ["one_by_one", "64_tasks"].into_iter().enumerate() {
        let rates = Arc::clone(&rates[which]);
        criterion.bench_function(&format!("durable_write/{name}"), |bencher| {
            bencher.iter_custom(|iterations| {
                *runs.lock().expect("one thread") += 1;
                let run = format!("{name}-{}", runs.lock().expect("one thread"));
                // A round is long enough for group commit to have something to group.
                let (writes, work): (u64, fn(&_, &_, &_, _) -> Duration) =
                    if which == 0 { (200, one_by_one) } else { (12_800, from_many_tasks) };
                let elapsed = work(&runtime, &db, &run, writes);
                rates.lock().expect("one thread").push(writes as f64 / elapsed.as_secs_f64());
                elapsed.mul_f64(iterations as f64 / writes as f64)
            });
        });
    }
    let [single, grouped] = rates.map(|rates| median(rates.lock().expect("one thread").clone()));
    let ratio = grouped / single;
    println!(
        "{{\"bench\":\"group_commit\",\"one_by_one_per_s\":{single:.0},\"tasks_64_per_s\":{grouped:.0},\"ratio\":{ratio:.1},\"must\":{RATIO_MUST},\"cores\":{}}}",
        config::cores()
    );
    if ratio < RATIO_MUST {
        std::process::exit(1);
    }
}
