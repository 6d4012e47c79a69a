//! Listings and editions in the words of others: Croissant, DCAT, ODRL and schema.org; and as pages for people.

use crate::catalogue::{listed, small_recipe, unlist};
use crate::common::actors::PURPOSES;
use crate::common::http::Answer;
use crate::common::market::id as id_of;
use crate::common::{Backend, TestApp};
use crate::links::{Licensed, below};
use aws_lc_rs::digest;
use serde_json::{Value, json};

crate::on_both_databases!(
    a_listing_stands_in_the_words_of_croissant,
    catalogues_of_catalogues_find_every_listing_once,
    a_listing_is_told_in_the_words_that_are_liked_best,
    a_licensed_edition_leads_to_its_files,
);

fn a_listing_stands_in_the_words_of_croissant(backend: Backend) {
    let app = TestApp::start(backend);
    let pool_id = app.pool("Listeners – together");
    let recipe_id = small_recipe(&app, &pool_id);
    let id = listed(&app, &recipe_id, &json!({"title": "Who {likes} whom"}));
    let page = format!("/v1/datasets/{id}");
    let answer = app.anyone().get(&format!("{page}/croissant.json"));
    let media_type = "application/ld+json;profile=\"http://mlcommons.org/croissant/1.1\"";
    assert_eq!((answer.status, answer.header("content-type")), (200, Some(media_type)), "{}", answer.text());
    let document: Value = serde_json::from_slice(&answer.bytes).unwrap();
    for (name, expected) in [
        ("@type", json!("sc:Dataset")),
        ("conformsTo", json!("http://mlcommons.org/croissant/1.1")),
        ("name", json!("Who {likes} whom")),
        ("version", json!("0.0.0")),
        ("isLiveDataset", json!(false)),
        ("keywords", json!(["artists"])),
    ] {
        assert_eq!(document[name], expected, "{name}");
    }
    assert!(document["url"].as_str().unwrap().ends_with(&page), "{}", document["url"]);
    assert!(document["citeAs"].as_str().unwrap().contains("title={Who likes whom}"), "{}", document["citeAs"]);
    assert!(
        document["description"].as_str().unwrap().contains("from nobody's listening"),
        "{}",
        document["description"]
    );
    let [file] = document["distribution"].as_array().unwrap().as_slice() else { panic!("{document}") };
    assert!(file["contentUrl"].as_str().unwrap().ends_with(&format!("{page}/twin.parquet")), "{file}");
    let twin = app.anyone().get(&format!("{page}/twin.parquet"));
    assert_eq!(file["sha256"], hex::encode(digest::digest(&digest::SHA256, &twin.bytes)));
    assert_eq!(file["contentSize"], format!("{} B", twin.bytes.len()));
    let columns = app.anyone().get(&format!("{page}/dictionary")).ok()["columns"].clone();
    let fields = document["recordSet"][0]["field"].as_array().unwrap();
    let names =
        |list: &[Value]| -> Vec<String> { list.iter().map(|one| one["name"].as_str().unwrap().to_owned()).collect() };
    assert_eq!(names(fields), names(columns.as_array().unwrap()));
    assert!(fields.iter().all(|field| field["source"]["fileObject"]["@id"] == file["@id"]), "{fields:?}");
    let tag = answer.header("etag").unwrap();
    assert_eq!(app.anyone().get_with(&format!("{page}/croissant.json"), &[("if-none-match", tag)]).status, 304);
    unlist(&app, &id).ok();
    app.anyone().get(&format!("{page}/croissant.json")).problem(404, "not-found");
}

fn linked(answer: &Answer) -> Value {
    let media_type = "application/ld+json;profile=\"http://www.w3.org/ns/dcat#\"";
    assert_eq!((answer.status, answer.header("content-type")), (200, Some(media_type)), "{}", answer.text());
    serde_json::from_slice(&answer.bytes).unwrap()
}

fn catalogues_of_catalogues_find_every_listing_once(backend: Backend) {
    let app = TestApp::start(backend);
    let pool_id = app.pool("Listeners together");
    let recipe_id = small_recipe(&app, &pool_id);
    let all: Vec<String> =
        ["One", "Two", "Three"].map(|title| listed(&app, &recipe_id, &json!({"title": title}))).into();
    unlist(&app, &listed(&app, &recipe_id, &json!({"title": "Gone"}))).ok();
    let (mut found, mut next) = (Vec::new(), Some("/v1/catalogue.jsonld?limit=2".to_owned()));
    while let Some(path) = next {
        let page = linked(&app.anyone().get(&path));
        assert_eq!(page["@type"], "dcat:Catalog");
        assert!(page["hydra:view"]["@id"].as_str().unwrap().ends_with(&path), "{path} is {}", page["hydra:view"]);
        let first = page["hydra:view"]["hydra:first"]["@id"].as_str().unwrap();
        assert!(first.ends_with("/v1/catalogue.jsonld?limit=2"), "{first}");
        found.extend(
            page["dcat:dataset"]
                .as_array()
                .unwrap()
                .iter()
                .map(|one| one["dct:identifier"].as_str().unwrap().to_owned()),
        );
        next = page["hydra:view"]["hydra:next"]["@id"].as_str().map(|url| url[url.find("/v1/").unwrap()..].to_owned());
    }
    assert_eq!(found, all.iter().rev().cloned().collect::<Vec<_>>(), "newest first");
    app.anyone().get("/v1/catalogue.jsonld?cursor=x").problem(400, "invalid-cursor");
    let one = linked(&app.anyone().get(&format!("/v1/datasets/{}/dcat.jsonld", all[0])));
    assert_eq!((&one["dct:title"], &one["dcat:keyword"]), (&json!("One"), &json!(["artists"])));
    for distribution in one["dcat:distribution"].as_array().unwrap() {
        let url = distribution["dcat:downloadURL"]["@id"].as_str().unwrap();
        let file = app.anyone().get(&url[url.find("/v1/").unwrap()..]);
        let sum = hex::encode(digest::digest(&digest::SHA256, &file.bytes));
        assert_eq!(distribution["spdx:checksum"]["spdx:checksumValue"]["@value"], sum, "{url}");
        assert_eq!(distribution["dcat:byteSize"]["@value"], file.bytes.len().to_string(), "{url}");
        let media_type = file.header("content-type").unwrap().split(';').next().unwrap();
        assert!(distribution["dcat:mediaType"]["@id"].as_str().unwrap().ends_with(media_type), "{distribution}");
    }
    let offer = &one["odrl:hasPolicy"];
    assert_eq!((&offer["@type"], &offer["@id"]), (&json!("odrl:Offer"), &offer["odrl:uid"]["@id"]));
    let pays = &offer["odrl:permission"]["odrl:duty"]["odrl:action"]["odrl:refinement"];
    assert_eq!(pays["odrl:rightOperand"]["@value"], "200", "20,000 cents");
    assert_eq!(offer["odrl:permission"]["odrl:constraint"]["odrl:rightOperand"], json!(PURPOSES));
}

fn a_listing_is_told_in_the_words_that_are_liked_best(backend: Backend) {
    let app = TestApp::start(backend);
    let pool_id = app.pool("Listeners together");
    let id = listed(&app, &small_recipe(&app, &pool_id), &json!({}));
    let (page, anyone) = (format!("/v1/datasets/{id}"), app.anyone());
    let told = |accept: &str| anyone.get_with(&page, &[("accept", accept)]);
    let (croissant, dcat) = (anyone.get(&format!("{page}/croissant.json")), anyone.get(&format!("{page}/dcat.jsonld")));
    let html = anyone.get(&format!("/v1/datasets/{id}/page.html"));
    for (accept, expected) in [
        ("application/json", &anyone.get(&page)),
        ("*/*", &anyone.get(&page)),
        ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", &html),
        ("text/html;q=0.5, application/json", &anyone.get(&page)),
        ("application/ld+json", &dcat),
        ("application/ld+json;profile=\"http://mlcommons.org/croissant/1.1\"", &croissant),
        ("application/json;q=0.1, application/ld+json;q=0.9", &dcat),
    ] {
        let answer = told(accept);
        assert_eq!((answer.status, &answer.bytes), (200, &expected.bytes), "{accept}");
        assert_eq!(
            (answer.header("etag"), answer.header("content-type"), answer.header("vary")),
            (expected.header("etag"), expected.header("content-type"), Some("Accept")),
            "{accept}"
        );
        let links = answer.header("link").unwrap();
        assert!(links.contains(&format!("<{page}/croissant.json>; rel=\"alternate\"")), "{links}");
        let tag = answer.header("etag").unwrap();
        let known = anyone.get_with(&page, &[("accept", accept), ("if-none-match", tag)]);
        assert_eq!((known.status, known.header("vary")), (304, Some("Accept")), "{accept}");
    }
    told("text/turtle").problem(406, "not-acceptable");
    told("application/json;q=0").problem(406, "not-acceptable");
}

/// What stands between two texts for the first time.
fn between<'a>(text: &'a str, before: &str, after: &str) -> &'a str {
    let (_, rest) = text.split_once(before).unwrap_or_else(|| panic!("{before} in {text}"));
    rest.split_once(after).unwrap_or_else(|| panic!("{after} in {rest}")).0
}

const LINKED: &str = "<script type=\"application/ld+json\">";

#[test]
fn a_page_for_people_tells_search_engines_the_same() {
    let app = TestApp::start(Backend::Sqlite);
    let pool_id = app.pool("Listeners together");
    let recipe = json!({"kind": "listener_profile", "countries": ["NL", "BE"], "from": "2025-01-01T00:00:00Z", "to": "2026-01-01T00:00:00Z"});
    let recipe =
        app.operator().post("/v1/recipes", &json!({"pool_id": pool_id, "name": "profiles", "document": recipe})).ok();
    let id = listed(
        &app,
        &id_of(&recipe),
        &json!({"title": "Who listens", "description": "Kinds of listeners.\nBy country."}),
    );
    let answer = app.anyone().get(&format!("/v1/datasets/{id}/page.html"));
    assert_eq!((answer.status, answer.header("content-type")), (200, Some("text/html; charset=utf-8")));
    let policy = answer.header("content-security-policy").unwrap();
    assert!(policy.contains("default-src 'none'") && !policy.contains("script"), "{policy}");
    let html = answer.text();
    for told in [
        "<h1>Who listens</h1>",
        "Kinds of listeners.",
        "from USD 200.00",
        "market research",
        "Test licence 1",
        "<code>volume</code>",
        "None is drawn yet",
        &format!("href=\"/v1/datasets/{id}/twin.csv\""),
        &format!("<link rel=\"canonical\" href=\"/v1/datasets/{id}\">"),
        &format!("<link rel=\"alternate\" type=\"application/ld+json\" href=\"/v1/datasets/{id}/croissant.json\""),
    ] {
        assert!(html.contains(told), "{told} in {html}");
    }
    for fetched in ["src=", "@import", "url(", "<img", "http-equiv"] {
        assert!(!html.contains(fetched), "{fetched}");
    }
    let linked: Value = serde_json::from_str(between(&html, LINKED, "</script>")).unwrap();
    for (name, expected) in [
        ("@context", json!("https://schema.org/")),
        ("@type", json!("Dataset")),
        ("name", json!("Who listens")),
        ("isAccessibleForFree", json!(false)),
        ("temporalCoverage", json!("2025-01-01/2025-12-31")),
        ("keywords", json!(["artists"])),
    ] {
        assert_eq!(linked[name], expected, "{name}");
    }
    assert_eq!((&linked["offers"]["lowPrice"], &linked["offers"]["priceCurrency"]), (&json!("200"), &json!("USD")));
    assert_eq!(linked["spatialCoverage"][1]["name"], "BE");
    assert_eq!(linked["creator"]["name"], "Listeners together");
    let length = linked["description"].as_str().unwrap().chars().count();
    assert!((50..=5_000).contains(&length), "search engines want 50 to 5,000 characters: {length}");
    for file in linked["distribution"].as_array().unwrap() {
        let twin = app.anyone().get(&below(file["contentUrl"].as_str().unwrap()));
        assert!(twin.header("content-type").unwrap().starts_with(file["encodingFormat"].as_str().unwrap()), "{file}");
    }
    let measured: Vec<&Value> = linked["variableMeasured"].as_array().unwrap().iter().map(|one| &one["name"]).collect();
    assert_eq!(measured, ["volume", "variety", "country", "members"]);
    unlist(&app, &id).ok();
    app.anyone().get(&format!("/v1/datasets/{id}/page.html")).problem(404, "not-found");
    assert_eq!(
        app.operator().get(&format!("/v1/datasets/{id}/page.html")).header("cache-control"),
        Some("private, no-store")
    );
}

#[test]
fn no_text_of_a_listing_becomes_a_part_of_its_page() {
    let app = TestApp::start(Backend::Sqlite);
    let recipe_id = small_recipe(&app, &app.pool("<b>Pool</b> & \"co\""));
    for hostile in [
        "</script><script>alert(1)</script>",
        "<!--<script>",
        "]]> & \u{2028}\u{2029} \\u003c/script>",
        "\" onload='x'",
        "</title></style><h2>",
    ] {
        let changes = json!({"title": hostile, "description": hostile, "keywords": [hostile.chars().take(40).collect::<String>()],
            "licence_name": hostile, "licence_text": hostile});
        let id = listed(&app, &recipe_id, &changes);
        let html = app.anyone().get(&format!("/v1/datasets/{id}/page.html")).text();
        let plain =
            app.anyone().get(&format!("/v1/datasets/{}/page.html", listed(&app, &recipe_id, &json!({})))).text();
        for opens in ["<script", "</script", "<!--", "<h2", "<b>", "</style", "</title"] {
            let times = |page: &str| page.to_lowercase().matches(opens).count();
            assert_eq!(times(&html), times(&plain), "{opens} of {hostile}");
        }
        let linked: Value = serde_json::from_str(between(&html, LINKED, "</script>")).unwrap();
        assert_eq!((&linked["name"], &linked["creator"]["name"]), (&json!(hostile), &json!("<b>Pool</b> & \"co\"")));
        let (_, body) = html.split_once("</script>").unwrap();
        assert!(body.contains("<h1>") && !body.contains("onload='x'"), "{hostile}");
    }
}

fn a_licensed_edition_leads_to_its_files(backend: Backend) {
    let licensed = Licensed::new(backend);
    let (market, path) = (&licensed.market, format!("/v1/licences/{}/croissant.json", licensed.licence_id));
    market.app.anyone().get(&path).problem(401, "not-authenticated");
    market.app.buyer("stranger").get(&path).problem(404, "not-found");
    for lifetime in ["0", "604801"] {
        licensed.buyer().get(&format!("{path}?lifetime_s={lifetime}")).problem(422, "invalid");
    }
    let answer = licensed.buyer().get(&format!("{path}?lifetime_s=600"));
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert!(answer.header("content-type").unwrap().starts_with("application/ld+json"));
    assert_eq!(answer.header("cache-control"), Some("private, no-store"), "it opens files");
    let document: Value = serde_json::from_slice(&answer.bytes).unwrap();
    assert_eq!((&document["@type"], &document["version"]), (&json!("sc:Dataset"), &json!("1.0.0")));
    let description = document["description"].as_str().unwrap();
    assert!(description.contains("until 2026-") && description.contains("can read the files"), "{description}");
    let files = licensed.buyer().get(&format!("/v1/licences/{}/files", licensed.licence_id)).ok()["items"].clone();
    let (told, kept) = (document["distribution"].as_array().unwrap(), files.as_array().unwrap());
    assert_eq!(told.len(), kept.len());
    for (told, kept) in told.iter().zip(kept) {
        assert_eq!((&told["name"], &told["sha256"]), (&kept["name"], &kept["sha256"]));
        let file = market.app.anyone().get(&below(told["contentUrl"].as_str().unwrap()));
        assert_eq!(
            hex::encode(digest::digest(&digest::SHA256, &file.bytes)),
            told["sha256"].as_str().unwrap(),
            "{told}"
        );
        assert_eq!(told["contentSize"], format!("{} B", file.bytes.len()));
    }
    let [table] = document["recordSet"].as_array().unwrap().as_slice() else { panic!("{document}") };
    let csv = licensed.buyer().get(&format!("/v1/licences/{}/files/artist_preference.csv", licensed.licence_id)).text();
    let fields = table["field"].as_array().unwrap();
    let names: Vec<&str> = fields.iter().map(|field| field["name"].as_str().unwrap()).collect();
    assert_eq!(names.join(","), csv.lines().next().unwrap());
    assert!(
        fields.iter().all(|field| field["source"]["fileObject"]["@id"] == "artist_preference.parquet"),
        "{fields:?}"
    );
    let file = below(told[0]["contentUrl"].as_str().unwrap());
    let grant = licensed.buyer().get(&format!("/v1/licences/{}/grants", licensed.licence_id)).ok()["items"][0].clone();
    assert!(description.contains(&id_of(&grant)), "{description}");
    licensed.buyer().delete(&format!("/v1/grants/{}", id_of(&grant))).ok();
    market.app.anyone().get(&file).problem(403, "link-refused");
    let again: Value = serde_json::from_slice(&licensed.buyer().get(&format!("{path}?lifetime_s=600")).bytes).unwrap();
    let file = below(again["distribution"][0]["contentUrl"].as_str().unwrap());
    market.app.ctx.clock.advance_s(600).unwrap();
    market.app.anyone().get(&file).problem(403, "link-expired");
}
