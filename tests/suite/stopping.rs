//! Stopping the drawing of an edition, from wherever, until an operator has it taken up again.

use crate::common::Backend;
use crate::common::http::Caller;
use crate::common::market::{Market, id, items};
use serde_json::{Value, json};
use std::sync::atomic::{AtomicBool, Ordering};

const PRICE: i64 = 50_000;

/// A sale that is paid, and whose edition waits to be drawn: the purchase, and the edition's path.
fn waiting(market: &Market) -> (Value, String) {
    let purchase = market.settle(&market.accept(&market.place(PRICE)));
    let edition_id = market.licence_of(&purchase)["edition_id"].as_str().unwrap().to_owned();
    (purchase, format!("/v1/editions/{edition_id}"))
}

fn stop(operator: &Caller, edition: &str, reason: &str) -> crate::common::http::Answer {
    operator.post(&format!("{edition}/stop-draw"), &json!({"reason": reason}))
}

/// The one job that was set aside.
fn set_aside(market: &Market) -> Value {
    let dead = items(&market.operator.get("/v1/jobs?state=dead").ok());
    assert_eq!(dead.len(), 1, "{dead:?}");
    dead[0].clone()
}

fn retry(market: &Market) {
    let job_id = id(&set_aside(market));
    assert_eq!(market.operator.post(&format!("/v1/jobs/{job_id}/retry"), &json!({})).status, 204);
    market.app.run_jobs();
}

fn stored_editions(market: &Market) -> usize {
    market.app.stored_files().iter().filter(|key| key.starts_with("editions/")).count()
}

crate::on_both_databases!(
    a_draw_that_has_not_begun_is_set_aside_until_it_is_started_again,
    a_draw_that_is_under_way_elsewhere_stops_and_publishes_nothing
);

fn a_draw_that_has_not_begun_is_set_aside_until_it_is_started_again(backend: Backend) {
    let market = Market::open(backend, 8);
    let (purchase, edition) = waiting(&market);
    let (reserved, operator) = (market.budget(), &market.operator);
    assert_eq!(operator.get(&edition).ok()["percent"], Value::Null);
    stop(&market.buyer, &edition, "Mine.").problem(403, "forbidden");
    stop(operator, &edition, "  ").problem(422, "invalid");
    stop(operator, "/v1/editions/edition_01jd2k8m0wfv9s3x6q4r7t5y2z", "Nobody's.").problem(404, "not-found");
    let stopped = stop(operator, &edition, "The machine is needed today.").ok();
    assert_eq!((&stopped["state"], &stopped["stage"]), (&json!("failed"), &json!("stopped")));
    assert!(stopped["failure"].as_str().unwrap().contains("The machine is needed today."), "{stopped}");
    stop(operator, &edition, "Once more.").problem(409, "conflict");
    market.app.run_jobs();
    let job = set_aside(&market);
    assert_eq!((&job["kind"], &job["attempts"]), (&json!("draw_edition"), &json!(0)));
    assert!(job["last_error"].as_str().unwrap().contains("stopped"), "{job}");
    let aside = stop(operator, &edition, "Once more.").problem(409, "conflict");
    assert!(aside["detail"].as_str().unwrap().contains("set aside"), "{aside}");
    assert_eq!((market.licence_of(&purchase)["state"].clone(), market.budget()), (json!("preparing"), reserved));
    assert_eq!((market.buyer.get(&edition).ok()["state"].clone(), stored_editions(&market)), (json!("failed"), 0));

    retry(&market);
    assert_eq!(market.licence_of(&purchase)["state"], "active");
    assert_eq!(operator.get(&edition).ok()["percent"], 100);
    assert_eq!(market.buyer.get(&edition).ok()["percent"], Value::Null, "how fast it went is for operators");
    stop(operator, &edition, "Too late.").problem(409, "conflict");
    let acts = items(&operator.get("/v1/audit-log").ok());
    let noted = acts.iter().find(|act| act["action"] == "edition.stop_draw").unwrap();
    assert_eq!(noted["reason"], "The machine is needed today.");
    assert_eq!(acts.iter().filter(|act| act["action"] == "edition.stop_draw").count(), 1);
}

fn a_draw_that_is_under_way_elsewhere_stops_and_publishes_nothing(backend: Backend) {
    let market = Market::open(backend, 8);
    let (purchase, edition) = waiting(&market);
    let reserved = market.budget();
    let (operator, path, asked) = (market.operator.clone(), edition.clone(), AtomicBool::new(false));
    // The first word of progress comes while the plays are read.
    let meanwhile = move |_| {
        if !asked.swap(true, Ordering::SeqCst) {
            stop(&operator, &path, "Stop it.").ok();
        }
    };
    let edition_id = refrain::ids::EditionId::parse(edition.rsplit('/').next().unwrap()).unwrap();
    let is_over = market.app.block_on(refrain::purchases::actions::draw(&market.app.ctx, &edition_id, meanwhile));
    assert!(!is_over.unwrap(), "the draw says that it was stopped");
    assert_eq!((stored_editions(&market), market.budget()), (0, reserved));
    let after = market.operator.get(&edition).ok();
    assert_eq!((&after["state"], &after["published_at"]), (&json!("failed"), &Value::Null));
    market.app.run_jobs();
    assert_eq!(market.licence_of(&purchase)["state"], "preparing");
    retry(&market);
    assert_eq!(market.licence_of(&purchase)["state"], "active");
    assert!(stored_editions(&market) > 0);
}

#[test]
fn what_was_stopped_may_be_given_up_and_costs_nothing_where_nothing_was_drawn() {
    let market = Market::open(Backend::Sqlite, 2);
    let (purchase, edition) = waiting(&market);
    stop(&market.operator, &edition, "It cannot be drawn.").ok();
    market.app.run_jobs();
    let licence = format!("/v1/licences/{}", id(&market.licence_of(&purchase)));
    market.operator.post(&format!("{licence}/cancel"), &json!({"reason": "It cannot be drawn."})).ok();
    assert_eq!(market.budget(), (0, 0));
    stop(&market.operator, &edition, "Once more.").problem(409, "conflict");
    retry(&market);
    assert_eq!(market.operator.get(&edition).ok()["state"], "cancelled");
}
