//! `refrain demo`: the whole story of one sale, told against a server of its own over HTTP.
//!
//! The listeners are made up, the clock is moved by hand (the story takes 30 days and ends now), and
//! passwords are hashed cheaply because thousands of listeners register at once. `serve` allows none of this.

mod call;
mod client;
mod listeners;
mod pricing;
mod stage;
mod story;

use crate::app::App;
use crate::clock::{Clock, Entropy};
use crate::config::Config;
use crate::error::{Code, Error, Result};
use crate::telemetry;
use clap::Args;
use std::cell::Cell;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use tokio::signal::unix::{SignalKind, signal};

/// How the names of the directories begin in which demos keep their things.
const TEMPORARY: &str = "refrain-demo-";
/// The numbers of the two signals that end it (POSIX).
const SIGINT: u8 = 2;
const SIGTERM: u8 = 15;
/// The story begins this long before now.
const DAYS_BACK: i64 = 30;

/// Tell the whole story of one sale against a server of its own, with made-up listeners.
#[derive(Debug, Args)]
pub struct DemoArgs {
    /// How many made-up listeners join, 1000 to 100000; 18000 repeats the sale of 2025 that inspired this project.
    #[arg(long, default_value_t = 3_000, value_parser = clap::value_parser!(u32).range(1_000..=100_000))]
    members: u32,
    /// A genuine export (zip) that is uploaded as one more member. It stays on this machine.
    #[arg(long = "with", value_name = "FILE", num_args = 1..)]
    with: Vec<PathBuf>,
    /// End after the story instead of serving on.
    #[arg(long)]
    exit: bool,
    /// Keep database and files here [default: a temporary directory that is removed at the end]
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// Only write the export of a made-up listener (zip) into FILE, as something to upload to a server.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["members", "with", "exit", "data_dir", "bind"])]
    write_export: Option<PathBuf>,
    /// Where the server listens; another free port is taken if this one is in use.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8080")]
    bind: SocketAddr,
}

/// Runs the story, and then serves on unless it is to exit. Where a signal cuts the story off, the code is the
/// one that shells give for it.
pub fn run(args: &DemoArgs) -> Result<ExitCode> {
    if let Some(file) = &args.write_export {
        let export = listeners::export(&listeners::world(Clock::system().now()), 0);
        std::fs::write(file, export)
            .map_err(|e| Error::invalid(format!("{} cannot be written: {e}.", file.display())))?;
        super::print(format!("{} holds the export of a listener who does not exist.", file.display()))?;
        return Ok(ExitCode::SUCCESS);
    }
    remove_left_overs();
    let temporary = tempfile::Builder::new().prefix(TEMPORARY).tempdir()?;
    let directory = args.data_dir.clone().unwrap_or_else(|| temporary.path().to_owned());
    if std::fs::read_dir(&directory).is_ok_and(|mut entries| entries.next().is_some()) {
        return Err(Error::invalid(format!(
            "{} is not empty. The demo begins afresh each time: remove the directory, name another, or leave --data-dir out.",
            directory.display()
        )));
    }
    let config = settings(directory, free_address(args.bind));
    let _log = telemetry::start(&config.log)?;
    let clock = Clock::running_from(Clock::system().now().plus_days(-DAYS_BACK));
    actix_web::rt::System::new().block_on(async {
        let app = App::build(config, clock, Entropy::system()).await?;
        let (base, context) = (format!("http://{}", app.address()), app.context().clone());
        let story = story::Story { base, context, members: args.members, exports: args.with.clone() };
        let (mut term, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
        let (told, hears) = tokio::sync::oneshot::channel();
        let serves_on = !args.exit;
        let teller = std::thread::Builder::new().name("story".into()).spawn(move || {
            let outcome = story.tell(serves_on);
            let _ = told.send(outcome.is_ok());
            outcome
        })?;
        let cut_off = Cell::new(None);
        app.run_until_stopped(async {
            let signalled = async {
                tokio::select! { _ = term.recv() => SIGTERM, _ = interrupt.recv() => SIGINT }
            };
            tokio::pin!(signalled);
            tokio::select! {
                well = hears => if well == Ok(true) && serves_on && stage::is_heard() { signalled.await; },
                signal = &mut signalled => {
                    cut_off.set(Some(signal));
                    eprintln!("\nThe story ends here, and the server with it.");
                }
            }
        })
        .await?;
        if let Some(signal) = cut_off.get() {
            return Ok(ExitCode::from(128 + signal)); // whoever still tells fails for want of a server
        }
        teller.join().map_err(|_| Error::internal("the story panicked"))??;
        Ok(ExitCode::SUCCESS)
    })
}

fn settings(directory: PathBuf, bind: SocketAddr) -> Config {
    let mut config = Config { data_dir: directory, ..Config::default() };
    config.server.bind = bind;
    config.log.filter = "error".into();
    // argon2id at its least: 3,000 registrations at the real cost would take minutes.
    config.auth.argon2_memory_kib = 8;
    config.auth.argon2_passes = 1;
    config.auth.login_attempts = u32::MAX;
    config.auth.registrations = u32::MAX;
    config.jobs.poll_ms = 50;
    config.storage.compact_after_s = 10 * 366 * 86_400; // the clock leaps, and the story is over before it is worth it
    config.seller.legal_name = "Listeners' Cooperative (made up)".into();
    config.seller.address = "1 Chorus Lane, 0000 Refrainville".into();
    config.seller.country = "NL".into();
    config.seller.tax_id = "NL000000000B00".into();
    config.seller.bank_details = "IBAN NL00 DEMO 0000 0000 00".into();
    config.seller.contact_email = "cooperative@demo.example".into();
    config
}

/// Removes the directories of demos that were killed: those whose lock nobody holds.
fn remove_left_overs() {
    for entry in std::fs::read_dir(std::env::temp_dir()).into_iter().flatten().flatten() {
        let is_ours = entry.file_name().to_string_lossy().starts_with(TEMPORARY);
        let lock = std::fs::File::open(entry.path().join("refrain.lock"));
        if is_ours && lock.is_ok_and(|file| file.try_lock().is_ok()) {
            let _ = std::fs::remove_dir_all(entry.path()); // another user's stays
        }
    }
}

/// The address wanted, or any free port beside it.
fn free_address(wanted: SocketAddr) -> SocketAddr {
    let free = |address: SocketAddr| std::net::TcpListener::bind(address).and_then(|listener| listener.local_addr());
    free(wanted).or_else(|_| free(SocketAddr::new(wanted.ip(), 0))).unwrap_or(wanted)
}

/// Says why something that should hold in the story does not.
fn expect(holds: bool, what: &str) -> Result<()> {
    if holds { Ok(()) } else { Err(Error::new(Code::Internal, format!("The story went wrong: {what}."))) }
}
