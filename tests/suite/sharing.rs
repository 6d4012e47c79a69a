//! Who is paid for a sale, and how much: to the last cent.

use crate::common::Backend;
use crate::common::market::{COST_NANO, Market, id, items, revealing, usd};
use serde_json::{Value, json};

const PRICE: i64 = 100_003;

fn amount(value: &Value) -> i64 {
    value["amount"].as_i64().unwrap_or_else(|| panic!("no amount: {value}"))
}

/// The totals of a purchase and every share of it, page by page.
fn shares(market: &Market, purchase: &Value) -> (Value, Vec<Value>) {
    let path = format!("/v1/purchases/{}/payouts", id(purchase));
    let first = market.operator.get(&format!("{path}?limit=3")).ok();
    let (mut all, mut page) = (items(&first), first.clone());
    while let Some(cursor) = page.get("next_cursor") {
        page = market.operator.get(&format!("{path}?limit=3&cursor={}", cursor.as_str().unwrap())).ok();
        all.extend(items(&page));
    }
    (first, all)
}

#[test]
fn shares_fee_and_price_add_up_to_the_cent_whatever_the_fee_and_the_tax() {
    for (fee_bp, tax_bp, fee_minor, lowest, favoured) in
        [(1_250, 1_900, 12_500, 12_500, 3), (0, 1, 0, 14_286, 1), (9_999, 770, 99_993, 1, 3)]
    {
        let market = Market::with(Backend::Sqlite, 7, &json!({"pool": {"fee_bp": fee_bp, "tax_bp": tax_bp}}));
        let sold = market.sell(PRICE);
        let (totals, all) = shares(&market, &sold.purchase);
        assert_eq!((&totals["price"], &totals["fee"]), (&usd(PRICE), &usd(fee_minor)), "{totals}");
        assert_eq!((&totals["members"], &totals["shares_entered"]), (&json!(7), &json!(7)));
        assert_eq!(totals["paid_out"], usd(PRICE - fee_minor));
        let each: Vec<i64> = all.iter().map(|share| amount(&share["share"])).collect();
        assert_eq!(each.iter().sum::<i64>() + fee_minor, PRICE, "{each:?}");
        let expected: Vec<i64> = (0..7).map(|place| lowest + i64::from(place < favoured)).collect();
        assert_eq!(each, expected, "what is left over goes to the first in the order of the ids");
        let payees: Vec<&str> = all.iter().map(|share| share["member_id"].as_str().unwrap()).collect();
        assert!(payees.is_sorted_by(|a, b| a < b), "{payees:?}");
        let mut stated = 0;
        for member in &market.members {
            let statements = items(&member.get("/v1/payouts").ok());
            assert_eq!(statements.len(), 1);
            let statement = &statements[0];
            stated += amount(&statement["share"]);
            assert_eq!(amount(&statement["price"]), amount(&statement["fee"]) + amount(&statement["shared"]));
            assert_eq!((&statement["members"], &statement["buyer"]), (&json!(7), &json!("northwind Ltd")));
            assert_eq!(statement["purchase_id"], sold.purchase["id"]);
        }
        assert_eq!(stated + fee_minor, PRICE);
    }
}

#[test]
fn where_there_is_less_than_a_cent_for_each_the_first_get_one_and_the_books_still_add_up() {
    let settings = json!({"pool": {"fee_bp": 9_990, "price_floor": usd(1)}, "dataset": {"price_floor": usd(1)}});
    let market = Market::with(Backend::Sqlite, 5, &settings);
    let sold = market.sell(2_500);
    let (totals, all) = shares(&market, &sold.purchase);
    assert_eq!((&totals["fee"], &totals["paid_out"], all.len()), (&usd(2_498), &usd(2), 2));
    assert_eq!((&totals["members"], &totals["shares_entered"]), (&json!(5), &json!(2)));
    let paid = market.members.iter().filter(|member| !items(&member.get("/v1/payouts").ok()).is_empty()).count();
    assert_eq!(paid, 2);
}

#[test]
fn who_leaves_or_takes_consent_back_before_the_draw_is_neither_drawn_from_nor_paid() {
    let market = Market::open(Backend::Sqlite, 6);
    let settled = market.settle(&market.accept(&market.place(PRICE)));
    let membership = format!("/v1/pools/{}/membership", market.pool_id);
    market.members[0].delete(&membership).ok();
    market.members[1].delete(&format!("{membership}/consents/market_research")).ok();
    assert_eq!(market.members[2].delete("/v1/me").status, 202);
    market.app.run_jobs();
    let licence = market.licence_of(&settled);
    let edition = market.operator.get(&format!("/v1/editions/{}", licence["edition_id"].as_str().unwrap())).ok();
    assert_eq!((&licence["state"], &edition["members"]), (&json!("active"), &json!(3)));
    let (totals, all) = shares(&market, &settled);
    assert_eq!((all.len(), &totals["paid_out"]), (3, &usd(PRICE - 10_000)), "the others share all of it");
    for out in &market.members[..2] {
        assert!(items(&out.get("/v1/payouts").ok()).is_empty());
    }
    for paid in &market.members[3..] {
        assert_eq!(items(&paid.get("/v1/payouts").ok()).len(), 1);
    }
}

#[test]
fn a_sale_from_stock_costs_no_privacy_and_pays_those_who_are_in_the_edition() {
    let market = Market::with(Backend::Sqlite, 8, &json!({"recipe": revealing(), "dataset": {"rows_promised": 3}}));
    let first = market.sell(PRICE);
    assert_eq!((first.licence["rows_given"].as_i64(), &first.licence["rows_short"]), (Some(3), &json!(false)));
    assert_eq!(market.budget(), (0, 5 * COST_NANO));
    let late = market.app.listener(&market.pool_id, 50);
    market.members[0].delete(&format!("/v1/pools/{}/membership", market.pool_id)).ok();
    market.app.advance_days(5);
    let other = market.app.buyer("stranger");
    let placed = market.send(&other, &market.asks(PRICE, &json!({"edition": "stock"}))).ok();
    assert_eq!((&placed["edition"], &placed["edition_id"]), (&json!("stock"), &first.licence["edition_id"]));
    assert_eq!(placed["terms"]["refund"]["below_rows"], 3, "what was drawn is known and promised");
    market.app.run_jobs();
    let vote_id = market.vote_id(&id(&placed));
    assert_eq!(market.vote(&vote_id)["electors"], 7, "those in the edition who are still members");
    late.put(&format!("/v1/votes/{vote_id}/ballot"), &json!({"choice": "no"})).problem(403, "not-in-electorate");
    market.vote_as(&vote_id, "-yyyyyyy");
    market.close_votes();
    let settled = market.settle(&market.purchase_of(&id(&placed)));
    let licence = market.licence_of(&settled);
    assert_eq!(licence["state"], "active", "there is nothing to draw");
    market.app.run_jobs();
    assert_eq!(market.budget(), (0, 5 * COST_NANO));
    let files = |buyer: &crate::common::http::Caller, licence: &Value| {
        buyer.get(&format!("/v1/licences/{}/files/artist_preference.csv", id(licence))).bytes
    };
    assert_eq!(files(&other, &licence), files(&market.buyer, &first.licence), "the same draw, byte for byte");
    let (totals, _) = shares(&market, &settled);
    assert_eq!(totals["paid_out"], usd(PRICE - 10_000));
    assert!(items(&late.get("/v1/payouts").ok()).is_empty());
}

#[test]
fn everybody_sees_what_the_privacy_budget_went_to() {
    let market = Market::open(Backend::Sqlite, 8);
    let path = format!("/v1/pools/{}/budget", market.pool_id);
    let anyone = market.app.anyone();
    assert_eq!(anyone.get(&path).ok()["items"], json!([]));
    let offer_id = market.place(PRICE);
    let entries = anyone.get(&path).ok();
    assert_eq!(entries["items"][0]["state"], "reserved");
    assert!(!entries.to_string().contains(&offer_id), "who offers is for the members: {entries}");
    let settled = market.settle(&market.accept(&offer_id));
    market.app.run_jobs();
    let spent = anyone.get(&path).ok()["items"].clone();
    assert_eq!((spent.as_array().unwrap().len(), &spent[0]["state"]), (1, &json!("spent")));
    assert_eq!(spent[0]["edition_id"], market.licence_of(&settled)["edition_id"]);
    assert_eq!(spent[0]["in_words"], "Spent on edition 1 of “Artist preference”.");
    let budget = anyone.get(&format!("/v1/pools/{}", market.pool_id)).ok()["budget"].clone();
    assert_eq!(spent[0]["cost"]["rho_nano"], budget["spent"]["rho_nano"]);
    anyone.get("/v1/pools/pool_01jd2k8m0wfv9s3x6q4r7t5y2z/budget").problem(404, "not-found");
}
