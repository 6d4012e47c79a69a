//! Licences: looking at them, taking them away on the grounds of the terms, and ending them in time.

use super::{SeenLicence, scope, within};
use crate::accounts::caller::{Caller, Operator};
use crate::clock::UtcTime;
use crate::context::Context;
use crate::db::Db;
use crate::error::{Error, Result};
use crate::ids::LicenceId;
use crate::page::Window;
use crate::purchases::licence::{Licence, LicenceState};
use crate::purchases::{steps, store};
use crate::queue::{self, JobKind};
use crate::{accounts, audit, datasets};

/// Licences, newest first: a buyer's own organisation's, or all for an operator.
///
/// # Errors
/// `forbidden` for members.
pub async fn list(ctx: &Context, caller: &Caller, window: &Window) -> Result<Vec<SeenLicence>> {
    let (scope, window) = (scope(caller)?, window.clone());
    ctx.db
        .read(move |db| {
            let rows = store::licences(db, scope.as_ref(), window.after.as_deref(), window.fetch())?;
            rows.into_iter().map(|licence| seen(db, licence)).collect()
        })
        .await
}

/// One licence.
///
/// # Errors
/// `not-found` for one of another organisation.
pub async fn read(ctx: &Context, caller: &Caller, id: LicenceId) -> Result<SeenLicence> {
    let scope = scope(caller)?;
    ctx.db
        .read(move |db| {
            let licence = steps::licence(db, &id)?;
            within(scope.as_ref(), &licence.organisation_id, "licence")?;
            seen(db, licence)
        })
        .await
}

/// Takes a licence away on one of the grounds of its terms, after the notice that they give: until
/// then it may be used, and the notice be taken back.
///
/// # Errors
/// `invalid` where the ground is not in the terms or no reason is given, `conflict` where the licence
/// is not active or is under notice already.
pub async fn revoke(
    ctx: &Context,
    operator: &Operator,
    id: LicenceId,
    ground: String,
    reason: String,
) -> Result<SeenLicence> {
    let (operator, reason) = (operator.clone(), reason.trim().to_owned());
    accounts::model::reason(&reason)?;
    ctx.db
        .write(move |tx| {
            let licence = steps::licence(tx, &id)?;
            let (terms, now) = (licence.terms()?.revocation, tx.now());
            if !terms.grounds.contains(&ground) {
                let grounds = terms.grounds.join("; ");
                return Err(Error::invalid(format!("The terms know these grounds and no others: {grounds}.")));
            }
            if !LicenceState::HELD.contains(&licence.state_at(now)) || licence.revoked_reason.is_some() {
                return Err(Error::conflict("Only a licence that is held and not under notice can be revoked."));
            }
            let (from, words) = (now.plus_days(terms.notice_days.into()), format!("{ground}: {reason}"));
            store::set_notice(tx, &id, Some((&words, from)))?;
            if from <= now {
                store::change_licence(tx, &id, LicenceState::Revoked)?;
            } else {
                queue::push(tx, JobKind::ExpireLicence, id.as_str(), from)?;
            }
            steps::tell_of_change(tx, &id)?;
            audit::note(tx, &operator.account_id, "licence.revoke", id.as_str(), Some(&words))?;
            let licence = steps::licence(tx, &id)?;
            seen(tx, licence)
        })
        .await
}

/// Takes a notice back, because the breach was mended in time.
///
/// # Errors
/// `conflict` where the licence is not under notice, or the notice has run out.
pub async fn withdraw_notice(ctx: &Context, operator: &Operator, id: LicenceId, reason: String) -> Result<SeenLicence> {
    let (operator, reason) = (operator.clone(), reason.trim().to_owned());
    accounts::model::reason(&reason)?;
    ctx.db
        .write(move |tx| {
            let (licence, now) = (steps::licence(tx, &id)?, tx.now());
            if !LicenceState::HELD.contains(&licence.state_at(now)) || licence.revoked_reason.is_none() {
                return Err(Error::conflict("Only a licence that is held and under notice can be kept."));
            }
            store::set_notice(tx, &id, None)?;
            steps::tell_kept(tx, &id, &reason)?;
            audit::note(tx, &operator.account_id, "licence.keep", id.as_str(), Some(&reason))?;
            let licence = steps::licence(tx, &id)?;
            seen(tx, licence)
        })
        .await
}

/// Gives up a licence whose edition cannot be drawn. All of the price is owed to the buyer from then on,
/// nobody is paid a share, and what was reserved of the privacy budget is free again if nothing was drawn yet.
///
/// # Errors
/// `invalid` without a reason; `conflict` where the files are there, or it was cancelled before.
pub async fn cancel(ctx: &Context, operator: &Operator, id: LicenceId, reason: String) -> Result<SeenLicence> {
    let (operator, reason) = (operator.clone(), reason.trim().to_owned());
    accounts::model::reason(&reason)?;
    ctx.db
        .write(move |tx| {
            let licence = steps::licence(tx, &id)?;
            if !steps::give_up(tx, &licence, &reason)? {
                return Err(Error::conflict(
                    "Only a licence whose edition is not drawn yet can be cancelled; an active one can be revoked.",
                ));
            }
            audit::note(tx, &operator.account_id, "licence.cancel", id.as_str(), Some(&reason))?;
            let licence = steps::licence(tx, &id)?;
            seen(tx, licence)
        })
        .await
}

/// Notes the end of a licence whose term or notice is over; a job. Returns when to look again where
/// it is too early.
///
/// # Errors
/// `internal` where the database fails.
pub async fn expire(ctx: &Context, id: &LicenceId) -> Result<Option<UtcTime>> {
    let id = id.clone();
    ctx.db
        .write(move |tx| {
            let (licence, now) = (steps::licence(tx, &id)?, tx.now());
            match (licence.state, licence.state_at(now)) {
                (LicenceState::Active, LicenceState::Active) => Ok(licence.next_end()),
                // The term stands still; when it goes on, this is asked for anew.
                (LicenceState::Suspended, LicenceState::Suspended) => Ok(licence.revoked_from()),
                (before, after) if before != after => steps::finish(tx, &licence, now).map(|()| None),
                _ => Ok(None),
            }
        })
        .await
}

fn seen(db: &mut Db, licence: Licence) -> Result<SeenLicence> {
    let rows_given = steps::rows_given(db, &licence)?;
    let recalled = match &licence.edition_id {
        Some(id) => datasets::steps::recall(db, id)?,
        None => None,
    };
    Ok(SeenLicence { licence, rows_given, recalled })
}
