//! Recipes and listings as operators make them.

use super::super::draft::DatasetChanges;
use super::super::model::DatasetState;
use super::*;
use crate::audit;
use crate::error::Code;
use crate::page::PageQuery;

#[actix_web::test]
async fn a_recipe_gets_versions_and_never_the_same_twice() {
    let house = House::new().await;
    let create =
        |document| actions::create_recipe(&house.ctx, &house.operator, house.pool.clone(), "artists".into(), document);
    assert_eq!(create(quiet_recipe()).await.unwrap_err().code(), Code::Conflict);
    house.ctx.clock.advance_s(1).unwrap();
    let second = create(Recipe::default()).await.unwrap();
    assert_eq!((second.version, second.document_hash.clone()), (2, Recipe::default().sha256()));
    let read = actions::read_recipe(&house.ctx, second.id.clone()).await.unwrap();
    assert_eq!(read, second);
    let page = PageQuery { limit: Some(1), cursor: None };
    let list = actions::list_recipes(&house.ctx, &page, Some(house.pool.clone())).await.unwrap();
    assert!(list.items == [second] && list.next_cursor.is_some());
    let other = Recipe::parse(r#"{"kind":"artist_preference","fans_rho_nano":9000000000,"delta_pico":1}"#).unwrap();
    for (name, expected) in [("", false), ("Artists", false), ("a b", false), ("artists-2026_x", true)] {
        let made = actions::create_recipe(&house.ctx, &house.operator, house.pool.clone(), name.into(), other.clone());
        assert_eq!(made.await.is_ok(), expected, "{name:?}");
    }
}

#[actix_web::test]
async fn a_quote_is_for_the_pool_or_for_any_number() {
    let house = House::new().await;
    let quote = |members| actions::quote(&house.ctx, house.recipe.clone(), members);
    assert_eq!(quote(None).await.unwrap().members, 0);
    house.members().await;
    let sheet = quote(None).await.unwrap();
    assert_eq!((sheet.members, sheet.budget.unwrap().draws), (MEMBERS as u64, 2));
    assert_eq!(quote(Some(18_000)).await.unwrap().members, 18_000);
    assert_eq!(quote(Some(u64::MAX)).await.unwrap_err().code(), Code::Invalid);
}

#[actix_web::test]
async fn what_does_not_hold_is_refused_in_words() {
    let house = House::new().await;
    let cases: [(fn(&mut NewDataset), Code, &str); 9] = [
        (|d| d.purposes = vec!["advertising".into()], Code::Invalid, "academic_research, market_research"),
        (|d| d.purposes.push("advertising".into()), Code::Invalid, "advertising"),
        (|d| d.purposes.clear(), Code::Invalid, "at least one"),
        (|d| d.price_floor = Money::new(99_999, "USD"), Code::PriceBelowFloor, "USD 1,000.00"),
        (|d| d.price_floor = Money::new(500_000, "EUR"), Code::Invalid, "USD"),
        (|d| d.title = " \n ".into(), Code::Invalid, "title"),
        (|d| d.title = "a\u{7}b".into(), Code::Invalid, "control"),
        (|d| d.keywords = vec!["x".into(); 21], Code::Invalid, "keywords"),
        (|d| d.rows_promised = Some(-1), Code::Invalid, "rows_promised"),
    ];
    for (change, code, words) in cases {
        let mut new = house.draft("Artists");
        change(&mut new);
        let error = actions::create(&house.ctx, &house.operator, new).await.unwrap_err();
        assert!(error.code() == code && error.detail().contains(words), "{}", error.detail());
    }
}

#[actix_web::test]
async fn a_listing_is_edited_while_a_draft_and_then_no_more() {
    let house = House::new().await;
    let dataset = house.drafted(house.draft("Artists")).await;
    let edit = |changes| actions::edit(&house.ctx, &house.operator, dataset.id.clone(), changes);
    let both = vec!["market_research".to_owned(), "academic_research".to_owned()];
    let changes = DatasetChanges { title: Some("Stars".into()), purposes: Some(both), ..DatasetChanges::default() };
    let edited = edit(changes.clone()).await.unwrap().dataset;
    assert_eq!((edited.title.as_str(), edited.purposes.len(), edited.licence_name.as_str()), ("Stars", 2, "Standard"));
    let wrong = DatasetChanges { purposes: Some(vec!["advertising".into()]), ..DatasetChanges::default() };
    assert_eq!(edit(wrong).await.unwrap_err().code(), Code::Invalid);
    assert_eq!(house.unlist(&dataset.id).await.unwrap_err().code(), Code::Conflict);
    let listed = house.publish(&dataset.id).await.unwrap();
    assert_eq!((listed.state, listed.listed_at), (DatasetState::Listed, Some(house.ctx.clock.now())));
    assert_eq!(edit(changes.clone()).await.unwrap_err().code(), Code::Conflict);
    assert_eq!(house.publish(&dataset.id).await.unwrap_err().code(), Code::Conflict);
    house.ctx.clock.advance_s(60).unwrap();
    assert_eq!(house.unlist(&dataset.id).await.unwrap().state, DatasetState::Unlisted);
    assert_eq!(edit(changes).await.unwrap_err().code(), Code::Conflict, "its purposes are fixed for good");
    let again = house.publish(&dataset.id).await.unwrap();
    assert_eq!((again.state, again.listed_at), (DatasetState::Listed, listed.listed_at));
    let acts = house.ctx.db.read(|db| audit::list(db, None, 100)).await.unwrap();
    let mut actions: Vec<&str> = acts.iter().map(|act| act.action.as_str()).collect();
    actions.sort_unstable();
    let all =
        ["dataset.create", "dataset.edit", "dataset.publish", "dataset.publish", "dataset.unlist", "recipe.create"];
    assert_eq!(actions, all);
}

#[actix_web::test]
async fn publishing_asks_again_what_the_pool_demands() {
    let house = House::new().await;
    let dataset = house.drafted(house.draft("Artists")).await;
    let later =
        format!("INSERT INTO consent_texts VALUES ('{}', 3, 'Text', '[\"academic_research\"]', {DAY})", house.pool);
    sql(&house.ctx, later).await;
    assert_eq!(house.publish(&dataset.id).await.unwrap_err().code(), Code::Invalid);
}

#[actix_web::test]
async fn no_more_rows_are_promised_than_any_edition_can_have() {
    let house = House::new().await;
    let clock = Recipe::parse(r#"{"kind":"listening_clock"}"#).unwrap();
    let recipe = actions::create_recipe(&house.ctx, &house.operator, house.pool.clone(), "clock".into(), clock);
    let recipe_id = recipe.await.unwrap().id;
    let promise = async |rows_promised| {
        let new = NewDataset { recipe_id: recipe_id.clone(), rows_promised, ..house.draft("When people listen") };
        actions::create(&house.ctx, &house.operator, new).await.map(|listing| listing.dataset)
    };
    let refused = promise(Some(169)).await.unwrap_err();
    assert!(refused.code() == Code::Invalid && refused.detail().contains("168"), "{}", refused.detail());
    assert_eq!(promise(None).await.unwrap().rows_promised, 168);
    let draft = promise(Some(168)).await.unwrap();
    let more = DatasetChanges { rows_promised: Some(200), ..DatasetChanges::default() };
    let edited = actions::edit(&house.ctx, &house.operator, draft.id.clone(), more).await.unwrap_err();
    assert_eq!(edited.code(), Code::Invalid);
    sql(&house.ctx, format!("UPDATE datasets SET rows_promised = 200 WHERE id = '{}'", draft.id)).await;
    assert_eq!(house.publish(&draft.id).await.unwrap_err().code(), Code::Invalid);
}

#[actix_web::test]
async fn publishing_says_what_keeps_an_edition_from_being_of_use() {
    let house = House::new().await;
    let draft = house.drafted(house.draft("Artists")).await;
    let warned = async |house: &House, id: &DatasetId| {
        actions::publish(&house.ctx, &house.operator, id.clone()).await.unwrap().warnings.join(" ")
    };
    assert!(warned(&house, &draft.id).await.contains("No row can pass"), "nobody has joined");
    house.members().await;
    let other = house.drafted(house.draft("Artists once more")).await;
    assert_eq!(warned(&house, &other.id).await, "");
    let trend = Recipe::parse(r#"{"kind":"artist_trend"}"#).unwrap();
    let made = actions::create_recipe(&house.ctx, &house.operator, house.pool.clone(), "trend".into(), trend);
    let trend = house.drafted(NewDataset { recipe_id: made.await.unwrap().id, ..house.draft("Trend") }).await;
    let words = warned(&house, &trend.id).await;
    assert!(words.contains("No offer can be placed yet") && words.contains("All noise"), "{words}");
}
