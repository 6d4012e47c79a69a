//! Votes: who may take part, what a ballot does, and how a vote ends.

use crate::common::Backend;
use crate::common::actors::export_of_a_fan;
use crate::common::http::Caller;
use crate::common::market::{Market, VOTING_DAYS, id, items, rules};
use serde_json::{Value, json};

const PRICE: i64 = 50_000;

/// A market with some rules of the vote changed, and an offer whose vote is open.
fn voting(members: u64, changes: &Value) -> (Market, String, String) {
    let market = Market::with(Backend::Sqlite, members, &json!({"pool": {"rules": rules(changes)}}));
    let offer_id = market.place(PRICE);
    let vote_id = market.vote_id(&offer_id);
    (market, offer_id, vote_id)
}

fn ballot(vote_id: &str) -> String {
    format!("/v1/votes/{vote_id}/ballot")
}

fn votes(member: &Caller) -> Vec<Value> {
    items(&member.get("/v1/votes").ok())
}

#[test]
fn those_vote_whose_data_would_be_sold_and_nobody_else() {
    let market = Market::open(Backend::Sqlite, 2);
    let (app, pool_id) = (&market.app, &market.pool_id);
    let without_history = app.member("silent");
    app.join(&without_history, pool_id);
    let half_consent = app.member("careful");
    let join = json!({"text_version": 1, "purposes": ["market_research"]});
    half_consent.post(&format!("/v1/pools/{pool_id}/membership"), &join).ok();
    app.upload(&half_consent, &export_of_a_fan(100));
    let withdrew = app.listener(pool_id, 101);
    let just_in_time = app.listener(pool_id, 102);
    app.ctx.clock.advance_s(1).unwrap();
    let too_late = app.listener(pool_id, 103);
    app.ctx.clock.advance_s((VOTING_DAYS + 1) * 86_400 - 1).unwrap();
    withdrew.delete(&format!("/v1/pools/{pool_id}/membership/consents/model_training")).ok();
    let vote_id = market.vote_id(&market.place(PRICE));
    let during = app.listener(pool_id, 104);
    for member in [&without_history, &half_consent, &withdrew, &too_late, &during] {
        assert!(votes(member).is_empty());
        let seen = member.get(&format!("/v1/votes/{vote_id}")).ok();
        assert_eq!(seen["you_may_vote"], false, "a member of the pool may look on");
        let refused = member.put(&ballot(&vote_id), &json!({"choice": "no"})).problem(403, "not-in-electorate");
        assert!(refused["detail"].as_str().unwrap().contains("frozen when the vote opened"), "{refused}");
    }
    assert_eq!(market.vote(&vote_id)["electors"], 3);
    let in_it = market.members.iter().chain([&just_in_time]);
    for member in in_it {
        assert_eq!(votes(member)[0]["you_may_vote"], true);
        member.put(&ballot(&vote_id), &json!({"choice": "yes"})).ok();
    }
    let outside = app.member("stranger");
    outside.get(&format!("/v1/votes/{vote_id}")).problem(404, "not-found");
    outside.put(&ballot(&vote_id), &json!({"choice": "no"})).problem(404, "not-found");
    assert_eq!(market.vote(&vote_id)["turnout"], 3);
}

#[test]
fn an_offer_on_which_nobody_could_vote_is_not_taken_or_is_rejected_at_the_opening() {
    let market = Market::open(Backend::Sqlite, 1);
    let membership = format!("/v1/pools/{}/membership", market.pool_id);
    let placed = market.send(&market.buyer, &market.asks(PRICE, &json!({}))).ok();
    market.members[0].delete(&membership).ok();
    market.app.run_jobs();
    let rejected = market.offer(&id(&placed));
    assert_eq!(rejected["state"], "rejected");
    assert!(rejected["reason"].as_str().unwrap().contains("no member whose data would be sold"), "{rejected}");
    assert_eq!(market.budget(), (0, 0));
    market.send(&market.buyer, &market.asks(PRICE, &json!({}))).problem(409, "empty-electorate");
}

#[test]
fn a_ballot_may_be_changed_and_the_last_one_counts() {
    let (market, offer_id, vote_id) = voting(3, &json!({}));
    let path = ballot(&vote_id);
    market.members[0].get(&path).problem(404, "not-found");
    for choice in ["yes", "no", "abstain", "no", "yes", "yes"] {
        market.app.ctx.clock.advance_s(60).unwrap();
        let cast = market.cast(0, &vote_id, choice).ok();
        assert_eq!((&cast["choice"], &cast["vote_id"]), (&json!(choice), &json!(vote_id)));
        let mut read = market.members[0].get(&path).ok();
        assert_eq!(read["receipt"]["leaf_hash"], cast["receipt"]["leaf_hash"], "one's own ballot can be read back");
        let (mut cast, mut listed) = (cast, votes(&market.members[0])[0]["your_ballot"].clone());
        for ballot in [&mut read, &mut cast, &mut listed] {
            ballot.as_object_mut().unwrap().remove("receipt");
        }
        assert_eq!((&read, &listed), (&cast, &cast));
        assert_eq!(market.vote(&vote_id)["turnout"], 1, "a change is no second ballot");
    }
    market.members[1].get(&path).problem(404, "not-found");
    market.cast(1, &vote_id, "no").ok();
    market.cast(1, &vote_id, "abstain").ok();
    market.close_votes();
    let closed = market.vote(&vote_id);
    assert_eq!(closed["result"], json!({"yes": 1, "no": 0, "abstain": 1}));
    assert_eq!(market.offer(&offer_id)["state"], "accepted");
    assert_eq!(market.members[0].get(&path).ok()["choice"], "yes", "it stays readable");
}

#[test]
fn the_split_is_sealed_until_the_close_and_the_turnout_is_not() {
    let (market, offer_id, vote_id) = voting(4, &json!({}));
    market.vote_as(&vote_id, "ynn");
    let path = format!("/v1/votes/{vote_id}");
    let views = || {
        let of_vote = [&market.members[0], &market.members[3], &market.operator].map(|caller| caller.get(&path).ok());
        let of_offer = [&market.buyer, &market.operator].map(|c| c.get(&format!("/v1/offers/{offer_id}")).ok());
        (of_vote, of_offer)
    };
    let (of_vote, of_offer) = views();
    for view in &of_vote {
        assert!(view.get("result").is_none() && view.get("reason").is_none(), "{view}");
        assert_eq!((&view["turnout"], &view["electors"]), (&json!(3), &json!(4)));
    }
    assert_eq!(of_vote[1]["your_ballot"], Value::Null);
    for view in &of_offer {
        assert_eq!(view["vote"]["turnout"], 3);
        for part in ["yes", "no", "abstain", "result"] {
            assert!(view["vote"].get(part).is_none() && view.get(part).is_none(), "{part} shows in {view}");
        }
    }
    market.close_votes();
    let (of_vote, of_offer) = views();
    for view in &of_vote {
        assert_eq!(view["result"], json!({"yes": 1, "no": 2, "abstain": 0}));
        assert_eq!(view["turnout"], 3);
    }
    for view in &of_offer {
        assert!(view["reason"].as_str().unwrap().contains("1 yes, 2 no, 0 abstained"), "{view}");
    }
}

#[test]
fn ballots_are_taken_up_to_the_deadline_and_not_at_it() {
    let (market, offer_id, vote_id) = voting(3, &json!({}));
    market.app.ctx.clock.advance_s(VOTING_DAYS * 86_400 - 1).unwrap();
    market.cast(0, &vote_id, "yes").ok();
    market.app.ctx.clock.advance_s(1).unwrap();
    for (member, choice) in [(0, "no"), (1, "yes")] {
        market.cast(member, &vote_id, choice).problem(409, "vote-closed");
    }
    assert_eq!(market.offer(&offer_id)["state"], "voting", "no job has run yet; the clock alone shuts the box");
    market.app.run_jobs();
    market.cast(0, &vote_id, "no").problem(409, "vote-closed");
    assert_eq!(market.vote(&vote_id)["result"], json!({"yes": 1, "no": 0, "abstain": 0}));
    assert_eq!(market.members[0].get(&ballot(&vote_id)).ok()["choice"], "yes");
}

#[test]
fn before_the_vote_has_opened_there_is_nothing_to_vote_on() {
    let market = Market::open(Backend::Sqlite, 1);
    let placed = market.send(&market.buyer, &market.asks(PRICE, &json!({}))).ok();
    assert_eq!(placed["state"], "opening");
    assert!(placed.get("vote").is_none() && votes(&market.members[0]).is_empty());
    market.app.run_jobs();
    assert_eq!(votes(&market.members[0]).len(), 1);
}

#[test]
fn a_ballot_says_yes_no_or_abstain() {
    let (market, _, vote_id) = voting(1, &json!({}));
    let put = |body: Value| market.members[0].put(&ballot(&vote_id), &body);
    for odd in ["maybe", "YES", ""].map(Value::from).into_iter().chain([json!(1), json!(null), json!(["yes"])]) {
        put(json!({"choice": odd})).problem(422, "invalid");
    }
    put(json!({})).problem(422, "invalid");
    put(json!({"choice": "yes", "weight": 2})).problem(400, "malformed-request");
    let twice = br#"{"choice":"no","choice":"yes"}"#;
    let headers = [("content-type", "application/json")];
    market.members[0].send("PUT", &ballot(&vote_id), &headers, Some(twice)).problem(400, "malformed-request");
    assert_eq!(market.vote(&vote_id)["turnout"], 0);
}

/// The rule's edges. Each vote keeps the rules that its pool had when the offer was placed.
#[test]
fn a_vote_passes_by_its_quorum_of_yes_and_its_threshold_and_not_otherwise() {
    let market = Market::with(Backend::Sqlite, 7, &json!({"pool": {"rules": rules(&json!({"open_votes_max": 100}))}}));
    let cases = [
        (5_000, (1, 2), "yyyy---", "Accepted: 4 of 7 members voted"),
        (5_000, (1, 2), "yyy----", "Rejected, too few said yes"),
        (5_000, (1, 2), "yyyaaaa", "Rejected, too few said yes: 7 of 7 members voted: 3 yes, 0 no, 4 abstained"),
        (1, (1, 2), "aaaaaaa", "Rejected, too few said yes"),
        (2_000, (1, 2), "yyynnn-", "Rejected, too many said no: 6 of 7 members voted: 3 yes, 3 no"),
        (2_000, (1, 2), "yyynna-", "Accepted"),
        (2_000, (2, 3), "yyyynn-", "Accepted"),
        (2_000, (2, 3), "yyyynnn", "Rejected, too many said no"),
        (10_000, (1, 1), "yyyyyyy", "Accepted"),
    ];
    let placed = cases.map(|(quorum_bp, (numerator, denominator), ballots, _)| {
        let changes = json!({
            "quorum_bp": quorum_bp, "threshold_numerator": numerator, "threshold_denominator": denominator,
            "open_votes_max": 100
        });
        let change = json!({"reason": "Another rule.", "rules": rules(&changes)});
        market.operator.json("PATCH", &format!("/v1/pools/{}", market.pool_id), &[], &change).ok();
        let offer_id = market.place(PRICE);
        let vote_id = market.vote_id(&offer_id);
        market.vote_as(&vote_id, ballots);
        let vote = market.vote(&vote_id);
        let need = (7 * quorum_bp + 9_999) / 10_000;
        assert_eq!((&vote["needed_yes"], &vote["quorum_bp"]), (&json!(need), &json!(quorum_bp)));
        offer_id
    });
    market.close_votes();
    for (offer_id, (quorum_bp, threshold, ballots, words)) in placed.iter().zip(cases) {
        let offer = market.offer(offer_id);
        let case = format!("{ballots} under {quorum_bp} bp and {threshold:?}: {offer}");
        assert!(offer["reason"].as_str().unwrap().starts_with(words), "{case}");
        let state = if words.starts_with("Accepted") { "accepted" } else { "rejected" };
        assert_eq!(offer["state"], state, "{case}");
        let vote = market.vote(&market.vote_id(offer_id));
        assert!(vote["state"] == state && vote["reason"] == offer["reason"], "{case}: {vote}");
    }
    let purchases = items(&market.operator.get("/v1/purchases").ok());
    let mut numbers: Vec<&str> = purchases.iter().map(|p| &p["invoice_number"].as_str().unwrap()[..13]).collect();
    numbers.sort_unstable();
    let counted = ["R-2026-000001", "R-2026-000002", "R-2026-000003", "R-2026-000004"];
    assert_eq!(numbers, counted, "there is an order exactly where there is a yes, and no number is left out");
}

#[test]
fn who_leaves_takes_the_ballot_along_and_the_electorate_keeps_its_size() {
    let (market, offer_id, vote_id) = voting(4, &json!({"quorum_bp": 5_000}));
    market.vote_as(&vote_id, "yyyn");
    let membership = format!("/v1/pools/{}/membership", market.pool_id);
    assert_eq!(market.members[0].delete(&membership).ok()["state"], "left");
    assert_eq!(market.members[1].delete("/v1/me").status, 202);
    market.app.run_jobs();
    let vote = market.vote(&vote_id);
    assert_eq!((&vote["electors"], &vote["turnout"], &vote["needed_yes"]), (&json!(4), &json!(2), &json!(2)));
    market.members[0].get(&format!("/v1/votes/{vote_id}")).problem(404, "not-found");
    market.cast(0, &vote_id, "yes").problem(404, "not-found");
    assert!(votes(&market.members[0]).is_empty(), "what was given up is no longer asked");
    market.cast(1, &vote_id, "yes").problem(401, "not-authenticated");
    market.app.ctx.clock.advance_s(1).unwrap();
    market.app.join(&market.members[0], &market.pool_id);
    market.cast(0, &vote_id, "yes").problem(403, "not-in-electorate");
    assert!(votes(&market.members[0]).is_empty());
    assert_eq!(votes(&market.members[2])[0]["you_may_vote"], true);
    assert_eq!(market.vote(&vote_id)["turnout"], 2, "who comes back does not bring the ballot");
    market.close_votes();
    let offer = market.offer(&offer_id);
    assert_eq!(offer["state"], "rejected", "one yes of four electors is not enough");
    assert!(offer["reason"].as_str().unwrap().contains("2 of 4 members voted: 1 yes, 1 no"), "{offer}");
}

#[test]
fn a_vote_is_closed_at_its_deadline_and_only_once() {
    let (market, offer_id, vote_id) = voting(2, &json!({}));
    market.vote_as(&vote_id, "yy");
    market.app.advance_s(VOTING_DAYS * 86_400 - 1);
    assert_eq!(market.vote(&vote_id)["state"], "open", "everybody has voted, and still minds may change");
    market.app.ctx.clock.advance_s(1).unwrap();
    for _ in 0..3 {
        market.app.run_jobs();
    }
    let closed = market.vote(&vote_id);
    assert_eq!((&closed["state"], &closed["closed_at"]), (&json!("accepted"), &closed["closes_at"]));
    market.app.advance_s(3_600);
    assert_eq!(market.vote(&vote_id), closed);
    let offer = market.offer(&offer_id);
    let accepted = offer["timeline"].as_array().unwrap().iter().filter(|line| line["state"] == "accepted").count();
    assert_eq!((accepted, items(&market.operator.get("/v1/purchases").ok()).len()), (1, 1));
}

#[test]
fn votes_are_listed_open_ones_first_page_by_page() {
    let market = Market::with(Backend::Sqlite, 1, &json!({"pool": {"rules": rules(&json!({"open_votes_max": 9}))}}));
    let member = &market.members[0];
    let mut opened = Vec::new();
    for _ in 0..5 {
        market.app.ctx.clock.advance_s(60).unwrap();
        opened.push(market.vote_id(&market.place(PRICE)));
    }
    let called_off = market.operator.get("/v1/offers").ok()["items"][0]["id"].as_str().unwrap().to_owned();
    market.operator.post(&format!("/v1/offers/{called_off}/void"), &json!({"reason": "A mistake."})).ok();
    let newest = opened.pop().unwrap();
    opened.reverse();
    opened.push(newest);
    let (mut seen, mut path) = (Vec::new(), "/v1/votes?limit=2".to_owned());
    loop {
        let page = member.get(&path).ok();
        seen.extend(items(&page).iter().map(id));
        let Some(cursor) = page.get("next_cursor") else { break };
        path = format!("/v1/votes?limit=2&cursor={}", cursor.as_str().unwrap());
    }
    assert_eq!(seen, opened, "four open ones, newest first, and then the one that has ended");
}

#[test]
fn a_vote_tells_in_plain_words_what_is_decided_and_what_doing_nothing_means() {
    let (market, offer_id, vote_id) = voting(2, &json!({}));
    let vote = market.members[0].get(&format!("/v1/votes/{vote_id}")).ok();
    let subject = vote["subject"].as_str().unwrap();
    for words in [
        "northwind Ltd",
        "USD 500.00",
        "model_training",
        "Training our own recommender.",
        "USD 50.00",
        "USD 225.00",
        "Hello.",
    ] {
        assert!(subject.contains(words), "{words} is missing in {subject}");
    }
    assert!(vote["rule"].as_str().unwrap().contains("at least 1 of the 2 members vote yes"), "{vote}");
    assert!(vote["if_you_do_nothing"].as_str().unwrap().contains("neither for nor against"), "{vote}");
    assert_eq!(vote["terms_hash"], market.offer(&offer_id)["terms_hash"]);
}
