//! Recalls: an edition that should not have been sold is taken back everywhere at once, and its licensees get another or their money.

use crate::common::http::{Answer, Caller};
use crate::common::market::{COST_NANO, Market, PAYMENT_DAYS, Sold, id, items, revealing, usd};
use crate::common::{Backend, LOOKS_FOR_NEWS_AFTER};
use crate::links::below;
use refrain::clock::UtcTime;
use refrain::datasets::model::Material;
use refrain::ids::EditionId;
use serde_json::{Value, json};
use std::sync::Barrier;

pub const PRICE: i64 = 90_000;
pub const DAY_S: i64 = 86_400;
const CSV: &str = "artist_preference.csv";
const REASON: &str = "The plays of June were counted twice.";
/// What one draw of the market's recipe costs: the pool's budget allows two.
pub const DRAW: i64 = 5 * COST_NANO;

crate::on_both_databases!(
    a_recalled_edition_is_given_out_to_nobody_and_replaced_free_of_charge,
    offers_votes_and_invoices_for_it_end_with_a_reason,
    what_cannot_be_recalled_is_refused,
    a_replacement_is_drawn_from_those_who_were_in_it_and_stayed,
    a_crash_between_the_draw_and_the_move_is_made_good,
    many_recalls_at_once_are_one,
    recalling_and_paying_at_once_leave_no_licence_with_files,
);

pub fn market(backend: Backend) -> Market {
    Market::with(backend, 8, &json!({"recipe": revealing(), "dataset": {"rows_promised": 3}}))
}

pub fn edition_of(licence: &Value) -> String {
    format!("/v1/editions/{}", licence["edition_id"].as_str().unwrap())
}

pub fn recall(by: &Caller, edition: &str, ground: &str, remedy: &str) -> Answer {
    by.post(&format!("{edition}/recall"), &json!({"ground": ground, "reason": REASON, "remedy": remedy}))
}

pub fn licence(market: &Market, sold: &Sold) -> Value {
    market.buyer.get(&format!("/v1/licences/{}", id(&sold.licence))).ok()
}

fn at(value: &Value) -> UtcTime {
    UtcTime::parse(value.as_str().unwrap_or_else(|| panic!("no instant: {value}"))).unwrap()
}

/// What the members have been paid, in the order of the members.
pub fn shares(market: &Market) -> Vec<Vec<Value>> {
    market.members.iter().map(|member| items(&member.get("/v1/payouts").ok())).collect()
}

/// Mails with these words in the subject, each in one piece.
pub fn mails(market: &Market, subject: &str) -> Vec<String> {
    market.app.run_jobs();
    let whole = market.app.mails().into_iter().map(|mail| mail.replace("=\r\n", "").replace("\r\n ", " "));
    whole.filter(|mail| mail.contains(&format!("Subject: Refrain: {subject}"))).collect()
}

/// What `refrain check` finds in the books of purchases.
pub fn problems(market: &Market) -> Vec<String> {
    market.app.block_on(market.app.ctx.db.read(refrain::purchases::steps::verify)).unwrap()
}

fn link_to(market: &Market, licence_id: &str) -> String {
    let asked = json!({"files": [CSV], "lifetime_s": 7 * DAY_S});
    let links = market.buyer.post(&format!("/v1/licences/{licence_id}/links"), &asked).ok();
    below(links["items"][0]["href"].as_str().unwrap())
}

fn a_recalled_edition_is_given_out_to_nobody_and_replaced_free_of_charge(backend: Backend) {
    let market = market(backend);
    let sold = market.sell(PRICE);
    let (edition, path) = (edition_of(&sold.licence), format!("/v1/licences/{}", id(&sold.licence)));
    let (paid, dataset) = (shares(&market), format!("/v1/datasets/{}", market.dataset_id));
    let link = link_to(&market, &id(&sold.licence));
    let profile = market.buyer.get(&format!("{path}/profile.share")).ok();
    let tool = market.app.anyone().with_token(profile["bearerToken"].as_str().unwrap());
    let share = tool.get("/delta-sharing/shares").ok()["items"][0]["name"].as_str().unwrap().to_owned();
    let table = tool.get(&format!("/delta-sharing/shares/{share}/all-tables")).ok()["items"][0].clone();
    let table = format!(
        "/delta-sharing/shares/{share}/schemas/{}/tables/{}",
        table["schema"].as_str().unwrap(),
        table["name"].as_str().unwrap()
    );
    let first = market.buyer.get(&format!("{path}/files/{CSV}")).bytes;

    let listed = || market.app.anyone().get(&dataset).ok();
    assert_eq!(listed(), listed(), "from now on it is at hand");
    let done = recall(&market.operator, &edition, "error", "replacement").ok();
    assert_eq!(listed()["editions"][0]["recall"]["ground"], "error", "whoever comes next sees it");
    assert_eq!((&done["licences"], &done["recall"]["state"]), (&json!(1), &json!("replacing")), "{done}");
    assert_eq!((market.budget(), &done["recall"]["replacement_number"]), ((DRAW, DRAW), &json!(2)));
    let suspended = licence(&market, &sold);
    assert_eq!((&suspended["state"], &suspended["recall"]["reason"]), (&json!("suspended"), &json!(REASON)));
    let refusals = [
        market.buyer.get(&format!("{path}/files")),
        market.buyer.get(&format!("{path}/files/{CSV}")),
        market.buyer.post(&format!("{path}/links"), &json!({})),
        market.buyer.get(&format!("{path}/profile.share")),
        market.app.anyone().get(&link),
    ];
    for refused in refusals {
        let words = refused.problem(403, "edition-recalled")["detail"].as_str().unwrap().to_owned();
        assert!(words.contains(REASON) && words.contains("Edition 2 is being drawn"), "{words}");
    }
    let shared = tool.get(&format!("{table}/metadata"));
    let words: Value = serde_json::from_slice(&shared.bytes).unwrap();
    assert_eq!((shared.status, &words["errorCode"]), (403, &json!("EDITION_RECALLED")));
    assert!(words["message"].as_str().unwrap().contains(REASON), "{words}");
    assert_eq!(market.buyer.get(&format!("{edition}/manifest")).status, 200, "how it was made stays readable");
    assert!(market.app.anyone().get(&format!("{edition}/privacy-report")).text().starts_with("Edition 1 was recalled"));
    let page = market.app.anyone().get(&dataset).ok();
    assert_eq!(page["editions"][0]["recall"]["ground"], "error");
    assert!(page["preview"].is_null() && !page.to_string().contains(REASON), "the reason is for licensees: {page}");
    let croissant = market.app.anyone().get(&format!("{dataset}/croissant.json")).text();
    assert!(
        croissant.contains("Edition 1 was recalled on") && croissant.contains("\"version\":\"1.0.0\""),
        "{croissant}"
    );
    let dcat: Value =
        serde_json::from_slice(&market.app.anyone().get(&format!("{dataset}/dcat.jsonld")).bytes).unwrap();
    let version = &dcat["dcat:hasVersion"][0];
    assert_eq!(version["adms:status"]["@id"], "http://purl.org/adms/status/Withdrawn");
    let stock = market.send(&market.buyer, &market.asks(PRICE, &json!({"edition": "stock"})));
    assert!(stock.problem(409, "conflict")["detail"].as_str().unwrap().contains("drawn yet"), "{}", stock.text());
    recall(&market.operator, &edition, "other", "refund").problem(409, "conflict");
    // Mails go out by themselves, before the draw that takes longer.
    while market.app.block_on(refrain::notify::actions::send_due(&market.app.ctx)).unwrap() > 0 {}
    assert_eq!(problems(&market), Vec::<String>::new());

    market.app.ctx.clock.advance_s(2 * DAY_S).unwrap();
    market.app.run_jobs();
    let moved = licence(&market, &sold);
    assert_eq!((&moved["state"], moved.get("recall")), (&json!("active"), None), "{moved}");
    assert_eq!(at(&moved["ends_at"]), at(&sold.licence["ends_at"]).plus_days(2), "two days without files");
    assert_eq!((&moved["rows_given"], market.budget()), (&json!(3), (0, 2 * DRAW)));
    let second = market.buyer.get(&format!("{path}/files/{CSV}"));
    assert_eq!(second.status, 200);
    assert_ne!(second.bytes, first, "another draw");
    let old = market.app.anyone().get(&link).problem(403, "edition-recalled");
    assert!(old["detail"].as_str().unwrap().contains("Make new links"), "{old}");
    assert_eq!(market.app.anyone().get(&link_to(&market, &id(&sold.licence))).bytes, second.bytes);
    let version = |query: &str| tool.get(&format!("{table}/{query}"));
    assert_eq!(version("version").header("delta-table-version"), Some("2"), "the next version of the table");
    let asked: Value = serde_json::from_slice(&version("metadata?version=1").bytes).unwrap();
    assert_eq!(asked["errorCode"], "EDITION_RECALLED", "{asked}");
    assert_eq!(version("metadata?version=2").status, 200);
    assert_eq!(shares(&market), paid, "nobody is paid twice, and nothing is taken back");
    assert_eq!(market.buyer.get(&format!("{edition}/manifest")).status, 200, "of what its own has replaced");
    market.app.buyer("stranger").get(&format!("{edition}/manifest")).problem(404, "not-found");
    std::thread::sleep(LOOKS_FOR_NEWS_AFTER);
    let page = market.app.anyone().get(&dataset).ok();
    let numbers: Vec<&Value> = page["editions"].as_array().unwrap().iter().map(|edition| &edition["number"]).collect();
    assert_eq!(numbers, [2, 1]);
    assert_eq!(
        (page["editions"][1]["recall"]["state"].as_str(), page["editions"][0].get("recall")),
        (Some("replaced"), None)
    );
    assert_eq!(page["preview"]["edition_id"], moved["edition_id"]);
    let told = mails(&market, "an edition of");
    assert!(told.len() == 1 && told[0].contains(REASON) && told[0].contains("To: buyer@northwind"), "{told:?}");
    let replaced = mails(&market, "your new files of");
    assert!(replaced.len() == 1 && replaced[0].contains(REASON), "{replaced:?}");
    let sale = market.members[0].get("/v1/sales").ok()["items"][0]["data"]["in_words"].as_str().unwrap().to_owned();
    assert!(sale.contains("recalled") && sale.contains("Your plays count in that one, too."), "{sale}");
    let acts = items(&market.operator.get("/v1/audit-log?limit=100").ok());
    let act = acts.iter().find(|act| act["action"] == "edition.recall").unwrap();
    assert_eq!(act["reason"], format!("an error in the edition (replacement): {REASON}"));
    // The term that has become longer ends to the second.
    market.app.ctx.clock.advance_s(at(&moved["ends_at"]).unix_s() - market.app.ctx.clock.now().unix_s() - 1).unwrap();
    market.app.run_jobs();
    assert_eq!(licence(&market, &sold)["state"], "active");
    market.app.advance_s(1);
    assert_eq!(licence(&market, &sold)["state"], "expired");
    assert_eq!(problems(&market), Vec::<String>::new());
}

fn offers_votes_and_invoices_for_it_end_with_a_reason(backend: Backend) {
    let market = market(backend);
    let sold = market.sell(PRICE);
    let stock = |buyer: &Caller, changes: Value| {
        let mut asks = market.asks(PRICE, &changes);
        asks["edition"] = json!("stock");
        id(&market.send(buyer, &asks).ok())
    };
    let names = ["one", "two", "three"];
    let [one, two, three] = names.map(|name| market.app.buyer(name));
    let accepted = stock(&one, json!({}));
    market.app.run_jobs();
    let invoice = market.accept(&accepted);
    let voting = stock(&two, json!({}));
    market.app.run_jobs();
    let vote_id = market.vote_id(&voting);
    market.cast(0, &vote_id, "yes").ok();
    let opening = stock(&three, json!({}));
    let next = id(&market.send(&three, &market.asks(PRICE, &json!({}))).ok());

    let done = recall(&market.operator, &edition_of(&sold.licence), "legal_claim", "refund").ok();
    assert_eq!((&done["offers"], &done["licences"]), (&json!(3), &json!(1)));
    for (offer_id, state) in [(&voting, "void"), (&opening, "void"), (&accepted, "lapsed")] {
        let offer = market.offer(offer_id);
        assert_eq!(offer["state"], state);
        let reason = offer["reason"].as_str().unwrap();
        assert!(reason.contains("Edition 1 was recalled") && !reason.contains(REASON), "{reason}");
    }
    let ballot = market.cast(1, &vote_id, "yes").problem(409, "vote-closed");
    assert!(ballot["detail"].is_string());
    let vote = market.vote(&vote_id);
    assert_eq!(vote["state"], "void");
    assert!(vote["reason"].as_str().unwrap().contains("recalled"), "{vote}");
    market.pay(&id(&invoice), &invoice["total"]).problem(409, "conflict");
    assert_eq!(market.purchase(&id(&invoice))["state"], "lapsed");
    assert!(items(&one.get("/v1/licences").ok()).is_empty());
    market.app.run_jobs();
    assert_eq!(market.offer(&next)["state"], "voting", "what is drawn anew is not touched");
    market.app.advance_days(PAYMENT_DAYS + 1);
    assert_eq!(problems(&market), Vec::<String>::new());
    for (name, subject) in [("one", "has lapsed"), ("two", "was called off"), ("three", "was called off")] {
        let all = market.app.mails();
        let whole = all.iter().map(|mail| mail.replace("=\r\n", "").replace("\r\n ", " "));
        let theirs = whole.filter(|mail| mail.contains(&format!("To: buyer@{name}.example")) && mail.contains(subject));
        assert!(theirs.map(|mail| mail.contains("was recalled")).eq([true]), "{name} is told once, with the reason");
    }
    let unpaid = items(&market.members[0].get("/v1/sales").ok());
    let unpaid = unpaid.iter().find(|sale| sale["buyer"] == "one Ltd").unwrap();
    assert!(unpaid["money"]["in_words"].as_str().unwrap().contains("recalled before the buyer had paid"), "{unpaid}");
}

fn what_cannot_be_recalled_is_refused(backend: Backend) {
    let market = market(backend);
    let purchase = market.settle(&market.accept(&market.place(PRICE)));
    let waiting = edition_of(&market.licence_of(&purchase));
    recall(&market.operator, &waiting, "error", "refund").problem(409, "conflict");
    market.app.run_jobs();
    let before = market.licence_of(&purchase);
    for other in [&market.buyer, &market.members[0]] {
        recall(other, &waiting, "error", "refund").problem(403, "forbidden");
    }
    recall(&market.app.anyone(), &waiting, "error", "refund").problem(401, "not-authenticated");
    recall(&market.operator, "/v1/editions/edition_01jd2k8m0wfv9s3x6q4r7t5y2z", "error", "refund")
        .problem(404, "not-found");
    recall(&market.operator, &waiting, "a whim", "refund").problem(422, "invalid");
    recall(&market.operator, &waiting, "error", "nothing").problem(422, "invalid");
    for reason in ["", " \n", &"x".repeat(2_001)] {
        let body = json!({"ground": "error", "reason": reason, "remedy": "refund"});
        market.operator.post(&format!("{waiting}/recall"), &body).problem(422, "invalid");
    }
    let give_up =
        |reason: &str| market.operator.post(&format!("{waiting}/give-up-replacement"), &json!({"reason": reason}));
    give_up("It cannot be drawn.").problem(404, "not-found");
    assert_eq!((market.licence_of(&purchase), market.budget()), (before, (0, DRAW)), "nothing has changed");
    // Without anybody who holds a licence there is nobody to draw anew for.
    market.app.advance_days(31);
    recall(&market.operator, &waiting, "error", "replacement").problem(409, "conflict");
    let done = recall(&market.operator, &waiting, "error", "refund").ok();
    assert_eq!(done["licences"], 0);
    give_up("It cannot be drawn.").problem(409, "conflict");
    assert_eq!(market.licence_of(&purchase)["state"], "expired");
    assert!(market.purchase(&id(&purchase)).get("refund_due").is_none());
    let told = mails(&market, "an edition of");
    assert!(told.len() == 1 && told[0].contains("Your licence had ended before"), "who had one is told: {told:?}");
    assert_eq!(problems(&market), Vec::<String>::new());
}

fn a_replacement_is_drawn_from_those_who_were_in_it_and_stayed(backend: Backend) {
    let market = Market::open(backend, 8);
    let membership = format!("/v1/pools/{}/membership", market.pool_id);
    let consent = format!("{membership}/consents/market_research");
    // Out of the draw, but not out of the electorate: the consent is given again later, when nobody is paid for it any more.
    let purchase = market.settle(&market.accept(&market.place(PRICE)));
    market.members[0].delete(&consent).ok();
    market.app.run_jobs();
    let first = market.licence_of(&purchase);
    market.members[0].put(&consent, &json!({"text_version": 1})).ok();
    let edition = edition_of(&first);
    assert_eq!(market.operator.get(&edition).ok()["members"], 7);
    recall(&market.operator, &edition, "security", "replacement").ok();
    market.members[1].delete(&membership).ok();
    assert_eq!(market.members[2].delete("/v1/me").status, 202);
    let paid = items(&market.members[1].get("/v1/payouts").ok());
    market.app.run_jobs();
    let moved = market.licence_of(&purchase);
    let drawn = market.operator.get(&edition_of(&moved)).ok();
    assert_eq!((&moved["state"], &drawn["members"]), (&json!("active"), &json!(5)), "{drawn}");
    assert_eq!(items(&market.members[1].get("/v1/payouts").ok()), paid, "who has left keeps the share");
    let of_member = |member: usize| {
        let sale = market.members[member].get("/v1/sales").ok()["items"][0].clone();
        sale["data"]["in_words"].as_str().unwrap().to_owned()
    };
    assert!(of_member(0).contains("You were not in the draw"), "{}", of_member(0));
    assert!(of_member(1).contains("recalled") && !of_member(1).contains("count in that one"), "{}", of_member(1));
    assert!(of_member(3).contains("count in that one, too"), "{}", of_member(3));
}

fn a_crash_between_the_draw_and_the_move_is_made_good(backend: Backend) {
    let market = market(backend);
    let sold = market.sell(PRICE);
    let edition = edition_of(&sold.licence);
    let done = recall(&market.operator, &edition, "error", "replacement").ok();
    let replacement_id = EditionId::parse(done["recall"]["replacement_id"].as_str().unwrap()).unwrap();
    let recalled_id = EditionId::parse(sold.licence["edition_id"].as_str().unwrap()).unwrap();
    let ctx = &market.app.ctx;
    let members =
        market.app.block_on(ctx.db.read(move |db| refrain::datasets::steps::edition_members(db, &recalled_id)));
    let material = Material { members: members.unwrap(), list_sha256: None };
    market.app.block_on(refrain::datasets::actions::draw_edition(ctx, &replacement_id, material, |_| {})).unwrap();
    // Here the server dies: the edition is published, and nobody has moved to it.
    assert_eq!((licence(&market, &sold)["state"].clone(), problems(&market)), (json!("suspended"), Vec::new()));
    let replacement = format!("/v1/editions/{replacement_id}");
    let early = recall(&market.operator, &replacement, "error", "refund").problem(409, "conflict");
    assert!(early["detail"].as_str().unwrap().contains("try again in a moment"), "{early}");
    let give_up = format!("{edition}/give-up-replacement");
    market.operator.post(&give_up, &json!({"reason": "Too slow."})).problem(409, "conflict");
    for member in &market.members {
        member.delete(&format!("/v1/pools/{}/membership", market.pool_id)).ok();
    }
    market.app.run_jobs();
    let moved = licence(&market, &sold);
    assert_eq!((&moved["state"], &moved["edition_id"]), (&json!("active"), &json!(replacement_id)), "{moved}");
    // Whatever is run once more changes nothing, not even the draw of what was recalled.
    let first = EditionId::parse(sold.licence["edition_id"].as_str().unwrap()).unwrap();
    for again in [&replacement_id, &first, &replacement_id] {
        market.app.block_on(refrain::purchases::actions::draw(ctx, again, |_| {})).unwrap();
    }
    assert_eq!((licence(&market, &sold), market.budget()), (moved, (0, 2 * DRAW)));
    // What has replaced may be recalled in its turn.
    recall(&market.operator, &replacement, "security", "refund").ok();
    assert_eq!(licence(&market, &sold)["state"], "recalled");
    assert_eq!(market.purchase(&id(&sold.purchase))["refund_due"], usd(PRICE));
    for readable in [&edition, &replacement] {
        assert_eq!(market.buyer.get(&format!("{readable}/manifest")).status, 200);
    }
    assert_eq!(problems(&market), Vec::<String>::new());
}

/// Runs eight at the same moment, each on a thread of its own.
fn at_once<T: Send>(work: impl Fn(usize) -> T + Sync) -> Vec<T> {
    const MANY: usize = 8;
    let barrier = Barrier::new(MANY);
    std::thread::scope(|scope| {
        let run = |number| {
            let (barrier, work) = (&barrier, &work);
            scope.spawn(move || {
                barrier.wait();
                work(number)
            })
        };
        let threads: Vec<_> = (0..MANY).map(run).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    })
}

fn many_recalls_at_once_are_one(backend: Backend) {
    let market = market(backend);
    let sold = market.sell(PRICE);
    let (edition, files) = (edition_of(&sold.licence), format!("/v1/licences/{}/files/{CSV}", id(&sold.licence)));
    let whole = market.buyer.get(&files).bytes;
    // Half of them recall, with either remedy; the others download meanwhile, and get all of the file or none.
    let answers = at_once(|number| match number % 4 {
        0 => Some(recall(&market.operator, &edition, "error", "refund").status),
        1 => Some(recall(&market.operator, &edition, "security", "replacement").status),
        _ => {
            for _ in 0..5 {
                let answer = market.buyer.get(&files);
                assert!(answer.bytes == whole || answer.problem(403, "edition-recalled").is_object());
            }
            None
        }
    });
    let recalls: Vec<u16> = answers.into_iter().flatten().collect();
    assert!(recalls.iter().all(|status| [200, 409].contains(status)), "{recalls:?}");
    assert_eq!(recalls.iter().filter(|status| **status == 200).count(), 1, "{recalls:?}");
    market.buyer.get(&files).problem(403, "edition-recalled");
    let state = licence(&market, &sold)["state"].as_str().unwrap().to_owned();
    let (reserved, _) = market.budget();
    assert_eq!((state.as_str(), reserved), if reserved > 0 { ("suspended", DRAW) } else { ("recalled", 0) });
    market.app.run_jobs();
    assert_eq!(
        (problems(&market), mails(&market, "an edition of").len()),
        (Vec::new(), usize::from(state == "recalled"))
    );
}

fn recalling_and_paying_at_once_leave_no_licence_with_files(backend: Backend) {
    let market = market(backend);
    let sold = market.sell(PRICE);
    let other = market.app.buyer("other");
    let stock = market.send(&other, &market.asks(PRICE, &json!({"edition": "stock"}))).ok();
    market.app.run_jobs();
    let invoice = market.accept(&id(&stock));
    let edition = edition_of(&sold.licence);
    let statuses = at_once(|number| match number % 4 {
        0 => recall(&market.operator, &edition, "legal_claim", "refund").status,
        1 => market.send(&other, &market.asks(PRICE, &json!({"edition": "stock"}))).status,
        _ => market.pay(&id(&invoice), &invoice["total"]).status,
    });
    assert!(statuses.iter().all(|status| [200, 201, 409].contains(status)), "{statuses:?}");
    market.app.run_jobs();
    market.app.advance_days(1);
    let paid = market.purchase(&id(&invoice));
    let licences = items(&other.get("/v1/licences").ok());
    match paid["state"].as_str().unwrap() {
        "lapsed" => assert!(licences.is_empty(), "{licences:?}"),
        "settled" => {
            assert_eq!(licences[0]["state"], "recalled");
            assert_eq!(paid["refund_due"], invoice["total"], "paid and recalled at the same instant");
        }
        state => panic!("the invoice is {state}"),
    }
    let standing = items(&other.get("/v1/offers").ok());
    assert!(standing.iter().all(|offer| ["void", "lapsed", "paid"].contains(&offer["state"].as_str().unwrap())));
    assert_eq!(problems(&market), Vec::<String>::new());
}
