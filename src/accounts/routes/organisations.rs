//! `/v1/organisations`, `/v1/accounts` and `/v1/me`.

use crate::accounts::actions::{self, Applicant, Me};
use crate::accounts::auth::Auth;
use crate::accounts::caller::{Buyer, Caller, Member, Operator};
use crate::accounts::model::{
    Account, AccountState, Decision, Organisation, OrganisationState, Profile, Role, VoteMails,
};
use crate::body::Body;
use crate::clock::UtcTime;
use crate::context::Context;
use crate::error::Result;
use crate::ids::{AccountId, OrganisationId};
use crate::page::{Page, PageQuery};
use crate::query::Query;
use actix_web::web::{Data, Json, Path};
use serde::{Deserialize, Serialize};

/// Which organisations are listed.
#[derive(Debug, Clone, Default, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct OrganisationsQuery {
    /// Only those in this state.
    pub state: Option<OrganisationState>,
    /// Items on the page: 1 to 100, 20 if not said.
    #[param(minimum = 1, maximum = 100)]
    pub limit: Option<i64>,
    /// The `next_cursor` of the page before.
    pub cursor: Option<String>,
}

/// What an organisation may owe at most.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"credit_limit_minor": 25_000_000, "reason": "A bank guarantee was handed in."}))]
pub struct CreditLimit {
    /// Minor units of the currency of the pool of each offer: 0 to 1,000,000,000,000. 0 lets it make no offer.
    #[schema(minimum = 0, maximum = 1000000000000i64)]
    pub credit_limit_minor: i64,
    /// Why, 1 to 2,000 characters.
    #[schema(min_length = 1, max_length = 2000)]
    pub reason: String,
}

/// Whether an account may be used.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"state": "disabled", "reason": "The address no longer belongs to its holder."}))]
pub struct AccountStateChange {
    /// `active` or `disabled`.
    pub state: AccountState,
    /// Why, 1 to 2,000 characters.
    #[schema(min_length = 1, max_length = 2000)]
    pub reason: String,
}

/// An account.
#[derive(Serialize, utoipa::ToSchema)]
#[schema(example = json!({
    "id": "acct_01jd2k8m0wfv9s3x6q4r7t5y2z", "role": "member", "email": "ada@example.org",
    "email_verified": true, "state": "active", "created_at": "2026-01-31T12:00:00Z"
}))]
pub struct AccountView {
    /// Its id.
    pub id: AccountId,
    /// What it is for.
    pub role: Role,
    /// Where mails go.
    pub email: String,
    /// Whether the address was shown to reach its holder.
    pub email_verified: bool,
    /// Whether it may be used.
    pub state: AccountState,
    /// When it was made.
    pub created_at: UtcTime,
}

/// An organisation.
#[derive(Serialize, utoipa::ToSchema)]
#[schema(example = json!({
    "id": "org_01jd2k8m0wfv9s3x6q4r7t5y2z",
    "profile": {
        "legal_name": "Northern Sound Research AB", "country": "SE", "website": "https://northern.example",
        "purpose": "Measuring how listeners find music from small labels.",
        "address": "Storgatan 1\n111 22 Stockholm", "tax_id": "SE556677889901"
    },
    "state": "approved", "decision_reason": "Known to us.", "decided_at": "2026-02-01T09:00:00Z",
    "credit_limit_minor": 10_000_000, "created_at": "2026-01-31T12:00:00Z", "updated_at": "2026-02-01T09:00:00Z"
}))]
pub struct OrganisationView {
    /// Its id.
    pub id: OrganisationId,
    /// What it says of itself.
    pub profile: Profile,
    /// Where its application stands.
    pub state: OrganisationState,
    /// What the operator said at the last decision.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub decision_reason: Option<String>,
    /// When that was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub decided_at: Option<UtcTime>,
    /// From when a refused application may be handed in again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub may_reapply_at: Option<UtcTime>,
    /// What it may owe at most, in minor units of the currency of the pool of each offer: it holds for all pools and has
    /// no currency of its own.
    pub credit_limit_minor: i64,
    /// When it registered.
    pub created_at: UtcTime,
    /// When anything of it changed last.
    pub updated_at: UtcTime,
}

/// An organisation and the people who act for it.
#[derive(Serialize, utoipa::ToSchema)]
pub struct ApplicantView {
    /// The organisation.
    #[serde(flatten)]
    pub organisation: OrganisationView,
    /// Its active accounts.
    pub accounts: Vec<AccountView>,
}

/// The caller's own account.
#[derive(Serialize, utoipa::ToSchema)]
#[schema(example = json!({
    "id": "acct_01jd2k8m0wfv9s3x6q4r7t5y2z", "role": "member", "email": "ada@example.org",
    "email_verified": true, "state": "active", "created_at": "2026-01-31T12:00:00Z", "vote_mails": "all"
}))]
pub struct MeView {
    /// The account.
    #[serde(flatten)]
    pub account: AccountView,
    /// The organisation that it acts for, if it is a buyer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub organisation: Option<OrganisationView>,
    /// Which mails about votes you want, if you are a member.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vote_mails: Option<VoteMails>,
}

/// Which mails about votes a member wants.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"vote_mails": "reminders_only"}))]
pub struct VoteMailsChange {
    /// `all`, or `reminders_only`: only to remind you, a day after a vote has opened and a day before its deadline, as long as
    /// you have not voted. It is about mails alone: nothing here votes for you.
    pub vote_mails: VoteMails,
}

impl From<Account> for AccountView {
    fn from(account: Account) -> Self {
        AccountView {
            id: account.id,
            role: account.role,
            email: account.email,
            email_verified: account.email_verified_at.is_some(),
            state: account.state,
            created_at: account.created_at,
        }
    }
}

impl From<Organisation> for OrganisationView {
    fn from(organisation: Organisation) -> Self {
        OrganisationView {
            id: organisation.id,
            profile: organisation.profile,
            state: organisation.state,
            decision_reason: organisation.decision_reason,
            decided_at: organisation.decided_at,
            may_reapply_at: organisation.may_reapply_at,
            credit_limit_minor: organisation.credit_limit_minor,
            created_at: organisation.created_at,
            updated_at: organisation.updated_at,
        }
    }
}

impl From<Applicant> for ApplicantView {
    fn from(applicant: Applicant) -> Self {
        let accounts = applicant.accounts.into_iter().map(AccountView::from).collect();
        ApplicantView { organisation: applicant.organisation.into(), accounts }
    }
}

impl From<Me> for MeView {
    fn from(me: Me) -> Self {
        MeView {
            account: me.account.into(),
            organisation: me.organisation.map(OrganisationView::from),
            vote_mails: me.vote_mails,
        }
    }
}

/// `GET /v1/me`
pub async fn me(caller: Caller, ctx: Data<Context>) -> Result<Json<MeView>> {
    Ok(Json(actions::me(&ctx, &caller).await?.into()))
}

/// `PUT /v1/me/vote-mails`: which mails about votes one wants.
pub async fn set_vote_mails(member: Member, ctx: Data<Context>, body: Body<VoteMailsChange>) -> Result<Json<MeView>> {
    Ok(Json(actions::set_vote_mails(&ctx, &member, body.vote_mails).await?.into()))
}

/// `GET /v1/organisations`
pub async fn list(
    operator: Operator,
    ctx: Data<Context>,
    query: Query<OrganisationsQuery>,
) -> Result<Json<Page<OrganisationView>>> {
    let OrganisationsQuery { state, limit, cursor } = query.into_inner();
    let page = actions::list_organisations(&ctx, &operator, state, &PageQuery { limit, cursor }).await?;
    Ok(Json(page.map(OrganisationView::from)))
}

/// `GET /v1/organisations/{id}`
pub async fn read(caller: Caller, ctx: Data<Context>, id: Path<OrganisationId>) -> Result<Json<ApplicantView>> {
    Ok(Json(actions::read_organisation(&ctx, &caller, id.into_inner()).await?.into()))
}

/// `PUT /v1/organisations/{id}`
pub async fn hand_in(
    buyer: Buyer,
    ctx: Data<Context>,
    id: Path<OrganisationId>,
    body: Body<Profile>,
) -> Result<Json<ApplicantView>> {
    Ok(Json(actions::hand_in(&ctx, &buyer, id.into_inner(), body.into_inner()).await?.into()))
}

/// `POST /v1/organisations/{id}/decisions`
pub async fn decide(
    operator: Operator,
    ctx: Data<Context>,
    id: Path<OrganisationId>,
    body: Body<Decision>,
) -> Result<Json<ApplicantView>> {
    Ok(Json(actions::decide(&ctx, &operator, id.into_inner(), body.into_inner()).await?.into()))
}

/// `PUT /v1/organisations/{id}/credit-limit`
pub async fn set_credit_limit(
    operator: Operator,
    ctx: Data<Context>,
    id: Path<OrganisationId>,
    body: Body<CreditLimit>,
) -> Result<Json<ApplicantView>> {
    let CreditLimit { credit_limit_minor, reason } = body.into_inner();
    let set = actions::set_credit_limit(&ctx, &operator, id.into_inner(), credit_limit_minor, reason).await?;
    Ok(Json(set.into()))
}

/// `PUT /v1/accounts/{id}/state`
pub async fn set_account_state(
    operator: Operator,
    ctx: Data<Context>,
    auth: Data<Auth>,
    id: Path<AccountId>,
    body: Body<AccountStateChange>,
) -> Result<Json<AccountView>> {
    let AccountStateChange { state, reason } = body.into_inner();
    let account = actions::set_account_state(&ctx, &auth, &operator, id.into_inner(), state, reason).await?;
    Ok(Json(account.into()))
}
