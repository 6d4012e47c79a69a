//! Sharing a sale out, and looking at what was shared.

use super::model::{Payout, Sale};
use super::split::{Split, split};
use super::{steps, store};
use crate::accounts::caller::{Member, Operator};
use crate::context::Context;
use crate::db::{Db, Tx};
use crate::error::{Error, Result};
use crate::ids::{AccountId, PayoutId, PurchaseId};
use crate::ledger;
use crate::ledger::model::LedgerKind;
use crate::page::Window;
use crate::purchases;
use std::collections::BTreeMap;

/// Members who are paid in one write: few enough that nobody else waits long for the writer.
const CHUNK: usize = 250;

/// A statement: a share with the sale that it is of.
#[derive(Debug, Clone)]
pub struct Statement {
    /// The share.
    pub payout: Payout,
    /// The sale.
    pub sale: Sale,
}

/// A purchase's shares as an operator sees them.
#[derive(Debug, Clone)]
pub struct Shares {
    /// The sale; `None` while nothing is shared out yet.
    pub sale: Option<Sale>,
    /// Shares entered.
    pub entered: i64,
    /// Their sum, in minor units.
    pub paid_minor: i64,
    /// A page of them.
    pub payouts: Vec<Payout>,
}

/// Enters everybody's share of a settled purchase; a job. It goes chunk by chunk and skips what is
/// entered, so it may be cut off anywhere and run again.
///
/// # Errors
/// `conflict` where the edition is not there yet, `internal` where a share was entered with another amount.
pub async fn run(ctx: &Context, id: &PurchaseId) -> Result<()> {
    let purchase_id = id.clone();
    let (payees, shares) = ctx.db.read(move |db| plan(db, &purchase_id)).await?;
    for (number, chunk) in payees.chunks(CHUNK).enumerate() {
        let (id, chunk) = (id.clone(), chunk.to_vec());
        ctx.db.write(move |tx| pay(tx, &id, &chunk, number * CHUNK, shares)).await?;
    }
    Ok(())
}

fn plan(db: &mut Db, id: &PurchaseId) -> Result<(Vec<AccountId>, Split)> {
    let early = || Error::conflict("Shares are entered once the edition is there.");
    let sale = steps::sale(db, id)?.ok_or_else(early)?;
    let payees = steps::payees(db, &sale.purchase)?;
    if i64::try_from(payees.len()).map_err(Error::internal)? != sale.payees {
        return Err(Error::internal(format!("{id} is shared by {} and {} at once", payees.len(), sale.payees)));
    }
    let shares = split(sale.to_share_minor(), payees.len())?;
    Ok((payees, shares))
}

/// Enters the shares of a chunk of the payees, of which the first stands at `place` in their order.
fn pay(tx: &mut Tx, id: &PurchaseId, chunk: &[AccountId], place: usize, shares: Split) -> Result<()> {
    let (Some(from), Some(to)) = (chunk.first(), chunk.last()) else { return Ok(()) };
    let purchase = purchases::steps::purchase(tx, id)?;
    let entered = store::entered(tx, id, from, to)?;
    let revenue = purchases::steps::account(tx, &purchase, LedgerKind::PoolRevenue)?;
    for (offset, member_id) in chunk.iter().enumerate() {
        let amount_minor = shares.share_minor(place + offset);
        match entered.get(member_id) {
            Some(already) if *already != amount_minor => {
                return Err(Error::internal(format!(
                    "{member_id} has {already} of {id} and should have {amount_minor}"
                )));
            }
            // Where there is less than one minor unit for each, the last in the order get nothing.
            None if amount_minor > 0 => {
                let payable =
                    ledger::steps::account(tx, LedgerKind::MemberPayable, member_id.as_str(), &purchase.currency)?;
                let payout_id = PayoutId::new(tx.now(), tx.entropy());
                let memo = format!("share of {id}");
                let transfer_id = ledger::steps::post(tx, &revenue, &payable, amount_minor, payout_id.as_str(), &memo)?;
                let payout = Payout {
                    id: payout_id,
                    purchase_id: id.clone(),
                    member_id: member_id.clone(),
                    amount_minor,
                    currency: purchase.currency.clone(),
                    transfer_id,
                    created_at: tx.now(),
                };
                store::insert(tx, &payout)?;
            }
            _ => {}
        }
    }
    Ok(())
}

/// A member's own statements, newest first.
///
/// # Errors
/// `internal` where the database fails.
pub async fn statements(ctx: &Context, member: &Member, window: &Window) -> Result<Vec<Statement>> {
    let (member_id, window) = (member.account_id.clone(), window.clone());
    ctx.db
        .read(move |db| {
            let mut sales: BTreeMap<PurchaseId, Sale> = BTreeMap::new();
            let mut statements = Vec::new();
            for payout in store::of_member(db, &member_id, window.after.as_deref(), window.fetch())? {
                let sale = match sales.get(&payout.purchase_id) {
                    Some(known) => known.clone(),
                    None => {
                        let unsold = || Error::internal(format!("{} is a share of no sale", payout.id));
                        let found = steps::sale(db, &payout.purchase_id)?.ok_or_else(unsold)?;
                        sales.insert(payout.purchase_id.clone(), found.clone());
                        found
                    }
                };
                statements.push(Statement { payout, sale });
            }
            Ok(statements)
        })
        .await
}

/// A purchase's shares, in the order of the members' ids, with their totals.
///
/// # Errors
/// `not-found` where there is no such purchase.
pub async fn of_purchase(ctx: &Context, _: &Operator, id: PurchaseId, window: &Window) -> Result<Shares> {
    let window = window.clone();
    ctx.db
        .read(move |db| {
            let sale = steps::sale(db, &id)?;
            let (entered, paid_minor) = store::totals(db, &id)?;
            let payouts = store::of_purchase(db, &id, window.after.as_deref(), window.fetch())?;
            Ok(Shares { sale, entered, paid_minor, payouts })
        })
        .await
}
