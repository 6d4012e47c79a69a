//! What a webhook is, what is delivered to it, and when a delivery is tried again.

use super::events::EventType;
use super::signature::Secret;
use crate::clock::UtcTime;
use crate::db::schema::{webhook_attempts, webhook_deliveries, webhooks};
use crate::error::Result;
use crate::ids::{DeliveryId, EventId, OrganisationId, WebhookId};
use crate::secrets::Pepper;
use crate::text_enum;
use diesel::prelude::{Insertable, Queryable, Selectable};
use serde::Serialize;

/// Seconds until a delivery is tried again, after each try of a round; after the last it is set aside.
const PAUSES_S: [i64; 7] = [5, 30, 2 * 60, 10 * 60, 3_600, 6 * 3_600, DAY_S];
/// The longest pause that a receiver may ask for.
const RETRY_AFTER_S_MAX: i64 = DAY_S;
const DAY_S: i64 = 86_400;

text_enum! {
    /// Whether a webhook is sent to.
    pub enum WebhookState {
        /// It is.
        Active = "active",
        /// What is to be told waits until it is active again.
        Paused = "paused",
    }
}

text_enum! {
    /// What has become of a delivery.
    pub enum DeliveryState {
        /// To be sent, at its time.
        Waiting = "waiting",
        /// It was answered with success.
        Delivered = "delivered",
        /// Set aside after too many tries. It can be replayed.
        Dead = "dead",
    }
}

/// Where an organisation wants to be told of what happens.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable, Insertable)]
#[diesel(table_name = webhooks)]
#[allow(missing_docs)] // the columns say it
pub struct Webhook {
    pub id: WebhookId,
    pub organisation_id: OrganisationId,
    pub url: String,
    pub description: String,
    /// The wanted types as a JSON list; an empty one stands for all.
    pub events_json: String,
    pub state: WebhookState,
    /// Why it is paused, unless its organisation wanted so.
    pub paused_reason: Option<String>,
    pub sealed_secret: Vec<u8>,
    pub old_sealed_secret: Option<Vec<u8>>,
    pub old_secret_until: Option<UtcTime>,
    pub busy_until: UtcTime,
    pub warned_at: Option<UtcTime>,
    pub created_at: UtcTime,
    pub updated_at: UtcTime,
}

impl Webhook {
    /// The types that it wants; none stands for all.
    ///
    /// # Errors
    /// `internal` where the row is damaged.
    pub fn events(&self) -> Result<Vec<EventType>> {
        Ok(serde_json::from_str(&self.events_json)?)
    }

    /// Whether it wants to be told of such events.
    ///
    /// # Errors
    /// `internal` where the row is damaged.
    pub fn wants(&self, event: EventType) -> Result<bool> {
        let events = self.events()?;
        Ok(events.is_empty() || events.contains(&event))
    }

    /// What its deliveries are signed with at an instant: the newest secret, and the one before as long as both are good.
    ///
    /// # Errors
    /// `internal` where the server's own secret is another.
    pub fn secrets(&self, pepper: &Pepper, now: UtcTime) -> Result<Vec<Secret>> {
        let old = self.old_sealed_secret.as_ref().filter(|_| self.old_secret_until.is_some_and(|until| now < until));
        let sealed = std::iter::once(&self.sealed_secret).chain(old);
        sealed.map(|sealed| Secret::open(pepper, &self.id, sealed)).collect()
    }
}

/// An event on its way to one webhook.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable, Insertable)]
#[diesel(table_name = webhook_deliveries)]
#[allow(missing_docs)] // the columns say it
pub struct Delivery {
    pub id: DeliveryId,
    pub webhook_id: WebhookId,
    /// The header `webhook-id`: the same for all webhooks that are told of it, and on every try.
    pub event_id: EventId,
    pub event: EventType,
    /// Byte for byte what is sent.
    pub body: String,
    pub state: DeliveryState,
    /// Tries in all.
    pub tries: i32,
    /// Tries since it was written or asked for again.
    pub round_tries: i32,
    pub due_at: UtcTime,
    pub created_at: UtcTime,
    pub finished_at: Option<UtcTime>,
}

/// One try of a delivery.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable, Insertable)]
#[diesel(table_name = webhook_attempts)]
#[allow(missing_docs)] // the columns say it
pub struct Attempt {
    pub delivery_id: DeliveryId,
    pub number: i32,
    pub attempted_at: UtcTime,
    pub took_ms: i64,
    /// The status of the answer, if there was one.
    pub status: Option<i32>,
    /// Why it failed, in words.
    pub error: Option<String>,
    /// How the answer begins.
    pub answer: Option<String>,
}

/// What a receiver gets: Standard Webhooks, "Payload structure".
#[derive(Serialize)]
pub struct Payload<'a, T> {
    /// What has happened.
    #[serde(rename = "type")]
    pub event: EventType,
    /// When it happened.
    pub timestamp: UtcTime,
    /// What it is about.
    pub data: &'a T,
}

/// Seconds until a delivery is tried again after so many tries of a round, `None` after the last. A receiver may ask for more
/// time, up to a day. The `chance`, of 0 to 255, spreads tries that failed together over a fifth more of the time.
pub fn pause_s(round_tries: i32, retry_after_s: Option<i64>, chance: u8) -> Option<i64> {
    let pause_s = *PAUSES_S.get(usize::try_from(round_tries).ok()?.checked_sub(1)?)?;
    let asked_s = retry_after_s.unwrap_or(0).min(RETRY_AFTER_S_MAX);
    let least_s = pause_s.max(asked_s);
    Some(least_s + least_s * i64::from(chance) / (5 * 255))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_and_end() {
        let pauses: Vec<i64> = (1..).map_while(|tries| pause_s(tries, None, 0)).collect();
        assert_eq!(pauses, PAUSES_S);
        assert!(pauses.is_sorted());
        assert!(pauses.iter().sum::<i64>() > DAY_S, "a receiver may be gone for a day");
        assert_eq!([pause_s(8, None, 0), pause_s(0, None, 0), pause_s(-1, None, 0)], [None; 3]);
        assert_eq!(pause_s(1, None, 255), Some(6));
        assert_eq!(pause_s(7, None, 255), Some(DAY_S + DAY_S / 5));
    }

    #[test]
    fn a_receiver_may_ask_for_more_time_within_a_day() {
        assert_eq!(pause_s(1, Some(60), 0), Some(60));
        assert_eq!(pause_s(1, Some(1), 0), Some(5), "not for less");
        assert_eq!(pause_s(1, Some(i64::MAX), 0), Some(DAY_S));
        assert_eq!(pause_s(1, Some(i64::MIN), 0), Some(5));
        assert_eq!(pause_s(8, Some(60), 0), None, "not for more tries");
    }
}
