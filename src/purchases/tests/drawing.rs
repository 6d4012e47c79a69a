use crate::context::Context;
use crate::datasets::actions::stop_draw;
use crate::datasets::model::{Edition, EditionState};
use crate::db::schema::{editions, plays_files};
use crate::error::Code;
use crate::ids::EditionId;
use crate::purchases::actions;
use crate::purchases::fixture::{House, LOUD};
use crate::purchases::licence::{LicenceState, usable};
use diesel::prelude::*;
use std::time::{Duration, Instant};

#[tokio::test]
async fn the_term_begins_when_the_files_are_there_and_not_before() {
    let house = House::new(LOUD).await;
    let (purchase, edition) = house.waiting().await;
    house.ctx.clock.advance_s(3_600).unwrap();
    for _ in 0..2 {
        actions::draw(&house.ctx, &edition, |_| {}).await.unwrap();
        house.ctx.clock.advance_s(60).unwrap();
    }
    let licence = house.licence(&purchase.id).await;
    let first = purchase.issued_at.plus_s(3_600);
    assert_eq!((licence.state, licence.starts_at), (LicenceState::Active, Some(first)));
    assert_eq!(licence.ends_at, Some(first.plus_days(365)));
    assert_eq!(house.events("licence.ready").await, 1);
    assert_eq!(house.faults().await, Vec::<String>::new());
}

#[tokio::test]
async fn without_anybody_left_nothing_is_drawn_and_the_licence_waits() {
    let house = House::new(3).await;
    let (purchase, edition) = house.waiting().await;
    for member in &house.members {
        house.leave(member).await;
    }
    let refused = actions::draw(&house.ctx, &edition, |_| {}).await.unwrap_err();
    assert_eq!(refused.code(), Code::Conflict);
    assert_eq!(house.licence(&purchase.id).await.state, LicenceState::Preparing);
}

#[tokio::test]
async fn what_cannot_be_drawn_is_cancelled_and_all_of_the_price_goes_back() {
    let house = House::new(3).await;
    let (purchase, edition) = house.waiting().await;
    let licence = house.licence(&purchase.id).await;
    let reason = "Nobody is left to draw from.".to_owned();
    let nothing_said = actions::cancel(&house.ctx, &house.operator, licence.id.clone(), " ".into()).await;
    assert_eq!(nothing_said.unwrap_err().code(), Code::Invalid);
    let seen = actions::cancel(&house.ctx, &house.operator, licence.id.clone(), reason.clone()).await.unwrap();
    assert_eq!(seen.licence.state, LicenceState::Cancelled);
    let refused = usable(&seen.licence, None, house.ctx.clock.now()).unwrap_err();
    assert_eq!(refused.code(), Code::LicenceCancelled);
    assert!(refused.detail().contains(&reason), "{}", refused.detail());

    let owed = actions::read(&house.ctx, &house.caller(&house.buyer), purchase.id.clone()).await.unwrap();
    assert_eq!(owed.refund_due_minor, purchase.total().amount_minor);
    let again = actions::cancel(&house.ctx, &house.operator, licence.id.clone(), reason).await;
    assert_eq!(again.unwrap_err().code(), Code::Conflict);
    actions::draw(&house.ctx, &edition, |_| {}).await.unwrap();
    assert_eq!(house.licence(&purchase.id).await.state, LicenceState::Cancelled, "the job finds nothing to draw");
    assert_eq!(house.committed().await, (0, 0), "the budget is free again");
    assert_eq!(house.faults().await, Vec::<String>::new());
}

#[tokio::test]
async fn an_edition_that_was_cancelled_while_it_was_drawn_is_not_published() {
    let house = House::new(LOUD).await;
    let (purchase, edition) = house.waiting().await;
    let licence = house.licence(&purchase.id).await.id;
    let cancelled = std::sync::atomic::AtomicBool::new(false);
    let (ctx, operator) = (house.ctx.clone(), house.operator.clone());
    // The first word of progress comes before anything is published.
    let meanwhile = move |_| {
        if !cancelled.swap(true, std::sync::atomic::Ordering::SeqCst) {
            let (ctx, operator, licence) = (ctx.clone(), operator.clone(), licence.clone());
            let cancel = async move { actions::cancel(&ctx, &operator, licence, "Called off.".into()).await.unwrap() };
            std::thread::spawn(|| tokio::runtime::Runtime::new().unwrap().block_on(cancel)).join().unwrap();
        }
    };
    actions::draw(&house.ctx, &edition, meanwhile).await.unwrap();
    assert_eq!(house.licence(&purchase.id).await.state, LicenceState::Cancelled);
    assert!(house.ctx.storage.list(&format!("editions/{edition}")).await.unwrap().is_empty(), "its files are gone");
    assert_eq!(house.committed().await, (0, 0), "it was cancelled before any noise was drawn");
    assert_eq!(house.faults().await, Vec::<String>::new());
}

#[tokio::test]
async fn what_noise_was_drawn_for_stays_spent_when_it_is_cancelled() {
    let house = House::new(3).await;
    let (purchase, edition) = house.waiting().await;
    let set_aside = house.committed().await;
    house
        .change(move |tx| {
            let now = tx.now();
            let drawn = diesel::update(editions::table.find(&edition));
            drawn.set((editions::drawn_at.eq(now), editions::state.eq("failed"))).execute(&mut **tx)?;
            Ok(())
        })
        .await;
    let licence = house.licence(&purchase.id).await.id;
    actions::cancel(&house.ctx, &house.operator, licence, "The disk is broken.".into()).await.unwrap();
    assert_eq!(house.committed().await, set_aside);
    let problems = house.ctx.db.read(crate::pools::steps::budget_problems).await.unwrap();
    assert_eq!(problems, Vec::<String>::new());
}

#[tokio::test]
async fn a_history_that_arrives_while_the_edition_is_drawn_has_it_drawn_anew() {
    let house = House::new(LOUD).await;
    let (purchase, edition) = house.waiting().await;
    let member = house.members[0].account_id.clone();
    let old = house.plays_key(&member).await;
    let (ctx, moved) = (house.ctx.clone(), std::sync::atomic::AtomicBool::new(false));
    let meanwhile = move |_| {
        if !moved.swap(true, std::sync::atomic::Ordering::SeqCst) {
            let (ctx, member, old) = (ctx.clone(), member.clone(), old.clone());
            let replace = async move {
                let new = format!("{old}-longer");
                ctx.storage.put(&new, ctx.storage.get(&old).await.unwrap()).await.unwrap();
                let key = new.clone();
                let point = move |tx: &mut crate::db::Tx| {
                    let row = plays_files::table.find(&member);
                    diesel::update(row).set(plays_files::object_key.eq(&key)).execute(&mut **tx)?;
                    Ok(())
                };
                ctx.db.write(point).await.unwrap();
                ctx.storage.delete(&old).await.unwrap();
            };
            std::thread::spawn(|| tokio::runtime::Runtime::new().unwrap().block_on(replace)).join().unwrap();
        }
    };
    actions::draw(&house.ctx, &edition, meanwhile).await.unwrap();
    assert_eq!(house.licence(&purchase.id).await.state, LicenceState::Active);
}

async fn edition(house: &House, id: &EditionId) -> Edition {
    let id = id.clone();
    house.ctx.db.read(move |db| crate::datasets::steps::edition(db, &id)).await.unwrap()
}

#[tokio::test]
async fn a_draw_that_is_stopped_while_it_reads_is_dropped_within_about_a_second() {
    let house = House::new(LOUD).await;
    let (purchase, id) = house.waiting().await;
    let reserved = house.committed().await;
    let slow = Context { storage: house.ctx.storage.slowed(), ..house.ctx.clone() };
    let drawing = async {
        let drawn = actions::draw(&slow, &id, |_| {}).await;
        (drawn.unwrap(), Instant::now())
    };
    let stopping = async {
        while edition(&house, &id).await.percent.is_none() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        // Long enough that the plays are being read, which would take minutes.
        tokio::time::sleep(Duration::from_millis(700)).await;
        let view = stop_draw(&house.ctx, &house.operator, id.clone(), "Not today.".into()).await.unwrap();
        assert_eq!((view.state, view.stage.as_str()), (EditionState::Failed, "stopped"));
        Instant::now()
    };
    let ((is_over, dropped_at), stopped_at) = tokio::join!(drawing, stopping);
    assert!(!is_over, "the draw says that it was stopped");
    assert!(dropped_at.duration_since(stopped_at) < Duration::from_secs(3), "{:?}", dropped_at - stopped_at);
    let stopped = edition(&house, &id).await;
    assert_eq!((stopped.state, stopped.drawn_at), (EditionState::Failed, None));
    assert!(stopped.failure.unwrap().contains("Not today."));
    assert_eq!(house.committed().await, reserved, "the reservation stays");
    assert_eq!(house.licence(&purchase.id).await.state, LicenceState::Preparing);

    assert!(!actions::draw(&house.ctx, &id, |_| {}).await.unwrap(), "it stays stopped");
    let resumed = id.clone();
    house.change(move |tx| crate::datasets::steps::resume_drawing(tx, &resumed)).await;
    assert!(actions::draw(&house.ctx, &id, |_| {}).await.unwrap());
    let published = edition(&house, &id).await;
    assert_eq!((published.state, published.percent), (EditionState::Published, Some(100)));
    assert_eq!(house.licence(&purchase.id).await.state, LicenceState::Active);
    let late = stop_draw(&house.ctx, &house.operator, id, "Too late.".into()).await.unwrap_err();
    assert_eq!(late.code(), Code::Conflict);
}
