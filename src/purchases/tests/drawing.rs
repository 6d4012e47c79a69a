use crate::error::Code;
use crate::purchases::actions;
use crate::purchases::fixture::{House, LOUD};
use crate::purchases::licence::LicenceState;

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
