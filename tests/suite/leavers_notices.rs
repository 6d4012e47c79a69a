//! The notice that licensees get once a quarter: how many of the members in their editions have left.

use crate::common::Backend;
use crate::common::market::{Market, id, items};
use refrain::ids::OrganisationId;
use serde_json::{Value, json};
use std::sync::Barrier;

const PRICE: i64 = 50_000;
const DAY_S: i64 = 86_400;

crate::on_both_databases!(
    each_quarter_a_holder_is_told_in_one_mail,
    small_numbers_are_told_as_none_is_and_others_in_tens,
    servers_crashes_and_clocks_make_no_second_notice,
);

/// A licence for years, sold in March.
fn sold(market: &Market, dataset_id: &str) -> Value {
    let asks = json!({"dataset_id": dataset_id, "period_days": 3_000});
    let offer = market.send(&market.buyer, &market.asks(PRICE, &asks)).ok();
    market.app.run_jobs();
    let vote_id = market.vote_id(&id(&offer));
    for member in 0..market.members.len() {
        // Who has left has no vote any more.
        let status = market.cast(member, &vote_id, "yes").status;
        assert!([200, 401, 404].contains(&status), "{status}");
    }
    market.close_votes();
    let settled = market.settle(&market.purchase_of(&id(&offer)));
    market.app.run_jobs();
    market.licence_of(&settled)
}

fn notices(market: &Market, licence: &Value) -> Vec<Value> {
    items(&market.buyer.get(&format!("/v1/licences/{}/notices", id(licence))).ok())
}

/// The mails about leavers, each in one piece.
fn mails(market: &Market) -> Vec<String> {
    let whole = market.app.mails().into_iter().map(|mail| mail.replace("=\r\n", "").replace("\r\n ", " "));
    whole.filter(|mail| mail.contains("Subject: Refrain: members who have left")).collect()
}

/// Moves the clock to an instant, and runs what has become due.
fn until(market: &Market, instant: &str) {
    let then = refrain::clock::UtcTime::parse(instant).unwrap();
    market.app.advance_s(then.unix_s() - market.app.ctx.clock.now().unix_s());
}

fn leave(market: &Market, members: std::ops::Range<usize>) {
    for member in &market.members[members] {
        member.delete(&format!("/v1/pools/{}/membership", market.pool_id)).ok();
    }
}

fn tell(market: &Market) {
    let organisation = id(&market.buyer.get("/v1/me").ok()["organisation"]);
    let organisation_id = OrganisationId::parse(&organisation).unwrap();
    market.app.block_on(refrain::purchases::leavers::actions::tell(&market.app.ctx, &organisation_id)).unwrap();
}

fn each_quarter_a_holder_is_told_in_one_mail(backend: Backend) {
    let market = Market::open(backend, 2);
    let other = market.app.listing(&market.pool_id, &json!({"plays_per_key": 21}), &json!({"title": "Another"}));
    let (one, two) = (sold(&market, &market.dataset_id), sold(&market, &other));
    until(&market, "2026-03-31T23:59:59Z");
    assert_eq!((notices(&market, &one), mails(&market).len()), (Vec::new(), 0), "not before the quarter has ended");
    market.app.advance_s(1);
    for (licence, title) in [(&one, "Artist preference"), (&two, "Another")] {
        let [told] = notices(&market, licence).try_into().unwrap();
        assert_eq!((&told["quarter"], &told["members"]), (&json!("2026-Q1"), &json!(2)));
        assert_eq!((&told["licence_id"], &told["edition_id"]), (&licence["id"], &licence["edition_id"]));
        let [mail] = mails(&market).try_into().unwrap();
        assert!(mail.contains(&format!("\"{title}\", edition 1: {}", told["in_words"].as_str().unwrap())), "{mail}");
        assert!(mail.contains("To: buyer@northwind.example"), "{mail}");
    }
    let path = format!("/v1/licences/{}/notices", id(&one));
    assert_eq!(items(&market.operator.get(&path).ok()), notices(&market, &one));
    market.app.buyer("stranger").get(&path).problem(404, "not-found");
    market.members[0].get(&path).problem(403, "forbidden");
    market.app.anyone().get(&path).problem(401, "not-authenticated");
    // Sold in this quarter: told at its end, and not of the one before.
    let late = sold(&market, &market.dataset_id);
    until(&market, "2026-06-30T23:59:59Z");
    assert_eq!((notices(&market, &late).len(), mails(&market).len()), (0, 1));
    market.app.advance_s(1);
    let quarters = |licence: &Value| -> Vec<Value> {
        notices(&market, licence).iter().map(|notice| notice["quarter"].clone()).collect()
    };
    assert_eq!((quarters(&late), quarters(&one)), (vec![json!("2026-Q2")], vec![json!("2026-Q2"), json!("2026-Q1")]));
    assert_eq!(mails(&market).len(), 2);
    // What has ended is told of no more, what is held is.
    let revoke = json!({"ground": two["terms"]["revocation"]["grounds"][0], "reason": "Rows were published."});
    market.operator.post(&format!("/v1/licences/{}/revoke", id(&two)), &revoke).ok();
    until(&market, "2026-10-01T00:00:00Z");
    assert_eq!((quarters(&two).len(), quarters(&late).len(), mails(&market).len()), (2, 2, 3));
}

fn small_numbers_are_told_as_none_is_and_others_in_tens(backend: Backend) {
    let market = Market::open(backend, 14);
    let licence = sold(&market, &market.dataset_id);
    let told = |quarters: usize| {
        let all = notices(&market, &licence);
        assert_eq!(all.len(), quarters);
        let newest = all[0].clone();
        let words = newest["in_words"].as_str().unwrap().to_owned();
        (newest["left_at_least"].as_i64().unwrap(), newest["left_below"].as_i64().unwrap(), words)
    };
    until(&market, "2026-04-01T00:00:00Z");
    let none = told(1);
    assert_eq!((none.0, none.1), (0, 10));
    leave(&market, 0..8);
    assert_eq!(market.members[8].delete("/v1/me").status, 202);
    until(&market, "2026-07-01T00:00:00Z");
    assert_eq!(told(2), none, "nine are told in the very words of none");
    assert!(none.2.contains("fewer than 10 have left since it was drawn, or none"), "{}", none.2);
    leave(&market, 9..12);
    until(&market, "2026-10-01T00:00:00Z");
    let twelve = told(3);
    assert_eq!((twelve.0, twelve.1), (10, 20));
    assert!(
        twelve.2.contains("Of the 14 members in the edition, at least 10 and fewer than 20 have left"),
        "{}",
        twelve.2
    );
    // And who has left is in no later draw.
    let later = sold(&market, &market.dataset_id);
    let edition = market.operator.get(&format!("/v1/editions/{}", later["edition_id"].as_str().unwrap())).ok();
    assert_eq!(edition["members"], 2);
}

fn servers_crashes_and_clocks_make_no_second_notice(backend: Backend) {
    let market = Market::open(backend, 2);
    let licence = sold(&market, &market.dataset_id);
    let to_april = refrain::clock::UtcTime::parse("2026-04-01T00:00:00Z").unwrap().unix_s();
    market.app.ctx.clock.advance_s(to_april - market.app.ctx.clock.now().unix_s()).unwrap();
    let barrier = Barrier::new(4);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                barrier.wait();
                tell(&market);
            });
        }
    });
    // Here a server dies that has told and not noted that it has: its job is run again.
    market.app.run_jobs();
    assert_eq!((notices(&market, &licence).len(), mails(&market).len()), (1, 1));
    // A clock that goes back into the quarter before, and on again.
    market.app.ctx.clock.advance_s(-100 * DAY_S).unwrap();
    tell(&market);
    market.app.ctx.clock.advance_s(100 * DAY_S).unwrap();
    market.app.run_jobs();
    assert_eq!((notices(&market, &licence).len(), mails(&market).len()), (1, 1));
    // One that jumps over years makes one notice, not one for each quarter.
    until(&market, "2028-08-15T12:00:00Z");
    let newest = notices(&market, &licence);
    assert_eq!((newest.len(), &newest[0]["quarter"], mails(&market).len()), (2, &json!("2028-Q2"), 2));
    until(&market, "2028-10-01T00:00:00Z");
    assert_eq!((notices(&market, &licence).len(), mails(&market).len()), (3, 3), "and then it goes on");
}

#[test]
fn who_holds_no_licence_any_more_is_told_nothing() {
    let market = Market::open(Backend::Sqlite, 2);
    let sold = market.sell(PRICE);
    market.app.advance_days(20 * 7);
    let path = format!("/v1/licences/{}/notices", id(&sold.licence));
    let told = items(&market.buyer.get(&path).ok());
    assert_eq!(told.len(), mails(&market).len());
    assert!(told.iter().all(|notice| notice["quarter"] == "2026-Q1"), "the licence ended in April: {told:?}");
}
