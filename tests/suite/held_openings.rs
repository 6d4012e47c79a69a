//! A vote does not open by itself where too many of its electors have joined lately.

use crate::common::Backend;
use crate::common::market::{COST_NANO, Market, VOTING_DAYS, id, items, rules};
use serde_json::{Value, json};

const PRICE: i64 = 50_000;
const DAY_S: i64 = 86_400;

crate::on_both_databases!(
    a_burst_holds_the_opening_until_an_operator_releases_it,
    a_held_offer_can_be_called_off_or_taken_back,
    a_part_that_the_rules_let_pass_holds_nothing,
);

/// Four members of long ago and three of lately, of whom all may vote.
fn market(backend: Backend, burst_bp: i64) -> Market {
    let rules = rules(&json!({"burst_bp": burst_bp, "burst_window_s": 8 * DAY_S}));
    let mut market = Market::with(backend, 4, &json!({"pool": {"rules": rules}}));
    market.app.advance_days(10);
    for index in 70..73 {
        let member = market.app.listener(&market.pool_id, index);
        market.members.push(member);
    }
    market.app.advance_days(VOTING_DAYS + 2);
    market
}

fn held(market: &Market) -> String {
    let offer_id = market.place(PRICE);
    let offer = market.offer(&offer_id);
    assert_eq!((&offer["state"], &offer["hold"]["is_held"]), (&json!("opening"), &json!(true)), "{offer}");
    offer_id
}

fn a_burst_holds_the_opening_until_an_operator_releases_it(backend: Backend) {
    let market = market(backend, 4_000);
    let offer_id = held(&market);
    let path = format!("/v1/offers/{offer_id}/release");
    let of_buyer = market.buyer.get(&format!("/v1/offers/{offer_id}")).ok();
    assert_eq!(of_buyer["hold"], json!({"is_held": true, "held_at": of_buyer["hold"]["held_at"]}), "no numbers");
    let story = of_buyer["timeline"].as_array().unwrap().iter();
    assert_eq!(story.filter(|line| line["detail"].as_str().unwrap().starts_with("Held: ")).count(), 1);
    let of_operator = market.offer(&offer_id)["hold"].clone();
    assert_eq!((&of_operator["joined_lately"], &of_operator["electors"]), (&json!(3), &json!(7)));
    let mails = market.app.mails();
    let told: Vec<&String> = mails.iter().filter(|mail| mail.contains("Subject: Refrain: a vote on")).collect();
    assert!(told.len() == 1 && told[0].contains("To: operator@example.org"), "{told:?}");
    assert!(told[0].contains("3 of the 7 members"), "{told:?}");
    // Neither time nor the job opens it, nor somebody who comes or goes.
    let id_of_job = refrain::ids::OfferId::parse(&offer_id).unwrap();
    for round in 80..82 {
        market.app.block_on(refrain::offers::actions::open_vote(&market.app.ctx, &id_of_job)).unwrap();
        market.app.listener(&market.pool_id, round);
        market.app.advance_days(VOTING_DAYS + 1);
    }
    assert!(market.offer(&offer_id)["hold"]["is_held"] == true && market.offer(&offer_id).get("vote").is_none());
    assert_eq!(items(&market.members[0].get("/v1/votes").ok()), [Value::Null; 0]);
    assert_eq!(
        market.app.mails().iter().filter(|mail| mail.contains("Subject: Refrain: a vote on")).count(),
        1,
        "once"
    );
    let because = json!({"reason": "A newspaper wrote about us."});
    for other in [&market.buyer, &market.members[0]] {
        other.post(&path, &because).problem(403, "forbidden");
    }
    for none in [json!({}), json!({"reason": " "}), json!({"reason": "x".repeat(2_001)})] {
        market.operator.post(&path, &none).problem(422, "invalid");
    }
    let nobodys = "/v1/offers/offer_01jd2k8m0wfv9s3x6q4r7t5y2z/release";
    market.operator.post(nobodys, &because).problem(404, "not-found");
    assert_eq!(market.offer(&offer_id)["hold"]["is_held"], true);
    assert_eq!(market.operator.post(&path, &because).ok()["hold"]["release_reason"], because["reason"]);
    market.operator.post(&path, &because).problem(409, "conflict");
    market.app.run_jobs();
    let opened = market.offer(&offer_id);
    assert_eq!((&opened["state"], &opened["hold"]["is_held"]), (&json!("voting"), &json!(false)));
    assert_eq!(opened["vote"]["electors"], 7, "all of those who could vote when the offer was placed");
    market.operator.post(&path, &because).problem(409, "conflict");
    let acts = items(&market.operator.get("/v1/audit-log").ok());
    let act = acts.iter().find(|act| act["action"] == "offer.release").expect("the act is in the audit log");
    assert_eq!((&act["subject_id"], &act["reason"]), (&json!(offer_id), &because["reason"]));
    market.accept(&offer_id);
}

fn a_held_offer_can_be_called_off_or_taken_back(backend: Backend) {
    let market = market(backend, 1);
    let (first, second) = (held(&market), held(&market));
    assert_eq!(market.budget(), (2 * COST_NANO, 0));
    let because = json!({"reason": "All of them registered in one night."});
    market.operator.post(&format!("/v1/offers/{first}/void"), &because).ok();
    market.buyer.post(&format!("/v1/offers/{second}/withdraw"), &json!({})).ok();
    market.app.run_jobs();
    assert_eq!(market.budget(), (0, 0));
    for offer_id in [&first, &second] {
        market.operator.post(&format!("/v1/offers/{offer_id}/release"), &because).problem(409, "conflict");
        let offer = market.offer(offer_id);
        assert!(offer["hold"]["is_held"] == false && offer.get("vote").is_none(), "{offer}");
    }
}

fn a_part_that_the_rules_let_pass_holds_nothing(backend: Backend) {
    let market = market(backend, 4_286); // three of seven are 4,285.7 basis points
    let offer_id = market.place(PRICE);
    let offer = market.offer(&offer_id);
    assert!(offer["state"] == "voting" && offer.get("hold").is_none(), "{offer}");
    let because = json!({"reason": "To be sure."});
    market.operator.post(&format!("/v1/offers/{offer_id}/release"), &because).problem(409, "conflict");
    let rules = &offer["terms"]["vote"];
    assert_eq!((&rules["burst_bp"], &rules["burst_window_s"]), (&json!(4_286), &json!(8 * DAY_S)));
    // The rules that count are those of the placing; by now, joining was long ago.
    let path = format!("/v1/pools/{}", market.pool_id);
    let change =
        |rules: Value| market.operator.json("PATCH", &path, &[], &json!({"reason": "We try it.", "rules": rules}));
    change(json!({"burst_bp": 1})).ok();
    market.app.advance_days(4);
    let later = id(&market.send(&market.buyer, &market.asks(PRICE, &json!({}))).ok());
    market.app.run_jobs();
    assert_eq!(market.offer(&later)["state"], "voting");
    for (rules, says) in [
        (json!({"burst_bp": 10_000}), "rules.burst_bp"),
        (json!({"burst_bp": -1}), "rules.burst_bp"),
        (json!({"burst_window_s": (VOTING_DAYS + 1) * DAY_S}), "rules.burst_window_s"),
        (json!({"burst_window_s": 733 * DAY_S}), "rules.burst_window_s"),
        (json!({"burst_window_s": 0}), "rules.burst_window_s"),
    ] {
        let refused = change(rules).problem(422, "invalid");
        assert!(refused["detail"].as_str().unwrap().contains(says), "{refused}");
    }
    change(json!({"burst_bp": 0, "burst_window_s": 60})).ok();
    let unheld = market.offer(&id(&market.send(&market.buyer, &market.asks(PRICE, &json!({}))).ok()));
    assert!(
        unheld["terms"]["vote"].get("burst_bp").is_none() && unheld["terms"]["vote"].get("burst_window_s").is_none()
    );
}
