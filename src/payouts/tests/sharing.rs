use super::{faults, shares, window};
use crate::error::Code;
use crate::ids::PurchaseId;
use crate::offers::model::EditionChoice;
use crate::payouts::actions::{self, run, statements};
use crate::payouts::store;
use crate::payouts::views::{ShareView, SharesView, StatementView};
use crate::purchases::fixture::{House, PRICE_MINOR};
use crate::purchases::model::Purchase;

/// A thousand members would share nothing else out than these do.
const MEMBERS: usize = 7;
/// The price less a tenth: it leaves two minor units over among seven.
const TO_SHARE_MINOR: i64 = 900_003;

async fn sold(house: &House, in_stock: usize) -> Purchase {
    house.stock(in_stock).await;
    let purchase = house.accepted(EditionChoice::Stock).await;
    house.settle(&purchase).await.unwrap();
    purchase
}

async fn amounts(house: &House, id: &PurchaseId) -> Vec<i64> {
    shares(house, id).await.iter().map(|payout| payout.amount_minor).collect()
}

#[tokio::test]
async fn every_minor_unit_is_somebodys_and_repeating_adds_none() {
    let house = House::new(MEMBERS).await;
    let purchase = sold(&house, MEMBERS).await;
    assert_eq!(TO_SHARE_MINOR, PRICE_MINOR - purchase.fee_minor);
    for _ in 0..3 {
        run(&house.ctx, &purchase.id).await.unwrap();
        let shares = amounts(&house, &purchase.id).await;
        assert_eq!(shares, [128_572, 128_572, 128_572, 128_572, 128_572, 128_572, 128_571]);
        assert_eq!(shares.iter().sum::<i64>() + purchase.fee_minor, PRICE_MINOR);
        assert_eq!(faults(&house).await, Vec::<String>::new());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_job_that_is_taken_over_pays_nobody_twice() {
    let house = House::new(MEMBERS).await;
    let purchase = sold(&house, MEMBERS).await;
    let tries: Vec<_> = (0..8)
        .map(|_| {
            let (ctx, id) = (house.ctx.clone(), purchase.id.clone());
            tokio::spawn(async move { run(&ctx, &id).await })
        })
        .collect();
    for done in tries {
        done.await.unwrap().unwrap();
    }
    assert_eq!(amounts(&house, &purchase.id).await.iter().sum::<i64>(), TO_SHARE_MINOR);
    assert_eq!(faults(&house).await, Vec::<String>::new());
}

#[tokio::test]
async fn the_electorate_of_a_stock_sale_is_paid_even_who_leaves_before_the_shares_are_entered() {
    let house = House::new(MEMBERS).await;
    let purchase = sold(&house, 3).await;
    house.leave(&house.members[0]).await;
    run(&house.ctx, &purchase.id).await.unwrap();
    assert_eq!(amounts(&house, &purchase.id).await, [300_001, 300_001, 300_001]);
    assert_eq!(statements(&house.ctx, &house.members[0], &window(&house)).await.unwrap().len(), 1);
    assert!(statements(&house.ctx, &house.members[5], &window(&house)).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_statement_adds_up() {
    let house = House::new(MEMBERS).await;
    let purchase = sold(&house, MEMBERS).await;
    run(&house.ctx, &purchase.id).await.unwrap();
    let found = statements(&house.ctx, &house.members[0], &window(&house)).await.unwrap();
    let [statement] = found.as_slice() else { panic!("one sale, one statement") };
    let view = StatementView::from(statement.clone());
    assert_eq!(view.price.amount_minor - view.fee.amount_minor - view.refunded.amount_minor, view.shared.amount_minor);
    assert_eq!((view.members, view.buyer.as_str()), (7, "Northwind & Sons"));
    assert!((view.shared.amount_minor / view.members - view.share.amount_minor).abs() <= 1);
}

#[tokio::test]
async fn an_operator_sees_totals_before_and_after() {
    let house = House::new(MEMBERS).await;
    let purchase = house.accepted(EditionChoice::Next).await;
    let view = async |id: &PurchaseId| {
        let mut shares = actions::of_purchase(&house.ctx, &house.operator, id.clone(), &window(&house)).await.unwrap();
        let page = house.ctx.cursors.page(&window(&house), std::mem::take(&mut shares.payouts), |p| p.id.as_str());
        SharesView::of(id.clone(), shares.sale.take(), shares, page.map(ShareView::from))
    };
    let before = view(&purchase.id).await;
    assert_eq!((before.to_share, before.shares_entered, before.items.len()), (None, 0, 0));
    let sold = sold(&house, MEMBERS).await;
    run(&house.ctx, &sold.id).await.unwrap();
    let after = view(&sold.id).await;
    assert_eq!(after.paid_out, after.to_share);
    assert_eq!((after.members, after.shares_entered), (Some(7), 7));
}

#[tokio::test]
async fn an_unknown_purchase_has_no_shares() {
    let house = House::new(1).await;
    let id = PurchaseId::new(house.ctx.clock.now(), &house.ctx.entropy);
    assert_eq!(run(&house.ctx, &id).await.unwrap_err().code(), Code::NotFound);
}

#[tokio::test]
async fn a_share_that_is_missing_or_too_much_shows() {
    let house = House::new(MEMBERS).await;
    let purchase = sold(&house, MEMBERS).await;
    run(&house.ctx, &purchase.id).await.unwrap();
    let (id, member) = (purchase.id.clone(), house.operator.account_id.clone());
    house
        .change(move |tx| {
            let mut forged = store::of_purchase(tx, &id, None, 1)?.remove(0);
            let (debit, credit) = {
                let purchase = crate::purchases::steps::purchase(tx, &id)?;
                let kind = crate::ledger::model::LedgerKind::PoolRevenue;
                let revenue = crate::purchases::steps::account(tx, &purchase, kind)?;
                let kind = crate::ledger::model::LedgerKind::MemberPayable;
                (revenue, crate::ledger::steps::account(tx, kind, member.as_str(), "USD")?)
            };
            forged.transfer_id = crate::ledger::steps::post(tx, &debit, &credit, 5, "forged", "")?;
            forged.id = crate::ids::PayoutId::new(tx.now(), tx.entropy());
            forged.member_id = member.clone();
            store::insert(tx, &forged)
        })
        .await;
    let faults = faults(&house).await.join("; ");
    for part in ["below zero", "pays out more", "not what the books say"] {
        assert!(faults.contains(part), "{part} is missing in {faults}");
    }
}
