//! What other slices write into the books, inside their transaction.

use super::model::{Balance, LedgerAccount, LedgerKind, Replay, Transfer, TransferKind};
use super::store;
use crate::db::{Db, Tx};
use crate::error::{Error, Result};
use crate::ids::{LedgerAccountId, TransferId};
use crate::money::MAX_MINOR;
use diesel::result::{DatabaseErrorKind, Error as Diesel};
use std::collections::{BTreeMap, BTreeSet};

/// Rows of the journal that are read at a time when all of it is checked.
const STRETCH: i64 = 5_000;

/// Finds the account of a kind, owner and currency, or makes it.
///
/// # Errors
/// `internal` where the database fails.
pub fn account(tx: &mut Tx, kind: LedgerKind, owner_id: &str, currency: &str) -> Result<LedgerAccountId> {
    if let Some(id) = store::account_of(tx, kind, owner_id, currency)? {
        return Ok(id);
    }
    let id = LedgerAccountId::new(tx.now(), tx.entropy());
    let new = LedgerAccount { id: id.clone(), kind, owner_id: owner_id.into(), currency: currency.into() };
    match tx.savepoint(|tx| store::insert_account(tx, &new)) {
        Ok(()) => Ok(id),
        // Another write made it after this one's snapshot was taken; only a new attempt can see it.
        Err(raced) if raced.is_unique_violation() => Err(Error::internal(Diesel::DatabaseError(
            DatabaseErrorKind::SerializationFailure,
            Box::new(format!("another write has just made the {kind} account of {owner_id}")),
        ))),
        Err(error) => Err(error),
    }
}

/// Finds the account of a kind, owner and currency, if there is one.
///
/// # Errors
/// `internal` where the database fails.
pub fn find(db: &mut Db, kind: LedgerKind, owner_id: &str, currency: &str) -> Result<Option<LedgerAccountId>> {
    store::account_of(db, kind, owner_id, currency)
}

/// Moves an amount for good.
///
/// # Errors
/// `internal` where the amount is not positive or the two accounts do not fit: callers check first.
pub fn post(
    tx: &mut Tx,
    debit: &LedgerAccountId,
    credit: &LedgerAccountId,
    amount_minor: i64,
    subject_id: &str,
    memo: &str,
) -> Result<TransferId> {
    enter(tx, TransferKind::Posted, debit, credit, amount_minor, subject_id, memo)
}

/// Promises an amount. Resolve it by [`post_pending`] or [`void_pending`].
///
/// # Errors
/// As [`post`].
pub fn pend(
    tx: &mut Tx,
    debit: &LedgerAccountId,
    credit: &LedgerAccountId,
    amount_minor: i64,
    subject_id: &str,
    memo: &str,
) -> Result<TransferId> {
    enter(tx, TransferKind::Pending, debit, credit, amount_minor, subject_id, memo)
}

/// Fulfils a promise.
///
/// # Errors
/// `conflict` where it is already resolved or was no promise, `not-found` where there is none.
pub fn post_pending(tx: &mut Tx, id: &TransferId) -> Result<TransferId> {
    resolve(tx, id, TransferKind::Posted)
}

/// Takes a promise back.
///
/// # Errors
/// As [`post_pending`].
pub fn void_pending(tx: &mut Tx, id: &TransferId) -> Result<TransferId> {
    resolve(tx, id, TransferKind::Voided)
}

/// Promises about a subject that are not resolved.
///
/// # Errors
/// `internal` where the database fails.
pub fn pending_of(db: &mut Db, subject_id: &str) -> Result<Vec<Transfer>> {
    let mut rows = store::of_subject(db, subject_id)?;
    let resolved: BTreeSet<TransferId> = rows.iter().filter_map(|row| row.resolves_id.clone()).collect();
    rows.retain(|row| row.kind == TransferKind::Pending && !resolved.contains(&row.id));
    Ok(rows)
}

/// What an account's transfers about one subject add up to.
///
/// # Errors
/// `internal` where the database fails.
pub fn balance_about(db: &mut Db, account: &LedgerAccountId, subject_id: &str) -> Result<Balance> {
    let mut replay = Replay::default();
    for row in store::of_subject(db, subject_id)? {
        replay.add(&row)?;
    }
    Ok(replay.balances().get(account).copied().unwrap_or_default())
}

/// What moved from one account to another for good about one subject, the oldest first.
///
/// # Errors
/// `internal` where the database fails.
pub fn moved(
    db: &mut Db,
    debit: &LedgerAccountId,
    credit: &LedgerAccountId,
    subject_id: &str,
) -> Result<Vec<Transfer>> {
    let mut rows = store::of_subject(db, subject_id)?;
    rows.retain(|row| {
        row.kind == TransferKind::Posted && row.debit_account_id == *debit && row.credit_account_id == *credit
    });
    Ok(rows)
}

/// What an account's transfers add up to.
///
/// # Errors
/// `internal` where the database fails.
pub fn balance(db: &mut Db, account: &LedgerAccountId) -> Result<Balance> {
    store::balance(db, account)
}

/// Reads the whole journal and says what does not hold, one sentence for each fault. Nothing said
/// means: debits equal credits in every currency, each transfer stays in one currency, every promise
/// is resolved at most once and by what fits it, nobody was paid more than there was for them, and
/// the balances by query are those of the journal read row by row.
///
/// # Errors
/// `internal` where the database fails.
pub fn verify(db: &mut Db) -> Result<Vec<String>> {
    let accounts: BTreeMap<_, _> = store::accounts(db)?.into_iter().map(|a| (a.id.clone(), a)).collect();
    let (mut replay, mut problems) = (Replay::default(), Vec::new());
    let mut after = None;
    loop {
        let rows = store::journal(db, after.as_ref(), STRETCH)?;
        for row in &rows {
            replay.add(row)?;
            let currencies = [&row.debit_account_id, &row.credit_account_id].map(|id| accounts.get(id));
            if currencies[0].map(|a| &a.currency) != currencies[1].map(|a| &a.currency) {
                problems.push(format!("{} moves money between two currencies", row.id));
            }
        }
        match rows.last() {
            Some(last) => after = Some(last.id.clone()),
            None => break,
        }
    }
    problems.extend(replay.misfits());
    let mut sums: BTreeMap<&str, (i128, i128)> = BTreeMap::new();
    for (id, balance) in replay.balances() {
        let Some(account) = accounts.get(id) else {
            problems.push(format!("the journal names {id}, which is no account"));
            continue;
        };
        let sum = sums.entry(&account.currency).or_default();
        sum.0 += i128::from(balance.debits_minor);
        sum.1 += i128::from(balance.credits_minor);
        problems.extend(faults_of(account, balance));
        if store::balance(db, id)? != *balance {
            problems.push(format!("the balance of {id} by query is not what its journal says"));
        }
    }
    for (currency, (debits, credits)) in sums {
        if debits != credits {
            problems.push(format!("in {currency} the debits are {debits} and the credits {credits}"));
        }
    }
    Ok(problems)
}

pub(super) fn faults_of(account: &LedgerAccount, balance: &Balance) -> Vec<String> {
    let (id, kind) = (&account.id, account.kind);
    let mut faults = Vec::new();
    if !kind.may_owe() && balance.in_credit_minor() < 0 {
        faults.push(format!("{id} ({kind}) lies {} below zero", -balance.in_credit_minor()));
    }
    if balance.pending_debits_minor < 0 || balance.pending_credits_minor < 0 {
        faults.push(format!("{id} ({kind}) has more resolved than was ever promised"));
    }
    faults
}

fn enter(
    tx: &mut Tx,
    kind: TransferKind,
    debit: &LedgerAccountId,
    credit: &LedgerAccountId,
    amount_minor: i64,
    subject_id: &str,
    memo: &str,
) -> Result<TransferId> {
    if !(1..=2 * MAX_MINOR).contains(&amount_minor) {
        return Err(Error::internal(format!("{amount_minor} is no amount for a transfer about {subject_id}")));
    }
    let missing = |id: &LedgerAccountId| Error::internal(format!("there is no account {id}"));
    let from = store::account(tx, debit)?.ok_or_else(|| missing(debit))?;
    let to = store::account(tx, credit)?.ok_or_else(|| missing(credit))?;
    if from.id == to.id || from.currency != to.currency {
        return Err(Error::internal(format!("{debit} and {credit} cannot stand in one transfer")));
    }
    let row = Transfer {
        id: TransferId::new(tx.now(), tx.entropy()),
        debit_account_id: from.id,
        credit_account_id: to.id,
        amount_minor,
        kind,
        resolves_id: None,
        subject_id: subject_id.into(),
        memo: memo.into(),
        created_at: tx.now(),
    };
    store::insert_transfer(tx, &row)?;
    Ok(row.id)
}

fn resolve(tx: &mut Tx, id: &TransferId, kind: TransferKind) -> Result<TransferId> {
    let promise = store::transfer(tx, id)?.ok_or_else(|| Error::not_found("transfer"))?;
    if promise.kind != TransferKind::Pending {
        return Err(Error::conflict(format!("{id} is no pending transfer; there is nothing to resolve.")));
    }
    let row = Transfer {
        id: TransferId::new(tx.now(), tx.entropy()),
        kind,
        resolves_id: Some(promise.id.clone()),
        created_at: tx.now(),
        ..promise
    };
    match tx.savepoint(|tx| store::insert_transfer(tx, &row)) {
        Ok(()) => Ok(row.id),
        Err(taken) if taken.is_unique_violation() => {
            Err(Error::conflict(format!("The pending transfer {id} is already resolved.")).because(taken))
        }
        Err(error) => Err(error),
    }
}
