//! The catalogue: what anybody finds and reads, and what may stand in it.

use crate::common::actors::{PURPOSES, export_of_thirty_artists};
use crate::common::http::{Answer, Caller};
use crate::common::{Backend, TestApp};
use aws_lc_rs::digest;
use serde_json::{Value, json};

crate::on_both_databases!(
    words_and_facets_narrow_the_catalogue,
    pages_follow_one_another_and_a_cursor_cannot_be_made_up,
    a_listing_is_written_published_and_taken_out_by_operators_alone,
);

const LICENCE: &str = "The licensee may train models.\n\nAnd nothing else – ever.";

fn recipe(app: &TestApp, pool_id: &str, document: &Value) -> Answer {
    let recipe = json!({"pool_id": pool_id, "name": "artists", "document": document});
    app.operator().post("/v1/recipes", &recipe)
}

pub fn small_recipe(app: &TestApp, pool_id: &str) -> String {
    let document = json!({"kind": "artist_preference", "fans_rho_nano": 1_000_000_000});
    recipe(app, pool_id, &document).ok()["id"].as_str().unwrap().to_owned()
}

fn draft(recipe_id: &str, changes: &Value) -> Value {
    let mut draft = json!({
        "recipe_id": recipe_id, "title": "Artist preference", "description": "Who likes whom.", "keywords": ["artists"],
        "purposes": PURPOSES, "licence_name": "Test licence 1", "licence_text": LICENCE,
        "price_floor": {"amount": 20_000, "currency": "USD"}, "rows_promised": 1
    });
    for (name, value) in changes.as_object().unwrap() {
        draft[name] = value.clone();
    }
    draft
}

fn publish(app: &TestApp, id: &str) -> Answer {
    app.operator().post(&format!("/v1/datasets/{id}/publish"), &json!({}))
}

pub fn unlist(app: &TestApp, id: &str) -> Answer {
    app.operator().post(&format!("/v1/datasets/{id}/unlist"), &json!({"reason": "Replaced."}))
}

/// A listing in the catalogue, a second later than the one before.
pub fn listed(app: &TestApp, recipe_id: &str, changes: &Value) -> String {
    app.ctx.clock.advance_s(1).unwrap();
    let id = app.operator().post("/v1/datasets", &draft(recipe_id, changes)).ok()["id"].as_str().unwrap().to_owned();
    publish(app, &id).ok();
    id
}

fn found(app: &TestApp, query: &str) -> Vec<String> {
    let page = app.anyone().get(&format!("/v1/datasets?{query}")).ok();
    assert_eq!(page["total"], page["items"].as_array().unwrap().len(), "{page}");
    page["items"].as_array().unwrap().iter().map(|item| item["title"].as_str().unwrap().to_owned()).collect()
}

fn facet(page: &Value, name: &str) -> Vec<(String, u64)> {
    let values = page["facets"][name].as_array().unwrap().iter();
    values.map(|f| (f["label"].as_str().unwrap().to_owned(), f["listings"].as_u64().unwrap())).collect()
}

fn words_and_facets_narrow_the_catalogue(backend: Backend) {
    let app = TestApp::start(backend);
    let (night, day) = (app.pool("Night Listeners"), app.pool("Day Listeners"));
    let [nights, days] = [&night, &day].map(|pool_id| small_recipe(&app, pool_id));
    let title = |title: &str| json!({"title": title, "purposes": ["market_research"], "keywords": ["ÉTÉ 100%_sure!"]});
    listed(&app, &nights, &json!({"title": "Jazz at night"}));
    listed(&app, &nights, &title("Été de la chanson"));
    listed(&app, &days, &title("Jazz by day"));
    assert_eq!(found(&app, ""), ["Jazz by day", "Été de la chanson", "Jazz at night"], "newest first");
    for (words, titles) in [
        ("jazz", &["Jazz by day", "Jazz at night"][..]),
        ("JAZZ%20night", &["Jazz at night"]),
        ("%C3%89T%C3%89", &["Été de la chanson", "Jazz by day"]),
        ("chanson", &["Été de la chanson"]),
        ("100%25_sure!", &["Jazz by day", "Été de la chanson"]),
        ("%25", &["Jazz by day", "Été de la chanson", "Jazz at night"]),
        ("capped_plays%20jazz", &["Jazz by day", "Jazz at night"]),
        ("%27%20OR%201=1--", &[]),
        ("%20", &["Jazz by day", "Été de la chanson", "Jazz at night"]),
    ] {
        assert_eq!(found(&app, &format!("q={words}")), titles, "{words}");
    }
    assert_eq!(found(&app, "purpose=model_training"), ["Jazz at night"]);
    assert_eq!(found(&app, &format!("q=jazz&pool={day}")), ["Jazz by day"]);
    assert_eq!(found(&app, "kind=artist_preference").len(), 3);
    assert_eq!(found(&app, "kind=artist_map"), [] as [String; 0]);
    let page = app.anyone().get(&format!("/v1/datasets?q=jazz&pool={night}")).ok();
    assert_eq!(facet(&page, "pool"), [("Day Listeners".to_owned(), 1), ("Night Listeners".to_owned(), 1)]);
    assert_eq!(facet(&page, "purpose"), [("market_research".to_owned(), 1), ("model_training".to_owned(), 1)]);
    assert_eq!(facet(&page, "kind"), [("artist_preference".to_owned(), 1)]);
    let long = "a".repeat(201);
    for query in [format!("q={long}"), "q=a+b+c+d+e+f+g+h+i".to_owned(), "limit=0".to_owned(), "limit=101".to_owned()] {
        app.anyone().get(&format!("/v1/datasets?{query}")).problem(422, "invalid");
    }
    for query in ["sort=colour", "limit=many", "limit=1&limit=2"] {
        app.anyone().get(&format!("/v1/datasets?{query}")).problem(400, "malformed-request");
    }
}

fn pages_follow_one_another_and_a_cursor_cannot_be_made_up(backend: Backend) {
    let app = TestApp::start(backend);
    let recipe_id = small_recipe(&app, &app.pool("The pool"));
    for number in 0..5 {
        listed(&app, &recipe_id, &json!({"title": format!("Number {number}")}));
    }
    let page = |query: &str| app.anyone().get(&format!("/v1/datasets?{query}")).ok();
    let titles = |page: &Value| -> Vec<Value> {
        page["items"].as_array().unwrap().iter().map(|item| item["title"].clone()).collect()
    };
    let first = page("limit=2");
    assert_eq!((titles(&first), &first["total"]), (vec![json!("Number 4"), json!("Number 3")], &json!(5)));
    let cursor = first["next_cursor"].as_str().unwrap().to_owned();
    unlist(&app, page("limit=1")["items"][0]["id"].as_str().unwrap()).ok();
    let second = page(&format!("limit=2&cursor={cursor}"));
    assert_eq!(titles(&second), [json!("Number 2"), json!("Number 1")], "what leaves an earlier page moves nothing");
    let third = page(&format!("limit=2&cursor={}", second["next_cursor"].as_str().unwrap()));
    assert_eq!((titles(&third), third.get("next_cursor")), (vec![json!("Number 0")], None));
    let pools = app.pool("Another pool");
    let of_pools = app.anyone().get("/v1/pools?limit=1").ok()["next_cursor"].as_str().unwrap().to_owned();
    let mut bent = cursor.clone().into_bytes();
    bent[30] = if bent[30] == b'A' { b'B' } else { b'A' };
    let bent = String::from_utf8(bent).unwrap();
    for wrong in [&bent, &cursor[..cursor.len() - 4], "", "x", &pools, &of_pools, &format!("{cursor}AAAA")] {
        app.anyone().get(&format!("/v1/datasets?cursor={wrong}")).problem(400, "invalid-cursor");
    }
    app.anyone().get(&format!("/v1/datasets?q=number&cursor={cursor}")).problem(400, "invalid-cursor");
}

#[test]
fn everything_that_a_buyer_asks_stands_on_the_page() {
    let app = TestApp::start(Backend::Sqlite);
    let pool_id = app.pool_with("The pool", &json!({"fee_bp": 1_000, "tax_bp": 810, "tax_note": "Swiss VAT."}));
    let id = listed(&app, &small_recipe(&app, &pool_id), &json!({}));
    let base = format!("/v1/datasets/{id}");
    let page = app.anyone().get(&base).ok();
    assert_eq!(page["licence"], json!({"name": "Test licence 1", "text": LICENCE}), "in full");
    assert_eq!(page["contact_email"], "pool@example.org");
    let price = &page["price"];
    assert_eq!(
        (&price["fee_included"]["amount"], &price["tax"]["amount"], &price["total"]["amount"]),
        (&json!(2_000), &json!(1_620), &json!(21_620))
    );
    for words in ["10 %", "8.1 %", "USD 216.20", "Swiss VAT."] {
        assert!(price["note"].as_str().unwrap().contains(words), "{price}");
    }
    assert_eq!(page["budget"]["editions_left"], 9);
    assert!(page["budget"]["words"].as_str().unwrap().contains("9 more editions"));
    assert_eq!(page["exclusivity"]["exclusive"], false);
    let provenance = &page["provenance"];
    assert_eq!(
        provenance["sources"],
        json!([{"service": "Spotify", "exports": ["Extended streaming history", "Account data"]}])
    );
    assert_eq!(provenance["consents"][0]["version"], 1);
    assert!(provenance["checks"].as_array().unwrap().len() >= 3);
    assert!(provenance["origin"].as_str().unwrap().contains("own exports"));
    let dictionary = app.anyone().get(&format!("{base}/dictionary")).ok();
    assert_eq!(dictionary["columns"], page["dictionary"]);
    let names: Vec<_> = dictionary["columns"].as_array().unwrap().iter().map(|c| c["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["artist", "fans", "capped_plays"]);
    let accuracy = app.anyone().get(&format!("{base}/accuracy")).ok();
    assert_eq!(accuracy, page["accuracy"]);
    assert!(accuracy["epsilon"][0]["epsilon"].as_f64().is_some_and(|epsilon| epsilon > 0.0), "{accuracy}");
    assert_eq!((&accuracy["members"], &page["pool"]["members"]), (&json!(0), &json!(0)));
    let twin = app.anyone().get(page["twin"]["files"][1]["url"].as_str().unwrap());
    assert!(twin.header("content-type").unwrap().starts_with("text/csv"));
    assert!(twin.header("content-disposition").unwrap().starts_with("attachment"));
    assert_eq!(twin.text().lines().next(), Some("artist,fans,capped_plays"));
    let parquet = app.anyone().get(page["twin"]["files"][0]["url"].as_str().unwrap());
    assert!(parquet.bytes.starts_with(b"PAR1") && parquet.bytes.ends_with(b"PAR1"));
}

#[test]
fn who_has_the_bytes_is_told_so_until_they_change() {
    let app = TestApp::start(Backend::Sqlite);
    let recipe_id = small_recipe(&app, &app.pool("The pool"));
    let id = listed(&app, &recipe_id, &json!({}));
    let base = format!("/v1/datasets/{id}");
    let paths = ["", "/dictionary", "/accuracy", "/twin.csv", "/twin.parquet"].map(|part| format!("{base}{part}"));
    for path in paths.iter().map(String::as_str).chain(["/v1/datasets", "/v1/datasets?q=artist"]) {
        let first = app.anyone().get(path);
        let etag = first.header("etag").unwrap();
        assert_eq!(etag, format!("\"{}\"", hex::encode(digest::digest(&digest::SHA256, &first.bytes))), "{path}");
        assert_eq!(app.anyone().get(path).bytes, first.bytes, "{path}");
        let same = app.anyone().get_with(path, &[("if-none-match", etag)]);
        assert_eq!((same.status, same.bytes.len(), same.header("etag")), (304, 0, Some(etag)), "{path}");
        assert_eq!(app.anyone().get_with(path, &[("if-none-match", "\"old\"")]).status, 200, "{path}");
    }
    let before = app.anyone().get("/v1/datasets");
    listed(&app, &recipe_id, &json!({"title": "Another"}));
    let after = app.anyone().get_with("/v1/datasets", &[("if-none-match", before.header("etag").unwrap())]);
    assert_eq!((after.status, &after.json()["total"]), (200, &json!(2)), "a new listing shows at once");
}

/// The second time an answer is ready, and does not come by its handler; nobody can tell, but by the time that it takes.
#[test]
fn what_is_ready_is_answered_and_counted_as_what_was_just_made() {
    let app = TestApp::start(Backend::Sqlite);
    let recipe_id = small_recipe(&app, &app.pool("The pool"));
    let id = listed(&app, &recipe_id, &json!({}));
    let parts =
        ["", "/page.html", "/dcat.jsonld", "/dictionary", "/accuracy", "/croissant.json", "/twin.parquet", "/twin.csv"];
    let routes = parts.map(|part| format!("/v1/datasets/{{id}}{part}"));
    for route in routes.iter().map(String::as_str).chain(["/v1/datasets"]) {
        let path = route.replace("{id}", &id);
        let told = || {
            let mut answer = app.anyone().get(&path);
            answer.headers.retain(|(name, _)| name != "date" && name != "x-request-id");
            answer.headers.sort();
            (answer.status, answer.headers, answer.bytes)
        };
        let (made, ready) = (told(), told());
        assert_eq!(made.0, 200, "{path}");
        assert!(made == ready, "{path}: {:?} is not {:?}", ready.1, made.1);
        let metrics = Caller::new(&app.metrics_url).get("/metrics").text();
        let counted = format!("refrain_http_requests_total{{method=\"GET\",route=\"{route}\",status=\"200\"}} 2");
        assert!(metrics.contains(&counted), "{counted} is not in {metrics}");
    }
    let page = format!("/v1/datasets/{id}");
    app.anyone().get_with(&page, &[("accept", "text/turtle")]).problem(406, "not-acceptable");
    app.anyone().get(&format!("{page}/nothing")).problem(404, "not-found");
    let metrics = Caller::new(&app.metrics_url).get("/metrics").text();
    assert!(metrics.contains("refrain_http_requests_open 0"), "{metrics}");
}

#[test]
fn what_is_not_listed_is_not_there_for_others() {
    let app = TestApp::start(Backend::Sqlite);
    let recipe_id = small_recipe(&app, &app.pool("The pool"));
    let operator = app.operator();
    let id = operator.post("/v1/datasets", &draft(&recipe_id, &json!({}))).ok()["id"].as_str().unwrap().to_owned();
    let (buyer, member) = (app.buyer("northwind"), app.member("ada"));
    let parts = ["", "/dictionary", "/accuracy", "/twin.csv", "/twin.parquet"];
    let hidden = || {
        for part in parts {
            let path = format!("/v1/datasets/{id}{part}");
            for caller in [&app.anyone(), &buyer, &member] {
                caller.get(&path).problem(404, "not-found");
            }
            app.anyone().with_token("made-up").get(&path).problem(401, "not-authenticated");
            let seen = operator.get(&path);
            assert_eq!((seen.status, seen.header("cache-control")), (200, Some("private, no-store")), "{path}");
        }
        assert_eq!(found(&app, ""), [] as [String; 0]);
    };
    hidden();
    publish(&app, &id).ok();
    for part in parts {
        assert_eq!(app.anyone().get(&format!("/v1/datasets/{id}{part}")).status, 200);
    }
    unlist(&app, &id).ok();
    hidden();
}

fn a_listing_is_written_published_and_taken_out_by_operators_alone(backend: Backend) {
    let app = TestApp::start(backend);
    let pool_id = app.pool("The pool");
    let (recipe_id, operator) = (small_recipe(&app, &pool_id), app.operator());
    let create = |changes: Value| operator.post("/v1/datasets", &draft(&recipe_id, &changes));
    for (changes, words) in [
        (json!({"title": " "}), "title"),
        (json!({"title": "x".repeat(201)}), "title"),
        (json!({"description": "a\u{0}b"}), "description"),
        (json!({"keywords": vec!["x"; 21]}), "keywords"),
        (json!({"purposes": []}), "market_research, model_training"),
        (json!({"purposes": ["advertising"]}), "advertising"),
        (json!({"licence_text": ""}), "licence_text"),
        (json!({"rows_promised": -1}), "rows_promised"),
        (json!({"price_floor": {"amount": 20_000, "currency": "EUR"}}), "price_floor"),
        (json!({"price_floor": {"amount": 0, "currency": "USD"}}), "price_floor"),
    ] {
        let refused = create(changes.clone()).problem(422, "invalid");
        assert!(refused["detail"].as_str().unwrap().contains(words), "{changes}: {refused}");
    }
    create(json!({"price_floor": {"amount": 9_999, "currency": "USD"}})).problem(422, "price-below-floor");
    operator.post("/v1/datasets", &draft("recipe_none", &json!({}))).problem(422, "invalid");
    let id = create(json!({"purposes": ["model_training", "market_research", "model_training"]})).ok();
    assert_eq!((&id["purposes"], &id["state"]), (&json!(PURPOSES), &json!("draft")), "each once, in order");
    let id = id["id"].as_str().unwrap();
    let edit = |caller: &Caller, body: Value| caller.json("PATCH", &format!("/v1/datasets/{id}"), &[], &body);
    let (buyer, member) = (app.buyer("northwind"), app.member("ada"));
    for caller in [&buyer, &member] {
        caller.post("/v1/datasets", &draft(&recipe_id, &json!({}))).problem(403, "forbidden");
        edit(caller, json!({"title": "Mine"})).problem(403, "forbidden");
        caller.post(&format!("/v1/datasets/{id}/publish"), &json!({})).problem(403, "forbidden");
        caller.post(&format!("/v1/datasets/{id}/unlist"), &json!({"reason": "x"})).problem(403, "forbidden");
        caller.get("/v1/recipes").problem(403, "forbidden");
    }
    unlist(&app, id).problem(409, "conflict");
    edit(&operator, json!({"purposes": ["advertising"]})).problem(422, "invalid");
    edit(&operator, json!({"state": "listed"})).problem(400, "malformed-request");
    assert_eq!(edit(&operator, json!({"title": " Edited "})).ok()["title"], "Edited");
    assert_eq!(publish(&app, id).ok()["state"], "listed");
    publish(&app, id).problem(409, "conflict");
    edit(&operator, json!({"purposes": ["market_research"]})).problem(409, "conflict");
    operator.post(&format!("/v1/datasets/{id}/unlist"), &json!({"reason": " "})).problem(422, "invalid");
    assert_eq!(unlist(&app, id).ok()["state"], "unlisted");
    unlist(&app, id).problem(409, "conflict");
    edit(&operator, json!({"title": "Too late"})).problem(409, "conflict");
    let text = |purposes: Value| {
        let text = json!({"body": "Another wording.", "purposes": purposes});
        operator.post(&format!("/v1/pools/{pool_id}/consent-texts"), &text).ok();
    };
    text(json!(["market_research"]));
    let refused = publish(&app, id).problem(422, "invalid");
    assert!(refused["detail"].as_str().unwrap().contains("model_training"), "{refused}");
    text(json!(PURPOSES));
    let dearer = json!({"price_floor": {"amount": 20_001, "currency": "USD"}, "reason": "Costs."});
    operator.json("PATCH", &format!("/v1/pools/{pool_id}"), &[], &dearer).ok();
    publish(&app, id).problem(422, "price-below-floor");
    let states = operator.get("/v1/listings?state=unlisted").ok();
    assert_eq!((&states["items"][0]["id"], states["items"].as_array().unwrap().len()), (&json!(id), 1));
}

#[test]
fn a_recipe_that_does_not_hold_is_refused_in_words() {
    let app = TestApp::start(Backend::Sqlite);
    let pool_id = app.pool_with("The pool", &json!({"budget": {"rho_nano": 500_000_000, "delta_pico": 5_000}}));
    let refused = |changes: Value, status: u16| {
        let mut document = json!({"kind": "artist_preference"});
        document.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
        let code = if status == 400 { "malformed-request" } else { "invalid" };
        recipe(&app, &pool_id, &document).problem(status, code)["detail"].as_str().unwrap().to_owned()
    };
    for (changes, words) in [
        (json!({"keys_per_member": 0, "delta_pico": 0}), "`keys_per_member` is 0; it is a number of groups from 1"),
        (json!({"keys_per_member": 0, "delta_pico": 0}), "`delta_pico` is 0"),
        (json!({"floor_members": 0}), "`floor_members` is 0; it is a number of members from 1"),
        (json!({"version": 2}), "`version` is 2"),
        (json!({"from": "2025-01-02T00:00:00Z", "to": "2025-01-01T00:00:00Z"}), "not before"),
        (json!({"from": "yesterday"}), "an instant looks like"),
        (json!({"plays_per_key": 1.5}), "expected a whole number"),
        (json!({"plays_per_key": 100_000, "capped_plays_rho_nano": 1_000}), "spend more rho"),
        (json!({"fans_rho_nano": 460_000_000}), "whole privacy budget"),
        (json!({"kind": "skips"}), "skips"),
    ] {
        let detail = refused(changes.clone(), 422);
        assert!(detail.contains(words), "{changes}: {detail}");
    }
    assert!(refused(json!({"speed": 1}), 400).contains("speed"));
    let operator = app.operator();
    for name in ["", "Artists", "my recipe", "../x"] {
        let body = json!({"pool_id": pool_id, "name": name, "document": {"kind": "artist_preference"}});
        operator.post("/v1/recipes", &body).problem(422, "invalid");
    }
    let default = json!({"kind": "artist_preference"});
    let first = recipe(&app, &pool_id, &default).ok();
    assert_eq!((&first["version"], first["sha256"].as_str().map(str::len)), (&json!(1), Some(64)));
    let same = recipe(&app, &pool_id, &default).problem(409, "conflict");
    assert!(same["detail"].as_str().unwrap().contains(first["id"].as_str().unwrap()), "{same}");
    let second = json!({"kind": "artist_preference", "floor_members": 20});
    assert_eq!(recipe(&app, &pool_id, &second).ok()["version"], 2);
    let quote = format!("/v1/recipes/{}/quote", first["id"].as_str().unwrap());
    let sheet = operator.get(&format!("{quote}?members=18000")).ok();
    assert_eq!((&sheet["smallest_published_fans"], &sheet["budget"]["draws"]), (&json!(103), &json!(5)));
    operator.get(&format!("{quote}?members=10000000001")).problem(422, "invalid");
    operator.get(&format!("{quote}?members=-1")).problem(400, "malformed-request");
}

#[test]
fn nothing_drawn_is_shown_before_a_vote_accepts_and_a_fifth_of_the_rows_afterwards() {
    let app = TestApp::start(Backend::Sqlite);
    let pool_id = app.pool("The pool");
    for index in 0..30 {
        let member = app.member(&format!("listener{index}"));
        app.join(&member, &pool_id);
        assert_eq!(app.upload(&member, &export_of_thirty_artists(index))["state"], "accepted");
    }
    let document = json!({
        "kind": "artist_preference", "keys_per_member": 40, "plays_per_key": 5, "floor_members": 5,
        "fans_rho_nano": 5_000_000_000_u64, "capped_plays_rho_nano": 4_000_000_000_u64, "delta_pico": 1_000_000
    });
    let recipe_id = recipe(&app, &pool_id, &document).ok()["id"].as_str().unwrap().to_owned();
    let id = listed(&app, &recipe_id, &json!({}));
    let path = format!("/v1/datasets/{id}");
    // A new listing makes the server let go of the pages that it keeps ready.
    let afresh = || drop(listed(&app, &recipe_id, &json!({"title": "Another"})));
    let shows_nothing = |when: &str| {
        afresh();
        let page = app.anyone().get(&path);
        assert!(page.json()["preview"].is_null() && page.json()["editions"] == json!([]), "{when}: {}", page.text());
        assert!(!page.text().contains("Shared Artist"), "{when}");
        assert!(!app.anyone().get(&format!("{path}/twin.csv")).text().contains("Shared Artist"), "{when}");
    };
    app.advance_days(5);
    app.buyer("northwind");
    shows_nothing("before there is an offer");
    app.offer_in_vote("northwind", &id);
    shows_nothing("while the vote is open");
    (0..8).for_each(|index| app.ballot(index, "yes"));
    let purchase = app.close_vote("northwind");
    shows_nothing("before it is paid");
    app.settle("northwind", &purchase);
    afresh();
    let page = app.anyone().get(&path).ok();
    let (edition, preview) = (&page["editions"][0], &page["preview"]);
    let rows = edition["rows"].as_u64().unwrap() as usize;
    assert!(rows > 20, "{edition}");
    assert_eq!((&preview["edition_id"], preview["rows"].as_array().unwrap().len()), (&edition["id"], rows / 5));
    for row in preview["rows"].as_array().unwrap() {
        assert!(
            row["artist"].as_str().unwrap().starts_with("Shared Artist") && row["fans"].as_i64() >= Some(5),
            "{row}"
        );
    }
    assert_eq!(page["budget"]["editions_left"], 0);
    the_edition_is_for_its_licensee(&app, &path, edition["id"].as_str().unwrap());
}

/// What was taken out of the catalogue stays there for those who hold a licence on it.
fn the_edition_is_for_its_licensee(app: &TestApp, path: &str, edition_id: &str) {
    unlist(app, path.rsplit('/').next().unwrap()).ok();
    let (licensee, stranger) = (app.log_in("buyer@northwind.example"), app.buyer("stranger"));
    let member = app.member("ada");
    let edition = format!("/v1/editions/{edition_id}");
    for path in [path.to_owned(), edition.clone(), format!("{edition}/manifest")] {
        assert_eq!(licensee.get(&path).status, 200, "{path}");
        stranger.get(&path).problem(404, "not-found");
        member.get(&path).problem(404, "not-found");
    }
}
