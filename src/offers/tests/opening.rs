//! Opening: the electorate, its place in the queue, and starting over.

use super::world::{DRAW_NANO, World};
use crate::db::Tx;
use crate::db::schema::pools as pools_table;
use crate::offers::model::{EditionChoice, OfferState};
use crate::offers::terms::NewOffer;
use crate::offers::{actions, holding};
use crate::queue::JobKind;
use crate::votes::fixture;
use crate::votes::model::{Choice, VoteState};
use crate::{pools, votes};
use diesel::prelude::*;

const MUCH: i64 = 1_000_000_000;

#[tokio::test]
async fn the_vote_opens_with_the_offer_in_plain_words() {
    let world = World::new(4, 3).await;
    let buyer = world.buyer(MUCH).await;
    let message = "Please.\n\nThe cooperative's board asks you to vote yes.";
    let asks = NewOffer { message: message.into(), ..world.asks() };
    let offer = world.place(&buyer, asks).await.unwrap();
    let offer = world.open(&offer.id).await;
    assert_eq!(offer.state, OfferState::Voting);
    let vote_id = offer.vote_id.clone().unwrap();
    let vote = world.ctx.db.read(move |db| votes::steps::vote(db, &vote_id)).await.unwrap();
    assert_eq!((vote.state, vote.electors), (VoteState::Open, 4));
    assert_eq!(vote.terms_hash, offer.terms_hash);
    for told in [
        "Northwind Radio (NL, https://northwind.example) offers USD 10,000.00",
        "“Artist preference”",
        "market_research",
        "“Finding out what people love.”",
        "365 days; not exclusive",
        "USD 1,000.00 is the cooperative's fee",
        "about USD 2,250.00 each if all 4 take part",
        "own words, which are not part of the terms:\n> Please.\n> \n> The cooperative's board asks",
    ] {
        assert!(vote.subject_text.contains(told), "{told:?} is missing in {}", vote.subject_text);
    }
    assert_eq!(world.events().await, ["vote.opened"]);
    assert_eq!(world.jobs(JobKind::CloseVote).await, [vote.id.as_str()]);
    // Running the job again, or from another server, changes nothing.
    actions::open_vote(&world.ctx, &offer.id).await.unwrap();
    assert_eq!(world.events().await, ["vote.opened"]);
    let terms = actions::terms_of_vote(&world.ctx, &world.members[0], vote.id).await.unwrap();
    assert_eq!(terms, offer.terms_json);
}

#[tokio::test]
async fn many_servers_open_one_vote_once() {
    let world = World::new(5, 3).await;
    let buyer = world.buyer(MUCH).await;
    let offer = world.place(&buyer, world.asks()).await.unwrap();
    let opened = futures_util::future::join_all((0..8).map(|_| actions::open_vote(&world.ctx, &offer.id))).await;
    assert!(opened.iter().any(Result::is_ok));
    let offer = world.open(&offer.id).await; // whoever was turned away looks again
    let vote_id = offer.vote_id.clone().unwrap();
    let listed = world.ctx.db.read(move |db| votes::steps::electors(db, &vote_id)).await.unwrap();
    assert_eq!((offer.state, listed.len()), (OfferState::Voting, 5));
    assert_eq!(world.events().await, ["vote.opened"]);
}

#[tokio::test]
async fn a_stock_edition_is_decided_by_those_in_it_who_are_still_members() {
    let world = World::new(4, 3).await;
    let buyer = world.buyer(MUCH).await;
    world.stock(3).await;
    let offer = world.place(&buyer, NewOffer { edition: EditionChoice::Stock, ..world.asks() }).await.unwrap();
    let leaver = world.members[0].account_id.clone();
    world.change(move |tx| pools::steps::leave_all(tx, &leaver)).await;
    let offer = world.open(&offer.id).await;
    let vote_id = offer.vote_id.clone().unwrap();
    let mut listed = world.ctx.db.read(move |db| votes::steps::electors(db, &vote_id)).await.unwrap();
    listed.sort();
    let mut expected: Vec<_> = world.members[1..3].iter().map(|m| m.account_id.clone()).collect();
    expected.sort();
    assert_eq!(listed, expected);
    assert_eq!(world.committed_nano().await, 0);
}

#[tokio::test]
async fn an_offer_whose_electorate_has_gone_is_rejected_and_its_budget_is_free() {
    let world = World::new(2, 3).await;
    let buyer = world.buyer(MUCH).await;
    let offer = world.place(&buyer, world.asks()).await.unwrap();
    assert_eq!(world.committed_nano().await, DRAW_NANO);
    for member in &world.members {
        let leaver = member.account_id.clone();
        world.change(move |tx| pools::steps::leave_all(tx, &leaver)).await;
    }
    let offer = world.open(&offer.id).await;
    assert_eq!((offer.state, offer.vote_id), (OfferState::Rejected, None));
    assert!(offer.reason.unwrap().contains("no member"));
    assert_eq!(world.committed_nano().await, 0);
    assert_eq!(world.events().await, ["offer.decided"]);
}

#[tokio::test]
async fn offers_beyond_the_open_votes_wait_and_move_up_in_their_order() {
    let world = World::new(2, 1).await;
    let buyer = world.buyer(MUCH).await;
    let mut offers = Vec::new();
    for _ in 0..4 {
        offers.push(world.place(&buyer, world.asks()).await.unwrap());
        world.ctx.clock.advance_s(1).unwrap();
    }
    let states: Vec<_> = offers.iter().map(|offer| offer.state).collect();
    use OfferState::{Opening, Queued, Rejected, Voting};
    assert_eq!(states, [Opening, Queued, Queued, Queued]);
    for pair in offers.windows(2) {
        assert!(pair[0].decision_by < pair[1].decision_by, "the promise says how long it may take");
    }
    // Withdrawing from the queue frees no place.
    actions::withdraw(&world.ctx, &buyer, offers[1].id.clone()).await.unwrap();
    assert_eq!(world.state(&offers[2].id).await, Queued);
    // The end of a vote does, for the one that has waited longest.
    let first = world.open(&offers[0].id).await;
    assert_eq!(first.state, Voting);
    world.pass_voting_period();
    assert_eq!(world.settle(&first).await.unwrap().state, Rejected, "nobody voted");
    assert_eq!(world.state(&offers[2].id).await, Opening);
    assert_eq!(world.state(&offers[3].id).await, Queued);
    // So does withdrawing what is before the members, and acceptance.
    actions::withdraw(&world.ctx, &buyer, offers[2].id.clone()).await.unwrap();
    assert_eq!(world.state(&offers[3].id).await, Opening);
    let last = world.open(&offers[3].id).await;
    let after = world.place(&buyer, world.asks()).await.unwrap();
    assert_eq!(after.state, Queued);
    world.everybody_says(&last, Choice::Yes).await;
    world.pass_voting_period();
    world.settle(&last).await.unwrap();
    assert_eq!(world.state(&after.id).await, Opening);
    assert_eq!(world.committed_nano().await, 2 * DRAW_NANO, "the accepted one and the one that opens");
}

#[tokio::test]
async fn new_members_hold_the_next_edition_once_and_never_one_that_is_drawn() {
    let world = World::new(4, 3).await;
    let buyer = world.buyer(MUCH).await;
    let pool_id = world.pool_id.clone();
    let rules = move |tx: &mut Tx| {
        let window_s = (fixture::JOINED_DAYS_AGO + 1) * 86_400;
        diesel::update(pools_table::table.find(&pool_id))
            .set((pools_table::burst_bp.eq(1), pools_table::burst_window_s.eq(window_s)))
            .execute(&mut **tx)?;
        Ok(())
    };
    world.change(rules).await;
    let held = world.place(&buyer, world.asks()).await.unwrap();
    // Many servers, and later ones, hold it once and open nothing.
    futures_util::future::join_all((0..8).map(|_| actions::open_vote(&world.ctx, &held.id))).await;
    let offer = world.open(&held.id).await;
    assert_eq!((offer.state, offer.vote_id), (OfferState::Opening, None));
    assert_eq!(world.events().await, ["offer.held"]);
    let id = held.id.clone();
    let hold = world.ctx.db.read(move |db| holding::find(db, &id)).await.unwrap().unwrap();
    assert_eq!((hold.joined, hold.electors, hold.released_at), (4, 4, None));
    let operator = world.operator().await;
    holding::release(&world.ctx, &operator, held.id.clone(), "They are readers of a newspaper.".into()).await.unwrap();
    assert_eq!(world.open(&held.id).await.state, OfferState::Voting);
    world.stock(2).await;
    let stock = NewOffer { edition: EditionChoice::Stock, ..world.asks() };
    let stock = world.place(&buyer, stock).await.unwrap();
    assert_eq!(world.open(&stock.id).await.state, OfferState::Voting, "who is in it was decided before");
}
