//! Queries over webhooks, deliveries and their tries.

use super::model::{Attempt, Delivery, DeliveryState, Webhook, WebhookState};
use crate::clock::UtcTime;
use crate::db::Db;
use crate::db::schema::{webhook_attempts, webhook_deliveries, webhooks};
use crate::error::Result;
use crate::ids::{DeliveryId, OrganisationId, WebhookId};
use diesel::dsl::exists;
use diesel::prelude::*;

pub fn find(db: &mut Db, id: &WebhookId) -> Result<Option<Webhook>> {
    Ok(webhooks::table.find(id).select(Webhook::as_select()).first(db).optional()?)
}

/// All of an organisation's, by id.
pub fn of_organisation(db: &mut Db, organisation_id: &OrganisationId) -> Result<Vec<Webhook>> {
    let own = webhooks::table.filter(webhooks::organisation_id.eq(organisation_id)).order(webhooks::id);
    Ok(own.select(Webhook::as_select()).load(db)?)
}

/// An organisation's, newest first.
pub fn list(db: &mut Db, of: &OrganisationId, after: Option<&str>, limit: i64) -> Result<Vec<Webhook>> {
    let own = webhooks::table.filter(webhooks::organisation_id.eq(of)).order(webhooks::id.desc()).limit(limit);
    let mut query = own.select(Webhook::as_select()).into_boxed();
    if let Some(after) = after {
        query = query.filter(webhooks::id.lt(after.to_owned()));
    }
    Ok(query.load(db)?)
}

pub fn insert(db: &mut Db, webhook: &Webhook) -> Result<()> {
    diesel::insert_into(webhooks::table).values(webhook).execute(db)?;
    Ok(())
}

/// Changes what its organisation may change.
pub fn change(db: &mut Db, to: &Webhook) -> Result<()> {
    diesel::update(webhooks::table.find(&to.id))
        .set((
            webhooks::url.eq(&to.url),
            webhooks::description.eq(&to.description),
            webhooks::events_json.eq(&to.events_json),
            webhooks::state.eq(to.state),
            webhooks::paused_reason.eq(&to.paused_reason),
            webhooks::updated_at.eq(to.updated_at),
        ))
        .execute(db)?;
    Ok(())
}

/// Sets the secret that is good from now on, and until when the one before is good as well.
pub fn set_secret(db: &mut Db, id: &WebhookId, new: &[u8], old: Option<(&[u8], UtcTime)>, now: UtcTime) -> Result<()> {
    let (old, until) = old.unzip();
    diesel::update(webhooks::table.find(id))
        .set((
            webhooks::sealed_secret.eq(new),
            webhooks::old_sealed_secret.eq(old),
            webhooks::old_secret_until.eq(until),
            webhooks::updated_at.eq(now),
        ))
        .execute(db)?;
    Ok(())
}

/// Removes a webhook with all that was to be delivered to it.
pub fn remove(db: &mut Db, id: &WebhookId) -> Result<()> {
    let own = webhook_deliveries::table.filter(webhook_deliveries::webhook_id.eq(id)).select(webhook_deliveries::id);
    diesel::delete(webhook_attempts::table.filter(webhook_attempts::delivery_id.eq_any(own))).execute(db)?;
    diesel::delete(webhook_deliveries::table.filter(webhook_deliveries::webhook_id.eq(id))).execute(db)?;
    diesel::delete(webhooks::table.find(id)).execute(db)?;
    Ok(())
}

/// Notes when an organisation was told that deliveries to a webhook fail, or that this is over.
pub fn set_warned(db: &mut Db, id: &WebhookId, at: Option<UtcTime>) -> Result<()> {
    diesel::update(webhooks::table.find(id)).set(webhooks::warned_at.eq(at)).execute(db)?;
    Ok(())
}

/// Pauses a webhook, for a reason that is not its organisation's.
pub fn pause(db: &mut Db, id: &WebhookId, reason: &str, now: UtcTime) -> Result<()> {
    let paused = (webhooks::state.eq(WebhookState::Paused), webhooks::paused_reason.eq(reason));
    diesel::update(webhooks::table.find(id)).set((paused, webhooks::updated_at.eq(now))).execute(db)?;
    Ok(())
}

/// Webhooks to which something is due and that nobody is sending to, those first that were served the longest ago.
pub fn due(db: &mut Db, now: UtcTime, most: i64) -> Result<Vec<Webhook>> {
    let is_due = webhook_deliveries::table
        .filter(webhook_deliveries::webhook_id.eq(webhooks::id))
        .filter(webhook_deliveries::state.eq(DeliveryState::Waiting).and(webhook_deliveries::due_at.le(now)));
    Ok(webhooks::table
        .filter(webhooks::state.eq(WebhookState::Active).and(webhooks::busy_until.le(now)))
        .filter(exists(is_due))
        .order((webhooks::busy_until, webhooks::id))
        .limit(most)
        .select(Webhook::as_select())
        .load(db)?)
}

/// What has been due to a webhook for the longest time.
pub fn next_due(db: &mut Db, id: &WebhookId, now: UtcTime) -> Result<Option<Delivery>> {
    Ok(webhook_deliveries::table
        .filter(webhook_deliveries::webhook_id.eq(id))
        .filter(webhook_deliveries::state.eq(DeliveryState::Waiting).and(webhook_deliveries::due_at.le(now)))
        .order((webhook_deliveries::due_at, webhook_deliveries::id))
        .select(Delivery::as_select())
        .first(db)
        .optional()?)
}

/// Takes a webhook until an instant. `false` where somebody has taken it meanwhile.
pub fn take(db: &mut Db, webhook: &Webhook, until: UtcTime) -> Result<bool> {
    let free = webhooks::table.filter(webhooks::id.eq(&webhook.id).and(webhooks::busy_until.eq(webhook.busy_until)));
    Ok(diesel::update(free).set(webhooks::busy_until.eq(until)).execute(db)? == 1)
}

/// Lets others take a webhook that was taken until an instant.
pub fn free(db: &mut Db, id: &WebhookId, taken_until: UtcTime, now: UtcTime) -> Result<()> {
    let taken = webhooks::table.filter(webhooks::id.eq(id).and(webhooks::busy_until.eq(taken_until)));
    diesel::update(taken).set(webhooks::busy_until.eq(now)).execute(db)?;
    Ok(())
}

pub fn insert_delivery(db: &mut Db, delivery: &Delivery) -> Result<()> {
    diesel::insert_into(webhook_deliveries::table).values(delivery).execute(db)?;
    Ok(())
}

pub fn delivery(db: &mut Db, id: &DeliveryId) -> Result<Option<Delivery>> {
    Ok(webhook_deliveries::table.find(id).select(Delivery::as_select()).first(db).optional()?)
}

/// A webhook's deliveries, newest first, in one state or in any.
pub fn deliveries(
    db: &mut Db,
    of: &WebhookId,
    state: Option<DeliveryState>,
    after: Option<&str>,
    limit: i64,
) -> Result<Vec<Delivery>> {
    let own = webhook_deliveries::table.filter(webhook_deliveries::webhook_id.eq(of));
    let mut query = own.select(Delivery::as_select()).order(webhook_deliveries::id.desc()).limit(limit).into_boxed();
    if let Some(state) = state {
        query = query.filter(webhook_deliveries::state.eq(state));
    }
    if let Some(after) = after {
        query = query.filter(webhook_deliveries::id.lt(after.to_owned()));
    }
    Ok(query.load(db)?)
}

/// Notes what has become of a delivery, and when it is tried again.
pub fn set_delivery(db: &mut Db, to: &Delivery) -> Result<()> {
    diesel::update(webhook_deliveries::table.find(&to.id))
        .set((
            webhook_deliveries::state.eq(to.state),
            webhook_deliveries::tries.eq(to.tries),
            webhook_deliveries::round_tries.eq(to.round_tries),
            webhook_deliveries::due_at.eq(to.due_at),
            webhook_deliveries::finished_at.eq(to.finished_at),
        ))
        .execute(db)?;
    Ok(())
}

/// Has a webhook's dead deliveries sent again that were written at an instant or later; says how many.
pub fn revive(db: &mut Db, id: &WebhookId, since: UtcTime, now: UtcTime) -> Result<usize> {
    let dead = webhook_deliveries::table
        .filter(webhook_deliveries::webhook_id.eq(id).and(webhook_deliveries::state.eq(DeliveryState::Dead)))
        .filter(webhook_deliveries::created_at.ge(since));
    Ok(diesel::update(dead)
        .set((
            webhook_deliveries::state.eq(DeliveryState::Waiting),
            webhook_deliveries::round_tries.eq(0),
            webhook_deliveries::due_at.eq(now),
            webhook_deliveries::finished_at.eq(None::<UtcTime>),
        ))
        .execute(db)?)
}

pub fn insert_attempt(db: &mut Db, attempt: &Attempt) -> Result<()> {
    diesel::insert_into(webhook_attempts::table).values(attempt).execute(db)?;
    Ok(())
}

/// The tries of a delivery, in their order.
pub fn attempts(db: &mut Db, id: &DeliveryId) -> Result<Vec<Attempt>> {
    let own = webhook_attempts::table.filter(webhook_attempts::delivery_id.eq(id)).order(webhook_attempts::number);
    Ok(own.select(Attempt::as_select()).load(db)?)
}

/// Forgets some of the deliveries that were written before an instant; says how many.
pub fn prune(db: &mut Db, before: UtcTime, most: i64) -> Result<usize> {
    let old = webhook_deliveries::table.filter(webhook_deliveries::created_at.lt(before)).limit(most);
    let old: Vec<DeliveryId> = old.select(webhook_deliveries::id).load(db)?;
    diesel::delete(webhook_attempts::table.filter(webhook_attempts::delivery_id.eq_any(&old))).execute(db)?;
    Ok(diesel::delete(webhook_deliveries::table.filter(webhook_deliveries::id.eq_any(&old))).execute(db)?)
}
