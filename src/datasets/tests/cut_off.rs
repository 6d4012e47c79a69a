//! A draw that is cut off at any step, as by a crash: the budget, and what anybody can see, stay in order.

use super::super::actions::draw_edition;
use super::super::model::{Edition, EditionFile, EditionState};
use super::editions::material;
use super::*;
use crate::db::schema::{budget_entries, pools as pools_table};
use crate::pools::model::BudgetState;
use aws_lc_rs::digest;
use diesel::prelude::*;
use std::collections::BTreeSet;
use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;

/// Runs a future for so many polls at most and drops it then; `None` where it was cut off.
async fn cut_off_after<F: Future>(polls: usize, work: F) -> Option<F::Output> {
    let mut work = pin!(work);
    let mut left = polls;
    poll_fn(|context| {
        if left == 0 {
            return Poll::Ready(None);
        }
        left -= 1;
        work.as_mut().poll(context).map(Some)
    })
    .await
}

/// Draws on a runtime of its own, whose end waits for what is under way on other threads: no more of a try that was cut off
/// happens afterwards.
fn draw_for(house: &House, id: &EditionId, members: &[AccountId], polls: usize) -> Option<Edition> {
    std::thread::scope(|scope| {
        let draw = || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            let draw = draw_edition(&house.ctx, id, material(members), |_| ());
            let ended = runtime.block_on(cut_off_after(polls, draw)).map(|drawn| drawn.unwrap());
            // The writer goes on with what it was given; writes are done one after the other.
            runtime.block_on(house.ctx.db.write(|_| Ok(()))).unwrap();
            ended
        };
        scope.spawn(draw).join().unwrap()
    })
}

/// All that there is of an edition.
#[derive(Debug, Clone, PartialEq)]
struct Seen {
    edition: Edition,
    files: Vec<EditionFile>,
    stored: Vec<String>,
    budget: BudgetState,
    committed_nano: i64,
}

async fn seen(house: &House, id: &EditionId, offer: &OfferId) -> Seen {
    let (id, subject, pool) = (id.clone(), offer.to_string(), house.pool.clone());
    let stored = house.ctx.storage.list(&format!("editions/{id}")).await.unwrap();
    let read = house.ctx.db.read(move |db| {
        let edition = steps::edition(db, &id)?;
        let files = steps::files(db, &id)?;
        let budget = budget_entries::table
            .filter(budget_entries::subject_id.eq(subject))
            .select(budget_entries::state)
            .first(db)?;
        let committed = pools_table::table.find(&pool).select(pools_table::rho_committed_nano).first(db)?;
        Ok((edition, files, budget, committed))
    });
    let (edition, files, budget, committed_nano) = read.await.unwrap();
    Seen { edition, files, stored, budget, committed_nano }
}

/// Published and paid for, whole; or nothing at all that anybody could see.
async fn assert_whole(house: &House, seen: &Seen) {
    let is_published = seen.edition.state == EditionState::Published;
    assert_eq!(seen.budget == BudgetState::Spent, is_published, "{seen:?}");
    assert_eq!((seen.edition.manifest_json.is_some(), seen.edition.rows_given.is_some()), (is_published, is_published));
    assert_eq!(seen.files.is_empty(), !is_published, "files are known of when all of them are there");
    for file in &seen.files {
        let bytes = house.ctx.storage.get(&file.object_key).await.unwrap();
        assert_eq!(hex::encode(digest::digest(&digest::SHA256, &bytes)), file.sha256);
    }
    assert_eq!(house.ctx.db.read(pools::steps::budget_problems).await.unwrap(), Vec::<String>::new());
}

#[actix_web::test]
async fn dp10_a_draw_that_is_cut_off_at_any_step_is_published_once_or_not_at_all() {
    let house = House::new().await;
    sql(&house.ctx, "UPDATE pools SET rho_cap_nano = 100000000000000, delta_cap_pico = 10000000000".into()).await;
    let members = house.members().await;
    let dataset = house.listed("Artists").await;
    let mut kinds = BTreeSet::new();
    let mut committed_nano = 0;
    let mut polls = 0;
    // How many polls lead to a step differs a little from draw to draw, so that a step may be missed: then once more.
    let mut rounds = 0..5;
    loop {
        let (id, offer, _) = house.begun(&dataset).await;
        let ended = draw_for(&house, &id, &members, polls);
        let after = seen(&house, &id, &offer).await;
        assert_whole(&house, &after).await;
        assert!(after.committed_nano > committed_nano, "what is set aside for a draw is never given back by a crash");
        committed_nano = after.committed_nano;
        let drawn_at = &after.edition.drawn_at;
        kinds.insert((after.edition.state.as_str(), drawn_at.is_some(), after.stored.len(), ended.is_some()));

        let again = draw_for(&house, &id, &members, usize::MAX).unwrap();
        let settled = seen(&house, &id, &offer).await;
        assert_whole(&house, &settled).await;
        assert_eq!((again.state, settled.committed_nano), (EditionState::Published, committed_nano));
        let owned: BTreeSet<&String> = settled.files.iter().map(|file| &file.object_key).collect();
        assert_eq!(owned, settled.stored.iter().collect(), "nothing is left of the try that was cut off");
        if after.edition.state == EditionState::Published {
            assert_eq!(settled.files, after.files, "what was published once is not drawn again");
        }
        polls += 1;
        if ended.is_some() {
            if missed(&kinds).is_none() || rounds.next().is_none() {
                break;
            }
            polls = 0;
        }
    }
    assert_eq!(missed(&kinds), None, "{kinds:?}");
}

/// A step at which no draw was cut off.
fn missed(kinds: &BTreeSet<(&'static str, bool, usize, bool)>) -> Option<&'static str> {
    let reached = |state: &str, drawn: bool, stored: std::ops::RangeInclusive<usize>| {
        kinds.iter().any(|kind| kind.0 == state && kind.1 == drawn && stored.contains(&kind.2))
    };
    let steps = [
        ("nothing drawn", reached("preparing", false, 0..=0)),
        ("drawn, nothing stored", reached("preparing", true, 0..=0)),
        ("some files stored", reached("preparing", true, 1..=3)),
        ("all done but to say so", kinds.iter().any(|kind| kind.0 == "published" && !kind.3)),
    ];
    steps.into_iter().find(|(_, is_reached)| !is_reached).map(|(step, _)| step)
}
