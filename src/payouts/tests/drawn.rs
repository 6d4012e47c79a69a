use super::{faults, shares};
use crate::accounts::caller::Member;
use crate::db::Db;
use crate::error::Code;
use crate::ids::{AccountId, EditionId};
use crate::money::Money;
use crate::payouts::actions::run;
use crate::purchases::fixture::{House, LOUD, PRICE_MINOR};
use crate::purchases::licence::LicenceState;
use crate::{datasets, purchases};

async fn drawn_from(house: &House, id: &EditionId) -> Vec<AccountId> {
    let id = id.clone();
    house.ctx.db.read(move |db: &mut Db| datasets::steps::edition_members(db, &id)).await.unwrap()
}

fn ids(members: &[Member]) -> Vec<AccountId> {
    let mut ids: Vec<_> = members.iter().map(|member| member.account_id.clone()).collect();
    ids.sort();
    ids
}

#[tokio::test]
async fn nothing_is_shared_out_before_there_is_an_edition() {
    let house = House::new(LOUD).await;
    let (purchase, edition) = house.waiting().await;
    assert_eq!(run(&house.ctx, &purchase.id).await.unwrap_err().code(), Code::Conflict);
    assert_eq!(faults(&house).await, Vec::<String>::new());
    purchases::actions::draw(&house.ctx, &edition, |_| {}).await.unwrap();
    run(&house.ctx, &purchase.id).await.unwrap();
    assert_eq!(shares(&house, &purchase.id).await.len(), LOUD);
    assert_eq!(faults(&house).await, Vec::<String>::new());
}

#[tokio::test]
async fn who_leaves_before_the_draw_is_not_in_it_and_who_leaves_after_it_is_paid() {
    let house = House::new(LOUD + 2).await;
    let (purchase, edition) = house.waiting().await;
    house.leave(&house.members[0]).await;
    purchases::actions::draw(&house.ctx, &edition, |_| {}).await.unwrap();
    assert_eq!(drawn_from(&house, &edition).await, ids(&house.members[1..]));
    house.leave(&house.members[1]).await;
    run(&house.ctx, &purchase.id).await.unwrap();
    let shares = shares(&house, &purchase.id).await;
    let paid: Vec<AccountId> = shares.iter().map(|payout| payout.member_id.clone()).collect();
    assert_eq!(paid, ids(&house.members[1..]));
    assert_eq!(shares.iter().map(|payout| payout.amount_minor).sum::<i64>(), PRICE_MINOR - purchase.fee_minor);
    assert_eq!(faults(&house).await, Vec::<String>::new());
}

#[tokio::test]
async fn fewer_rows_than_promised_are_refunded_and_nobody_is_paid_what_went_back() {
    let house = House::new(LOUD).await;
    house.promise(60).await;
    let (purchase, edition) = house.waiting().await;
    purchases::actions::draw(&house.ctx, &edition, |_| {}).await.unwrap();
    run(&house.ctx, &purchase.id).await.unwrap();
    assert_eq!(house.licence(&purchase.id).await.state, LicenceState::Active);
    assert_eq!(faults(&house).await, Vec::<String>::new());

    let buyer = house.caller(&house.buyer);
    let seen = purchases::actions::read(&house.ctx, &buyer, purchase.id.clone()).await.unwrap();
    let due = seen.refund_due_minor;
    assert_eq!(due, purchase.total().amount_minor, "these terms give all of it back");
    let refund = async |amount: i64| {
        let once = house.once(&house.operator.account_id, "refund");
        let amount = Money::new(amount, "USD");
        purchases::actions::pay_refund(&house.ctx, &house.operator, purchase.id.clone(), amount, "transfer 8", once)
            .await
    };
    assert_eq!(refund(due - 1).await.unwrap_err().code(), Code::Invalid);
    refund(due).await.unwrap();
    assert_eq!(refund(due).await.unwrap_err().code(), Code::Conflict);
    assert_eq!(purchases::actions::read(&house.ctx, &buyer, purchase.id.clone()).await.unwrap().refund_due_minor, 0);
    assert_eq!(faults(&house).await, Vec::<String>::new());
}
