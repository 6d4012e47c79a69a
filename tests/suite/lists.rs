//! Datasets about the artists of a list: the buyer's own, or those that an earlier edition has made public.

use crate::common::http::Caller;
use crate::common::market::{Market, id, items, lasting_sessions, merged, revealing, usd};
use crate::common::{Backend, TestApp};
use aws_lc_rs::digest;
use refrain::app::App;
use refrain::clock::{Clock, Entropy, UtcTime};
use refrain::config::Config;
use serde_json::{Value, json};

const PRICE: i64 = 50_000;
/// What the members of a market listen to; all of them alike.
const LOVED: &str = "Ada & the Loops";

/// A recipe of a kind whose groups are known beforehand, as little hidden by noise as a pool's budget allows.
fn known(kind: &str, more: &Value) -> Value {
    let base = json!({"kind": kind, "floor_members": null, "delta_pico": null, "keys_per_member": 3});
    merged(merged(base, &revealing()), more)
}

/// A market whose dataset is about the artists that the buyer lists.
fn panel(backend: Backend, members: u64) -> Market {
    Market::with(backend, members, &json!({"recipe": known("buyer_panel", &json!({}))}))
}

fn list_sha256(artists: &Value) -> String {
    hex::encode(digest::digest(&digest::SHA256, artists.to_string().as_bytes()))
}

/// The rows of an edition's table, by their columns.
fn rows(buyer: &Caller, licence: &Value, table: &str) -> Vec<Value> {
    let file = buyer.get(&format!("/v1/licences/{}/files/{table}.jsonl", id(licence)));
    assert_eq!(file.status, 200, "{}", file.text());
    file.text().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn column(rows: &[Value], name: &str) -> Value {
    rows.iter().map(|row| row[name].clone()).collect()
}

/// A sale of an offer that is placed, up to the licence.
fn conclude(market: &Market, offer_id: &str) -> Value {
    let settled = market.settle(&market.accept(offer_id));
    market.app.run_jobs();
    let licence = market.licence_of(&settled);
    assert_eq!(licence["state"], "active", "{licence}");
    licence
}

crate::on_both_databases!(
    a_buyers_list_is_voted_on_drawn_and_sold_again,
    a_trend_is_about_the_artists_of_an_edition,
    many_who_name_the_same_list_at_once_share_it,
);

fn a_buyers_list_is_voted_on_drawn_and_sold_again(backend: Backend) {
    let market = panel(backend, 8);
    let artists = json!(["Nobody's", LOVED, "Böhme, Clara"]);
    let body = market.asks(PRICE, &json!({"artists": artists}));
    let placed = market.buyer.post_once("/v1/offers", "panel", &body);
    assert_eq!(market.buyer.post_once("/v1/offers", "panel", &body).bytes, placed.bytes);
    let other = market.asks(PRICE, &json!({"artists": ["Nobody's", LOVED]}));
    market.buyer.post_once("/v1/offers", "panel", &other).problem(422, "idempotency-key-reused");
    let list = placed.ok()["terms"]["artist_list"].clone();
    assert_eq!(list, json!({"source": "offer", "artists": 3, "sha256": list_sha256(&artists)}));
    market.app.run_jobs();

    let offer_id = id(&placed.ok());
    let subject = market.vote(&market.vote_id(&offer_id))["subject"].as_str().unwrap().to_owned();
    for line in ["about 3 artists that the buyer asks about", "> Nobody's", "> Böhme, Clara", "/v1/artist-lists/"] {
        assert!(subject.contains(line), "{line} is not in {subject}");
    }
    let path = format!("/v1/artist-lists/{}", list["sha256"].as_str().unwrap());
    let latecomer = market.app.listener(&market.pool_id, 100);
    let stranger = market.app.buyer("stranger");
    for reader in [&market.members[0], &market.buyer, &market.operator] {
        assert_eq!(reader.get(&path).ok(), json!({"sha256": list["sha256"], "artists": artists}));
    }
    for other in [&latecomer, &stranger, &market.app.member("elsewhere")] {
        other.get(&path).problem(404, "not-found");
    }
    market.app.anyone().get(&path).problem(401, "not-authenticated");
    market.operator.get(&format!("/v1/artist-lists/{}", "0".repeat(64))).problem(404, "not-found");

    let licence = conclude(&market, &offer_id);
    assert_eq!(licence["terms"]["artist_list"], list);
    let drawn = rows(&market.buyer, &licence, "buyer_panel");
    assert_eq!(column(&drawn, "artist"), artists, "every artist of the list, in its order");
    let fans = |row: usize| drawn[row]["fans"].as_i64().unwrap();
    assert!(fans(1) > fans(0) && fans(2) > fans(0), "{drawn:?}");
    let edition_id = licence["edition_id"].as_str().unwrap();
    let manifest = market.buyer.get(&format!("/v1/editions/{edition_id}/manifest")).ok()["manifest"].clone();
    assert_eq!(manifest["selection"]["listed_artists"], 3);

    let stock =
        |changes: &Value| market.send(&stranger, &market.asks(PRICE, &merged(json!({"edition": "stock"}), changes)));
    let refused = stock(&json!({"artists": [LOVED]})).problem(422, "invalid");
    assert!(refused["detail"].as_str().unwrap().contains("stock edition"), "{refused}");
    let again = stock(&json!({})).ok();
    assert_eq!(again["terms"]["artist_list"], list, "the edition is sold with the list that it has");
    market.app.run_jobs();
    let subject = market.vote(&market.vote_id(&id(&again)))["subject"].as_str().unwrap().to_owned();
    assert!(subject.contains("that the buyer asked about for whom it was drawn"), "{subject}");
    assert_eq!(stranger.get(&path).ok()["artists"], artists);
    let second = conclude(&market, &id(&again));
    assert_eq!(second["edition_id"], licence["edition_id"]);
}

fn a_trend_is_about_the_artists_of_an_edition(backend: Backend) {
    let market = Market::with(backend, 8, &json!({"recipe": revealing()}));
    let trend_id =
        market.app.listing(&market.pool_id, &known("artist_trend", &json!({"plays_per_key": 20})), &json!({}));
    let ask = |changes: &Value| {
        market.send(&market.buyer, &market.asks(PRICE, &merged(json!({"dataset_id": trend_id}), changes)))
    };
    let early = ask(&json!({})).problem(409, "not-deliverable");
    assert!(early["detail"].as_str().unwrap().contains("there is none yet"), "{early}");

    let sold = market.sell(PRICE);
    let public = column(&rows(&market.buyer, &sold.licence, "artist_preference"), "artist");
    assert!(!public.as_array().unwrap().is_empty());
    let listed = ask(&json!({"artists": [LOVED]})).problem(422, "invalid");
    assert!(listed["detail"].as_str().unwrap().contains("an earlier edition"), "{listed}");
    let placed = ask(&json!({})).ok();
    let list = &placed["terms"]["artist_list"];
    assert_eq!((&list["source"], &list["edition_id"]), (&json!("edition"), &sold.licence["edition_id"]));
    assert_eq!(list["sha256"], list_sha256(&public), "its artists, in its order");
    market.app.run_jobs();
    let vote = market.vote(&market.vote_id(&id(&placed)));
    let subject = vote["subject"].as_str().unwrap();
    assert!(subject.contains("that edition 1 of “Artist preference” has made public"), "{subject}");

    let licence = conclude(&market, &id(&placed));
    let drawn = rows(&market.buyer, &licence, "artist_trend");
    let artists: Vec<Value> = drawn.iter().step_by(24).map(|row| row["artist"].clone()).collect();
    assert_eq!((drawn.len(), Value::from(artists)), (public.as_array().unwrap().len() * 24, public.clone()));
    let fans = |month: &str| -> i64 {
        let of_month = drawn.iter().filter(|row| row["month"] == month);
        of_month.map(|row| row["fans"].as_i64().unwrap()).sum()
    };
    assert!(fans("2025-06") > fans("2025-05"), "{drawn:?}");
}

fn many_who_name_the_same_list_at_once_share_it(backend: Backend) {
    let cheap = json!({"fans_rho_nano": 1_000_000, "capped_plays_rho_nano": 1_000_000});
    let market = Market::with(backend, 1, &json!({"recipe": known("buyer_panel", &cheap)}));
    let body = market.asks(20_000, &json!({"artists": ["A", "B"]}));
    let place = || loop {
        let placed = market.send(&market.buyer, &body);
        if placed.status != 503 {
            return placed.ok()["terms"]["artist_list"]["sha256"].clone();
        }
    };
    let named: Vec<Value> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..8).map(|_| scope.spawn(place)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert_eq!(named, vec![json!(list_sha256(&json!(["A", "B"]))); 8]);
}

#[test]
fn what_a_list_may_not_be_is_said_in_words() {
    let market = panel(Backend::Sqlite, 1);
    let ask = |changes: &Value| market.send(&market.buyer, &market.asks(PRICE, changes));
    let many: Vec<String> = (0..=2_000).map(|number| format!("Artist {number}")).collect();
    let refused = [
        (json!({}), "list the artists"),
        (json!({"artists": []}), "0 artists"),
        (json!({"artists": many}), "at most 2,000"),
        (json!({"artists": ["A", "B", "A"]}), "\"A\" twice"),
        (json!({"artists": ["A", ""]}), "number 2"),
        (json!({"artists": ["x".repeat(501)]}), "1 to 500 characters"),
        (json!({"artists": ["A\u{0}"]}), "control character"),
        (json!({"artists": ["A\nB"]}), "control character"),
        (json!({"artists": "A"}), "a list"),
        (json!({"artists": [1]}), "a string"),
    ];
    for (changes, words) in &refused {
        let problem = ask(changes).problem(422, "invalid");
        assert!(problem["detail"].as_str().unwrap().contains(words), "{words}: {problem}");
    }
    assert_eq!((items(&market.operator.get("/v1/offers").ok()).len(), market.budget()), (0, (0, 0)));
    let plain = market.app.listing(&market.pool_id, &json!({}), &json!({}));
    let problem = ask(&json!({"dataset_id": plain, "artists": ["A"]})).problem(422, "invalid");
    assert!(problem["detail"].as_str().unwrap().contains("takes no list"), "{problem}");
}

#[test]
fn a_list_that_gives_fewer_rows_than_promised_is_refused_and_no_listing_promises_more_than_there_can_be() {
    let market = panel(Backend::Sqlite, 1);
    let recipe_id = id(&items(&market.operator.get("/v1/recipes").ok())[0]);
    let listing = |rows: i64| {
        let draft = json!({
            "recipe_id": recipe_id, "title": "A panel", "description": "Whom you ask about.", "keywords": [],
            "purposes": ["model_training"], "licence_name": "L", "licence_text": "L", "price_floor": usd(20_000),
            "rows_promised": rows
        });
        market.operator.post("/v1/datasets", &draft)
    };
    let refused = listing(2_001).problem(422, "invalid");
    assert!(refused["detail"].as_str().unwrap().contains("2000"), "{refused}");
    listing(2_000).ok();
    let dataset_id = id(&listing(3).ok());
    market.operator.post(&format!("/v1/datasets/{dataset_id}/publish"), &json!({})).ok();
    let ask = |artists: Value| {
        market.send(&market.buyer, &market.asks(PRICE, &json!({"dataset_id": dataset_id, "artists": artists})))
    };
    let short = ask(json!(["A", "B"])).problem(409, "not-deliverable");
    assert!(short["detail"].as_str().unwrap().contains("gives 2 rows"), "{short}");
    assert_eq!(ask(json!(["A", "B", "C"])).ok()["terms"]["refund"]["below_rows"], 3);
}

/// However a client writes its JSON: here every character as two escapes.
#[test]
fn the_longest_list_with_the_longest_names_fits_and_more_does_not() {
    let market = panel(Backend::Sqlite, 1);
    let name = |number: usize| format!("{number:04}{}", "\\ud83c\\udfb8".repeat(496));
    let names: Vec<String> = (0..2_000).map(|number| format!("\"{}\"", name(number))).collect();
    let body = |names: &str| {
        market.asks(PRICE, &json!({"artists": ["HERE"]})).to_string().replace("[\"HERE\"]", &format!("[{names}]"))
    };
    let headers = [("content-type", "application/json"), ("idempotency-key", "long")];
    let send = |body: String| market.buyer.send("POST", "/v1/offers", &headers, Some(body.as_bytes()));
    let longest = body(&names.join(", "));
    assert!(longest.len() > 11_000_000, "{}", longest.len());
    let placed = send(longest).ok();
    let list = &placed["terms"]["artist_list"];
    assert_eq!(list["artists"], 2_000);
    let path = format!("/v1/artist-lists/{}", list["sha256"].as_str().unwrap());
    let read = market.buyer.get(&path).ok();
    assert_eq!(read["artists"][1_999], format!("1999{}", "🎸".repeat(496)));
    assert_eq!(list_sha256(&read["artists"]), list["sha256"]);
    send(body(&" ".repeat(13_000_000))).problem(413, "payload-too-large");
    let much = vec![b' '; 300_000];
    let elsewhere = market.operator.send("POST", "/v1/recipes", &headers, Some(&much));
    elsewhere.problem(413, "payload-too-large");
}

#[test]
fn artists_have_the_musicbrainz_ids_of_the_mapping_that_the_server_is_given() {
    let directory = tempfile::tempdir().unwrap();
    let mapping = directory.path().join("ids.csv");
    let mbid = "11111111-1111-4111-8111-111111111111";
    std::fs::write(&mapping, format!("artist,mbid\n{LOVED},{mbid}\n")).unwrap();
    let given = mapping.clone();
    let app = TestApp::start_with(Backend::Sqlite, |config| {
        lasting_sessions(config);
        config.draws.musicbrainz_csv = Some(given);
    });
    let market = Market::within(app, 2, &json!({"recipe": known("buyer_panel", &json!({}))}));
    let asks = market.asks(PRICE, &json!({"artists": [LOVED, "Nobody's"]}));
    let placed = market.send(&market.buyer, &asks).ok();
    market.app.run_jobs();
    let drawn = rows(&market.buyer, &conclude(&market, &id(&placed)), "buyer_panel");
    assert_eq!(column(&drawn, "musicbrainz_artist_id"), json!([mbid, null]));
}

#[test]
fn a_mapping_that_cannot_be_used_keeps_the_server_from_starting() {
    let directory = tempfile::tempdir().unwrap();
    let mapping = directory.path().join("ids.csv");
    let start = || {
        let mut config = Config { data_dir: directory.path().join("data"), ..Config::default() };
        config.server.bind = ([127, 0, 0, 1], 0).into();
        config.draws.musicbrainz_csv = Some(mapping.clone());
        let clock = Clock::standing_at(UtcTime::parse("2026-03-01T12:00:00Z").unwrap());
        actix_web::rt::System::new().block_on(async { App::build(config, clock, Entropy::seeded(7)).await.map(drop) })
    };
    for (content, says) in
        [(None, "ids.csv"), (Some("artist,id\nA,1\n"), "`mbid`"), (Some("artist,mbid\nA,1\n"), "line 2")]
    {
        if let Some(content) = content {
            std::fs::write(&mapping, content).unwrap();
        }
        let error = start().unwrap_err();
        let words = error.detail();
        assert!(words.contains("[draws] musicbrainz_csv") && words.contains(says), "{words}");
    }
}
