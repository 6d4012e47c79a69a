//! Deciding: exactly one end, whoever comes first, and nothing left behind.

use super::world::{DRAW_NANO, World};
use crate::accounts::caller::Caller;
use crate::accounts::model::Role;
use crate::error::Code;
use crate::ids::SessionId;
use crate::offers::model::{Offer, OfferState};
use crate::offers::views::OfferView;
use crate::offers::{actions, steps};
use crate::page::PageQuery;
use crate::votes::model::{Choice, VoteState};
use crate::{audit, votes};
use futures_util::future::join_all;

const MUCH: i64 = 1_000_000_000;

async fn voting(world: &World) -> (crate::accounts::caller::Buyer, Offer) {
    let buyer = world.buyer(MUCH).await;
    let offer = world.place(&buyer, world.asks()).await.unwrap();
    let offer = world.open(&offer.id).await;
    (buyer, offer)
}

async fn vote_state(world: &World, offer: &Offer) -> VoteState {
    let vote_id = offer.vote_id.clone().unwrap();
    world.ctx.db.read(move |db| votes::steps::vote(db, &vote_id)).await.unwrap().state
}

fn caller(world: &World, role: Role, buyer: Option<&crate::accounts::caller::Buyer>) -> Caller {
    let (now, entropy) = (world.ctx.clock.now(), &world.ctx.entropy);
    Caller {
        account_id: buyer.map_or_else(|| crate::ids::AccountId::new(now, entropy), |b| b.account_id.clone()),
        session_id: SessionId::new(now, entropy),
        role,
        organisation_id: buyer.map(|b| b.organisation_id.clone()),
    }
}

#[tokio::test]
async fn an_accepted_offer_says_why_and_by_when_to_pay() {
    let world = World::new(4, 3).await;
    let (_, offer) = voting(&world).await;
    world.everybody_says(&offer, Choice::Yes).await;
    assert!(world.settle(&offer).await.is_none(), "not before the deadline");
    world.pass_voting_period();
    let settled = world.settle(&offer).await.unwrap();
    assert_eq!(settled.state, OfferState::Accepted);
    assert_eq!(settled.pay_by, Some(world.ctx.clock.now().plus_days(14)));
    let reason = "Accepted: 4 of 4 members voted: 4 yes, 0 no, 0 abstained. \
                  It takes at least 2 yes, and that more vote yes than no.";
    assert_eq!(settled.reason.as_deref(), Some(reason));
    assert!(world.settle(&offer).await.is_none(), "decided once");
    assert_eq!(world.events().await.iter().filter(|kind| *kind == "offer.decided").count(), 1);
    assert_eq!(world.committed_nano().await, DRAW_NANO, "still set aside for the draw");

    let id = offer.id.clone();
    world.change(move |tx| steps::mark_paid(tx, &id)).await;
    let id = offer.id.clone();
    assert!(!world.change(move |tx| steps::lapse(tx, &id, "too late")).await, "what is paid does not lapse");
    let id = offer.id.clone();
    let twice = world.ctx.db.write(move |tx| steps::mark_paid(tx, &id)).await.unwrap_err();
    assert_eq!(twice.code(), Code::Conflict);
    let seen = actions::read(&world.ctx, &caller(&world, Role::Operator, None), offer.id).await.unwrap();
    let story: Vec<_> = OfferView::of(seen).unwrap().timeline.into_iter().map(|entry| entry.state).collect();
    use OfferState::{Accepted, Opening, Paid, Voting};
    assert_eq!(story, [Opening, Voting, Accepted, Paid]);
}

#[tokio::test]
async fn every_losing_end_frees_the_budget_and_ends_the_vote() {
    for (end, to) in [
        ("rejected", OfferState::Rejected),
        ("withdrawn", OfferState::Withdrawn),
        ("void", OfferState::Void),
        ("lapsed", OfferState::Lapsed),
    ] {
        let world = World::new(2, 3).await;
        let (buyer, offer) = voting(&world).await;
        assert_eq!(world.committed_nano().await, DRAW_NANO);
        let id = offer.id.clone();
        let vote = match end {
            "rejected" => {
                world.everybody_says(&offer, Choice::No).await;
                world.pass_voting_period();
                world.settle(&offer).await.unwrap();
                VoteState::Rejected
            }
            "withdrawn" => {
                actions::withdraw(&world.ctx, &buyer, id).await.unwrap();
                VoteState::Void
            }
            "void" => {
                let operator = world.operator().await;
                let reason = "The organisation has been dissolved.".to_owned();
                actions::void(&world.ctx, &operator, id, reason.clone()).await.unwrap();
                let acts = world.ctx.db.read(|db| audit::list(db, None, 10)).await.unwrap();
                assert_eq!((acts[0].action.as_str(), acts[0].reason.as_deref()), ("offer.void", Some(reason.as_str())));
                VoteState::Void
            }
            _ => {
                world.everybody_says(&offer, Choice::Yes).await;
                world.pass_voting_period();
                world.settle(&offer).await.unwrap();
                assert!(world.change(move |tx| steps::lapse(tx, &id, "Not paid in time.")).await);
                VoteState::Accepted
            }
        };
        assert_eq!(world.state(&offer.id).await, to);
        assert_eq!(vote_state(&world, &offer).await, vote, "{end}");
        assert_eq!(world.committed_nano().await, 0, "{end}");
        let again = actions::withdraw(&world.ctx, &buyer, offer.id.clone()).await.unwrap_err();
        assert_eq!(again.code(), Code::Conflict, "{end} is final");
    }
}

#[tokio::test]
async fn of_sixty_four_withdrawals_settlements_and_voidings_one_wins() {
    let world = World::new(2, 3).await;
    let (buyer, offer) = voting(&world).await;
    let operator = world.operator().await;
    world.everybody_says(&offer, Choice::Yes).await;
    world.pass_voting_period();
    let races = (0..64).map(|i| {
        let (world, buyer, operator, offer) = (&world, &buyer, &operator, &offer);
        async move {
            match i % 3 {
                0 => actions::withdraw(&world.ctx, buyer, offer.id.clone()).await.map_err(|e| e.code()).is_ok(),
                1 => world.settle(offer).await.is_some(),
                _ => actions::void(&world.ctx, operator, offer.id.clone(), "A reason.".into()).await.is_ok(),
            }
        }
    });
    assert_eq!(join_all(races).await.into_iter().filter(|won| *won).count(), 1);
    let (end, vote) = (world.state(&offer.id).await, vote_state(&world, &offer).await);
    assert_eq!(vote == VoteState::Accepted, end == OfferState::Accepted, "{end} and {vote}");
    let reserved = if end == OfferState::Accepted { DRAW_NANO } else { 0 };
    assert_eq!(world.committed_nano().await, reserved);
}

#[tokio::test]
async fn withdrawing_while_the_electorate_is_listed_stops_the_opening() {
    let world = World::new(2, 3).await;
    let buyer = world.buyer(MUCH).await;
    let offer = world.place(&buyer, world.asks()).await.unwrap();
    let (opened, withdrawn) = futures_util::join!(
        actions::open_vote(&world.ctx, &offer.id),
        actions::withdraw(&world.ctx, &buyer, offer.id.clone()),
    );
    opened.unwrap();
    withdrawn.unwrap();
    let offer = world.offer(&offer.id).await;
    assert_eq!(offer.state, OfferState::Withdrawn);
    if offer.vote_id.is_some() {
        assert_eq!(vote_state(&world, &offer).await, VoteState::Void);
    }
    assert_eq!(world.committed_nano().await, 0);
}

#[tokio::test]
async fn buyers_see_their_own_offers_with_the_turnout_and_without_the_split() {
    let world = World::new(4, 3).await;
    let (buyer, offer) = voting(&world).await;
    world.everybody_says(&offer, Choice::Yes).await;
    let (rival, rivals_offer) = voting(&world).await;
    let as_buyer = |buyer| caller(&world, Role::Buyer, Some(buyer));
    let seen = actions::read(&world.ctx, &as_buyer(&buyer), offer.id.clone()).await.unwrap();
    let json = serde_json::to_value(OfferView::of(seen).unwrap()).unwrap();
    assert_eq!((&json["vote"]["turnout"], &json["vote"]["electors"]), (&4.into(), &4.into()));
    assert_eq!(json["total"]["amount"], 1_070_000);
    for sealed in ["yes", "no", "abstain", "result"] {
        assert!(json["vote"].get(sealed).is_none(), "{sealed}");
    }
    for (who, id) in [(&buyer, &rivals_offer.id), (&rival, &offer.id)] {
        assert_eq!(actions::read(&world.ctx, &as_buyer(who), id.clone()).await.unwrap_err().code(), Code::NotFound);
        assert_eq!(actions::withdraw(&world.ctx, who, id.clone()).await.unwrap_err().code(), Code::NotFound);
    }
    let window = world.ctx.cursors.window(&PageQuery::default(), "offers").unwrap();
    let list = async |caller: Caller, state| {
        let offers = actions::list(&world.ctx, &caller, state, &window).await;
        offers.map(|offers| offers.into_iter().map(|offer| offer.id).collect::<Vec<_>>()).map_err(|e| e.code())
    };
    assert_eq!(list(as_buyer(&buyer), None).await.unwrap(), std::slice::from_ref(&offer.id));
    assert_eq!(list(as_buyer(&buyer), Some(OfferState::Queued)).await.unwrap(), []);
    let operator = caller(&world, Role::Operator, None);
    assert_eq!(list(operator, Some(OfferState::Voting)).await.unwrap().len(), 2);
    assert_eq!(list(caller(&world, Role::Member, None), None).await, Err(Code::Forbidden));
}

#[tokio::test]
async fn an_operator_needs_a_reason_and_cannot_undo_a_decision() {
    let world = World::new(1, 3).await;
    let (_, offer) = voting(&world).await;
    let operator = world.operator().await;
    let void = async |reason: &str| {
        let voided = actions::void(&world.ctx, &operator, offer.id.clone(), reason.into()).await;
        voided.map(|_| ()).map_err(|e| e.code())
    };
    assert_eq!(void("  ").await, Err(Code::Invalid));
    world.everybody_says(&offer, Choice::Yes).await;
    world.pass_voting_period();
    world.settle(&offer).await.unwrap();
    assert_eq!(void("The price is too low.").await, Err(Code::Conflict));
    assert_eq!(world.state(&offer.id).await, OfferState::Accepted);
}
