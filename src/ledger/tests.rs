//! The books under random work, against a plain model of what they should say.

use super::model::{Balance, LedgerAccount, LedgerKind, Replay, Transfer, TransferKind};
use super::{steps, store};
use crate::clock::UtcTime;
use crate::context::Context;
use crate::db::Tx;
use crate::error::{Code, Result};
use crate::ids::{LedgerAccountId, TransferId};
use crate::money::MAX_MINOR;
use diesel::connection::SimpleConnection;
use proptest::prelude::*;

/// One thing done to the books; accounts and promises by number.
#[derive(Debug, Clone)]
enum Act {
    Post { from: usize, to: usize, amount_minor: i64 },
    Pend { from: usize, to: usize, amount_minor: i64 },
    Resolve { promise: usize, post: bool },
}

/// A promise as the model keeps it.
struct Promise {
    id: TransferId,
    from: usize,
    to: usize,
    amount_minor: i64,
    open: bool,
}

fn acts() -> impl Strategy<Value = Vec<Act>> {
    let amount = prop_oneof![1..5i64, 1..1_000_000i64, Just(MAX_MINOR)];
    let act = prop_oneof![
        (0..3usize, 0..3usize, amount.clone()).prop_map(|(from, to, amount_minor)| Act::Post {
            from,
            to,
            amount_minor
        }),
        (0..3usize, 0..3usize, amount).prop_map(|(from, to, amount_minor)| Act::Pend { from, to, amount_minor }),
        (0..12usize, any::<bool>()).prop_map(|(promise, post)| Act::Resolve { promise, post }),
    ];
    proptest::collection::vec(act, 1..40)
}

/// Three accounts that may go either way, so that any transfer between them is sound.
fn three_accounts(tx: &mut Tx) -> Result<Vec<LedgerAccountId>> {
    ["org_1", "org_2", "org_3"].iter().map(|o| steps::account(tx, LedgerKind::BuyerReceivable, o, "USD")).collect()
}

/// Does the acts, checks each answer against the model, and returns the balances that the model says.
fn play(tx: &mut Tx, acts: &[Act]) -> Result<Vec<(LedgerAccountId, Balance)>> {
    let ids = three_accounts(tx)?;
    let mut model = vec![Balance::default(); 3];
    let mut promises: Vec<Promise> = Vec::new();
    for act in acts {
        match *act {
            Act::Post { from, to, amount_minor } => {
                let done = steps::post(tx, &ids[from], &ids[to], amount_minor, "purchase_1", "");
                assert_eq!(done.is_ok(), from != to);
                if from != to {
                    model[from].debits_minor += amount_minor;
                    model[to].credits_minor += amount_minor;
                }
            }
            Act::Pend { from, to, amount_minor } => {
                if let Ok(id) = steps::pend(tx, &ids[from], &ids[to], amount_minor, "purchase_1", "") {
                    model[from].pending_debits_minor += amount_minor;
                    model[to].pending_credits_minor += amount_minor;
                    promises.push(Promise { id, from, to, amount_minor, open: true });
                }
            }
            Act::Resolve { promise, post } => {
                let Some(Promise { id, from, to, amount_minor, open }) = promises.get_mut(promise) else { continue };
                let done = if post { steps::post_pending(tx, id) } else { steps::void_pending(tx, id) };
                let refused = done.err().map(|error| error.code());
                assert_eq!(refused, (!*open).then_some(Code::Conflict), "a promise is resolved once");
                if !std::mem::take(open) {
                    continue;
                }
                model[*from].pending_debits_minor -= *amount_minor;
                model[*to].pending_credits_minor -= *amount_minor;
                if post {
                    model[*from].debits_minor += *amount_minor;
                    model[*to].credits_minor += *amount_minor;
                }
            }
        }
    }
    let open: Vec<_> = promises.iter().filter(|p| p.open).map(|p| p.id.clone()).collect();
    let mut found: Vec<_> = steps::pending_of(tx, "purchase_1")?.into_iter().map(|t| t.id).collect();
    found.sort();
    assert_eq!(found, {
        let mut sorted = open;
        sorted.sort();
        sorted
    });
    Ok(ids.into_iter().zip(model).collect())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn whatever_is_done_the_books_agree_with_the_model_and_with_themselves(acts in acts()) {
        let (ctx, _guard) = Context::for_tests();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async move {
            ctx.db.write(move |tx| {
                let model = play(tx, &acts)?;
                for (id, balance) in model {
                    assert_eq!(steps::balance(tx, &id)?, balance);
                }
                assert_eq!(steps::verify(tx)?, Vec::<String>::new());
                Ok(())
            }).await.unwrap();
        });
    }
}

#[tokio::test]
async fn an_account_is_made_once_and_amounts_and_currencies_are_guarded() {
    let (ctx, _guard) = Context::for_tests();
    ctx.db
        .write(|tx| {
            let bank = steps::account(tx, LedgerKind::Bank, "pool_1", "USD")?;
            assert_eq!(bank, steps::account(tx, LedgerKind::Bank, "pool_1", "USD")?);
            assert_eq!(steps::find(tx, LedgerKind::Bank, "pool_1", "USD")?, Some(bank.clone()));
            assert_eq!(steps::find(tx, LedgerKind::Bank, "pool_2", "USD")?, None);
            let fee = steps::account(tx, LedgerKind::Fee, "pool_1", "USD")?;
            let euro = steps::account(tx, LedgerKind::Fee, "pool_1", "EUR")?;
            // A price and the tax on it, which is no more than the price.
            steps::post(tx, &bank, &fee, 2 * MAX_MINOR, "s", "")?;
            for amount in [0, -1, i64::MIN, i64::MAX, 2 * MAX_MINOR + 1] {
                assert!(steps::post(tx, &bank, &fee, amount, "s", "").is_err());
                assert!(steps::pend(tx, &bank, &fee, amount, "s", "").is_err());
            }
            assert!(steps::post(tx, &bank, &euro, 1, "s", "").is_err(), "two currencies");
            let posted = steps::post(tx, &bank, &fee, 1, "s", "")?;
            assert_eq!(steps::post_pending(tx, &posted).unwrap_err().code(), Code::Conflict);
            assert_eq!(steps::verify(tx)?, Vec::<String>::new());
            Ok(())
        })
        .await
        .unwrap();
}

#[tokio::test]
async fn paying_out_more_than_there_is_shows() {
    let (ctx, _guard) = Context::for_tests();
    let problems = ctx
        .db
        .write(|tx| {
            let revenue = steps::account(tx, LedgerKind::PoolRevenue, "pool_1", "USD")?;
            let member = steps::account(tx, LedgerKind::MemberPayable, "acct_1", "USD")?;
            steps::post(tx, &revenue, &member, 7, "purchase_1", "share")?;
            steps::verify(tx)
        })
        .await
        .unwrap();
    assert_eq!(problems.len(), 1);
    assert!(problems[0].contains("lies 7 below zero"), "{problems:?}");
}

#[tokio::test]
async fn what_is_paid_out_to_the_last_is_no_fault_and_subjects_are_told_apart() {
    let (ctx, _guard) = Context::for_tests();
    ctx.db
        .write(|tx| {
            let buyer = steps::account(tx, LedgerKind::BuyerReceivable, "org_1", "USD")?;
            let revenue = steps::account(tx, LedgerKind::PoolRevenue, "pool_1", "USD")?;
            let member = steps::account(tx, LedgerKind::MemberPayable, "acct_1", "USD")?;
            steps::post(tx, &buyer, &revenue, 7, "purchase_1", "price")?;
            steps::post(tx, &revenue, &member, 7, "purchase_1", "share")?;
            assert_eq!(steps::verify(tx)?, Vec::<String>::new(), "nothing is left, and nothing is missing");
            steps::pend(tx, &buyer, &revenue, 5, "purchase_2", "price")?;
            let about = |tx: &mut Tx, subject: &str| steps::balance_about(tx, &revenue, subject);
            let first = Balance { debits_minor: 7, credits_minor: 7, ..Balance::default() };
            assert_eq!(about(tx, "purchase_1")?, first);
            assert_eq!(about(tx, "purchase_2")?, Balance { pending_credits_minor: 5, ..Balance::default() });
            assert_eq!(about(tx, "purchase_3")?, Balance::default());
            Ok(())
        })
        .await
        .unwrap();
}

#[tokio::test]
async fn a_promise_is_fulfilled_when_it_is_fulfilled_and_not_when_it_was_made() {
    let (ctx, _guard) = Context::for_tests();
    let promised = ctx.db.write(|tx| {
        let [from, to, _] = three_accounts(tx)?.try_into().expect("there are three");
        steps::pend(tx, &from, &to, 7, "purchase_1", "")
    });
    let promised = promised.await.unwrap();
    let later = ctx.clock.advance_s(60).unwrap();
    let posted = ctx.db.write(move |tx| {
        let id = steps::post_pending(tx, &promised)?;
        Ok(store::transfer(tx, &id)?.expect("it was just entered"))
    });
    let posted = posted.await.unwrap();
    assert_eq!((posted.created_at, posted.kind), (later, TransferKind::Posted));
}

/// What another server's write between two of ours does, done by the database itself; and a failure that is none.
#[tokio::test]
async fn an_account_that_another_write_has_just_made_is_tried_for_again_and_other_failures_are_told_as_they_are() {
    const RACE: &str = "CREATE TRIGGER race BEFORE INSERT ON ledger_accounts WHEN NEW.owner_id = 'raced' BEGIN
        INSERT INTO ledger_accounts (id, kind, owner_id, currency, created_at)
            VALUES ('of another', NEW.kind, NEW.owner_id, NEW.currency, NEW.created_at); END;
        CREATE TRIGGER broken BEFORE INSERT ON ledger_accounts WHEN NEW.owner_id = 'broken' BEGIN
            SELECT RAISE(ABORT, 'the disk has a fault'); END;
        CREATE TRIGGER torn BEFORE INSERT ON transfers WHEN NEW.resolves_id IS NOT NULL BEGIN
            SELECT RAISE(ABORT, 'the disk has a fault'); END;";
    let (ctx, _guard) = Context::for_tests();
    ctx.db
        .write(|tx| {
            tx.batch_execute(RACE)?;
            let mut cause = |owner: &str| {
                let error = steps::account(tx, LedgerKind::Fee, owner, "USD").unwrap_err();
                error.cause().map(ToString::to_string).unwrap_or_default()
            };
            assert!(cause("raced").contains("another write has just made"), "{}", cause("raced"));
            assert!(cause("broken").contains("the disk has a fault"), "{}", cause("broken"));
            let [from, to, _] = three_accounts(tx)?.try_into().expect("there are three");
            let promised = steps::pend(tx, &from, &to, 7, "purchase_1", "")?;
            assert_eq!(steps::void_pending(tx, &promised).unwrap_err().code(), Code::Internal);
            Ok(())
        })
        .await
        .unwrap();
}

/// A journal that no write of ours can come to: somebody else has written into it.
#[test]
fn a_damaged_journal_is_told_fault_by_fault() {
    let id = |text: &str| LedgerAccountId::parse(text).unwrap();
    let [from, to] = ["ledger_01jd2k8m0wfv9s3x6q4r7t5y2z", "ledger_01jd2k8m0wfv9s3x6q4r7t5y3z"].map(id);
    let transfer = |number: u32, kind: TransferKind, resolves: Option<u32>, amount_minor: i64| {
        let named = |number: u32| TransferId::parse(&format!("transfer_01jd2k8m0wfv9s3x6q4r7t{number:04}")).unwrap();
        Transfer {
            id: named(number),
            debit_account_id: from.clone(),
            credit_account_id: to.clone(),
            amount_minor,
            kind,
            resolves_id: resolves.map(named),
            subject_id: "purchase_1".into(),
            memo: String::new(),
            created_at: UtcTime::from_unix_s(0).unwrap(),
        }
    };
    let misfits = |rows: &[Transfer]| {
        let mut replay = Replay::default();
        rows.iter().for_each(|row| replay.add(row).unwrap());
        replay.misfits()
    };
    use TransferKind::{Pending, Posted, Voided};
    let promise = transfer(1, Pending, None, 7);
    assert_eq!(misfits(&[promise.clone(), transfer(2, Posted, Some(1), 7)]), Vec::<String>::new());
    let other_amount = misfits(&[promise.clone(), transfer(2, Posted, Some(1), 8)]);
    assert!(other_amount[0].contains("does not fit it") && other_amount.len() == 1, "{other_amount:?}");
    let twice = misfits(&[promise, transfer(2, Posted, Some(1), 7), transfer(3, Voided, Some(1), 7)]);
    assert!(twice[0].contains("is resolved twice") && twice.len() == 1, "{twice:?}");
    assert_eq!(misfits(&[transfer(2, Voided, Some(1), 7)]).len(), 1, "never pending");

    let account = |kind| LedgerAccount {
        id: id("ledger_01jd2k8m0wfv9s3x6q4r7t5y2z"),
        kind,
        owner_id: "o".into(),
        currency: "USD".into(),
    };
    let faults = |kind, balance: Balance| steps::faults_of(&account(kind), &balance).len();
    let balance = Balance::default();
    assert_eq!(faults(LedgerKind::Fee, balance), 0);
    assert_eq!(faults(LedgerKind::Fee, Balance { debits_minor: 1, ..balance }), 1);
    assert_eq!(faults(LedgerKind::Bank, Balance { debits_minor: 1, ..balance }), 0, "a bank account may owe");
    assert_eq!(faults(LedgerKind::Fee, Balance { pending_debits_minor: -1, ..balance }), 1);
    assert_eq!(faults(LedgerKind::Fee, Balance { pending_credits_minor: -1, ..balance }), 1);
}
