//! The one writer of SQLite: group commit.
//!
//! SQLite lets one connection write at a time, and a durable commit waits for the disk. So all
//! writes go to one thread, which takes those that are waiting, runs each in a savepoint inside one
//! `BEGIN IMMEDIATE`, commits once, and only then answers them all. A write that fails by itself
//! takes back only its own savepoint. If the machinery fails (disk full, I/O error, a failed COMMIT)
//! the batch is abandoned and each of its writes is run again alone, so that one write's bad luck is
//! never another's, and nobody is answered before the disk has it.

use super::backend::{self, Access, Isolation, Target};
use super::{Db, Tx};
use crate::clock::{Clock, Entropy};
use crate::error::{Code, Error, Result};
use diesel::result::{DatabaseErrorKind, Error as Diesel};
use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::time::{Duration, Instant};
use tokio::sync::{Notify, oneshot};
use tracing::Span;

/// Most writes in one commit.
const BATCH_MAX: usize = 512;
/// Longest time that a batch gathers work before it commits.
const BATCH_TIME: Duration = Duration::from_millis(25);
/// Writes that may wait; beyond it callers are told to come back.
const QUEUE_MAX: usize = 8_192;

type Answer = Box<dyn Any + Send>;

/// A write that waits for its turn.
struct Task {
    work: Box<dyn Fn(&mut Tx) -> Result<Answer> + Send>,
    answer: oneshot::Sender<Result<Answer>>,
    span: Span,
}

/// The way to the writer thread. The thread ends when the last of these is dropped.
pub struct GroupWriter {
    queue: SyncSender<Task>,
}

impl GroupWriter {
    /// Opens the writing connection and starts its thread.
    pub fn start(target: &Target, clock: Clock, entropy: Entropy, wake: Arc<Notify>) -> Result<Self> {
        let (queue, tasks) = sync_channel(QUEUE_MAX);
        let db = target.connect(Access::Write)?;
        let mut worker =
            Worker { target: target.clone(), db: Some(db), clock, entropy, wake, wakes: AtomicBool::new(false) };
        std::thread::Builder::new().name("sqlite-writer".into()).spawn(move || worker.serve(&tasks))?;
        Ok(GroupWriter { queue })
    }

    /// Hands a write over and waits until it is durable.
    pub async fn write<T, F>(&self, work: F) -> Result<T>
    where
        T: Send + 'static,
        F: Fn(&mut Tx) -> Result<T> + Send + 'static,
    {
        let (answer, answered) = oneshot::channel();
        let boxed = Box::new(move |tx: &mut Tx| work(tx).map(|value| Box::new(value) as Answer));
        match self.queue.try_send(Task { work: boxed, answer, span: Span::current() }) {
            Ok(()) => {}
            Err(TrySendError::Full(_)) => {
                return Err(Error::new(Code::Busy, "Too many writes are waiting; try again shortly.").retry_after_s(1));
            }
            Err(TrySendError::Disconnected(_)) => return Err(Error::internal("the database writer has stopped")),
        }
        let value = answered.await.map_err(|_| Error::internal("the database writer has stopped"))??;
        // The box was made from a T a few lines above and nothing in between looks inside.
        Ok(*value.downcast::<T>().expect("a write answers with its own type"))
    }
}

struct Worker {
    target: Target,
    /// `None` after a connection broke, until the next write opens another.
    db: Option<Db>,
    clock: Clock,
    entropy: Entropy,
    wake: Arc<Notify>,
    /// Whether a write of the present transaction asked for the jobs to be woken.
    wakes: AtomicBool,
}

impl Worker {
    fn serve(&mut self, tasks: &Receiver<Task>) {
        while let Ok(first) = tasks.recv() {
            let (batch, committed) = self.run_batch(first, tasks);
            if committed {
                for (task, result) in batch {
                    // A caller that has gone away no longer wants the answer.
                    let _ = task.answer.send(result);
                }
            } else {
                for (task, _) in batch {
                    let result = self.run_alone(&task);
                    let _ = task.answer.send(result);
                }
            }
            if self.wakes.swap(false, Ordering::Relaxed) {
                self.wake.notify_one();
            }
        }
    }

    /// Runs what is waiting in one transaction. The second value tells whether it is durable; if not,
    /// nothing has changed and every write of the batch has to be run again.
    fn run_batch(&mut self, first: Task, tasks: &Receiver<Task>) -> (Vec<(Task, Result<Answer>)>, bool) {
        let mut batch = Vec::new();
        let mut next = Some(first);
        let began_at = Instant::now();
        let begun = self.connection().and_then(|db| backend::begin_write(db, Isolation::Serializable));
        let mut sound = begun.is_ok();
        while let Some(task) = next {
            let result = if sound { self.run_in_savepoint(&task) } else { Err(Error::internal("not run")) };
            sound = sound && !result.as_ref().is_err_and(poisons_batch);
            batch.push((task, result));
            let room = sound && batch.len() < BATCH_MAX && began_at.elapsed() < BATCH_TIME;
            next = if room { tasks.try_recv().ok() } else { None };
        }
        if sound {
            sound = self.connection().and_then(backend::commit).is_ok();
        }
        if !sound {
            self.abandon();
        }
        (batch, sound)
    }

    fn run_in_savepoint(&mut self, task: &Task) -> Result<Answer> {
        let (now, entropy) = (self.clock.now(), self.entropy.clone());
        let wakes = AtomicBool::new(false);
        let db = self.connection()?;
        let run = || {
            task.span.in_scope(|| {
                diesel::Connection::transaction(db, |db| {
                    (task.work)(&mut Tx { db, now, entropy: &entropy, wakes: &wakes })
                })
            })
        };
        // After a panic the savepoint is still open; the batch is poisoned and rolled back whole.
        let result = catch_unwind(AssertUnwindSafe(run)).unwrap_or_else(|_| Err(Error::internal(Panicked)));
        if result.is_ok() && wakes.load(Ordering::Relaxed) {
            self.wakes.store(true, Ordering::Relaxed);
        }
        result
    }

    /// One write, one commit: what happens to each write of an abandoned batch.
    fn run_alone(&mut self, task: &Task) -> Result<Answer> {
        self.connection().and_then(|db| backend::begin_write(db, Isolation::Serializable))?;
        let done = self.run_in_savepoint(task);
        let done = done.and_then(|value| self.connection().and_then(backend::commit).map(|()| value));
        let rolled_back = done.is_ok() || self.db.as_mut().is_some_and(backend::roll_back);
        if !rolled_back || done.as_ref().is_err_and(poisons_batch) {
            self.abandon();
        }
        done
    }

    fn connection(&mut self) -> Result<&mut Db> {
        if self.db.is_none() {
            self.db = Some(self.target.connect(Access::Write)?);
        }
        self.db.as_mut().ok_or_else(|| Error::internal("the writer has no connection"))
    }

    /// Takes the open transaction back by letting go of the connection: whatever state it was in, a
    /// new one begins clean, and SQLite rolls back what the old one left open.
    fn abandon(&mut self) {
        self.db = None;
        self.wakes.store(false, Ordering::Relaxed);
    }
}

#[derive(Debug)]
struct Panicked;

impl std::fmt::Display for Panicked {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a database closure panicked")
    }
}

impl std::error::Error for Panicked {}

/// Whether a failure may have hurt more than its own savepoint. A violated constraint or a refusal of
/// our own is the write's own affair; a full disk, an I/O error or a panic is not.
fn poisons_batch(error: &Error) -> bool {
    let Some(cause) = error.cause() else { return false };
    if cause.downcast_ref::<Panicked>().is_some() {
        return true;
    }
    match cause.downcast_ref::<Diesel>() {
        None | Some(Diesel::NotFound | Diesel::DeserializationError(_) | Diesel::QueryBuilderError(_)) => false,
        Some(Diesel::DatabaseError(kind, _)) => !matches!(
            kind,
            DatabaseErrorKind::UniqueViolation
                | DatabaseErrorKind::ForeignKeyViolation
                | DatabaseErrorKind::NotNullViolation
                | DatabaseErrorKind::CheckViolation
        ),
        Some(_) => true,
    }
}
