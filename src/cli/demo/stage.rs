//! What the demo shows: numbered steps, curl commands, progress, a table.

use super::call::Call;
use super::client::{Answer, Client};
use super::listeners::PASSWORD;
use crate::error::Result;
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::{Value, json};
use std::io::Write;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

/// Whether whoever read along has gone.
static UNHEARD: AtomicBool = AtomicBool::new(false);

/// Writes a line to standard output. Where that is closed (`demo | head`) the story is told to nobody.
pub fn print(line: impl std::fmt::Display) {
    if writeln!(std::io::stdout(), "{line}").is_err() {
        UNHEARD.store(true, Ordering::Relaxed);
    }
}

/// Whether anybody still listens.
pub fn is_heard() -> bool {
    !UNHEARD.load(Ordering::Relaxed)
}

/// Logs in: the command that does the same, and the access token.
pub fn log_in(anyone: &Client, email: &str) -> Result<(String, String)> {
    let body = json!({"email": email, "password": PASSWORD});
    let call = Call::post("/v1/sessions", &body);
    let session = anyone.ask(&call)?;
    Ok((call.command(None), session["access_token"].as_str().unwrap_or_default().to_owned()))
}

/// Tells the story step by step and remembers how long each took.
pub struct Stage {
    began_at: Instant,
    step_began_at: Instant,
    title: String,
    timings: Vec<(String, f64)>,
}

impl Stage {
    /// An empty stage.
    pub fn new() -> Self {
        let now = Instant::now();
        Stage { began_at: now, step_began_at: now, title: String::new(), timings: Vec::new() }
    }

    /// Begins a step.
    pub fn step(&mut self, title: &str) {
        self.end_step();
        self.title = title.to_owned();
        self.step_began_at = Instant::now();
        print(format!("\n{}. {title}", self.timings.len() + 1));
    }

    /// A line of what happened.
    pub fn say(&self, line: impl std::fmt::Display) {
        print(format!("   {line}"));
    }

    /// A command for the shell.
    pub fn command(&self, words: impl std::fmt::Display) {
        print(format!("   $ {words}"));
    }

    /// Shows the command that makes a call, and makes it. The answer is JSON, or nothing.
    pub fn ask(&self, caller: &Client, call: &Call) -> Result<Value> {
        self.fetch(caller, call)?.json()
    }

    /// The same for an answer of any kind.
    pub fn fetch(&self, caller: &Client, call: &Call) -> Result<Answer> {
        self.command(call.command(caller.who()));
        caller.send(call)
    }

    /// Logs in; `who` is the shell variable that keeps the token.
    pub fn log_in(&self, anyone: &Client, who: &'static str, email: &str) -> Result<Client> {
        let (words, token) = log_in(anyone, email)?;
        self.command(format!("{who}=$({words} | token)"));
        Ok(anyone.with_token(who, &token))
    }

    /// A progress bar over `count` things. Silent where nobody watches a terminal.
    pub fn progress(&self, count: usize, what: &str) -> ProgressBar {
        let bar = ProgressBar::new(count as u64);
        if let Ok(style) = ProgressStyle::with_template("   {msg} [{bar:30}] {pos}/{len} ({eta} left)") {
            bar.set_style(style.progress_chars("=> "));
        }
        bar.set_message(what.to_owned());
        bar
    }

    /// Ends the story: how long each step took.
    pub fn finish(&mut self) {
        self.end_step();
        print("\nTime by step");
        for (i, (title, seconds)) in self.timings.iter().enumerate() {
            print(format!("   {:>2}. {title:<58} {seconds:>7.1} s", i + 1));
        }
        print(format!("       {:<58} {:>7.1} s", "all of it", self.began_at.elapsed().as_secs_f64()));
        if let Some(mib) = peak_memory_mib() {
            print(format!("       {:<58} {mib:>7} MiB", "most memory held, by the server and all its callers here"));
        }
    }

    fn end_step(&mut self) {
        if !self.title.is_empty() {
            self.timings.push((std::mem::take(&mut self.title), self.step_began_at.elapsed().as_secs_f64()));
        }
    }
}

/// The most memory that this process has held so far, as Linux tells it; elsewhere nothing.
fn peak_memory_mib() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib / 1_024)
}
