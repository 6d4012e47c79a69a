use crate::datasets;
use crate::datasets::recall::{Recall, RecallGround, RecallState};
use crate::db::schema::licences;
use crate::error::Code;
use crate::ids::{EditionId, LicenceId};
use crate::offers::model::EditionChoice;
use crate::purchases::actions::{revoke, withdraw_notice};
use crate::purchases::fixture::House;
use crate::purchases::licence::LicenceState::{self, Active, Preparing, Recalled, Suspended};
use crate::purchases::recalls::actions::{give_up_replacement, recall};
use crate::purchases::recalls::model::Remedy;
use crate::purchases::{recalls, steps};
use diesel::prelude::*;

/// A stock edition with a licence in every state on it, in the order of the states.
struct Crowd {
    house: House,
    edition_id: EditionId,
    licences: Vec<LicenceId>,
}

impl Crowd {
    async fn new() -> Crowd {
        let house = House::new(3).await;
        let edition_id = house.stock(3).await;
        let mut licences = Vec::new();
        for _ in LicenceState::ALL {
            let purchase = house.accepted(EditionChoice::Stock).await;
            house.settle(&purchase).await.unwrap();
            licences.push(house.licence(&purchase.id).await.id);
        }
        let crowd = Crowd { house, edition_id, licences };
        for (id, state) in crowd.licences.iter().zip(LicenceState::ALL) {
            crowd.set(id, *state).await;
        }
        crowd
    }

    async fn set(&self, id: &LicenceId, state: LicenceState) {
        let id = id.clone();
        let change = move |tx: &mut crate::db::Tx| {
            Ok(diesel::update(licences::table.find(&id)).set(licences::state.eq(state)).execute(&mut **tx)?)
        };
        self.house.change(change).await;
    }

    /// Where each licence stands, and on which edition.
    async fn seen(&self) -> Vec<(LicenceState, EditionId)> {
        let mut seen = Vec::new();
        for id in &self.licences {
            let licence = self.house.licence_by_id(id).await;
            seen.push((licence.state, licence.edition_id.unwrap()));
        }
        seen
    }

    /// The same with all that are in one state in another, and all others as they were.
    fn expected(&self, from: LicenceState, to: LicenceState) -> Vec<(LicenceState, EditionId)> {
        let moved = |state: &LicenceState| if *state == from { to } else { *state };
        LicenceState::ALL.iter().map(|state| (moved(state), self.edition_id.clone())).collect()
    }

    async fn recall(&self, remedy: Remedy) -> Result<(), Code> {
        let (ctx, operator, id) = (&self.house.ctx, &self.house.operator, self.edition_id.clone());
        let done = recall(ctx, operator, id, RecallGround::Other, "It is not right.".into(), remedy).await;
        done.map(|_| ()).map_err(|error| error.code())
    }

    /// Enters the recall alone, so that every state stays as it was set.
    async fn enter(&self) -> EditionId {
        let (id, operator) = (self.edition_id.clone(), self.house.operator.account_id.clone());
        let entered = move |tx: &mut crate::db::Tx| {
            let edition = datasets::steps::edition(tx, &id)?;
            let replacement_id = datasets::steps::begin_replacement(tx, &edition)?;
            let row = Recall {
                edition_id: id.clone(),
                ground: RecallGround::Other,
                reason: "It is not right.".into(),
                state: RecallState::Replacing,
                replacement_id: Some(replacement_id.clone()),
                recalled_by: operator.clone(),
                recalled_at: tx.now(),
                resolved_at: None,
            };
            datasets::steps::enter_recall(tx, &edition, &row)?;
            Ok(replacement_id)
        };
        self.house.change(entered).await
    }
}

#[tokio::test]
async fn a_recall_touches_the_licences_that_are_active_and_no_others() {
    for (remedy, to) in [(Remedy::Refund, Recalled), (Remedy::Replacement, Suspended)] {
        let crowd = Crowd::new().await;
        let before = crowd.seen().await;
        assert_eq!(crowd.recall(remedy).await, Err(Code::Conflict), "one is about to begin");
        assert_eq!((crowd.seen().await, crowd.house.events("licence.recalled").await), (before, 0));
        let preparing = LicenceState::ALL.iter().position(|state| *state == Preparing).unwrap();
        crowd.set(&crowd.licences[preparing], Active).await;
        crowd.recall(remedy).await.unwrap();
        let mut expected = crowd.expected(Active, to);
        expected[preparing].0 = to;
        assert_eq!(crowd.seen().await, expected);
        // All but the one that was cancelled are told.
        assert_eq!(crowd.house.events("licence.recalled").await, 6);
        assert_eq!(crowd.recall(remedy).await, Err(Code::Conflict), "and once");
        assert_eq!((crowd.seen().await, crowd.house.faults().await), (expected, Vec::new()));
    }
}

#[tokio::test]
async fn a_replacement_moves_the_licences_that_wait_and_no_others_and_once() {
    let crowd = Crowd::new().await;
    let replacement_id = crowd.enter().await;
    for _ in 0..2 {
        let (recalled_id, new_id) = (crowd.edition_id.clone(), replacement_id.clone());
        let moved = move |tx: &mut crate::db::Tx| {
            let mut replacement = datasets::steps::edition(tx, &new_id)?;
            replacement.rows_given = Some(77);
            recalls::steps::replace(tx, &recalled_id, &replacement)
        };
        crowd.house.change(moved).await;
        let mut expected = crowd.expected(Suspended, Active);
        let suspended = LicenceState::ALL.iter().position(|state| *state == Suspended).unwrap();
        expected[suspended].1 = replacement_id.clone();
        assert_eq!((crowd.seen().await, crowd.house.events("licence.replaced").await), (expected, 1));
    }
}

#[tokio::test]
async fn giving_a_replacement_up_ends_the_licences_that_wait_and_no_others() {
    let crowd = Crowd::new().await;
    crowd.enter().await;
    let give_up = || {
        let (ctx, operator) = (&crowd.house.ctx, &crowd.house.operator);
        give_up_replacement(ctx, operator, crowd.edition_id.clone(), "Nobody is left.".into())
    };
    assert_eq!(give_up().await.unwrap().licences, 1);
    assert_eq!(crowd.seen().await, crowd.expected(Suspended, Recalled));
    assert_eq!(give_up().await.unwrap_err().code(), Code::Conflict);
    assert_eq!((crowd.seen().await, crowd.house.faults().await), (crowd.expected(Suspended, Recalled), Vec::new()));
}

#[tokio::test]
async fn only_what_is_held_is_given_notice_and_only_what_is_prepared_begins() {
    let crowd = Crowd::new().await;
    let (ctx, operator) = (&crowd.house.ctx, &crowd.house.operator);
    for (id, state) in crowd.licences.iter().zip(LicenceState::ALL) {
        let licence = crowd.house.licence_by_id(id).await;
        let ground = licence.terms().unwrap().revocation.grounds[0].clone();
        let is_held = LicenceState::HELD.contains(state);
        let noticed = revoke(ctx, operator, id.clone(), ground, "Rows were published.".into()).await;
        assert_eq!(noticed.is_ok(), is_held, "{state}");
        assert_eq!(withdraw_notice(ctx, operator, id.clone(), "Mended.".into()).await.is_ok(), is_held, "{state}");
        let (purchase, licence_id) = (crowd.house.purchase(&licence.purchase_id).await, id.clone());
        let begun = crowd.house.change(move |tx| steps::deliver(tx, &purchase, &licence_id)).await;
        assert_eq!(begun, *state == Preparing, "{state}");
    }
    assert_eq!(crowd.seen().await, crowd.expected(Preparing, Active));
}
