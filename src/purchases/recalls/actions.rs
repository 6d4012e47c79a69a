//! What operators do about an edition that should not have been sold.

use super::model::Remedy;
use super::steps;
use crate::accounts::caller::Operator;
use crate::context::Context;
use crate::datasets::model::Edition;
use crate::datasets::recall::{Recall, RecallGround, RecallState, Recalled};
use crate::db::Tx;
use crate::error::{Code, Error, Result};
use crate::ids::EditionId;
use crate::purchases::licence::LicenceState;
use crate::purchases::store;
use crate::queue::{self, JobKind};
use crate::votes::electorate;
use crate::{accounts, audit, datasets};

/// What a recall has done.
#[derive(Debug, Clone)]
pub struct Done {
    /// The recall.
    pub recalled: Recalled,
    /// Licences that were held on the edition when files were taken away from them, or refunded now.
    pub licences: usize,
    /// Offers and invoices for it that ended.
    pub offers: usize,
}

/// Recalls an edition: from now on no file of it is given out and nobody can buy it.
///
/// # Errors
/// `not-found`; `invalid` without a reason; `conflict` where it is not published, was recalled before, or its licences are about to begin;
/// with a replacement `budget-exhausted` and `not-deliverable` where only a refund is possible.
pub async fn recall(
    ctx: &Context,
    operator: &Operator,
    id: EditionId,
    ground: RecallGround,
    reason: String,
    remedy: Remedy,
) -> Result<Done> {
    let (operator, reason) = (operator.clone(), reason.trim().to_owned());
    accounts::model::reason(&reason)?;
    ctx.db
        .write(move |tx| {
            let edition = datasets::steps::expect_recallable(tx, &id)?;
            expect_at_rest(tx, &id)?;
            let replacement_id = match remedy {
                Remedy::Replacement => Some(begin_replacement(tx, &edition)?),
                Remedy::Refund => None,
            };
            let now = tx.now();
            datasets::steps::enter_recall(
                tx,
                &edition,
                &Recall {
                    edition_id: id.clone(),
                    ground,
                    reason: reason.clone(),
                    state: if replacement_id.is_some() { RecallState::Replacing } else { RecallState::Refunded },
                    resolved_at: replacement_id.is_none().then_some(now),
                    replacement_id,
                    recalled_by: operator.account_id.clone(),
                    recalled_at: now,
                },
            )?;
            let recalled = steps::recalled(tx, &id)?;
            let offers = steps::withdraw_from_sale(tx, &recalled)?;
            let licences = steps::withdraw_from_licensees(tx, &recalled)?;
            let words = format!("{} ({remedy}): {reason}", ground.in_words());
            audit::note(tx, &operator.account_id, "edition.recall", id.as_str(), Some(&words))?;
            Ok(Done { recalled, licences, offers })
        })
        .await
}

/// Refuses to recall what is only half sold: a moment later it is.
fn expect_at_rest(tx: &mut Tx, id: &EditionId) -> Result<()> {
    let begins = store::licences_on(tx, id)?.iter().any(|licence| licence.state == LicenceState::Preparing);
    let replaces = datasets::steps::recall_replaced_by(tx, id)?;
    if begins || replaces.is_some_and(|recalled| recalled.recall.state == RecallState::Replacing) {
        let words = "The edition has just been drawn, and licences on it are about to begin; try again in a moment.";
        return Err(Error::conflict(words));
    }
    Ok(())
}

/// Sets aside what a new draw costs, and asks for it.
fn begin_replacement(tx: &mut Tx, edition: &Edition) -> Result<EditionId> {
    let now = tx.now();
    let licences = store::licences_on(tx, &edition.id)?;
    if licences.iter().all(|licence| licence.state_at(now) != LicenceState::Active) {
        return Err(Error::conflict(
            "Nobody holds a licence on the edition, so a new draw would cost privacy for nobody; recall it with the remedy refund.",
        ));
    }
    if !electorate::is_anyone_eligible_stock(tx, &edition.id)? {
        let words =
            "Nobody who is in the edition is still a member, so it cannot be drawn anew; only a refund is possible.";
        return Err(Error::new(Code::NotDeliverable, words));
    }
    let begun = datasets::steps::begin_replacement(tx, edition).map_err(|error| match error.code() {
        Code::BudgetExhausted => {
            let words = "What is left of the pool's privacy budget is less than a new draw would cost; only a refund is possible.";
            Error::new(Code::BudgetExhausted, words).because(error)
        }
        _ => error,
    })?;
    queue::push(tx, JobKind::DrawEdition, begun.as_str(), now)?;
    Ok(begun)
}

/// Gives up the replacement of a recalled edition, because it cannot be drawn: licences that wait for it end and are refunded.
///
/// # Errors
/// `not-found` where the edition was not recalled; `invalid` without a reason; `conflict` where nothing is being drawn in its place.
pub async fn give_up_replacement(ctx: &Context, operator: &Operator, id: EditionId, reason: String) -> Result<Done> {
    let (operator, reason) = (operator.clone(), reason.trim().to_owned());
    accounts::model::reason(&reason)?;
    ctx.db
        .write(move |tx| {
            let edition = datasets::steps::edition(tx, &id)?;
            let recalled = datasets::steps::recall(tx, &edition.id)?.ok_or_else(|| Error::not_found("recall"))?;
            let replacement_id = match (recalled.recall.state, &recalled.recall.replacement_id) {
                (RecallState::Replacing, Some(replacement_id)) => replacement_id,
                (state, _) => {
                    return Err(Error::conflict(format!("The recall is {state}; nothing is to be given up.")));
                }
            };
            let licences = steps::give_up_replacement(tx, &id, replacement_id, &reason)?;
            audit::note(tx, &operator.account_id, "edition.give_up_replacement", id.as_str(), Some(&reason))?;
            Ok(Done { recalled: steps::recalled(tx, &id)?, licences, offers: 0 })
        })
        .await
}
