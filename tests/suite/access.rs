//! Who may do what, and who may know of what: every operation with every wrong caller.

use crate::common::actors::PASSWORD;
use crate::common::contract::id_prefix;
use crate::common::http::{Answer, Caller};
use crate::common::market::{Market, id, items};
use crate::common::{Backend, TestApp};
use refrain::routes::operation::{Access, Operation};
use refrain::routes::operations;
use serde_json::{Value, json};

const NOBODYS: &str = "01jd2k8m0wfv9s3x6q4r7t5y2z";

fn filled(path: &str, id: &str) -> String {
    let filled = path.replace("{id}", id).replace("{purpose}", "model_training");
    let filled = filled.replace("{name}", "artist_preference.csv").replace("{sha256}", &"0".repeat(64));
    assert!(!filled.contains('{'), "say in this test what stands for the rest of {filled}");
    filled
}

/// A body that fits, where a body decides nothing.
fn body(path: &str) -> Value {
    match path {
        "/v1/votes/{id}/ballot" => json!({"choice": "no"}),
        "/v1/votes/{id}/questions" | "/v1/questions/{id}/answer" => json!({"text": "Who will read it?"}),
        "/v1/webhooks/{id}/replay" => json!({"since": "2026-01-01T00:00:00Z"}),
        "/v1/purchases/{id}/po-number" => json!({"po_number": "PO 1"}),
        "/v1/pools/{id}/membership/consents/{purpose}" => json!({"text_version": 1}),
        "/v1/organisations/{id}" => json!({
            "legal_name": "Somebody else", "country": "GB", "website": "https://other.example",
            "purpose": "Taking what is not theirs.", "address": "2 Street\nLondon", "tax_id": ""
        }),
        _ => json!({}),
    }
}

fn send(caller: &Caller, operation: &Operation, id: &str) -> Answer {
    let path = filled(operation.path, id);
    let headers = [("content-type", "application/json"), ("idempotency-key", "k")];
    let body = body(operation.path).to_string();
    let body = ["POST", "PUT", "PATCH"].contains(&operation.method.as_str()).then_some(body.as_bytes());
    caller.send(operation.method.as_str(), &path, &headers, body)
}

fn name(operation: &Operation) -> String {
    format!("{} {}", operation.method, operation.path)
}

/// The id of nobody's thing, of the kind that a path takes.
fn nobodys(path: &str) -> String {
    if path.contains("{id}") { format!("{}_{NOBODYS}", id_prefix(path)) } else { String::new() }
}

#[test]
fn an_account_of_another_kind_is_turned_away_everywhere_and_leaves_no_trace() {
    let market = Market::open(Backend::Sqlite, 1);
    let roles =
        [(Access::Buyer, &market.buyer), (Access::Member, &market.members[0]), (Access::Operator, &market.operator)];
    let trace = || {
        let log = market.operator.get("/v1/audit-log?limit=100").bytes;
        (log, market.app.anyone().get(&format!("/v1/pools/{}", market.pool_id)).bytes)
    };
    let before = trace();
    let mut tried = 0;
    for operation in operations() {
        let wrong = roles.iter().filter(|(role, _)| *role != operation.access);
        for (role, caller) in wrong.filter(|_| !matches!(operation.access, Access::Anyone | Access::Caller)) {
            let answer = send(caller, &operation, &nobodys(operation.path));
            assert_eq!(answer.status, 403, "{} as {}: {}", name(&operation), role.as_str(), answer.text());
            answer.problem(403, "forbidden");
            tried += 1;
        }
    }
    assert!(tried > 80, "only {tried} were tried");
    assert!(trace() == before, "somebody who was turned away has changed something");
}

/// What any account may call is for some of them only, too: a member has no offers, purchases and licences. Every answer is
/// one that the document announces; the sending looks after that.
#[test]
fn what_any_account_may_ask_is_refused_in_documented_words() {
    let market = Market::open(Backend::Sqlite, 1);
    let mut refused = 0;
    for operation in operations().iter().filter(|o| o.access == Access::Caller && o.method == "GET") {
        for caller in [&market.members[0], &market.buyer, &market.operator] {
            let answer = send(caller, operation, &nobodys(operation.path));
            refused += u32::from(answer.status == 403);
        }
    }
    assert_eq!(
        refused, 16,
        "a member who asks for offers, their terms and questions, purchases, invoices, licences, notices, and agreements in six ways"
    );
}

#[test]
fn an_account_of_the_right_kind_is_let_in_everywhere() {
    let market = Market::open(Backend::Sqlite, 1);
    let mut fresh = 0;
    for operation in operations() {
        // What ends the session or the account is tried by somebody who needs neither.
        let ends = operation.method == "DELETE" && !operation.path.contains('{');
        let caller = match operation.access {
            Access::Anyone => continue,
            Access::Operator => market.operator.clone(),
            Access::Buyer => market.buyer.clone(),
            Access::Member | Access::Caller if ends => {
                fresh += 1;
                market.app.member(&format!("fresh{fresh}"))
            }
            Access::Member => market.members[0].clone(),
            Access::Caller => market.buyer.clone(),
        };
        let answer = send(&caller, &operation, &nobodys(operation.path));
        let (here, words) = (name(&operation), answer.text());
        assert!(![401, 403].contains(&answer.status) && answer.status < 500, "{here}: {} {words}", answer.status);
        assert!(ends || !operation.path.contains("{id}") || answer.status >= 400, "{here} found nobody's: {words}");
    }
}

/// A filter that was misspelt would else be none. What tools ask, and what stands in a signed link, is told of in other words.
#[test]
fn a_name_that_no_query_has_is_refused_with_those_that_it_may_have() {
    let market = Market::open(Backend::Sqlite, 1);
    let own_words = |path: &str| path.starts_with("/delta-sharing/") || path.starts_with("/v1/links/");
    let mut tried = 0;
    for operation in operations().iter().filter(|o| o.method == "GET" && !o.query.is_empty() && !own_words(o.path)) {
        let caller = match operation.access {
            Access::Operator => &market.operator,
            Access::Member => &market.members[0],
            _ => &market.buyer,
        };
        let path = format!("{}?misspelt=1", filled(operation.path, &nobodys(operation.path)));
        let problem = caller.get(&path).problem(400, "malformed-request");
        let words = problem["detail"].as_str().unwrap();
        assert!(words.contains("nothing is called `misspelt` here; there are `"), "{path}: {words}");
        for known in &operation.query {
            assert!(words.contains(&format!("`{}`", known.name)), "{path}: {words}");
        }
        tried += 1;
    }
    assert!(tried > 20, "only {tried} were tried");
}

/// A sale, an open vote and a history, and two strangers who hold accounts of the same kinds elsewhere.
struct Neighbours {
    market: Market,
    organisation_id: String,
    owned: Vec<(&'static str, String)>,
    stranger_buyer: Caller,
    stranger_member: Caller,
}

impl Neighbours {
    fn new() -> Self {
        let market = Market::open(Backend::Sqlite, 2);
        let sold = market.sell(50_000);
        let open_offer = market.place(60_000);
        let vote_id = market.vote_id(&open_offer);
        market.cast(0, &vote_id, "yes").ok();
        let member = &market.members[0];
        let asked = member.post(&format!("/v1/votes/{vote_id}/questions"), &json!({"text": "What for?"})).ok();
        let organisation_id = id(&market.buyer.get("/v1/me").ok()["organisation"]);
        let mut owned = vec![
            ("offer", open_offer),
            ("purchase", id(&sold.purchase)),
            ("licence", id(&sold.licence)),
            ("edition", sold.licence["edition_id"].as_str().unwrap().to_owned()),
            ("vote", vote_id),
            ("question", id(&asked)),
            ("org", organisation_id.clone()),
            ("hist", id(&items(&member.get("/v1/histories").ok())[0])),
            ("pool", market.pool_id.clone()),
        ];
        let answer_by = market.app.ctx.clock.now().plus_days(1);
        let asks = json!({"terms": {"period_days": 7}, "message": "Shorter.", "answer_by": answer_by});
        let path = format!("/v1/offers/{}/counter", owned[0].1);
        owned.push(("counter", id(&market.operator.post_once(&path, &market.key(), &asks).ok())));
        let licence_id = sold.licence["id"].as_str().unwrap();
        let links = market.buyer.post(&format!("/v1/licences/{licence_id}/links"), &json!({})).ok();
        owned.push(("grant", links["grant_id"].as_str().unwrap().to_owned()));
        let webhook = market.buyer.post("/v1/webhooks", &json!({"url": "https://hooks.example.org"})).ok();
        let delivery = market.buyer.post(&format!("/v1/webhooks/{}/test", id(&webhook)), &json!({})).ok();
        owned.extend([("webhook", id(&webhook)), ("delivery", id(&delivery))]);
        // Nobody is there.
        let path = format!("/v1/webhooks/{}", id(&webhook));
        market.buyer.json("PATCH", &path, &[], &json!({"state": "paused"})).ok();
        let stranger_buyer = market.app.buyer("stranger");
        let elsewhere = market.app.pool("Another pool");
        let stranger_member = market.app.listener(&elsewhere, 77);
        Neighbours { market, organisation_id, owned, stranger_buyer, stranger_member }
    }

    fn id_of(&self, path: &str) -> &str {
        let wanted = id_prefix(path);
        let found = self.owned.iter().find(|(kind, _)| *kind == wanted);
        &found.unwrap_or_else(|| panic!("say in this test who owns what {path} is about")).1
    }

    /// Everything that the owners see of what is theirs.
    fn all_that_is_owned(&self) -> Vec<(String, String)> {
        let of_buyer =
            ["offers", "purchases", "licences", "webhooks"].iter().map(|kind| format!("/v1/{kind}?limit=100"));
        let licence_id = self.id_of("/v1/licences/");
        let more =
            [format!("/v1/organisations/{}", self.organisation_id), format!("/v1/licences/{licence_id}/accesses")];
        let webhook = format!("/v1/webhooks/{}", self.id_of("/v1/webhooks/"));
        let delivery = format!("/v1/deliveries/{}", self.id_of("/v1/deliveries/"));
        let more = more.into_iter().chain([webhook.clone(), format!("{webhook}/deliveries"), delivery]);
        let of_member =
            ["/v1/histories", "/v1/memberships", "/v1/votes", "/v1/payouts", "/v1/sales"].map(str::to_owned);
        let read = |caller: &Caller, path: String| {
            let answer = caller.get(&path);
            assert_eq!(answer.status, 200, "{path}");
            (path, answer.text())
        };
        let buyers = of_buyer.chain(more).map(|path| read(&self.market.buyer, path));
        let member = &self.market.members[0];
        buyers.chain(of_member.into_iter().map(|path| read(member, path))).collect()
    }
}

/// Members see votes, and neither offers nor purchases; buyers the other way round.
fn expect_sides_kept_apart(here: &Neighbours) {
    let member = &here.market.members[0];
    for path in [
        "/v1/offers/{id}",
        "/v1/offers/{id}/terms",
        "/v1/offers/{id}/questions",
        "/v1/purchases/{id}",
        "/v1/purchases/{id}/invoice",
        "/v1/licences/{id}",
        "/v1/licences/{id}/agreement",
        "/v1/licences/{id}/accesses",
        "/v1/licences/{id}/notices",
    ] {
        member.get(&filled(path, here.id_of(path))).problem(403, "forbidden");
    }
    let vote = format!("/v1/votes/{}", here.id_of("/v1/votes/"));
    assert_eq!(member.get(&vote).ok()["you_may_vote"], true);
    here.market.buyer.get(&vote).problem(404, "not-found");
}

/// Lists hold one's own, and their cursors are good for nobody else.
fn expect_lists_of_ones_own(here: &Neighbours) {
    for list in ["offers", "purchases", "licences"] {
        assert_eq!(items(&here.stranger_buyer.get(&format!("/v1/{list}")).ok()), [Value::Null; 0], "{list}");
    }
    for list in ["votes", "payouts", "sales"] {
        assert_eq!(items(&here.stranger_member.get(&format!("/v1/{list}")).ok()), [Value::Null; 0], "{list}");
    }
    let histories = here.stranger_member.get("/v1/histories").ok();
    assert_ne!(id(&items(&histories)[0]), here.id_of("/v1/histories/"));
    let page = here.market.buyer.get("/v1/offers?limit=1").ok();
    let cursor = page["next_cursor"].as_str().unwrap();
    assert_eq!(here.market.buyer.get(&format!("/v1/offers?limit=1&cursor={cursor}")).status, 200);
    for (caller, list) in
        [(&here.stranger_buyer, "offers"), (&here.market.operator, "offers"), (&here.market.buyer, "purchases")]
    {
        caller.get(&format!("/v1/{list}?limit=1&cursor={cursor}")).problem(400, "invalid-cursor");
    }
}

#[test]
fn what_belongs_to_others_is_not_there_for_whoever_asks() {
    let here = Neighbours::new();
    let before = here.all_that_is_owned();
    expect_sides_kept_apart(&here);
    expect_lists_of_ones_own(&here);
    let mut tried = 0;
    for operation in operations().iter().filter(|operation| operation.path.contains("{id}")) {
        let joins = operation.path == "/v1/pools/{id}/membership" && operation.method == "POST";
        let strangers = match operation.access {
            Access::Buyer => vec![&here.stranger_buyer],
            Access::Member if !joins => vec![&here.stranger_member],
            Access::Caller => vec![&here.stranger_buyer, &here.stranger_member],
            _ => continue,
        };
        let for_buyers = ["/v1/offers", "/v1/purchases", "/v1/licences"];
        let of_buyers = for_buyers.iter().any(|start| operation.path.starts_with(start));
        for stranger in strangers {
            let answer = send(stranger, operation, here.id_of(operation.path));
            let is_member = std::ptr::eq(stranger, &here.stranger_member);
            assert_eq!(answer.status, if of_buyers && is_member { 403 } else { 404 }, "{}", name(operation));
            let head = stranger.send("HEAD", &filled(operation.path, here.id_of(operation.path)), &[], None);
            assert!(head.status >= 400 && head.bytes.is_empty(), "HEAD {}", operation.path);
            tried += 1;
        }
    }
    assert!(tried >= 25, "only {tried} were tried");
    assert!(here.all_that_is_owned() == before, "a stranger has changed what is not theirs");
}

/// An answer must not tell a stranger's guess from a hit.
#[test]
fn others_things_and_nobodys_things_get_the_same_answer() {
    let here = Neighbours::new();
    for operation in operations().iter().filter(|operation| operation.path.contains("{id}")) {
        let stranger = match operation.access {
            Access::Buyer | Access::Caller => &here.stranger_buyer,
            Access::Member if operation.path.starts_with("/v1/pools/") => continue,
            Access::Member => &here.stranger_member,
            Access::Anyone | Access::Operator => continue,
        };
        let others = send(stranger, operation, here.id_of(operation.path));
        let nobodys = send(stranger, operation, &nobodys(operation.path));
        assert_eq!(others.problem(404, "not-found"), nobodys.problem(404, "not-found"), "{}", name(operation));
    }
}

#[test]
fn ids_that_nobody_made_are_answered_in_words() {
    let market = Market::open(Backend::Sqlite, 1);
    let long = "x".repeat(2_000);
    let odd =
        ["x", "offer_", "%00", "%20", "%F0%9F%92%A9", "%ff%fe", "..%2F..%2Fetc%2Fpasswd", "%27%20OR%201=1--", &long];
    // A link is more than its path: what is wrong with one is told without looking at the id.
    let takes_an_id =
        |operation: &&Operation| operation.path.contains("{id}") && !operation.path.starts_with("/v1/links/");
    for operation in operations().iter().filter(takes_an_id) {
        let caller = match operation.access {
            Access::Anyone => market.app.anyone(),
            Access::Operator => market.operator.clone(),
            Access::Buyer | Access::Caller => market.buyer.clone(),
            Access::Member => market.members[0].clone(),
        };
        let kind = id_prefix(operation.path);
        let other_kind = format!("{}_{NOBODYS}", if kind == "offer" { "vote" } else { "offer" });
        let capitals = format!("{kind}_{}", NOBODYS.to_uppercase());
        let too_much = format!("{kind}_8{}", &NOBODYS[1..]);
        let made_up = [nobodys(operation.path), other_kind, capitals, too_much];
        for id in odd.iter().copied().chain(made_up.iter().map(String::as_str)) {
            let answer = send(&caller, operation, id);
            let status = answer.status;
            assert!([404, 422].contains(&status), "{} with {id}: {status} {}", name(operation), answer.text());
            answer.problem(status, if status == 404 { "not-found" } else { "invalid" });
        }
    }
}

fn set_state(app: &TestApp, operator: &Caller, account: &Caller, state: &str) {
    let account_id = id(&account.get("/v1/me").ok());
    let change = json!({"state": state, "reason": "The address changed hands."});
    assert_eq!(operator.put(&format!("/v1/accounts/{account_id}/state"), &change).ok()["state"], state);
    app.run_jobs();
}

#[test]
fn a_disabled_account_is_out_at_once_and_its_old_token_stays_out() {
    let market = Market::open(Backend::Sqlite, 1);
    let (member, email) = (&market.members[0], "listener0@example.org");
    let account_id = id(&member.get("/v1/me").ok());
    set_state(&market.app, &market.operator, member, "disabled");
    for path in ["/v1/me", "/v1/votes", "/v1/histories"] {
        member.get(path).problem(401, "not-authenticated");
    }
    let login = json!({"email": email, "password": PASSWORD});
    market.app.anyone().post("/v1/sessions", &login).problem(401, "invalid-credentials");
    let enable = json!({"state": "active", "reason": "A mistake."});
    market.operator.put(&format!("/v1/accounts/{account_id}/state"), &enable).ok();
    member.get("/v1/me").problem(401, "not-authenticated");
    assert_eq!(market.app.log_in(email).get("/v1/me").ok()["state"], "active");
}

#[test]
fn a_disabled_buyer_can_no_longer_offer_or_download() {
    let market = Market::open(Backend::Sqlite, 1);
    let sold = market.sell(50_000);
    let files = format!("/v1/licences/{}/files", id(&sold.licence));
    assert_eq!(market.buyer.get(&files).status, 200);
    set_state(&market.app, &market.operator, &market.buyer, "disabled");
    market.buyer.get(&files).problem(401, "not-authenticated");
    market.send(&market.buyer, &market.asks(50_000, &json!({}))).problem(401, "not-authenticated");
}

#[test]
fn who_has_left_has_no_way_back_into_the_account() {
    let market = Market::open(Backend::Sqlite, 1);
    let (member, email) = (&market.members[0], "listener0@example.org");
    let login = json!({"email": email, "password": PASSWORD});
    let session = market.app.anyone().post("/v1/sessions", &login).ok();
    assert_eq!(member.delete("/v1/me").status, 202);
    member.get("/v1/me").problem(401, "not-authenticated");
    member.delete("/v1/me").problem(401, "not-authenticated");
    let refresh = json!({"refresh_token": session["refresh_token"]});
    market.app.anyone().post("/v1/sessions/refresh", &refresh).problem(401, "invalid-refresh-token");
    market.app.anyone().post("/v1/sessions", &login).problem(401, "invalid-credentials");
    market.app.run_jobs();
}
