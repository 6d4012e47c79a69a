//! Telling organisations of leavers, and looking at what they were told.

use super::model::{LeaversNotice, rounded};
use super::quarter::Quarter;
use super::store;
use crate::accounts::caller::Caller;
use crate::clock::UtcTime;
use crate::context::Context;
use crate::db::{Db, Tx};
use crate::error::{Error, Result};
use crate::ids::{EditionId, LicenceId, NoticeId, OrganisationId};
use crate::page::Window;
use crate::purchases::actions::{scope, within};
use crate::purchases::licence::{Licence, LicenceState};
use crate::purchases::{steps, telling};
use crate::votes::electorate;
use crate::{datasets, outbox};
use serde_json::json;

/// What is to be told for one licence.
#[derive(Clone)]
struct Count {
    licence_id: LicenceId,
    edition_id: EditionId,
    members: i64,
    left: i64,
}

/// Tells an organisation of the quarter that has ended, once; a job. For each licence that was held before this quarter began and
/// still is, whatever it was told before: a clock that jumps over quarters makes one notice, one that goes back makes none. Returns
/// when to look again; `None` where it holds no licence any more.
///
/// # Errors
/// `internal` where the database fails.
pub async fn tell(ctx: &Context, id: &OrganisationId) -> Result<Option<UtcTime>> {
    let (now, organisation_id) = (ctx.clock.now(), id.clone());
    let present = Quarter::of(now);
    let ended = present.previous().to_string();
    // Counting may take long, so no writer waits for it.
    let (quarter, by) = (ended.clone(), organisation_id.clone());
    let (counts, is_holder) = ctx.db.read(move |db| count(db, &by, &quarter, present, now)).await?;
    if !counts.is_empty() {
        ctx.db.write(move |tx| note(tx, &organisation_id, &ended, counts.clone())).await?;
    }
    Ok(is_holder.then(|| present.ends_at()))
}

/// What there is to tell, and whether the organisation holds any licence.
fn count(
    db: &mut Db,
    id: &OrganisationId,
    quarter: &str,
    present: Quarter,
    now: UtcTime,
) -> Result<(Vec<Count>, bool)> {
    let mut held = steps::held_by(db, id)?;
    held.retain(|licence| LicenceState::HELD.contains(&licence.state_at(now)));
    let mut counts = Vec::new();
    for Licence { id: licence_id, edition_id, starts_at, .. } in &held {
        let was_held = starts_at.is_some_and(|starts_at| starts_at < present.begins_at());
        let Some(edition_id) = edition_id.clone().filter(|_| was_held) else { continue };
        if store::is_told(db, licence_id, quarter)? {
            continue;
        }
        let members = datasets::steps::edition(db, &edition_id)?.members;
        let left = electorate::count_left(db, &edition_id)?;
        counts.push(Count { licence_id: licence_id.clone(), edition_id, members, left });
    }
    Ok((counts, !held.is_empty()))
}

/// Writes the notices, unless another server was quicker, and has one mail sent for all of them.
fn note(tx: &mut Tx, id: &OrganisationId, quarter: &str, counts: Vec<Count>) -> Result<()> {
    let (now, mut is_new) = (tx.now(), false);
    for Count { licence_id, edition_id, members, left } in counts {
        if store::is_told(tx, &licence_id, quarter)? {
            continue;
        }
        let notice = LeaversNotice {
            id: NoticeId::new(now, tx.entropy()),
            licence_id,
            edition_id,
            quarter: quarter.to_owned(),
            members,
            left_at_least: rounded(left),
            told_at: now,
        };
        store::insert(tx, &notice)?;
        telling::leavers(tx, id, &notice)?;
        is_new = true;
    }
    if is_new {
        outbox::push(tx, "leavers.counted", &json!({"organisation_id": id, "quarter": quarter}))?;
    }
    Ok(())
}

/// What was told for a licence, newest first: to its holder and to operators.
///
/// # Errors
/// `not-found` for one of another organisation, `forbidden` for members.
pub async fn list(ctx: &Context, caller: &Caller, id: LicenceId, window: &Window) -> Result<Vec<LeaversNotice>> {
    let (scope, window) = (scope(caller)?, window.clone());
    ctx.db
        .read(move |db| {
            let licence = steps::licence(db, &id)?;
            within(scope.as_ref(), &licence.organisation_id, "licence")?;
            store::of_licence(db, &id, window.after.as_deref(), window.fetch())
        })
        .await
}

/// What an organisation was told of a quarter, each with its licence.
///
/// # Errors
/// `internal` where a row is damaged.
pub fn told(db: &mut Db, id: &OrganisationId, quarter: &str) -> Result<Vec<(Licence, LeaversNotice)>> {
    let notices = store::of_organisation(db, id, quarter)?.into_iter();
    let with_licence = |notice: LeaversNotice| {
        let licence = steps::licence(db, &notice.licence_id)?;
        Ok::<_, Error>((licence, notice))
    };
    notices.map(with_licence).collect()
}
