//! Webhooks: who may have them, what they are told, how it is signed, and what becomes of what does not arrive.

use crate::common::house::copy;
use crate::common::http::Caller;
use crate::common::market::{Market, id, items, lasting_sessions};
use crate::common::receiver::{Received, Receiver};
use crate::common::{Backend, TestApp};
use crate::crash;
use refrain::clock::{Clock, Entropy, UtcTime};
use refrain::config::Config;
use refrain::context::Context;
use refrain::notify::webhooks::Courier;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

const DAY_S: i64 = 86_400;

crate::on_both_databases!(
    a_delivery_is_signed_and_can_be_verified,
    a_whole_sale_is_told_and_nothing_that_could_not_be_read,
    what_goes_wrong_is_told_too,
    a_deadline_that_moves_is_told_once,
    only_what_is_wanted_is_told,
    what_fails_is_tried_again_set_aside_and_replayed,
    a_receiver_may_ask_for_time_and_say_that_it_is_gone,
    a_new_secret_and_the_old_one_overlap,
    a_redirect_leads_nowhere,
    what_leads_within_is_refused_when_it_is_sent,
    what_was_taken_and_not_noted_is_sent_again_under_the_same_id,
    deliveries_are_kept_for_a_month,
);

/// A server that may send to this machine, and keeps everybody logged in.
fn open(config: &mut Config) {
    lasting_sessions(config);
    config.webhooks.allow_private = true;
}

fn market(backend: Backend, members: u64) -> Market {
    Market::within(TestApp::start_with(backend, open), members, &json!({}))
}

/// A server with one buyer.
struct Desk {
    app: TestApp,
    buyer: Caller,
}

impl Desk {
    fn new(backend: Backend) -> Self {
        let app = TestApp::start_with(backend, open);
        let buyer = app.buyer("northwind");
        Desk { app, buyer }
    }

    fn register(&self, receiver: &Receiver) -> Value {
        self.buyer.post("/v1/webhooks", &json!({"url": receiver.url()})).ok()
    }

    /// Asks for a ping, and returns the delivery.
    fn ping(&self, webhook: &Value) -> Value {
        let answer = self.buyer.post(&format!("/v1/webhooks/{}/test", id(webhook)), &json!({}));
        assert_eq!(answer.status, 202, "{}", answer.text());
        answer.json()
    }

    fn delivery(&self, delivery: &Value) -> Value {
        self.buyer.get(&format!("/v1/deliveries/{}", id(delivery))).ok()
    }

    fn deliveries(&self, webhook: &Value, filter: &str) -> Vec<Value> {
        items(&self.buyer.get(&format!("/v1/webhooks/{}/deliveries{filter}", id(webhook))).ok())
    }

    fn mails_about_failures(&self) -> usize {
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

fn what_fails_is_tried_again_set_aside_and_replayed(backend: Backend) {
    let (desk, receiver) = (Desk::new(backend), Receiver::open());
    let webhook = desk.register(&receiver);
    receiver.answers("500 Internal Server Error", "no\u{202E} room");
    let sent = desk.ping(&webhook);
    desk.app.run_jobs();
    let mut pauses = Vec::new();
    loop {
        let delivery = desk.delivery(&sent);
        let tries = delivery["attempts"].as_array().unwrap().len();
        assert_eq!(delivery["tries"], tries);
        let last = &delivery["attempts"][tries - 1];
        assert_eq!((&last["status"], &last["answer"]), (&json!(500), &json!("no room")));
        assert!(last["error"].as_str().unwrap().contains("500 Internal Server Error"), "{last}");
        if delivery["state"] == "dead" {
            break;
        }
        let due_at = UtcTime::parse(delivery["due_at"].as_str().unwrap()).unwrap();
        let pause_s = due_at.unix_s() - desk.app.ctx.clock.now().unix_s();
        assert_eq!(desk.mails_about_failures(), 0);
        desk.app.advance_s(pause_s - 1);
        assert_eq!(receiver.got().len(), tries, "not before its time");
        desk.app.advance_s(1);
        pauses.push(pause_s);
    }
    let least = [5, 30, 120, 600, 3_600, 21_600, DAY_S];
    assert_eq!(pauses.len(), least.len(), "{pauses:?}");
    assert!(pauses.iter().zip(least).all(|(is, least)| (least..=least + least / 5).contains(is)), "{pauses:?}");
    let got = receiver.take();
    assert_eq!(got.iter().map(Received::id).collect::<BTreeSet<_>>().len(), 1, "one id, on every try");
    let times: BTreeSet<&str> = got.iter().filter_map(|got| got.header("webhook-timestamp")).collect();
    assert_eq!(times.len(), got.len(), "each try says when it is");
    assert!(got.iter().all(|got| got.signatures_by(webhook["secret"].as_str().unwrap()) == 1));

    // A second one dies: one mail in all. What is set aside can be replayed, the lot or one by one.
    let second = desk.ping(&webhook);
    desk.app.run_jobs();
    (0..7).for_each(|_| desk.app.advance_days(2));
    assert_eq!(desk.delivery(&second)["state"], "dead");
    assert_eq!(desk.mails_about_failures(), 1, "{:?}", desk.app.mails());
    assert_eq!(desk.deliveries(&webhook, "?state=dead").len(), 2);
    receiver.take();
    receiver.answers("200 OK", "");
    let path = format!("/v1/webhooks/{}/replay", id(&webhook));
    assert_eq!(desk.buyer.post(&path, &json!({"since": second["created_at"]})).ok()["replayed"], 1);
    desk.app.run_jobs();
    let replayed = receiver.take();
    assert_eq!(replayed.iter().map(Received::id).collect::<Vec<_>>(), [second["event_id"].as_str().unwrap()]);
    let again = desk.buyer.post(&format!("/v1/deliveries/{}/replay", id(&sent)), &json!({})).ok();
    assert_eq!(again["state"], "waiting");
    desk.app.run_jobs();
    assert_eq!(receiver.take()[0].id(), got[0].id(), "the same id on a replay");
    let delivery = desk.delivery(&sent);
    assert_eq!((&delivery["state"], &delivery["tries"]), (&json!("delivered"), &json!(9)));
    assert_eq!(desk.deliveries(&webhook, "?state=delivered").len(), 2);
    let page = desk.buyer.get(&format!("/v1/webhooks/{}/deliveries?limit=1", id(&webhook))).ok();
    assert_eq!(id(&items(&page)[0]), id(&second), "newest first");
    assert_eq!(desk.deliveries(&webhook, &format!("?cursor={}", page["next_cursor"].as_str().unwrap())).len(), 1);

    // Something has arrived since, so the next one that dies is told again.
    receiver.answers("503 Service Unavailable", "");
    desk.ping(&webhook);
    desk.app.run_jobs();
    (0..7).for_each(|_| desk.app.advance_days(2));
    assert_eq!(desk.mails_about_failures(), 2);
}

fn a_receiver_may_ask_for_time_and_say_that_it_is_gone(backend: Backend) {
    let (desk, receiver) = (Desk::new(backend), Receiver::open());
    let webhook = desk.register(&receiver);
    receiver.answers("429 Too Many Requests\r\nRetry-After: 300", "");
    let sent = desk.ping(&webhook);
    desk.app.run_jobs();
    desk.app.advance_s(299);
    assert_eq!(receiver.take().len(), 1);
    receiver.answers("410 Gone", "");
    desk.app.advance_s(61);
    assert_eq!(receiver.take().len(), 1);
    let seen = desk.buyer.get(&format!("/v1/webhooks/{}", id(&webhook))).ok();
    assert_eq!(seen["state"], "paused");
    assert!(seen["paused_reason"].as_str().unwrap().contains("410"), "{seen}");
    assert_eq!(desk.delivery(&sent)["state"], "dead");
    assert_eq!(desk.mails_about_failures(), 1);
    let path = format!("/v1/deliveries/{}/replay", id(&sent));
    desk.buyer.post(&path, &json!({})).problem(409, "conflict");
    desk.app.advance_days(1);
    assert!(receiver.take().is_empty(), "it is left alone");
    let active = desk.buyer.json("PATCH", &format!("/v1/webhooks/{}", id(&webhook)), &[], &json!({"state": "active"}));
    assert!(active.ok().get("paused_reason").is_none());
    receiver.answers("204 No Content", "");
    desk.buyer.post(&path, &json!({})).ok();
    desk.app.run_jobs();
    assert_eq!(receiver.take().len(), 1);
}

fn a_new_secret_and_the_old_one_overlap(backend: Backend) {
    let (desk, receiver) = (Desk::new(backend), Receiver::open());
    let webhook = desk.register(&receiver);
    let path = format!("/v1/webhooks/{}/secret", id(&webhook));
    for overlap_s in [-1, 7 * DAY_S + 1] {
        desk.buyer.post(&path, &json!({"overlap_s": overlap_s})).problem(422, "invalid");
    }
    let secret = |answer: &Value| answer["secret"].as_str().unwrap().to_owned();
    let signed_by = |secrets: &[&String]| -> Vec<usize> {
        desk.ping(&webhook);
        desk.app.run_jobs();
        let got = receiver.take();
        assert_eq!(got.len(), 1);
        let by: Vec<usize> = secrets.iter().map(|secret| got[0].signatures_by(secret)).collect();
        assert_eq!(by.iter().sum::<usize>(), got[0].signatures().len());
        by
    };
    let first = secret(&webhook);
    let renewed = desk.buyer.post(&path, &json!({})).ok();
    let second = secret(&renewed);
    let until = desk.app.ctx.clock.now().plus_days(1);
    assert_eq!(renewed["old_secret_until"], json!(until));
    assert_eq!(signed_by(&[&first, &second]), [1, 1]);
    desk.app.advance_s(DAY_S - 1);
    assert_eq!(signed_by(&[&first, &second]), [1, 1]);
    desk.app.advance_s(1);
    assert_eq!(signed_by(&[&first, &second]), [0, 1], "the overlap is over");
    let third = secret(&desk.buyer.post(&path, &json!({"overlap_s": 60})).ok());
    let fourth = secret(&desk.buyer.post(&path, &json!({"overlap_s": 60})).ok());
    assert_eq!(signed_by(&[&second, &third, &fourth]), [0, 1, 1], "of older ones only the last is good");
    let fifth = secret(&desk.buyer.post(&path, &json!({"overlap_s": 0})).ok());
    assert_eq!(signed_by(&[&fourth, &fifth]), [0, 1], "a secret that is known to others goes at once");
}

fn a_redirect_leads_nowhere(backend: Backend) {
    let (desk, receiver, elsewhere) = (Desk::new(backend), Receiver::open(), Receiver::open());
    let webhook = desk.register(&receiver);
    for status in ["301 Moved Permanently", "302 Found", "307 Temporary Redirect", "308 Permanent Redirect"] {
        receiver.answers(&format!("{status}\r\nLocation: {}", elsewhere.url()), "");
        let sent = desk.ping(&webhook);
        desk.app.run_jobs();
        let delivery = desk.delivery(&sent);
        assert_eq!(delivery["state"], "waiting");
        let error = delivery["attempts"][0]["error"].as_str().unwrap();
        assert!(error.contains("redirects are not followed"), "{error}");
    }
    assert!(elsewhere.take().is_empty());
}

fn what_leads_within_is_refused_when_it_is_sent(backend: Backend) {
    let (desk, receiver) = (Desk::new(backend), Receiver::open());
    let port = receiver.url().rsplit(':').next().unwrap().to_owned();
    // Registered where it was allowed; and as a name that leads elsewhere by the time it is sent to.
    let by_number = desk.register(&receiver);
    let by_name = json!({"url": format!("https://localhost.:{port}")});
    let by_name = desk.buyer.post("/v1/webhooks", &by_name).ok();
    let sent = [desk.ping(&by_number), desk.ping(&by_name)];
    let strict = Config { webhooks: Default::default(), ..Config::clone(&desk.app.ctx.config) };
    let strict = Context { config: Arc::new(strict), ..desk.app.ctx.clone() };
    desk.app.block_on(refrain::jobs::run_due(&strict)).unwrap();
    for sent in sent {
        let delivery = desk.delivery(&sent);
        assert_eq!((&delivery["state"], &delivery["tries"]), (&json!("waiting"), &json!(1)), "{delivery}");
        let attempt = &delivery["attempts"][0];
        assert!(attempt.get("status").is_none() && attempt["error"].as_str().is_some(), "{attempt}");
    }
    assert!(receiver.take().is_empty());
}

/// As a server does that is killed after it has sent something, and before it has noted that.
fn what_was_taken_and_not_noted_is_sent_again_under_the_same_id(backend: Backend) {
    let (desk, receiver) = (Desk::new(backend), Receiver::open());
    let webhook = desk.register(&receiver);
    let sent = desk.ping(&webhook);
    receiver.answers_after(Duration::from_secs(2));
    desk.app.block_on(async {
        let mut courier = Courier::new(&desk.app.ctx);
        assert_eq!(courier.set_out().await.unwrap(), 1);
        while receiver.got().is_empty() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    });
    receiver.answers_after(Duration::ZERO);
    desk.app.run_jobs();
    assert_eq!(receiver.got().len(), 1, "another server leaves it alone for as long as the lease lasts");
    assert_eq!(desk.delivery(&sent)["tries"], 0);
    desk.app.advance_s(61);
    let got = receiver.take();
    assert_eq!(got.len(), 2);
    assert_eq!((got[0].id(), &got[0].body), (got[1].id(), &got[1].body));
    assert_eq!(desk.delivery(&sent)["state"], "delivered");
}

#[test]
fn a_killed_server_has_another_send_it_again_under_the_same_id() {
    let (desk, receiver) = (Desk::new(Backend::Sqlite), Receiver::open());
    let webhook = desk.register(&receiver);
    let sent = desk.ping(&webhook);
    let directory = tempfile::tempdir().unwrap();
    copy(&desk.app.ctx.config.data_dir, directory.path());
    receiver.answers_after(Duration::from_secs(5));
    let mut server = crash::serve(directory.path());
    receiver.wait_for(1);
    server.kill();
    receiver.answers_after(Duration::ZERO);
    let config = Config { data_dir: directory.path().to_owned(), ..Config::clone(&desk.app.ctx.config) };
    let clock = Clock::standing_at(Clock::system().now().plus_s(120));
    let ctx = Context::open(config, clock, Entropy::system()).unwrap();
    desk.app.block_on(refrain::jobs::run_due(&ctx)).unwrap();
    let got = receiver.take();
    assert_eq!(got.len(), 2);
    assert_eq!((got[0].id(), &got[0].body), (got[1].id(), &got[1].body));
    assert_eq!(got[0].id(), sent["event_id"].as_str().unwrap());
}

/// The lane as a server runs it, beside a receiver that never answers in time.
#[test]
fn a_receiver_that_does_not_answer_holds_up_no_other() {
    let desk = Desk::new(Backend::Sqlite);
    let [slow, quick] = [Receiver::open(), Receiver::open()];
    let (to_slow, to_quick) = (desk.register(&slow), desk.register(&quick));
    slow.answers_after(Duration::from_secs(17));
    let stuck: Vec<Value> = (0..3).map(|_| desk.ping(&to_slow)).collect();
    (0..20).for_each(|_| drop(desk.ping(&to_quick)));
    let began = Instant::now();
    desk.app.block_on(async {
        let mut courier = Courier::new(&desk.app.ctx);
        while quick.got().len() < 20 {
            courier.set_out().await.unwrap();
            courier.one_is_back().await;
        }
        assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
        assert_eq!(slow.got().len(), 1, "one at a time");
        courier.all_are_back().await;
    });
    let tried: Vec<Value> = stuck.iter().map(|sent| desk.delivery(sent)).filter(|seen| seen["tries"] == 1).collect();
    assert_eq!(tried.len(), 1);
    let attempt = &tried[0]["attempts"][0];
    assert_eq!(attempt["error"], "There was no answer within 15 seconds.");
    assert!((15_000..17_000).contains(&attempt["took_ms"].as_i64().unwrap()), "{attempt}");
}

/// Its answer has no end, and is not waited for: the status says that it was taken.
#[test]
fn of_an_answer_only_the_beginning_is_read() {
    let (desk, receiver) = (Desk::new(Backend::Sqlite), Receiver::open());
    let webhook = desk.register(&receiver);
    receiver.answers("200 OK", &"a".repeat(1 << 20));
    let sent = desk.ping(&webhook);
    desk.app.run_jobs();
    let delivery = desk.delivery(&sent);
    assert_eq!(delivery["state"], "delivered");
    assert_eq!(delivery["attempts"][0]["answer"], "a".repeat(500));
    drop(receiver);
    let sent = desk.ping(&webhook);
    desk.app.run_jobs();
    let error = desk.delivery(&sent)["attempts"][0]["error"].as_str().unwrap().to_owned();
    assert!(error.starts_with("No connection could be made: "), "{error}");
}

fn deliveries_are_kept_for_a_month(backend: Backend) {
    let (desk, receiver) = (Desk::new(backend), Receiver::open());
    let webhook = desk.register(&receiver);
    desk.ping(&webhook);
    desk.app.run_jobs();
    desk.app.advance_days(20);
    desk.ping(&webhook);
    let path = format!("/v1/webhooks/{}", id(&webhook));
    desk.buyer.json("PATCH", &path, &[], &json!({"state": "paused"})).ok();
    for (days, left) in [(10, 2), (1, 1), (20, 0)] {
        desk.app.advance_days(days);
        desk.app.block_on(refrain::upkeep::sweep(&desk.app.ctx)).unwrap();
        assert_eq!(desk.deliveries(&webhook, "").len(), left, "{days} days later");
    }
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
