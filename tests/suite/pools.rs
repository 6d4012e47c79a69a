//! Pools: what an operator may set, what members consent to, and what is left of who leaves.

use crate::common::actors::{PASSWORD, export_of_a_fan};
use crate::common::http::{Answer, Caller};
use crate::common::{Backend, TestApp};
use serde_json::{Value, json};

crate::on_both_databases!(
    a_name_is_given_to_one_pool_however_many_ask_for_it,
    joining_is_once_however_often_it_is_asked,
    a_consent_names_the_text_that_holds_and_is_taken_back_at_will,
    who_leaves_during_a_vote_or_takes_a_consent_back_is_in_no_draw_and_no_payout,
);

fn settings() -> Value {
    json!({
        "name": "Night Listeners", "description": "People who listen at night.", "contact_email": "pool@example.org",
        "price_floor": {"amount": 10_000, "currency": "USD"},
        "consent": {"body": "What happens with your plays.", "purposes": ["market_research"]}
    })
}

fn with(pointer: &str, value: Value) -> Value {
    let mut settings = settings();
    let (parent, name) = pointer.rsplit_once('/').unwrap();
    let parent = if parent.is_empty() { &mut settings } else { &mut settings[parent.trim_start_matches('/')] };
    parent[name] = value;
    settings
}

fn consents(membership: &Value) -> Vec<(String, bool)> {
    let all = membership["consents"].as_array().unwrap().iter();
    let mut all: Vec<_> =
        all.map(|c| (c["purpose"].as_str().unwrap().to_owned(), c["withdrawn_at"].is_null())).collect();
    all.sort();
    all
}

#[test]
fn settings_out_of_bounds_are_refused_by_name() {
    let app = TestApp::start(Backend::Sqlite);
    let operator = app.operator();
    for (pointer, value, words) in [
        ("/rules/quorum_bp", json!(10_001), "rules.quorum_bp"),
        ("/rules/quorum_bp", json!(0), "rules.quorum_bp"),
        ("/rules/threshold_denominator", json!(0), "rules.threshold_denominator"),
        ("/rules/threshold_numerator", json!(3), "rules.threshold_numerator"),
        ("/rules/threshold_numerator", json!(0), "rules.threshold"),
        ("/rules/threshold_numerator", json!(-1), "rules.threshold_numerator"),
        ("/rules/voting_period_s", json!(59), "rules.voting_period_s"),
        ("/rules/cool_off_s", json!(7 * 86_400), "rules.cool_off_s"),
        ("/rules/open_votes_max", json!(0), "rules.open_votes_max"),
        ("/fee_bp", json!(-1), "fee_bp"),
        ("/fee_bp", json!(10_001), "fee_bp"),
        ("/tax_bp", json!(-1), "tax_bp"),
        ("/payment_days", json!(0), "payment_days"),
        ("/budget/rho_nano", json!(0), "budget.rho_nano"),
        ("/budget/rho_nano", json!(10_000_000_001_u64), "budget.rho_nano"),
        ("/budget/delta_pico", json!(-5), "budget.delta_pico"),
        ("/price_floor/amount", json!(0), "price_floor"),
        ("/price_floor/amount", json!(-1), "price_floor"),
        ("/price_floor/currency", json!("usd"), "currency"),
        ("/name", json!(""), "name"),
        ("/name", json!("x".repeat(81)), "name"),
        ("/contact_email", json!("nobody"), "contact_email"),
        ("/consent/body", json!(""), "consent.body"),
        ("/consent/purposes", json!([]), "consent.purposes"),
        ("/consent/purposes", json!(["research", "research"]), "consent.purposes"),
        ("/consent/purposes", json!(["Market Research"]), "consent.purposes"),
        ("/fee_bp", json!(1e300), "fit"),
        ("/fee_bp", json!(10.5), "fit"),
    ] {
        let refused = operator.post("/v1/pools", &with(pointer, value.clone())).problem(422, "invalid");
        assert!(refused["detail"].as_str().unwrap().contains(words), "{pointer} = {value}: {refused}");
    }
    operator.post("/v1/pools", &with("/rules/quorum", json!(1))).problem(400, "malformed-request");
    assert_eq!(app.anyone().get("/v1/pools").ok()["items"], json!([]), "none of them was made");
    let (buyer, _) = app.new_buyer("northwind");
    for caller in [buyer, app.member("ada")] {
        caller.post("/v1/pools", &settings()).problem(403, "forbidden");
    }
    let pool = operator.post("/v1/pools", &with("/rules/threshold_numerator", json!(1))).ok();
    assert_eq!((&pool["fee_bp"], &pool["rules"]["quorum_bp"]), (&json!(1_000), &json!(2_500)), "what is not said");
}

#[test]
fn a_change_needs_a_reason_and_a_promised_budget_is_not_raised() {
    let app = TestApp::start(Backend::Sqlite);
    let (operator, pool_id) = (app.operator(), app.pool("The pool"));
    let path = format!("/v1/pools/{pool_id}");
    let change = |body: Value| operator.json("PATCH", &path, &[], &body);
    let before = app.anyone().get(&path).ok();
    change(json!({"fee_bp": 5})).problem(422, "invalid");
    change(json!({"fee_bp": 5, "reason": " "})).problem(422, "invalid");
    change(json!({"fee_bp": -5, "reason": "x"})).problem(422, "invalid");
    change(json!({"name": "Another", "reason": "x"})).problem(400, "malformed-request");
    change(json!({"price_floor": {"amount": 1, "currency": "EUR"}, "reason": "x"})).problem(422, "invalid");
    let budget = |rho_nano: i64| json!({"budget": {"rho_nano": rho_nano, "delta_pico": 1_000}, "reason": "x"});
    change(json!({"budget": {"rho_nano": 1, "delta_pico": 1_000_001}, "reason": "x"})).problem(409, "conflict");
    change(budget(10_000_000_001)).problem(409, "conflict");
    assert_eq!(app.anyone().get(&path).ok(), before, "nothing of it was changed");
    app.member("ada").json("PATCH", &path, &[], &json!({"fee_bp": 0, "reason": "x"})).problem(403, "forbidden");
    assert_eq!(change(budget(5)).ok()["budget"]["left"]["rho_nano"], 5);
    change(budget(6)).problem(409, "conflict");
    let changed = change(json!({"fee_bp": 800, "reason": "Running costs went down."})).ok();
    assert_eq!((&changed["fee_bp"], &changed["tax_bp"]), (&json!(800), &before["tax_bp"]));
    let log = operator.get("/v1/audit-log").ok()["items"].to_string();
    assert!(log.contains("Running costs went down."), "{log}");
}

/// Sends a request from many threads at once, and counts the answers: first those that went well.
fn at_once(times: usize, request: impl Fn() -> Answer + Sync) -> (usize, usize) {
    let answers: Vec<Answer> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..times).map(|_| scope.spawn(&request)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    let (good, refused): (Vec<_>, Vec<_>) = answers.into_iter().partition(|answer| answer.status == 201);
    for answer in &refused {
        answer.problem(409, "conflict");
    }
    (good.len(), refused.len())
}

fn a_name_is_given_to_one_pool_however_many_ask_for_it(backend: Backend) {
    let app = TestApp::start(backend);
    let operator = app.operator();
    assert_eq!(at_once(6, || operator.post("/v1/pools", &settings())), (1, 5));
    assert_eq!(app.anyone().get("/v1/pools").ok()["items"].as_array().unwrap().len(), 1);
}

fn joining_is_once_however_often_it_is_asked(backend: Backend) {
    let app = TestApp::start(backend);
    let (pool_id, member) = (app.pool("The pool"), app.member("ada"));
    let path = format!("/v1/pools/{pool_id}/membership");
    let join = json!({"text_version": 1, "purposes": ["market_research"]});
    member.get(&path).problem(404, "not-found");
    member.delete(&path).problem(404, "not-found");
    member.post("/v1/pools/none/membership", &join).problem(404, "not-found");
    assert_eq!(at_once(6, || member.post(&path, &join)), (1, 5));
    assert_eq!(app.anyone().get(&format!("/v1/pools/{pool_id}")).ok()["members"], 1);
    let joined = member.get(&path).ok();
    assert_eq!(consents(&joined), [("market_research".to_owned(), true)]);
    assert_eq!(
        (&joined["joined_at"], &joined["votes_from"]),
        (&json!("2026-03-01T12:00:00Z"), &json!("2026-03-05T12:00:00Z"))
    );
    assert_eq!(member.get("/v1/memberships").ok()["items"], json!([joined]));
    let left = member.delete(&path).ok();
    assert_eq!((&left["state"], consents(&left)), (&json!("left"), vec![("market_research".to_owned(), false)]));
    assert_eq!(member.delete(&path).ok()["state"], "left", "leaving again changes nothing");
    app.advance_days(1);
    let member = app.log_in("ada@example.org");
    assert_eq!(app.anyone().get(&format!("/v1/pools/{pool_id}")).ok()["members"], 0);
    let back = member.post(&path, &join).ok();
    assert_eq!(back["votes_from"], "2026-03-06T12:00:00Z", "who comes back cools off anew");
}

fn a_consent_names_the_text_that_holds_and_is_taken_back_at_will(backend: Backend) {
    let app = TestApp::start(backend);
    let (operator, pool_id) = (app.operator(), app.pool("The pool"));
    let (pool, member) = (format!("/v1/pools/{pool_id}"), app.member("ada"));
    let (membership, texts) = (format!("{pool}/membership"), format!("{pool}/consent-texts"));
    let join = |version: i32, purposes: Value| {
        member.post(&membership, &json!({"text_version": version, "purposes": purposes}))
    };
    let other = join(1, json!(["market_research", "advertising"])).problem(422, "invalid");
    assert!(other["detail"].as_str().unwrap().contains("advertising"), "{other}");
    join(2, json!([])).problem(409, "conflict");
    member.get(&membership).problem(404, "not-found");
    assert_eq!(consents(&join(1, json!(["market_research"])).ok()), [("market_research".to_owned(), true)]);
    let text = json!({"body": "A new wording.", "purposes": ["market_research", "teaching"]});
    member.post(&texts, &text).problem(403, "forbidden");
    operator.post(&texts, &json!({"body": "", "purposes": ["teaching"]})).problem(422, "invalid");
    assert_eq!(operator.post(&texts, &text).ok()["version"], 2);
    let versions = app.anyone().get(&texts).ok();
    assert_eq!((&versions["items"][0]["version"], &versions["items"][1]["version"]), (&json!(2), &json!(1)));
    assert_eq!(app.anyone().get(&pool).ok()["consent"]["body"], "A new wording.");
    let stranger = app.member("bob");
    let old = stranger.post(&membership, &json!({"text_version": 1, "purposes": []})).problem(409, "conflict");
    assert!(old["detail"].as_str().unwrap().contains("version 2"), "{old}");
    let consent = |purpose: &str, version: i32| {
        member.put(&format!("{membership}/consents/{purpose}"), &json!({"text_version": version}))
    };
    consent("teaching", 1).problem(409, "conflict");
    consent("model_training", 2).problem(422, "invalid");
    let given = consent("teaching", 2).ok();
    let version = |purpose: &str| {
        let all = given["consents"].as_array().unwrap();
        all.iter().find(|consent| consent["purpose"] == purpose).unwrap()["text_version"].clone()
    };
    assert_eq!(version("teaching"), 2);
    assert_eq!(version("market_research"), 1, "an older consent stands, and says what was read");
    let withdraw = |purpose: &str| member.delete(&format!("{membership}/consents/{purpose}"));
    let taken = withdraw("market_research").ok();
    assert_eq!(consents(&taken), [("market_research".to_owned(), false), ("teaching".to_owned(), true)]);
    assert_eq!(consents(&withdraw("market_research").ok()), consents(&taken), "twice is once");
    let again = consent("market_research", 2).ok();
    let all =
        [("market_research".to_owned(), false), ("market_research".to_owned(), true), ("teaching".to_owned(), true)];
    assert_eq!(consents(&again), all, "every consent ever given stays on record");
    stranger.put(&format!("{membership}/consents/teaching"), &json!({"text_version": 2})).problem(404, "not-found");
    stranger.delete(&format!("{membership}/consents/teaching")).problem(404, "not-found");
}

/// A pool of two dozen listeners past their cool-off with a listed dataset, and a buyer. The threshold lets
/// nothing through that fewer than sixteen share.
fn pool_with_a_listing(app: &TestApp) -> (String, String) {
    let pool_id = app.pool("The pool");
    for index in 0..24 {
        app.listener(&pool_id, index);
    }
    let dataset_id = app.dataset(&pool_id);
    app.advance_days(5);
    app.buyer("northwind");
    (pool_id, dataset_id)
}

fn budget(app: &TestApp, pool_id: &str) -> [i64; 3] {
    let budget = app.anyone().get(&format!("/v1/pools/{pool_id}")).ok()["budget"].clone();
    let rho_nano = |part: &str| budget[part]["rho_nano"].as_i64().unwrap();
    assert_eq!(rho_nano("cap"), rho_nano("reserved") + rho_nano("spent") + rho_nano("left"), "{budget}");
    for part in ["cap", "reserved", "spent", "left"] {
        assert!(budget[part]["epsilon"].is_number(), "{budget}");
        assert!(budget[part]["in_words"].as_str().is_some_and(|words| !words.is_empty()), "{budget}");
    }
    ["reserved", "spent", "left"].map(rho_nano)
}

fn who_leaves_during_a_vote_or_takes_a_consent_back_is_in_no_draw_and_no_payout(backend: Backend) {
    let app = TestApp::start(backend);
    let (pool_id, dataset_id) = pool_with_a_listing(&app);
    assert_eq!(budget(&app, &pool_id), [0, 0, 10_000_000_000]);
    let withdraw = |index: u64| {
        let member = app.log_in(&format!("listener{index}@example.org"));
        member.delete(&format!("/v1/pools/{pool_id}/membership/consents/model_training")).ok();
    };
    withdraw(9);
    let offer = format!("/v1/offers/{}", app.offer_in_vote("northwind", &dataset_id));
    assert_eq!(budget(&app, &pool_id), [2_000_000_000, 0, 8_000_000_000], "an open vote sets its cost aside");
    for index in 0..6 {
        app.ballot(index, "yes");
    }
    let vote = || app.log_in("buyer@northwind.example").get(&offer).ok()["vote"].clone();
    assert_eq!(
        (&vote()["electors"], &vote()["turnout"]),
        (&json!(23), &json!(6)),
        "without who does not consent to all of it"
    );
    let [one, other] = [0, 11].map(|index| app.log_in(&format!("listener{index}@example.org")));
    assert_eq!(one.delete("/v1/me").status, 202);
    let left = other.delete(&format!("/v1/pools/{pool_id}/membership"));
    assert_eq!(left.status, 202);
    assert!(left.json()["plays"].as_str().unwrap().contains("are being erased"), "{}", left.text());
    assert_eq!(vote()["turnout"], 5, "the ballot of who has left is taken back");
    assert_eq!(other.get("/v1/votes").ok()["items"], json!([]));
    let path = format!("/v1/votes/{}", vote()["id"].as_str().unwrap());
    other.get(&path).problem(404, "not-found");
    other.put(&format!("{path}/ballot"), &json!({"choice": "no"})).problem(404, "not-found");
    withdraw(10);
    app.run_jobs();
    let purchase = app.close_vote("northwind");
    app.settle("northwind", &purchase);
    assert_eq!(budget(&app, &pool_id), [0, 2_000_000_000, 8_000_000_000], "what was drawn is spent for good");
    let edition = app.anyone().get(&format!("/v1/datasets/{dataset_id}")).ok()["editions"][0].clone();
    assert_eq!(edition["members"], 20, "two left and one took a consent back since the vote opened");
    let payouts = format!("/v1/purchases/{}/payouts", purchase["id"].as_str().unwrap());
    assert_eq!(app.operator().get(&payouts).ok()["members"], 20);
    for index in [9, 10, 11] {
        let member = app.log_in(&format!("listener{index}@example.org"));
        assert_eq!(member.get("/v1/payouts").ok()["items"], json!([]), "listener {index}");
    }
}

#[test]
fn an_offer_that_is_withdrawn_gives_its_part_of_the_budget_back() {
    let app = TestApp::start(Backend::Sqlite);
    let (pool_id, dataset_id) = pool_with_a_listing(&app);
    let offer = app.offer_in_vote("northwind", &dataset_id);
    assert_eq!(budget(&app, &pool_id), [2_000_000_000, 0, 8_000_000_000]);
    let buyer = app.log_in("buyer@northwind.example");
    buyer.post(&format!("/v1/offers/{offer}/withdraw"), &json!({})).ok();
    assert_eq!(budget(&app, &pool_id), [0, 0, 10_000_000_000]);
}

#[test]
fn leaving_closes_the_account_at_once_and_erases_what_was_kept() {
    let app = TestApp::start(Backend::Sqlite);
    let pool_id = app.pool("The pool");
    let (ada, bob) = (app.listener(&pool_id, 7), app.listener(&pool_id, 8));
    let held = app.upload(&ada, &export_of_a_fan(8));
    assert_eq!(held["state"], "held");
    let traces = ["2025-06-01T07:00:00Z", "listener7@example.org"];
    assert!(traces.iter().all(|trace| app.keeps(trace.as_bytes())));
    assert_eq!(app.stored_files().len(), 3);
    let session =
        app.anyone().post("/v1/sessions", &json!({"email": "listener7@example.org", "password": PASSWORD})).ok();
    let leaving = ada.delete("/v1/me");
    assert_eq!((leaving.status, &leaving.json()["state"]), (202, &json!("left")));
    for (part, words) in [("at_once", "closed"), ("erased", "Your plays"), ("stays", "drawn while you were a member")] {
        assert!(leaving.json()[part].to_string().contains(words), "{}", leaving.text());
    }
    is_out(&app, &ada, &session);
    assert_eq!(app.anyone().get(&format!("/v1/pools/{pool_id}")).ok()["members"], 1);
    app.run_jobs();
    assert_eq!(app.stored_files().len(), 1, "only the other member's plays are left: {:?}", app.stored_files());
    for trace in traces {
        assert!(!app.keeps(trace.as_bytes()), "{trace} is still there");
    }
    assert_eq!(bob.get("/v1/histories").ok()["items"][0]["state"], "accepted");
}

fn is_out(app: &TestApp, caller: &Caller, session: &Value) {
    caller.get("/v1/me").problem(401, "not-authenticated");
    caller.upload("/v1/histories", "application/zip", &export_of_a_fan(9)).problem(401, "not-authenticated");
    app.anyone().with_token(session["access_token"].as_str().unwrap()).get("/v1/me").problem(401, "not-authenticated");
    let refresh = json!({"refresh_token": session["refresh_token"]});
    app.anyone().post("/v1/sessions/refresh", &refresh).problem(401, "invalid-refresh-token");
    let login = json!({"email": "listener7@example.org", "password": PASSWORD});
    app.anyone().post("/v1/sessions", &login).problem(401, "invalid-credentials");
}

#[test]
fn a_history_that_comes_back_after_leaving_is_looked_at_first() {
    let app = TestApp::start(Backend::Sqlite);
    let pool_id = app.pool("The pool");
    app.listener(&pool_id, 7).delete("/v1/me").ok();
    app.run_jobs();
    app.advance_days(1);
    assert_eq!(app.stored_files(), [] as [String; 0]);
    let back = app.member("listener7");
    assert_eq!(back.get("/v1/memberships").ok()["items"], json!([]), "nothing of the old account comes back");
    app.join(&back, &pool_id);
    let history = app.upload(&back, &export_of_a_fan(7));
    assert_eq!(history["state"], "held", "{history}");
    let operator = app.operator();
    let held = operator.get("/v1/held-histories").ok()["items"][0].clone();
    assert_eq!((&held["id"], &held["same_as"]), (&history["id"], &json!([])));
    assert_eq!(held["left_at"], "2026-03-01T12:00:00Z");
    let release = format!("/v1/held-histories/{}/release", history["id"].as_str().unwrap());
    operator.post(&release, &json!({"reason": "It is the same person."})).ok();
    assert_eq!(back.get("/v1/histories").ok()["items"][0]["state"], "accepted");
    let log = operator.get("/v1/audit-log").ok()["items"].to_string();
    assert!(log.contains("member.rejoin") && !log.contains("listener7@example.org"), "{log}");
}
