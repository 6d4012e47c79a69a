//! The part of the list that is about webhooks.

use crate::error::Code::*;
use crate::page::PageQuery;
use crate::routes::operation::{Access::*, Operation, delete, get, patch, post};
use crate::webhooks::routes as webhooks;

/// Webhooks, and what was sent to them.
pub fn about_webhooks() -> Vec<Operation> {
    vec![
        get("/v1/webhook-events", Anyone, webhooks::events)
            .summary("What webhooks can be told")
            .description(
                "What is sent is `{\"type\", \"timestamp\", \"data\"}`. `data` names by their ids what it is about, with state, amounts \
                 and times, and in `href` the path where to read more; a member that does not apply is null or missing.",
            )
            .answers::<webhooks::EventTypesView>(200, "Every type, with a sentence on it."),
        get("/v1/webhooks", Buyer, webhooks::list)
            .summary("List the organisation's webhooks")
            .query::<PageQuery>()
            .answers_page::<webhooks::WebhookView>("A page of webhooks, newest first."),
        post("/v1/webhooks", Buyer, webhooks::register)
            .summary("Register a webhook: be told of what happens by a signed request")
            .description(
                "Deliveries follow the Standard Webhooks specification (headers `webhook-id`, `webhook-timestamp`, \
                 `webhook-signature`), come at least once and in no promised order; any 2xx within 15 seconds takes one. What is not \
                 taken is tried 8 times over more than a day, and then set aside for a replay. 410 pauses the webhook. \
                 Redirects are not followed.",
            )
            .takes::<webhooks::NewWebhook>()
            .answers::<webhooks::WebhookWithSecret>(201, "The webhook with its secret, which is shown this once.")
            .located()
            .errors(&[EmailNotVerified, BuyerNotApproved, Conflict]),
        get("/v1/webhooks/{id}", Buyer, webhooks::read)
            .summary("One webhook")
            .answers::<webhooks::WebhookView>(200, "The webhook."),
        patch("/v1/webhooks/{id}", Buyer, webhooks::change)
            .summary("Change a webhook: its address, its events; pause it, or make it active again")
            .takes::<webhooks::ChangeWebhook>()
            .answers::<webhooks::WebhookView>(200, "The webhook.")
            .errors(&[EmailNotVerified, BuyerNotApproved]),
        delete("/v1/webhooks/{id}", Buyer, webhooks::delete)
            .summary("Delete a webhook, with what was to be sent to it")
            .answers_nothing(204, "It is gone."),
        post("/v1/webhooks/{id}/secret", Buyer, webhooks::renew_secret)
            .summary("Give a webhook a new secret; the old one is good for a while longer")
            .description(
                "Until `old_secret_until` deliveries carry the signatures of both. A third is refused as long; with `overlap_s` 0 every \
                 older one ends at once.",
            )
            .errors(&[Conflict])
            .takes::<webhooks::RenewSecret>()
            .answers::<webhooks::WebhookWithSecret>(200, "The webhook with its new secret, which is shown this once."),
        post("/v1/webhooks/{id}/test", Buyer, webhooks::test)
            .summary("Send a webhook a `webhook.ping`")
            .answers::<webhooks::DeliverySummary>(202, "The delivery, which is on its way.")
            .errors(&[EmailNotVerified, BuyerNotApproved, Conflict]),
        get("/v1/webhooks/{id}/deliveries", Buyer, webhooks::deliveries)
            .summary("What was and is to be sent to a webhook, of the last month")
            .query::<PageQuery>()
            .query::<webhooks::DeliveryFilter>()
            .answers_page::<webhooks::DeliverySummary>("A page of deliveries, newest first."),
        post("/v1/webhooks/{id}/replay", Buyer, webhooks::replay_dead)
            .summary("Send again what was set aside")
            .takes::<webhooks::ReplayDead>()
            .answers::<webhooks::Replayed>(200, "How many deliveries are sent again.")
            .errors(&[EmailNotVerified, BuyerNotApproved, Conflict]),
        get("/v1/deliveries/{id}", Buyer, webhooks::delivery)
            .summary("One delivery: what is sent, and what came of each try")
            .answers::<webhooks::DeliveryView>(200, "The delivery."),
        post("/v1/deliveries/{id}/replay", Buyer, webhooks::replay)
            .summary("Send a delivery again, now, under the same `webhook-id`")
            .answers::<webhooks::DeliveryView>(200, "The delivery, which waits to be sent.")
            .errors(&[EmailNotVerified, BuyerNotApproved, Conflict]),
    ]
}
