//! Sharing a sale out, seen from outside.

mod drawn;
mod sharing;

use super::{actions, steps};
use crate::ids::PurchaseId;
use crate::page::{PageQuery, Window};
use crate::purchases::fixture::House;

fn window(house: &House) -> Window {
    house.ctx.cursors.window(&PageQuery { limit: Some(100), cursor: None }, "test").unwrap()
}

/// A purchase's shares by ascending member id.
async fn shares(house: &House, id: &PurchaseId) -> Vec<super::model::Payout> {
    let found = actions::of_purchase(&house.ctx, &house.operator, id.clone(), &window(house)).await.unwrap();
    assert!(found.payouts.is_sorted_by_key(|payout| payout.member_id.clone()));
    found.payouts
}

/// What does not hold in the books, or between them and the payouts.
async fn faults(house: &House) -> Vec<String> {
    let mut faults = house.faults().await;
    faults.extend(house.ctx.db.read(steps::verify).await.unwrap());
    faults
}
