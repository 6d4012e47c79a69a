//! From an event to a file in the mail directory.

use super::*;
use crate::accounts::actions;
use crate::accounts::address::ClientAddress;
use crate::accounts::auth::Auth;
use crate::accounts::caller::Operator;
use crate::accounts::model::{Decision, Profile};
use crate::db::schema::outbox as rows;
use crate::outbox::EventState;
use diesel::prelude::*;
use std::net::{IpAddr, Ipv4Addr};

const FROM: ClientAddress = ClientAddress(IpAddr::V4(Ipv4Addr::LOCALHOST));

/// Sends until nothing is due, and says how many events that took.
pub async fn drain(ctx: &Context) -> usize {
    let mut taken = 0;
    loop {
        match send_due(ctx).await.unwrap() {
            0 => return taken,
            n => taken += n,
        }
    }
}

/// The mails written so far, oldest first.
pub fn mails(ctx: &Context) -> Vec<String> {
    let directory = std::fs::read_dir(ctx.config.mail_dir()).unwrap();
    let mut paths: Vec<_> = directory.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths.iter().map(|path| std::fs::read_to_string(path).unwrap()).collect()
}

fn token(mail: &str, kind: &str) -> String {
    mail.lines().find(|line| line.starts_with(kind)).expect("the token has a line of its own").to_owned()
}

/// Kind, state and attempts of every event, oldest first.
pub async fn states(ctx: &Context) -> Vec<(String, EventState, i32)> {
    let columns = (rows::kind, rows::state, rows::attempts);
    ctx.db.read(move |db| Ok(rows::table.order(rows::id).select(columns).load(db)?)).await.unwrap()
}

fn profile() -> Profile {
    Profile {
        legal_name: "Éditions du Nord".into(),
        country: "FR".into(),
        website: "https://nord.example".into(),
        purpose: "Measuring how listeners find music.".into(),
        address: "1 rue du Nord, Lille".into(),
        tax_id: String::new(),
    }
}

#[tokio::test]
async fn the_mailed_tokens_work_and_are_stored_nowhere_in_the_clear() {
    let (ctx, _directory) = Context::for_tests();
    let auth = Auth::start(&ctx).unwrap();
    let registered = actions::register_member(&ctx, &auth, FROM, "ada@example.org", "correct horse".into());
    registered.await.unwrap();
    drain(&ctx).await;
    let verify = token(&mails(&ctx)[0], "verify_");
    actions::verify_email(&ctx, &verify).await.unwrap();
    ctx.clock.advance_s(1).unwrap();
    actions::ask_reset(&ctx, &auth, FROM, "ada@example.org").await.unwrap();
    actions::ask_reset(&ctx, &auth, FROM, "nobody@example.org").await.unwrap();
    drain(&ctx).await;
    let all = mails(&ctx);
    assert_eq!(all.len(), 2, "nobody gets nothing");
    let reset = token(&all[1], "reset_");
    actions::reset_password(&ctx, &auth, &reset, "a new password".into()).await.unwrap();
    let payloads: Vec<String> = ctx.db.read(|db| Ok(rows::table.select(rows::payload_json).load(db)?)).await.unwrap();
    assert!(payloads.iter().all(|payload| !payload.contains("verify_") && !payload.contains("reset_")));
    assert!(states(&ctx).await.iter().all(|(_, state, _)| *state == EventState::Sent));
}

#[tokio::test]
async fn an_application_reaches_every_operator_and_its_decision_the_buyer() {
    let (ctx, _directory) = Context::for_tests();
    let auth = Auth::start(&ctx).unwrap();
    let mut operators = Vec::new();
    for n in 0..3 {
        let email = format!("op{n}@refrain.example");
        operators.push(actions::add_operator(&ctx, &email, "correct horse".into()).await.unwrap());
    }
    let buyer = "ada@nord.example";
    let done = actions::register_organisation(&ctx, &auth, FROM, profile(), buyer, "correct horse".into());
    let organisation = done.await.unwrap().organisation.unwrap();
    drain(&ctx).await;
    let all = mails(&ctx);
    for n in 0..3 {
        let to = format!("To: op{n}@refrain.example\r\n");
        assert_eq!(all.iter().filter(|mail| mail.contains(&to)).count(), 1);
    }
    let verify = all.iter().find(|mail| mail.contains(buyer)).map(|mail| token(mail, "verify_")).unwrap();
    actions::verify_email(&ctx, &verify).await.unwrap();
    ctx.clock.advance_s(1).unwrap();
    let operator = Operator { account_id: operators[0].id.clone() };
    let decision = Decision::Return { reason: "Who will have access?".into(), as_of: None };
    actions::decide(&ctx, &operator, organisation.id, decision).await.unwrap();
    drain(&ctx).await;
    let all = mails(&ctx);
    assert_eq!(all.len(), 5);
    assert!(all[4].contains(&format!("To: {buyer}\r\n")) && all[4].contains("Who will have access?"));
}

#[tokio::test]
async fn an_address_that_was_not_verified_gets_no_other_mail() {
    let (ctx, _directory) = Context::for_tests();
    let auth = Auth::start(&ctx).unwrap();
    let operator = actions::add_operator(&ctx, "op@refrain.example", "correct horse".into()).await.unwrap();
    let done = actions::register_organisation(&ctx, &auth, FROM, profile(), "ada@nord.example", "correct horse".into());
    let organisation = done.await.unwrap().organisation.unwrap();
    let decision = Decision::Approve { reason: "Known to us.".into(), as_of: None };
    let operator = Operator { account_id: operator.id };
    actions::decide(&ctx, &operator, organisation.id, decision).await.unwrap();
    drain(&ctx).await;
    let all = mails(&ctx);
    assert_eq!(all.len(), 1, "the application no longer waits, the decision has no address");
    assert!(all[0].contains("confirm"));
}

#[tokio::test]
async fn an_event_that_cannot_be_worded_is_set_aside_and_holds_up_no_other() {
    let (ctx, _directory) = Context::for_tests();
    let auth = Auth::start(&ctx).unwrap();
    ctx.db.write(|tx| outbox::push(tx, "of.no.kind", &serde_json::json!({}))).await.unwrap();
    ctx.db.write(|tx| outbox::push(tx, "account.verify", &serde_json::json!({}))).await.unwrap();
    actions::register_member(&ctx, &auth, FROM, "ada@example.org", "correct horse".into()).await.unwrap();
    drain(&ctx).await;
    assert_eq!(mails(&ctx).len(), 1);
    for _ in 0..10 {
        ctx.clock.advance_s(86_400).unwrap();
        drain(&ctx).await;
    }
    let dead =
        states(&ctx).await.into_iter().filter(|(_, state, attempts)| *state == EventState::Dead && *attempts == 8);
    assert_eq!(dead.count(), 2);
}

#[tokio::test]
async fn what_was_taken_and_not_sent_is_taken_again() {
    let (ctx, _directory) = Context::for_tests();
    let auth = Auth::start(&ctx).unwrap();
    actions::register_member(&ctx, &auth, FROM, "ada@example.org", "correct horse".into()).await.unwrap();
    ctx.db.write(|tx| outbox::claim(tx, BATCH, LEASE_S)).await.unwrap();
    assert_eq!(drain(&ctx).await, 0, "somebody else is at it");
    ctx.clock.advance_s(LEASE_S + 1).unwrap();
    assert_eq!(drain(&ctx).await, 1);
    assert_eq!(mails(&ctx).len(), 1);
}

#[tokio::test]
async fn an_event_for_more_than_one_write_holds_is_split_on_and_reaches_each_once() {
    let (ctx, _directory) = Context::for_tests();
    let many = SPLIT * 2 + 7;
    for n in 0..many {
        actions::add_operator(&ctx, &format!("op{n}@refrain.example"), "correct horse".into()).await.unwrap();
    }
    let auth = Auth::start(&ctx).unwrap();
    let done = actions::register_organisation(&ctx, &auth, FROM, profile(), "ada@nord.example", "correct horse".into());
    done.await.unwrap();
    drain(&ctx).await;
    let mut to: Vec<String> = mails(&ctx)
        .iter()
        .filter_map(|mail| mail.lines().find(|line| line.starts_with("To: op")).map(str::to_owned))
        .collect();
    assert_eq!(to.len(), many);
    to.sort();
    to.dedup();
    assert_eq!(to.len(), many);
    let copies = states(&ctx).await.into_iter().filter(|(kind, ..)| kind == "organisation.registered").count();
    assert_eq!(copies, many + 3, "the event, and one for each of the two further rounds");
}
