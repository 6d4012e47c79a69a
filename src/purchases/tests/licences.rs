use crate::error::Code;
use crate::offers::model::EditionChoice;
use crate::page::PageQuery;
use crate::purchases::actions::{expire, list_licences, read_licence, revoke, withdraw_notice};
use crate::purchases::fixture::House;
use crate::purchases::licence::{Licence, LicenceState, usable};

const DAY_S: i64 = 86_400;

async fn active(house: &House) -> Licence {
    house.stock(3).await;
    let purchase = house.accepted(EditionChoice::Stock).await;
    house.settle(&purchase).await.unwrap();
    house.licence(&purchase.id).await
}

fn ground(licence: &Licence) -> String {
    licence.terms().unwrap().revocation.grounds[0].clone()
}

#[tokio::test]
async fn a_licence_ends_with_its_term() {
    let house = House::new(3).await;
    let licence = active(&house).await;
    assert_eq!(expire(&house.ctx, &licence.id).await.unwrap(), licence.ends_at, "it is too early");
    house.ctx.clock.advance_s(365 * DAY_S).unwrap();
    assert_eq!(usable(&licence, None, house.ctx.clock.now()).unwrap_err().code(), Code::LicenceExpired);
    assert_eq!(expire(&house.ctx, &licence.id).await.unwrap(), None);
    let ended = house.licence_by_id(&licence.id).await;
    assert_eq!((ended.state, ended.ended_at), (LicenceState::Expired, licence.ends_at));
    assert_eq!(expire(&house.ctx, &licence.id).await.unwrap(), None);
}

#[tokio::test]
async fn only_the_grounds_of_the_terms_take_a_licence_away_and_only_after_notice() {
    let house = House::new(3).await;
    let (licence, operator) = (active(&house).await, house.operator.clone());
    let id = licence.id.clone();
    let whim = revoke(&house.ctx, &operator, id.clone(), "a whim".into(), "No reason.".into()).await.unwrap_err();
    assert_eq!(whim.code(), Code::Invalid);
    assert!(whim.detail().contains(&ground(&licence)), "the grounds are named: {}", whim.detail());
    assert!(revoke(&house.ctx, &operator, id.clone(), ground(&licence), " ".into()).await.is_err(), "no reason");

    let from = house.ctx.clock.now().plus_days(licence.terms().unwrap().revocation.notice_days.into());
    let seen =
        revoke(&house.ctx, &operator, id.clone(), ground(&licence), "Rows were published.".into()).await.unwrap();
    assert_eq!((seen.licence.state, seen.licence.revoked_from()), (LicenceState::Active, Some(from)));
    let twice = revoke(&house.ctx, &operator, id.clone(), ground(&licence), "Again.".into()).await;
    assert_eq!(twice.unwrap_err().code(), Code::Conflict);

    house.ctx.clock.advance_s(30 * DAY_S).unwrap();
    let refused = usable(&seen.licence, None, house.ctx.clock.now()).unwrap_err();
    assert_eq!(refused.code(), Code::LicenceRevoked);
    assert!(refused.detail().contains("Rows were published."));
    assert_eq!(expire(&house.ctx, &id).await.unwrap(), None);
    assert_eq!(house.licence_by_id(&id).await.state, LicenceState::Revoked);
    let late = withdraw_notice(&house.ctx, &operator, id, "Mended.".into()).await;
    assert_eq!(late.unwrap_err().code(), Code::Conflict);
}

#[tokio::test]
async fn a_breach_that_is_mended_in_time_is_forgiven() {
    let house = House::new(3).await;
    let (licence, operator) = (active(&house).await, house.operator.clone());
    let id = licence.id.clone();
    revoke(&house.ctx, &operator, id.clone(), ground(&licence), "Rows were published.".into()).await.unwrap();
    withdraw_notice(&house.ctx, &operator, id.clone(), "They were taken down.".into()).await.unwrap();
    house.ctx.clock.advance_s(30 * DAY_S).unwrap();
    assert_eq!(expire(&house.ctx, &id).await.unwrap(), licence.ends_at);
    assert_eq!(house.licence_by_id(&id).await, licence);
}

#[tokio::test]
async fn a_licence_shows_to_its_holder_and_to_operators() {
    let house = House::new(3).await;
    let (licence, stranger) = (active(&house).await, house.stranger().await);
    let window = house.ctx.cursors.window(&PageQuery::default(), "licences").unwrap();
    for sees in [house.caller(&house.buyer), house.operator_caller()] {
        assert_eq!(read_licence(&house.ctx, &sees, licence.id.clone()).await.unwrap().rows_given, Some(77));
        assert_eq!(list_licences(&house.ctx, &sees, &window).await.unwrap().len(), 1);
    }
    let other = house.caller(&stranger);
    assert_eq!(read_licence(&house.ctx, &other, licence.id.clone()).await.unwrap_err().code(), Code::NotFound);
    assert!(list_licences(&house.ctx, &other, &window).await.unwrap().is_empty());
    let member = house.member_caller();
    assert_eq!(list_licences(&house.ctx, &member, &window).await.unwrap_err().code(), Code::Forbidden);
}
