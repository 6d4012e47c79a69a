//! The whole path of one sale over HTTP, once on each database: what the README tells.

use crate::common::actors::offer;
use crate::common::http::Caller;
use crate::common::{Backend, TestApp};
use aws_lc_rs::digest;
use base64::Engine;
use refrain::config::Config;
use serde_json::{Value, json};

const LISTENERS: u64 = 40;
const PRICE_MINOR: i64 = 1_000_003;

crate::on_both_databases!(one_offer_from_the_first_listener_to_the_last_cent);

fn one_offer_from_the_first_listener_to_the_last_cent(backend: Backend) {
    one_sale(backend, |_| {});
}

/// The whole path, with some settings changed.
pub fn one_sale(backend: Backend, change: impl FnOnce(&mut Config)) {
    let app = TestApp::start_with(backend, |config| {
        // Days go by before the draw, which therefore reads plays that were merged into shards.
        config.storage.compact_after_s = 60;
        change(config);
    });
    let pool_id = app.pool("The pool");
    for index in 0..LISTENERS {
        app.listener(&pool_id, index);
    }
    let dataset_id = app.dataset(&pool_id);
    app.advance_days(5);
    let buyer = app.buyer("northwind");

    browse(&app, &dataset_id);
    let offer_id = place(&app, &buyer, &dataset_id);
    vote(&app, &buyer, &offer_id);
    let purchase = pay(&app, &offer_id);
    let licence = draw(&app, &purchase);
    download(&app, &licence);
    share_out(&app, &purchase);
    everybody_was_told(&app);
}

fn browse(app: &TestApp, dataset_id: &str) {
    let found = app.anyone().get("/v1/datasets?q=artist").ok();
    assert_eq!(found["items"][0]["id"], dataset_id);
    let dataset = app.anyone().get(&format!("/v1/datasets/{dataset_id}")).ok();
    assert!(
        dataset["preview"].is_null() || dataset["preview"]["rows"].as_array().is_none_or(Vec::is_empty),
        "{dataset}"
    );
    for file in ["twin.csv", "twin.parquet"] {
        let twin = app.anyone().get(&format!("/v1/datasets/{dataset_id}/{file}"));
        assert_eq!(twin.status, 200);
        assert!(!twin.bytes.is_empty());
    }
}

fn place(app: &TestApp, buyer: &Caller, dataset_id: &str) -> String {
    let placed = buyer.post_once("/v1/offers", "one", &offer(dataset_id, PRICE_MINOR));
    assert_eq!(placed.status, 201, "{}", placed.text());
    let again = buyer.post_once("/v1/offers", "one", &offer(dataset_id, PRICE_MINOR));
    assert_eq!(again.bytes, placed.bytes, "the same request has the same answer");
    buyer.post_once("/v1/offers", "one", &offer(dataset_id, PRICE_MINOR + 1)).problem(422, "idempotency-key-reused");
    let id = placed.json()["id"].as_str().unwrap().to_owned();
    let terms = buyer.get(&format!("/v1/offers/{id}/terms"));
    let hash = hex::encode(digest::digest(&digest::SHA256, &terms.bytes));
    assert_eq!(placed.json()["terms_hash"], hash);
    app.run_jobs();
    id
}

fn vote(app: &TestApp, buyer: &Caller, offer_id: &str) {
    let offer = buyer.get(&format!("/v1/offers/{offer_id}")).ok();
    assert_eq!(offer["state"], "voting", "{offer}");
    assert_eq!(offer["vote"]["electors"], LISTENERS);
    for index in 0..LISTENERS {
        let member = app.log_in(&format!("listener{index}@example.org"));
        let votes = member.get("/v1/votes").ok();
        let path = format!("/v1/votes/{}/ballot", votes["items"][0]["id"].as_str().unwrap());
        let choice = if index % 4 == 0 { "no" } else { "yes" };
        assert_eq!(member.put(&path, &json!({"choice": choice})).ok()["choice"], choice);
    }
    let offer = buyer.get(&format!("/v1/offers/{offer_id}")).ok();
    assert_eq!(offer["vote"]["turnout"], LISTENERS);
    assert!(offer["vote"]["yes"].is_null(), "the split is sealed until the close");
    app.advance_days(3);
    let decided = app.log_in("buyer@northwind.example").get(&format!("/v1/offers/{offer_id}")).ok();
    assert_eq!(decided["state"], "accepted", "{decided}");
}

fn pay(app: &TestApp, offer_id: &str) -> Value {
    let buyer = app.log_in("buyer@northwind.example");
    let purchase = buyer.get("/v1/purchases").ok()["items"][0].clone();
    assert_eq!(purchase["offer_id"], offer_id);
    assert_eq!(purchase["total"], json!({"amount": PRICE_MINOR, "currency": "USD"}));
    let invoice = format!("/v1/purchases/{}/invoice", purchase["id"].as_str().unwrap());
    for (form, word) in [("text/html", "<html"), ("text/plain", "10,000.03"), ("application/json", "\"number\"")] {
        let answer = buyer.get_with(&invoice, &[("accept", form)]);
        assert_eq!(answer.status, 200);
        assert!(answer.text().contains(word), "{form}: {}", answer.text());
    }
    let settlement = format!("/v1/purchases/{}/settle", purchase["id"].as_str().unwrap());
    let operator = app.operator();
    let short = json!({"amount": {"amount": PRICE_MINOR - 1, "currency": "USD"}, "payment_reference": "too little"});
    assert!(operator.post_once(&settlement, "short", &short).status >= 400);
    let payment = json!({"amount": {"amount": PRICE_MINOR, "currency": "USD"}, "payment_reference": "bank 1"});
    let settled = operator.post_once(&settlement, "paid", &payment);
    assert!((200..300).contains(&settled.status), "{}", settled.text());
    purchase
}

fn draw(app: &TestApp, purchase: &Value) -> Value {
    let buyer = app.log_in("buyer@northwind.example");
    let preparing = buyer.get("/v1/licences").ok()["items"][0].clone();
    assert_eq!(preparing["state"], "preparing", "{preparing}");
    let files = format!("/v1/licences/{}/files", preparing["id"].as_str().unwrap());
    buyer.get(&files).problem(409, "licence-preparing");
    app.run_jobs();
    let licence = buyer.get("/v1/licences").ok()["items"][0].clone();
    assert_eq!(licence["state"], "active", "{licence}");
    assert_eq!(licence["purchase_id"], purchase["id"]);
    licence
}

fn download(app: &TestApp, licence: &Value) {
    let buyer = app.log_in("buyer@northwind.example");
    let base = format!("/v1/licences/{}/files", licence["id"].as_str().unwrap());
    let files = buyer.get(&base).ok()["items"].as_array().unwrap().clone();
    assert!(files.len() >= 2, "{files:?}");
    for file in &files {
        let path = format!("{base}/{}", file["name"].as_str().unwrap());
        let whole = buyer.get(&path);
        let sum = digest::digest(&digest::SHA256, &whole.bytes);
        assert_eq!(file["sha256"], hex::encode(sum.as_ref()));
        let header = format!("sha-256=:{}:", base64::engine::general_purpose::STANDARD.encode(sum.as_ref()));
        assert_eq!(whole.header("repr-digest"), Some(header.as_str()));
        let part = buyer.get_with(&path, &[("range", "bytes=2-5")]);
        assert_eq!((part.status, &part.bytes[..]), (206, &whole.bytes[2..6]));
        assert_eq!(part.header("repr-digest"), Some(header.as_str()));
    }
    let stranger = app.buyer("stranger");
    stranger.get(&base).problem(404, "not-found");
}

fn share_out(app: &TestApp, purchase: &Value) {
    app.run_jobs();
    let path = format!("/v1/purchases/{}/payouts", purchase["id"].as_str().unwrap());
    let payouts = app.operator().get(&path).ok();
    assert_eq!(payouts["members"], LISTENERS, "{payouts}");
    let amount = |name: &str| payouts[name]["amount"].as_i64().unwrap();
    assert_eq!(amount("paid_out") + amount("fee"), PRICE_MINOR);
    let mut shares = 0;
    for index in 0..LISTENERS {
        let member = app.log_in(&format!("listener{index}@example.org"));
        shares += member.get("/v1/payouts").ok()["items"][0]["share"]["amount"].as_i64().unwrap();
    }
    assert_eq!(shares, amount("paid_out"));
}

fn everybody_was_told(app: &TestApp) {
    app.run_jobs();
    let mails = app.mails().join("\n");
    for word in ["listener0@example.org", "buyer@northwind.example", "operator@example.org"] {
        assert!(mails.contains(word), "no mail went to {word}");
    }
}
