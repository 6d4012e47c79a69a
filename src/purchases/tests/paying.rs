use crate::accounts::caller::Buyer;
use crate::clock::UtcTime;
use crate::db::Db;
use crate::error::{Code, Result};
use crate::ids::OfferId;
use crate::ledger;
use crate::ledger::model::{Balance, LedgerKind};
use crate::money::{MAX_MINOR, Money};
use crate::offers::model::{EditionChoice, OfferState};
use crate::page::PageQuery;
use crate::purchases::actions;
use crate::purchases::fixture::{House, PRICE_MINOR};
use crate::purchases::invoice::Form;
use crate::purchases::licence::LicenceState;
use crate::purchases::model::PurchaseState;
use crate::purchases::routes;
use crate::queue::JobKind;
use actix_web::test::TestRequest;
use actix_web::web::{Data, Path};
use std::sync::Arc;

const FEE_MINOR: i64 = 100_000;
const TAX_MINOR: i64 = 70_000;
const TOTAL_MINOR: i64 = PRICE_MINOR + TAX_MINOR;

async fn balance(house: &House, kind: LedgerKind) -> Balance {
    let owner = match kind {
        LedgerKind::BuyerReceivable => house.buyer.organisation_id.to_string(),
        _ => house.pool_id.to_string(),
    };
    let read = house.ctx.db.read(move |db: &mut Db| {
        let id = ledger::steps::find(db, kind, &owner, "USD")?.expect("there is such an account");
        ledger::steps::balance(db, &id)
    });
    read.await.unwrap()
}

async fn offer_state(house: &House, id: &OfferId) -> OfferState {
    let id = id.clone();
    house.ctx.db.read(move |db| crate::offers::steps::offer(db, &id)).await.unwrap().state
}

#[tokio::test]
async fn an_accepted_offer_is_invoiced_and_promised_in_the_books() {
    let house = House::new(3).await;
    let purchase = house.accepted(EditionChoice::Next).await;
    assert_eq!(purchase.state, PurchaseState::Invoiced);
    assert_eq!((purchase.fee_minor, purchase.tax_minor), (FEE_MINOR, TAX_MINOR));
    assert_eq!(purchase.due_at, purchase.issued_at.plus_days(14));
    assert!(purchase.invoice_number.starts_with("R-2026-000001-"), "{}", purchase.invoice_number);
    let receivable = balance(&house, LedgerKind::BuyerReceivable).await;
    assert_eq!((receivable.pending_debits_minor, receivable.debits_minor), (TOTAL_MINOR, 0));
    assert_eq!(house.jobs(JobKind::LapseOffer).await, [(purchase.offer_id.to_string(), purchase.due_at)]);
    assert_eq!(house.events("invoice.issued").await, 1);
    assert_eq!(house.faults().await, Vec::<String>::new());
    let second = house.accepted(EditionChoice::Next).await;
    assert!(second.invoice_number.starts_with("R-2026-000002-"), "{}", second.invoice_number);
}

#[tokio::test]
async fn the_invoice_names_everybody_and_takes_an_order_number_until_it_is_settled() {
    let house = House::new(3).await;
    let purchase = house.accepted(EditionChoice::Next).await;
    let (id, caller) = (purchase.id.clone(), house.caller(&house.buyer));
    actions::set_po_number(&house.ctx, &house.buyer, id.clone(), "PO 1").await.unwrap();
    actions::set_po_number(&house.ctx, &house.buyer, id.clone(), "PO <2>").await.unwrap();
    let invoice = actions::invoice(&house.ctx, &caller, id.clone()).await.unwrap();
    assert_eq!(invoice.total, Money::new(TOTAL_MINOR, "USD"));
    assert_eq!(invoice.lines.iter().map(|line| line.amount.amount_minor).sum::<i64>(), TOTAL_MINOR);
    let html = invoice.render(Form::Html).unwrap();
    for part in ["Northwind &amp; Sons", "PO &lt;2&gt;", "Tax, 7 % of the price", "NL0012", "USD 10,700.03"] {
        assert!(html.contains(part), "{part} is missing in {html}");
    }
    house.settle(&purchase).await.unwrap();
    let paid = actions::invoice(&house.ctx, &caller, id.clone()).await.unwrap();
    assert_eq!((paid.paid_at, paid.is_void), (Some(house.ctx.clock.now()), false));
    let late = actions::set_po_number(&house.ctx, &house.buyer, id, "PO 3").await;
    assert_eq!(late.unwrap_err().code(), Code::Conflict);
}

#[tokio::test]
async fn the_invoice_comes_in_the_form_that_is_liked_best() {
    let house = House::new(3).await;
    let purchase = house.accepted(EditionChoice::Next).await;
    let ask = async |accept: Option<&str>| {
        let mut request = TestRequest::default();
        if let Some(accept) = accept {
            request = request.insert_header(("accept", accept));
        }
        let (ctx, id) = (Data::new(house.ctx.clone()), Path::from(purchase.id.clone()));
        let answer = routes::invoice(house.caller(&house.buyer), ctx, id, request.to_http_request()).await;
        answer
            .map(|answer| answer.headers().get("content-type").unwrap().to_str().unwrap().to_owned())
            .map_err(|e| e.code())
    };
    let browser = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";
    assert_eq!(ask(None).await.unwrap(), "application/json");
    assert_eq!(ask(Some("*/*")).await.unwrap(), "application/json");
    assert_eq!(ask(Some(browser)).await.unwrap(), "text/html; charset=utf-8");
    assert_eq!(ask(Some("application/json;q=0.1, text/plain")).await.unwrap(), "text/plain; charset=utf-8");
    assert_eq!(ask(Some("application/json;q=0, text/html;q=0.1")).await.unwrap(), "text/html; charset=utf-8");
    for refused in ["image/png", "application/json;q=0"] {
        assert_eq!(ask(Some(refused)).await.unwrap_err(), Code::NotAcceptable);
    }
}

#[tokio::test]
async fn a_purchase_is_nobody_elses_business() {
    let house = House::new(3).await;
    let purchase = house.accepted(EditionChoice::Next).await;
    let stranger: Buyer = house.stranger().await;
    let (id, other) = (purchase.id.clone(), house.caller(&stranger));
    assert_eq!(actions::read(&house.ctx, &other, id.clone()).await.unwrap_err().code(), Code::NotFound);
    assert_eq!(actions::invoice(&house.ctx, &other, id.clone()).await.unwrap_err().code(), Code::NotFound);
    let renamed = actions::set_po_number(&house.ctx, &stranger, id.clone(), "mine").await;
    assert_eq!(renamed.unwrap_err().code(), Code::NotFound);
    let member = house.member_caller();
    assert_eq!(actions::read(&house.ctx, &member, id.clone()).await.unwrap_err().code(), Code::Forbidden);
    let window = house.ctx.cursors.window(&PageQuery::default(), "purchases").unwrap();
    assert!(actions::list(&house.ctx, &other, None, &window).await.unwrap().is_empty());
    for sees in [house.caller(&house.buyer), house.operator_caller()] {
        assert_eq!(actions::list(&house.ctx, &sees, None, &window).await.unwrap()[0].purchase.id, id);
    }
}

#[tokio::test]
async fn only_the_exact_total_in_the_right_currency_settles() {
    let house = House::new(3).await;
    let purchase = house.accepted(EditionChoice::Next).await;
    for amount in [0, -1, 1, TOTAL_MINOR - 1, TOTAL_MINOR + 1, -TOTAL_MINOR, MAX_MINOR, i64::MAX, i64::MIN] {
        let refused = house.pay(&purchase, Money::new(amount, "USD")).await.unwrap_err();
        assert_eq!(refused.code(), Code::Invalid, "{amount}");
        assert!(refused.detail().contains("exactly USD 10,700.03"), "{}", refused.detail());
    }
    let euros = house.pay(&purchase, Money::new(TOTAL_MINOR, "EUR")).await.unwrap_err();
    assert_eq!(euros.code(), Code::Invalid);
    assert_eq!(house.purchase(&purchase.id).await.state, PurchaseState::Invoiced);
    assert_eq!(balance(&house, LedgerKind::BuyerReceivable).await.pending_debits_minor, TOTAL_MINOR);
    assert_eq!(house.faults().await, Vec::<String>::new());
}

#[tokio::test]
async fn a_sale_from_stock_is_active_as_soon_as_it_is_paid() {
    let house = House::new(4).await;
    let edition = house.stock(3).await;
    let purchase = house.accepted(EditionChoice::Stock).await;
    house.settle(&purchase).await.unwrap();
    let (licence, now) = (house.licence(&purchase.id).await, house.ctx.clock.now());
    assert_eq!((licence.state, licence.edition_id), (LicenceState::Active, Some(edition)));
    assert_eq!((licence.starts_at, licence.ends_at), (Some(now), Some(now.plus_days(365))));
    assert_eq!(licence.terms_hash, crate::purchases::steps::invoice_of(&purchase).unwrap().terms_hash);
    assert_eq!(offer_state(&house, &purchase.offer_id).await, OfferState::Paid);
    assert_eq!(house.jobs(JobKind::Payout).await, [(purchase.id.to_string(), now)]);
    assert_eq!(house.jobs(JobKind::ExpireLicence).await, [(licence.id.to_string(), now.plus_days(365))]);
    assert!(house.jobs(JobKind::DrawEdition).await.is_empty());
    assert_eq!(house.events("licence.ready").await, 1);
    let (bank, receivable) =
        (balance(&house, LedgerKind::Bank).await, balance(&house, LedgerKind::BuyerReceivable).await);
    assert_eq!((bank.debits_minor, receivable.in_credit_minor()), (TOTAL_MINOR, 0));
    assert_eq!(receivable.pending_debits_minor, 0);
    assert_eq!(house.settle(&purchase).await.unwrap_err().code(), Code::Conflict);
    assert_eq!(house.faults().await, Vec::<String>::new());
}

#[tokio::test]
async fn the_same_settlement_sent_again_gets_the_first_answer() {
    let house = House::new(3).await;
    house.stock(3).await;
    let purchase = house.accepted(EditionChoice::Stock).await;
    let once = house.once(&house.operator.account_id, "settle");
    for _ in 0..3 {
        let (total, again) = (purchase.total(), once.clone());
        actions::settle(&house.ctx, &house.operator, purchase.id.clone(), total, "statement 7", again).await.unwrap();
    }
    assert_eq!(balance(&house, LedgerKind::Bank).await.debits_minor, TOTAL_MINOR);
}

#[tokio::test]
async fn an_exclusive_licence_shuts_others_out_once_it_is_paid() {
    let house = House::new(3).await;
    let until = house.ctx.clock.now().plus_days(100);
    let offer = house.offered(EditionChoice::Next, Some(until)).await;
    let purchase = house.vote(&offer).await;
    let id = house.dataset_id.clone();
    let exclusive = move |db: &mut Db| Ok(crate::datasets::steps::dataset(db, &id)?.exclusive_until);
    house.settle(&purchase).await.unwrap();
    assert_eq!(house.ctx.db.read(exclusive).await.unwrap(), Some(until));
}

#[tokio::test]
async fn who_does_not_pay_in_time_owes_nothing_and_gets_nothing() {
    let house = House::new(3).await;
    let purchase = house.accepted(EditionChoice::Next).await;
    let early: Option<UtcTime> = actions::lapse(&house.ctx, &purchase.offer_id).await.unwrap();
    assert_eq!(early, Some(purchase.due_at));
    assert_eq!(house.purchase(&purchase.id).await.state, PurchaseState::Invoiced);
    house.ctx.clock.advance_s(14 * 86_400).unwrap();
    for _ in 0..2 {
        assert_eq!(actions::lapse(&house.ctx, &purchase.offer_id).await.unwrap(), None);
    }
    assert_eq!(house.purchase(&purchase.id).await.state, PurchaseState::Lapsed);
    assert_eq!(offer_state(&house, &purchase.offer_id).await, OfferState::Lapsed);
    assert_eq!(balance(&house, LedgerKind::BuyerReceivable).await, Balance::default());
    assert_eq!(house.settle(&purchase).await.unwrap_err().code(), Code::Conflict);
    assert_eq!(house.faults().await, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_many_settlements_and_lapses_at_once_one_counts() {
    let house = Arc::new(House::new(3).await);
    house.stock(3).await;
    let purchase = house.accepted(EditionChoice::Stock).await;
    house.ctx.clock.advance_s(14 * 86_400).unwrap();
    let tries = (0..64).map(|i| {
        let (house, purchase) = (Arc::clone(&house), purchase.clone());
        tokio::spawn(async move {
            let done: Result<bool> = match i % 2 {
                0 => house.settle(&purchase).await.map(|_| true),
                _ => actions::lapse(&house.ctx, &purchase.offer_id).await.map(|_| false),
            };
            done.unwrap_or_else(|refused| {
                assert_eq!(refused.code(), Code::Conflict);
                false
            })
        })
    });
    let mut settled = 0;
    for done in tries.collect::<Vec<_>>() {
        settled += usize::from(done.await.unwrap());
    }
    let (state, offer) = (house.purchase(&purchase.id).await.state, offer_state(&house, &purchase.offer_id).await);
    match settled {
        0 => assert_eq!((state, offer), (PurchaseState::Lapsed, OfferState::Lapsed)),
        1 => assert_eq!((state, offer), (PurchaseState::Settled, OfferState::Paid)),
        more => panic!("settled {more} times"),
    }
    let paid = if settled == 1 { TOTAL_MINOR } else { 0 };
    let receivable = balance(&house, LedgerKind::BuyerReceivable).await;
    assert_eq!((receivable.debits_minor, receivable.credits_minor), (paid, paid));
    assert_eq!(house.faults().await, Vec::<String>::new());
}
