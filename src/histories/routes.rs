//! Histories over HTTP.

use super::actions;
use super::model::{HeldHistory, History, HistoryState};
use super::readers::Readers;
use super::report::Report;
use super::upload;
use crate::accounts::caller::{Member, Operator};
use crate::body::Body;
use crate::clock::UtcTime;
use crate::context::Context;
use crate::error::{Code, Result};
use crate::ids::{AccountId, HistoryId};
use crate::page::{Page, PageQuery};
use crate::query::Query;
use actix_web::http::header::LOCATION;
use actix_web::web::{Data, Json, Path, Payload};
use actix_web::{HttpRequest, HttpResponse};
use serde::{Deserialize, Serialize};
use tracing::Instrument;

/// An upload and what has become of it, as its owner sees it.
#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
#[schema(example = json!({
    "id": "hist_01jd2k8m0wfv9s3x6q4r7t5y2z", "state": "accepted", "received_at": "2026-01-01T00:00:00Z",
    "finished_at": "2026-01-01T00:00:03Z",
    "report": {"service": "spotify", "source_kind": "spotify_extended", "files": 2, "rows": 1_200, "kept": 1_150,
               "dropped": {"podcast": 50}, "duplicates": 0, "from": "2019-02-03T10:00:00Z",
               "to": "2025-12-31T22:10:00Z", "artists": 240, "added": 1_150}
}))]
pub struct HistoryView {
    /// Its id.
    pub id: HistoryId,
    /// What has become of it. While it says `reading`, ask again in a few seconds.
    pub state: HistoryState,
    /// The earlier history that this one repeats.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub same_as: Option<HistoryId>,
    /// What was read, what was kept, and why the rest was not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub report: Option<Report>,
    /// Why it cannot be used.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub problem: Option<HistoryProblem>,
    /// What the state means, where it needs words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// When it arrived.
    pub received_at: UtcTime,
    /// When it was last decided on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub finished_at: Option<UtcTime>,
}

/// What is wrong with a history, in the members of a problem document (RFC 9457).
#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
#[schema(example = json!({"code": "nothing-usable", "title": "No listening history was found",
                          "detail": "The history is empty: it holds no rows."}))]
pub struct HistoryProblem {
    /// A code of the table of problems.
    pub code: String,
    /// The same for every occurrence.
    pub title: String,
    /// What it is here, and what to do.
    pub detail: String,
}

/// A held history, as operators see it. What was played is not in it.
#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
#[schema(example = json!({
    "id": "hist_01jd2k8m0wfv9s3x6q4r7t5y2z", "member_id": "acct_01jd2k8m0wfv9s3x6q4r7t5y2z", "state": "held",
    "source_kind": "spotify_extended", "covers_from": "2019-02-03T10:00:00Z", "covers_to": "2025-12-31T22:10:00Z",
    "same_as": [{"history_id": "hist_01jd2k8m0wfv9s3x6q4r7t5y2a", "member_id": "acct_01jd2k8m0wfv9s3x6q4r7t5y2a",
                 "state": "accepted"}],
    "received_at": "2026-01-01T00:00:00Z"
}))]
pub struct HeldHistoryView {
    /// Its id.
    pub id: HistoryId,
    /// Whose it is.
    pub member_id: AccountId,
    /// `held`, until it is decided on.
    pub state: HistoryState,
    /// The kind of export.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source_kind: Option<String>,
    /// The end of its first play.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub covers_from: Option<UtcTime>,
    /// The end of its last play.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub covers_to: Option<UtcTime>,
    /// Histories of other members with the very same plays.
    pub same_as: Vec<OtherHistory>,
    /// When somebody left who had this history: perhaps this very person.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub left_at: Option<UtcTime>,
    /// When it arrived.
    pub received_at: UtcTime,
}

/// A history of another member.
#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
pub struct OtherHistory {
    /// Its id.
    pub history_id: HistoryId,
    /// Whose it is.
    pub member_id: AccountId,
    /// What has become of it.
    pub state: HistoryState,
}

/// An operator's decision on a held history.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = HeldHistoryDecision, example = json!({"reason": "Both members showed that they share one account."}))]
pub struct Decision {
    /// Why: 1 to 2,000 characters. The member reads it where the history is refused.
    #[schema(min_length = 1, max_length = 2000)]
    pub reason: String,
}

impl TryFrom<History> for HistoryView {
    type Error = crate::error::Error;

    fn try_from(history: History) -> Result<Self> {
        let problem = history.problem_code.map(|code| {
            let title = Code::ALL.iter().find(|known| known.slug() == code).map_or("", |known| known.title());
            let detail = history.problem_detail.unwrap_or_default();
            HistoryProblem { title: title.to_owned(), code, detail }
        });
        Ok(HistoryView {
            note: note(history.state).map(str::to_owned),
            id: history.id,
            state: history.state,
            same_as: history.same_as,
            report: history.report_json.as_deref().map(serde_json::from_str).transpose()?,
            problem,
            received_at: history.received_at,
            finished_at: history.finished_at,
        })
    }
}

fn note(state: HistoryState) -> Option<&'static str> {
    match state {
        HistoryState::Reading => Some("The history is being read; ask again in a few seconds."),
        HistoryState::Held => Some(
            "The same history has been here before: from somebody else, or from you before you left. An operator looks at it; \
             until then it counts nowhere.",
        ),
        HistoryState::Duplicate => Some("You have sent this history before; it counts once."),
        HistoryState::Accepted | HistoryState::Rejected | HistoryState::Erased => None,
    }
}

impl From<HeldHistory> for HeldHistoryView {
    fn from(HeldHistory { history, others, left_at }: HeldHistory) -> Self {
        let other = |h: History| OtherHistory { history_id: h.id, member_id: h.member_id, state: h.state };
        HeldHistoryView {
            id: history.id,
            member_id: history.member_id,
            state: history.state,
            source_kind: history.source_kind,
            covers_from: history.covers_from,
            covers_to: history.covers_to,
            same_as: others.into_iter().map(other).collect(),
            left_at,
            received_at: history.received_at,
        }
    }
}

impl From<History> for HeldHistoryView {
    fn from(history: History) -> Self {
        HeldHistory { history, others: Vec::new(), left_at: None }.into()
    }
}

/// Takes an export as the member downloaded it, and reads it in the background.
pub async fn upload(
    member: Member,
    ctx: Data<Context>,
    readers: Data<Readers>,
    request: HttpRequest,
    body: Payload,
) -> Result<HttpResponse> {
    let slot = readers.enter()?;
    let file = upload::to_file(&ctx.config, &request, body).await?;
    let arrived = actions::receive(&ctx, &member, slot, file).await?;
    let view = HistoryView::try_from(arrived.history.clone())?;
    let span = tracing::info_span!("history.read", history.id = %view.id);
    tokio::spawn(async move { actions::read(&ctx, arrived).await }.instrument(span));
    Ok(HttpResponse::Accepted().insert_header((LOCATION, format!("/v1/histories/{}", view.id))).json(view))
}

/// Reads one of one's own histories.
pub async fn own(member: Member, ctx: Data<Context>, id: Path<HistoryId>) -> Result<Json<HistoryView>> {
    Ok(Json(actions::own(&ctx, &member, id.into_inner()).await?.try_into()?))
}

/// Lists one's own histories.
pub async fn list_own(member: Member, ctx: Data<Context>, query: Query<PageQuery>) -> Result<Json<Page<HistoryView>>> {
    let Page { items, next_cursor } = actions::list_own(&ctx, &member, &query).await?;
    let items = items.into_iter().map(HistoryView::try_from).collect::<Result<_>>()?;
    Ok(Json(Page { items, next_cursor }))
}

/// Lists the histories that are held.
pub async fn list_held(
    operator: Operator,
    ctx: Data<Context>,
    query: Query<PageQuery>,
) -> Result<Json<Page<HeldHistoryView>>> {
    Ok(Json(actions::list_held(&ctx, &operator, &query).await?.map(HeldHistoryView::from)))
}

/// Accepts a held history.
pub async fn release(
    operator: Operator,
    ctx: Data<Context>,
    id: Path<HistoryId>,
    body: Body<Decision>,
) -> Result<Json<HeldHistoryView>> {
    Ok(Json(actions::release(&ctx, &operator, id.into_inner(), &body.reason).await?.into()))
}

/// Refuses a held history.
pub async fn reject(
    operator: Operator,
    ctx: Data<Context>,
    id: Path<HistoryId>,
    body: Body<Decision>,
) -> Result<Json<HeldHistoryView>> {
    Ok(Json(actions::reject(&ctx, &operator, id.into_inner(), &body.reason).await?.into()))
}
