//! Finding what one looks for: words and how they rank, filters, counts by value, orders. The same on both databases.

use crate::catalogue::{listed, unlist};
use crate::common::market::{Market, revealing, usd};
use crate::common::{Backend, LOOKS_FOR_NEWS_AFTER, TestApp};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::{Value, json};
use std::collections::BTreeSet;

crate::on_both_databases!(
    what_stands_in_the_title_comes_first,
    words_phrases_and_what_must_not_be_found,
    letters_of_every_script_are_found,
    whatever_is_typed_is_only_words,
    filters_narrow_by_what_anybody_may_know,
    what_cannot_be_meant_is_said_in_words,
    counts_heed_every_filter_but_their_own,
    pages_of_every_order_follow_one_another,
    words_are_true_as_soon_as_a_listing_is_written,
    an_edition_in_stock_and_its_period_are_found,
);

/// Bytes as they stand in a query.
fn encoded(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02X}")).collect()
}

/// The titles that a query finds, in their order.
#[track_caller]
fn found(app: &TestApp, query: &str) -> Vec<String> {
    let page = app.anyone().get(&format!("/v1/datasets?limit=100&{query}")).ok();
    let titles: Vec<String> =
        page["items"].as_array().unwrap().iter().map(|item| item["title"].as_str().unwrap().to_owned()).collect();
    assert_eq!(page["total"], titles.len(), "{query}");
    titles
}

#[track_caller]
fn searched(app: &TestApp, q: &str) -> Vec<String> {
    found(app, &format!("q={}", encoded(q)))
}

fn recipe(app: &TestApp, pool_id: &str, document: &Value) -> String {
    let recipe = json!({"pool_id": pool_id, "name": "numbers", "document": document});
    app.operator().post("/v1/recipes", &recipe).ok()["id"].as_str().unwrap().to_owned()
}

fn of_kind(app: &TestApp, pool_id: &str, kind: &str) -> String {
    recipe(app, pool_id, &json!({"kind": kind}))
}

fn what_stands_in_the_title_comes_first(backend: Backend) {
    let app = TestApp::start(backend);
    let plain = of_kind(&app, &app.pool("A pool"), "artist_preference");
    let of_harbour = of_kind(&app, &app.pool("Harbour Listeners"), "artist_preference");
    listed(&app, &plain, &json!({"title": "Old Harbour by night"}));
    listed(
        &app,
        &plain,
        &json!({"title": "Night, newer", "description": "Heard at the harbour, at the harbour, at the harbour."}),
    );
    listed(&app, &plain, &json!({"title": "Harbourside"}));
    listed(&app, &plain, &json!({"title": "Quay", "keywords": ["Harbours"]}));
    listed(&app, &of_harbour, &json!({"title": "Of the pool"}));
    listed(&app, &plain, &json!({"title": "Something else", "keywords": ["night"]}));
    let all = ["Old Harbour by night", "Harbourside", "Quay", "Night, newer", "Of the pool"];
    assert_eq!(
        searched(&app, "harbour"),
        all,
        "the word in the title, its beginning there, keywords, description, the rest"
    );
    assert_eq!(
        searched(&app, "HARBOURS "),
        ["Old Harbour by night", "Quay", "Night, newer", "Of the pool"],
        "the word itself"
    );
    assert_eq!(searched(&app, "night harbour"), ["Old Harbour by night", "Night, newer"], "both, the sum counts");
    assert_eq!(
        searched(&app, "night"),
        ["Night, newer", "Old Harbour by night", "Something else"],
        "of equals the newer"
    );
    assert_eq!(found(&app, "q=harbour&sort=title")[0], "Harbourside", "unless another order is asked for");
    assert_eq!(searched(&app, "harbour zzz"), [""; 0]);
}

fn words_phrases_and_what_must_not_be_found(backend: Backend) {
    let app = TestApp::start(backend);
    let recipe_id = of_kind(&app, &app.pool("A pool"), "artist_preference");
    for title in
        ["Late night jazz", "Night jazz of late", "Hip-hop for C++ and R&B", "Bob's countries", "Jazz AND rock NOT pop"]
    {
        listed(&app, &recipe_id, &json!({"title": title}));
    }
    for (q, titles) in [
        ("\"late night\"", &["Late night jazz"][..]),
        ("\"late nig", &["Late night jazz"]),
        ("\"night late\"", &[]),
        ("jazz -\"late night\" ", &["Jazz AND rock NOT pop", "Night jazz of late"]),
        ("jazz -rock", &["Night jazz of late", "Late night jazz"]),
        ("-jazz", &["Bob's countries", "Hip-hop for C++ and R&B"]),
        ("hip hop ", &["Hip-hop for C++ and R&B"]),
        ("hop-hip", &[]),
        ("C++", &["Hip-hop for C++ and R&B"]),
        ("c ", &[]),
        ("r&b", &["Hip-hop for C++ and R&B"]),
        ("bob's countries", &["Bob's countries"]),
        ("bobs", &["Bob's countries"]),
        ("jaz", &["Jazz AND rock NOT pop", "Night jazz of late", "Late night jazz"]),
        ("jaz ", &[]),
        ("azz", &[]),
        ("AND NOT ", &["Jazz AND rock NOT pop"]),
        ("capped_plays rock ", &["Jazz AND rock NOT pop"]),
        ("market_research bob", &["Bob's countries"]),
    ] {
        assert_eq!(searched(&app, q), titles, "{q}");
    }
    listed(&app, &recipe_id, &json!({"title": "Apart", "keywords": ["deep", "house music"]}));
    for (q, titles) in [("\"house music\"", &["Apart"][..]), ("\"deep house\"", &[]), ("deep house ", &["Apart"])] {
        assert_eq!(searched(&app, q), titles, "a keyword is a text of its own: {q}");
    }
}

fn letters_of_every_script_are_found(backend: Backend) {
    let app = TestApp::start(backend);
    let recipe_id = of_kind(&app, &app.pool("A pool"), "artist_preference");
    let titles = [
        "Été à Łódź",
        "日本の音楽データ",
        "موسيقى الليل",
        "מוזיקה בלילה",
        "Ночная музыка",
        "Night 🎵 sounds",
        "Ｆｕｌｌ width",
    ];
    for title in titles {
        listed(&app, &recipe_id, &json!({"title": title}));
    }
    for (q, title) in [
        ("ETE lodz", "Été à Łódź"),
        ("e\u{301}te\u{301}", "Été à Łódź"),
        ("音楽", "日本の音楽データ"),
        ("データ", "日本の音楽データ"),
        ("本の音", "日本の音楽データ"),
        ("مُوسِيقَى", "موسيقى الليل"),
        ("الليل موسيقى", "موسيقى الليل"),
        ("מוזיקה", "מוזיקה בלילה"),
        ("МУЗЫ", "Ночная музыка"),
        ("🎵", "Night 🎵 sounds"),
        ("full", "Ｆｕｌｌ width"),
    ] {
        assert_eq!(searched(&app, q), [title], "{q}");
    }
    for q in ["楽音", "🎶", "日 楽 x"] {
        assert_eq!(searched(&app, q), [""; 0], "{q}");
    }
}

fn whatever_is_typed_is_only_words(backend: Backend) {
    let app = TestApp::start(backend);
    let recipe_id = of_kind(&app, &app.pool("A pool"), "artist_preference");
    listed(&app, &recipe_id, &json!({"title": "The one"}));
    let all = ["The one"];
    for nothing_said in
        ["", " ", "%", "\"", "\"\"", "' -- ;", "*", "-", "()", "^:", "\\", "\u{0}", "\u{202E}", "\u{FE0F}", "& | !"]
    {
        assert_eq!(searched(&app, nothing_said), all, "{nothing_said:?} narrows nothing");
    }
    for found in
        ["the one", "THE* one", "\"the one", "one\u{0}", "(the) AND-one", "title:one", "the NEAR", "'the':*A & one"]
    {
        let expected: &[&str] =
            if ["(the) AND-one", "title:one", "the NEAR", "'the':*A & one"].contains(&found) { &[] } else { &all };
        assert_eq!(searched(&app, found), expected, "{found:?}");
    }
    for gone in
        ["the OR nothing", "\"the one\"x", "'; DROP TABLE listing_texts; --", "{title} : the", "NEAR(the one, 5)"]
    {
        assert_eq!(searched(&app, gone), [""; 0], "{gone:?}");
    }
    let typed = prop_oneof![
        any::<String>(),
        "[\"'*:&|!()<>^{}+\\-\\\\ a-c\u{0}é音]{0,40}",
        "(AND|OR|NOT|NEAR|<->|:\\*|\"|-| |the|one){0,12}",
    ];
    let cases =
        TestRunner::new(Config { cases: 150, failure_persistence: None, ..Config::default() }).run(&typed, |q| {
            let answer = app.anyone().get(&format!("/v1/datasets?q={}", encoded(&q)));
            prop_assert!([200, 422].contains(&answer.status), "{:?}: {} {}", q, answer.status, answer.text());
            Ok(())
        });
    cases.unwrap();
    for endless in ["a".repeat(201), "a ".repeat(9)] {
        app.anyone().get(&format!("/v1/datasets?q={}", encoded(&endless))).problem(422, "invalid");
    }
    assert_eq!(searched(&app, "one"), all, "and all is as it was");
}

/// Two pools with different currencies and numbers of members, and what they offer.
fn shop(backend: Backend) -> (TestApp, [String; 2]) {
    let app = TestApp::start(backend);
    let (north, south) =
        (app.pool("North"), app.pool_with("South", &json!({"price_floor": {"amount": 10_000, "currency": "EUR"}})));
    app.join(&app.member("ada"), &north);
    let euro = |amount: i64| json!({"amount": amount, "currency": "EUR"});
    let artists = of_kind(&app, &north, "artist_preference");
    listed(&app, &artists, &json!({"title": "Artists", "price_floor": usd(30_000)}));
    let clock = recipe(
        &app,
        &north,
        &json!({"kind": "listening_clock", "from": "2025-01-01T00:00:00Z", "to": "2025-07-01T00:00:00Z"}),
    );
    listed(&app, &clock, &json!({"title": "Clock", "purposes": ["market_research"]}));
    let countries = of_kind(&app, &south, "artist_by_country");
    listed(&app, &countries, &json!({"title": "Countries", "price_floor": euro(10_000)}));
    let profile =
        recipe(&app, &south, &json!({"kind": "listener_profile", "countries": ["NL", "BE"], "last_months": 12}));
    listed(&app, &profile, &json!({"title": "Profiles", "price_floor": euro(90_000)}));
    (app, [north, south])
}

fn filters_narrow_by_what_anybody_may_know(backend: Backend) {
    let (app, [north, _]) = shop(backend);
    let (yesterday, tomorrow) = ("2026-02-28T12:00:00Z", "2026-03-02T12:00:00Z");
    for (query, titles) in [
        ("kind=listening_clock,listener_profile", &["Profiles", "Clock"][..]),
        ("key=artist", &["Countries", "Artists"]),
        ("key=volume,hour_of_week", &["Profiles", "Clock"]),
        ("key=country&kind=artist_by_country", &["Countries"]),
        ("measure=capped_plays", &["Countries", "Clock", "Artists"]),
        ("purpose=model_training", &["Profiles", "Countries", "Artists"]),
        ("purpose=nobody_lists_this", &[]),
        (&format!("pool={north}"), &["Clock", "Artists"]),
        ("country=NL", &["Profiles", "Countries"]),
        ("country=FR", &["Countries"]),
        ("currency=EUR", &["Profiles", "Countries"]),
        ("currency=EUR&price_at_most=10000", &["Countries"]),
        ("currency=EUR&price_at_least=10001", &["Profiles"]),
        ("currency=USD&price_at_least=20000&price_at_most=30000", &["Clock", "Artists"]),
        ("members_at_least=1", &["Clock", "Artists"]),
        ("members_at_least=2", &[]),
        ("in_stock=true", &[]),
        ("in_stock=false&exclusive=false&q=clock", &["Clock"]),
        ("exclusive=true", &[]),
        (&format!("updated_since={yesterday}"), &["Profiles", "Countries", "Clock", "Artists"]),
        (&format!("updated_since={tomorrow}"), &[]),
        ("from=2025-07-01T00:00:00Z", &["Profiles", "Countries", "Artists"]),
        ("to=2025-01-01T00:00:00Z", &["Countries", "Artists"]),
        ("from=2025-06-30T00:00:00Z&to=2025-08-01T00:00:00Z", &["Profiles", "Countries", "Clock", "Artists"]),
        ("from=2026-03-01T00:00:00Z&kind=listener_profile", &[]),
        ("kind=&key=%20,", &["Profiles", "Countries", "Clock", "Artists"]),
    ] {
        assert_eq!(found(&app, query), titles, "{query}");
    }
}

fn what_cannot_be_meant_is_said_in_words(backend: Backend) {
    let app = TestApp::start(backend);
    let many = "artist,".repeat(21);
    for (query, words) in [
        ("kind=skips", "listening_clock"),
        ("kind=artist_preference,skips", "skips"),
        ("key=tempo", "hour_of_week"),
        ("measure=love", "skip_share"),
        ("purpose=Market%20Research", "market_research"),
        ("pool=none", "pool_"),
        ("country=nl", "ISO 3166-1"),
        ("currency=euro", "ISO 4217"),
        ("facets=kind,colour", "colour"),
        ("price_at_most=5", "currency"),
        ("price_at_most=-1&currency=USD", "no price is below 0"),
        ("price_at_most=5&currency=USD,EUR", "currency"),
        ("price_at_least=6&price_at_most=5&currency=USD", "price_at_least"),
        ("from=2026-01-01T00:00:00Z&to=2026-01-01T00:00:00Z", "from"),
        ("sort=relevance", "q"),
        ("sort=relevance&q=%25", "q"),
        (&format!("key={many}"), "20"),
    ] {
        let refused = app.anyone().get(&format!("/v1/datasets?{query}")).problem(422, "invalid");
        assert!(refused["detail"].as_str().unwrap().contains(words), "{query}: {refused}");
    }
    for (query, words) in [
        ("sort=colour", "`newest`"),
        ("in_stock=perhaps", "`true` or `false` is wanted"),
        ("limit=some", "a whole number is wanted"),
        ("members_at_least=-1", "a whole number is wanted"),
        ("limit=99999999999999999999", "no number is that large"),
        ("updated_since=yesterday", "2026-01-31T12:00:00Z"),
        ("colour=red", "`colour`"),
        ("q=a&q=b", "`q`"),
    ] {
        let refused = app.anyone().get(&format!("/v1/datasets?{query}")).problem(400, "malformed-request");
        assert!(refused["detail"].as_str().unwrap().contains(words), "{query}: {refused}");
    }
}

fn counts(page: &Value, name: &str) -> Vec<(String, u64)> {
    let values = page["facets"][name].as_array().unwrap_or_else(|| panic!("{name} in {page}")).iter();
    values.map(|facet| (facet["label"].as_str().unwrap().to_owned(), facet["listings"].as_u64().unwrap())).collect()
}

fn counts_heed_every_filter_but_their_own(backend: Backend) {
    let (app, _) = shop(backend);
    let page = |query: &str| app.anyone().get(&format!("/v1/datasets?{query}")).ok();
    let named = |list: &[(&str, u64)]| list.iter().map(|(name, n)| ((*name).to_owned(), *n)).collect::<Vec<_>>();
    let usual = page("");
    let asked: BTreeSet<&String> = usual["facets"].as_object().unwrap().keys().collect();
    assert_eq!(asked.into_iter().collect::<Vec<_>>(), ["kind", "pool", "purpose"]);
    assert_eq!(page("facets=")["facets"], json!({}));
    let all = page("facets=kind,key,measure,purpose,pool,country,currency");
    assert_eq!(counts(&all, "key")[..2], named(&[("artist", 2), ("country", 2)]));
    assert_eq!(counts(&all, "measure"), named(&[("fans", 4), ("capped_plays", 3)]));
    assert_eq!(counts(&all, "purpose"), named(&[("market_research", 4), ("model_training", 3)]));
    assert_eq!(counts(&all, "pool"), named(&[("North", 2), ("South", 2)]));
    assert_eq!(counts(&all, "country"), named(&[("BE", 2), ("NL", 2)]), "and where all countries are told apart");
    assert_eq!(counts(&all, "currency"), named(&[("EUR", 2), ("USD", 2)]));
    let narrow = page("facets=kind,currency,purpose&currency=USD&purpose=model_training");
    assert_eq!((&narrow["total"], narrow["items"][0]["title"].as_str()), (&json!(1), Some("Artists")));
    assert_eq!(counts(&narrow, "currency"), named(&[("EUR", 2), ("USD", 1)]), "its own filter hides no value");
    assert_eq!(counts(&narrow, "purpose"), named(&[("market_research", 2), ("model_training", 1)]));
    assert_eq!(counts(&narrow, "kind"), named(&[("artist_preference", 1)]), "but all other filters count");
    let words = page("q=clock&facets=kind&members_at_least=1&kind=artist_map");
    assert_eq!((counts(&words, "kind"), &words["total"]), (named(&[("listening_clock", 1)]), &json!(0)));
    for kind in page("facets=kind")["facets"]["kind"].as_array().unwrap() {
        let asked = page(&format!("kind={}", kind["value"].as_str().unwrap()));
        assert_eq!(asked["total"], kind["listings"], "{kind}");
    }
}

fn pages_of_every_order_follow_one_another(backend: Backend) {
    let (app, [north, _]) = shop(backend);
    let recipe_id = of_kind(&app, &north, "artist_map");
    for (title, price) in [("apples", 30_000), ("Äpfel", 25_000), ("Zebras", 30_000)] {
        listed(&app, &recipe_id, &json!({"title": title, "price_floor": usd(price)}));
    }
    let orders = [
        ("sort=newest", &["Zebras", "Äpfel", "apples", "Profiles", "Countries", "Clock", "Artists"][..]),
        ("sort=title", &["Äpfel", "apples", "Artists", "Clock", "Countries", "Profiles", "Zebras"]),
        ("sort=price", &["Countries", "Profiles", "Clock", "Äpfel", "Zebras", "apples", "Artists"]),
        ("sort=price_desc", &["Profiles", "Countries", "Zebras", "apples", "Artists", "Äpfel", "Clock"]),
        ("sort=members", &["Zebras", "Äpfel", "apples", "Clock", "Artists", "Profiles", "Countries"]),
        ("q=artist", &["Artists", "Zebras", "Äpfel", "apples", "Profiles", "Countries", "Clock"]),
    ];
    let page = |query: &str| app.anyone().get(&format!("/v1/datasets?limit=2&{query}"));
    let titles = |page: &Value| -> Vec<String> {
        page["items"].as_array().unwrap().iter().map(|item| item["title"].as_str().unwrap().to_owned()).collect()
    };
    let mut cursors = Vec::new();
    for (query, expected) in orders {
        assert_eq!(found(&app, query), expected, "{query}");
        let (mut all, mut next) = (Vec::new(), String::new());
        loop {
            let page = page(&format!("{query}{next}")).ok();
            all.extend(titles(&page));
            let Some(cursor) = page["next_cursor"].as_str() else { break };
            next = format!("&cursor={cursor}");
            cursors.push((query, cursor.to_owned()));
        }
        assert_eq!(all, expected, "{query} page by page");
    }
    for (query, cursor) in &cursors {
        let other = if *query == "sort=title" { "sort=price" } else { "sort=title" };
        page(&format!("{other}&cursor={cursor}")).problem(400, "invalid-cursor");
        page(&format!("{query}&kind=artist_map&cursor={cursor}")).problem(400, "invalid-cursor");
    }
    let (query, cursor) = cursors.iter().find(|(query, _)| *query == "sort=title").unwrap();
    let gone = app.anyone().get(&format!("/v1/datasets?q={}", encoded("Äpfel"))).ok()["items"][0]["id"]
        .as_str()
        .unwrap()
        .to_owned();
    unlist(&app, &gone).ok();
    listed(&app, &recipe_id, &json!({"title": "Aardvarks"}));
    listed(&app, &recipe_id, &json!({"title": "Bees"}));
    let second = page(&format!("{query}&cursor={cursor}")).ok();
    assert_eq!(titles(&second), ["Artists", "Bees"], "what comes and goes before it moves nothing");
}

fn words_are_true_as_soon_as_a_listing_is_written(backend: Backend) {
    use diesel::RunQueryDsl;
    use refrain::db::schema::listing_texts;
    let app = TestApp::start(backend);
    let (pool_id, operator) = (app.pool("A pool"), app.operator());
    let draft = json!({
        "recipe_id": of_kind(&app, &pool_id, "artist_preference"), "title": "Firstling", "description": "Something.", "keywords": [],
        "purposes": ["market_research"], "licence_name": "One", "licence_text": "You may.", "price_floor": usd(20_000), "rows_promised": 1
    });
    let id = operator.post("/v1/datasets", &draft).ok()["id"].as_str().unwrap().to_owned();
    assert_eq!(searched(&app, "firstling"), [""; 0], "a draft is not found");
    let path = format!("/v1/datasets/{id}");
    operator.json("PATCH", &path, &[], &json!({"title": "Secondling", "keywords": ["fresh"]})).ok();
    operator.post(&format!("{path}/publish"), &json!({})).ok();
    assert_eq!((searched(&app, "firstling"), searched(&app, "fresh second")), (vec![], vec!["Secondling".to_owned()]));
    unlist(&app, &id).ok();
    assert_eq!(searched(&app, "secondling"), [""; 0]);
    operator.post(&format!("{path}/publish"), &json!({})).ok();
    assert_eq!(searched(&app, "secondling"), ["Secondling"]);
    // As a server finds it that takes over what an older one has written.
    app.block_on(app.ctx.db.write(|tx| Ok(diesel::delete(listing_texts::table).execute(&mut **tx)?))).unwrap();
    let give = || app.block_on(refrain::datasets::actions::give_words(&app.ctx)).unwrap();
    give();
    give();
    assert_eq!(
        (searched(&app, "\"secondling\""), found(&app, "")),
        (vec!["Secondling".to_owned()], vec!["Secondling".to_owned()])
    );
}

fn an_edition_in_stock_and_its_period_are_found(backend: Backend) {
    let recipe = crate::common::market::merged(revealing(), &json!({"last_months": 12}));
    let market = Market::with(backend, 8, &json!({"recipe": recipe, "dataset": {"rows_promised": 3}}));
    let app = &market.app;
    assert_eq!((found(app, "in_stock=true"), found(app, "in_stock=false").len()), (vec![], 1));
    let edition_id = market.sell(50_000).licence["edition_id"].as_str().unwrap().to_owned();
    let sold_at = app.ctx.clock.now();
    assert_eq!((found(app, "in_stock=true").len(), found(app, "in_stock=false")), (1, vec![]));
    let item = app.anyone().get("/v1/datasets").ok()["items"][0].clone();
    assert_eq!((&item["in_stock"], &item["members"]), (&json!(true), &json!(8)));
    assert!(item["updated_at"].as_str() > item["listed_at"].as_str(), "the edition is news: {item}");
    assert_eq!(found(app, &format!("updated_since={}", item["updated_at"].as_str().unwrap())).len(), 1);
    // Years later the recipe is about other months, and the edition still about those that it was drawn of.
    app.advance_days(3 * 365);
    let of_then = format!("to={}", sold_at.calendar().format("%Y-%m-%dT%H:%M:%SZ"));
    assert_eq!(found(app, &of_then).len(), 1, "{of_then}");
    assert_eq!(found(app, "to=2024-01-01T00:00:00Z"), [""; 0], "before both");
    assert_eq!(found(app, "from=2027-06-01T00:00:00Z&to=2027-07-01T00:00:00Z"), [""; 0], "between them");
    let recall = json!({"ground": "error", "reason": "It holds what it should not.", "remedy": "refund"});
    market.operator.post(&format!("/v1/editions/{edition_id}/recall"), &recall).ok();
    std::thread::sleep(LOOKS_FOR_NEWS_AFTER);
    assert_eq!((found(app, "in_stock=true"), found(app, &of_then)), (vec![], vec![]), "what was recalled is not sold");
    let html = app.anyone().get(&format!("/v1/datasets/{}/page.html", market.dataset_id)).text();
    assert!(html.contains("recalled"), "and whoever looks is told: {html}");
}
