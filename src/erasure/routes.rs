//! Leaving over HTTP.

use super::actions;
use super::model::{Erasure, ErasureState};
use crate::accounts::auth::Auth;
use crate::accounts::caller::Member;
use crate::clock::UtcTime;
use crate::context::Context;
use crate::error::Result;
use crate::ids::{ErasureId, PoolId};
use crate::pools::views::MembershipView;
use actix_web::HttpResponse;
use actix_web::web::{Data, Json, Path};
use serde::Serialize;

/// The receipt of an erasure: it tells how far it is, and nothing about the person.
#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
#[schema(as = Erasure, example = json!({
    "id": "erasure_01jd2k8m0wfv9s3x6q4r7t5y2z", "state": "done", "requested_at": "2026-01-01T00:00:00Z",
    "finished_at": "2026-01-01T00:02:00Z", "note": "The plays are erased from every file and from the database."
}))]
pub struct ErasureView {
    /// Its id: whoever holds it may ask, without an account.
    pub id: ErasureId,
    /// `pending` until all is erased; then `done`.
    pub state: ErasureState,
    /// When it was asked for.
    pub requested_at: UtcTime,
    /// When it was over.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub finished_at: Option<UtcTime>,
    /// What the state means.
    pub note: &'static str,
}

impl From<Erasure> for ErasureView {
    fn from(erasure: Erasure) -> Self {
        let note = match erasure.state {
            ErasureState::Pending => {
                "The plays are being erased; usually it takes minutes. Keep this id, and ask /v1/erasures/{id} again."
            }
            ErasureState::Done => "The plays are erased from every file and from the database.",
            ErasureState::Kept => "A pool was joined again before the erasure began: nothing was erased.",
        };
        let Erasure { id, state, requested_at, finished_at } = erasure;
        ErasureView { id, state, requested_at, finished_at, note }
    }
}

/// What happens now, in words.
#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
#[schema(example = json!({
    "state": "left",
    "at_once": ["Your account is closed: address, password and sessions are gone."],
    "erased": ["Your plays, wherever they are kept."],
    "stays": ["Editions that were drawn while you were a member stay as they are."],
    "erasure": {"id": "erasure_01jd2k8m0wfv9s3x6q4r7t5y2z", "state": "pending", "requested_at": "2026-01-01T00:00:00Z",
                "note": "The plays are being erased; usually it takes minutes."}
}))]
pub struct Leaving {
    /// `left`: it holds from this answer on.
    pub state: &'static str,
    /// What has changed already.
    pub at_once: Vec<&'static str>,
    /// What is being erased now; usually it takes minutes.
    pub erased: Vec<&'static str>,
    /// What stays, and why.
    pub stays: Vec<&'static str>,
    /// The receipt of the erasure: with its id, anybody may ask later whether it is done.
    pub erasure: ErasureView,
}

/// A membership that has ended, and what happens to the plays.
#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
pub struct LeavingPool {
    /// The membership, ended.
    #[serde(flatten)]
    pub membership: MembershipView,
    /// What happens to the plays, in words.
    #[schema(example = "This was your last pool: your plays are being erased.")]
    pub plays: &'static str,
    /// The receipt of their erasure, where they are erased.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub erasure: Option<ErasureView>,
}

impl Leaving {
    fn of(erasure: Erasure) -> Self {
        Leaving {
            state: "left",
            erasure: erasure.into(),
            at_once: vec![
                "Your account is closed: address, password and sessions are gone.",
                "Your memberships have ended and all your consents are taken back.",
                "No vote that opens and no edition that is drawn from now on has you in it, and your ballots in open \
                 votes are taken back.",
            ],
            erased: vec![
                "Your plays, wherever they are kept.",
                "The reports on your histories, and what else was noted about them.",
            ],
            stays: vec![
                "Editions that were drawn while you were a member: they hold noisy totals over many members, nobody's \
                 plays can be read from them or taken out of them, and buyers have licensed them.",
                "What was paid to you, and in which votes and editions your account was counted, under its number and \
                 without your name or address: the law on bookkeeping wants payments kept.",
                "Keyed hashes of your address and your histories, from which neither can be read: should the same \
                 history come back, an operator looks at it before it counts.",
            ],
        }
    }
}

/// Leaves for good.
pub async fn leave(member: Member, ctx: Data<Context>, auth: Data<Auth>) -> Result<HttpResponse> {
    let erasure = actions::leave(&ctx, &member).await?;
    auth.forget_account(&member.account_id);
    Ok(HttpResponse::Accepted().json(Leaving::of(erasure)))
}

/// Leaves one pool.
pub async fn leave_pool(member: Member, ctx: Data<Context>, id: Path<PoolId>) -> Result<HttpResponse> {
    let (left, erasure) = actions::leave_pool(&ctx, &member, id.into_inner()).await?;
    let plays = if erasure.is_some() {
        "You are in no pool any more, so your plays are being erased, wherever they are kept; usually it takes minutes. \
         Editions already drawn stay as they are."
    } else {
        "Your plays stay for the other pools that you are in; this one no longer draws from them."
    };
    let erasure = erasure.map(ErasureView::from);
    Ok(HttpResponse::Accepted().json(LeavingPool { membership: left.into(), plays, erasure }))
}

/// Tells how far an erasure is.
pub async fn read(ctx: Data<Context>, id: Path<ErasureId>) -> Result<Json<ErasureView>> {
    Ok(Json(actions::erasure(&ctx, id.into_inner()).await?.into()))
}

/// Takes a consent back.
pub async fn withdraw_consent(
    member: Member,
    ctx: Data<Context>,
    path: Path<(PoolId, String)>,
) -> Result<Json<MembershipView>> {
    let (id, purpose) = path.into_inner();
    Ok(Json(actions::withdraw_consent(&ctx, &member, id, purpose).await?.into()))
}
