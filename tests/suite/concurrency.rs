//! Many at once: whoever comes first, one thing has happened and the books are in order.

use crate::common::http::{Answer, Caller};
use crate::common::market::{COST_NANO, Market, PAYMENT_DAYS, VOTING_DAYS, id, items, rules, usd};
use crate::common::{Backend, TestApp};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Barrier;

const MANY: usize = 64;
const PRICE: i64 = 50_000;

crate::on_both_databases!(
    many_ballots_of_one_member_at_once_are_one_ballot,
    dp9_many_offers_at_once_take_no_more_budget_than_there_is_and_no_more_is_spent,
    many_offers_at_once_stay_within_the_credit_limit,
    exclusive_offers_of_two_buyers_at_once_leave_only_one_of_them_standing,
    many_payments_of_one_invoice_at_once_are_one_payment,
    opening_and_withdrawing_at_once_leave_no_vote_open,
    who_leaves_while_voting_leaves_no_ballot_behind,
    closing_and_withdrawing_at_once_end_an_offer_once,
    paying_and_lapsing_at_once_end_a_purchase_once,
    shares_entered_by_several_workers_at_once_are_entered_once,
);

/// Runs so many at the same moment, each on a thread of its own.
fn all_at_once<T: Send>(work: impl Fn(usize) -> T + Sync) -> Vec<T> {
    let barrier = Barrier::new(MANY);
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..MANY)
            .map(|number| {
                let (barrier, work) = (&barrier, &work);
                scope.spawn(move || {
                    barrier.wait();
                    work(number)
                })
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    })
}

/// Sends again whatever the server was too busy for, as its answer asks callers to.
fn patiently(send: impl Fn() -> Answer) -> Answer {
    loop {
        let answer = send();
        if answer.status != 503 {
            return answer;
        }
        answer.problem(503, "busy");
        assert!(answer.header("retry-after").is_some(), "a busy server says when to come back");
        std::thread::yield_now();
    }
}

/// How many answers had which status.
fn statuses(answers: &[Answer]) -> BTreeMap<u16, usize> {
    let mut counts = BTreeMap::new();
    for answer in answers {
        *counts.entry(answer.status).or_default() += 1;
    }
    counts
}

/// Runs what is due as one of several workers would. One that is out of luck leaves it to the others.
fn work(app: &TestApp) {
    let _ = app.block_on(refrain::jobs::run_due(&app.ctx));
}

/// What the others have left behind, once their leases have run out.
fn finish(app: &TestApp) {
    app.advance_s(app.ctx.config.jobs.lease_s + 1);
}

fn timeline(offer: &Value) -> Vec<&str> {
    offer["timeline"].as_array().unwrap().iter().map(|line| line["state"].as_str().unwrap()).collect()
}

fn many_ballots_of_one_member_at_once_are_one_ballot(backend: Backend) {
    let market = Market::open(backend, 2);
    let vote_id = market.vote_id(&market.place(PRICE));
    let path = format!("/v1/votes/{vote_id}/ballot");
    let choices = ["yes", "no", "abstain"];
    let answers = all_at_once(|number| {
        patiently(|| market.members[0].put(&path, &json!({"choice": choices[number % choices.len()]})))
    });
    assert_eq!(statuses(&answers), BTreeMap::from([(200, MANY)]));
    assert_eq!(market.vote(&vote_id)["turnout"], 1);
    let counted = market.members[0].get(&path).ok()["choice"].as_str().unwrap().to_owned();
    market.close_votes();
    let mut expected = json!({"yes": 0, "no": 0, "abstain": 0});
    expected[counted] = json!(1);
    assert_eq!(market.vote(&vote_id)["result"], expected, "the one that can be read back is the one that counts");
}

fn dp9_many_offers_at_once_take_no_more_budget_than_there_is_and_no_more_is_spent(backend: Backend) {
    const ROOM: usize = 5;
    let cap = ROOM as i64 * COST_NANO;
    let pool =
        json!({"budget": {"rho_nano": cap, "delta_pico": 1_000_000}, "rules": rules(&json!({"open_votes_max": ROOM}))});
    let market = Market::with(backend, 1, &json!({"pool": pool}));
    let body = market.asks(PRICE, &json!({}));
    let race = || all_at_once(|_| patiently(|| market.send(&market.buyer, &body)));
    let answers = race();
    assert_eq!(statuses(&answers), BTreeMap::from([(201, ROOM), (409, MANY - ROOM)]));
    for refused in answers.iter().filter(|answer| answer.status == 409) {
        refused.problem(409, "budget-exhausted");
    }
    assert_eq!(market.budget(), (cap, 0));
    let first = items(&market.buyer.get("/v1/offers").ok()).pop().unwrap();
    let withdraw = format!("/v1/offers/{}/withdraw", id(&first));
    let answers = all_at_once(|_| patiently(|| market.buyer.post(&withdraw, &json!({}))));
    assert_eq!(statuses(&answers), BTreeMap::from([(200, 1), (409, MANY - 1)]));
    assert_eq!(market.budget(), (cap - COST_NANO, 0), "its part comes back once");
    let answers = all_at_once(|_| patiently(|| market.buyer.post_once("/v1/offers", "the-same", &body)));
    assert_eq!(statuses(&answers), BTreeMap::from([(201, MANY)]));
    assert!(answers.iter().all(|answer| answer.bytes == answers[0].bytes), "one key, one offer, one answer");
    assert_eq!(market.budget(), (cap, 0));
    market.app.run_jobs();
    let offers: Vec<String> = items(&market.buyer.get("/v1/offers").ok()).iter().map(id).collect();
    let standing = offers.iter().filter(|offer| market.offer(offer)["state"] == "voting");
    let votes: Vec<String> = standing.map(|offer| market.vote_id(offer)).collect();
    assert_eq!(votes.len(), ROOM);
    votes.iter().for_each(|vote| market.vote_as(vote, "y"));
    market.close_votes();
    let purchases = items(&market.operator.get("/v1/purchases").ok());
    purchases.iter().for_each(|purchase| drop(market.settle(purchase)));
    std::thread::scope(|scope| {
        (0..4).for_each(|_| drop(scope.spawn(|| work(&market.app))));
    });
    finish(&market.app);
    assert_eq!((purchases.len(), market.budget()), (ROOM, (0, cap)), "each is drawn and spent once, to the very cap");
    assert_eq!(statuses(&race()), BTreeMap::from([(409, MANY)]), "and nothing is left");
}

fn many_offers_at_once_stay_within_the_credit_limit(backend: Backend) {
    let market = Market::open(backend, 1);
    let organisation_id = id(&market.buyer.get("/v1/me").ok()["organisation"]);
    let limit = json!({"credit_limit_minor": 3 * PRICE + 1, "reason": "A small guarantee."});
    market.operator.put(&format!("/v1/organisations/{organisation_id}/credit-limit"), &limit).ok();
    let body = market.asks(PRICE, &json!({}));
    let answers =
        all_at_once(|number| patiently(|| market.buyer.post_once("/v1/offers", &format!("race-{number}"), &body)));
    assert_eq!(statuses(&answers), BTreeMap::from([(201, 3), (409, MANY - 3)]));
    for refused in answers.iter().filter(|answer| answer.status == 409) {
        refused.problem(409, "credit-limit");
    }
    assert_eq!(market.budget(), (3 * COST_NANO, 0));
    market.app.run_jobs();
}

fn exclusive_offers_of_two_buyers_at_once_leave_only_one_of_them_standing(backend: Backend) {
    let market = Market::open(backend, 1);
    let other = market.app.buyer("stranger");
    let body = market.asks(PRICE, &json!({"exclusive_until": "2026-09-01T00:00:00Z"}));
    let answers = all_at_once(|number| {
        let buyer = if number.is_multiple_of(2) { &market.buyer } else { &other };
        patiently(|| buyer.post_once("/v1/offers", &format!("race-{number}"), &body))
    });
    for refused in answers.iter().filter(|answer| answer.status != 201) {
        assert!(["exclusively-licensed", "budget-exhausted"].contains(&refused.json()["code"].as_str().unwrap()));
    }
    let placed = |buyer: &Caller| items(&buyer.get("/v1/offers").ok()).len();
    let (mine, theirs) = (placed(&market.buyer), placed(&other));
    assert!(mine + theirs > 0 && mine * theirs == 0, "{mine} and {theirs} exclusive offers stand side by side");
    market.app.run_jobs();
}

fn many_payments_of_one_invoice_at_once_are_one_payment(backend: Backend) {
    let market = Market::open(backend, 2);
    let purchase = market.accept(&market.place(PRICE));
    let path = format!("/v1/purchases/{}/settle", id(&purchase));
    let payment = json!({"amount": usd(PRICE), "payment_reference": "bank 1"});
    // Every second one is the same request sent again.
    let key = |number: usize| if number.is_multiple_of(2) { "same".to_owned() } else { format!("other-{number}") };
    let answers = all_at_once(|number| patiently(|| market.operator.post_once(&path, &key(number), &payment)));
    let same = answers.iter().step_by(2).filter(|answer| answer.status == 200).count();
    let others = answers.iter().skip(1).step_by(2).filter(|answer| answer.status == 200).count();
    assert!((same, others) == (MANY / 2, 0) || (same, others) == (0, 1), "{same} and {others} were noted");
    for refused in answers.iter().filter(|answer| answer.status != 200) {
        refused.problem(409, "conflict");
    }
    assert_eq!(items(&market.buyer.get("/v1/licences").ok()).len(), 1);
    let offer = market.offer(purchase["offer_id"].as_str().unwrap());
    assert_eq!(timeline(&offer), ["opening", "voting", "accepted", "paid"]);
    market.app.run_jobs();
    assert_eq!(market.licence_of(&market.purchase(&id(&purchase)))["state"], "active");
    let audit = items(&market.operator.get("/v1/audit-log?limit=100").ok());
    assert_eq!(audit.iter().filter(|act| act["action"] == "purchase.settle").count(), 1);
}

/// Pays whatever invoice there is.
fn pay_if_invoiced(operator: &Caller, number: usize) -> Option<Answer> {
    let purchases = patiently(|| operator.get("/v1/purchases")).ok();
    let purchase = purchases["items"].as_array().unwrap().first()?.clone();
    let payment = json!({"amount": purchase["total"], "payment_reference": "bank 1"});
    let path = format!("/v1/purchases/{}/settle", id(&purchase));
    Some(patiently(|| operator.post_once(&path, &format!("pay-{number}"), &payment)))
}

fn closing_and_withdrawing_at_once_end_an_offer_once(backend: Backend) {
    let market = Market::open(backend, 2);
    let offer_id = market.place(PRICE);
    let vote_id = market.vote_id(&offer_id);
    market.vote_as(&vote_id, "yy");
    market.app.ctx.clock.advance_s(VOTING_DAYS * 86_400).unwrap();
    let withdraw = format!("/v1/offers/{offer_id}/withdraw");
    let answers = all_at_once(|number| match number % 8 {
        0 => {
            work(&market.app);
            None
        }
        1..=4 => Some((true, patiently(|| market.buyer.post(&withdraw, &json!({}))))),
        _ => pay_if_invoiced(&market.operator, number).map(|answer| (false, answer)),
    });
    finish(&market.app);
    let done = |withdrawn: bool| {
        let of_kind = answers.iter().flatten().filter(|(kind, _)| *kind == withdrawn);
        of_kind.filter(|(_, answer)| answer.status == 200).count()
    };
    for (_, refused) in answers.iter().flatten().filter(|(_, answer)| answer.status != 200) {
        refused.problem(409, "conflict");
    }
    let offer = market.offer(&offer_id);
    let purchases = items(&market.operator.get("/v1/purchases").ok()).len();
    let vote = market.vote(&vote_id);
    match offer["state"].as_str().unwrap() {
        "withdrawn" => {
            assert_eq!((done(true), done(false), purchases), (1, 0, 0));
            assert_eq!((timeline(&offer), &vote["state"]), (vec!["opening", "voting", "withdrawn"], &json!("void")));
            assert_eq!(market.budget(), (0, 0));
        }
        "accepted" => {
            assert_eq!((done(true), done(false), purchases), (0, 0, 1));
            assert_eq!((timeline(&offer), &vote["state"]), (vec!["opening", "voting", "accepted"], &json!("accepted")));
        }
        "paid" => {
            assert_eq!((done(true), done(false), purchases), (0, 1, 1));
            assert_eq!(timeline(&offer), ["opening", "voting", "accepted", "paid"]);
            assert_eq!(items(&market.buyer.get("/v1/licences").ok()).len(), 1);
        }
        other => panic!("the offer ended as {other}"),
    }
}

fn opening_and_withdrawing_at_once_leave_no_vote_open(backend: Backend) {
    let market = Market::open(backend, 2);
    let offer_id = id(&market.send(&market.buyer, &market.asks(PRICE, &json!({}))).ok());
    let withdraw = format!("/v1/offers/{offer_id}/withdraw");
    let answers = all_at_once(|number| match number % 8 {
        0 => {
            work(&market.app);
            None
        }
        _ => Some(patiently(|| market.buyer.post(&withdraw, &json!({})))),
    });
    finish(&market.app);
    let answers: Vec<Answer> = answers.into_iter().flatten().collect();
    assert_eq!(statuses(&answers), BTreeMap::from([(200, 1), (409, answers.len() - 1)]));
    let offer = market.offer(&offer_id);
    assert_eq!((offer["state"].as_str(), timeline(&offer).last()), (Some("withdrawn"), Some(&"withdrawn")));
    assert!(offer.get("vote").is_none_or(|vote| vote["state"] == "void"), "{offer}");
    let seen = items(&market.members[0].get("/v1/votes").ok());
    assert!(seen.iter().all(|vote| vote["state"] == "void" && vote["you_may_vote"] == false), "{seen:?}");
    assert_eq!(market.budget(), (0, 0));
}

fn who_leaves_while_voting_leaves_no_ballot_behind(backend: Backend) {
    let market = Market::open(backend, 2);
    let vote_id = market.vote_id(&market.place(PRICE));
    let membership = format!("/v1/pools/{}/membership", market.pool_id);
    let path = format!("/v1/votes/{vote_id}/ballot");
    let answers = all_at_once(|number| match number {
        0 => patiently(|| market.members[0].delete(&membership)),
        _ => patiently(|| market.members[0].put(&path, &json!({"choice": "yes"}))),
    });
    assert_eq!(answers[0].status, 202, "{}", answers[0].text());
    for late in answers[1..].iter().filter(|answer| answer.status != 200) {
        late.problem(404, "not-found");
    }
    let vote = market.vote(&vote_id);
    assert_eq!((&vote["turnout"], &vote["electors"]), (&json!(0), &json!(2)));
}

fn paying_and_lapsing_at_once_end_a_purchase_once(backend: Backend) {
    let market = Market::open(backend, 2);
    let purchase = market.accept(&market.place(PRICE));
    market.app.ctx.clock.advance_s(PAYMENT_DAYS * 86_400).unwrap();
    let answers = all_at_once(|number| match number % 8 {
        0 => {
            work(&market.app);
            None
        }
        _ => Some(patiently(|| market.pay(&id(&purchase), &purchase["total"]))),
    });
    finish(&market.app);
    let paid = answers.iter().flatten().filter(|answer| answer.status == 200).count();
    for refused in answers.iter().flatten().filter(|answer| answer.status != 200) {
        refused.problem(409, "conflict");
    }
    let (offer, licences) =
        (market.offer(purchase["offer_id"].as_str().unwrap()), market.buyer.get("/v1/licences").ok());
    match market.purchase(&id(&purchase))["state"].as_str().unwrap() {
        "settled" => {
            assert_eq!((paid, items(&licences).len(), market.budget()), (1, 1, (0, COST_NANO)));
            assert_eq!(timeline(&offer), ["opening", "voting", "accepted", "paid"]);
        }
        "lapsed" => {
            assert_eq!((paid, items(&licences).len(), market.budget()), (0, 0, (0, 0)));
            assert_eq!(timeline(&offer), ["opening", "voting", "accepted", "lapsed"]);
        }
        other => panic!("the purchase ended as {other}"),
    }
}

fn shares_entered_by_several_workers_at_once_are_entered_once(backend: Backend) {
    let market = Market::open(backend, 3);
    let purchase = market.settle(&market.accept(&market.place(PRICE)));
    let purchase_id = refrain::ids::PurchaseId::parse(&id(&purchase)).unwrap();
    let enter = || market.app.block_on(refrain::payouts::actions::run(&market.app.ctx, &purchase_id));
    assert!(enter().is_err(), "nothing is shared out before the edition is there");
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| work(&market.app));
        }
    });
    finish(&market.app);
    std::thread::scope(|scope| {
        let again: Vec<_> = (0..8).map(|_| scope.spawn(enter)).collect();
        again.into_iter().for_each(|run| run.join().unwrap().unwrap());
    });
    let totals = market.operator.get(&format!("/v1/purchases/{}/payouts", id(&purchase))).ok();
    assert_eq!((&totals["shares_entered"], &totals["paid_out"]), (&json!(3), &usd(PRICE * 9 / 10)));
    for member in &market.members {
        assert_eq!(items(&member.get("/v1/payouts").ok()).len(), 1);
    }
    assert_eq!(market.budget(), (0, COST_NANO), "several workers at one draw spend its budget once");
}
