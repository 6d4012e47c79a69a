//! What the mails about histories, votes, offers and licences say, and to whom they go.

use crate::accounts::caller::Member;
use crate::db::schema::{accounts, histories};
use crate::histories::model::HistoryState;
use crate::ids::{AccountId, HistoryId};
use crate::notify::actions::tests::{drain, mails, states};
use crate::notify::notices::Kind;
use crate::offers::model::EditionChoice;
use crate::outbox::{self, EventState};
use crate::purchases::fixture::House;
use crate::votes::model::{Choice, Vote};
use diesel::prelude::*;
use std::path::Path;

/// Every kind that is pushed anywhere, in the order of [`Kind`].
const PUSHED: &[&str] = &[
    "nothing",
    "account.verify",
    "account.reset",
    "organisation.registered",
    "organisation.decided",
    "history.held",
    "consent_text.published",
    "vote.opened",
    "vote.reminder",
    "vote.extended",
    "vote.question_asked",
    "vote.question_answered",
    "vote.closed",
    "offer.held",
    "offer.countered",
    "offer.decided",
    "invoice.issued",
    "invoice.refunded",
    "offer.lapsed",
    "licence.ready",
    "licence.changed",
    "licence.recalled",
    "licence.replaced",
    "leavers.counted",
    "webhook.failing",
];

/// A house whose members' addresses are verified, but for the last one's.
async fn house() -> House {
    let house = House::new(4).await;
    let members: Vec<AccountId> = verified(&house).iter().map(|member| member.account_id.clone()).collect();
    house
        .change(move |tx| {
            let now = tx.now();
            let rows = accounts::table.filter(accounts::id.eq_any(&members));
            diesel::update(rows).set(accounts::email_verified_at.eq(now)).execute(&mut **tx)?;
            Ok(())
        })
        .await;
    house
}

fn verified(house: &House) -> &[Member] {
    &house.members[..3]
}

/// The mails with this in their subject, whole lines joined again.
async fn about(house: &House, subject: &str) -> Vec<String> {
    drain(&house.ctx).await;
    let whole = |mail: String| mail.replace("=\r\n", "").replace("\r\n ", " ");
    let has = |mail: &String| mail.lines().any(|line| line.starts_with("Subject: ") && line.contains(subject));
    mails(&house.ctx).into_iter().map(whole).filter(has).collect()
}

/// Each of these people got exactly one of these mails, and nobody else any; each has all of these words.
fn reached(mails: &[String], people: &[AccountId], words: &[&str]) {
    assert_eq!(mails.len(), people.len(), "{mails:?}");
    for id in people {
        let to = format!("To: {id}@example.org\r\n");
        assert_eq!(mails.iter().filter(|mail| mail.contains(&to)).count(), 1, "{to}");
    }
    for (mail, word) in mails.iter().flat_map(|mail| words.iter().map(move |word| (mail, word))) {
        assert!(mail.contains(word), "{word:?} in {mail}");
    }
}

fn electors(house: &House) -> Vec<AccountId> {
    verified(house).iter().map(|member| member.account_id.clone()).collect()
}

fn buyers(house: &House) -> Vec<AccountId> {
    vec![house.buyer.account_id.clone()]
}

fn link(house: &House, path: &str) -> String {
    format!("{}{path}\r\n", house.ctx.config.server.public_url())
}

#[tokio::test]
async fn a_new_consent_text_reaches_every_member_who_has_not_left() {
    let house = house().await;
    let new = crate::pools::routes::NewConsentText {
        body: "What happens with your plays, said better.".into(),
        purposes: vec![crate::votes::fixture::PURPOSE.into()],
    };
    crate::pools::actions::publish_text(&house.ctx, &house.operator, house.pool_id.clone(), new).await.unwrap();
    house.leave(&house.members[0]).await;
    let link = link(&house, &format!("/v1/pools/{}/consent-texts", house.pool_id));
    let words = ["said better", "stay as they were given", &link];
    reached(&about(&house, "what you consent to").await, &electors(&house)[1..], &words);
}

async fn opened_vote(house: &House) -> Vote {
    let offer_id = house.offered(EditionChoice::Next, None).await;
    crate::offers::actions::open_vote(&house.ctx, &offer_id).await.unwrap();
    let read = move |db: &mut crate::db::Db| {
        let id = crate::offers::steps::offer(db, &offer_id)?.vote_id.expect("the vote was opened");
        crate::votes::steps::vote(db, &id)
    };
    house.ctx.db.read(read).await.unwrap()
}

#[tokio::test]
async fn an_opened_vote_asks_every_elector_with_a_verified_address_until_when() {
    let house = house().await;
    let vote = opened_vote(&house).await;
    let until = vote.closes_at.unwrap().calendar().format("until %Y-%m-%d %H:%M UTC").to_string();
    let link = link(&house, &format!("/v1/votes/{}", vote.id));
    let words = ["Northwind & Sons", "USD 10,000.03", "Finding out what people love.", &until, &link];
    reached(&about(&house, "your vote is asked for").await, &electors(&house), &words);
}

#[tokio::test]
async fn nobody_is_asked_to_vote_who_left_the_pool_or_when_it_is_too_late() {
    let house = house().await;
    let first = house.offered(EditionChoice::Next, None).await;
    crate::offers::actions::open_vote(&house.ctx, &first).await.unwrap();
    house.leave(&house.members[0]).await;
    reached(&about(&house, "your vote is asked for").await, &electors(&house)[1..], &[]);
    let second = house.offered(EditionChoice::Next, None).await;
    house.vote(&second).await;
    assert_eq!(about(&house, "your vote is asked for").await.len(), 2, "the second vote is over");
}

#[tokio::test]
async fn who_has_not_voted_is_reminded_twice_and_each_time_once() {
    let house = house().await;
    let vote = opened_vote(&house).await;
    crate::votes::fixture::cast(&house.ctx, &house.members[0], vote.id.clone(), Choice::No).await.unwrap();
    let remind = async || {
        let id = vote.id.clone();
        house.change(move |tx| crate::offers::steps::remind(tx, &id)).await
    };
    let (day_s, opened_at, closes_at) = (86_400, vote.opens_at.unwrap(), vote.closes_at.unwrap());
    assert_eq!(remind().await, Some(opened_at.plus_s(day_s)));
    assert!(about(&house, "you have not voted yet").await.is_empty(), "not before a day has passed");
    house.ctx.clock.advance_s(day_s).unwrap();
    assert_eq!(remind().await, Some(closes_at.plus_s(-day_s)));
    assert_eq!(remind().await, Some(closes_at.plus_s(-day_s)));
    let until = closes_at.calendar().format("open until %Y-%m-%d %H:%M UTC").to_string();
    reached(&about(&house, "you have not voted yet").await, &electors(&house)[1..], &[&until]);
    house.ctx.clock.advance_s((closes_at.unix_ms() - opened_at.unix_ms()) / 1_000 - 2 * day_s).unwrap();
    assert_eq!(remind().await, None);
    assert_eq!(remind().await, None);
    assert_eq!(about(&house, "you have not voted yet").await.len(), 4, "two mails to each of two");
}

#[tokio::test]
async fn a_closed_vote_tells_every_elector_how_it_ended_and_why() {
    let house = house().await;
    let purchase = house.accepted(EditionChoice::Next).await;
    let read = move |db: &mut crate::db::Db| crate::offers::steps::offer(db, &purchase.offer_id);
    let vote_id = house.ctx.db.read(read).await.unwrap().vote_id.unwrap();
    let link = link(&house, &format!("/v1/votes/{vote_id}"));
    let words = ["it was accepted.", "4 of 4 members voted: 4 yes", "your share is entered", &link];
    reached(&about(&house, "the offer for").await, &electors(&house), &words);
}

#[tokio::test]
async fn a_vote_that_was_called_off_says_so_to_members_and_buyer() {
    let house = house().await;
    let offer_id = house.offered(EditionChoice::Next, None).await;
    crate::offers::actions::open_vote(&house.ctx, &offer_id).await.unwrap();
    let reason = "The listing was wrong.".to_owned();
    crate::offers::actions::void(&house.ctx, &house.operator, offer_id.clone(), reason).await.unwrap();
    let words = ["called off", "The listing was wrong."];
    reached(&about(&house, "the offer for").await, &electors(&house), &words);
    let link = link(&house, &format!("/v1/offers/{offer_id}"));
    let words = ["called off", "The listing was wrong.", "Nothing is owed", &link];
    reached(&about(&house, "your offer for").await, &buyers(&house), &words);
}

#[tokio::test]
async fn a_decided_offer_tells_the_buyers_until_when_to_pay() {
    let house = house().await;
    let purchase = house.accepted(EditionChoice::Next).await;
    let until = purchase.due_at.calendar().format("until %Y-%m-%d %H:%M UTC").to_string();
    let link = link(&house, &format!("/v1/offers/{}", purchase.offer_id));
    let words = ["was accepted.", "USD 10,000.03", "4 of 4 members voted: 4 yes", &until, &link];
    reached(&about(&house, "your offer for").await, &buyers(&house), &words);
}

#[tokio::test]
async fn an_invoice_tells_the_buyers_what_to_pay_and_until_when() {
    let house = house().await;
    let purchase = house.accepted(EditionChoice::Next).await;
    let until = purchase.due_at.calendar().format("until %Y-%m-%d %H:%M UTC").to_string();
    let (link, total) = (link(&house, &format!("/v1/purchases/{}/invoice", purchase.id)), purchase.total().to_string());
    let words = [purchase.invoice_number.as_str(), &total, &until, &link];
    reached(&about(&house, "invoice").await, &buyers(&house), &words);
}

#[tokio::test]
async fn a_paid_invoice_is_not_asked_for_and_its_licence_tells_the_buyers_of_the_files() {
    let house = house().await;
    house.stock(3).await;
    let purchase = house.accepted(EditionChoice::Stock).await;
    house.settle(&purchase).await.unwrap();
    let licence = house.licence(&purchase.id).await;
    assert!(about(&house, "invoice").await.is_empty(), "it was paid before the mail went out");
    let until = licence.ends_at.unwrap().calendar().format("until %Y-%m-%d %H:%M UTC").to_string();
    let link = link(&house, &format!("/v1/licences/{}/files", licence.id));
    reached(&about(&house, "are ready").await, &buyers(&house), &["Artist preference", &until, &link]);
}

#[tokio::test]
async fn an_offer_that_nobody_paid_for_tells_the_buyers_that_it_has_lapsed() {
    let house = house().await;
    let purchase = house.accepted(EditionChoice::Next).await;
    house.ctx.clock.advance_s(30 * 86_400).unwrap();
    crate::purchases::actions::lapse(&house.ctx, &purchase.offer_id).await.unwrap();
    let link = link(&house, &format!("/v1/offers/{}", purchase.offer_id));
    let words = ["has lapsed", purchase.invoice_number.as_str(), "Nothing is owed", &link];
    reached(&about(&house, "your offer for").await, &buyers(&house), &words);
}

#[tokio::test]
async fn a_licence_tells_the_buyers_of_every_change() {
    use crate::purchases::actions::{cancel, expire, pay_refund, revoke, withdraw_notice};
    let house = house().await;
    house.stock(3).await;
    let purchase = house.accepted(EditionChoice::Stock).await;
    house.settle(&purchase).await.unwrap();
    let licence = house.licence(&purchase.id).await;
    let (id, ground) = (licence.id.clone(), licence.terms().unwrap().revocation.grounds[0].clone());
    let link = link(&house, &format!("/v1/licences/{id}"));
    revoke(&house.ctx, &house.operator, id.clone(), ground.clone(), "Rows were published.".into()).await.unwrap();
    let pool_id = house.pool_id.clone();
    let contact = house.change(move |tx| Ok(crate::pools::steps::pool(tx, &pool_id)?.contact_email)).await;
    let words = ["to be revoked on", "Rows were published.", &format!("tell the operator: {contact}"), &link];
    reached(&about(&house, "is under notice").await, &buyers(&house), &words);
    withdraw_notice(&house.ctx, &house.operator, id.clone(), "They were taken down.".into()).await.unwrap();
    reached(&about(&house, "Artist preference\" stands").await, &buyers(&house), &["was taken back", &link]);
    house.ctx.clock.advance_s(365 * 86_400).unwrap();
    expire(&house.ctx, &id).await.unwrap();
    reached(&about(&house, "has ended").await, &buyers(&house), &["A new offer", &link]);

    let (purchase, _) = house.waiting().await;
    let licence = house.licence(&purchase.id).await;
    cancel(&house.ctx, &house.operator, licence.id, "Nobody is left.".into()).await.unwrap();
    let words = ["Nobody is left.", "All of your payment goes back"];
    reached(&about(&house, "is cancelled").await, &buyers(&house), &words);
    let (once, total) = (house.once(&house.operator.account_id, "refund"), purchase.total());
    pay_refund(&house.ctx, &house.operator, purchase.id.clone(), total.clone(), "line 9", once).await.unwrap();
    let (total, path) = (total.to_string(), format!("/v1/purchases/{}\r\n", purchase.id));
    let words = [total.as_str(), "with the reference line 9", &path];
    reached(&about(&house, "money back").await, &buyers(&house), &words);
}

#[tokio::test]
async fn fewer_rows_than_promised_tell_the_buyers_what_goes_back() {
    let house = House::new(crate::purchases::fixture::LOUD).await;
    house.promise(60).await;
    let (purchase, edition) = house.waiting().await;
    crate::purchases::actions::draw(&house.ctx, &edition, |_| {}).await.unwrap();
    let words = format!("fewer rows than the terms promise. {} of your payment goes back", purchase.total());
    reached(&about(&house, "are ready").await, &buyers(&house), &[&words]);
}

#[tokio::test]
async fn a_held_history_waits_for_every_operator_until_it_is_decided() {
    let house = house().await;
    let member_id = house.members[0].account_id.clone();
    let mut ids = Vec::new();
    for state in [HistoryState::Held, HistoryState::Rejected] {
        let member_id = member_id.clone();
        let pushed = house.change(move |tx| {
            let (id, now) = (HistoryId::new(tx.now(), tx.entropy()), tx.now());
            diesel::insert_into(histories::table)
                .values((
                    histories::id.eq(&id),
                    histories::member_id.eq(&member_id),
                    histories::state.eq(state),
                    histories::received_at.eq(now),
                ))
                .execute(&mut **tx)?;
            outbox::push(tx, "history.held", &serde_json::json!({"history_id": id}))?;
            Ok(id)
        });
        ids.push(pushed.await);
    }
    let link = link(&house, "/v1/held-histories");
    let words = [ids[0].as_str(), "release or reject", &link];
    reached(&about(&house, "a history waits").await, std::slice::from_ref(&house.operator.account_id), &words);
}

#[tokio::test]
async fn a_whole_sale_leaves_no_event_behind() {
    let house = house().await;
    house.stock(3).await;
    let purchase = house.accepted(EditionChoice::Stock).await;
    house.settle(&purchase).await.unwrap();
    drain(&house.ctx).await;
    let events = states(&house.ctx).await;
    for kind in ["vote.opened", "vote.closed", "offer.decided", "invoice.issued", "licence.ready"] {
        assert!(events.iter().any(|(known, ..)| known == kind), "{kind}");
    }
    assert!(events.iter().all(|(_, state, attempts)| (*state, *attempts) == (EventState::Sent, 0)), "{events:?}");
}

/// Kinds that are pushed by the code below a directory, tests left out.
fn pushed_below(directory: &Path, kinds: &mut Vec<String>) {
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if path.is_dir() && name != "tests" {
            pushed_below(&path, kinds);
        } else if name.ends_with(".rs") && !name.ends_with("tests.rs") {
            let code: String = std::fs::read_to_string(&path).unwrap().split_whitespace().collect();
            for push in ["outbox::push(tx,\"", "outbox::push_at(tx,\""] {
                let found = code.split(push).skip(1).filter_map(|rest| rest.split('"').next());
                kinds.extend(found.map(str::to_owned));
            }
        }
    }
}

#[test]
fn every_kind_that_is_pushed_is_known_here() {
    let known: Vec<&str> = Kind::ALL.iter().map(|kind| kind.as_str()).collect();
    assert_eq!(known, PUSHED, "a kind that nobody pushes, or that has no wording");
    let mut kinds = Vec::new();
    pushed_below(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut kinds);
    for kind in PUSHED {
        assert!(kinds.iter().any(|pushed| pushed == kind), "{kind} is pushed nowhere");
    }
    kinds.retain(|kind| !PUSHED.contains(&kind.as_str()));
    assert!(kinds.is_empty(), "{kinds:?}");
}
