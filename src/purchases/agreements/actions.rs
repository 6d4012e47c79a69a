//! Reading agreements, and making those that are missing.

use super::model::{Bundle, Form};
use super::steps::{self, Issuer};
use super::store;
use crate::accounts::caller::Caller;
use crate::context::Context;
use crate::error::{Error, Result};
use crate::ids::LicenceId;
use crate::purchases::actions::{scope, within};
use crate::purchases::steps::licence;

/// The agreement of a licence in a form: for its holder and for operators. Members see the terms that they accepted in their vote.
///
/// # Errors
/// `not-found` for a licence of another organisation, `forbidden` for members.
pub async fn read(ctx: &Context, caller: &Caller, id: LicenceId, form: Form) -> Result<String> {
    let scope = scope(caller)?;
    let found = ctx.db.read(move |db| {
        let licence = licence(db, &id)?;
        within(scope.as_ref(), &licence.organisation_id, "licence")?;
        let agreement = store::find(db, &id)?.ok_or_else(|| Error::not_found("agreement"))?;
        Ok(agreement.bundle(licence.terms_json))
    });
    let Bundle { documents, signature, .. } = match (form, found.await?) {
        (Form::Json, bundle) => return Ok(serde_json::to_string(&bundle)?),
        (_, bundle) => bundle,
    };
    Ok(match form {
        Form::Html => documents.html,
        Form::Txt => documents.txt,
        Form::Jsonld => documents.jsonld,
        Form::Jws | Form::Json => signature,
    })
}

/// Makes the agreements of licences that were granted before there were any, as the licences stand now. Repeating it changes nothing.
///
/// # Errors
/// `internal` where the database fails, or what a licence was granted for is damaged.
pub async fn make_missing(ctx: &Context) -> Result<()> {
    for id in ctx.db.read(store::licences_without).await? {
        let issuer = Issuer::of(ctx);
        ctx.db.write(move |tx| steps::make(tx, &issuer, &id)).await?;
    }
    Ok(())
}
