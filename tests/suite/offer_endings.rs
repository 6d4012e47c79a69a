//! How offers wait, are listed, are taken back and are called off.

use crate::common::Backend;
use crate::common::market::{COST_NANO, Market, id, items, rules};
use refrain::clock::UtcTime;
use serde_json::{Value, json};

const PRICE: i64 = 50_000;

fn one_vote_at_a_time() -> Market {
    let rules = rules(&json!({"open_votes_max": 1}));
    Market::with(Backend::Sqlite, 2, &json!({"pool": {"rules": rules}}))
}

fn state(market: &Market, offer_id: &str) -> String {
    market.offer(offer_id)["state"].as_str().unwrap().to_owned()
}

fn instant(value: &Value) -> UtcTime {
    UtcTime::parse(value.as_str().unwrap()).unwrap()
}

#[test]
fn a_buyer_takes_an_offer_back_until_it_is_decided_and_then_no_more() {
    let market = one_vote_at_a_time();
    let place = || id(&market.send(&market.buyer, &market.asks(PRICE, &json!({}))).ok());
    let withdraw = |offer_id: &str| market.buyer.post(&format!("/v1/offers/{offer_id}/withdraw"), &json!({}));
    let (opening, queued) = (place(), place());
    assert_eq!((state(&market, &opening), state(&market, &queued)), ("opening".into(), "queued".into()));
    assert_eq!(market.budget(), (2 * COST_NANO, 0));
    for offer_id in [&queued, &opening] {
        assert_eq!(withdraw(offer_id).ok()["state"], "withdrawn");
    }
    assert_eq!(market.budget(), (0, 0), "what was set aside is free again");
    market.app.run_jobs();
    assert!(market.offer(&opening).get("vote").is_none(), "no vote opens on it any more");
    let voting = market.place(PRICE);
    let vote_id = market.vote_id(&voting);
    market.cast(0, &vote_id, "yes").ok();
    let withdrawn = withdraw(&voting).ok();
    assert_eq!(withdrawn["reason"], "Withdrawn by the buyer.");
    let seen = market.members[0].get(&format!("/v1/votes/{vote_id}")).ok();
    assert_eq!((&seen["state"], &seen["reason"]), (&json!("void"), &withdrawn["reason"]));
    assert!(seen.get("result").is_none(), "the ballots of a vote without a decision stay uncounted: {seen}");
    market.cast(1, &vote_id, "yes").problem(409, "vote-closed");
    withdraw(&voting).problem(409, "conflict");
    market.close_votes();
    assert_eq!(state(&market, &voting), "withdrawn");
    let (accepted, rejected) = (market.place(PRICE), place());
    market.accept(&accepted);
    withdraw(&accepted).problem(409, "conflict");
    market.close_votes();
    assert_eq!(state(&market, &rejected), "rejected");
    withdraw(&rejected).problem(409, "conflict");
    assert_eq!(market.budget(), (COST_NANO, 0), "only the accepted one holds budget");
}

#[test]
fn ones_own_offers_are_listed_newest_first_page_by_page() {
    let market = Market::open(Backend::Sqlite, 1);
    let mut placed: Vec<String> = (0..5)
        .map(|minute| {
            market.app.ctx.clock.advance_s(60).unwrap();
            id(&market.send(&market.buyer, &market.asks(PRICE + minute, &json!({}))).ok())
        })
        .collect();
    let withdrawn = placed[1].clone();
    market.buyer.post(&format!("/v1/offers/{withdrawn}/withdraw"), &json!({})).ok();
    placed.reverse();
    let (mut seen, mut sizes, mut path) = (Vec::new(), Vec::new(), "/v1/offers?limit=2".to_owned());
    loop {
        let page = market.buyer.get(&path).ok();
        sizes.push(items(&page).len());
        seen.extend(items(&page).iter().map(id));
        let Some(cursor) = page.get("next_cursor") else { break };
        path = format!("/v1/offers?limit=2&cursor={}", cursor.as_str().unwrap());
    }
    assert_eq!((seen, sizes), (placed, vec![2, 2, 1]));
    let filtered = items(&market.buyer.get("/v1/offers?state=withdrawn").ok());
    assert_eq!(filtered.iter().map(id).collect::<Vec<_>>(), [withdrawn]);
    let page = market.buyer.get("/v1/offers?limit=2").ok();
    let cursor = page["next_cursor"].as_str().unwrap();
    let of_another_list = format!("/v1/offers?limit=2&state=opening&cursor={cursor}");
    market.buyer.get(&of_another_list).problem(400, "invalid-cursor");
    for cut in [&cursor[1..], "nonsense"] {
        market.buyer.get(&format!("/v1/offers?cursor={cut}")).problem(400, "invalid-cursor");
    }
    for limit in ["0", "-1", "101"] {
        market.buyer.get(&format!("/v1/offers?limit={limit}")).problem(422, "invalid");
    }
    market.buyer.get("/v1/offers?limit=many").problem(400, "malformed-request");
    market.buyer.get("/v1/offers?state=lost").problem(400, "malformed-request");
}

#[test]
fn offers_wait_in_their_order_while_the_members_have_votes_enough() {
    let market = one_vote_at_a_time();
    let place = || {
        let placed = market.send(&market.buyer, &market.asks(PRICE, &json!({}))).ok();
        market.app.run_jobs();
        market.app.ctx.clock.advance_s(60).unwrap();
        placed
    };
    let placed: Vec<Value> = (0..4).map(|_| place()).collect();
    let ids: Vec<String> = placed.iter().map(id).collect();
    let states = || ids.iter().map(|offer_id| state(&market, offer_id)).collect::<Vec<_>>();
    assert_eq!(states(), ["voting", "queued", "queued", "queued"]);
    let promised: Vec<UtcTime> = placed.iter().map(|offer| instant(&offer["decision_by"])).collect();
    assert!(promised.is_sorted_by(|a, b| a < b), "who waits behind more is promised a later day: {promised:?}");
    assert_eq!(items(&market.members[0].get("/v1/votes").ok()).len(), 1, "members see none that waits");
    market.buyer.post(&format!("/v1/offers/{}/withdraw", ids[0]), &json!({})).ok();
    market.app.run_jobs();
    assert_eq!(states(), ["withdrawn", "voting", "queued", "queued"]);
    market.operator.post(&format!("/v1/offers/{}/void", ids[1]), &json!({"reason": "A mistake."})).ok();
    market.app.run_jobs();
    assert_eq!(states(), ["withdrawn", "void", "voting", "queued"]);
    market.close_votes();
    market.app.run_jobs();
    assert_eq!(states(), ["withdrawn", "void", "rejected", "voting"]);
    let last = market.offer(&ids[3]);
    assert!(instant(&last["vote"]["closes_at"]) <= promised[3], "the promise at the placing is kept: {last}");
    market.accept(&ids[3]);
}

#[test]
fn an_operator_calls_a_vote_off_only_for_a_reason_that_everyone_may_read() {
    let market = Market::open(Backend::Sqlite, 2);
    let offer_id = market.place(PRICE);
    let vote_id = market.vote_id(&offer_id);
    market.cast(0, &vote_id, "yes").ok();
    let void = |body: Value| market.operator.post(&format!("/v1/offers/{offer_id}/void"), &body);
    for none in [json!({"reason": ""}), json!({"reason": "  \n"}), json!({"reason": "x".repeat(2_001)}), json!({})] {
        void(none).problem(422, "invalid");
    }
    assert_eq!(state(&market, &offer_id), "voting");
    let reason = "The organisation has been dissolved.";
    assert_eq!(void(json!({"reason": reason})).ok()["state"], "void");
    let seen = market.buyer.get(&format!("/v1/offers/{offer_id}")).ok();
    let last = seen["timeline"].as_array().unwrap().last().unwrap();
    assert!(seen["reason"].as_str().unwrap().contains(reason) && last["detail"] == seen["reason"], "{seen}");
    let vote = market.members[1].get(&format!("/v1/votes/{vote_id}")).ok();
    assert!(vote["state"] == "void" && vote["reason"] == seen["reason"] && vote.get("result").is_none(), "{vote}");
    assert_eq!(vote["you_may_vote"], false);
    let acts = items(&market.operator.get("/v1/audit-log").ok());
    let act = acts.iter().find(|act| act["action"] == "offer.void").expect("the act is in the audit log");
    assert_eq!((&act["subject_id"], &act["reason"]), (&json!(offer_id), &json!(reason)));
    assert_eq!(market.budget(), (0, 0));
    void(json!({"reason": reason})).problem(409, "conflict");
    market.close_votes();
    assert_eq!(state(&market, &offer_id), "void");
    assert!(items(&market.operator.get("/v1/purchases").ok()).is_empty());
}

#[test]
fn nobody_can_call_off_what_the_members_have_decided() {
    let market = Market::open(Backend::Sqlite, 2);
    let (accepted, rejected) = (market.place(PRICE), market.place(PRICE));
    market.vote_as(&market.vote_id(&rejected), "nn");
    market.accept(&accepted);
    for (offer_id, state_then) in [(&accepted, "accepted"), (&rejected, "rejected")] {
        let void = market.operator.post(&format!("/v1/offers/{offer_id}/void"), &json!({"reason": "No."}));
        void.problem(409, "conflict");
        assert_eq!(state(&market, offer_id), state_then);
    }
}
