//! Deliveries of webhooks: what becomes of those that fail, lead elsewhere or are cut off.

use crate::common::Backend;
use crate::common::house::copy;
use crate::common::market::{id, items};
use crate::common::receiver::{Received, Receiver};
use crate::crash;
use crate::webhooks::{DAY_S, Desk};
use diesel::prelude::*;
use refrain::clock::{Clock, Entropy, UtcTime};
use refrain::config::Config;
use refrain::context::Context;
use refrain::db::schema::webhook_deliveries;
use refrain::notify::webhooks::Courier;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

crate::on_both_databases!(
    what_fails_is_tried_again_set_aside_and_replayed,
    a_receiver_may_ask_for_time_and_say_that_it_is_gone,
    a_new_secret_and_the_old_one_overlap,
    a_redirect_leads_nowhere,
    what_leads_within_is_refused_when_it_is_sent,
    what_was_taken_and_not_noted_is_sent_again_under_the_same_id,
    deliveries_are_kept_for_a_month,
);

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
    desk.buyer.post(&path, &json!({"overlap_s": 60})).problem(409, "conflict");
    assert_eq!(signed_by(&[&second, &third]), [1, 1], "what was promised to the old one is kept");
    let fourth = secret(&desk.buyer.post(&path, &json!({"overlap_s": 0})).ok());
    assert_eq!(signed_by(&[&second, &third, &fourth]), [0, 0, 1], "secrets that are known to others go at once");
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
    let at = |clock: Clock| {
        let config = Config { data_dir: directory.path().to_owned(), ..Config::clone(&desk.app.ctx.config) };
        Context::open(config, clock, Entropy::system()).unwrap()
    };
    let now = Clock::system().now();
    // A server has the real time, by which what the test's clock has made lies months back and is cleared away.
    desk.app
        .block_on(at(Clock::system()).db.write(move |tx| {
            let times = (webhook_deliveries::created_at.eq(now), webhook_deliveries::due_at.eq(now));
            Ok(diesel::update(webhook_deliveries::table).set(times).execute(&mut **tx)?)
        }))
        .unwrap();
    // Long enough for the kill to come first on a busy machine, and less than a server waits.
    receiver.answers_after(Duration::from_secs(12));
    let mut server = crash::serve(directory.path());
    receiver.wait_for(1);
    server.kill();
    receiver.answers_after(Duration::ZERO);
    let ctx = at(Clock::standing_at(now.plus_s(120)));
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
