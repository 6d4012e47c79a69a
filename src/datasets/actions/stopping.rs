//! Stopping the drawing of an edition: an operator says so, whichever server draws it.

use crate::accounts::caller::Operator;
use crate::context::Context;
use crate::datasets::actions::EditionView;
use crate::datasets::model::EditionState;
use crate::datasets::store;
use crate::error::{Error, Result};
use crate::ids::EditionId;
use crate::queue::{self, JobKind};
use crate::{accounts, audit};

/// Stops the drawing of an edition, or keeps it from beginning: nothing of it is published, and its job is set aside until
/// an operator starts it again. What is reserved of the privacy budget stays reserved.
///
/// # Errors
/// `not-found`; `invalid` without a reason; `conflict` where there is nothing to stop: it is published, given up, stopped
/// already, or its job was set aside before.
pub async fn stop_draw(ctx: &Context, operator: &Operator, id: EditionId, reason: String) -> Result<EditionView> {
    let (operator, reason) = (operator.clone(), reason.trim().to_owned());
    accounts::model::reason(&reason)?;
    ctx.db
        .write(move |tx| {
            let (edition, now) = (store::edition(tx, &id)?, tx.now());
            match edition.state {
                EditionState::Published => {
                    return Err(Error::conflict("The edition is published; nothing is drawn any more."));
                }
                EditionState::Cancelled => {
                    return Err(Error::conflict("The edition was given up; it is not drawn any more."));
                }
                EditionState::Preparing | EditionState::Failed => {}
            }
            if !queue::is_waiting(tx, JobKind::DrawEdition, id.as_str())? {
                return Err(Error::conflict(
                    "Its job was set aside already; nothing is drawn unless you start it again.",
                ));
            }
            if !store::stop_drawing(tx, &id, &format!("Stopped by an operator: {reason}"), now)? {
                return Err(Error::conflict("The drawing has been stopped already; its job is about to be set aside."));
            }
            // One that waits for its next try is set aside now and not only then.
            queue::push(tx, JobKind::DrawEdition, id.as_str(), now)?;
            audit::note(tx, &operator.account_id, "edition.stop_draw", id.as_str(), Some(&reason))?;
            Ok(EditionView::from(store::edition(tx, &id)?))
        })
        .await
}
