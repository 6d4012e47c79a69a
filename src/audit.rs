//! Who did what to whom, and why: one row for every act of an operator and every refusal that matters.

use crate::clock::UtcTime;
use crate::db::schema::audit_log;
use crate::db::{Db, Tx};
use crate::error::Result;
use crate::ids::{AccountId, AuditId};
use diesel::prelude::*;

/// One act.
#[derive(Debug, Clone, Queryable, Selectable, serde::Serialize, utoipa::ToSchema)]
#[schema(as = AuditEntry, example = json!({
    "id": "audit_01jd2k8m0wfv9s3x6q4r7t5y2z", "actor_id": "acct_01jd2k8m0wfv9s3x6q4r7t5y2z", "action": "licence.revoke",
    "subject_id": "licence_01jd2k8m0wfv9s3x6q4r7t5y2z", "reason": "The terms were broken.", "happened_at": "2026-01-31T12:00:00Z"
}))]
#[diesel(table_name = audit_log)]
pub struct Entry {
    /// Its id.
    pub id: AuditId,
    /// Who did it.
    pub actor_id: AccountId,
    /// What was done: `noun.verb`.
    pub action: String,
    /// What it was done to.
    pub subject_id: String,
    /// Why, where a reason was asked for.
    pub reason: Option<String>,
    /// When.
    pub happened_at: UtcTime,
}

/// Notes an act, in the transaction of the act. `action` is `noun.verb`, like `licence.revoke`.
///
/// # Errors
/// `internal` where the database fails.
pub fn note(tx: &mut Tx, actor_id: &AccountId, action: &str, subject_id: &str, reason: Option<&str>) -> Result<()> {
    let (id, now) = (AuditId::new(tx.now(), tx.entropy()), tx.now());
    diesel::insert_into(audit_log::table)
        .values((
            audit_log::id.eq(id),
            audit_log::actor_id.eq(actor_id),
            audit_log::action.eq(action),
            audit_log::subject_id.eq(subject_id),
            audit_log::reason.eq(reason),
            audit_log::happened_at.eq(now),
        ))
        .execute(&mut **tx)?;
    Ok(())
}

/// Acts, newest first.
///
/// # Errors
/// `internal` where the database fails.
pub fn list(db: &mut Db, after: Option<&str>, limit: i64) -> Result<Vec<Entry>> {
    let mut query = audit_log::table.select(Entry::as_select()).order(audit_log::id.desc()).limit(limit).into_boxed();
    if let Some(after) = after {
        query = query.filter(audit_log::id.lt(after.to_owned()));
    }
    Ok(query.load(db)?)
}
