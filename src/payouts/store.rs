//! Queries on payouts.

use super::model::Payout;
use crate::db::Db;
use crate::db::schema::{payouts, transfers};
use crate::error::Result;
use crate::ids::{AccountId, PurchaseId};
use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::sql_types::BigInt;
use std::collections::BTreeMap;

pub fn insert(db: &mut Db, row: &Payout) -> Result<()> {
    diesel::insert_into(payouts::table)
        .values((
            payouts::id.eq(&row.id),
            payouts::purchase_id.eq(&row.purchase_id),
            payouts::member_id.eq(&row.member_id),
            payouts::amount_minor.eq(row.amount_minor),
            payouts::currency.eq(&row.currency),
            payouts::transfer_id.eq(&row.transfer_id),
            payouts::created_at.eq(row.created_at),
        ))
        .execute(db)?;
    Ok(())
}

/// What the members from one id to another, both included, have from a purchase already.
pub fn entered(db: &mut Db, id: &PurchaseId, from: &AccountId, to: &AccountId) -> Result<BTreeMap<AccountId, i64>> {
    let rows: Vec<(AccountId, i64)> = payouts::table
        .filter(payouts::purchase_id.eq(id).and(payouts::member_id.between(from, to)))
        .select((payouts::member_id, payouts::amount_minor))
        .load(db)?;
    Ok(rows.into_iter().collect())
}

/// A member's payouts, newest first.
pub fn of_member(db: &mut Db, member_id: &AccountId, after: Option<&str>, limit: i64) -> Result<Vec<Payout>> {
    let mut query = payouts::table
        .filter(payouts::member_id.eq(member_id))
        .select(Payout::as_select())
        .order(payouts::id.desc())
        .limit(limit)
        .into_boxed();
    if let Some(after) = after {
        query = query.filter(payouts::id.lt(after.to_owned()));
    }
    Ok(query.load(db)?)
}

/// A member's share of a purchase.
pub fn of_member_in(db: &mut Db, id: &PurchaseId, member_id: &AccountId) -> Result<Option<Payout>> {
    Ok(payouts::table
        .filter(payouts::purchase_id.eq(id).and(payouts::member_id.eq(member_id)))
        .select(Payout::as_select())
        .first(db)
        .optional()?)
}

/// A purchase's payouts by member, in the order in which what was left over was given.
pub fn of_purchase(db: &mut Db, id: &PurchaseId, after: Option<&str>, limit: i64) -> Result<Vec<Payout>> {
    let mut query = payouts::table
        .filter(payouts::purchase_id.eq(id))
        .select(Payout::as_select())
        .order(payouts::member_id)
        .limit(limit)
        .into_boxed();
    if let Some(after) = after {
        query = query.filter(payouts::member_id.gt(after.to_owned()));
    }
    Ok(query.load(db)?)
}

/// How many shares of a purchase are entered, and their sum.
pub fn totals(db: &mut Db, id: &PurchaseId) -> Result<(i64, i64)> {
    let rows = || payouts::table.filter(payouts::purchase_id.eq(id));
    let sum = rows().select(sql::<BigInt>("cast(coalesce(sum(amount_minor), 0) as bigint)")).first(db)?;
    Ok((rows().count().get_result(db)?, sum))
}

/// Payouts of a purchase that say another amount than their transfer does.
pub fn misfits(db: &mut Db, id: &PurchaseId) -> Result<i64> {
    Ok(payouts::table
        .inner_join(transfers::table)
        .filter(payouts::purchase_id.eq(id).and(payouts::amount_minor.ne(transfers::amount_minor)))
        .count()
        .get_result(db)?)
}
