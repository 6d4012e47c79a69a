//! What buyers do with their organisation's webhooks.

use super::destination;
use super::events::EventType;
use super::model::{Attempt, Delivery, DeliveryState, Webhook, WebhookState};
use super::signature::Secret;
use super::views::{ChangeWebhook, NewWebhook};
use super::{steps, store};
use crate::accounts::caller::Buyer;
use crate::clock::UtcTime;
use crate::context::Context;
use crate::db::{Db, Tx};
use crate::error::{Error, Result};
use crate::ids::{DeliveryId, EventId, WebhookId};
use crate::page::Window;
use crate::{accounts, text};
use serde_json::json;

/// Webhooks that an organisation may have.
const WEBHOOKS_MAX: usize = 10;
/// Longest description, in characters.
const DESCRIPTION_MAX: usize = 200;
/// How long an old secret is good beside a new one, if nobody says.
const OVERLAP_S: i64 = 86_400;
/// The longest that it may be.
const OVERLAP_S_MAX: i64 = 7 * 86_400;

/// Registers a webhook. Its secret is shown once.
///
/// # Errors
/// `email-not-verified`, `buyer-not-approved`; `invalid` for an address that is not to be sent to; `conflict` where the
/// organisation has too many.
pub async fn register(ctx: &Context, buyer: &Buyer, new: NewWebhook) -> Result<(Webhook, Secret)> {
    let url = destination::read(&new.url, ctx.config.webhooks.allow_private)?.to_string();
    let (events_json, description) = (wanted(new.events)?, described(&new.description)?);
    let (buyer, pepper) = (buyer.clone(), ctx.pepper.clone());
    ctx.db
        .write(move |tx| {
            accounts::steps::approved_buyer(tx, &buyer)?;
            if store::of_organisation(tx, &buyer.organisation_id)?.len() >= WEBHOOKS_MAX {
                let detail = format!("An organisation has {WEBHOOKS_MAX} webhooks at most; delete one first.");
                return Err(Error::conflict(detail));
            }
            let now = tx.now();
            let (id, secret) = (WebhookId::new(now, tx.entropy()), Secret::new(tx.entropy()));
            let webhook = Webhook {
                sealed_secret: secret.sealed(&pepper, &id, tx.entropy())?,
                id,
                organisation_id: buyer.organisation_id.clone(),
                url: url.clone(),
                description: description.clone(),
                events_json: events_json.clone(),
                state: WebhookState::Active,
                paused_reason: None,
                old_sealed_secret: None,
                old_secret_until: None,
                busy_until: now,
                warned_at: None,
                created_at: now,
                updated_at: now,
            };
            store::insert(tx, &webhook)?;
            Ok((webhook, secret))
        })
        .await
}

/// The organisation's webhooks, newest first.
///
/// # Errors
/// `internal` where the database fails.
pub async fn list(ctx: &Context, buyer: &Buyer, window: &Window) -> Result<Vec<Webhook>> {
    let (organisation_id, window) = (buyer.organisation_id.clone(), window.clone());
    ctx.db.read(move |db| store::list(db, &organisation_id, window.after.as_deref(), window.fetch())).await
}

/// One webhook.
///
/// # Errors
/// `not-found` for one of another organisation.
pub async fn read(ctx: &Context, buyer: &Buyer, id: WebhookId) -> Result<Webhook> {
    let buyer = buyer.clone();
    ctx.db.read(move |db| own(db, &buyer, &id)).await
}

/// Changes a webhook; what is not said stays. Made active again it is sent what has waited.
///
/// # Errors
/// `not-found`; else as registering.
pub async fn change(ctx: &Context, buyer: &Buyer, id: WebhookId, change: ChangeWebhook) -> Result<Webhook> {
    let url = change.url.map(|url| destination::read(&url, ctx.config.webhooks.allow_private)).transpose()?;
    let events_json = change.events.map(wanted).transpose()?;
    let description = change.description.as_deref().map(described).transpose()?;
    let buyer = buyer.clone();
    ctx.db
        .write(move |tx| {
            let mut webhook = own(tx, &buyer, &id)?;
            accounts::steps::approved_buyer(tx, &buyer)?;
            webhook.url = url.as_ref().map_or(webhook.url, ToString::to_string);
            webhook.events_json = events_json.clone().unwrap_or(webhook.events_json);
            webhook.description = description.clone().unwrap_or(webhook.description);
            if let Some(state) = change.state.filter(|state| *state != webhook.state) {
                (webhook.state, webhook.paused_reason) = (state, None);
            }
            webhook.updated_at = tx.now();
            store::change(tx, &webhook)?;
            Ok(webhook)
        })
        .await
}

/// Deletes a webhook, with whatever was to be delivered to it.
///
/// # Errors
/// `not-found` for one of another organisation.
pub async fn delete(ctx: &Context, buyer: &Buyer, id: WebhookId) -> Result<()> {
    let buyer = buyer.clone();
    ctx.db
        .write(move |tx| {
            own(tx, &buyer, &id)?;
            store::remove(tx, &id)
        })
        .await
}

/// Gives a webhook a new secret, shown once. The one before is good for a while longer: until then deliveries carry the
/// signatures of both. With no overlap every one before it ends at once.
///
/// # Errors
/// `not-found`, `invalid` for an overlap out of bounds; `conflict` while an older one is good, which a third would cut short.
pub async fn renew_secret(
    ctx: &Context,
    buyer: &Buyer,
    id: WebhookId,
    overlap_s: Option<i64>,
) -> Result<(Webhook, Secret)> {
    let overlap_s = overlap_s.unwrap_or(OVERLAP_S);
    if !(0..=OVERLAP_S_MAX).contains(&overlap_s) {
        return Err(Error::invalid(format!("overlap_s is 0 to {OVERLAP_S_MAX}, a week.")));
    }
    let (buyer, pepper) = (buyer.clone(), ctx.pepper.clone());
    ctx.db
        .write(move |tx| {
            let webhook = own(tx, &buyer, &id)?;
            let (secret, now) = (Secret::new(tx.entropy()), tx.now());
            if let Some(until) = webhook.old_secret_until.filter(|until| *until > now && overlap_s > 0) {
                return Err(Error::conflict(format!(
                    "The secret before this one is good until {until}, and there are never three. Ask again then; or with \
                     \"overlap_s\": 0, which ends both at once."
                )));
            }
            let sealed = secret.sealed(&pepper, &id, tx.entropy())?;
            let old = (overlap_s > 0).then(|| (&webhook.sealed_secret[..], now.plus_s(overlap_s)));
            store::set_secret(tx, &id, &sealed, old, now)?;
            Ok((own(tx, &buyer, &id)?, secret))
        })
        .await
}

/// Sends a webhook a test, whatever events it wants.
///
/// # Errors
/// `not-found`; `conflict` where it is paused.
pub async fn test(ctx: &Context, buyer: &Buyer, id: WebhookId) -> Result<Delivery> {
    let buyer = buyer.clone();
    ctx.db
        .write(move |tx| {
            active(tx, &buyer, &id)?;
            let event_id = EventId::new(tx.now(), tx.entropy());
            let data = json!({"webhook_id": id, "href": format!("/v1/webhooks/{id}")});
            steps::deliver(tx, &id, &event_id, EventType::WebhookPing, &data)
        })
        .await
}

/// What was and is to be delivered to a webhook, newest first, in one state or in any.
///
/// # Errors
/// `not-found` for a webhook of another organisation.
pub async fn deliveries(
    ctx: &Context,
    buyer: &Buyer,
    id: WebhookId,
    state: Option<DeliveryState>,
    window: &Window,
) -> Result<Vec<Delivery>> {
    let (buyer, window) = (buyer.clone(), window.clone());
    ctx.db
        .read(move |db| {
            own(db, &buyer, &id)?;
            store::deliveries(db, &id, state, window.after.as_deref(), window.fetch())
        })
        .await
}

/// One delivery with its tries.
///
/// # Errors
/// `not-found` for one to a webhook of another organisation.
pub async fn delivery(ctx: &Context, buyer: &Buyer, id: DeliveryId) -> Result<(Delivery, Vec<Attempt>)> {
    let buyer = buyer.clone();
    ctx.db
        .read(move |db| {
            let delivery = own_delivery(db, &buyer, &id)?;
            let attempts = store::attempts(db, &id)?;
            Ok((delivery, attempts))
        })
        .await
}

/// Sends a delivery once more, now, with as many tries as a new one: under the same `webhook-id`, so that whoever has it
/// already sees that.
///
/// # Errors
/// `not-found`; `conflict` where its webhook is paused.
pub async fn replay(ctx: &Context, buyer: &Buyer, id: DeliveryId) -> Result<(Delivery, Vec<Attempt>)> {
    let buyer = buyer.clone();
    ctx.db
        .write(move |tx| {
            let mut delivery = own_delivery(tx, &buyer, &id)?;
            active(tx, &buyer, &delivery.webhook_id)?;
            (delivery.state, delivery.round_tries) = (DeliveryState::Waiting, 0);
            (delivery.due_at, delivery.finished_at) = (tx.now(), None);
            store::set_delivery(tx, &delivery)?;
            let attempts = store::attempts(tx, &id)?;
            Ok((delivery, attempts))
        })
        .await
}

/// Sends everything once more that was set aside of what was told since an instant; says how many deliveries that are.
///
/// # Errors
/// `not-found`; `conflict` where the webhook is paused.
pub async fn replay_dead(ctx: &Context, buyer: &Buyer, id: WebhookId, since: UtcTime) -> Result<usize> {
    let buyer = buyer.clone();
    ctx.db
        .write(move |tx| {
            active(tx, &buyer, &id)?;
            let now = tx.now();
            store::revive(tx, &id, since, now)
        })
        .await
}

fn own(db: &mut Db, buyer: &Buyer, id: &WebhookId) -> Result<Webhook> {
    let found = store::find(db, id)?.filter(|webhook| webhook.organisation_id == buyer.organisation_id);
    found.ok_or_else(|| Error::not_found("webhook"))
}

/// One that is sent to, of an organisation that may have it sent to.
fn active(tx: &mut Tx, buyer: &Buyer, id: &WebhookId) -> Result<()> {
    let webhook = own(tx, buyer, id)?;
    accounts::steps::approved_buyer(tx, buyer)?;
    match webhook.state {
        WebhookState::Active => Ok(()),
        WebhookState::Paused => Err(Error::conflict("The webhook is paused; make it active first.")),
    }
}

fn own_delivery(db: &mut Db, buyer: &Buyer, id: &DeliveryId) -> Result<Delivery> {
    let missing = || Error::not_found("delivery");
    let delivery = store::delivery(db, id)?.ok_or_else(missing)?;
    own(db, buyer, &delivery.webhook_id).map_err(|_| missing())?;
    Ok(delivery)
}

/// The wanted types as they are kept: each once, in the order of the table.
fn wanted(mut events: Vec<EventType>) -> Result<String> {
    events.sort();
    events.dedup();
    Ok(serde_json::to_string(&events)?)
}

fn described(description: &str) -> Result<String> {
    let description = description.trim();
    if description.chars().count() > DESCRIPTION_MAX || !text::is_plain_line(description) {
        return Err(Error::invalid(format!("description is one line of {DESCRIPTION_MAX} characters at most.")));
    }
    Ok(description.to_owned())
}
