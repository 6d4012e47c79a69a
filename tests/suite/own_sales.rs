//! What a member is told of every vote that they were in: what was sold, their ballot, their data, their money.

use crate::common::Backend;
use crate::common::http::Caller;
use crate::common::market::{Market, PAYMENT_DAYS, id, items, usd};
use serde_json::{Value, json};

const PRICE: i64 = 50_000;

crate::on_both_databases!(
    a_sale_is_told_with_ballot_data_and_money_of_each,
    what_was_not_sold_says_why_there_is_no_money,
    sales_are_ones_own_and_read_page_by_page,
);

fn sales(member: &Caller) -> Vec<Value> {
    items(&member.get("/v1/sales").ok())
}

/// What a member is told of their newest vote: of ballot, data and money.
fn newest(member: &Caller) -> [String; 3] {
    let newest = &sales(member)[0];
    ["ballot", "data", "money"].map(|part| newest[part]["in_words"].as_str().unwrap().to_owned())
}

#[track_caller]
fn expect(told: &[String; 3], words: [&str; 3]) {
    for (told, words) in told.iter().zip(words) {
        assert!(told.contains(words), "{words:?} is not in {told:?}");
    }
}

fn a_sale_is_told_with_ballot_data_and_money_of_each(backend: Backend) {
    let market = Market::open(backend, 5);
    let offer_id = market.place(PRICE);
    let vote_id = market.vote_id(&offer_id);
    assert_eq!(sales(&market.members[0]), [Value::Null; 0], "not before the vote has ended");
    market.vote_as(&vote_id, "yny-y");
    let leave = |member: usize| market.members[member].delete(&format!("/v1/pools/{}/membership", market.pool_id)).ok();
    leave(2);
    market.close_votes();
    let unpaid =
        ["You voted yes, and your ballot was counted.", "before the buyer has paid", "Your share is entered when"];
    expect(&newest(&market.members[0]), unpaid);
    leave(4);
    let purchase = market.settle(&market.purchase_of(&offer_id));
    expect(&newest(&market.members[0]), ["counted", "yet to be drawn", "Your share is entered when"]);
    market.app.run_jobs();
    let licence = market.licence_of(&purchase);
    let own = sales(&market.members[1])[0].clone();
    assert_eq!(
        own["ballot"],
        json!({"in_words": "You voted no, and your ballot was counted.", "choice": "no", "is_counted": true})
    );
    assert_eq!((&own["data"]["is_used"], &own["data"]["edition_id"]), (&json!(true), &licence["edition_id"]));
    assert_eq!(own["data"]["period"], "whenever they were played");
    assert_eq!(own["money"]["share"], usd(15_000));
    assert_eq!(own["money"]["in_words"], "Your share is USD 150.00: USD 450.00 was shared equally by 3 members.");
    let statement = items(&market.members[1].get("/v1/payouts").ok())[0].clone();
    assert_eq!(own["money"]["share"], statement["share"], "one figure wherever it stands");
    assert_eq!(
        own["in_words"],
        "northwind Ltd offered USD 500.00 for “Artist preference” of The pool. The members accepted it."
    );
    assert_eq!((&own["vote_id"], &own["state"], &own["price"]), (&json!(vote_id), &json!("accepted"), &usd(PRICE)));
    assert_eq!((&own["buyer"], &own["purpose"]), (&json!("northwind Ltd"), &json!("model_training")));
    assert!(own["reason"].as_str().unwrap().contains("2 yes, 1 no"), "{own}");
    expect(&newest(&market.members[3]), ["You did not vote.", "You were in the draw", "Your share is USD 150.00"]);
    let left_early = sales(&market.members[2])[0].clone();
    expect(&newest(&market.members[2]), ["your ballot was void", "You were not in the draw", "no share of yours"]);
    assert_eq!((&left_early["ballot"]["is_counted"], left_early["ballot"].get("choice")), (&json!(false), None));
    expect(
        &newest(&market.members[4]),
        ["You voted yes, and your ballot was counted", "You were not in the draw", "no share of yours"],
    );
    assert_eq!(
        (&sales(&market.members[4])[0]["data"]["is_used"], &left_early["data"]["is_used"]),
        (&json!(false), &json!(false))
    );
    // The same edition is sold once more, from stock.
    let placed = market.send(&market.buyer, &market.asks(PRICE, &json!({"edition": "stock"}))).ok();
    market.app.run_jobs();
    let vote_id = market.vote_id(&id(&placed));
    market.cast(0, &vote_id, "yes").ok();
    market.close_votes();
    market.settle(&market.purchase_of(&id(&placed)));
    market.app.run_jobs();
    expect(
        &newest(&market.members[1]),
        ["You did not vote.", "which had been drawn before", "Your share is USD 150.00"],
    );
    assert_eq!((sales(&market.members[1]).len(), sales(&market.members[4]).len()), (2, 1));
}

fn what_was_not_sold_says_why_there_is_no_money(backend: Backend) {
    let market = Market::open(backend, 2);
    let member = &market.members[0];
    let rejected = market.place(PRICE);
    market.vote_as(&market.vote_id(&rejected), "na");
    market.close_votes();
    expect(&newest(member), ["You voted no, and", "Nothing of yours was used: nothing was sold", "nothing was sold"]);
    expect(
        &newest(&market.members[1]),
        ["You abstained, and your ballot was counted", "nothing was sold", "nothing was sold"],
    );
    assert_eq!(sales(member)[0]["data"]["is_used"], false);
    let withdrawn = market.place(PRICE);
    market.cast(0, &market.vote_id(&withdrawn), "yes").ok();
    market.buyer.post(&format!("/v1/offers/{withdrawn}/withdraw"), &json!({})).ok();
    expect(&newest(member), ["no ballot was counted", "nothing was sold", "nothing was sold"]);
    let own = sales(member)[0].clone();
    assert_eq!(
        (&own["state"], &own["reason"], &own["ballot"]["is_counted"]),
        (&json!("void"), &json!("Withdrawn by the buyer."), &json!(false))
    );
    assert!(own["in_words"].as_str().unwrap().ends_with("The vote was called off."), "{own}");
    market.app.ctx.clock.advance_s(1).unwrap();
    let lapsed = market.place(PRICE);
    market.accept(&lapsed);
    market.app.advance_days(PAYMENT_DAYS + 1);
    assert_eq!(market.offer(&lapsed)["state"], "lapsed");
    expect(&newest(member), ["You voted yes, and", "did not pay in time", "did not pay in time"]);
    market.app.ctx.clock.advance_s(1).unwrap();
    let cancelled = market.place(PRICE);
    let purchase = market.settle(&market.accept(&cancelled));
    let path = format!("/v1/licences/{}/cancel", purchase["licence_id"].as_str().unwrap());
    for member in &market.members {
        member.delete(&format!("/v1/pools/{}/membership", market.pool_id)).ok();
    }
    let body = json!({"reason": "Nobody is left."});
    market.operator.post(&path, &body).ok();
    expect(
        &newest(member),
        ["You voted yes, and", "the edition could not be made", "all of it went back to the buyer"],
    );
    assert!(sales(member).iter().all(|sale| sale["money"].get("share").is_none()));
    market.app.run_jobs();
}

fn sales_are_ones_own_and_read_page_by_page(backend: Backend) {
    let market = Market::open(backend, 2);
    for other in [&market.buyer, &market.operator] {
        other.get("/v1/sales").problem(403, "forbidden");
    }
    let mut votes = Vec::new();
    for _ in 0..5 {
        market.app.ctx.clock.advance_s(1).unwrap();
        let offer_id = market.place(PRICE);
        votes.push(market.vote_id(&offer_id));
        market.buyer.post(&format!("/v1/offers/{offer_id}/withdraw"), &json!({})).ok();
    }
    votes.reverse();
    let (mut seen, mut path) = (Vec::new(), "/v1/sales?limit=2".to_owned());
    loop {
        let page = market.members[0].get(&path).ok();
        seen.extend(items(&page).iter().map(|sale| sale["vote_id"].as_str().unwrap().to_owned()));
        let Some(cursor) = page.get("next_cursor") else { break };
        path = format!("/v1/sales?limit=2&cursor={}", cursor.as_str().unwrap());
    }
    assert_eq!(seen, votes, "newest first, each once");
    let cursor = market.members[0].get("/v1/sales?limit=2").ok()["next_cursor"].clone();
    let path = format!("/v1/sales?cursor={}", cursor.as_str().unwrap());
    market.members[1].get(&path).problem(400, "invalid-cursor");
    let newcomer = market.app.listener(&market.pool_id, 60);
    assert_eq!(sales(&newcomer), [Value::Null; 0], "they were in none of these");
}
