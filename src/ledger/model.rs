//! Accounts, transfers and what they add up to.

use crate::clock::UtcTime;
use crate::db::schema::{ledger_accounts, transfers};
use crate::error::{Error, Result};
use crate::ids::{LedgerAccountId, TransferId};
use crate::text_enum;
use diesel::prelude::{Queryable, Selectable};
use std::collections::BTreeMap;

text_enum! {
    /// What an account stands for. The owner of what a buyer owes is the organisation, of what is owed to a member the member,
    /// of all others the pool.
    pub enum LedgerKind {
        /// What a buyer owes. In credit where the pool owes the buyer, after a refund.
        BuyerReceivable = "buyer_receivable",
        /// Money that has arrived in the bank.
        Bank = "bank",
        /// What sales have earned the members together and was not shared out yet.
        PoolRevenue = "pool_revenue",
        /// The cooperative's fee.
        Fee = "fee",
        /// Tax that is owed to the state.
        Tax = "tax",
        /// What is owed to one member.
        MemberPayable = "member_payable",
        /// What went back to buyers of recalled editions out of the cooperative's own means, and not out of members' shares.
        RecallCosts = "recall_costs",
    }
}

text_enum! {
    /// What a row of the journal does.
    pub enum TransferKind {
        /// Promises an amount.
        Pending = "pending",
        /// Moves an amount, and fulfils the promise that it names.
        Posted = "posted",
        /// Takes back the promise that it names.
        Voided = "voided",
    }
}

impl LedgerKind {
    /// Whether the account may be debited by more than it was credited with: an asset and a cost may, what is
    /// owed to others may not, because nobody can be paid more than there is for them.
    pub fn may_owe(self) -> bool {
        matches!(self, LedgerKind::BuyerReceivable | LedgerKind::Bank | LedgerKind::RecallCosts)
    }
}

/// An account. There is one per kind, owner and currency.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable)]
#[diesel(table_name = ledger_accounts)]
#[allow(missing_docs)] // the columns say it
pub struct LedgerAccount {
    pub id: LedgerAccountId,
    pub kind: LedgerKind,
    pub owner_id: String,
    pub currency: String,
}

/// A row of the journal.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable)]
#[diesel(table_name = transfers)]
#[allow(missing_docs)] // the columns say it
pub struct Transfer {
    pub id: TransferId,
    pub debit_account_id: LedgerAccountId,
    pub credit_account_id: LedgerAccountId,
    pub amount_minor: i64,
    pub kind: TransferKind,
    pub resolves_id: Option<TransferId>,
    pub subject_id: String,
    pub memo: String,
    pub created_at: UtcTime,
}

/// What an account's transfers add up to, in minor units. All four are zero or more.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Balance {
    /// Posted on the debit side.
    pub debits_minor: i64,
    /// Posted on the credit side.
    pub credits_minor: i64,
    /// Promised on the debit side and not resolved.
    pub pending_debits_minor: i64,
    /// Promised on the credit side and not resolved.
    pub pending_credits_minor: i64,
}

impl Balance {
    /// Credits less debits: what is owed to the owner of a payable account.
    pub fn in_credit_minor(&self) -> i64 {
        self.credits_minor - self.debits_minor
    }
}

/// Balances and promises, built row by row from the journal, in whatever order it is read.
#[derive(Debug, Default)]
pub struct Replay {
    balances: BTreeMap<LedgerAccountId, Balance>,
    promises: BTreeMap<TransferId, Promise>,
    resolutions: Vec<(TransferId, Promise)>,
}

/// What has to agree between a pending transfer and the one that resolves it.
type Promise = (LedgerAccountId, LedgerAccountId, i64, String);

impl Replay {
    /// Adds a row.
    ///
    /// # Errors
    /// `internal` where a sum overflows.
    pub fn add(&mut self, row: &Transfer) -> Result<()> {
        let amount = row.amount_minor;
        let (posted, pending) = match (row.kind, &row.resolves_id) {
            (TransferKind::Pending, _) => (0, amount),
            (TransferKind::Posted, None) => (amount, 0),
            (TransferKind::Posted, Some(_)) => (amount, -amount),
            (TransferKind::Voided, _) => (0, -amount),
        };
        let debit = self.balances.entry(row.debit_account_id.clone()).or_default();
        grow(&mut debit.debits_minor, posted)?;
        grow(&mut debit.pending_debits_minor, pending)?;
        let credit = self.balances.entry(row.credit_account_id.clone()).or_default();
        grow(&mut credit.credits_minor, posted)?;
        grow(&mut credit.pending_credits_minor, pending)?;

        let promise = (row.debit_account_id.clone(), row.credit_account_id.clone(), amount, row.subject_id.clone());
        match (&row.resolves_id, row.kind) {
            (Some(resolved), _) => self.resolutions.push((resolved.clone(), promise)),
            (None, TransferKind::Pending) => {
                self.promises.insert(row.id.clone(), promise);
            }
            (None, _) => {}
        }
        Ok(())
    }

    /// The balance of every account that the journal has touched.
    pub fn balances(&self) -> &BTreeMap<LedgerAccountId, Balance> {
        &self.balances
    }

    /// Resolutions that do not fit the promise that they name: unknown, resolved before, or of other
    /// accounts, another amount or another subject.
    pub fn misfits(&self) -> Vec<String> {
        let mut open = self.promises.clone();
        let mut problems = Vec::new();
        for (id, resolution) in &self.resolutions {
            match open.remove(id) {
                Some(promise) if promise == *resolution => {}
                Some(_) => problems.push(format!("the transfer that resolves {id} does not fit it")),
                None => problems.push(format!("{id} is resolved twice, or was never pending")),
            }
        }
        problems
    }
}

fn grow(sum: &mut i64, by: i64) -> Result<()> {
    *sum = sum.checked_add(by).ok_or_else(|| Error::internal("a balance overflowed"))?;
    Ok(())
}
