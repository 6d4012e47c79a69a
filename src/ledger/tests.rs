//! The books under random work, against a plain model of what they should say.

use super::model::{Balance, LedgerKind};
use super::steps;
use crate::context::Context;
use crate::db::Tx;
use crate::error::{Code, Result};
use crate::ids::{LedgerAccountId, TransferId};
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
    let amount = prop_oneof![1..5i64, 1..1_000_000i64, Just(crate::money::MAX_MINOR)];
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
                assert_eq!(done.is_ok(), *open, "a promise is resolved once");
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
            let fee = steps::account(tx, LedgerKind::Fee, "pool_1", "USD")?;
            let euro = steps::account(tx, LedgerKind::Fee, "pool_1", "EUR")?;
            for amount in [0, -1, i64::MIN, i64::MAX] {
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
