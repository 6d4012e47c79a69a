//! What the tests share: a server of their own on either database, callers, made-up exports.

pub mod actors;
pub mod contract;
pub mod house;
pub mod http;
pub mod logs;
pub mod market;
pub mod postgres;
pub mod receiver;
#[cfg(s3)]
pub mod s3;
pub mod sale;
pub mod traces;
pub mod wire;

use http::Caller;
use refrain::app::App;
use refrain::clock::{Clock, Entropy, UtcTime};
use refrain::config::{Config, Secret};
use refrain::context::Context;
use std::sync::mpsc;

/// The catalogue looks whether it has changed once a second, whatever a test's clock says.
pub const LOOKS_FOR_NEWS_AFTER: std::time::Duration = std::time::Duration::from_millis(1_100);

/// Which database a test runs on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Backend {
    Sqlite,
    #[cfg_attr(not(postgres), allow(dead_code))]
    Postgres,
}

/// A server on a port and in a directory of its own, with a clock that stands until it is moved and
/// jobs that run when they are told to.
pub struct TestApp {
    pub url: String,
    pub metrics_url: String,
    pub ctx: Context,
    stop: Option<tokio::sync::oneshot::Sender<()>>,
    thread: Option<std::thread::JoinHandle<()>>,
    runtime: tokio::runtime::Runtime,
    _directory: tempfile::TempDir,
}

impl TestApp {
    pub fn start(backend: Backend) -> Self {
        Self::start_with(backend, |_| {})
    }

    pub fn start_with(backend: Backend, change: impl FnOnce(&mut Config)) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let mut config = Config { data_dir: directory.path().to_owned(), ..Config::default() };
        config.server.bind = ([127, 0, 0, 1], 0).into();
        config.server.metrics_bind = Some(([127, 0, 0, 1], 0).into());
        config.server.workers = Some(2);
        config.server.shutdown_grace_s = 5;
        config.auth.argon2_memory_kib = 64;
        config.auth.argon2_passes = 1;
        config.auth.registrations = u32::MAX;
        config.jobs.enabled = false;
        // Plays stay where their upload put them, but in the tests that are about merging them.
        config.storage.compact_after_s = 10 * 366 * 86_400;
        if backend == Backend::Postgres {
            config.database.url = Some(Secret::from(postgres::cluster().new_database()));
        }
        change(&mut config);
        let clock = Clock::standing_at(UtcTime::parse("2026-03-01T12:00:00Z").unwrap());
        let (stop, stopped) = tokio::sync::oneshot::channel();
        let (started, starting) = mpsc::channel();
        let thread = std::thread::spawn(move || {
            actix_web::rt::System::new().block_on(async {
                let app = App::build(config, clock, Entropy::seeded(7)).await.unwrap();
                started.send((app.address(), app.metrics_address().unwrap(), app.context().clone())).unwrap();
                app.run_until_stopped(async { stopped.await.unwrap_or(()) }).await.unwrap();
            });
        });
        let (address, metrics_address, ctx) = starting.recv().expect("the server starts");
        TestApp {
            url: format!("http://{address}"),
            metrics_url: format!("http://{metrics_address}"),
            ctx,
            stop: Some(stop),
            thread: Some(thread),
            runtime: tokio::runtime::Runtime::new().unwrap(),
            _directory: directory,
        }
    }

    /// Somebody without a token.
    pub fn anyone(&self) -> Caller {
        Caller::new(&self.url)
    }

    /// Runs what is due now.
    pub fn run_jobs(&self) {
        self.block_on(refrain::jobs::run_due(&self.ctx)).unwrap();
    }

    /// Moves the clock and runs what has become due.
    pub fn advance_days(&self, days: i64) {
        self.advance_s(days * 86_400);
    }

    pub fn advance_s(&self, seconds: i64) {
        self.ctx.clock.advance_s(seconds).unwrap();
        self.run_jobs();
    }

    pub fn block_on<T>(&self, work: impl Future<Output = T>) -> T {
        self.runtime.block_on(work)
    }

    /// Mails written so far, as text, oldest first.
    pub fn mails(&self) -> Vec<String> {
        let directory = self.ctx.config.mail_dir();
        let mut files: Vec<_> =
            std::fs::read_dir(directory).into_iter().flatten().flatten().map(|e| e.path()).collect();
        files.sort();
        files.iter().map(|file| std::fs::read_to_string(file).unwrap()).collect()
    }
}

impl Drop for TestApp {
    /// Every test ends with the house in order: budgets and ledger add up, and no job was given up.
    fn drop(&mut self) {
        if !std::thread::panicking() {
            let problems = self.runtime.block_on(self.ctx.db.read(|db| {
                let mut problems = refrain::pools::steps::budget_problems(db)?;
                problems.extend(refrain::ledger::steps::verify(db)?);
                problems.extend(refrain::purchases::steps::verify(db)?);
                problems.extend(refrain::payouts::steps::verify(db)?);
                let dead = refrain::queue::list(db, Some(refrain::queue::JobState::Dead), None, 10)?;
                problems.extend(dead.iter().map(|job| format!("job {} was given up: {:?}", job.kind, job.last_error)));
                Ok(problems)
            }));
            assert_eq!(problems.unwrap(), Vec::<String>::new());
        }
        if let Some(stop) = self.stop.take() {
            let _ = stop.send(());
        }
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Writes one test that runs on the embedded database, and once more on PostgreSQL where it is installed.
#[macro_export]
macro_rules! on_both_databases {
    ($($name:ident),* $(,)?) => {$(
        mod $name {
            #[test]
            fn on_sqlite() { super::$name($crate::common::Backend::Sqlite); }

            #[test]
            #[cfg_attr(not(postgres), ignore = "PostgreSQL's server programs (initdb, postgres, pg_ctl) were not found on PATH or under /usr/lib/postgresql")]
            fn on_postgres() {
                #[cfg(postgres)]
                super::$name($crate::common::Backend::Postgres);
            }
        }
    )*};
}
