//! Listings in the words of others: Croissant, DCAT and ODRL.

use crate::catalogue::{listed, small_recipe, unlist};
use crate::common::actors::PURPOSES;
use crate::common::http::Answer;
use crate::common::{Backend, TestApp};
use aws_lc_rs::digest;
use serde_json::{Value, json};

crate::on_both_databases!(
    a_listing_stands_in_the_words_of_croissant,
    catalogues_of_catalogues_find_every_listing_once,
    a_listing_is_told_in_the_words_that_are_liked_best,
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
    for (accept, expected) in [
        ("application/json", &anyone.get(&page)),
        ("text/html,application/xhtml+xml,*/*;q=0.8", &anyone.get(&page)),
        ("application/ld+json", &dcat),
        ("application/ld+json;profile=\"http://mlcommons.org/croissant/1.1\"", &croissant),
        ("application/json;q=0.1, application/ld+json;q=0.9", &dcat),
    ] {
        let answer = told(accept);
        assert_eq!((answer.status, &answer.bytes), (200, &expected.bytes), "{accept}");
        assert_eq!(
            (answer.header("etag"), answer.header("vary")),
            (expected.header("etag"), Some("Accept")),
            "{accept}"
        );
    }
    told("text/turtle").problem(406, "not-acceptable");
    told("application/json;q=0").problem(406, "not-acceptable");
}
