//! Who comes in, who is kept out, and which organisations are let in to buy.

use crate::common::actors::PASSWORD;
use crate::common::http::{Answer, Caller};
use crate::common::{Backend, TestApp};
use diesel::prelude::*;
use refrain::db::schema::accounts;
use serde_json::{Value, json};

/// The id of a dataset that nobody has.
const A_DATASET: &str = "dataset_01jd2k8m0wfv9s3x6q4r7t5y2z";

crate::on_both_databases!(
    an_address_is_taken_once_however_many_ask_for_it,
    a_refresh_token_is_exchanged_once_however_many_try,
    an_application_is_returned_mended_and_approved,
);

fn new_member(app: &TestApp, email: &str, password: &str) -> Answer {
    app.anyone().post("/v1/members", &json!({"email": email, "password": password}))
}

fn log_in(caller: &Caller, email: &str, password: &str) -> Answer {
    caller.post("/v1/sessions", &json!({"email": email, "password": password}))
}

fn exchange(app: &TestApp, refresh_token: &Value) -> Answer {
    app.anyone().post("/v1/sessions/refresh", &json!({"refresh_token": refresh_token}))
}

fn holding(app: &TestApp, session: &Value) -> Caller {
    app.anyone().with_token(session["access_token"].as_str().unwrap())
}

/// Sends the same thing from many threads at once.
fn at_once(times: usize, request: impl Fn() -> Answer + Sync) -> Vec<Answer> {
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..times).map(|_| scope.spawn(&request)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    })
}

#[test]
fn registration_answers_with_a_first_session() {
    let app = TestApp::start(Backend::Sqlite);
    let registered = new_member(&app, "ada@example.org", PASSWORD);
    assert_eq!(registered.status, 201);
    assert_eq!(registered.header("cache-control"), Some("no-store"), "it carries secrets");
    let session = &registered.json()["session"];
    let me = holding(&app, session).get("/v1/me").ok();
    assert_eq!(
        (&me["role"], &me["email"], &me["email_verified"]),
        (&json!("member"), &json!("ada@example.org"), &json!(false))
    );
    assert_eq!(exchange(&app, &session["refresh_token"]).status, 200);
    let (buyer, organisation_id) = app.new_buyer("northwind");
    let me = buyer.get("/v1/me").ok();
    assert_eq!((&me["role"], &me["organisation"]["state"]), (&json!("buyer"), &json!("pending")));
    assert_eq!(me["organisation"]["id"], organisation_id);
}

#[test]
fn what_cannot_be_an_account_is_refused_in_words() {
    let app = TestApp::start(Backend::Sqlite);
    let long = format!("{}@example.org", "a".repeat(250));
    for email in
        ["", "ada", "ada@", "@example.org", "a b@example.org", "ada@example.org\r\nBcc: eve@example.org", &long]
    {
        let refused = new_member(&app, email, PASSWORD).problem(422, "invalid");
        assert!(refused["detail"].as_str().unwrap().contains("email"), "{refused}");
    }
    for password in ["", "1234567", &"x".repeat(1_025)] {
        let refused = new_member(&app, "ada@example.org", password).problem(422, "invalid");
        assert!(refused["detail"].as_str().unwrap().contains("8 to 1024 bytes"), "{refused}");
    }
    let role = json!({"email": "ada@example.org", "password": PASSWORD, "role": "operator"});
    app.anyone().post("/v1/members", &role).problem(400, "malformed-request");
    assert_eq!(
        new_member(&app, "ada@example.org", "ääää").status,
        201,
        "eight bytes; none of the above took the address"
    );
}

#[test]
fn a_profile_says_which_field_is_not_valid() {
    let app = TestApp::start(Backend::Sqlite);
    let profile = json!({
        "legal_name": "Northwind Ltd", "country": "GB", "website": "https://northwind.example",
        "purpose": "Measuring how listeners find music.", "address": "1 Street\nLondon", "tax_id": ""
    });
    for (field, value) in [
        ("legal_name", " "),
        ("legal_name", "Two\nlines"),
        ("country", "XX"),
        ("country", "gb"),
        ("website", "northwind.example"),
        ("website", "javascript:alert(1)"),
        ("purpose", "Money."),
        ("address", ""),
    ] {
        let mut wrong = profile.clone();
        wrong[field] = json!(value);
        let body = json!({"organisation": wrong, "email": "buyer@northwind.example", "password": PASSWORD});
        let refused = app.anyone().post("/v1/organisations", &body).problem(422, "invalid");
        assert!(refused["detail"].as_str().unwrap().contains(field), "{field} = {value:?}: {refused}");
    }
}

fn an_address_is_taken_once_however_many_ask_for_it(backend: Backend) {
    let app = TestApp::start(backend);
    let answers = at_once(8, || new_member(&app, "ada@example.org", PASSWORD));
    assert_eq!(answers.iter().filter(|answer| answer.status == 201).count(), 1);
    for answer in answers.iter().filter(|answer| answer.status != 201) {
        answer.problem(409, "email-taken");
    }
    new_member(&app, " ADA@Example.ORG", "another password").problem(409, "email-taken");
    assert_eq!(log_in(&app.anyone(), "Ada@example.org", PASSWORD).status, 201, "the first password holds");
}

#[test]
fn an_account_is_a_member_a_buyer_or_an_operator_and_never_two() {
    let app = TestApp::start(Backend::Sqlite);
    let pool_id = app.pool("The pool");
    let (buyer, _) = app.new_buyer("northwind");
    new_member(&app, "buyer@northwind.example", PASSWORD).problem(409, "email-taken");
    new_member(&app, "operator@example.org", PASSWORD).problem(409, "email-taken");
    let membership = format!("/v1/pools/{pool_id}/membership");
    for caller in [&buyer, &app.operator()] {
        caller.post(&membership, &json!({"text_version": 1, "purposes": []})).problem(403, "forbidden");
        caller.upload("/v1/histories", "application/zip", b"PK").problem(403, "forbidden");
        caller.get("/v1/votes").problem(403, "forbidden");
    }
    let member = app.member("ada");
    for caller in [&member, &app.operator()] {
        caller.post_once("/v1/offers", "k", &crate::common::actors::offer(A_DATASET, 1)).problem(403, "forbidden");
    }
    for caller in [&member, &buyer] {
        for path in ["/v1/organisations", "/v1/held-histories", "/v1/jobs", "/v1/audit-log", "/v1/listings"] {
            caller.get(path).problem(403, "forbidden");
        }
    }
}

#[test]
fn a_verification_is_good_once_and_for_three_days() {
    let app = TestApp::start(Backend::Sqlite);
    let verify = |token: &str| app.anyone().put("/v1/email-verifications", &json!({"token": token}));
    let [ada, bob] = ["ada", "bob"].map(|name| {
        app.member(name);
        app.run_jobs();
        app.token_mailed_to(&format!("{name}@example.org"), "verify_")
    });
    for wrong in ["", "verify_", &ada[..ada.len() - 1], &ada.replace("verify_", "reset_")] {
        verify(wrong).problem(422, "link-invalid");
    }
    app.advance_s(3 * 86_400 - 1);
    assert_eq!(verify(&ada).status, 204);
    assert_eq!(app.log_in("ada@example.org").get("/v1/me").ok()["email_verified"], true);
    verify(&ada).problem(422, "link-invalid");
    app.advance_s(1);
    verify(&bob).problem(422, "link-invalid");
    let caller = app.log_in("bob@example.org");
    assert_eq!(caller.get("/v1/me").ok()["email_verified"], false);
    assert_eq!(caller.post("/v1/email-verifications", &json!({})).status, 202);
    app.verify_email("bob@example.org");
}

#[test]
fn a_new_password_ends_every_session_and_the_old_password() {
    let app = TestApp::start(Backend::Sqlite);
    let session = new_member(&app, "ada@example.org", PASSWORD).json()["session"].clone();
    let ask = || app.anyone().post("/v1/password-resets", &json!({"email": "Ada@example.org"}));
    let set = |token: &str, password: &str| {
        app.anyone().put("/v1/password-resets", &json!({"token": token, "password": password}))
    };
    assert_eq!(ask().status, 202);
    app.run_jobs();
    let older = app.token_mailed_to("ada@example.org", "reset_");
    app.advance_s(1);
    ask().ok();
    app.run_jobs();
    let token = app.token_mailed_to("ada@example.org", "reset_");
    assert_ne!(older, token);
    set(&token, "short").problem(422, "invalid");
    set("reset_made-up", "a new password").problem(422, "link-invalid");
    assert_eq!(holding(&app, &session).get("/v1/me").status, 200, "nothing has happened yet");
    assert_eq!(set(&token, "a new password").status, 204);
    holding(&app, &session).get("/v1/me").problem(401, "not-authenticated");
    exchange(&app, &session["refresh_token"]).problem(401, "invalid-refresh-token");
    log_in(&app.anyone(), "ada@example.org", PASSWORD).problem(401, "invalid-credentials");
    assert_eq!(log_in(&app.anyone(), "ada@example.org", "a new password").status, 201);
    for used in [&token, &older] {
        set(used, "yet another password").problem(422, "link-invalid");
    }
    ask().ok();
    app.run_jobs();
    let late = app.token_mailed_to("ada@example.org", "reset_");
    app.advance_s(3_600);
    set(&late, "yet another password").problem(422, "link-invalid");
}

#[test]
fn asking_for_a_reset_does_not_tell_whether_there_is_an_account() {
    let app = TestApp::start(Backend::Sqlite);
    app.member("ada");
    app.run_jobs();
    let before = app.mails().len();
    let ask = |email: &str| {
        let answer = app.anyone().post("/v1/password-resets", &json!({"email": email}));
        let headers = answer.headers.into_iter().filter(|(name, _)| name != "date" && name != "x-request-id");
        (answer.status, answer.bytes, headers.collect::<Vec<_>>())
    };
    assert_eq!(ask("ada@example.org"), ask("nobody@example.org"));
    app.run_jobs();
    assert_eq!(app.mails().len(), before + 1);
    assert!(!app.mails().concat().contains("nobody@example.org"));
    let wrong = |email: &str| log_in(&app.anyone(), email, "not the password").problem(401, "invalid-credentials");
    assert_eq!(wrong("ada@example.org"), wrong("nobody@example.org"));
}

#[test]
fn a_changed_password_leaves_only_the_session_that_changed_it() {
    let app = TestApp::start(Backend::Sqlite);
    let (here, elsewhere) = (app.member("ada"), app.log_in("ada@example.org"));
    let change = |present: &str, new: &str| {
        here.put("/v1/me/password", &json!({"present_password": present, "new_password": new}))
    };
    change("not the password", "a new password").problem(401, "invalid-credentials");
    change(PASSWORD, "short").problem(422, "invalid");
    let session = change(PASSWORD, "a new password").ok();
    for old in [&here, &elsewhere] {
        old.get("/v1/me").problem(401, "not-authenticated");
    }
    assert_eq!(holding(&app, &session).get("/v1/me").status, 200);
}

#[test]
fn hundreds_of_accounts_from_one_place_are_refused() {
    let app = TestApp::start_with(Backend::Sqlite, |config| {
        config.auth.registrations = 3;
        config.server.trusted_proxies = vec![[127, 0, 0, 1].into()];
    });
    let from = |network: &str, name: &str| {
        let body = json!({"email": format!("{name}@example.org"), "password": PASSWORD});
        app.anyone().json("POST", "/v1/members", &[("x-forwarded-for", network)], &body)
    };
    for name in ["one", "two", "three"] {
        assert_eq!(from("192.0.2.1", name).status, 201);
    }
    let refused = from("192.0.2.1", "four");
    refused.problem(429, "too-many-requests");
    assert_eq!(from("192.0.2.2", "four").status, 201, "another network");
    app.advance_s(refused.header("retry-after").unwrap().parse().unwrap());
    assert_eq!(from("192.0.2.1", "five").status, 201);
}

#[test]
fn guessing_is_slowed_down_by_account_and_by_network() {
    let app = TestApp::start_with(Backend::Sqlite, |config| {
        config.auth.login_attempts = 3;
        config.server.trusted_proxies = vec![[127, 0, 0, 1].into()];
    });
    for name in ["ada", "bob"] {
        app.member(name);
    }
    let from = |network: &str, name: &str, password: &str| {
        let body = json!({"email": format!("{name}@example.org"), "password": password});
        app.anyone().json("POST", "/v1/sessions", &[("x-forwarded-for", network)], &body)
    };
    for _ in 0..3 {
        from("192.0.2.1", "ada", "a guess").problem(401, "invalid-credentials");
    }
    let refused = from("192.0.2.2", "ada", PASSWORD);
    refused.problem(429, "too-many-requests");
    let wait_s: i64 = refused.header("retry-after").unwrap().parse().unwrap();
    assert_eq!(wait_s, 900);
    from("192.0.2.1", "bob", PASSWORD).problem(429, "too-many-requests");
    assert_eq!(from("192.0.2.2", "bob", PASSWORD).status, 201, "another account from another network");
    app.advance_s(wait_s - 1);
    from("192.0.2.2", "ada", PASSWORD).problem(429, "too-many-requests");
    app.advance_s(1);
    assert_eq!(from("192.0.2.1", "ada", PASSWORD).status, 201);
}

#[test]
fn who_guesses_taken_addresses_is_slowed_down_too() {
    let app = TestApp::start_with(Backend::Sqlite, |config| config.auth.login_attempts = 3);
    app.member("ada");
    for _ in 0..3 {
        new_member(&app, "ada@example.org", PASSWORD).problem(409, "email-taken");
    }
    new_member(&app, "bob@example.org", PASSWORD).problem(429, "too-many-requests");
}

#[test]
fn a_used_refresh_token_that_turns_up_again_ends_its_session_and_no_other() {
    let app = TestApp::start(Backend::Sqlite);
    let first = new_member(&app, "ada@example.org", PASSWORD).json()["session"].clone();
    let elsewhere = log_in(&app.anyone(), "ada@example.org", PASSWORD).ok();
    let second = exchange(&app, &first["refresh_token"]).ok();
    assert_ne!(first["refresh_token"], second["refresh_token"]);
    let third = exchange(&app, &second["refresh_token"]).ok();
    for session in [&first, &second, &third] {
        assert_eq!(holding(&app, session).get("/v1/me").status, 200, "an access token lives to its own end");
    }
    exchange(&app, &first["refresh_token"]).problem(401, "invalid-refresh-token");
    exchange(&app, &third["refresh_token"]).problem(401, "invalid-refresh-token");
    for session in [&first, &second, &third] {
        holding(&app, session).get("/v1/me").problem(401, "not-authenticated");
    }
    assert_eq!(holding(&app, &elsewhere).get("/v1/me").status, 200);
    exchange(&app, &json!("refresh_made-up")).problem(401, "invalid-refresh-token");
    exchange(&app, &elsewhere["access_token"]).problem(401, "invalid-refresh-token");
    app.advance_days(29);
    let kept = exchange(&app, &elsewhere["refresh_token"]).ok();
    app.advance_days(30);
    exchange(&app, &kept["refresh_token"]).problem(401, "invalid-refresh-token");
}

fn a_refresh_token_is_exchanged_once_however_many_try(backend: Backend) {
    let app = TestApp::start(backend);
    let session = new_member(&app, "ada@example.org", PASSWORD).json()["session"].clone();
    let answers = at_once(8, || exchange(&app, &session["refresh_token"]));
    let (exchanged, refused): (Vec<_>, Vec<_>) = answers.iter().partition(|answer| answer.status == 200);
    assert_eq!((exchanged.len(), refused.len()), (1, 7));
    for answer in refused {
        answer.problem(401, "invalid-refresh-token");
    }
    let won = exchanged[0].json();
    exchange(&app, &won["refresh_token"]).problem(401, "invalid-refresh-token");
    holding(&app, &won).get("/v1/me").problem(401, "not-authenticated");
}

#[test]
fn a_session_that_was_ended_opens_nothing() {
    let app = TestApp::start(Backend::Sqlite);
    let [first, second, third] = [0, 1, 2].map(|i| {
        if i == 0 {
            new_member(&app, "ada@example.org", PASSWORD).json()["session"].clone()
        } else {
            log_in(&app.anyone(), "ada@example.org", PASSWORD).ok()
        }
    });
    assert_eq!(holding(&app, &first).delete("/v1/sessions/current").status, 204);
    holding(&app, &first).get("/v1/me").problem(401, "not-authenticated");
    exchange(&app, &first["refresh_token"]).problem(401, "invalid-refresh-token");
    assert_eq!(holding(&app, &second).get("/v1/me").status, 200);
    assert_eq!(holding(&app, &second).delete("/v1/sessions").status, 204);
    for session in [&second, &third] {
        holding(&app, session).get("/v1/me").problem(401, "not-authenticated");
        exchange(&app, &session["refresh_token"]).problem(401, "invalid-refresh-token");
    }
}

#[test]
fn a_disabled_account_is_out_at_once_and_may_be_let_in_again() {
    let app = TestApp::start(Backend::Sqlite);
    let member = app.member("ada");
    let operator = app.operator();
    let path = |caller: &Caller| format!("/v1/accounts/{}/state", caller.get("/v1/me").ok()["id"].as_str().unwrap());
    let (ada, own) = (path(&member), path(&operator));
    let set = |path: &str, state: &str, reason: &str| operator.put(path, &json!({"state": state, "reason": reason}));
    set(&ada, "disabled", " ").problem(422, "invalid");
    set(&ada, "left", "She asked.").problem(422, "invalid");
    set(&own, "disabled", "Good night.").problem(409, "conflict");
    set("/v1/accounts/nobody/state", "disabled", "Who?").problem(404, "not-found");
    member.put(&ada, &json!({"state": "disabled", "reason": "x"})).problem(403, "forbidden");
    assert_eq!(set(&ada, "disabled", "The address is not hers.").ok()["state"], "disabled");
    set(&ada, "disabled", "Twice.").problem(409, "conflict");
    member.get("/v1/me").problem(401, "not-authenticated");
    log_in(&app.anyone(), "ada@example.org", PASSWORD).problem(401, "invalid-credentials");
    assert_eq!(set(&ada, "active", "It is hers.").ok()["state"], "active");
    member.get("/v1/me").problem(401, "not-authenticated");
    app.log_in("ada@example.org");
}

#[test]
fn what_another_server_decided_is_believed_within_a_minute() {
    let app = TestApp::start(Backend::Sqlite);
    let (member, now) = (app.member("ada"), app.ctx.clock.now());
    assert_eq!(member.get("/v1/me").status, 200);
    let ada = accounts::table.filter(accounts::email.eq("ada@example.org"));
    let disabled = (accounts::state.eq("disabled"), accounts::updated_at.eq(now));
    let write = app.ctx.db.write(move |tx| Ok(diesel::update(ada).set(disabled).execute(&mut **tx)?));
    assert_eq!(app.block_on(write).unwrap(), 1);
    app.advance_s(59);
    assert_eq!(member.get("/v1/pools").status, 200);
    app.advance_s(1);
    member.get("/v1/me").problem(401, "not-authenticated");
}

fn an_application_is_returned_mended_and_approved(backend: Backend) {
    let app = TestApp::start(backend);
    let (buyer, id) = app.new_buyer("northwind");
    app.verify_email("buyer@northwind.example");
    let operator = app.operator();
    let (path, decisions) = (format!("/v1/organisations/{id}"), format!("/v1/organisations/{id}/decisions"));
    let state = |state: &str| operator.get(&format!("/v1/organisations?state={state}")).ok()["items"][0]["id"].clone();
    assert_eq!(state("pending"), id);
    for wrong in [
        json!({"outcome": "return", "reason": ""}),
        json!({"outcome": "perhaps", "reason": "x"}),
        json!({"outcome": "approve"}),
    ] {
        operator.post(&decisions, &wrong).problem(422, "invalid");
    }
    buyer.post(&decisions, &json!({"outcome": "approve", "reason": "me"})).problem(403, "forbidden");
    operator.post(&decisions, &json!({"outcome": "return", "reason": "Name-the-readers"})).ok();
    app.run_jobs();
    let told = |word: &str| app.mails().iter().any(|m| m.contains("buyer@northwind.example") && m.contains(word));
    assert!(told("Name-the-readers"));
    let mut profile = buyer.get(&path).ok()["profile"].clone();
    assert_eq!((buyer.get(&path).ok()["state"].clone(), state("returned")), (json!("returned"), json!(id)));
    operator.post(&decisions, &json!({"outcome": "approve", "reason": "x"})).problem(409, "conflict");
    profile["purpose"] = json!("Measuring how listeners find music; read by three people.");
    let (stranger, _) = app.new_buyer("stranger");
    stranger.put(&path, &profile).problem(404, "not-found");
    stranger.get(&path).problem(404, "not-found");
    app.member("ada").get(&path).problem(404, "not-found");
    let mended = buyer.put(&path, &profile).ok();
    assert_eq!((&mended["state"], &mended["profile"]), (&json!("pending"), &profile));
    operator.post(&decisions, &json!({"outcome": "approve", "reason": "Good-to-know"})).ok();
    app.run_jobs();
    assert!(told("Good-to-know"));
    assert_eq!(buyer.get(&path).ok()["state"], "approved");
    buyer.put(&path, &profile).problem(409, "conflict");
    operator.post(&decisions, &json!({"outcome": "approve", "reason": "x"})).problem(409, "conflict");
    moved_offices(&app, &buyer, &path, &decisions);
}

/// Details that have changed since the approval are read anew, and what is approved is what was read.
fn moved_offices(app: &TestApp, buyer: &Caller, path: &str, decisions: &str) {
    let operator = app.operator();
    let waiting = || app.mails().iter().filter(|mail| mail.contains("applies to buy")).count();
    let before = waiting();
    operator.post(decisions, &json!({"outcome": "return", "reason": "Please name your new address."})).ok();
    app.ctx.clock.advance_s(60).unwrap();
    let mut profile = buyer.get(path).ok()["profile"].clone();
    profile["address"] = json!("9 New Street\nLeeds");
    let read = buyer.put(path, &profile).ok()["updated_at"].clone();
    app.run_jobs();
    assert_eq!(waiting(), before + 1, "operators are told of an application that was handed in again");
    app.ctx.clock.advance_s(60).unwrap();
    buyer.put(path, &profile).ok();
    let approval = |as_of| json!({"outcome": "approve", "reason": "x", "as_of": as_of});
    operator.post(decisions, &approval(read)).problem(409, "conflict");
    let read = operator.get(path).ok()["updated_at"].clone();
    operator.post(decisions, &approval(read)).ok();
}

#[test]
fn a_refused_application_says_why_and_from_when_it_may_come_again() {
    let app = TestApp::start(Backend::Sqlite);
    let (buyer, id) = app.new_buyer("northwind");
    let (path, decisions) = (format!("/v1/organisations/{id}"), format!("/v1/organisations/{id}/decisions"));
    let reject = |from: &str| {
        let decision =
            json!({"outcome": "reject", "reason": "The register knows no such name.", "may_reapply_at": from});
        app.operator().post(&decisions, &decision)
    };
    reject("2026-02-28T00:00:00Z").problem(422, "invalid");
    reject("soon").problem(422, "invalid");
    let rejected = reject("2026-03-08T12:00:00Z").ok();
    assert_eq!((&rejected["state"], &rejected["may_reapply_at"]), (&json!("rejected"), &json!("2026-03-08T12:00:00Z")));
    let profile = buyer.get(&path).ok()["profile"].clone();
    let early = buyer.put(&path, &profile).problem(409, "conflict");
    assert!(early["detail"].as_str().unwrap().contains("2026-03-08T12:00:00Z"), "{early}");
    app.advance_days(7);
    let buyer = app.log_in("buyer@northwind.example");
    assert_eq!(buyer.put(&path, &profile).ok()["state"], "pending");
}
