//! Downloads: parts, conditions, digests, names, and who took what.

use crate::common::Backend;
use crate::common::http::{Answer, Caller};
use crate::common::market::{Market, id, items, revealing};
use aws_lc_rs::digest;
use base64::Engine;
use serde_json::{Value, json};

const CSV: &str = "artist_preference.csv";

/// A buyer with a licence on an edition that has rows.
struct Licensed {
    market: Market,
    licence: Value,
    base: String,
}

impl Licensed {
    fn new() -> Self {
        let market = Market::with(Backend::Sqlite, 8, &json!({"recipe": revealing(), "dataset": {"rows_promised": 3}}));
        let licence = market.sell(50_000).licence;
        assert_eq!(licence["rows_given"], 3, "{licence}");
        let base = format!("/v1/licences/{}/files", id(&licence));
        Licensed { market, licence, base }
    }

    fn buyer(&self) -> &Caller {
        &self.market.buyer
    }

    fn path(&self) -> String {
        format!("{}/{CSV}", self.base)
    }

    fn ask(&self, headers: &[(&str, &str)]) -> Answer {
        self.buyer().get_with(&self.path(), headers)
    }
}

#[test]
fn one_range_is_sent_as_it_was_asked_for_and_several_as_the_whole() {
    let licensed = Licensed::new();
    let whole = licensed.ask(&[]);
    assert_eq!((whole.status, whole.header("accept-ranges")), (200, Some("bytes")));
    let (bytes, length) = (&whole.bytes, whole.bytes.len());
    assert!(length > 40, "{}", whole.text());
    let last = length - 1;
    for (range, first, end) in [
        ("bytes=0-0".to_owned(), 0, 1),
        ("bytes=5-9".to_owned(), 5, 10),
        ("bytes=7-".to_owned(), 7, length),
        ("bytes=-4".to_owned(), length - 4, length),
        (format!("bytes={last}-{last}"), last, length),
        ("bytes=3-999999999999999999999".to_owned(), 3, length),
        (format!("bytes=-{}", length + 50), 0, length),
        (format!("bytes=0-{last}"), 0, length),
    ] {
        let part = licensed.ask(&[("range", &range)]);
        assert_eq!((part.status, &part.bytes[..]), (206, &bytes[first..end]), "{range}");
        let said = format!("bytes {first}-{}/{length}", end - 1);
        assert_eq!(part.header("content-range"), Some(said.as_str()), "{range}");
        assert_eq!(part.header("content-length"), Some((end - first).to_string().as_str()));
        for same in ["etag", "repr-digest", "content-type"] {
            assert_eq!(part.header(same), whole.header(same), "{same} of {range}");
        }
    }
    for range in [
        "bytes=0-1,4-5",
        "bytes=0-0,-1",
        "lines=1-2",
        "bytes",
        "0-5",
        "bytes=9-3",
        "bytes=a-b",
        "bytes=-",
        "bytes=1--2",
    ] {
        let answer = licensed.ask(&[("range", range)]);
        assert_eq!((answer.status, &answer.bytes), (200, bytes), "{range}");
        assert_eq!(answer.header("content-range"), None);
    }
    let outside = format!("bytes */{length}");
    for range in [&format!("bytes={length}-"), "bytes=-0"] {
        let answer = licensed.ask(&[("range", range)]);
        answer.problem(416, "range-not-satisfiable");
        assert_eq!(answer.header("content-range"), Some(outside.as_str()), "{range}");
    }
}

#[test]
fn conditions_decide_whether_anything_is_sent_and_how_much() {
    let licensed = Licensed::new();
    let whole = licensed.ask(&[]);
    let etag = whole.header("etag").unwrap().to_owned();
    assert!(etag.starts_with('"'), "the tag is strong: {etag}");
    let (weak, among) = (format!("W/{etag}"), format!("\"other\", {etag}"));
    let part = ("range", "bytes=2-5");
    let date = "Wed, 21 Oct 2026 07:28:00 GMT";
    let cases: [(&[(&str, &str)], u16); 17] = [
        (&[("if-none-match", &etag)], 304),
        (&[("if-none-match", &weak)], 304),
        (&[("if-none-match", &among)], 304),
        (&[("if-none-match", "*")], 304),
        (&[("if-none-match", "\"other\"")], 200),
        (&[("if-none-match", "\"other\""), part], 206),
        (&[("if-none-match", &etag), part], 304),
        (&[("if-match", &etag)], 200),
        (&[("if-match", "*"), part], 206),
        (&[("if-match", &weak)], 412),
        (&[("if-match", "\"other\""), part], 412),
        (&[("if-match", "\"other\""), ("if-none-match", &etag)], 412),
        (&[("if-range", &etag), part], 206),
        (&[("if-range", "\"other\""), part], 200),
        (&[("if-range", &weak), part], 200),
        (&[("if-range", date), part], 200),
        (&[("if-range", "\"other\""), ("range", "bytes=99999-")], 200),
    ];
    for (headers, status) in cases {
        let answer = licensed.ask(headers);
        assert_eq!(answer.status, status, "{headers:?}: {}", answer.text());
        match status {
            200 => assert_eq!(answer.bytes, whole.bytes, "{headers:?}"),
            206 => assert_eq!(answer.bytes, whole.bytes[2..6], "{headers:?}"),
            304 => assert!(answer.bytes.is_empty() && answer.header("etag") == Some(&etag), "{headers:?}"),
            _ => drop(answer.problem(412, "precondition-failed")),
        }
    }
}

#[test]
fn the_bytes_are_those_that_the_digests_name_and_nothing_encodes_them_anew() {
    let licensed = Licensed::new();
    let edition = licensed.licence["edition_id"].as_str().unwrap();
    let manifest = licensed.buyer().get(&format!("/v1/editions/{edition}/manifest")).ok()["manifest"].clone();
    let files = items(&licensed.buyer().get(&licensed.base).ok());
    assert!(files.iter().any(|file| file["name"] == CSV) && files.len() >= 2, "{files:?}");
    for file in &files {
        let path = file["href"].as_str().unwrap();
        let answer = licensed.buyer().get_with(path, &[("accept-encoding", "gzip, br, zstd")]);
        assert_eq!((answer.status, answer.header("content-encoding")), (200, None), "{path}");
        let sum = digest::digest(&digest::SHA256, &answer.bytes);
        let (hex_sum, base64) = (hex::encode(sum), base64::engine::general_purpose::STANDARD.encode(sum));
        assert_eq!(file["sha256"], hex_sum);
        assert_eq!(answer.header("repr-digest"), Some(format!("sha-256=:{base64}:").as_str()));
        assert_eq!(file["size_bytes"], answer.bytes.len());
        let listed = manifest["files"].as_array().unwrap().iter().find(|listed| listed["name"] == file["name"]);
        if let Some(listed) = listed {
            assert_eq!(listed["sha256"], hex_sum, "the manifest names the same bytes");
        }
        assert_eq!(answer.header("content-type"), file["media_type"].as_str());
        assert!(answer.header("cache-control").unwrap().contains("no-transform"));
        let disposition = format!("attachment; filename=\"{}\"", file["name"].as_str().unwrap());
        assert_eq!(answer.header("content-disposition"), Some(disposition.as_str()));
        let head = licensed.buyer().send("HEAD", path, &[("range", "bytes=0-1")], None);
        assert_eq!((head.status, head.bytes.len()), (200, 0));
        for same in ["content-length", "etag", "repr-digest", "content-type", "accept-ranges"] {
            assert_eq!(head.header(same), answer.header(same), "{same} of {path}");
        }
    }
    let listed: Vec<&str> = manifest["files"].as_array().unwrap().iter().filter_map(|f| f["name"].as_str()).collect();
    assert!(listed.contains(&CSV) && listed.len() >= 2, "{listed:?}");
}

#[test]
fn the_access_log_tells_who_took_what_and_what_was_refused() {
    let licensed = Licensed::new();
    let whole = licensed.ask(&[]);
    let etag = whole.header("etag").unwrap().to_owned();
    licensed.market.app.ctx.clock.advance_s(1).unwrap();
    licensed.ask(&[("range", "bytes=2-5")]);
    licensed.market.app.ctx.clock.advance_s(1).unwrap();
    licensed.ask(&[("if-none-match", &etag)]);
    licensed.market.app.ctx.clock.advance_s(1).unwrap();
    licensed.ask(&[("range", "bytes=99999-")]);
    licensed.market.app.ctx.clock.advance_s(1).unwrap();
    licensed.buyer().send("HEAD", &licensed.path(), &[], None);
    licensed.market.app.advance_days(31);
    licensed.ask(&[]).problem(403, "licence-expired");
    let path = format!("/v1/licences/{}/accesses", id(&licensed.licence));
    let log = items(&licensed.buyer().get(&path).ok());
    let told: Vec<(i64, i64)> =
        log.iter().map(|a| (a["status"].as_i64().unwrap(), a["size_bytes"].as_i64().unwrap())).collect();
    let length = i64::try_from(whole.bytes.len()).unwrap();
    assert_eq!(told, [(403, 0), (200, 0), (416, 0), (304, 0), (206, 4), (200, length)], "newest first");
    assert_eq!(log[4]["range_asked"], "bytes=2-5");
    let account_id = id(&licensed.buyer().get("/v1/me").ok());
    assert!(log.iter().all(|access| access["account_id"] == account_id && access["file_name"] == CSV), "{log:?}");
    assert_eq!(items(&licensed.market.operator.get(&path).ok()), log, "operators see the same");
    let page = licensed.buyer().get(&format!("{path}?limit=4")).ok();
    let next = format!("{path}?limit=4&cursor={}", page["next_cursor"].as_str().unwrap());
    assert_eq!(items(&licensed.buyer().get(&next).ok()), log[4..]);
}

#[test]
fn there_is_nothing_under_a_name_that_the_edition_does_not_have() {
    let licensed = Licensed::new();
    let csv = licensed.ask(&[]).bytes;
    for name in [
        "other.csv",
        "ARTIST_PREFERENCE.CSV",
        "artist_preference.csv%00",
        "artist_preference.csv%2F",
        "%2E%2E%2Fartist_preference.csv",
        "..%2F..%2Fkeys%2Fpepper",
        "..%5C..%5Ckeys%5Cpepper",
        "%2Fetc%2Fpasswd",
        "%ff",
        "*",
        "%25",
    ] {
        licensed.buyer().get(&format!("{}/{name}", licensed.base)).problem(404, "not-found");
    }
    let raw = ["../../../keys/pepper", "x/../artist_preference.csv/../../../accesses/../files"];
    for name in raw {
        let answer = licensed.buyer().get(&format!("{}/{name}", licensed.base));
        assert!(answer.status == 404 && answer.bytes != csv, "{name}: {}", answer.status);
    }
    licensed.buyer().get(&format!("{}/", licensed.base)).problem(404, "not-found");
    for method in ["POST", "PUT", "DELETE"] {
        let refused = licensed.buyer().send(method, &licensed.path(), &[], None);
        refused.problem(405, "method-not-allowed");
        assert_eq!(refused.header("allow"), Some("GET, HEAD"));
    }
    licensed.market.app.anyone().get(&licensed.path()).problem(401, "not-authenticated");
    licensed.market.operator.get(&licensed.path()).problem(403, "forbidden");
}

#[test]
fn a_licence_whose_edition_is_still_to_be_drawn_has_no_files_yet() {
    let market = Market::open(Backend::Sqlite, 1);
    let settled = market.settle(&market.accept(&market.place(50_000)));
    let licence_id = settled["licence_id"].as_str().unwrap().to_owned();
    for path in ["files".to_owned(), format!("files/{CSV}")] {
        let early = market.buyer.get(&format!("/v1/licences/{licence_id}/{path}")).problem(409, "licence-preparing");
        assert!(early["detail"].as_str().unwrap().contains("not there yet"), "{early}");
    }
    let edition_id = market.licence_of(&settled)["edition_id"].as_str().unwrap().to_owned();
    let manifest = format!("/v1/editions/{edition_id}/manifest");
    assert!(market.buyer.get(&manifest).status >= 400);
    market.app.run_jobs();
    assert_eq!(market.buyer.get(&manifest).status, 200);
    assert_eq!(market.buyer.get(&format!("/v1/licences/{licence_id}/files/{CSV}")).status, 200);
}
