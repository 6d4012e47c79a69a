//! Editions: drawn once, whole or not at all, under a budget that is spent once.

use super::super::actions::{draw_and_store, draw_edition, note_failure, prepare, publish_edition, tidy};
use super::super::model::{Edition, EditionState, Material};
use super::super::store;
use super::*;
use crate::db::schema::{artist_lists, budget_entries};
use crate::error::{Code, Error};
use crate::pools::model::BudgetState;
use diesel::prelude::*;

/// Files of an edition: one a format.
const FORMATS: usize = 4;

async fn draw(house: &House, id: &EditionId, members: &[AccountId]) -> Result<Edition> {
    draw_edition(&house.ctx, id, material(members), |_| ()).await
}

pub(super) fn material(members: &[AccountId]) -> Material {
    Material { members: members.to_vec(), list_sha256: None }
}

async fn budget(house: &House, offer: &OfferId) -> BudgetState {
    let subject = offer.to_string();
    let entry = budget_entries::table.filter(budget_entries::subject_id.eq(subject)).select(budget_entries::state);
    house.ctx.db.read(move |db| Ok(entry.first(db)?)).await.unwrap()
}

/// What lies in the storage for editions, and what the published ones own.
async fn stored_and_owned(house: &House) -> (Vec<String>, Vec<String>) {
    let mut stored = house.ctx.storage.list("editions").await.unwrap();
    stored.sort();
    let named = house.ctx.db.read(steps::all_files).await.unwrap();
    (stored, named.into_iter().map(|file| file.object_key).collect())
}

#[actix_web::test]
async fn an_edition_is_drawn_once_and_shows_twenty_rows_at_most() {
    let house = House::new().await;
    let members = house.members().await;
    let dataset = house.listed("Artists").await;
    let (id, offer, organisation) = house.begun(&dataset).await;
    assert_eq!(house.page(&dataset.id).await["preview"], serde_json::Value::Null, "begun is not drawn");
    let first = draw(&house, &id, &members).await.unwrap();
    assert_eq!(
        (first.state, first.rows_given, first.members),
        (EditionState::Published, Some(ARTISTS as i64), MEMBERS as i64)
    );
    assert_eq!(budget(&house, &offer).await, BudgetState::Spent);
    let (stored, owned) = stored_and_owned(&house).await;
    assert_eq!((stored.len(), &stored), (FORMATS, &owned));
    let files = {
        let id = id.clone();
        house.ctx.db.read(move |db| steps::files(db, &id)).await.unwrap()
    };
    for file in &files {
        let bytes = house.ctx.storage.get(&file.object_key).await.unwrap();
        let sha256 = hex::encode(aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, &bytes));
        assert_eq!((sha256, bytes.len() as i64), (file.sha256.clone(), file.size_bytes));
    }
    let second = draw(&house, &id, &members).await.unwrap();
    assert_eq!(second, first, "the second draw gives what the first one published");
    assert_eq!(stored_and_owned(&house).await, (stored, owned));
    let page = house.page(&dataset.id).await;
    assert_eq!(page["preview"]["rows"].as_array().unwrap().len(), 20.min(ARTISTS / 5));
    let edition = &page["editions"][0];
    assert_eq!(
        (&edition["number"], &edition["rows"], &edition["members"]),
        (&1.into(), &ARTISTS.into(), &MEMBERS.into())
    );
    assert!(edition["epsilon"][0]["epsilon"].as_f64().unwrap() > 0.0);
    assert_eq!(page["budget"]["editions_left"], 1);
    house.license(&dataset, &id, &offer, &organisation).await;
    let others = OrganisationId::new(house.ctx.clock.now(), &house.ctx.entropy);
    for (who, expected) in [
        (caller(Role::Operator, None), true),
        (caller(Role::Buyer, Some(organisation)), true),
        (caller(Role::Buyer, Some(others)), false),
        (caller(Role::Member, None), false),
    ] {
        let manifest = actions::manifest(&house.ctx, &who, id.clone()).await;
        assert_eq!(manifest.is_ok(), expected);
        assert!(manifest.map_or_else(|e| e.code() == Code::NotFound, |m| m.manifest.files.len() == FORMATS));
        assert_eq!(actions::edition(&house.ctx, &who, id.clone()).await.is_ok(), expected);
    }
    let stock = house.ctx.db.read(move |db| steps::published_stock(db, &dataset.id)).await.unwrap();
    assert_eq!(stock, Some(first));
}

#[actix_web::test]
async fn a_crash_between_storing_and_publishing_leaves_nothing_to_be_seen() {
    let house = House::new().await;
    let members = house.members().await;
    let dataset = house.listed("Artists").await;
    let (id, offer, _) = house.begun(&dataset).await;
    let order = prepare(&house.ctx, &id, material(&members)).await.unwrap().unwrap();
    let lost = draw_and_store(&house.ctx, &order, |_| ()).await.unwrap().unwrap();
    let (stored, owned) = stored_and_owned(&house).await;
    assert_eq!((stored.len(), owned.len()), (FORMATS, 0), "the files are there, and nobody knows of them");
    assert_eq!(house.page(&dataset.id).await["editions"], serde_json::json!([]));
    assert_eq!(budget(&house, &offer).await, BudgetState::Reserved);
    let edition = draw(&house, &id, &members).await.unwrap();
    assert_eq!(edition.state, EditionState::Published);
    let (stored, owned) = stored_and_owned(&house).await;
    assert_eq!(stored, owned, "what the lost try left is gone");
    assert!(lost.files.iter().all(|file| !stored.contains(&file.object_key)), "and the draw is another one");
}

#[actix_web::test]
async fn what_is_stored_when_the_drawing_is_stopped_is_not_published_and_goes() {
    let house = House::new().await;
    let members = house.members().await;
    let dataset = house.listed("Artists").await;
    let (id, offer, _) = house.begun(&dataset).await;
    let order = prepare(&house.ctx, &id, material(&members)).await.unwrap().unwrap();
    let stored = draw_and_store(&house.ctx, &order, |_| ()).await.unwrap().unwrap();
    let stopped = id.clone();
    let stop = house.ctx.db.write(move |tx| {
        let now = tx.now();
        store::stop_drawing(tx, &stopped, "Stopped by an operator.", now)
    });
    assert!(stop.await.unwrap());
    let read = id.clone();
    let edition = house.ctx.db.read(move |db| steps::edition(db, &read)).await.unwrap();
    let after = publish_edition(&house.ctx, &edition, stored.clone()).await.unwrap();
    assert_eq!((after.state, after.published_at), (EditionState::Failed, None));
    assert!(after.drawn_at.is_some(), "noise was drawn: should it be given up, its cost is spent");
    tidy(&house.ctx, &id, &stored.files).await;
    assert_eq!(stored_and_owned(&house).await, (Vec::new(), Vec::new()));
    assert_eq!(budget(&house, &offer).await, BudgetState::Reserved);
    assert_eq!(draw(&house, &id, &members).await.unwrap(), after, "until it is taken up again");
    let resumed = id.clone();
    house.ctx.db.write(move |tx| steps::resume_drawing(tx, &resumed)).await.unwrap();
    let read = id.clone();
    let waits = house.ctx.db.read(move |db| steps::edition(db, &read)).await.unwrap();
    assert_eq!((waits.state, waits.failure), (EditionState::Preparing, None), "and says no more that it was stopped");
    assert_eq!(draw(&house, &id, &members).await.unwrap().state, EditionState::Published);
}

#[actix_web::test]
async fn what_an_edition_made_public_is_kept_in_its_order() {
    let house = House::new().await;
    let members = house.members().await;
    let dataset = house.listed("Artists").await;
    let pool = house.pool.clone();
    let ctx = house.ctx.clone();
    let public = move || {
        let (ctx, pool) = (ctx.clone(), pool.clone());
        async move { ctx.db.read(move |db| steps::public_artists(db, &pool)).await }
    };
    assert_eq!(public().await.unwrap(), None);
    let (id, ..) = house.begun(&dataset).await;
    draw(&house, &id, &members).await.unwrap();
    let (edition, artists) = public().await.unwrap().unwrap();
    let read = id.clone();
    let files = house.ctx.db.read(move |db| steps::files(db, &read)).await.unwrap();
    let csv = files.iter().find(|file| file.name.ends_with(".csv")).unwrap();
    let csv = String::from_utf8(house.ctx.storage.get(&csv.object_key).await.unwrap().to_vec()).unwrap();
    let in_file: Vec<&str> = csv.lines().skip(1).map(|line| line.split(',').next().unwrap()).collect();
    assert_eq!((edition, artists.len()), (id, ARTISTS));
    assert_eq!(artists, in_file);
    assert_eq!(house.ctx.db.read(steps::verify_lists).await.unwrap(), [""; 0]);
    let damage = |tx: &mut crate::db::Tx| {
        let list = diesel::update(artist_lists::table).set(artist_lists::artists_json.eq("[\"Other\"]"));
        Ok(list.execute(&mut **tx)?)
    };
    house.ctx.db.write(damage).await.unwrap();
    assert_eq!(house.ctx.db.read(steps::verify_lists).await.unwrap().len(), 1);
    assert_eq!(public().await.unwrap_err().code(), Code::Internal);
}

#[actix_web::test]
async fn of_two_tries_at_once_one_publishes() {
    let house = House::new().await;
    let members = house.members().await;
    let dataset = house.listed("Artists").await;
    let (id, offer, _) = house.begun(&dataset).await;
    let (one, other) = tokio::join!(draw(&house, &id, &members), draw(&house, &id, &members));
    assert_eq!(one.unwrap(), other.unwrap());
    let (stored, owned) = stored_and_owned(&house).await;
    assert_eq!((stored.len(), &stored), (FORMATS, &owned));
    assert_eq!(budget(&house, &offer).await, BudgetState::Spent);
}

#[actix_web::test]
async fn a_failed_draw_keeps_its_reservation_and_may_be_tried_again() {
    let house = House::new().await;
    let members = house.members().await;
    let dataset = house.listed("Artists").await;
    let (id, offer, _) = house.begun(&dataset).await;
    let key = format!("plays/{}.parquet", members[0]);
    let plays = house.ctx.storage.get(&key).await.unwrap();
    house.ctx.storage.delete(&key).await.unwrap();
    draw(&house, &id, &members).await.unwrap_err();
    let failed = {
        let id = id.clone();
        house.ctx.db.read(move |db| steps::edition(db, &id)).await.unwrap()
    };
    assert_eq!((failed.state, failed.manifest_json.as_ref()), (EditionState::Failed, None));
    assert!(failed.failure.is_some_and(|words| !words.contains("plays/")), "no cause and no key in what it says");
    assert_eq!(budget(&house, &offer).await, BudgetState::Reserved);
    note_failure(&house.ctx, &id, &Error::conflict("Nobody is left.")).await;
    let again = {
        let id = id.clone();
        house.ctx.db.read(move |db| steps::edition(db, &id)).await.unwrap()
    };
    assert_eq!(again.failure.as_deref(), Some("Nobody is left."), "what kept the last try from ending well");
    house.ctx.storage.put(&key, plays).await.unwrap();
    let edition = draw(&house, &id, &members).await.unwrap();
    assert_eq!((edition.state, edition.failure), (EditionState::Published, None));
}

#[actix_web::test]
async fn who_has_left_since_a_try_before_is_not_in_the_edition() {
    let house = House::new().await;
    let members = house.members().await;
    let dataset = house.listed("Artists").await;
    let (id, ..) = house.begun(&dataset).await;
    let (edition, all) = (id.clone(), members.clone());
    house.ctx.db.write(move |tx| steps::add_edition_members(tx, &edition, &all)).await.unwrap();
    prepare(&house.ctx, &id, material(&members)).await.unwrap().unwrap();
    let edition = draw(&house, &id, &members[1..]).await.unwrap();
    assert_eq!(edition.members, MEMBERS as i64 - 1);
    let mut expected = members[1..].to_vec();
    expected.sort();
    assert_eq!(house.ctx.db.read(move |db| steps::edition_members(db, &id)).await.unwrap(), expected);
}

#[actix_web::test]
async fn a_subject_has_one_edition_and_a_dataset_counts_them() {
    let house = House::new().await;
    let dataset = house.listed("Artists").await;
    let (first, offer, _) = house.begun(&dataset).await;
    let (id, subject) = (dataset.id.clone(), offer.to_string());
    let again = house.ctx.db.write(move |tx| steps::begin_edition(tx, &id, &subject)).await.unwrap();
    assert_eq!(again, first);
    let (second, ..) = house.begun(&dataset).await;
    let number = house.ctx.db.read(move |db| Ok(steps::edition(db, &second)?.number)).await.unwrap();
    assert_eq!(number, 2);
}
