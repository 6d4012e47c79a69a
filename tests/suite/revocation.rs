//! Taking a licence away: told to its holder wherever they look, and cut off to the second.

use crate::common::Backend;
use crate::common::http::{Answer, Caller};
use crate::common::market::{Market, id, items, revealing};
use crate::links::below;
use crate::recall::{edition_of, recall};
use serde_json::{Value, json};

const REASON: &str = "Rows were published on a site.";
const NOTICE_DAYS: i64 = 30;
const DAY_S: i64 = 86_400;

crate::on_both_databases!(
    at_the_end_of_the_notice_every_door_closes_and_says_why,
    who_may_revoke_and_why_is_looked_at_first,
    each_step_is_told_by_mail_and_noted,
);

/// A licence for a year, with a link to a file and a tool that reads its table.
struct Held {
    market: Market,
    licence: Value,
    link: String,
    tool: Caller,
}

impl Held {
    fn new(backend: Backend) -> Self {
        let market = Market::with(backend, 8, &json!({"recipe": revealing(), "dataset": {"rows_promised": 3}}));
        let offer = market.send(&market.buyer, &market.asks(50_000, &json!({"period_days": 365}))).ok();
        market.app.run_jobs();
        let settled = market.settle(&market.accept(&id(&offer)));
        market.app.run_jobs();
        let licence = market.licence_of(&settled);
        let path = format!("/v1/licences/{}", id(&licence));
        let links = market.buyer.post(&format!("{path}/links"), &json!({"lifetime_s": 7 * DAY_S})).ok();
        let link = below(links["items"][0]["href"].as_str().unwrap());
        let profile = market.buyer.get(&format!("{path}/profile.share")).ok();
        let tool = market.app.anyone().with_token(profile["bearerToken"].as_str().unwrap());
        Held { market, licence, link, tool }
    }

    fn path(&self, rest: &str) -> String {
        format!("/v1/licences/{}{rest}", id(&self.licence))
    }

    fn revoke(&self, by: &Caller, ground: &Value, reason: &str) -> Answer {
        by.post(&self.path("/revoke"), &json!({"ground": ground, "reason": reason}))
    }

    fn ground(&self) -> Value {
        self.licence["terms"]["revocation"]["grounds"][0].clone()
    }

    fn keep(&self, by: &Caller, reason: &str) -> Answer {
        by.post(&self.path("/withdraw-notice"), &json!({"reason": reason}))
    }

    /// A new link, as the clock has been moved past the end of those before.
    fn relink(&mut self) {
        let links = self.market.buyer.post(&self.path("/links"), &json!({"lifetime_s": 7 * DAY_S})).ok();
        self.link = below(links["items"][0]["href"].as_str().unwrap());
    }

    /// How many mails the holder was sent that say this of the licence, and give the reason if they give one.
    fn mails(&self, words: &str) -> usize {
        self.market.app.run_jobs();
        let all = self.market.app.mails();
        let whole = all.iter().map(|mail| mail.replace("=\r\n", "").replace("\r\n ", " "));
        let theirs = whole.filter(|mail| mail.contains("To: buyer@northwind.example"));
        let told = theirs.filter(|mail| mail.contains("Refrain: your licence for") && mail.contains(words));
        told.filter(|mail| mail.contains(REASON) || mail.contains("was taken back")).count()
    }
}

fn at_the_end_of_the_notice_every_door_closes_and_says_why(backend: Backend) {
    let mut held = Held::new(backend);
    held.revoke(&held.market.operator, &held.ground(), REASON).ok();
    held.market.app.ctx.clock.advance_s(NOTICE_DAYS * DAY_S - 1).unwrap();
    held.relink();
    let anyone = held.market.app.anyone();
    let doors = || {
        let (buyer, shares) = (&held.market.buyer, "/delta-sharing/shares");
        [
            buyer.get(&held.path("/files")),
            buyer.get(&held.path("/files/artist_preference.csv")),
            buyer.post(&held.path("/links"), &json!({})),
            buyer.get(&held.path("/profile.share")),
            anyone.get(&held.link),
            held.tool.get(shares),
        ]
    };
    assert_eq!(doors().map(|answer| answer.status), [200; 6], "a second before the notice ends");
    held.market.app.ctx.clock.advance_s(1).unwrap();
    let closed = doors();
    for refused in &closed[..5] {
        // A link that was made within the notice ends with it, but that is not the reason.
        let problem = refused.problem(403, "licence-revoked");
        assert!(problem["detail"].as_str().unwrap().contains(REASON), "{problem}");
    }
    let shared: Value = serde_json::from_slice(&closed[5].bytes).unwrap();
    assert_eq!((closed[5].status, &shared["errorCode"]), (403, &json!("LICENCE_REVOKED")));
    assert!(shared["message"].as_str().unwrap().contains(REASON), "{shared}");
    // No job has run: the clock alone has ended it.
    let seen = held.market.buyer.get(&held.path("")).ok();
    assert_eq!(seen["state"], "revoked");
    assert!(seen["revoked_reason"].as_str().unwrap().ends_with(REASON), "{seen}");
    let refusals = items(&held.market.operator.get(&held.path("/accesses")).ok());
    assert!(refusals.iter().any(|access| access["status"] == 403), "{refusals:?}");
}

fn who_may_revoke_and_why_is_looked_at_first(backend: Backend) {
    let held = Held::new(backend);
    let (operator, ground) = (&held.market.operator, held.ground());
    for other in [&held.market.buyer, &held.market.members[0]] {
        held.revoke(other, &ground, REASON).problem(403, "forbidden");
        held.keep(other, "Mended.").problem(403, "forbidden");
    }
    held.revoke(&held.market.app.anyone(), &ground, REASON).problem(401, "not-authenticated");
    held.revoke(operator, &json!("we feel like it"), REASON).problem(422, "invalid");
    for reason in ["", "  ", &"x".repeat(2_001)] {
        held.revoke(operator, &ground, reason).problem(422, "invalid");
    }
    operator.post(&held.path("/revoke"), &json!({"ground": ground})).problem(422, "invalid");
    held.keep(operator, "Mended.").problem(409, "conflict");
    let nobodys = "/v1/licences/licence_01jd2k8m0wfv9s3x6q4r7t5y2z/revoke";
    operator.post(nobodys, &json!({"ground": ground, "reason": REASON})).problem(404, "not-found");
    assert_eq!(held.market.buyer.get(&held.path("")).ok(), held.licence, "none of these has changed anything");
    held.revoke(operator, &ground, REASON).ok();
    held.keep(operator, " ").problem(422, "invalid");
    held.revoke(operator, &ground, REASON).problem(409, "conflict");
}

fn each_step_is_told_by_mail_and_noted(backend: Backend) {
    let held = Held::new(backend);
    let (operator, ground) = (held.market.operator.clone(), held.ground());
    assert_eq!(held.mails(""), 0);
    held.revoke(&operator, &ground, REASON).ok();
    assert_eq!((held.mails("is under notice"), held.mails("")), (1, 1));
    held.keep(&operator, "The rows were taken down.").ok();
    assert_eq!((held.mails("was taken back"), held.mails("The rows were taken down."), held.mails("")), (1, 1, 2));
    held.revoke(&operator, &ground, REASON).ok();
    held.market.app.advance_days(NOTICE_DAYS - 1);
    assert_eq!((held.mails("is under notice"), held.mails("")), (2, 3));
    held.market.app.advance_days(1);
    assert_eq!((held.mails("is revoked"), held.mails("")), (1, 4));
    let acts = items(&operator.get("/v1/audit-log?limit=100").ok());
    let mut noted: Vec<(&str, &str)> = acts
        .iter()
        .filter(|act| act["subject_id"] == held.licence["id"])
        .map(|act| (act["action"].as_str().unwrap(), act["reason"].as_str().unwrap()))
        .collect();
    noted.sort_unstable();
    let why = format!("{}: {REASON}", ground.as_str().unwrap());
    let revoke = ("licence.revoke", why.as_str());
    assert_eq!(noted, [("licence.keep", "The rows were taken down."), revoke, revoke]);
}

/// Mails say how things stand when they go out. What a recall has overtaken meanwhile is not told beside it.
#[test]
fn what_a_recall_has_overtaken_is_not_told_by_mail() {
    let held = Held::new(Backend::Sqlite);
    let (operator, ground) = (held.market.operator.clone(), held.ground());
    held.revoke(&operator, &ground, REASON).ok();
    held.keep(&operator, "The rows were taken down.").ok();
    recall(&operator, &edition_of(&held.licence), "error", "refund").ok();
    held.market.app.run_jobs();
    let mails = held.market.app.mails();
    let subjects = |words: &str| mails.iter().filter(|mail| mail.replace("\r\n ", " ").contains(words)).count();
    assert_eq!(subjects("Subject: Refrain: your licence for"), 0, "{mails:#?}");
    assert_eq!(subjects("Subject: Refrain: an edition of \"Artist preference\" was recalled"), 1, "{mails:#?}");
    let licence = held.market.buyer.get(&held.path("")).ok();
    assert!(licence["ended_at"].is_string() && licence["state"] == "recalled", "{licence}");
}
