//! Offers: what is refused and why, what is frozen, and how one ends.

use crate::common::Backend;
use crate::common::http::Caller;
use crate::common::market::{COST_NANO, Market, PAYMENT_DAYS, VOTING_DAYS, id, items, merged, rules, usd};
use aws_lc_rs::digest;
use refrain::clock::UtcTime;
use serde_json::{Value, json};

const PRICE: i64 = 50_000;

fn sha256(bytes: &[u8]) -> String {
    hex::encode(digest::digest(&digest::SHA256, bytes))
}

/// An instant of an answer.
#[track_caller]
fn at(value: &Value) -> UtcTime {
    UtcTime::parse(value.as_str().unwrap_or_else(|| panic!("no instant: {value}"))).unwrap()
}

/// That nothing was placed or set aside.
#[track_caller]
fn expect_nothing_placed(market: &Market) {
    assert_eq!(items(&market.operator.get("/v1/offers").ok()).len(), 0);
    assert_eq!(market.budget(), (0, 0));
}

#[test]
fn a_buyer_who_is_not_verified_or_not_approved_is_told_what_is_missing() {
    let market = Market::open(Backend::Sqlite, 1);
    let (buyer, organisation_id) = market.app.new_buyer("newcomer");
    let ask = || market.send(&buyer, &market.asks(PRICE, &json!({})));
    ask().problem(403, "email-not-verified");
    market.app.verify_email("buyer@newcomer.example");
    let decide = |decision: Value| {
        market.operator.post(&format!("/v1/organisations/{organisation_id}/decisions"), &decision).ok()
    };
    assert!(ask().problem(403, "buyer-not-approved")["detail"].as_str().unwrap().contains("yet to read"));
    decide(json!({"outcome": "return", "reason": "Name the people with access."}));
    let returned = ask().problem(403, "buyer-not-approved");
    assert!(returned["detail"].as_str().unwrap().contains("Name the people with access."), "{returned}");
    let profile = buyer.get("/v1/me").ok()["organisation"]["profile"].clone();
    buyer.put(&format!("/v1/organisations/{organisation_id}"), &profile).ok();
    decide(json!({"outcome": "reject", "reason": "Not a company.", "may_reapply_at": "2027-01-01T00:00:00Z"}));
    let refused = ask().problem(403, "buyer-not-approved");
    assert!(refused["detail"].as_str().unwrap().contains("Not a company."), "{refused}");
    expect_nothing_placed(&market);
}

#[test]
fn what_the_listing_does_not_allow_is_refused_with_what_it_does() {
    let market = Market::open(Backend::Sqlite, 1);
    let ask = |changes: Value| market.send(&market.buyer, &market.asks(PRICE, &changes));
    let purpose = ask(json!({"purpose": "advertising"})).problem(422, "purpose-not-offered");
    assert!(purpose["detail"].as_str().unwrap().contains("market_research"), "{purpose}");
    let low = ask(json!({"price": usd(19_999)})).problem(422, "price-below-floor");
    assert!(low["detail"].as_str().unwrap().contains("USD 200.00"), "{low}");
    let currency = ask(json!({"price": {"amount": PRICE, "currency": "EUR"}})).problem(422, "invalid");
    assert!(currency["detail"].as_str().unwrap().contains("USD"), "{currency}");
    let stock = ask(json!({"edition": "stock"})).problem(409, "conflict");
    assert!(stock["detail"].as_str().unwrap().contains("next"), "{stock}");
    ask(json!({"dataset_id": "dataset_01jd2k8m0wfv9s3x6q4r7t5y2z"})).problem(404, "not-found");
    let recipes = items(&market.operator.get("/v1/recipes").ok());
    let draft = json!({
        "recipe_id": id(&recipes[0]), "title": "A draft", "description": "Not yet listed.", "keywords": [],
        "purposes": ["model_training"], "licence_name": "L", "licence_text": "L", "price_floor": usd(20_000)
    });
    let draft_id = id(&market.operator.post("/v1/datasets", &draft).ok());
    ask(json!({"dataset_id": draft_id})).problem(404, "not-found");
    market.operator.post(&format!("/v1/datasets/{}/unlist", market.dataset_id), &json!({"reason": "Replaced."})).ok();
    ask(json!({})).problem(409, "conflict");
    expect_nothing_placed(&market);
    market.operator.post(&format!("/v1/datasets/{}/publish", market.dataset_id), &json!({})).ok();
    assert_eq!(ask(json!({"price": usd(20_000)})).status, 201, "the floor itself is enough");
}

#[test]
fn the_pools_floor_counts_as_well_once_it_is_the_higher_one() {
    let market = Market::open(Backend::Sqlite, 1);
    let change = json!({"reason": "Members want more.", "price_floor": usd(90_000)});
    market.operator.json("PATCH", &format!("/v1/pools/{}", market.pool_id), &[], &change).ok();
    let ask = |price| market.send(&market.buyer, &market.asks(price, &json!({})));
    let low = ask(89_999).problem(422, "price-below-floor");
    assert!(low["detail"].as_str().unwrap().contains("USD 900.00"), "{low}");
    assert_eq!(ask(90_000).status, 201);
}

#[test]
fn fields_that_do_not_hold_are_refused_by_name() {
    let market = Market::open(Backend::Sqlite, 1);
    let (long, instant) = ("x".repeat(2_001), "2026-03-08T00:00:00Z");
    let invalid = [
        ("period_days", json!(0)),
        ("period_days", json!(-1)),
        ("period_days", json!(3_651)),
        ("field_of_use", json!("")),
        ("field_of_use", json!(" \t ")),
        ("field_of_use", json!(long)),
        ("field_of_use", json!("two\nlines")),
        ("message", json!(long)),
        ("message", json!("a\u{0}b")),
        ("exclusive_until", json!(instant)),
        ("price", usd(0)),
        ("price", usd(-5)),
        ("price", usd(1_000_000_000_001)),
    ];
    for (field, value) in invalid {
        let refused = market.send(&market.buyer, &market.asks(PRICE, &json!({field: value}))).problem(422, "invalid");
        assert!(refused["detail"].as_str().unwrap().contains(field), "{field}: {refused}");
    }
    let no_such_value = [
        ("edition", json!("first")),
        ("redistribution", json!("all")),
        ("models_after_term", json!("sell")),
        ("period_days", json!(1.5)),
        ("period_days", json!("30")),
        ("price", json!(50_000)),
        ("price", json!({"amount": 500.5, "currency": "USD"})),
        ("exclusive_until", json!("next year")),
        ("dataset_id", json!(market.pool_id)),
        ("purpose", json!(null)),
    ];
    for (field, value) in no_such_value {
        market.send(&market.buyer, &market.asks(PRICE, &json!({field: value}))).problem(422, "invalid");
    }
    for field in [
        "dataset_id",
        "edition",
        "price",
        "purpose",
        "field_of_use",
        "period_days",
        "redistribution",
        "models_after_term",
    ] {
        let mut body = market.asks(PRICE, &json!({}));
        body.as_object_mut().unwrap().remove(field);
        let refused = market.send(&market.buyer, &body).problem(422, "invalid");
        assert!(refused["detail"].as_str().unwrap().contains(field), "{field}: {refused}");
    }
    for unknown in [json!({"no_reidentification": false}), json!({"fee": usd(0)}), json!({"state": "accepted"})] {
        market.send(&market.buyer, &market.asks(PRICE, &unknown)).problem(400, "malformed-request");
    }
    let priced =
        merged(market.asks(PRICE, &json!({})), &json!({"price": {"amount": PRICE, "currency": "USD", "tax": 0}}));
    market.send(&market.buyer, &priced).problem(400, "malformed-request");
    expect_nothing_placed(&market);
}

#[test]
fn an_idempotency_key_is_needed_and_stands_for_one_request_of_one_account() {
    let market = Market::open(Backend::Sqlite, 1);
    let body = market.asks(PRICE, &json!({}));
    market.buyer.post("/v1/offers", &body).problem(400, "idempotency-key-missing");
    for odd in ["", "with space", &"k".repeat(256)] {
        market.buyer.post_once("/v1/offers", odd, &body).problem(400, "idempotency-key-missing");
    }
    let refused = market.asks(1, &json!({}));
    market.buyer.post_once("/v1/offers", "k", &refused).problem(422, "price-below-floor");
    let placed = market.buyer.post_once("/v1/offers", "k", &body);
    assert_eq!(placed.status, 201, "a request that failed has not used the key up: {}", placed.text());
    market.app.run_jobs();
    let again = market.buyer.post_once("/v1/offers", "k", &body);
    let location = format!("/v1/offers/{}", placed.ok()["id"].as_str().unwrap());
    assert_eq!([&placed, &again].map(|answer| answer.header("location")), [Some(location.as_str()); 2]);
    assert_eq!((again.status, again.bytes), (201, placed.bytes), "the first answer, whatever has happened since");
    market.buyer.post_once("/v1/offers", "k", &refused).problem(422, "idempotency-key-reused");
    let other = market.app.buyer("stranger");
    assert_eq!(other.post_once("/v1/offers", "k", &body).status, 201, "keys of others are not one's own");
    assert_eq!(items(&market.buyer.get("/v1/offers").ok()).len(), 1);
}

#[test]
fn the_credit_limit_counts_all_that_stands_and_tax_too() {
    let market = Market::with(Backend::Sqlite, 1, &json!({"pool": {"tax_bp": 1_000}}));
    let organisation_id = id(&market.buyer.get("/v1/me").ok()["organisation"]);
    let limit = json!({"credit_limit_minor": 110_000, "reason": "A small guarantee."});
    market.operator.put(&format!("/v1/organisations/{organisation_id}/credit-limit"), &limit).ok();
    let ask = |price| market.send(&market.buyer, &market.asks(price, &json!({})));
    ask(100_001).problem(409, "credit-limit");
    let first = id(&ask(50_000).ok());
    ask(50_000).ok();
    let over = ask(20_000).problem(409, "credit-limit");
    for amount in ["USD 220.00", "USD 1,100.00"] {
        assert!(over["detail"].as_str().unwrap().contains(amount), "{amount}: {over}");
    }
    assert_eq!(market.budget(), (2 * COST_NANO, 0), "what was refused has set nothing aside");
    market.buyer.post(&format!("/v1/offers/{first}/withdraw"), &json!({})).ok();
    ask(50_000).ok();
}

#[test]
fn offers_are_taken_as_long_as_the_privacy_budget_lasts() {
    let budget = json!({"rho_nano": 2 * COST_NANO + 1, "delta_pico": 1_000_000});
    let market = Market::with(Backend::Sqlite, 1, &json!({"pool": {"budget": budget}}));
    let ask = || market.send(&market.buyer, &market.asks(PRICE, &json!({})));
    let first = id(&ask().ok());
    ask().ok();
    assert_eq!(market.budget(), (2 * COST_NANO, 0));
    ask().problem(409, "budget-exhausted");
    market.buyer.post(&format!("/v1/offers/{first}/withdraw"), &json!({})).ok();
    assert_eq!(market.budget(), (COST_NANO, 0));
    ask().ok();
    ask().problem(409, "budget-exhausted");
}

#[test]
fn an_exclusive_offer_stands_alone_and_an_exclusive_licence_shuts_others_out_until_its_day() {
    let market = Market::open(Backend::Sqlite, 1);
    let other = market.app.buyer("stranger");
    let exclusive = json!({"exclusive_until": "2026-06-01T00:00:00Z"});
    let ask = |buyer: &Caller, changes: &Value| market.send(buyer, &market.asks(PRICE, changes));
    let plain = id(&ask(&other, &json!({})).ok());
    ask(&market.buyer, &exclusive).problem(409, "exclusively-licensed");
    other.post(&format!("/v1/offers/{plain}/withdraw"), &json!({})).ok();
    let offer_id = id(&ask(&market.buyer, &exclusive).ok());
    market.app.run_jobs();
    for changes in [&json!({}), &exclusive] {
        ask(&other, changes).problem(409, "exclusively-licensed");
    }
    ask(&market.buyer, &json!({})).ok();
    market.app.run_jobs();
    market.settle(&market.accept(&offer_id));
    market.app.run_jobs();
    let shut_out = ask(&other, &json!({})).problem(409, "exclusively-licensed");
    assert!(shut_out["detail"].as_str().unwrap().contains("2026-06-01T00:00:00Z"), "{shut_out}");
    ask(&market.buyer, &json!({})).ok();
    market.app.advance_days(90);
    assert_eq!(ask(&other, &json!({})).status, 201, "the day has passed");
}

#[test]
fn buying_once_more_for_a_shorter_time_does_not_shorten_what_is_held_exclusively() {
    let market = Market::open(Backend::Sqlite, 1);
    for until in ["2026-09-01T00:00:00Z", "2026-04-01T00:00:00Z"] {
        let placed = market.send(&market.buyer, &market.asks(PRICE, &json!({"exclusive_until": until}))).ok();
        market.app.run_jobs();
        market.settle(&market.accept(&id(&placed)));
        market.app.run_jobs();
    }
    market.app.advance_days(60);
    let other = market.app.buyer("stranger");
    let refused = market.send(&other, &market.asks(PRICE, &json!({}))).problem(409, "exclusively-licensed");
    assert!(refused["detail"].as_str().unwrap().contains("2026-09-01T00:00:00Z"), "{refused}");
}

#[test]
fn the_terms_are_frozen_and_named_by_their_hash() {
    let market = Market::open(Backend::Sqlite, 1);
    let placed = market.send(&market.buyer, &market.asks(PRICE, &json!({"redistribution": "results"}))).ok();
    market.app.run_jobs();
    let offer_id = id(&placed);
    let terms = market.buyer.get(&format!("/v1/offers/{offer_id}/terms"));
    assert_eq!(placed["terms_hash"], sha256(&terms.bytes));
    assert_eq!(placed["terms"], terms.json());
    let sorted = serde_json::to_vec(&terms.json()).unwrap();
    assert_eq!(terms.bytes, sorted, "the bytes are the canonical form");
    let said = terms.json();
    assert_eq!((&said["no_reidentification"], &said["redistribution"]), (&json!(true), &json!("results")));
    assert_eq!((&said["price"], &said["fee"]), (&usd(PRICE), &usd(PRICE / 10)));
    assert_eq!(said["licence_sha256"], sha256(b"You may."));
    assert_eq!(said["vote"]["quorum_bp"], 2_000);
    let change = json!({
        "reason": "Running costs.", "fee_bp": 2_000, "tax_bp": 1_900, "payment_days": 3, "rules": rules(&json!({"quorum_bp": 9_000}))
    });
    market.operator.json("PATCH", &format!("/v1/pools/{}", market.pool_id), &[], &change).ok();
    let vote_id = market.vote_id(&offer_id);
    let seen_by_member = market.members[0].get(&format!("/v1/votes/{vote_id}/terms"));
    assert_eq!(seen_by_member.bytes, terms.bytes, "members vote on exactly these bytes");
    assert_eq!(market.vote(&vote_id)["terms_hash"], placed["terms_hash"]);
    let offer = market.offer(&offer_id);
    assert_eq!((&offer["terms"], &offer["total"]), (&said, &usd(PRICE)));
    let purchase = market.accept(&offer_id);
    assert_eq!((&purchase["terms_hash"], &purchase["fee"]), (&placed["terms_hash"], &usd(PRICE / 10)));
    let accepted = market.offer(&offer_id);
    assert_eq!(
        at(&accepted["pay_by"]),
        at(&accepted["updated_at"]).plus_days(PAYMENT_DAYS),
        "days to pay as in the terms"
    );
    let licence = market.licence_of(&market.settle(&purchase));
    assert_eq!((&licence["terms_hash"], &licence["terms"]), (&placed["terms_hash"], &said));
}

#[test]
fn the_offer_says_what_will_be_paid_and_by_when_it_is_decided() {
    let market = Market::with(Backend::Sqlite, 1, &json!({"pool": {"fee_bp": 1_250, "tax_bp": 1_900}}));
    let placed = market.send(&market.buyer, &market.asks(100_003, &json!({}))).ok();
    let amounts = ["price", "fee", "tax", "total"].map(|part| placed[part].clone());
    assert_eq!(amounts, [usd(100_003), usd(12_500), usd(19_001), usd(119_004)], "each rounded half up by itself");
    let now = market.app.ctx.clock.now();
    assert_eq!(at(&placed["created_at"]), now);
    assert_eq!(at(&placed["decision_by"]), now.plus_days(VOTING_DAYS).plus_s(3_600));
    assert!(placed.get("pay_by").is_none() && placed.get("vote").is_none(), "{placed}");
    market.app.run_jobs();
    let voting = market.offer(&id(&placed));
    assert_eq!(at(&voting["vote"]["closes_at"]), now.plus_days(VOTING_DAYS));
    assert!(at(&voting["vote"]["closes_at"]) <= at(&voting["decision_by"]));
    let purchase = market.accept(&id(&placed));
    assert_eq!(purchase["total"], usd(119_004));
    let accepted = market.offer(&id(&placed));
    assert_eq!(at(&accepted["pay_by"]), now.plus_days(VOTING_DAYS + PAYMENT_DAYS));
    assert_eq!(accepted["pay_by"], purchase["due_at"]);
}

#[test]
fn the_timeline_tells_the_story_from_the_beginning() {
    let market = Market::open(Backend::Sqlite, 1);
    let offer_id = market.sell(PRICE).offer_id;
    let offer = market.buyer.get(&format!("/v1/offers/{offer_id}")).ok();
    let timeline = offer["timeline"].as_array().unwrap();
    let states: Vec<&str> = timeline.iter().map(|line| line["state"].as_str().unwrap()).collect();
    assert_eq!(states, ["opening", "voting", "accepted", "paid"]);
    let instants: Vec<UtcTime> = timeline.iter().map(|line| at(&line["happened_at"])).collect();
    assert!(instants.is_sorted(), "{instants:?}");
    assert_eq!(instants[2], instants[1].plus_days(VOTING_DAYS));
    assert!(timeline[2]["detail"].as_str().unwrap().contains("1 yes, 0 no"), "{timeline:?}");
}

#[test]
fn who_has_an_offer_that_stands_reads_the_listing_though_it_was_taken_out_of_the_catalogue() {
    let market = Market::open(Backend::Sqlite, 1);
    let offer_id = market.place(PRICE);
    let path = format!("/v1/datasets/{}", market.dataset_id);
    market.operator.post(&format!("{path}/unlist"), &json!({"reason": "Replaced by another."})).ok();
    market.app.advance_s(2);
    let stranger = market.app.buyer("stranger");
    for part in [path.clone(), format!("{path}/dictionary")] {
        assert_eq!(market.buyer.get(&part).status, 200, "{part}");
        stranger.get(&part).problem(404, "not-found");
        market.app.anyone().get(&part).problem(404, "not-found");
    }
    market.buyer.post(&format!("/v1/offers/{offer_id}/withdraw"), &json!({})).ok();
    market.buyer.get(&path).problem(404, "not-found");
}
