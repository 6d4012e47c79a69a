//! The command line: one file a command.

mod bench_data;
mod bench_draw;
mod bench_members;
mod check;
mod demo;
mod import;
mod openapi;
mod operator;
mod recipe;
mod serve;
mod verify;

use crate::config::{Config, Secret};
use crate::error::{Code, Result};
use clap::{Args, Parser, Subcommand};
use std::fmt::Display;
use std::io::{ErrorKind, Write};
use std::path::PathBuf;
use std::process::ExitCode;

/// The marketplace of a listening-data cooperative.
#[derive(Debug, Parser)]
#[command(name = "refrain", version, about, propagate_version = true)]
struct Command {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Run the server.
    Serve(serve::ServeArgs),
    /// Tell the whole story of one sale against a server of its own, with made-up listeners.
    Demo(demo::DemoArgs),
    /// Read a person's own export and print what is in it; needs no server.
    Import(import::ImportArgs),
    /// Explain a recipe, and tell what it gives; needs no server and no data.
    Recipe(recipe::RecipeArgs),
    /// Count an ended vote again from what is published of it, and look for one's own ballot; or check an agreement. Needs no server.
    Verify(verify::VerifyArgs),
    /// Manage the accounts of operators.
    Operator(operator::OperatorArgs),
    /// Check the database, the ledger and the stored files.
    Check(check::CheckArgs),
    /// Make plays of members who do not exist, to measure on.
    BenchData(bench_data::BenchDataArgs),
    /// Draw one edition from made-up plays, and tell how long that took.
    BenchDraw(bench_draw::BenchDrawArgs),
    /// Add members who do not exist to a pool, to measure votes on.
    BenchMembers(bench_members::BenchMembersArgs),
    /// Print the API as an OpenAPI document.
    Openapi,
}

/// Settings that every command on a server's data takes.
#[derive(Debug, Clone, Args)]
struct Settings {
    /// A TOML file with settings.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Where database, files, keys and mails lie [default: refrain-data]
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// postgres://… [default: the embedded database in the data directory]
    #[arg(long, value_name = "URL")]
    database_url: Option<String>,
}

impl Settings {
    /// Defaults, file, variables, flags; a later one wins.
    fn load(&self) -> Result<Config> {
        let mut config = Config::load(self.config.as_deref(), std::env::vars())?;
        if let Some(directory) = &self.data_dir {
            config.data_dir.clone_from(directory);
        }
        if let Some(url) = &self.database_url {
            config.database.url = Some(Secret::from(url.clone()));
        }
        Ok(config)
    }
}

/// Runs the command that the arguments name. Failures go to standard error in words.
pub fn main() -> ExitCode {
    let command = Command::parse();
    let done = match command.verb {
        Verb::Serve(args) => serve::run(&args).map(|()| ExitCode::SUCCESS),
        Verb::Demo(args) => demo::run(&args),
        Verb::Recipe(args) => recipe::run(&args).map(|()| ExitCode::SUCCESS),
        Verb::Import(args) => import::run(&args).map(|()| ExitCode::SUCCESS),
        Verb::Verify(args) => verify::run(&args).map(|()| ExitCode::SUCCESS),
        Verb::Operator(args) => operator::run(&args).map(|()| ExitCode::SUCCESS),
        Verb::Check(args) => check::run(&args).map(|()| ExitCode::SUCCESS),
        Verb::BenchData(args) => bench_data::run(&args).map(|()| ExitCode::SUCCESS),
        Verb::BenchDraw(args) => bench_draw::run(&args).map(|()| ExitCode::SUCCESS),
        Verb::BenchMembers(args) => bench_members::run(&args).map(|()| ExitCode::SUCCESS),
        Verb::Openapi => openapi::run().map(|()| ExitCode::SUCCESS),
    };
    match done {
        Ok(code) => code,
        Err(error) => {
            match (error.code(), error.cause()) {
                // Its words are for callers of a server, who have a request id and no view of the log.
                (Code::Internal, Some(cause)) => eprintln!("refrain: {cause}"),
                (_, Some(cause)) => eprintln!("refrain: {error}\n  because: {cause}"),
                (_, None) => eprintln!("refrain: {error}"),
            }
            ExitCode::FAILURE
        }
    }
}

/// Writes to standard output. That somebody has read enough and closed it (`openapi | head`) is no failure.
fn print(words: impl Display) -> Result<()> {
    match writeln!(std::io::stdout(), "{words}") {
        Err(cause) if cause.kind() == ErrorKind::BrokenPipe => Ok(()),
        written => Ok(written?),
    }
}

/// Runs a command that needs the database but no server.
fn block_on<T>(work: impl Future<Output = Result<T>>) -> Result<T> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(work)
}
