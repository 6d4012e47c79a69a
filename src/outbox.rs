//! Events that leave the house (mails today), written in the transaction of what they tell of.
//!
//! At least once: an event is marked as sent after it was sent. One that keeps failing is set aside
//! as `dead` after some tries and never blocks another. Only `notify` sends them, driven by `jobs`.

use crate::clock::UtcTime;
use crate::db::Tx;
use crate::db::schema::outbox;
use crate::error::{Error, Result};
use crate::ids::EventId;
use crate::text_enum;
use diesel::prelude::*;
use serde::Serialize;

/// Tries before an event is set aside.
const ATTEMPTS_MAX: i32 = 8;

text_enum! {
    /// What has happened to an event.
    pub enum EventState {
        /// Not sent yet.
        Waiting = "waiting",
        /// Sent.
        Sent = "sent",
        /// Set aside after too many tries.
        Dead = "dead",
    }
}

/// An event that waits to be sent.
#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = outbox)]
pub struct Event {
    /// Its id.
    pub id: EventId,
    /// What kind of event; `notify` knows how to word it.
    pub kind: String,
    /// What it is about, as JSON.
    pub payload_json: String,
    /// Tries so far.
    pub attempts: i32,
}

/// Writes an event that is sent once this transaction is durable.
///
/// # Errors
/// `internal` where the database fails.
pub fn push(tx: &mut Tx, kind: &str, payload: &impl Serialize) -> Result<()> {
    let now = tx.now();
    push_at(tx, kind, payload, now)
}

/// Writes an event that is sent at an instant, or later.
///
/// # Errors
/// `internal` where the database fails.
pub fn push_at(tx: &mut Tx, kind: &str, payload: &impl Serialize, due_at: UtcTime) -> Result<()> {
    let (id, now) = (EventId::new(tx.now(), tx.entropy()), tx.now());
    diesel::insert_into(outbox::table)
        .values((
            outbox::id.eq(id),
            outbox::kind.eq(kind),
            outbox::payload_json.eq(serde_json::to_string(payload)?),
            outbox::state.eq(EventState::Waiting),
            outbox::attempts.eq(0),
            outbox::due_at.eq(due_at),
            outbox::created_at.eq(now),
        ))
        .execute(&mut **tx)?;
    tx.wake_jobs();
    Ok(())
}

/// Takes events that are due, for as long as the lease lasts.
///
/// # Errors
/// `internal` where the database fails.
pub fn claim(tx: &mut Tx, limit: i64, lease_s: i64) -> Result<Vec<Event>> {
    let now = tx.now();
    let due: Vec<Event> = outbox::table
        .filter(outbox::state.eq(EventState::Waiting).and(outbox::due_at.le(now)))
        .filter(outbox::leased_until.is_null().or(outbox::leased_until.lt(now)))
        .order((outbox::due_at, outbox::id))
        .limit(limit)
        .select(Event::as_select())
        .load(&mut **tx)?;
    for event in &due {
        diesel::update(outbox::table.find(&event.id))
            .set(outbox::leased_until.eq(now.plus_s(lease_s)))
            .execute(&mut **tx)?;
    }
    Ok(due)
}

/// Notes that an event was sent.
///
/// # Errors
/// `internal` where the database fails.
pub fn sent(tx: &mut Tx, event: &Event) -> Result<()> {
    diesel::update(outbox::table.find(&event.id))
        .set((outbox::state.eq(EventState::Sent), outbox::leased_until.eq(None::<UtcTime>)))
        .execute(&mut **tx)?;
    Ok(())
}

/// Notes that sending failed: it is tried again later, and set aside after the last try.
///
/// # Errors
/// `internal` where the database fails.
pub fn failed(tx: &mut Tx, event: &Event, why: &str) -> Result<()> {
    let attempts = event.attempts + 1;
    let state = if attempts >= ATTEMPTS_MAX { EventState::Dead } else { EventState::Waiting };
    let due_at = tx.now().plus_s(30i64 << attempts.min(10));
    diesel::update(outbox::table.find(&event.id))
        .set((
            outbox::state.eq(state),
            outbox::attempts.eq(attempts),
            outbox::due_at.eq(due_at),
            outbox::leased_until.eq(None::<UtcTime>),
            outbox::last_error.eq(why),
        ))
        .execute(&mut **tx)?;
    Ok(())
}

/// Forgets some of the events that were sent and had been written before an instant; says how many.
///
/// # Errors
/// `internal` where the database fails.
pub fn prune(tx: &mut Tx, before: UtcTime, most: usize) -> Result<usize> {
    let most = i64::try_from(most).map_err(Error::internal)?;
    let old = outbox::table.filter(outbox::state.eq(EventState::Sent).and(outbox::created_at.lt(before)));
    let old: Vec<EventId> = old.select(outbox::id).limit(most).load(&mut **tx)?;
    Ok(diesel::delete(outbox::table.filter(outbox::id.eq_any(&old))).execute(&mut **tx)?)
}
