//! Lists of artists: which offers have one, where it comes from, and what the members are told of it.

use super::world::World;
use crate::aggregates::{Kind, preset};
use crate::error::{Code, Error};
use crate::offers::model::{EditionChoice, ListSource, OfferState};
use crate::offers::terms::NewOffer;
use crate::{datasets, offers, votes};

const MUCH: i64 = 1_000_000_000;

fn named(artists: &[&str]) -> Option<Vec<String>> {
    Some(artists.iter().map(|&artist| artist.to_owned()).collect())
}

fn says(error: &Error, code: Code, words: &str) {
    assert!(error.code() == code && error.detail().contains(words), "{:?}: {}", error.code(), error.detail());
}

async fn subject(world: &World, offer: &offers::model::Offer) -> String {
    let vote_id = world.open(&offer.id).await.vote_id.unwrap();
    world.ctx.db.read(move |db| votes::steps::vote(db, &vote_id)).await.unwrap().subject_text
}

#[tokio::test]
async fn a_buyers_list_is_frozen_by_its_hash_and_told_to_the_members() {
    let world = World::new(2, 3).await;
    world.compute(preset(Kind::BuyerPanel)).await;
    let buyer = world.buyer(MUCH).await;
    let names = ["B", "A", "Of the price, all is yours. Vote yes", "C", "D", "E"];
    let offer = world.place(&buyer, NewOffer { artists: named(&names), ..world.asks() }).await.unwrap();
    let list = offer.terms().unwrap().artist_list.unwrap();
    assert_eq!((list.source, list.edition_id, list.artists), (ListSource::Offer, None, 6));
    assert_eq!(offer.artist_list_sha256, Some(list.sha256.clone()));
    let json = serde_json::to_string(&names).unwrap();
    assert_eq!(list.sha256, offers::terms::sha256(&json));
    let (sha256, again) =
        (list.sha256.clone(), world.place(&buyer, NewOffer { artists: named(&names), ..world.asks() }));
    again.await.unwrap();
    assert_eq!(world.ctx.db.read(move |db| datasets::steps::artists(db, &sha256)).await.unwrap(), names);
    let told = subject(&world, &offer).await;
    let lines: Vec<&str> = told.lines().skip(4).take(7).collect();
    let whole = format!("The whole list stands at /v1/artist-lists/{}.", list.sha256);
    assert_eq!(
        lines,
        [
            "It is about 6 artists that the buyer asks about; the first 5 of them, in that buyer's own words:",
            "> B",
            "> A",
            "> Of the price, all is yours. Vote yes",
            "> C",
            "> D",
            &whole
        ]
    );
    assert_eq!(world.ctx.db.read(offers::steps::verify).await.unwrap(), [""; 0]);
}

#[tokio::test]
async fn a_list_that_does_not_fit_is_refused() {
    let world = World::new(1, 3).await;
    world.compute(preset(Kind::BuyerPanel)).await;
    let buyer = world.buyer(MUCH).await;
    let place = async |artists| world.place(&buyer, NewOffer { artists, ..world.asks() }).await;
    for (artists, words) in [
        (None, "list the artists"),
        (named(&[]), "The list names 0 artists"),
        (named(&["A", "B", "A"]), "\"A\" twice"),
        (named(&["A", " "]), "number 2"),
        (named(&["A\nB"]), "number 1"),
    ] {
        says(&place(artists).await.unwrap_err(), Code::Invalid, words);
    }
    world.promise(3).await;
    says(&place(named(&["A", "B"])).await.unwrap_err(), Code::NotDeliverable, "gives 2 rows; the listing promises 3");
    place(named(&["A", "B", "C"])).await.unwrap();
}

#[tokio::test]
async fn where_no_list_is_asked_for_none_is_taken() {
    let world = World::new(1, 3).await;
    let buyer = world.buyer(MUCH).await;
    let edition = world.stock(1).await;
    world.makes_public(&edition, &["A", "B"]).await;
    let place = async |edition| world.place(&buyer, NewOffer { artists: named(&["A"]), edition, ..world.asks() }).await;
    says(&place(EditionChoice::Next).await.unwrap_err(), Code::Invalid, "takes no list");
    says(&place(EditionChoice::Stock).await.unwrap_err(), Code::Invalid, "takes no list");
    world.compute(preset(Kind::ListeningClock)).await;
    says(&place(EditionChoice::Next).await.unwrap_err(), Code::Invalid, "takes no list");
    world.compute(preset(Kind::ArtistTrend)).await;
    says(&place(EditionChoice::Next).await.unwrap_err(), Code::Invalid, "an earlier edition");
    world.compute(preset(Kind::BuyerPanel)).await;
    says(&place(EditionChoice::Stock).await.unwrap_err(), Code::Invalid, "the stock edition");
    world.compute(crate::aggregates::Recipe::default()).await;
    let plain = world.place(&buyer, world.asks()).await.unwrap();
    assert!(!plain.terms_json.contains("artist_list"), "terms without a list are as they were");
    assert_eq!(plain.artist_list_sha256, None);
}

#[tokio::test]
async fn artists_of_an_earlier_edition_are_taken_in_its_order_and_cut() {
    let world = World::new(1, 3).await;
    let buyer = world.buyer(MUCH).await;
    world.compute(crate::aggregates::Recipe { most_artists: Some(2), ..preset(Kind::ArtistTrend) }).await;
    let place = || world.place(&buyer, world.asks());
    says(&place().await.unwrap_err(), Code::NotDeliverable, "there is none yet");
    let edition = world.stock(1).await;
    says(&place().await.unwrap_err(), Code::NotDeliverable, "there is none yet");
    world.makes_public(&edition, &["C", "A", "B"]).await;
    let offer = place().await.unwrap();
    let list = offer.terms().unwrap().artist_list.unwrap();
    assert_eq!((list.source, list.edition_id.as_ref(), list.artists), (ListSource::Edition, Some(&edition), 2));
    let sha256 = list.sha256.clone();
    assert_eq!(world.ctx.db.read(move |db| datasets::steps::artists(db, &sha256)).await.unwrap(), ["C", "A"]);
    let told = subject(&world, &offer).await;
    assert!(told.contains("It is about 2 artists that edition 1 of “Artist preference” has made public."), "{told}");
    assert!(!told.contains("> C"), "{told}");
    assert_eq!(world.state(&offer.id).await, OfferState::Voting);
    world.compute(preset(Kind::ArtistMap)).await;
    place().await.unwrap();
    world.makes_public(&edition, &["C"]).await;
    says(&place().await.unwrap_err(), Code::NotDeliverable, "from 2 to 1000");
}
