//! What other slices do with webhooks inside their own transaction: they tell, and `notify` sends.

use super::events::EventType;
use super::model::{Attempt, Delivery, DeliveryState, Payload, Webhook, pause_s};
use super::store;
use crate::clock::UtcTime;
use crate::db::{Db, Tx};
use crate::error::{Error, Result};
use crate::ids::{DeliveryId, EventId, OrganisationId, WebhookId};
use crate::{accounts, outbox};
use serde::Serialize;
use serde_json::json;

/// The answer of a receiver that wants nothing any more (Standard Webhooks, "Delivery success and failure").
const GONE: i32 = 410;

/// A delivery that is to be sent now. Nobody else sends to its webhook until `until`.
#[derive(Debug, Clone)]
pub struct Errand {
    /// Where to.
    pub webhook: Webhook,
    /// What.
    pub delivery: Delivery,
    /// How long it may take.
    pub until: UtcTime,
}

/// What has come of a try.
#[derive(Debug, Clone)]
pub struct Tried {
    /// When it began.
    pub at: UtcTime,
    /// How long it took, in milliseconds.
    pub took_ms: i64,
    /// The status of the answer, if there was one.
    pub status: Option<u16>,
    /// Why it failed, in words; `None` for success.
    pub error: Option<String>,
    /// How the answer begins.
    pub answer: Option<String>,
    /// After how many seconds the receiver wants to be asked again.
    pub retry_after_s: Option<i64>,
}

/// Tells an organisation of something that the transaction does: writes one delivery for each of its webhooks that wants such
/// events. `data` names what it is about by ids, and holds nothing that its receiver could not read a moment later.
///
/// # Errors
/// `internal` where the database fails.
pub fn tell(tx: &mut Tx, organisation_id: &OrganisationId, event: EventType, data: &impl Serialize) -> Result<()> {
    let mut wanted = Vec::new();
    for webhook in store::of_organisation(tx, organisation_id)? {
        if webhook.wants(event)? {
            wanted.push(webhook.id);
        }
    }
    // Where nobody acts for the organisation any more, nobody may read what would be told.
    if wanted.is_empty() || accounts::steps::buyers_of(tx, organisation_id)?.is_empty() {
        return Ok(());
    }
    let event_id = EventId::new(tx.now(), tx.entropy());
    for id in wanted {
        deliver(tx, &id, &event_id, event, data)?;
    }
    Ok(())
}

/// Writes a delivery of an event to one webhook.
pub(super) fn deliver(
    tx: &mut Tx,
    id: &WebhookId,
    event_id: &EventId,
    event: EventType,
    data: &impl Serialize,
) -> Result<Delivery> {
    let now = tx.now();
    let delivery = Delivery {
        id: DeliveryId::new(now, tx.entropy()),
        webhook_id: id.clone(),
        event_id: event_id.clone(),
        event,
        body: serde_json::to_string(&Payload { event, timestamp: now, data })?,
        state: DeliveryState::Waiting,
        tries: 0,
        round_tries: 0,
        due_at: now,
        created_at: now,
        finished_at: None,
    };
    store::insert_delivery(tx, &delivery)?;
    Ok(delivery)
}

/// A webhook, unless it was deleted.
///
/// # Errors
/// `internal` where the database fails.
pub fn find(db: &mut Db, id: &WebhookId) -> Result<Option<Webhook>> {
    store::find(db, id)
}

/// Takes what is due, one delivery of each webhook, for as long as the lease lasts: so an address that is slow, or to which
/// much is told, takes no more of the work than any other.
///
/// # Errors
/// `internal` where the database fails.
pub fn claim(tx: &mut Tx, most: i64, lease_s: i64) -> Result<Vec<Errand>> {
    let (now, mut errands) = (tx.now(), Vec::new());
    let until = now.plus_s(lease_s);
    for webhook in store::due(tx, now, most)? {
        if let Some(delivery) = store::next_due(tx, &webhook.id, now)?
            && store::take(tx, &webhook, until)?
        {
            errands.push(Errand { webhook, delivery, until });
        }
    }
    Ok(errands)
}

/// Notes what has come of a try, and lets the next delivery go to the same webhook. What has failed is tried again later, and
/// set aside after the last try; a receiver that is gone is not sent to any more. The organisation is told by mail, once until
/// a delivery has arrived again.
///
/// # Errors
/// `internal` where the database fails.
pub fn note(tx: &mut Tx, errand: &Errand, tried: &Tried) -> Result<()> {
    let (webhook_id, now) = (&errand.webhook.id, tx.now());
    store::free(tx, webhook_id, errand.until, now)?;
    // Both may have been deleted while it was under way.
    let Some(mut delivery) = store::delivery(tx, &errand.delivery.id)? else { return Ok(()) };
    let Some(webhook) = store::find(tx, webhook_id)? else { return Ok(()) };
    delivery.tries += 1;
    let status = tried.status.map(i32::from);
    store::insert_attempt(
        tx,
        &Attempt {
            delivery_id: delivery.id.clone(),
            number: delivery.tries,
            attempted_at: tried.at,
            took_ms: tried.took_ms,
            status,
            error: tried.error.clone(),
            answer: tried.answer.clone(),
        },
    )?;
    // Where the lease had run out, another server may have been quicker, and what has arrived has arrived.
    if delivery.state == DeliveryState::Waiting {
        delivery.round_tries += 1;
        judge(tx, &mut delivery, tried);
    }
    store::set_delivery(tx, &delivery)?;
    if tried.error.is_none() {
        return store::set_warned(tx, webhook_id, None);
    }
    if status == Some(GONE) {
        store::pause(
            tx,
            webhook_id,
            "It answered 410 Gone, by which a receiver says that it wants nothing more.",
            now,
        )?;
    }
    if delivery.state == DeliveryState::Dead && webhook.warned_at.is_none() {
        store::set_warned(tx, webhook_id, Some(now))?;
        outbox::push(tx, "webhook.failing", &json!({"webhook_id": webhook_id}))?;
    }
    Ok(())
}

/// What becomes of a delivery by a try.
fn judge(tx: &Tx, delivery: &mut Delivery, tried: &Tried) {
    let now = tx.now();
    let [chance] = tx.entropy().bytes();
    let is_gone = tried.status.map(i32::from) == Some(GONE);
    let pause_s = pause_s(delivery.round_tries, tried.retry_after_s, chance).filter(|_| !is_gone);
    (delivery.state, delivery.finished_at) = match (&tried.error, pause_s) {
        (None, _) => (DeliveryState::Delivered, Some(now)),
        (Some(_), Some(_)) => (DeliveryState::Waiting, None),
        (Some(_), None) => (DeliveryState::Dead, Some(now)),
    };
    delivery.due_at = now.plus_s(pause_s.unwrap_or(0));
}

/// Forgets some of the deliveries that were written before an instant, whatever has become of them; says how many.
///
/// # Errors
/// `internal` where the database fails.
pub fn prune(tx: &mut Tx, before: UtcTime, most: usize) -> Result<usize> {
    store::prune(tx, before, i64::try_from(most).map_err(Error::internal)?)
}
