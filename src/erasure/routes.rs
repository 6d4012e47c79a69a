//! Leaving over HTTP.

use super::actions;
use crate::accounts::auth::Auth;
use crate::accounts::caller::Member;
use crate::context::Context;
use crate::error::Result;
use crate::ids::PoolId;
use crate::pools::views::MembershipView;
use actix_web::HttpResponse;
use actix_web::web::{Data, Path};
use serde::Serialize;

/// What happens now, in words.
#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
#[schema(example = json!({
    "state": "left",
    "at_once": ["Your account is closed: address, password and sessions are gone."],
    "erased": ["Your plays, wherever they are kept."],
    "stays": ["Editions that were drawn while you were a member stay as they are."]
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
}

impl Leaving {
    fn in_words() -> Self {
        Leaving {
            state: "left",
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
    actions::leave(&ctx, &member).await?;
    auth.forget_account(&member.account_id);
    Ok(HttpResponse::Accepted().json(Leaving::in_words()))
}

/// Leaves one pool.
pub async fn leave_pool(member: Member, ctx: Data<Context>, id: Path<PoolId>) -> Result<HttpResponse> {
    let (left, is_erased) = actions::leave_pool(&ctx, &member, id.into_inner()).await?;
    let plays = if is_erased {
        "You are in no pool any more, so your plays are being erased, wherever they are kept; usually it takes minutes. \
         Editions already drawn stay as they are."
    } else {
        "Your plays stay for the other pools that you are in; this one no longer draws from them."
    };
    Ok(HttpResponse::Accepted().json(LeavingPool { membership: left.into(), plays }))
}
