//! Webhooks: who may have them, what they are told, how it is signed, and what becomes of what does not arrive.

use crate::common::http::Caller;
use crate::common::market::{Market, id, items, lasting_sessions};
use crate::common::receiver::{Received, Receiver};
use crate::common::{Backend, TestApp};
use refrain::config::Config;
use serde_json::{Value, json};
use std::collections::BTreeSet;

pub const DAY_S: i64 = 86_400;

crate::on_both_databases!(
    a_delivery_is_signed_and_can_be_verified,
    a_whole_sale_is_told_and_nothing_that_could_not_be_read,
    what_goes_wrong_is_told_too,
    a_deadline_that_moves_is_told_once,
    only_what_is_wanted_is_told,
);

/// A server that may send to this machine, and keeps everybody logged in.
pub fn open(config: &mut Config) {
    lasting_sessions(config);
    config.webhooks.allow_private = true;
}

fn market(backend: Backend, members: u64) -> Market {
    Market::within(TestApp::start_with(backend, open), members, &json!({}))
}

/// A server with one buyer.
pub struct Desk {
    pub app: TestApp,
    pub buyer: Caller,
}

impl Desk {
    pub fn new(backend: Backend) -> Self {
        let app = TestApp::start_with(backend, open);
        let buyer = app.buyer("northwind");
        Desk { app, buyer }
    }

    pub fn register(&self, receiver: &Receiver) -> Value {
        self.buyer.post("/v1/webhooks", &json!({"url": receiver.url()})).ok()
    }

    /// Asks for a ping, and returns the delivery.
    pub fn ping(&self, webhook: &Value) -> Value {
        let answer = self.buyer.post(&format!("/v1/webhooks/{}/test", id(webhook)), &json!({}));
        assert_eq!(answer.status, 202, "{}", answer.text());
        answer.json()
    }

    pub fn delivery(&self, delivery: &Value) -> Value {
        self.buyer.get(&format!("/v1/deliveries/{}", id(delivery))).ok()
    }

    pub fn deliveries(&self, webhook: &Value, filter: &str) -> Vec<Value> {
        items(&self.buyer.get(&format!("/v1/webhooks/{}/deliveries{filter}", id(webhook))).ok())
    }

    pub fn mails_about_failures(&self) -> usize {
        self.app.mails().iter().filter(|mail| mail.contains("does not take what is sent to it")).count()
    }
}

#[test]
fn webhooks_are_for_approved_buyers_and_lead_outside() {
    let app = TestApp::start_with(Backend::Sqlite, lasting_sessions);
    let new = json!({"url": "https://hooks.example.org/refrain?key=1"});
    let (unverified, _) = app.new_buyer("unverified");
    unverified.post("/v1/webhooks", &new).problem(403, "email-not-verified");
    app.verify_email("buyer@unverified.example");
    unverified.post("/v1/webhooks", &new).problem(403, "buyer-not-approved");
    let buyer = app.buyer("northwind");
    for url in [
        "http://hooks.example.org/",
        "https://u:p@hooks.example.org/",
        "https://127.0.0.1/",
        "https://localhost/",
        "https://[::1]/",
        "https://169.254.169.254/latest/meta-data",
        "https://10.1.2.3/",
        "https://[::ffff:192.168.0.1]/",
        "https://0x7f000001/",
        "ftp://hooks.example.org/",
        "hooks.example.org",
    ] {
        let problem = buyer.post("/v1/webhooks", &json!({"url": url})).problem(422, "invalid");
        assert!(problem["detail"].as_str().unwrap().starts_with("url "), "{problem}");
    }
    for (changed, code) in [
        (json!({"events": ["offer.won"]}), 422),
        (json!({"description": "two\nlines"}), 422),
        (json!({"secret": "whsec_mine"}), 400),
        (json!({"state": "paused"}), 400),
    ] {
        let mut body = new.clone();
        body.as_object_mut().unwrap().extend(changed.as_object().unwrap().clone());
        assert_eq!(buyer.post("/v1/webhooks", &body).status, code, "{body}");
    }
    let made = buyer.post("/v1/webhooks", &new);
    assert_eq!(made.header("location"), Some(format!("/v1/webhooks/{}", id(&made.ok())).as_str()));
    let path = format!("/v1/webhooks/{}", id(&made.ok()));
    assert!(made.ok()["secret"].as_str().unwrap().starts_with("whsec_"));
    for shown in [buyer.get(&path).text(), buyer.get("/v1/webhooks").text()] {
        assert!(shown.contains("hooks.example.org") && !shown.contains("whsec_"), "{shown}");
    }
    for change in [json!({"url": "https://10.0.0.1/"}), json!({"url": "http://hooks.example.org/"})] {
        buyer.json("PATCH", &path, &[], &change).problem(422, "invalid");
    }
    let changed = buyer.json("PATCH", &path, &[], &json!({"events": ["offer.lapsed", "offer.placed", "offer.placed"]}));
    assert_eq!(changed.ok()["events"], json!(["offer.placed", "offer.lapsed"]));
    assert_eq!(changed.ok()["url"], new["url"], "what is not said stays");
    for _ in 1..10 {
        buyer.post("/v1/webhooks", &new).ok();
    }
    buyer.post("/v1/webhooks", &new).problem(409, "conflict");
    assert_eq!(buyer.delete(&path).status, 204);
    buyer.get(&path).problem(404, "not-found");
    buyer.post("/v1/webhooks", &new).ok();
}

fn a_delivery_is_signed_and_can_be_verified(backend: Backend) {
    let (desk, receiver) = (Desk::new(backend), Receiver::open());
    let webhook = desk.register(&receiver);
    assert!(!desk.app.keeps(webhook["secret"].as_str().unwrap().trim_start_matches("whsec_").as_bytes()));
    let sent = desk.ping(&webhook);
    assert_eq!((&sent["state"], &sent["tries"]), (&json!("waiting"), &json!(0)));
    receiver.answers("200 OK", "thank\0 you");
    desk.app.run_jobs();
    let got = receiver.take();
    assert_eq!(got.len(), 1, "{got:?}");
    let (got, secret) = (&got[0], webhook["secret"].as_str().unwrap());
    assert_eq!(got.request, "POST /hook HTTP/1.1");
    assert_eq!(got.header("content-type"), Some("application/json"));
    assert_eq!((got.signatures().len(), got.signatures_by(secret)), (1, 1));
    let other = desk.register(&receiver)["secret"].as_str().unwrap().to_owned();
    assert_eq!(got.signatures_by(&other), 0);
    let spoiled = Received { body: [&got.body[..], b" "].concat(), ..got.clone() };
    assert_eq!(spoiled.signatures_by(secret), 0);
    let now = desk.app.ctx.clock.now();
    assert_eq!(got.header("webhook-timestamp"), Some(now.unix_s().to_string().as_str()));
    let expected = json!({
        "type": "webhook.ping", "timestamp": now,
        "data": {"webhook_id": webhook["id"], "href": format!("/v1/webhooks/{}", id(&webhook))}
    });
    assert_eq!(got.json(), expected);
    let delivery = desk.delivery(&sent);
    assert_eq!((&delivery["state"], &delivery["tries"]), (&json!("delivered"), &json!(1)));
    assert_eq!(delivery["event_id"], got.id());
    assert_eq!(delivery["body"].as_str().unwrap().as_bytes(), got.body);
    let attempt = &delivery["attempts"][0];
    assert_eq!((&attempt["status"], &attempt["answer"]), (&json!(200), &json!("thank you")), "{attempt}");
    assert!(attempt.get("error").is_none());
}

/// What is told leads to where its receiver can read it, and tells nothing of ballots and people.
fn expect_readable(buyer: &Caller, told: &Value) {
    let href = told["data"]["href"].as_str().unwrap_or_else(|| panic!("no href: {told}"));
    let read = buyer.get(href).ok();
    assert!(href.ends_with(read["id"].as_str().unwrap()), "{href}: {read}");
    let text = told.to_string();
    assert!(told["data"]["vote_id"].is_null() || read["vote"]["id"] == told["data"]["vote_id"], "{read}");
    for sealed in ["\"yes\"", "\"no\"", "\"abstain\"", "example.org", "acct_"] {
        assert!(!text.contains(sealed), "{sealed} in {text}");
    }
}

fn a_whole_sale_is_told_and_nothing_that_could_not_be_read(backend: Backend) {
    let market = market(backend, 2);
    let (receiver, strangers) = (Receiver::open(), Receiver::open());
    let stranger = market.app.buyer("stranger");
    stranger.post("/v1/webhooks", &json!({"url": strangers.url()})).ok();
    market.buyer.post("/v1/webhooks", &json!({"url": receiver.url()})).ok();
    let sold = market.sell(50_000);
    let told: Vec<Value> = receiver.take().iter().map(Received::json).collect();
    let mut types: Vec<&str> = told.iter().map(|told| told["type"].as_str().unwrap()).collect();
    types.sort_unstable();
    let expected = [
        "edition.published",
        "invoice.issued",
        "invoice.paid",
        "licence.active",
        "licence.preparing",
        "offer.accepted",
        "offer.placed",
        "vote.closed",
        "vote.opened",
    ];
    assert_eq!(types, expected);
    told.iter().for_each(|told| expect_readable(&market.buyer, told));
    let of = |event: &str| told.iter().find(|told| told["type"] == event).unwrap()["data"].clone();
    let states =
        ["offer.accepted", "vote.closed", "invoice.paid", "licence.active"].map(|event| of(event)["state"].clone());
    assert_eq!(states, ["accepted", "accepted", "settled", "active"].map(Value::from));
    assert_eq!(of("vote.closed")["turnout"], 2);
    assert_eq!(of("invoice.issued")["total"], sold.purchase["total"]);
    assert_eq!(of("licence.active")["licence_id"], sold.licence["id"]);
    assert_eq!(of("edition.published")["edition_id"], sold.licence["edition_id"]);
    assert!(strangers.take().is_empty(), "what happens to others is not told");
    let path = format!("/v1/licences/{}/revoke", id(&sold.licence));
    market.operator.post(&path, &json!({"ground": "breach of these terms that is not mended within the notice", "reason": "Rows were published."})).ok();
    market.app.run_jobs();
    market.app.advance_days(31);
    let after: Vec<Value> = receiver.take().iter().map(Received::json).collect();
    let types: BTreeSet<&str> = after.iter().map(|told| told["type"].as_str().unwrap()).collect();
    assert_eq!(types, BTreeSet::from(["licence.under_notice", "licence.revoked"]));
    after.iter().for_each(|told| expect_readable(&market.buyer, told));
}

fn what_goes_wrong_is_told_too(backend: Backend) {
    let market = market(backend, 2);
    let receiver = Receiver::open();
    market.buyer.post("/v1/webhooks", &json!({"url": receiver.url()})).ok();
    let told = |expected: &[&str]| {
        market.app.run_jobs();
        let mut types: Vec<String> = receiver.take().iter().map(Received::event).collect();
        types.sort_unstable();
        assert_eq!(types, expected);
    };
    let withdrawn = market.place(50_000);
    market.buyer.post(&format!("/v1/offers/{withdrawn}/withdraw"), &json!({})).ok();
    told(&["offer.placed", "offer.withdrawn", "vote.closed", "vote.opened"]);
    let called_off = market.place(50_000);
    let answer_by = market.app.ctx.clock.now().plus_days(1);
    let asks = json!({"terms": {"period_days": 7}, "message": "Shorter.", "answer_by": answer_by});
    market.operator.post_once(&format!("/v1/offers/{called_off}/counter"), &market.key(), &asks).ok();
    market.operator.post(&format!("/v1/offers/{called_off}/void"), &json!({"reason": "A mistake."})).ok();
    told(&["offer.countered", "offer.placed", "offer.void", "vote.closed", "vote.opened"]);
    market.place(50_000);
    market.close_votes();
    told(&["offer.placed", "offer.rejected", "vote.closed", "vote.opened"]);
    let unpaid = market.place(50_000);
    market.accept(&unpaid);
    market.app.advance_days(15);
    told(&[
        "invoice.issued",
        "invoice.lapsed",
        "offer.accepted",
        "offer.lapsed",
        "offer.placed",
        "vote.closed",
        "vote.opened",
    ]);
}

fn a_deadline_that_moves_is_told_once(backend: Backend) {
    let rules = crate::common::market::rules(&json!({"quorum_bp": 5_000, "late_quorum_s": DAY_S}));
    let market = Market::within(TestApp::start_with(backend, open), 2, &json!({"pool": {"rules": rules}}));
    let receiver = Receiver::open();
    let wanted = json!({"url": receiver.url(), "events": ["vote.extended"]});
    market.buyer.post("/v1/webhooks", &wanted).ok();
    let vote_id = market.vote_id(&market.place(50_000));
    market.app.advance_s(3 * DAY_S - 3_600);
    for member in [0, 1] {
        market.cast(member, &vote_id, "yes").ok();
        market.app.run_jobs();
    }
    let told: Vec<Value> = receiver.take().iter().map(Received::json).collect();
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!((&told[0]["data"]["vote_id"], &told[0]["data"]["turnout"]), (&json!(vote_id), &json!(1)));
    assert_eq!(told[0]["data"]["closes_at"], market.vote(&vote_id)["closes_at"]);
    expect_readable(&market.buyer, &told[0]);
}

fn only_what_is_wanted_is_told(backend: Backend) {
    let market = market(backend, 1);
    let [few, all] = [Receiver::open(), Receiver::open()];
    let wanted = json!({"url": few.url(), "events": ["offer.withdrawn"]});
    let webhook = market.buyer.post("/v1/webhooks", &wanted).ok();
    let other = market.buyer.post("/v1/webhooks", &json!({"url": all.url()})).ok();
    let offer_id = market.place(50_000);
    market.buyer.post(&format!("/v1/offers/{offer_id}/withdraw"), &json!({})).ok();
    market.app.run_jobs();
    let [few_got, all_got] = [few.take(), all.take()];
    assert_eq!(few_got.iter().map(Received::event).collect::<Vec<_>>(), ["offer.withdrawn"]);
    let same = all_got.iter().find(|got| got.event() == "offer.withdrawn").unwrap();
    assert_eq!(same.id(), few_got[0].id(), "an event has one id, wherever it is told");
    assert_ne!(same.header("webhook-signature"), few_got[0].header("webhook-signature"));
    market.buyer.post(&format!("/v1/webhooks/{}/test", id(&webhook)), &json!({})).ok();
    let paused = json!({"state": "paused"});
    market.buyer.json("PATCH", &format!("/v1/webhooks/{}", id(&other)), &[], &paused).ok();
    market.buyer.post(&format!("/v1/webhooks/{}/test", id(&other)), &json!({})).problem(409, "conflict");
    market.place(50_000);
    assert_eq!(few.take().iter().map(Received::event).collect::<Vec<_>>(), ["webhook.ping"]);
    assert!(all.take().is_empty());
    market.buyer.json("PATCH", &format!("/v1/webhooks/{}", id(&other)), &[], &json!({"state": "active"})).ok();
    market.app.run_jobs();
    assert_eq!(all.take().len(), 2, "what was told meanwhile has waited");
    assert_eq!(market.buyer.delete(&format!("/v1/webhooks/{}", id(&other))).status, 204);
    market.place(50_000);
    assert!(all.take().is_empty());
}

#[test]
fn every_type_is_listed_with_a_sentence() {
    let listed = TestApp::start(Backend::Sqlite).anyone().get("/v1/webhook-events").ok();
    let listed = items(&listed);
    let types: BTreeSet<&str> = listed.iter().map(|one| one["type"].as_str().unwrap()).collect();
    for event in ["offer.placed", "vote.extended", "invoice.refunded", "licence.expired", "edition.published"] {
        assert!(types.contains(event), "{event} in {types:?}");
    }
    assert!(listed.iter().all(|one| one["about"].as_str().unwrap().len() > 20));
}
