//! Placing: each check, and what is frozen.

use super::world::{DRAW_NANO, FLOOR_MINOR, World};
use crate::accounts::model::OrganisationState;
use crate::db::schema::{accounts, datasets, offers, organisations, pools};
use crate::error::Code;
use crate::idempotency::IdempotencyKey;
use crate::money::Money;
use crate::offers::model::{EditionChoice, OfferState};
use crate::offers::terms::NewOffer;
use crate::offers::{actions, queueing, steps};
use crate::queue::JobKind;
use crate::votes::fixture;
use actix_web::FromRequest;
use aws_lc_rs::digest;
use diesel::prelude::*;

const MUCH: i64 = 1_000_000_000;

#[tokio::test]
async fn an_offer_in_order_is_placed_with_its_terms_frozen() {
    let world = World::new(3, 3).await;
    let buyer = world.buyer(MUCH).await;
    let offer = world.place(&buyer, world.asks()).await.unwrap();
    assert_eq!(offer.state, OfferState::Opening);
    assert_eq!((offer.price_minor, offer.fee_minor), (1_000_000, 100_000), "the fee is a part of the price");
    assert_eq!((offer.tax_minor, offer.total_minor), (70_000, 1_070_000), "tax is not");
    let period_s = fixture::rules().voting_period_s;
    assert_eq!(offer.decision_by, offer.created_at.plus_s(period_s + queueing::MARGIN_S));
    assert_eq!(world.committed_nano().await, DRAW_NANO, "the draw's cost is set aside");
    assert_eq!(world.jobs(JobKind::OpenVote).await, [offer.id.as_str()]);

    let terms = offer.terms().unwrap();
    assert_eq!((terms.refund.below_rows, terms.period_days, terms.no_reidentification), (0, 365, true));
    assert_eq!(terms.organisation_name, "Northwind Radio");
    assert_eq!(terms.total, Money::new(1_070_000, "USD"));
    let sha256 = |bytes: &[u8]| hex::encode(digest::digest(&digest::SHA256, bytes));
    assert_eq!(terms.licence_sha256, sha256(b"You may look at it."));
    assert_eq!(offer.terms_hash, sha256(offer.terms_json.as_bytes()));
    // The stored offer is the one that was answered, to the byte.
    let stored = world.offer(&offer.id).await;
    assert_eq!((stored.terms_json, stored.terms_hash), (offer.terms_json, offer.terms_hash));
}

#[tokio::test]
async fn each_thing_that_is_not_in_order_is_refused_by_its_code() {
    let world = World::new(1, 3).await;
    let buyer = world.buyer(2_000_000).await;
    type Spoil = fn(&mut NewOffer);
    let cases: [(Code, Spoil); 12] = [
        (Code::Invalid, |new| new.period_days = 0),
        (Code::Invalid, |new| new.period_days = 3_651),
        (Code::Invalid, |new| new.field_of_use = "  ".into()),
        (Code::Invalid, |new| new.field_of_use = "x".repeat(2_001)),
        (Code::Invalid, |new| new.field_of_use = "Harmless.\nOf the price, all is yours.".into()),
        (Code::PurposeNotOffered, |new| new.purpose = "advertising".into()),
        (Code::Invalid, |new| new.price.currency = "EUR".into()),
        (Code::Invalid, |new| new.price.amount_minor = 0),
        (Code::Invalid, |new| new.price.amount_minor = i64::MAX),
        (Code::PriceBelowFloor, |new| new.price.amount_minor = FLOOR_MINOR - 1),
        (Code::CreditLimit, |new| new.price.amount_minor = 1_900_000),
        (Code::Conflict, |new| new.edition = EditionChoice::Stock),
    ];
    for (code, spoil) in cases {
        let mut new = world.asks();
        spoil(&mut new);
        let refused = world.place(&buyer, new.clone()).await.unwrap_err();
        assert_eq!(refused.code(), code, "{new:?}: {}", refused.detail());
    }
    assert_eq!(world.committed_nano().await, 0, "a refusal leaves nothing behind");
    let mut at_the_floor = world.asks();
    at_the_floor.price.amount_minor = FLOOR_MINOR;
    world.place(&buyer, at_the_floor).await.unwrap();
}

#[tokio::test]
async fn only_approved_buyers_with_a_verified_address_place_offers_for_what_is_listed() {
    let world = World::new(1, 3).await;
    let buyer = world.buyer(MUCH).await;
    let code = async |world: &World| world.place(&buyer, world.asks()).await.map_err(|e| e.code()).err();

    let id = buyer.account_id.clone();
    let verified = move |at: Option<crate::clock::UtcTime>| {
        let id = id.clone();
        world_change(move |tx| {
            diesel::update(accounts::table.find(&id)).set(accounts::email_verified_at.eq(at)).execute(&mut **tx)
        })
    };
    world.change(verified(None)).await;
    assert_eq!(code(&world).await, Some(Code::EmailNotVerified));
    world.change(verified(Some(world.ctx.clock.now()))).await;

    let id = buyer.organisation_id.clone();
    let state = move |state: OrganisationState| {
        let id = id.clone();
        world_change(move |tx| {
            diesel::update(organisations::table.find(&id)).set(organisations::state.eq(state)).execute(&mut **tx)
        })
    };
    world.change(state(OrganisationState::Returned)).await;
    assert_eq!(code(&world).await, Some(Code::BuyerNotApproved));
    world.change(state(OrganisationState::Approved)).await;

    for (state, refused) in [("draft", Code::NotFound), ("unlisted", Code::Conflict)] {
        let id = world.dataset_id.clone();
        let set = world_change(move |tx| {
            diesel::update(datasets::table.find(&id)).set(datasets::state.eq(state)).execute(&mut **tx)
        });
        world.change(set).await;
        assert_eq!(code(&world).await, Some(refused));
    }
}

/// Fits an update into a write.
fn world_change(
    work: impl Fn(&mut crate::db::Tx) -> diesel::QueryResult<usize> + Send + 'static,
) -> impl Fn(&mut crate::db::Tx) -> crate::error::Result<usize> + Send + 'static {
    move |tx| Ok(work(tx)?)
}

#[tokio::test]
async fn the_budget_holds_and_stock_costs_nothing() {
    let world = World::new(2, 3).await;
    let buyer = world.buyer(MUCH).await;
    for placed in 1..=10 {
        world.place(&buyer, world.asks()).await.unwrap();
        assert_eq!(world.committed_nano().await, placed * DRAW_NANO);
    }
    assert_eq!(world.place(&buyer, world.asks()).await.unwrap_err().code(), Code::BudgetExhausted);
    let edition_id = world.stock(1).await;
    let stock = NewOffer { edition: EditionChoice::Stock, ..world.asks() };
    let offer = world.place(&buyer, stock).await.unwrap();
    assert_eq!(offer.edition_id, Some(edition_id));
    assert_eq!(offer.terms().unwrap().refund.below_rows, 77, "what was drawn already is promised exactly");
    assert_eq!(world.committed_nano().await, 10 * DRAW_NANO);
}

#[tokio::test]
async fn an_offer_that_nobody_could_vote_on_is_refused() {
    let world = World::new(0, 3).await;
    let buyer = world.buyer(MUCH).await;
    assert_eq!(world.place(&buyer, world.asks()).await.unwrap_err().code(), Code::EmptyElectorate);
    world.stock(0).await;
    let stock = NewOffer { edition: EditionChoice::Stock, ..world.asks() };
    assert_eq!(world.place(&buyer, stock).await.unwrap_err().code(), Code::EmptyElectorate);
}

#[tokio::test]
async fn an_offer_for_rows_that_so_few_members_cannot_give_is_refused() {
    let world = World::new(5, 3).await;
    let buyer = world.buyer(MUCH).await;
    world.promise(20).await;
    let refused = world.place(&buyer, world.asks()).await.unwrap_err();
    assert_eq!(refused.code(), Code::NotDeliverable);
    for number in ["5 members", "103"] {
        assert!(refused.detail().contains(number), "{}", refused.detail());
    }
    world.stock(2).await;
    let stock = NewOffer { edition: EditionChoice::Stock, ..world.asks() };
    world.place(&buyer, stock).await.expect("what is drawn already needs no crowd");
    assert_eq!(world.committed_nano().await, 0);
}

#[tokio::test]
async fn everything_that_stands_counts_towards_the_credit_limit() {
    let world = World::new(1, 1).await;
    let buyer = world.buyer(2 * 1_070_000).await;
    let first = world.place(&buyer, world.asks()).await.unwrap();
    world.place(&buyer, world.asks()).await.unwrap();
    assert_eq!(world.place(&buyer, world.asks()).await.unwrap_err().code(), Code::CreditLimit);
    actions::withdraw(&world.ctx, &buyer, first.id).await.unwrap();
    world.place(&buyer, world.asks()).await.unwrap();
    let id = buyer.organisation_id.clone();
    let outstanding = world.ctx.db.read(move |db| steps::outstanding_minor(db, &id)).await.unwrap();
    assert_eq!(outstanding, 2 * 1_070_000);
}

#[tokio::test]
async fn exclusivity_is_promised_to_one_at_a_time() {
    let world = World::new(1, 3).await;
    let (one, other) = (world.buyer(MUCH).await, world.buyer(MUCH).await);
    let until = world.ctx.clock.now().plus_days(100);
    let exclusive = || NewOffer { exclusive_until: Some(until), ..world.asks() };
    let refusal = |placed: crate::error::Result<crate::offers::model::Offer>| placed.map_err(|e| e.code()).err();

    let too_short = NewOffer { exclusive_until: Some(world.ctx.clock.now().plus_days(1)), ..world.asks() };
    assert_eq!(refusal(world.place(&one, too_short).await), Some(Code::Invalid));

    let open_to_all = world.place(&other, world.asks()).await.unwrap();
    assert_eq!(refusal(world.place(&one, exclusive()).await), Some(Code::ExclusivelyLicensed), "another stands");
    actions::withdraw(&world.ctx, &other, open_to_all.id).await.unwrap();

    let offer = world.place(&one, exclusive()).await.unwrap();
    assert_eq!(refusal(world.place(&other, world.asks()).await), Some(Code::ExclusivelyLicensed), "it stands");
    assert_eq!(refusal(world.place(&one, world.asks()).await), None, "one's own never stands in the way");

    // Sold: the offer is paid and the listing says until when.
    let (id, dataset_id) = (offer.id.clone(), world.dataset_id.clone());
    let sold = world.change(move |tx| {
        diesel::update(offers::table.find(&id)).set(offers::state.eq(OfferState::Paid)).execute(&mut **tx)?;
        diesel::update(datasets::table.find(&dataset_id))
            .set(datasets::exclusive_until.eq(until))
            .execute(&mut **tx)?;
        Ok(())
    });
    sold.await;
    assert_eq!(refusal(world.place(&other, world.asks()).await), Some(Code::ExclusivelyLicensed));
    assert_eq!(refusal(world.place(&one, world.asks()).await), None);
    world.ctx.clock.advance_s(100 * 86_400).unwrap();
    assert_eq!(refusal(world.place(&other, world.asks()).await), None, "it is over at the very instant");
}

#[tokio::test]
async fn the_same_key_places_one_offer_however_often_it_is_sent() {
    let world = World::new(1, 3).await;
    let buyer = world.buyer(MUCH).await;
    let request = actix_web::test::TestRequest::default().insert_header(("idempotency-key", "k1")).to_http_request();
    let key = IdempotencyKey::extract(&request).await.unwrap();
    let once = |new: &NewOffer| key.bind(&buyer.account_id, "offers.place", new).unwrap();
    let new = world.asks();
    let places = (0..16).map(|_| actions::place(&world.ctx, &buyer, new.clone(), once(&new)));
    let placed = futures_util::future::join_all(places).await;
    assert!(placed.iter().all(Result::is_ok));
    let count = world.ctx.db.read(|db| Ok(offers::table.count().get_result::<i64>(db)?)).await.unwrap();
    assert_eq!(count, 1);
    let other = NewOffer { period_days: 30, ..new };
    let reused = actions::place(&world.ctx, &buyer, other.clone(), once(&other)).await.unwrap_err();
    assert_eq!(reused.code(), Code::IdempotencyKeyReused);
}

#[tokio::test]
async fn the_rules_that_count_are_those_of_the_placing() {
    let world = World::new(1, 3).await;
    let buyer = world.buyer(MUCH).await;
    let offer = world.place(&buyer, world.asks()).await.unwrap();
    let pool_id = world.pool_id.clone();
    let changed = world_change(move |tx| {
        diesel::update(pools::table.find(&pool_id))
            .set((pools::quorum_bp.eq(9_999), pools::voting_period_s.eq(60i64), pools::payment_days.eq(1)))
            .execute(&mut **tx)
    });
    world.change(changed).await;
    let offer = world.open(&offer.id).await;
    let vote_id = offer.vote_id.unwrap();
    let vote = world.ctx.db.read(move |db| crate::votes::steps::vote(db, &vote_id)).await.unwrap();
    assert_eq!((vote.quorum_bp, vote.voting_period_s), (5_000, fixture::rules().voting_period_s));
}
