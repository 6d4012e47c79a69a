//! Webhooks and deliveries as the API takes and shows them.

use super::events::EventType;
use super::model::{Attempt, Delivery, DeliveryState, Webhook, WebhookState};
use super::signature::Secret;
use crate::clock::UtcTime;
use crate::error::Result;
use crate::ids::{DeliveryId, EventId, WebhookId};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// Registers a webhook.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "url": "https://hooks.northwind.example/refrain", "events": ["offer.accepted", "licence.active"],
    "description": "Tells our data platform when files are ready."
}))]
pub struct NewWebhook {
    /// Where to send to: `https`, on the public network, without name, password and `#`.
    #[schema(max_length = 2000, pattern = "^https://")]
    pub url: String,
    /// What to tell, as `/v1/webhook-events` lists it; nothing for everything, that of later versions included.
    #[serde(default)]
    pub events: Vec<EventType>,
    /// What it is for, in one line.
    #[serde(default)]
    #[schema(max_length = 200)]
    pub description: String,
}

/// Changes a webhook. What is left out stays as it is.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"state": "active", "events": []}))]
pub struct ChangeWebhook {
    /// Where to send to.
    #[serde(default)]
    #[schema(max_length = 2000, pattern = "^https://")]
    pub url: Option<String>,
    /// What to tell; an empty list for everything.
    #[serde(default)]
    pub events: Option<Vec<EventType>>,
    /// What it is for, in one line.
    #[serde(default)]
    #[schema(max_length = 200)]
    pub description: Option<String>,
    /// `paused` keeps everything until it is `active` again, for a month at most.
    #[serde(default)]
    pub state: Option<WebhookState>,
}

/// Renews a secret.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"overlap_s": 86_400}))]
pub struct RenewSecret {
    /// For how many seconds deliveries are signed with the old secret as well: 0 to 604,800, a day if not said.
    #[serde(default)]
    #[schema(minimum = 0, maximum = 604_800)]
    pub overlap_s: Option<i64>,
}

/// Sends everything again that was set aside.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"since": "2026-01-31T00:00:00Z"}))]
pub struct ReplayDead {
    /// What was told at this instant or later.
    pub since: UtcTime,
}

/// What is sent again.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(example = json!({"replayed": 3}))]
pub struct Replayed {
    /// How many deliveries.
    pub replayed: usize,
}

/// A webhook.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(example = json!({
    "id": "webhook_01jd2k8m0wfv9s3x6q4r7t5y2z", "url": "https://hooks.northwind.example/refrain",
    "events": ["offer.accepted", "licence.active"], "description": "Tells our data platform when files are ready.",
    "state": "active", "created_at": "2026-01-31T12:00:00Z", "updated_at": "2026-01-31T12:00:00Z"
}))]
pub struct WebhookView {
    /// Its id.
    pub id: WebhookId,
    /// Where it is sent to.
    pub url: String,
    /// What is told; nothing stands for everything.
    pub events: Vec<EventType>,
    /// What it is for.
    pub description: String,
    /// Whether it is sent to.
    pub state: WebhookState,
    /// Why it is paused, unless its organisation wanted so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub paused_reason: Option<String>,
    /// Until when deliveries are signed with the secret before the newest, too.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub old_secret_until: Option<UtcTime>,
    /// When it was registered.
    pub created_at: UtcTime,
    /// When it was changed last.
    pub updated_at: UtcTime,
}

/// A webhook with its new secret.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct WebhookWithSecret {
    /// The webhook.
    #[serde(flatten)]
    pub webhook: WebhookView,
    /// What its deliveries are signed with: `whsec_` and the base64 of the key. It is shown this once.
    #[schema(example = "whsec_dGhpcnR5LXR3byBieXRlcyBvZiBhIHRlc3Qga2V5Li4=")]
    pub secret: String,
}

/// A delivery in a list.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(example = json!({
    "id": "delivery_01jd2k8m0wfv9s3x6q4r7t5y2z", "webhook_id": "webhook_01jd2k8m0wfv9s3x6q4r7t5y2z",
    "event_id": "event_01jd2k8m0wfv9s3x6q4r7t5y2z", "event": "offer.accepted", "state": "waiting", "tries": 1,
    "due_at": "2026-01-31T12:00:05Z", "created_at": "2026-01-31T12:00:00Z"
}))]
pub struct DeliverySummary {
    /// Its id.
    pub id: DeliveryId,
    /// The webhook.
    pub webhook_id: WebhookId,
    /// The event: what the header `webhook-id` says, on every try and replay.
    pub event_id: EventId,
    /// What is told.
    pub event: EventType,
    /// What has become of it.
    pub state: DeliveryState,
    /// How often it was tried.
    pub tries: i32,
    /// When it is tried next, while it waits.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub due_at: Option<UtcTime>,
    /// When it happened.
    pub created_at: UtcTime,
    /// When it arrived, or was set aside.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub finished_at: Option<UtcTime>,
}

/// A delivery with its tries.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct DeliveryView {
    /// The delivery.
    #[serde(flatten)]
    pub summary: DeliverySummary,
    /// What is sent, byte for byte.
    #[schema(example = "{\"type\":\"offer.accepted\",\"timestamp\":\"2026-01-31T12:00:00Z\",\"data\":{}}")]
    pub body: String,
    /// Its tries, the first one first.
    pub attempts: Vec<AttemptView>,
}

/// A try.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(example = json!({
    "attempted_at": "2026-01-31T12:00:00Z", "took_ms": 112, "status": 503, "error": "It answered 503 Service Unavailable.",
    "answer": "Back soon."
}))]
pub struct AttemptView {
    /// When it began.
    pub attempted_at: UtcTime,
    /// How long it took, in milliseconds.
    pub took_ms: i64,
    /// The status of the answer, if there was one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<i32>,
    /// Why it failed; missing where it arrived.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// How the answer begins, if it has a body.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub answer: Option<String>,
}

/// What can be told.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(example = json!({"items": [{"type": "offer.accepted", "about": "The members have accepted the offer."}]}))]
pub struct EventTypesView {
    /// Every type.
    pub items: Vec<EventTypeView>,
}

/// A type of events.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(example = json!({"type": "offer.accepted", "about": "The members have accepted the offer."}))]
pub struct EventTypeView {
    /// Its name: `type` in what is sent.
    #[serde(rename = "type")]
    pub event: EventType,
    /// What has happened, in a sentence.
    pub about: &'static str,
}

/// Which deliveries a list shows.
#[derive(Debug, Clone, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct DeliveryFilter {
    /// Only deliveries in this state.
    pub state: Option<DeliveryState>,
}

impl WebhookView {
    /// A webhook as its organisation is shown it.
    ///
    /// # Errors
    /// `internal` for a damaged row.
    pub fn of(webhook: Webhook) -> Result<Self> {
        Ok(WebhookView {
            events: webhook.events()?,
            id: webhook.id,
            url: webhook.url,
            description: webhook.description,
            state: webhook.state,
            paused_reason: webhook.paused_reason,
            old_secret_until: webhook.old_secret_until,
            created_at: webhook.created_at,
            updated_at: webhook.updated_at,
        })
    }
}

impl WebhookWithSecret {
    /// The same with a secret, for the one answer that shows it.
    ///
    /// # Errors
    /// As [`WebhookView::of`].
    pub fn of((webhook, secret): (Webhook, Secret)) -> Result<Self> {
        Ok(WebhookWithSecret { webhook: WebhookView::of(webhook)?, secret: secret.text() })
    }
}

impl From<Delivery> for DeliverySummary {
    fn from(delivery: Delivery) -> Self {
        DeliverySummary {
            due_at: (delivery.state == DeliveryState::Waiting).then_some(delivery.due_at),
            id: delivery.id,
            webhook_id: delivery.webhook_id,
            event_id: delivery.event_id,
            event: delivery.event,
            state: delivery.state,
            tries: delivery.tries,
            created_at: delivery.created_at,
            finished_at: delivery.finished_at,
        }
    }
}

impl From<(Delivery, Vec<Attempt>)> for DeliveryView {
    fn from((delivery, attempts): (Delivery, Vec<Attempt>)) -> Self {
        let view = |Attempt { attempted_at, took_ms, status, error, answer, .. }: Attempt| AttemptView {
            attempted_at,
            took_ms,
            status,
            error,
            answer,
        };
        DeliveryView {
            body: delivery.body.clone(),
            summary: delivery.into(),
            attempts: attempts.into_iter().map(view).collect(),
        }
    }
}
