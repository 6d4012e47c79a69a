//! The rules that a pool may set for its votes, seen by those who vote.

use crate::common::Backend;
use crate::common::actors::{PASSWORD, export_of_a_fan};
use crate::common::market::{Market, VOTING_DAYS, rules};
use refrain::clock::UtcTime;
use refrain::votes::verifying::{Brought, verify};
use serde_json::{Value, json};

const PRICE: i64 = 50_000;
const HOUR_S: i64 = 3_600;
const DAY_S: i64 = 86_400;

crate::on_both_databases!(
    a_quorum_that_comes_late_moves_the_deadline_once,
    final_ballots_end_a_vote_as_soon_as_none_can_change_it,
    who_leaves_in_time_keeps_a_vote_from_ending_early,
    who_belongs_to_the_buyer_does_not_decide_on_its_offer,
);

/// A market of four, of whom two have to say yes, and an offer whose vote is open.
fn voting(backend: Backend, changes: &Value) -> (Market, String) {
    let mut changed = json!({"quorum_bp": 5_000});
    changes.as_object().unwrap().iter().for_each(|(name, value)| changed[name] = value.clone());
    let market = Market::with(backend, 4, &json!({"pool": {"rules": rules(&changed)}}));
    let vote_id = market.vote_id(&market.place(PRICE));
    (market, vote_id)
}

fn instant(value: &Value) -> UtcTime {
    UtcTime::parse(value.as_str().unwrap_or_else(|| panic!("no instant: {value}"))).unwrap()
}

/// What anybody finds who counts again.
fn expect_whole(market: &Market, vote_id: &str) {
    let bundle = market.app.anyone().get(&format!("/v1/votes/{vote_id}/bundle"));
    let verdict = verify(&bundle.bytes[..], &Brought::default()).unwrap();
    assert_eq!(verdict.faults, Vec::<String>::new());
}

fn a_quorum_that_comes_late_moves_the_deadline_once(backend: Backend) {
    let (market, vote_id) = voting(backend, &json!({"late_quorum_s": DAY_S}));
    let seen = || market.vote(&vote_id);
    let first = seen();
    assert!(first["rule"].as_str().unwrap().contains("the vote goes on for 1 day from then, once"), "{first}");
    let deadline = instant(&first["closes_at"]);
    market.vote_as(&vote_id, "yy");
    market.cast(1, &vote_id, "no").ok();
    market.app.advance_s(VOTING_DAYS * DAY_S - HOUR_S);
    assert!(seen().get("deadline_moved").is_none());
    market.cast(1, &vote_id, "yes").ok();
    let moved = seen();
    assert_eq!(instant(&moved["closes_at"]), deadline.plus_s(DAY_S - HOUR_S));
    assert!(moved["deadline_moved"].as_str().unwrap().contains("once: the yes that are needed were reached late"));
    market.app.advance_s(2 * HOUR_S);
    assert_eq!(seen()["state"], "open", "the first deadline is over, and ballots are taken");
    market.cast(1, &vote_id, "no").ok();
    market.cast(1, &vote_id, "yes").ok();
    assert_eq!(seen()["closes_at"], moved["closes_at"], "once only");
    market.cast(2, &vote_id, "no").ok();
    market.app.advance_s(DAY_S - 2 * HOUR_S - 1);
    market.cast(3, &vote_id, "abstain").ok();
    market.app.advance_s(1);
    market.cast(3, &vote_id, "no").problem(409, "vote-closed");
    let ended = seen();
    assert_eq!((&ended["state"], &ended["result"]), (&json!("accepted"), &json!({"yes": 2, "no": 1, "abstain": 1})));
    expect_whole(&market, &vote_id);
}

fn final_ballots_end_a_vote_as_soon_as_none_can_change_it(backend: Backend) {
    let (market, vote_id) = voting(backend, &json!({"final_ballots": true, "split": "live"}));
    let seen = || market.vote(&vote_id);
    assert_eq!(seen()["so_far"], json!({"yes": 0, "no": 0, "abstain": 0}));
    assert!(seen()["rule"].as_str().unwrap().contains("A ballot cannot be changed."));
    market.cast(0, &vote_id, "yes").ok();
    let refused = market.cast(0, &vote_id, "no").problem(409, "conflict");
    assert!(refused["detail"].as_str().unwrap().contains("Ballots are final"), "{refused}");
    let own = market.members[0].get(&format!("/v1/votes/{vote_id}")).ok();
    assert_eq!((&own["you_may_vote"], &own["your_ballot"]["choice"]), (&json!(false), &json!("yes")));
    market.cast(1, &vote_id, "yes").ok();
    market.app.run_jobs();
    assert_eq!(seen()["state"], "open", "two more could still say no");
    assert_eq!(seen()["so_far"], json!({"yes": 2, "no": 0, "abstain": 0}));
    market.cast(2, &vote_id, "abstain").ok();
    market.app.run_jobs();
    let ended = seen();
    assert_eq!((&ended["state"], ended.get("so_far")), (&json!("accepted"), None));
    assert_eq!(ended["result"], json!({"yes": 2, "no": 0, "abstain": 1}));
    assert!(instant(&ended["closed_at"]) < instant(&ended["closes_at"]));
    market.cast(3, &vote_id, "no").problem(409, "vote-closed");
    expect_whole(&market, &vote_id);
    market.close_votes();
    assert_eq!(seen()["closed_at"], ended["closed_at"], "it ends once");
}

fn who_leaves_in_time_keeps_a_vote_from_ending_early(backend: Backend) {
    let (market, vote_id) = voting(backend, &json!({"final_ballots": true}));
    for member in 0..3 {
        market.cast(member, &vote_id, "yes").ok();
    }
    // It is decided, but nobody has counted yet.
    market.members[0].delete(&format!("/v1/pools/{}/membership", market.pool_id)).ok();
    market.app.run_jobs();
    assert_eq!(market.vote(&vote_id)["state"], "open");
    market.cast(3, &vote_id, "abstain").ok();
    market.app.run_jobs();
    let ended = market.vote(&vote_id);
    assert_eq!((&ended["state"], &ended["result"]), (&json!("accepted"), &json!({"yes": 2, "no": 0, "abstain": 1})));
    expect_whole(&market, &vote_id);
}

#[test]
fn rules_that_do_not_hold_are_refused_and_usual_ones_leave_the_terms_as_they_were() {
    let market = Market::open(Backend::Sqlite, 1);
    let pool = format!("/v1/pools/{}", market.pool_id);
    let change =
        |rules: Value| market.operator.json("PATCH", &pool, &[], &json!({"reason": "We try it.", "rules": rules}));
    for (rules, says) in [
        (json!({"late_quorum_s": VOTING_DAYS * DAY_S + 1}), "rules.late_quorum_s"),
        (json!({"late_quorum_s": -1}), "rules.late_quorum_s"),
        (json!({"split": "half"}), "half"),
        (json!({"quorum_bp": 10_001}), "rules.quorum_bp"),
        (json!({"threshold_denominator": 0}), "rules.threshold_denominator"),
    ] {
        let refused = change(rules).problem(422, "invalid");
        assert!(refused["detail"].as_str().unwrap().contains(says), "{refused}");
    }
    let usual = market.offer(&market.place(PRICE))["terms"]["vote"].clone();
    assert!(
        usual.get("late_quorum_s").is_none() && usual.get("final_ballots").is_none() && usual.get("split").is_none()
    );
    change(json!({"late_quorum_s": 60, "final_ballots": true, "split": "live"})).ok();
    let other = market.offer(&market.place(PRICE))["terms"]["vote"].clone();
    assert_eq!(other["late_quorum_s"], 60);
    assert_eq!((&other["final_ballots"], &other["split"]), (&json!(true), &json!("live")));
}

fn who_belongs_to_the_buyer_does_not_decide_on_its_offer(backend: Backend) {
    let market = Market::with(backend, 2, &json!({"pool": {"rules": rules(&json!({}))}}));
    let own = market.buyer.get("/v1/me").ok()["email"].as_str().unwrap().rsplit_once('@').unwrap().1.to_owned();
    let joined = |index: u64, email: &str| {
        let body = json!({"email": email, "password": PASSWORD});
        let registered = market.app.anyone().post("/v1/members", &body).ok();
        let member = market.app.anyone().with_token(registered["session"]["access_token"].as_str().unwrap());
        market.app.join(&member, &market.pool_id);
        assert_eq!(market.app.upload(&member, &export_of_a_fan(index))["state"], "accepted");
        member
    };
    let insiders = [joined(50, &format!("ada@{own}")), joined(51, &format!("ben@mail.{own}"))];
    let namesake = joined(52, &format!("cid@not{own}"));
    market.app.advance_days(VOTING_DAYS + 2);
    let vote_id = market.vote_id(&market.place(PRICE));
    assert_eq!(market.vote(&vote_id)["electors"], 3);
    let path = format!("/v1/votes/{vote_id}/ballot");
    for insider in &insiders {
        let refused = insider.put(&path, &json!({"choice": "yes"})).problem(403, "not-in-electorate");
        assert!(refused["detail"].as_str().unwrap().contains("but for who belongs to the buyer"), "{refused}");
        assert_eq!(insider.get(&format!("/v1/votes/{vote_id}")).ok()["you_may_vote"], false);
    }
    namesake.put(&path, &json!({"choice": "yes"})).ok();
}
