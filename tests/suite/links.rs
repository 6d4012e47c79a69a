//! Links that carry their own signature: what they open, for how long, and what is noted of it.

use crate::common::Backend;
use crate::common::http::{Answer, Caller};
use crate::common::market::{Market, id, items, revealing};
use serde_json::{Value, json};

const CSV: &str = "artist_preference.csv";

/// A buyer with a licence on an edition that has rows.
pub struct Licensed {
    pub market: Market,
    pub licence_id: String,
}

impl Licensed {
    pub fn new(backend: Backend) -> Self {
        let market = Market::with(backend, 8, &json!({"recipe": revealing(), "dataset": {"rows_promised": 3}}));
        let licence_id = id(&market.sell(50_000).licence);
        Licensed { market, licence_id }
    }

    pub fn buyer(&self) -> &Caller {
        &self.market.buyer
    }

    fn path(&self, rest: &str) -> String {
        format!("/v1/licences/{}/{rest}", self.licence_id)
    }

    fn links(&self, body: &Value) -> Value {
        self.buyer().post(&self.path("links"), body).ok()
    }

    fn accesses(&self) -> Vec<Value> {
        items(&self.buyer().get(&self.path("accesses")).ok())
    }
}

/// A link without the address of the server, which in tests is known only once it runs.
pub fn below(href: &str) -> String {
    href[href.find("/v1/").unwrap_or_else(|| panic!("{href} leads to this server"))..].to_owned()
}

/// The link to a file.
fn to(links: &Value, name: &str) -> String {
    let link =
        items(links).into_iter().find(|link| link["name"] == name).unwrap_or_else(|| panic!("{name} in {links}"));
    below(link["href"].as_str().unwrap())
}

crate::on_both_databases!(
    a_link_opens_its_file_for_whoever_has_it_until_it_ends,
    a_link_is_good_as_it_was_made_and_for_nothing_else,
    what_was_given_out_can_be_taken_back,
    an_access_by_a_link_is_noted_once_an_hour,
);

fn a_link_opens_its_file_for_whoever_has_it_until_it_ends(backend: Backend) {
    let licensed = Licensed::new(backend);
    let links = licensed.links(&json!({}));
    let files = items(&licensed.buyer().get(&licensed.path("files")).ok());
    let named = |list: &[Value]| -> Vec<(Value, Value, Value)> {
        list.iter().map(|file| (file["name"].clone(), file["sha256"].clone(), file["size_bytes"].clone())).collect()
    };
    assert_eq!(named(&items(&links)), named(&files), "all of them, and what is said of each");
    let (anyone, link) = (licensed.market.app.anyone(), to(&links, CSV));
    let whole = anyone.get(&link);
    let own = licensed.buyer().get(&licensed.path(&format!("files/{CSV}")));
    assert_eq!((whole.status, &whole.bytes), (200, &own.bytes), "{}", whole.text());
    for same in ["etag", "content-type", "content-disposition", "repr-digest", "accept-ranges"] {
        assert_eq!(whole.header(same), own.header(same), "{same}");
    }
    let tag = own.header("etag").unwrap();
    let part = anyone.get_with(&link, &[("range", "bytes=2-5"), ("if-range", tag)]);
    assert_eq!((part.status, &part.bytes[..]), (206, &own.bytes[2..6]));
    let head = anyone.send("HEAD", &link, &[("range", "bytes=0-1")], None);
    assert_eq!((head.status, head.header("content-length")), (200, own.header("content-length")));
    assert_eq!(anyone.get_with(&link, &[("if-none-match", tag)]).status, 304);
    licensed.market.app.ctx.clock.advance_s(3_599).unwrap();
    assert_eq!(anyone.get(&link).status, 200, "a second before it ends");
    licensed.market.app.ctx.clock.advance_s(1).unwrap();
    let late = anyone.get(&link).problem(403, "link-expired");
    assert!(late["detail"].as_str().unwrap().contains(links["expires_at"].as_str().unwrap()), "{late}");
}

fn a_link_is_good_as_it_was_made_and_for_nothing_else(backend: Backend) {
    let licensed = Licensed::new(backend);
    let links = licensed.links(&json!({"files": [CSV], "lifetime_s": 60}));
    assert_eq!(items(&links).len(), 1);
    let (anyone, link) = (licensed.market.app.anyone(), to(&links, CSV));
    let nobodys = "licence_01jd2k8m0wfv9s3x6q4r7t5y2z";
    for changed in [
        link.replace(CSV, "artist_preference.parquet"),
        link.replace(CSV, "other.csv"),
        link.replace(&licensed.licence_id, nobodys),
        link.replace("X-Amz-Expires=60", "X-Amz-Expires=600"),
        link.replace("X-Amz-Signature=", "X-Amz-Signature=0"),
        link.replace("X-Amz-Credential=grant_0", "X-Amz-Credential=grant_1"),
        link.replace("X-Amz-Algorithm=REFRAIN", "X-Amz-Algorithm=AWS4"),
        link.replace("X-Amz-Date=2", "X-Amz-Date=1"),
    ] {
        assert_ne!(changed, link);
        anyone.get(&changed).problem(403, "link-refused");
    }
    for cut_off in ["?", "&X-Amz-Signature"] {
        anyone.get(link.split(cut_off).next().unwrap()).problem(403, "link-refused");
    }
    anyone.get(&link.replace("X-Amz-Expires=60", "X-Amz-Expires=soon")).problem(403, "link-refused");
    for (body, status, code) in [
        (json!({"lifetime_s": 0}), 422, "invalid"),
        (json!({"lifetime_s": 604_801}), 422, "invalid"),
        (json!({"files": []}), 422, "invalid"),
        (json!({"files": ["other.csv"]}), 404, "not-found"),
        (json!({"names": []}), 400, "malformed-request"),
    ] {
        licensed.buyer().post(&licensed.path("links"), &body).problem(status, code);
    }
    let stranger = licensed.market.app.buyer("stranger");
    stranger.post(&licensed.path("links"), &json!({})).problem(404, "not-found");
    for headers in [&[][..], &[("content-type", "application/json")]] {
        licensed.buyer().send("POST", &licensed.path("links"), headers, Some(b"")).ok();
    }
    stranger.get(&licensed.path("grants")).problem(404, "not-found");
    stranger.delete(&format!("/v1/grants/{}", links["grant_id"].as_str().unwrap())).problem(404, "not-found");
    assert_eq!(anyone.get(&link).status, 200, "and after all that it opens the file");
    // Shorter than asked for, as the licence ends before.
    licensed.market.app.advance_days(29);
    let last = licensed.links(&json!({"lifetime_s": 604_800}));
    let licence = licensed.buyer().get(licensed.path("").trim_end_matches('/')).ok();
    assert_eq!(last["expires_at"], licence["ends_at"], "{licence}");
    licensed.market.app.advance_days(2);
    let over: Answer = anyone.get(&to(&last, CSV));
    over.problem(403, "licence-expired");
}

fn what_was_given_out_can_be_taken_back(backend: Backend) {
    let licensed = Licensed::new(backend);
    let one = licensed.links(&json!({}));
    licensed.market.app.ctx.clock.advance_s(1).unwrap();
    let other = licensed.links(&json!({"lifetime_s": 60}));
    let listed = items(&licensed.buyer().get(&licensed.path("grants")).ok());
    let ids: Vec<&Value> = listed.iter().map(|grant| &grant["id"]).collect();
    assert_eq!(ids, [&other["grant_id"], &one["grant_id"]], "newest first");
    assert!(listed.iter().all(|grant| grant["kind"] == "links" && grant.get("revoked_at").is_none()), "{listed:?}");
    let grant = format!("/v1/grants/{}", one["grant_id"].as_str().unwrap());
    let back = licensed.buyer().delete(&grant).ok();
    assert_eq!(licensed.buyer().delete(&grant).ok(), back, "once more changes nothing");
    assert!(back["revoked_at"].is_string(), "{back}");
    let anyone = licensed.market.app.anyone();
    let refused = anyone.get(&to(&one, CSV)).problem(403, "link-refused");
    assert!(refused["detail"].as_str().unwrap().contains("taken this link back"), "{refused}");
    assert_eq!(anyone.get(&to(&other, CSV)).status, 200, "the other is not touched by it");
}

fn an_access_by_a_link_is_noted_once_an_hour(backend: Backend) {
    let licensed = Licensed::new(backend);
    let links = licensed.links(&json!({"lifetime_s": 86_400}));
    let (anyone, link) = (licensed.market.app.anyone(), to(&links, CSV));
    assert_eq!(anyone.send("HEAD", &link, &[], None).status, 200);
    assert_eq!(licensed.accesses(), [Value::Null; 0], "who looks has read nothing");
    for range in ["bytes=0-3", "bytes=4-9", "bytes=10-"] {
        assert_eq!(anyone.get_with(&link, &[("range", range)]).status, 206);
    }
    assert_eq!(anyone.get(&link).status, 200);
    let noted = licensed.accesses();
    let length = items(&links).iter().find(|file| file["name"] == CSV).unwrap()["size_bytes"].clone();
    assert_eq!((noted.len(), &noted[0]["status"], &noted[0]["size_bytes"]), (1, &json!(200), &length), "{noted:?}");
    assert_eq!(noted[0]["grant_id"], links["grant_id"]);
    assert_eq!(noted[0]["account_id"], licensed.buyer().get("/v1/me").ok()["id"], "who has given it out");
    licensed.market.app.ctx.clock.advance_s(1).unwrap();
    assert_eq!(anyone.get(&to(&links, "artist_preference.parquet")).status, 200);
    licensed.market.app.ctx.clock.advance_s(3_600).unwrap();
    assert_eq!(anyone.get(&link).status, 200);
    let names: Vec<Value> = licensed.accesses().iter().map(|access| access["file_name"].clone()).collect();
    assert_eq!(names, [CSV, "artist_preference.parquet", CSV]);
}
