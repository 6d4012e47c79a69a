//! Counter-offers: what an operator may ask for, and that an accepted one replaces the offer in one go or not at all.

use crate::common::Backend;
use crate::common::http::{Answer, Caller};
use crate::common::market::{COST_NANO, Market, VOTING_DAYS, id, items, rules, usd};
use refrain::clock::UtcTime;
use serde_json::{Value, json};

const PRICE: i64 = 50_000;
const HOUR_S: i64 = 3_600;

crate::on_both_databases!(
    what_could_not_be_placed_or_answered_is_not_asked_for,
    an_accepted_one_replaces_offer_and_vote_in_one_write,
    what_cannot_be_placed_when_it_is_accepted_changes_nothing,
    it_ends_once_by_either_side_by_its_time_or_with_the_offer,
    exclusivity_and_places_are_free_again_and_taken_anew,
    of_many_who_accept_at_once_one_replaces_the_offer,
);

fn in_hours(market: &Market, hours: i64) -> UtcTime {
    market.app.ctx.clock.now().plus_s(hours * HOUR_S)
}

/// Asks for these terms, to be answered within a day.
fn counter(market: &Market, offer_id: &str, terms: Value) -> Answer {
    counter_within(market, offer_id, terms, 24)
}

fn counter_within(market: &Market, offer_id: &str, terms: Value, hours: i64) -> Answer {
    let body = json!({"terms": terms, "message": "A year is long for this.", "answer_by": in_hours(market, hours)});
    market.operator.post_once(&format!("/v1/offers/{offer_id}/counter"), &market.key(), &body)
}

fn answer(caller: &Caller, market: &Market, counter_id: &str, verb: &str) -> Answer {
    caller.post_once(&format!("/v1/counters/{counter_id}/{verb}"), &market.key(), &json!({}))
}

fn details(offer: &Value) -> Vec<String> {
    let lines = offer["timeline"].as_array().unwrap().iter();
    lines.map(|line| line["detail"].as_str().unwrap().to_owned()).collect()
}

fn has(offer: &Value, words: &str) -> bool {
    details(offer).iter().any(|detail| detail.contains(words))
}

fn what_could_not_be_placed_or_answered_is_not_asked_for(backend: Backend) {
    let market = Market::open(backend, 2);
    let offer_id = market.place(PRICE);
    let path = format!("/v1/offers/{offer_id}/counter");
    let before = (market.offer(&offer_id), market.budget());
    let body = |changes: Value| {
        let mut body = json!({"terms": {"period_days": 7}, "message": "Shorter.", "answer_by": in_hours(&market, 24)});
        changes.as_object().unwrap().iter().for_each(|(name, value)| body[name] = value.clone());
        body
    };
    for other in [&market.buyer, &market.members[0]] {
        other.post_once(&path, &market.key(), &body(json!({}))).problem(403, "forbidden");
    }
    market.operator.post(&path, &body(json!({}))).problem(400, "idempotency-key-missing");
    let nobodys = "/v1/offers/offer_01jd2k8m0wfv9s3x6q4r7t5y2z/counter";
    market.operator.post_once(nobodys, &market.key(), &body(json!({}))).problem(404, "not-found");
    let refused = |changes: Value, status: u16, code: &str| {
        let answer = market.operator.post_once(&path, &market.key(), &body(changes.clone()));
        assert_eq!(
            (answer.status, answer.json()["code"].as_str()),
            (status, Some(code)),
            "{changes}: {}",
            answer.text()
        );
    };
    refused(json!({"message": "  "}), 422, "invalid");
    refused(json!({"message": "x".repeat(2_001)}), 422, "invalid");
    refused(json!({"answer_by": in_hours(&market, 0)}), 422, "invalid");
    refused(json!({"answer_by": in_hours(&market, VOTING_DAYS * 24 + 2)}), 422, "invalid");
    refused(json!({"words": "x"}), 400, "malformed-request");
    for (terms, status, code) in [
        (json!({}), 422, "invalid"),
        (json!({"period_days": 30}), 422, "invalid"),
        (json!({"period_days": 0}), 422, "invalid"),
        (json!({"not_exclusive": true, "exclusive_until": in_hours(&market, 24 * 30)}), 422, "invalid"),
        (json!({"exclusive_until": in_hours(&market, 1)}), 422, "invalid"),
        (json!({"field_of_use": "Of the price,\nall is yours."}), 422, "invalid"),
        (json!({"dataset_id": market.dataset_id}), 400, "malformed-request"),
        (json!({"price": usd(19_999)}), 422, "price-below-floor"),
        (json!({"price": {"amount": 60_000, "currency": "EUR"}}), 422, "invalid"),
        (json!({"purpose": "advertising"}), 422, "purpose-not-offered"),
        (json!({"edition": "stock"}), 409, "conflict"),
        (json!({"price": usd(900_000_000_000)}), 409, "credit-limit"),
    ] {
        refused(json!({"terms": terms}), status, code);
    }
    assert_eq!((market.offer(&offer_id), market.budget()), before, "what was tried has left nothing behind");
    assert_eq!(items(&market.operator.get("/v1/offers").ok()).len(), 1);
    let key = market.key();
    let made = market.operator.post_once(&path, &key, &body(json!({})));
    assert_eq!(made.ok()["changes"], json!(["Term: 7 days instead of 30 days."]));
    assert_eq!(market.operator.post_once(&path, &key, &body(json!({}))).bytes, made.bytes, "once per key");
    refused(json!({"terms": {"period_days": 8}}), 409, "conflict");
}

fn an_accepted_one_replaces_offer_and_vote_in_one_write(backend: Backend) {
    let market = Market::open(backend, 2);
    market.app.verify_email("listener0@example.org");
    let old_id = market.place(PRICE);
    let old_vote = market.vote_id(&old_id);
    market.vote_as(&old_vote, "nn");
    let made = counter(&market, &old_id, json!({"price": usd(60_000), "period_days": 14})).ok();
    let seen = market.buyer.get(&format!("/v1/offers/{old_id}")).ok();
    assert_eq!((&seen["state"], &seen["counter"]), (&json!("voting"), &made), "offer and vote go on");
    assert!(has(&seen, "asks for other terms"), "{seen}");
    market.app.run_jobs();
    let mails = market.app.mails();
    let mail = mails.iter().find(|mail| mail.contains("other terms are asked for")).expect("the buyer is told");
    for words in ["buyer@northwind.example", "Price: USD 600.00 instead of USD 500.00.", "> A year is long for this."] {
        assert!(mail.contains(words), "{words} is not in {mail}");
    }
    let (counter_id, stranger) = (id(&made), market.app.buyer("stranger"));
    for verb in ["accept", "decline"] {
        answer(&stranger, &market, &counter_id, verb).problem(404, "not-found");
        answer(&market.operator, &market, &counter_id, verb).problem(403, "forbidden");
        answer(&market.members[0], &market, &counter_id, verb).problem(403, "forbidden");
    }
    let path = format!("/v1/counters/{counter_id}/accept");
    market.buyer.post(&path, &json!({})).problem(400, "idempotency-key-missing");
    let accepted = market.buyer.post_once(&path, "yes", &json!({}));
    let new_id = id(&accepted.ok());
    assert_eq!((accepted.status, accepted.header("location")), (201, Some(format!("/v1/offers/{new_id}").as_str())));
    assert_eq!(market.buyer.post_once(&path, "yes", &json!({})).bytes, accepted.bytes, "once per key");
    answer(&market.buyer, &market, &counter_id, "accept").problem(409, "conflict");
    market.app.run_jobs();
    let (old, new) = (market.offer(&old_id), market.offer(&new_id));
    assert_eq!((&old["state"], &old["counter"]["state"]), (&json!("withdrawn"), &json!("accepted")));
    assert_eq!(old["counter"]["new_offer_id"], json!(new_id));
    assert!(old["reason"].as_str().unwrap().contains("there is a new vote on them"), "{old}");
    let vote = market.members[0].get(&format!("/v1/votes/{old_vote}")).ok();
    assert_eq!((&vote["state"], &vote["reason"]), (&json!("void"), &old["reason"]));
    assert!(has(&new, &format!("takes the place of {old_id}")), "{new}");
    assert_eq!((&new["state"], &new["price"], &new["message"]), (&json!("voting"), &usd(60_000), &old["message"]));
    let (was, is) = (&old["terms"], &new["terms"]);
    assert_eq!(
        (&was["period_days"], &is["period_days"], &is["field_of_use"]),
        (&json!(30), &json!(14), &was["field_of_use"])
    );
    assert_ne!(new["terms_hash"], old["terms_hash"]);
    assert_eq!(market.budget(), (COST_NANO, 0), "one offer's worth is set aside");
    let told = market.app.mails().join("\n").replace("=\r\n", "");
    assert!(told.contains("was called off") && told.contains("there is a new vote on them"), "electors are told");
    let new_vote = market.vote_id(&new_id);
    assert_eq!(
        (market.vote(&new_vote)["turnout"].clone(), new_vote == old_vote),
        (json!(0), false),
        "a vote of its own"
    );
    let purchase = market.accept(&new_id);
    assert_eq!((&purchase["terms_hash"], &purchase["total"]), (&new["terms_hash"], &usd(60_000)));
    let acts = items(&market.operator.get("/v1/audit-log").ok());
    assert!(acts.iter().any(|act| act["action"] == "offer.counter" && act["subject_id"] == json!(old_id)));
}

fn what_cannot_be_placed_when_it_is_accepted_changes_nothing(backend: Backend) {
    let market = Market::open(backend, 1);
    let offer_id = market.place(PRICE);
    let counter_id = id(&counter(&market, &offer_id, json!({"price": usd(60_000)})).ok());
    let organisation_id = id(&market.buyer.get("/v1/me").ok()["organisation"]);
    let limit = |amount: i64| {
        let limit = json!({"credit_limit_minor": amount, "reason": "A guarantee has changed."});
        market.operator.put(&format!("/v1/organisations/{organisation_id}/credit-limit"), &limit).ok();
    };
    limit(55_000);
    let before = (market.offer(&offer_id), market.budget(), market.vote(&market.vote_id(&offer_id)));
    answer(&market.buyer, &market, &counter_id, "accept").problem(409, "credit-limit");
    let after = (market.offer(&offer_id), market.budget(), market.vote(&market.vote_id(&offer_id)));
    assert_eq!(after, before);
    limit(60_000);
    assert_eq!(answer(&market.buyer, &market, &counter_id, "accept").status, 201, "it stood all the while");
}

fn it_ends_once_by_either_side_by_its_time_or_with_the_offer(backend: Backend) {
    let market = Market::open(backend, 2);
    let offer_id = market.place(PRICE);
    // The newest is told: each of its own instant.
    let ask = || {
        market.app.ctx.clock.advance_s(1).unwrap();
        id(&counter(&market, &offer_id, json!({"period_days": 7})).ok())
    };
    let state = || market.offer(&offer_id)["counter"]["state"].clone();
    let expect_over = |counter_id: &str| {
        for verb in ["accept", "decline"] {
            answer(&market.buyer, &market, counter_id, verb).problem(409, "conflict");
        }
        answer(&market.operator, &market, counter_id, "withdraw").problem(409, "conflict");
    };
    let declined = ask();
    for other in [&market.buyer, &market.members[0]] {
        answer(other, &market, &declined, "withdraw").problem(403, "forbidden");
    }
    assert_eq!(answer(&market.buyer, &market, &declined, "decline").ok()["state"], "declined");
    expect_over(&declined);
    let taken_back = ask();
    assert_eq!(answer(&market.operator, &market, &taken_back, "withdraw").ok()["state"], "withdrawn");
    expect_over(&taken_back);
    let late = ask();
    market.app.ctx.clock.advance_s(24 * HOUR_S - 1).unwrap();
    assert_eq!(state(), "standing");
    market.app.ctx.clock.advance_s(1).unwrap();
    assert_eq!(state(), "lapsed");
    expect_over(&late);
    market.app.ctx.clock.advance_s((VOTING_DAYS - 1) * 24 * HOUR_S - 2 * HOUR_S).unwrap();
    let last = id(&counter_within(&market, &offer_id, json!({"period_days": 7}), 2).ok());
    market.vote_as(&market.vote_id(&offer_id), "yy");
    market.app.ctx.clock.advance_s(2 * HOUR_S - 4).unwrap();
    assert_eq!(state(), "standing");
    market.app.ctx.clock.advance_s(1).unwrap();
    assert_eq!(state(), "lapsed", "the vote is over, though nobody has counted yet");
    expect_over(&last);
    market.app.run_jobs();
    let decided = market.offer(&offer_id);
    assert_eq!((&decided["state"], &decided["counter"]["state"]), (&json!("accepted"), &json!("lapsed")));
    counter(&market, &offer_id, json!({"period_days": 7})).problem(409, "conflict");
    for words in ["The buyer declined the counter-offer", "The operator took the counter-offer back"] {
        assert!(has(&decided, words), "{words}: {decided}");
    }
}

fn exclusivity_and_places_are_free_again_and_taken_anew(backend: Backend) {
    let rules = rules(&json!({"open_votes_max": 1}));
    let market = Market::with(backend, 2, &json!({"pool": {"rules": rules}}));
    let exclusive = json!({"exclusive_until": in_hours(&market, 24 * 60)});
    let first = id(&market.send(&market.buyer, &market.asks(PRICE, &exclusive)).ok());
    market.app.run_jobs();
    market.app.ctx.clock.advance_s(1).unwrap();
    let second = market.place(PRICE);
    assert_eq!(market.offer(&second)["state"], "queued");
    let other = market.app.buyer("stranger");
    market.send(&other, &market.asks(PRICE, &json!({}))).problem(409, "exclusively-licensed");
    let counter_id = id(&counter(&market, &first, json!({"not_exclusive": true})).ok());
    let new_id = id(&answer(&market.buyer, &market, &counter_id, "accept").ok());
    market.app.run_jobs();
    let state = |offer_id: &str| market.offer(offer_id)["state"].clone();
    assert_eq!(state(&second), "voting", "who waited takes the place that is free");
    assert_eq!(state(&new_id), "queued", "and the new offer waits for its turn, as any other");
    market.app.ctx.clock.advance_s(1).unwrap();
    let others = id(&market.send(&other, &market.asks(PRICE, &json!({}))).ok());
    let refused = counter(&market, &new_id, exclusive.clone()).problem(409, "exclusively-licensed");
    assert!(refused["detail"].as_str().unwrap().contains("Other offers"), "{refused}");
    other.post(&format!("/v1/offers/{others}/withdraw"), &json!({})).ok();
    let counter_id = id(&counter(&market, &new_id, exclusive).ok());
    let newest = answer(&market.buyer, &market, &counter_id, "accept").ok();
    assert_eq!((&newest["state"], &newest["edition"]), (&json!("queued"), &json!("next")));
    market.send(&other, &market.asks(PRICE, &json!({}))).problem(409, "exclusively-licensed");
    assert_eq!(market.budget(), (2 * COST_NANO, 0));
}

fn of_many_who_accept_at_once_one_replaces_the_offer(backend: Backend) {
    let market = Market::open(backend, 1);
    let offer_id = market.place(PRICE);
    let counter_id = id(&counter(&market, &offer_id, json!({"period_days": 7})).ok());
    let answers: Vec<Answer> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..6)
            .map(|number| {
                let (market, counter_id) = (&market, &counter_id);
                let verb = if number % 3 == 2 { "decline" } else { "accept" };
                scope.spawn(move || answer(&market.buyer, market, counter_id, verb))
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    let done: Vec<&Answer> = answers.iter().filter(|answer| answer.status < 300).collect();
    assert_eq!(done.len(), 1, "{answers:?}");
    answers.iter().filter(|answer| answer.status >= 300).for_each(|answer| drop(answer.problem(409, "conflict")));
    let was_accepted = done[0].status == 201;
    assert_eq!(items(&market.operator.get("/v1/offers").ok()).len(), if was_accepted { 2 } else { 1 });
    assert_eq!(market.budget(), (COST_NANO, 0));
}
