//! `refrain operator add`

use super::Settings;
use crate::accounts;
use crate::clock::{Clock, Entropy};
use crate::context::Context;
use crate::error::{Error, Result};
use clap::{Args, Subcommand};
use std::io::{BufRead, IsTerminal};

/// Manage the accounts of operators.
#[derive(Debug, Args)]
pub struct OperatorArgs {
    #[command(subcommand)]
    verb: OperatorVerb,
}

#[derive(Debug, Subcommand)]
enum OperatorVerb {
    /// Add an operator. The password is read from the first line of standard input.
    Add {
        /// The operator's e-mail address.
        email: String,
        #[command(flatten)]
        settings: Settings,
    },
}

/// Adds the account; works beside a running server.
pub fn run(args: &OperatorArgs) -> Result<()> {
    let OperatorVerb::Add { email, settings } = &args.verb;
    let password = read_password()?;
    let context = Context::open(settings.load()?, Clock::system(), Entropy::system())?;
    let account = super::block_on(accounts::actions::add_operator(&context, email, password.as_str().into()))?;
    super::print(format!("{} may now log in as an operator ({}).", account.email, account.id))
}

/// From standard input and never from the command line, where other users of the machine could read it.
fn read_password() -> Result<String> {
    let stdin = std::io::stdin();
    if stdin.is_terminal() {
        eprint!("Password (shown while you type): ");
    }
    let mut line = String::new();
    stdin.lock().read_line(&mut line)?;
    let password = line.trim_end_matches(['\r', '\n']);
    if password.is_empty() {
        return Err(Error::invalid("Give the password as one line on standard input."));
    }
    Ok(password.to_owned())
}
