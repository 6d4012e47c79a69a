//! Recalls that end in money, or nearly: how much goes back, and that no member pays for it.

use crate::common::http::Caller;
use crate::common::market::{Market, Sold, id, items, revealing, usd};
use crate::common::receiver::Receiver;
use crate::common::{Backend, TestApp};
use crate::recall::{DAY_S, DRAW, PRICE, edition_of, licence, mails, market, problems, recall, shares};
use serde_json::{Value, json};
use std::collections::BTreeMap;

crate::on_both_databases!(
    a_refund_is_for_the_rest_of_the_term_and_takes_nothing_from_members,
    programs_are_told_why_and_how_much_goes_back,
    programs_are_told_of_the_edition_that_takes_its_place,
    where_the_budget_does_not_suffice_only_a_refund_is_possible,
    a_replacement_that_nobody_is_left_for_is_given_up,
);

fn a_refund_is_for_the_rest_of_the_term_and_takes_nothing_from_members(backend: Backend) {
    let market = Market::with(
        backend,
        8,
        &json!({"pool": {"tax_bp": 1_900, "fee_bp": 1_000}, "recipe": revealing(), "dataset": {"rows_promised": 3}}),
    );
    let sold = market.sell(100_003);
    let paid = shares(&market);
    market.app.advance_days(10);
    let done = recall(&market.operator, &edition_of(&sold.licence), "security", "refund").ok();
    assert_eq!((&done["recall"]["state"], &done["licences"]), (&json!("refunded"), &json!(1)));
    let ended = licence(&market, &sold);
    assert_eq!(ended["state"], "recalled");
    let refused = market.buyer.get(&format!("/v1/licences/{}/files", id(&ended))).problem(403, "edition-recalled");
    assert!(refused["detail"].as_str().unwrap().contains("The licence has ended with it"), "{refused}");
    // Twenty of thirty days: 66,668.67 and 12,667.33 in minor units, each rounded by itself.
    let purchase = market.purchase(&id(&sold.purchase));
    assert_eq!(purchase["refund_due"], usd(66_669 + 12_667));
    assert_eq!((shares(&market), problems(&market)), (paid.clone(), Vec::new()), "members keep what is theirs");
    let told = mails(&market, "an edition of");
    assert!(told.len() == 1 && told[0].contains("USD 793.36 of your payment goes back"), "{told:?}");
    let back = |amount: i64| {
        let payment = json!({"amount": usd(amount), "payment_reference": "back 1"});
        market.operator.post_once(&format!("/v1/purchases/{}/refund", id(&purchase)), &market.key(), &payment)
    };
    back(79_335).problem(422, "invalid");
    assert!(back(79_336).ok().get("refund_due").is_none());
    back(79_336).problem(409, "conflict");
    assert_eq!((shares(&market), problems(&market)), (paid, Vec::new()));
    market.app.advance_days(30);
    assert_eq!(licence(&market, &sold)["state"], "recalled", "the end of its term is nothing any more");
    assert_eq!(market.budget(), (0, DRAW), "what was drawn stays spent");
}

/// A market whose buyer has bought, and has its programs told of everything from now on.
fn told_market(backend: Backend) -> (Market, Sold, Receiver) {
    let app = TestApp::start_with(backend, crate::webhooks::open);
    let market = Market::within(app, 8, &json!({"recipe": revealing(), "dataset": {"rows_promised": 3}}));
    let (sold, receiver) = (market.sell(PRICE), Receiver::open());
    market.buyer.post("/v1/webhooks", &json!({"url": receiver.url()})).ok();
    (market, sold, receiver)
}

/// What is told, by its type.
fn told(market: &Market, receiver: &Receiver) -> BTreeMap<String, Value> {
    market.app.run_jobs();
    receiver.take().iter().map(|one| (one.event(), one.json()["data"].clone())).collect()
}

fn programs_are_told_why_and_how_much_goes_back(backend: Backend) {
    let (market, sold, receiver) = told_market(backend);
    let listed = || market.app.anyone().get("/v1/datasets").ok()["items"][0]["updated_at"].clone();
    let before = listed();
    market.app.advance_days(1);
    recall(&market.operator, &edition_of(&sold.licence), "security", "refund").ok();
    let told = told(&market, &receiver);
    let recalled = &told["edition.recalled"];
    assert_eq!((&recalled["ground"], &recalled["recall"]), (&json!("security"), &json!("refunded")), "{recalled}");
    assert_eq!(recalled["reason"], licence(&market, &sold)["recall"]["reason"], "the operator's words");
    assert!(recalled["reason"].is_string() && recalled["ended_at"].is_string(), "{recalled}");
    assert_eq!(told["invoice.refund_due"]["refund"], market.purchase(&id(&sold.purchase))["refund_due"]);

    // Whoever harvests the catalogue hears of it, and the version does not go back.
    assert!(listed().as_str() > before.as_str(), "{} was {before}", listed());
    let croissant = market.app.anyone().get(&format!("/v1/datasets/{}/croissant.json", market.dataset_id)).ok();
    assert_eq!(croissant["version"], "1.0.0");
}

fn programs_are_told_of_the_edition_that_takes_its_place(backend: Backend) {
    let (market, sold, receiver) = told_market(backend);
    recall(&market.operator, &edition_of(&sold.licence), "error", "replacement").ok();
    let told = told(&market, &receiver);
    let types: Vec<&str> = told.keys().map(String::as_str).collect();
    assert_eq!(types, ["edition.published", "edition.recalled", "licence.replaced"]);
    assert_eq!(told["edition.published"]["number"], 2);
    assert_eq!(told["edition.published"]["edition_id"], told["licence.replaced"]["edition_id"]);
    let recalled = told["edition.recalled"]["edition_id"].as_str().unwrap();
    assert_eq!(edition_of(&sold.licence), format!("/v1/editions/{recalled}"));
}

#[test]
fn for_an_error_all_goes_back_that_the_terms_state() {
    let market = Market::with(Backend::Sqlite, 8, &json!({"recipe": revealing(), "dataset": {"rows_promised": 3}}));
    let sold = market.sell(PRICE);
    market.app.advance_days(20);
    recall(&market.operator, &edition_of(&sold.licence), "error", "refund").ok();
    assert_eq!(market.purchase(&id(&sold.purchase))["refund_due"], usd(PRICE));
    assert_eq!(items(&market.members[0].get("/v1/payouts").ok()).len(), 1);
    assert_eq!(problems(&market), Vec::<String>::new());
}

#[test]
fn what_was_refunded_for_too_few_rows_is_not_refunded_again() {
    let market = Market::with(Backend::Sqlite, 30, &json!({"dataset": {"rows_promised": 9}}));
    let sold = market.sell(PRICE);
    assert_eq!(
        (&sold.licence["rows_short"], &market.purchase(&id(&sold.purchase))["refund_due"]),
        (&json!(true), &usd(PRICE))
    );
    recall(&market.operator, &edition_of(&sold.licence), "error", "refund").ok();
    assert_eq!(market.purchase(&id(&sold.purchase))["refund_due"], usd(PRICE));
    assert_eq!(problems(&market), Vec::<String>::new());
}

fn where_the_budget_does_not_suffice_only_a_refund_is_possible(backend: Backend) {
    let market = market(backend);
    let first = market.sell(PRICE);
    let second = market.sell(PRICE);
    assert_eq!(market.budget(), (0, 2 * DRAW));
    let edition = edition_of(&first.licence);
    let refused = recall(&market.operator, &edition, "error", "replacement").problem(409, "budget-exhausted");
    assert!(refused["detail"].as_str().unwrap().contains("only a refund"), "{refused}");
    let files = format!("/v1/licences/{}/files", id(&first.licence));
    assert_eq!(market.buyer.get(&files).status, 200, "nothing was recalled");
    recall(&market.operator, &edition, "error", "refund").ok();
    market.buyer.get(&files).problem(403, "edition-recalled");
    assert_eq!(licence(&market, &second)["state"], "active", "another edition is another");
    let stock = market.send(&market.buyer, &market.asks(PRICE, &json!({"edition": "stock"}))).ok();
    assert_eq!(stock["edition_id"], second.licence["edition_id"]);
}

#[test]
fn a_replacement_with_fewer_rows_than_the_terms_promise_is_none() {
    let market = market(Backend::Sqlite);
    let sold = market.sell(PRICE);
    recall(&market.operator, &edition_of(&sold.licence), "security", "replacement").ok();
    for member in &market.members[1..] {
        member.delete(&format!("/v1/pools/{}/membership", market.pool_id)).ok();
    }
    market.app.ctx.clock.advance_s(15 * DAY_S).unwrap();
    market.app.run_jobs();
    let ended = licence(&market, &sold);
    assert_eq!((&ended["state"], &ended["recall"]["state"]), (&json!("recalled"), &json!("replaced")), "{ended}");
    // All of the term was still to come when the files were taken away.
    assert_eq!(market.purchase(&id(&sold.purchase))["refund_due"], usd(PRICE));
    assert_eq!(problems(&market), Vec::<String>::new());
}

fn a_replacement_that_nobody_is_left_for_is_given_up(backend: Backend) {
    let market = market(backend);
    let sold = market.sell(PRICE);
    let edition = edition_of(&sold.licence);
    market.app.advance_days(15);
    recall(&market.operator, &edition, "legal_claim", "replacement").ok();
    let give_up =
        |by: &Caller, reason: &str| by.post(&format!("{edition}/give-up-replacement"), &json!({"reason": reason}));
    for member in &market.members {
        member.delete(&format!("/v1/pools/{}/membership", market.pool_id)).ok();
    }
    market.app.run_jobs();
    let replacement = market.operator.get(&edition).ok()["recall"]["replacement_id"].as_str().unwrap().to_owned();
    let failed = market.operator.get(&format!("/v1/editions/{replacement}")).ok();
    assert!(failed["failure"].as_str().unwrap().contains("Nobody is left to draw from"), "{failed}");
    assert_eq!((licence(&market, &sold)["state"].clone(), market.budget()), (json!("suspended"), (DRAW, DRAW)));
    give_up(&market.buyer, "Money, please.").problem(403, "forbidden");
    give_up(&market.operator, " ").problem(422, "invalid");
    market.app.ctx.clock.advance_s(5 * DAY_S).unwrap();
    let done = give_up(&market.operator, "Nobody is left.").ok();
    assert_eq!((&done["recall"]["state"], &done["licences"]), (&json!("refunded"), &json!(1)));
    assert!(done["recall"].get("replacement_id").is_none(), "{done}");
    give_up(&market.operator, "Once more.").problem(409, "conflict");
    assert_eq!((licence(&market, &sold)["state"].clone(), market.budget()), (json!("recalled"), (0, DRAW)));
    assert_eq!(market.purchase(&id(&sold.purchase))["refund_due"], usd(PRICE / 2), "from the day of the recall on");
    let told = mails(&market, "an edition of");
    let why =
        told.iter().filter(|mail| mail.contains("was given up. The operator says: =E2=80=9CNobody is left.=E2=80=9D"));
    assert_eq!((told.len(), why.count()), (2, 1), "the recall, and that nothing takes its place: {told:?}");
    market.app.advance_days(1);
    assert_eq!(market.operator.get(&format!("/v1/editions/{replacement}")).ok()["state"], "cancelled");
    assert_eq!(problems(&market), Vec::<String>::new());
}

#[test]
fn a_notice_runs_on_while_the_term_stands_still() {
    let market = market(Backend::Sqlite);
    let offer = market.send(&market.buyer, &market.asks(PRICE, &json!({"period_days": 100}))).ok();
    market.app.run_jobs();
    let purchase = market.settle(&market.accept(&id(&offer)));
    market.app.run_jobs();
    let sold = Sold { offer_id: id(&offer), licence: market.licence_of(&purchase), purchase };
    let path = format!("/v1/licences/{}", id(&sold.licence));
    let revoke = json!({"ground": sold.licence["terms"]["revocation"]["grounds"][0], "reason": "Rows were published."});
    market.operator.post(&format!("{path}/revoke"), &revoke).ok();
    market.app.advance_days(10);
    recall(&market.operator, &edition_of(&sold.licence), "security", "replacement").ok();
    let suspended = licence(&market, &sold);
    assert_eq!((&suspended["state"], suspended["revoked_from"].is_string()), (&json!("suspended"), true));
    market.app.ctx.clock.advance_s(20 * DAY_S).unwrap();
    let refused = market.buyer.get(&format!("{path}/files")).problem(403, "licence-revoked");
    assert!(refused["detail"].as_str().unwrap().contains("Rows were published."), "{refused}");
    market.app.run_jobs();
    let ended = licence(&market, &sold);
    assert_eq!((&ended["state"], &ended["edition_id"]), (&json!("revoked"), &sold.licence["edition_id"]));
    assert!(market.purchase(&id(&sold.purchase)).get("refund_due").is_none());
    assert_eq!(problems(&market), Vec::<String>::new());
}

#[test]
fn under_notice_no_more_is_refunded_than_until_its_end() {
    let market = market(Backend::Sqlite);
    let offer = market.send(&market.buyer, &market.asks(PRICE, &json!({"period_days": 90}))).ok();
    market.app.run_jobs();
    let purchase = market.settle(&market.accept(&id(&offer)));
    market.app.run_jobs();
    let licence = market.licence_of(&purchase);
    let revoke = json!({"ground": licence["terms"]["revocation"]["grounds"][0], "reason": "Rows were published."});
    market.operator.post(&format!("/v1/licences/{}/revoke", id(&licence)), &revoke).ok();
    recall(&market.operator, &edition_of(&licence), "security", "refund").ok();
    assert_eq!(market.purchase(&id(&purchase))["refund_due"], usd(PRICE / 3), "thirty days of ninety");
    assert_eq!(problems(&market), Vec::<String>::new());
}
