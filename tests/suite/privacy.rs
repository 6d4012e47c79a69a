//! What leaves the house: one draw for all buyers, and nothing of what one member alone played.

use crate::common::actors::{export, row};
use crate::common::contract::id_prefix;
use crate::common::http::{Answer, Caller};
use crate::common::market::{COST_NANO, Market, id, items, revealing};
use crate::common::{Backend, logs};
use crate::links::below;
use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::ipc::reader::{FileReader, StreamReader};
use datafusion::arrow::util::pretty::pretty_format_batches;
use datafusion::parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use refrain::routes::operations;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::io::Cursor;

const PRICE: i64 = 50_000;

/// A whole sale of the market's dataset to a buyer; returns the licence.
fn sold(market: &Market, buyer: &Caller, changes: &Value) -> Value {
    let placed = market.send(buyer, &market.asks(PRICE, changes)).ok();
    market.app.run_jobs();
    let purchase = market.settle(&market.accept(&id(&placed)));
    market.app.run_jobs();
    let licence = market.licence_of(&purchase);
    assert_eq!(licence["state"], "active", "{licence}");
    licence
}

#[test]
fn dp7_a_hundred_downloads_of_twenty_buyers_are_one_draw_and_one_debit() {
    let market = Market::with(Backend::Sqlite, 8, &json!({"recipe": revealing(), "dataset": {"rows_promised": 3}}));
    let mut contents = BTreeSet::new();
    let mut editions = BTreeSet::new();
    for number in 0..20 {
        let buyer = if number == 0 { market.buyer.clone() } else { market.app.buyer(&format!("buyer{number}")) };
        let edition = if number == 0 { "next" } else { "stock" };
        let licence = sold(&market, &buyer, &json!({"edition": edition, "period_days": 365}));
        editions.insert(licence["edition_id"].as_str().unwrap().to_owned());
        let files = format!("/v1/licences/{}/files", id(&licence));
        for _ in 0..100 {
            let file = buyer.get(&format!("{files}/artist_preference.csv"));
            assert_eq!(file.status, 200);
            contents.insert((file.header("repr-digest").map(str::to_owned), file.bytes));
        }
    }
    assert_eq!((editions.len(), contents.len()), (1, 1), "every buyer gets the same draw, however often");
    let (_, content) = contents.first().unwrap();
    assert_eq!(content.iter().filter(|byte| **byte == b'\n').count(), 4, "three artists and the names of the columns");
    assert_eq!(market.budget(), (0, 5 * COST_NANO), "one debit");
    let entries = items(&market.app.anyone().get(&format!("/v1/pools/{}/budget", market.pool_id)).ok());
    assert_eq!(entries.len(), 1);
}

const ARTIST: &str = "Canary Bird Quartet";
const ALBUM: &str = "Songs of the Canary Alone";
const TRACK: &str = "Nobody Else Hums This";
/// Bouvet Island, where nobody lives.
const COUNTRY: &str = "BV";

/// Where the members' plays lie, which never leave the house.
fn is_own(path: &str) -> bool {
    ["files/plays/", "files/shards/", "files/held/"].iter().any(|own| path.starts_with(own))
}

/// Everything that a text says of what the canary alone played.
fn traces(text: &str) -> Vec<&'static str> {
    let country = [format!("\"{COUNTRY}\""), format!(",{COUNTRY},"), format!("| {COUNTRY} ")];
    let mut found: Vec<_> = [ARTIST, ALBUM, TRACK].into_iter().filter(|name| text.contains(name)).collect();
    found.extend(country.iter().any(|country| text.contains(country)).then_some(COUNTRY));
    found
}

/// A fan like all the others, who plays something of her own far more often.
fn export_of_the_canary() -> Vec<u8> {
    let fan = |play: usize| row(99, play, ["Ada & the Loops", "Böhme, Clara", "\"Delta\""][play % 3]);
    let alone = |play: usize| {
        let mut alone = row(99, play % 28, ARTIST);
        alone["ts"] = json!(format!("2025-{:02}-{:02}T03:{:02}:07Z", 1 + play / 28, 1 + play % 28, play % 60));
        alone["master_metadata_track_name"] = json!(TRACK);
        alone["master_metadata_album_album_name"] = json!(ALBUM);
        alone["conn_country"] = json!(COUNTRY);
        alone
    };
    export(&(0..15).map(fan).chain((0..120).map(alone)).collect::<Vec<_>>())
}

/// The recipes that are sold: each with the columns in which the canary would show.
fn recipes() -> Vec<Value> {
    let custom = |keys: Value| {
        json!({"kind": "custom", "group_by": keys, "keys_per_member": 15, "plays_per_key": null, "floor_members": 2,
            "capped_plays_rho_nano": null, "fans_rho_nano": 1_500_000_000, "delta_pico": 100_000})
    };
    let rho = json!(1_000_000_000);
    vec![
        json!({"kind": "artist_preference", "floor_members": 2, "fans_rho_nano": rho, "capped_plays_rho_nano": rho}),
        json!({"kind": "artist_by_country", "floor_members": 2, "fans_rho_nano": rho, "capped_plays_rho_nano": rho}),
        custom(json!(["album"])),
        custom(json!(["track"])),
        json!({"kind": "listening_clock", "keys_per_member": 8, "plays_per_key": 20, "floor_members": null, "delta_pico": null,
            "fans_rho_nano": 600_000_000, "capped_plays_rho_nano": 600_000_000}),
        json!({"kind": "skip_behaviour", "plays_per_key": 20, "floor_members": 2, "capped_plays_rho_nano": null,
            "fans_rho_nano": 900_000_000, "skip_share_rho_nano": 100_000_000}),
    ]
}

/// The members' plays as the house keeps them, as a text.
fn plays(market: &Market) -> String {
    let kept = market.app.kept_files(|path| is_own(path) && path.ends_with(".parquet"));
    kept.iter().map(|(_, bytes)| readable(bytes)).collect()
}

/// Bytes as a text that can be searched, whatever form their rows have.
fn readable(bytes: &[u8]) -> String {
    let rows = |batches: Vec<RecordBatch>| pretty_format_batches(&batches).unwrap().to_string();
    match bytes {
        [b'P', b'A', b'R', b'1', ..] => {
            let file = bytes::Bytes::copy_from_slice(bytes);
            let reader = ParquetRecordBatchReaderBuilder::try_new(file).unwrap().build().unwrap();
            rows(reader.map(Result::unwrap).collect())
        }
        [b'A', b'R', b'R', b'O', b'W', b'1', ..] => {
            let reader = FileReader::try_new(Cursor::new(bytes), None).unwrap();
            rows(reader.map(Result::unwrap).collect())
        }
        [0xff, 0xff, 0xff, 0xff, ..] => {
            let reader = StreamReader::try_new(Cursor::new(bytes), None).unwrap();
            rows(reader.map(Result::unwrap).collect())
        }
        text => String::from_utf8_lossy(text).into_owned(),
    }
}

/// Ids and names of an edition's files that a text mentions.
fn mentioned(text: &str) -> BTreeSet<String> {
    let is_id = |word: &str| word.rsplit_once('_').is_some_and(|(_, id)| id.len() == 26 && !id.contains('.'));
    let words = text.split(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '_' | '.')));
    words.filter(|word| is_id(word) || is_file(word)).map(str::to_owned).collect()
}

fn is_file(word: &str) -> bool {
    let end = word.rsplit_once('.').map_or("", |(_, end)| end);
    ["parquet", "csv", "jsonl", "arrow"].contains(&end)
}

/// The paths of a template, with whatever fits into it of what is known.
fn paths(template: &str, known: &BTreeSet<String>) -> Vec<String> {
    let of = |placeholder: &str, fits: &dyn Fn(&str) -> bool| -> Vec<String> {
        if !template.contains(placeholder) {
            return vec![String::new()];
        }
        known.iter().filter(|word| fits(word)).cloned().collect()
    };
    let ids = of("{id}", &|word| word.rsplit_once('_').is_some_and(|(kind, _)| kind == id_prefix(template)));
    let names = of("{name}", &is_file);
    // What cannot be asked for without saying of which leaf.
    let leaf = match template.rsplit_once('/') {
        Some((_, "inclusion")) => "?index=0",
        Some((_, "consistency")) => "?first=1",
        _ => "",
    };
    let path = |id: &str, name: &str| template.replace("{id}", id).replace("{name}", name) + leaf;
    ids.iter().flat_map(|id| names.iter().map(move |name| path(id, name))).collect()
}

/// Asks for everything that there is to be read, with whatever ids and file names the answers mention, until there is nothing
/// new. Hands over each answer that is no problem; returns the templates of the paths that were answered.
fn read_all(caller: &Caller, mut each: impl FnMut(&str, &Answer)) -> BTreeSet<&'static str> {
    let (mut asked, mut answered, mut known) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    loop {
        let before = (known.len(), asked.len());
        for template in readable_paths() {
            for path in paths(template, &known) {
                if !asked.insert(path.clone()) {
                    continue;
                }
                let answer = caller.get(&path);
                if answer.status == 200 {
                    each(&path, &answer);
                    answered.insert(template);
                    known.extend(mentioned(&answer.text()));
                }
            }
        }
        if before == (known.len(), asked.len()) {
            return answered;
        }
    }
}

/// The same for what is read without an account: with the profile of each licence, and by signed links.
fn read_as_tools_do(market: &Market, mut each: impl FnMut(&str, &Answer)) -> BTreeSet<&'static str> {
    let mut answered = BTreeSet::new();
    let anyone = market.app.anyone();
    let mut read = |caller: &Caller, template: &'static str, path: &str| {
        let answer = caller.get(path);
        assert_eq!(answer.status, 200, "{path}: {}", answer.text());
        each(path, &answer);
        answered.insert(template);
    };
    for licence in items(&market.buyer.get("/v1/licences?limit=100").ok()) {
        let licence = format!("/v1/licences/{}", id(&licence));
        for link in items(&market.buyer.post(&format!("{licence}/links"), &json!({})).ok()) {
            read(&anyone, "/v1/links/{id}/{name}", &below(link["href"].as_str().unwrap()));
        }
        let profile = market.buyer.get(&format!("{licence}/profile.share")).ok();
        let tool = anyone.with_token(profile["bearerToken"].as_str().unwrap());
        let share = tool.get("/delta-sharing/shares").ok()["items"][0]["name"].as_str().unwrap().to_owned();
        for table in items(&tool.get(&format!("/delta-sharing/shares/{share}/all-tables")).ok()) {
            for template in readable_paths().into_iter().filter(|path| path.starts_with("/delta-sharing/")) {
                let (schema, name) = (table["schema"].as_str().unwrap(), table["name"].as_str().unwrap());
                let path = template.replace("{share}", &share).replace("{schema}", schema).replace("{table}", name);
                read(&tool, template, &path);
            }
        }
    }
    answered
}

fn readable_paths() -> Vec<&'static str> {
    operations().iter().filter(|operation| operation.method == "GET").map(|operation| operation.path).collect()
}

#[test]
fn dp12_what_one_member_alone_played_is_nowhere_to_be_found() {
    logs::listen();
    let mut market = Market::open(Backend::Sqlite, 24);
    let canary = market.app.member("canary");
    market.app.join(&canary, &market.pool_id);
    assert_eq!(market.app.upload(&canary, &export_of_the_canary())["state"], "accepted");
    market.members.push(canary);
    market.app.advance_days(5);
    // What it would be told is read where it waits.
    let webhook = market.buyer.post("/v1/webhooks", &json!({"url": "https://hooks.example.org"})).ok();
    let path = format!("/v1/webhooks/{}", id(&webhook));
    market.buyer.json("PATCH", &path, &[], &json!({"state": "paused"})).ok();
    let mut kinds = BTreeSet::new();
    for recipe in recipes() {
        market.dataset_id = market.app.listing(&market.pool_id, &recipe, &json!({"title": "What people like"}));
        let buyer = market.buyer.clone();
        let licence = sold(&market, &buyer, &json!({"period_days": 365}));
        assert!(licence["rows_given"].as_i64() > Some(2), "{recipe}: {licence}");
        kinds.insert(recipe["kind"].as_str().unwrap().to_owned());
    }
    assert!(kinds.len() >= 4, "{kinds:?}");
    assert_eq!(traces(&plays(&market)), [ARTIST, ALBUM, TRACK, COUNTRY], "the canary was drawn from");
    let everybody = [market.app.anyone(), market.buyer.clone(), market.operator.clone()];
    let (mut answered, mut texts, mut rows) = (BTreeSet::new(), 0, 0);
    let mut look = |path: &str, answer: &Answer| {
        let headers: String = answer.headers.iter().map(|(name, value)| format!("{name}: {value}\n")).collect();
        let text = readable(&answer.bytes);
        assert_eq!(traces(&text), [""; 0], "{path}");
        assert_eq!(traces(&headers), [""; 0], "{path}");
        texts += 1;
        rows += text.matches("Ada & the Loops").count();
    };
    for caller in everybody.iter().chain(&market.members[23..]) {
        answered.extend(read_all(caller, &mut look));
    }
    answered.extend(read_as_tools_do(&market, &mut look));
    assert!(rows > 10, "what all of them like is found: {rows} in {texts} answers");
    let unread: Vec<&str> = readable_paths().into_iter().filter(|path| !answered.contains(path)).collect();
    // Nobody has left, so that nobody holds a receipt; and no recipe here takes a list of artists.
    let there_are_none = ["/", "/v1/erasures/{id}", "/v1/artist-lists/{sha256}"];
    assert_eq!(unread, there_are_none, "everything that can be read was read");
    leaves_no_trace_behind(&market);
}

/// In the mails, the log, the metrics, the database, and all files but those that hold the members' plays.
fn leaves_no_trace_behind(market: &Market) {
    let app = &market.app;
    assert_eq!(traces(&app.mails().join("\n")), [""; 0], "mails");
    let metrics = Caller::new(&app.metrics_url).get("/metrics");
    assert!(metrics.text().contains("refrain_jobs_total"));
    assert_eq!(traces(&metrics.text()), [""; 0], "metrics");
    let log = logs::heard();
    assert!(log.contains("answered") && log.contains("/v1/histories"), "the log was listened to");
    assert_eq!(traces(&log), [""; 0], "log");
    let kept = app.kept_files(|path| !is_own(path));
    assert!(kept.iter().any(|(path, _)| path == "refrain.db"));
    for (path, bytes) in kept {
        for name in [ARTIST, ALBUM, TRACK] {
            assert!(!bytes.windows(name.len()).any(|window| window == name.as_bytes()), "{name} in {path}");
        }
    }
}
