//! What must hold of recalls, for `refrain check`.

use super::steps;
use crate::datasets::model::EditionState;
use crate::datasets::recall::{RecallState, Recalled};
use crate::db::Db;
use crate::error::Result;
use crate::ledger::model::LedgerKind;
use crate::purchases::licence::{Licence, LicenceState};
use crate::purchases::model::Purchase;
use crate::purchases::store;
use crate::queue::{self, JobKind};
use crate::{datasets, ledger, offers};

/// Says what does not hold, one sentence for each: nobody has files of a recalled edition or may buy it, who waits for a replacement will
/// get it, and the books say what recalls have cost.
pub fn verify(db: &mut Db) -> Result<Vec<String>> {
    let mut problems = Vec::new();
    for recalled in datasets::steps::all_recalls(db)? {
        let id = &recalled.recall.edition_id;
        for offer in offers::steps::standing_for(db, id)? {
            problems.push(format!("{} asks for {id}, which was recalled, and is {}", offer.id, offer.state));
        }
        let licences = store::licences_on(db, id)?;
        let is_open = recalled.recall.state == RecallState::Replacing;
        for licence in &licences {
            let is_wrong = match licence.state {
                LicenceState::Preparing | LicenceState::Active => true,
                LicenceState::Suspended => !is_open,
                _ => false,
            };
            if is_wrong {
                problems.push(format!(
                    "{} is {} on {id}, whose recall is {}",
                    licence.id, licence.state, recalled.recall.state
                ));
            }
            problems.extend(cost_problem(db, licence)?);
        }
        problems.extend(replacement_problem(db, &recalled)?);
    }
    for licence in store::licences_with(db, &[LicenceState::Suspended, LicenceState::Recalled])? {
        let is_recalled = match &licence.edition_id {
            Some(id) => datasets::steps::recall(db, id)?.is_some(),
            None => false,
        };
        if !is_recalled {
            problems.push(format!("{} is {}, but its edition was not recalled", licence.id, licence.state));
        }
    }
    Ok(problems)
}

/// Whether the books say what the recall of a licence's edition has cost the cooperative.
fn cost_problem(db: &mut Db, licence: &Licence) -> Result<Option<String>> {
    let Some(purchase) = store::purchase(db, &licence.purchase_id)? else { return Ok(None) };
    let due_minor = steps::refund(db, &purchase, licence)?.revenue_minor;
    let entered_minor = entered(db, &purchase)?;
    let words = || format!("{} has cost {entered_minor} by a recall and should have cost {due_minor}", purchase.id);
    Ok((entered_minor != due_minor).then(words))
}

fn entered(db: &mut Db, purchase: &Purchase) -> Result<i64> {
    let (owner, currency) = (purchase.pool_id.as_str(), &purchase.currency);
    let Some(costs) = ledger::steps::find(db, LedgerKind::RecallCosts, owner, currency)? else { return Ok(0) };
    Ok(-ledger::steps::balance_about(db, &costs, purchase.id.as_str())?.in_credit_minor())
}

/// Whether what is to replace an edition is there, or will be.
fn replacement_problem(db: &mut Db, recalled: &Recalled) -> Result<Option<String>> {
    let (id, Some(replacement_id)) = (&recalled.recall.edition_id, &recalled.recall.replacement_id) else {
        return Ok(None);
    };
    let replacement = datasets::steps::edition(db, replacement_id)?;
    if replacement.subject_id != id.as_str() || replacement.dataset_id != recalled.dataset_id {
        return Ok(Some(format!("{replacement_id} is said to replace {id}, and was made for another")));
    }
    let is_right = match recalled.recall.state {
        // Stopped or failed for good it waits for an operator, whose list of jobs says so.
        RecallState::Replacing => match replacement.state {
            EditionState::Published => queue::is_waiting(db, JobKind::DrawEdition, replacement_id.as_str())?,
            state => EditionState::PUBLISH_FROM.contains(&state),
        },
        RecallState::Replaced => replacement.state == EditionState::Published,
        RecallState::Refunded => replacement.state == EditionState::Cancelled,
    };
    let words =
        || format!("the recall of {id} is {}, but what replaces it is {}", recalled.recall.state, replacement.state);
    Ok((!is_right).then(words))
}
