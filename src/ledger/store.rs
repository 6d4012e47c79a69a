//! Queries on accounts and transfers.

use super::model::{Balance, LedgerAccount, LedgerKind, Transfer, TransferKind};
use crate::db::schema::{ledger_accounts, transfers};
use crate::db::{Db, Tx};
use crate::error::Result;
use crate::ids::{LedgerAccountId, TransferId};
use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::sql_types::BigInt;

pub fn account(db: &mut Db, id: &LedgerAccountId) -> Result<Option<LedgerAccount>> {
    Ok(ledger_accounts::table.find(id).select(LedgerAccount::as_select()).first(db).optional()?)
}

pub fn account_of(db: &mut Db, kind: LedgerKind, owner_id: &str, currency: &str) -> Result<Option<LedgerAccountId>> {
    Ok(ledger_accounts::table
        .filter(ledger_accounts::kind.eq(kind))
        .filter(ledger_accounts::owner_id.eq(owner_id).and(ledger_accounts::currency.eq(currency)))
        .select(ledger_accounts::id)
        .first(db)
        .optional()?)
}

pub fn accounts(db: &mut Db) -> Result<Vec<LedgerAccount>> {
    Ok(ledger_accounts::table.order(ledger_accounts::id).select(LedgerAccount::as_select()).load(db)?)
}

pub fn insert_account(tx: &mut Tx, account: &LedgerAccount) -> Result<()> {
    let now = tx.now();
    diesel::insert_into(ledger_accounts::table)
        .values((
            ledger_accounts::id.eq(&account.id),
            ledger_accounts::kind.eq(account.kind),
            ledger_accounts::owner_id.eq(&account.owner_id),
            ledger_accounts::currency.eq(&account.currency),
            ledger_accounts::created_at.eq(now),
        ))
        .execute(&mut **tx)?;
    Ok(())
}

pub fn transfer(db: &mut Db, id: &TransferId) -> Result<Option<Transfer>> {
    Ok(transfers::table.find(id).select(Transfer::as_select()).first(db).optional()?)
}

pub fn insert_transfer(db: &mut Db, row: &Transfer) -> Result<()> {
    diesel::insert_into(transfers::table)
        .values((
            transfers::id.eq(&row.id),
            transfers::debit_account_id.eq(&row.debit_account_id),
            transfers::credit_account_id.eq(&row.credit_account_id),
            transfers::amount_minor.eq(row.amount_minor),
            transfers::kind.eq(row.kind),
            transfers::resolves_id.eq(&row.resolves_id),
            transfers::subject_id.eq(&row.subject_id),
            transfers::memo.eq(&row.memo),
            transfers::created_at.eq(row.created_at),
        ))
        .execute(db)?;
    Ok(())
}

/// Every row about a subject, in the order in which they were written.
pub fn of_subject(db: &mut Db, subject_id: &str) -> Result<Vec<Transfer>> {
    Ok(transfers::table
        .filter(transfers::subject_id.eq(subject_id))
        .order((transfers::created_at, transfers::id))
        .select(Transfer::as_select())
        .load(db)?)
}

/// A stretch of the journal by id, for reading all of it piece by piece.
pub fn journal(db: &mut Db, after: Option<&TransferId>, limit: i64) -> Result<Vec<Transfer>> {
    let mut query = transfers::table.select(Transfer::as_select()).order(transfers::id).limit(limit).into_boxed();
    if let Some(after) = after {
        query = query.filter(transfers::id.gt(after.clone()));
    }
    Ok(query.load(db)?)
}

pub fn balance(db: &mut Db, account: &LedgerAccountId) -> Result<Balance> {
    let amounts = || sql::<BigInt>("cast(coalesce(sum(amount_minor), 0) as bigint)");
    let posted = transfers::kind.eq(TransferKind::Posted);
    let (pending, resolving) = (transfers::kind.eq(TransferKind::Pending), transfers::resolves_id.is_not_null());
    let debits = || transfers::table.filter(transfers::debit_account_id.eq(account)).select(amounts());
    let credits = || transfers::table.filter(transfers::credit_account_id.eq(account)).select(amounts());
    let promised: i64 = debits().filter(pending).first(db)?;
    let resolved: i64 = debits().filter(resolving).first(db)?;
    let credit_promised: i64 = credits().filter(pending).first(db)?;
    let credit_resolved: i64 = credits().filter(resolving).first(db)?;
    Ok(Balance {
        debits_minor: debits().filter(posted).first(db)?,
        credits_minor: credits().filter(posted).first(db)?,
        pending_debits_minor: promised - resolved,
        pending_credits_minor: credit_promised - credit_resolved,
    })
}
