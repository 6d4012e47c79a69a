//! What was agreed for a licence, read by those whom it concerns and checked by those who trust nobody.

use crate::check::copy;
use crate::common::http::Caller;
use crate::common::market::{Market, id, lasting_sessions};
use crate::common::{Backend, TestApp};
use aws_lc_rs::digest;
use diesel::prelude::*;
use refrain::config::Secret;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::Command;

const PRICE: i64 = 50_000;
const FORMS: [(&str, &str); 5] = [
    ("html", "text/html; charset=utf-8"),
    ("txt", "text/plain; charset=utf-8"),
    ("jsonld", "application/ld+json"),
    ("jws", "application/jose"),
    ("json", "application/json"),
];

crate::on_both_databases!(
    an_agreement_is_given_in_every_form_to_those_whom_it_concerns,
    an_agreement_never_changes,
    licences_of_before_there_were_agreements_get_theirs_at_the_start,
    anybody_can_check_an_agreement_and_every_change_is_named,
);

fn agreement_of(licence: &Value) -> String {
    format!("/v1/licences/{}/agreement", id(licence))
}

fn sha256(bytes: &[u8]) -> String {
    hex::encode(digest::digest(&digest::SHA256, bytes))
}

/// The bytes of an agreement in all its forms.
fn all_of(caller: &Caller, agreement: &str) -> Vec<Vec<u8>> {
    let read = |(form, _): &(&str, &str)| {
        let answer = caller.get(&format!("{agreement}.{form}"));
        assert_eq!(answer.status, 200, "{form}: {}", answer.text());
        answer.bytes
    };
    FORMS.iter().map(read).collect()
}

fn an_agreement_is_given_in_every_form_to_those_whom_it_concerns(backend: Backend) {
    let market = Market::open(backend, 2);
    let sold = market.sell(PRICE);
    let agreement = agreement_of(&sold.licence);
    let (stranger, member) = (market.app.buyer("stranger"), &market.members[0]);
    for (form, media_type) in FORMS {
        let path = format!("{agreement}.{form}");
        let answer = market.buyer.get(&path);
        assert_eq!((answer.status, answer.header("content-type")), (200, Some(media_type)), "{}", answer.text());
        let tag = format!("\"{}\"", sha256(&answer.bytes));
        assert_eq!(answer.header("etag"), Some(tag.as_str()), "{form}");
        assert_eq!(answer.header("cache-control"), Some("private, no-cache"));
        let name = format!("inline; filename=\"agreement-{}.{form}\"", id(&sold.licence));
        assert_eq!(answer.header("content-disposition"), Some(name.as_str()));
        let known = market.buyer.get_with(&path, &[("if-none-match", &tag)]);
        assert_eq!((known.status, known.bytes.len()), (304, 0), "{form}");
        assert_eq!(market.buyer.get_with(&path, &[("if-none-match", "\"other\"")]).status, 200);
        let head = market.buyer.send("HEAD", &path, &[], None);
        assert_eq!((head.status, head.bytes.len()), (200, 0));
        assert_eq!(market.operator.get(&path).bytes, answer.bytes);
        // Whichever way it is asked for, it is the same.
        let essence = media_type.split(';').next().unwrap();
        let liked = market.buyer.get_with(&agreement, &[("accept", &format!("image/png, {essence}"))]);
        assert_eq!((&liked.bytes, liked.header("vary")), (&answer.bytes, Some("Accept")), "{form}");
        stranger.get(&path).problem(404, "not-found");
        member.get(&path).problem(403, "forbidden");
        market.app.anyone().get(&path).problem(401, "not-authenticated");
    }
    let bundle = market.buyer.get(&agreement).ok();
    assert_eq!(market.buyer.get_with(&agreement, &[("accept", "*/*")]).json(), bundle);
    market.buyer.get_with(&agreement, &[("accept", "text/turtle")]).problem(406, "not-acceptable");
    let page = market.buyer.get(&format!("{agreement}.html"));
    let policy = page.header("content-security-policy").unwrap();
    assert!(policy.starts_with("default-src 'none'; style-src 'sha256-") && policy.contains("frame-ancestors 'none'"));
    // Members read in their vote the very terms that were agreed, and neither addresses nor payments.
    let vote_id = id(&market.offer(&sold.offer_id)["vote"]);
    let terms = member.get(&format!("/v1/votes/{vote_id}/terms"));
    assert_eq!(bundle["terms"].as_str().unwrap().as_bytes(), terms.bytes);
    let statement: Value = serde_json::from_str(bundle["statement"].as_str().unwrap()).unwrap();
    assert_eq!(statement["terms_sha256"], sold.purchase["terms_hash"]);
    assert_eq!(statement["facts"]["vote"]["vote_id"], vote_id);
    let head = member.get(&format!("/v1/votes/{vote_id}/log")).ok();
    assert_eq!(
        (&statement["facts"]["vote"]["log_root"], &statement["facts"]["vote"]["yes"]),
        (&head["root"], &json!(2))
    );
    let text = market.buyer.get(&format!("{agreement}.txt")).text();
    for said in
        ["northwind Ltd", "Artist preference", "Training our own recommender.", "USD 500.00", "You may.", "30 days"]
    {
        assert!(text.contains(said), "{said} is not in\n{text}");
    }
}

/// Changes rows, as nobody can by the API.
fn run(app: &TestApp, sql: &'static str) {
    let changed = app.ctx.db.write(move |tx| Ok(diesel::sql_query(sql).execute(&mut **tx)?));
    assert!(app.block_on(changed).unwrap() > 0, "{sql}");
}

/// The same house, opened once more: of SQLite a copy, on PostgreSQL beside the first server.
fn reopened(market: &Market, directory: &Path) -> TestApp {
    copy(&market.app.ctx.config.data_dir, directory);
    let config = &market.app.ctx.config;
    let url = config.database.url.as_ref().map(|url| Secret::from(url.expose().to_owned()));
    let backend = Backend::Sqlite; // that is, make no database of its own
    TestApp::start_with(backend, |config| {
        lasting_sessions(config);
        config.data_dir = directory.to_owned();
        config.database.url = url;
        config.server.public_url = Some("https://moved.example".into());
    })
}

fn an_agreement_never_changes(backend: Backend) {
    let market = Market::open(backend, 2);
    let purchase = market.settle(&market.accept(&market.place(PRICE)));
    let licence = market.licence_of(&purchase);
    assert_eq!(licence["state"], "preparing");
    let agreement = agreement_of(&licence);
    let granted = all_of(&market.buyer, &agreement);
    let text = String::from_utf8(granted[1].clone()).unwrap();
    let paid = market.purchase(&id(&purchase));
    assert!(text.contains(paid["invoice_number"].as_str().unwrap()) && text.contains("bank statement 7"), "{text}");
    market.app.run_jobs();
    assert_eq!(market.licence_of(&purchase)["state"], "active");
    assert_eq!(all_of(&market.buyer, &agreement), granted, "when the edition is drawn");
    for sql in [
        "UPDATE organisations SET legal_name = 'Renamed', address = 'Elsewhere', tax_id = ''",
        "UPDATE datasets SET title = 'Renamed', licence_name = 'Renamed', licence_text = 'You may not.'",
        "UPDATE pools SET name = 'Renamed', contact_email = 'renamed@example.org'",
    ] {
        run(&market.app, sql);
    }
    assert_eq!(all_of(&market.buyer, &agreement), granted, "when everything is renamed");
    let directory = tempfile::tempdir().unwrap();
    let app = reopened(&market, directory.path());
    let buyer = app.log_in("buyer@northwind.example");
    assert_eq!(all_of(&buyer, &agreement), granted, "by a server at another address");
    drop(app);
    market.app.advance_days(31);
    assert_eq!(market.licence_of(&purchase)["state"], "expired");
    assert_eq!(all_of(&market.buyer, &agreement), granted, "when the licence is over");
}

fn licences_of_before_there_were_agreements_get_theirs_at_the_start(backend: Backend) {
    let market = Market::open(backend, 2);
    let sold = market.sell(PRICE);
    let agreement = agreement_of(&sold.licence);
    let granted = market.buyer.get(&format!("{agreement}.json")).ok();
    run(&market.app, "DELETE FROM agreements");
    market.buyer.get(&format!("{agreement}.json")).problem(404, "not-found");
    let directory = tempfile::tempdir().unwrap();
    let app = reopened(&market, directory.path());
    let (buyer, again) = (app.log_in("buyer@northwind.example"), tempfile::tempdir().unwrap());
    let made = buyer.get(&format!("{agreement}.json"));
    let facts =
        |bundle: &Value| serde_json::from_str::<Value>(bundle["statement"].as_str().unwrap()).unwrap()["facts"].clone();
    let (made_facts, granted_facts) = (facts(&made.ok()), facts(&granted));
    for fact in ["licence_id", "granted_at", "licensee", "licensor", "vote", "privacy", "invoice_number", "key_id"] {
        assert_eq!(made_facts[fact], granted_facts[fact], "{fact}");
    }
    assert_eq!(
        (&made_facts["ends_at"], &made_facts["server_url"]),
        (&sold.licence["ends_at"], &json!("https://moved.example"))
    );
    let file = again.path().join("agreement.json");
    std::fs::write(&file, &made.bytes).unwrap();
    let (holds, words) = verify(&file, &[]);
    assert!(holds, "{words}");
    let made_again = app.block_on(refrain::purchases::agreements::actions::make_missing(&app.ctx));
    made_again.unwrap();
    assert_eq!(buyer.get(&format!("{agreement}.json")).bytes, made.bytes, "once made it stays");
}

/// The checker, as a program of its own that knows of no server.
fn verify(file: &Path, flags: &[&str]) -> (bool, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_refrain"));
    let done = command.arg("verify").arg(file).args(flags).output().unwrap();
    let printed = [done.stdout, done.stderr].map(|bytes| String::from_utf8(bytes).unwrap()).concat();
    (done.status.success(), printed)
}

fn anybody_can_check_an_agreement_and_every_change_is_named(backend: Backend) {
    let market = Market::open(backend, 2);
    let sold = market.sell(PRICE);
    let stock = market.send(&market.buyer, &market.asks(PRICE, &json!({"edition": "stock"}))).ok();
    market.app.run_jobs();
    let other = market.licence_of(&market.settle(&market.accept(&id(&stock))));
    let directory = tempfile::tempdir().unwrap();
    let write = |name: &str, bytes: &[u8]| -> PathBuf {
        let path = directory.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        path
    };
    let [page, text, odrl, _, bundle]: [Vec<u8>; 5] =
        all_of(&market.buyer, &agreement_of(&sold.licence)).try_into().unwrap();
    let [other_page, _, _, other_jws, other_bundle]: [Vec<u8>; 5] =
        all_of(&market.buyer, &agreement_of(&other)).try_into().unwrap();
    let file = write("agreement.json", &bundle);
    let key = market.app.anyone().get("/v1/signing-key").ok();
    let documents = [("page.html", &page), ("text.txt", &text), ("odrl.jsonld", &odrl)]
        .map(|(name, bytes)| write(name, bytes).to_str().unwrap().to_owned());
    let mut flags: Vec<&str> = documents.iter().flat_map(|path| ["--document", path]).collect();
    for name in ["x", "kid"] {
        flags.extend(["--key", key[name].as_str().unwrap()]);
        let (holds, words) = verify(&file, &flags);
        assert!(holds && !words.contains("FAULT"), "{words}");
        for said in [
            "The key is the one that you named.",
            "grants northwind Ltd the licence",
            "2 electors decided",
            "page.html is the page",
            "What this cannot prove",
        ] {
            assert!(words.contains(said), "{said} is not in\n{words}");
        }
        flags.truncate(6);
    }
    let (holds, words) = verify(&write("other.json", &other_bundle), &[]);
    assert!(holds && words.contains("Compare it with the one that the cooperative publishes"), "{words}");
    let stock_text = market.buyer.get(&format!("{}.txt", agreement_of(&other))).text();
    let words = stock_text.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(words.contains("artist_preference.csv, SHA-256 ") && words.contains("and it ends at"), "{stock_text}");

    let pretty = serde_json::to_vec_pretty(&serde_json::from_slice::<Value>(&bundle).unwrap()).unwrap();
    assert!(verify(&write("pretty.json", &pretty), &[]).0, "however the file is laid out");
    let count = std::cell::Cell::new(0);
    let changed = |change: &dyn Fn(&mut Value)| {
        let mut changed: Value = serde_json::from_slice(&bundle).unwrap();
        change(&mut changed);
        count.set(count.get() + 1);
        write(&format!("changed{}.json", count.get()), &serde_json::to_vec(&changed).unwrap())
    };
    let replaced = |part: &'static str, from: &'static str, to: &'static str| {
        changed(&|bundle| {
            let value = bundle.pointer_mut(part).unwrap();
            let text = value.as_str().unwrap();
            assert!(text.contains(from), "{from} is not in {text}");
            *value = json!(text.replacen(from, to, 1));
        })
    };
    let stranger = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo";
    let jws = String::from_utf8(other_jws).unwrap();
    let other_document = write("other.html", &other_page);
    for (file, flags, says) in [
        (replaced("/documents/html", "USD 500.00", "USD 400.00"), &[][..], "the page is not the one that was signed"),
        (replaced("/documents/txt", "USD 500.00", "USD 400.00"), &[], "the text is not the one that was signed"),
        (replaced("/documents/jsonld", "P30D", "P90D"), &[], "the ODRL document is not the one that was signed"),
        (
            replaced("/terms", "\"period_days\":30", "\"period_days\":90"),
            &[],
            "The terms are not those that were signed",
        ),
        (replaced("/licence_text", "You may.", "You may!"), &[], "text is not the one that the terms name"),
        (replaced("/statement", "northwind", "Northwind"), &[], "The statement is not what the key has signed"),
        (changed(&|bundle| bundle["signature"] = json!(jws)), &[], "The statement is not what the key has signed"),
        (
            changed(&|bundle| bundle["key"] = json!(stranger)),
            &[],
            "The statement has a signature that names another key",
        ),
        (file.clone(), &["--key", stranger], "and not by 11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"),
        (file.clone(), &["--document", other_document.to_str().unwrap()], "is none of the documents of this agreement"),
        (write("cut.json", &bundle[..bundle.len() - 9]), &[], "This is no agreement"),
        (file.clone(), &["--tag", "00"], "are for votes"),
        (file.clone(), &["--key", "short"], "43 letters of base64url"),
        (write("a.html", &page), &[], "is neither the bundle of a vote nor an agreement"),
    ] {
        let (holds, words) = verify(&file, flags);
        assert!(!holds && words.contains(says), "{says} is not in\n{words}");
    }
}
