//! Sending what waits in the outbox.

use super::letters::{self, Addressed};
use super::mailer::{Mailer, Refusal};
use super::notices::{Audience, Kind, Notice};
use super::wording::Links;
use crate::context::Context;
use crate::db::{Db, Tx};
use crate::error::{Error, Result};
use crate::ids::AccountId;
use crate::offers;
use crate::outbox::{self, Event};

/// Events taken at a time.
const BATCH: i64 = 100;
/// Seconds after which events that were taken and not sent are taken again.
const LEASE_S: i64 = 300;
/// Recipients that one event is split into in one write.
const SPLIT: usize = 500;

/// What is to be done with an event.
#[derive(Clone)]
enum Task {
    /// Nothing is to be sent (any more).
    Drop,
    /// Word it for this recipient.
    Word(Notice, AccountId),
    /// Make one event for each of these; the flag tells whether more come after them.
    Split(Notice, Vec<AccountId>, bool),
    /// Send this.
    Send(Addressed),
    /// It went out.
    Sent,
    /// It could not be done.
    Failed(String),
    /// The mail server could not be reached; it waits until its lease is over.
    Later,
}

/// Sends up to a hundred events that are due, and says how many were taken: whoever calls it calls
/// again while that is not 0. Each event is sent at least once; one that keeps failing is set aside
/// and holds up no other.
///
/// Takes, reads, splits, words, sends and marks in steps of their own, so that no step holds the
/// database for long, and none while the mail server is talked to.
///
/// # Errors
/// `invalid` where the mail settings are not usable, `internal` where the database fails. What was
/// taken is taken again after five minutes.
pub async fn send_due(ctx: &Context) -> Result<usize> {
    let events = ctx.db.write(|tx| outbox::claim(tx, BATCH, LEASE_S)).await?;
    let count = events.len();
    if count == 0 {
        return Ok(0);
    }
    let tasks = ctx.db.read(move |db| Ok(plan(db, events))).await?;
    let tasks = split(ctx, tasks).await?;
    let links = Links::new(&ctx.config.server.public_url());
    let tasks = ctx.db.write(move |tx| word(tx, &links, tasks.clone())).await?;
    let tasks = deliver(ctx, tasks).await?;
    log_failures(&tasks);
    ctx.db.write(move |tx| mark(tx, &tasks)).await?;
    Ok(count)
}

/// Reads each event and finds out to whom it goes.
fn plan(db: &mut Db, events: Vec<Event>) -> Vec<(Event, Task)> {
    let mut planned = Vec::with_capacity(events.len());
    for event in events {
        // One more than goes into a write tells whether there are more.
        let most = SPLIT as i64 + 1;
        let audience = Notice::read(&event).and_then(|notice| Ok((notice.audience(db, most)?, notice)));
        let task = match audience {
            Ok((Audience::Nobody, _)) => Task::Drop,
            Ok((Audience::One(to), notice)) => Task::Word(notice, to),
            Ok((Audience::Many(mut many), notice)) => {
                let more = many.len() > SPLIT;
                many.truncate(SPLIT);
                Task::Split(notice, many, more)
            }
            Err(error) => Task::Failed(told(&error)),
        };
        planned.push((event, task));
    }
    planned
}

/// Turns each event for many into one for each, in a write of its own that also marks it as done: a
/// crash leaves it as it was or as it should be.
async fn split(ctx: &Context, tasks: Vec<(Event, Task)>) -> Result<Vec<(Event, Task)>> {
    let mut rest = Vec::with_capacity(tasks.len());
    for (event, task) in tasks {
        let Task::Split(notice, many, more) = task else {
            rest.push((event, task));
            continue;
        };
        let done = ctx.db.write(move |tx| {
            if notice.kind == Kind::VoteExtended && notice.is_whole() {
                // A vote knows no buyer; here is the first place that does.
                offers::steps::tell_of_extension(tx, &notice.id("vote_id")?)?;
            }
            for to in &many {
                outbox::push(tx, &event.kind, &notice.for_one(to))?;
            }
            if let Some(last) = many.last().filter(|_| more) {
                outbox::push(tx, &event.kind, &notice.for_all_after(last))?;
            }
            outbox::sent(tx, &event)
        });
        done.await?;
    }
    Ok(rest)
}

/// Words the letters. One that cannot be worded takes back only its own changes.
fn word(tx: &mut Tx, links: &Links, tasks: Vec<(Event, Task)>) -> Result<Vec<(Event, Task)>> {
    let mut worded = Vec::with_capacity(tasks.len());
    for (event, task) in tasks {
        let task = match task {
            Task::Word(notice, to) => match tx.savepoint(|tx| letters::write(tx, links, &notice, &to)) {
                Ok(Some(mail)) => Task::Send(mail),
                Ok(None) => Task::Drop,
                // The database asks for all of it to be tried again.
                Err(error) if error.is_serialization_failure() => return Err(error),
                Err(error) => Task::Failed(told(&error)),
            },
            other => other,
        };
        worded.push((event, task));
    }
    Ok(worded)
}

/// Sends the letters, on a blocking thread.
async fn deliver(ctx: &Context, tasks: Vec<(Event, Task)>) -> Result<Vec<(Event, Task)>> {
    let (config, now) = (ctx.config.clone(), ctx.clock.now());
    let work = move || {
        let mailer = Mailer::open(&config)?;
        let mut reachable = true;
        let mut send = |event: &Event, mail: &Addressed| {
            if !reachable {
                return Task::Later;
            }
            match mailer.send(mail, event.id.as_str(), now) {
                Ok(()) => Task::Sent,
                Err(Refusal { why, unreachable }) => {
                    reachable = !unreachable;
                    Task::Failed(why)
                }
            }
        };
        let sent = tasks.into_iter().map(|(event, task)| match task {
            Task::Send(mail) => {
                let outcome = send(&event, &mail);
                (event, outcome)
            }
            other => (event, other),
        });
        Ok(sent.collect())
    };
    tokio::task::spawn_blocking(work).await.map_err(Error::internal)?
}

/// Notes what became of each event.
fn mark(tx: &mut Tx, tasks: &[(Event, Task)]) -> Result<()> {
    for (event, task) in tasks {
        match task {
            Task::Drop | Task::Sent => outbox::sent(tx, event)?,
            Task::Failed(why) => outbox::failed(tx, event, why)?,
            Task::Word(..) | Task::Split(..) | Task::Send(_) | Task::Later => {}
        }
    }
    Ok(())
}

fn log_failures(tasks: &[(Event, Task)]) {
    for (event, task) in tasks {
        if let Task::Failed(why) = task {
            tracing::warn!(event.id = %event.id, event.kind = %event.kind, event.attempts = event.attempts + 1, error.cause = %why, "a mail was not sent");
        }
    }
}

/// What is kept with an event that failed: the cause where there is one, else the words.
fn told(error: &Error) -> String {
    error.cause().map_or_else(|| error.detail().to_owned(), ToString::to_string)
}

#[cfg(test)]
#[path = "actions_tests.rs"]
pub(super) mod tests;
