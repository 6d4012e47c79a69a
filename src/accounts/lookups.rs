//! Looking up whose sessions are still good, for all who ask at the same time together: when a vote opens, or after a restart,
//! thousands come within a second, and each way to the database costs as much as reading many rows there.
//!
//! Nobody waits for a timer: while one look is under way the next ones gather.

use super::model::Account;
use super::sessions;
use crate::context::Context;
use crate::error::{Error, Result};
use crate::ids::SessionId;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::oneshot;

/// Most sessions in one look.
const BATCH_MAX: usize = 256;

/// Those who wait. Cloning shares them.
#[derive(Clone, Default)]
pub struct Lookups(Arc<Mutex<Queue>>);

#[derive(Default)]
struct Queue {
    waiting: Vec<Waiting>,
    /// Whether somebody is at it.
    is_served: bool,
}

struct Waiting {
    session_id: SessionId,
    answer: oneshot::Sender<Result<Option<Account>>>,
}

impl Lookups {
    /// The account of a session that is neither revoked nor expired, if the account is active.
    ///
    /// # Errors
    /// `busy` or `internal` where the database fails.
    pub async fn account_of_live(&self, ctx: &Context, session_id: SessionId) -> Result<Option<Account>> {
        let (answer, answered) = oneshot::channel();
        let is_served = {
            let mut queue = self.lock();
            queue.waiting.push(Waiting { session_id, answer });
            std::mem::replace(&mut queue.is_served, true)
        };
        if !is_served {
            // Not by the one who came first: whose connection breaks would leave the others waiting.
            tokio::spawn(serve(self.clone(), ctx.clone()));
        }
        answered.await.map_err(|_| Error::internal("sessions are not looked up any more"))?
    }

    /// The next to be looked up; none, and then nobody is at it any more.
    fn next(&self) -> Vec<Waiting> {
        let mut queue = self.lock();
        let some = queue.waiting.len().min(BATCH_MAX);
        queue.is_served = some > 0;
        queue.waiting.drain(..some).collect()
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn serve(lookups: Lookups, ctx: Context) {
    loop {
        let batch = lookups.next();
        if batch.is_empty() {
            return;
        }
        let ids: Vec<SessionId> = batch.iter().map(|waiting| waiting.session_id.clone()).collect();
        let now = ctx.clock.now();
        let mut found = ctx.db.read(move |db| sessions::accounts_of_live(db, &ids, now)).await;
        for Waiting { session_id, answer } in batch {
            let account = match &mut found {
                Ok(accounts) => Ok(accounts.get(&session_id).cloned()),
                // Everybody is told the same; the cause goes with one of the answers, as a failure is logged once.
                Err(error) => {
                    let same = Error::new(error.code(), error.detail());
                    Err(std::mem::replace(error, same))
                }
            };
            let _ = answer.send(account); // who has gone away wants no answer
        }
    }
}
