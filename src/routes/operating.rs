//! The operator's view of the house itself: background jobs and the audit log.

use crate::accounts::caller::Operator;
use crate::audit;
use crate::clock::UtcTime;
use crate::context::Context;
use crate::datasets;
use crate::error::{Error, Result};
use crate::ids::{EditionId, JobId};
use crate::page::{Page, PageQuery};
use crate::query::Query;
use crate::queue::{self, Job, JobKind, JobState};
use actix_web::HttpResponse;
use actix_web::web::{Data, Json, Path};
use serde::{Deserialize, Serialize};

/// Which jobs.
#[derive(Debug, Clone, Default, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub struct JobsQuery {
    /// Only those in this state.
    pub state: Option<JobState>,
    /// Items on the page: 1 to 100, 20 if not said.
    #[param(minimum = 1, maximum = 100)]
    pub limit: Option<i64>,
    /// The `next_cursor` of the page before.
    pub cursor: Option<String>,
}

/// A background job.
#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
#[schema(example = json!({
    "id": "job_01jd2k8m0wfv9s3x6q4r7t5y2z", "kind": "close_vote", "subject_id": "vote_01jd2k8m0wfv9s3x6q4r7t5y2z",
    "state": "waiting", "attempts": 0, "due_at": "2026-01-08T12:00:00Z", "created_at": "2026-01-01T12:00:00Z"
}))]
pub struct JobView {
    /// Its id.
    pub id: JobId,
    /// What is to be done.
    pub kind: JobKind,
    /// With what.
    pub subject_id: String,
    /// What has become of it.
    pub state: JobState,
    /// Tries that failed.
    pub attempts: i32,
    /// When it is to be done.
    pub due_at: UtcTime,
    /// Why the last try failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_error: Option<String>,
    /// When it was asked for.
    pub created_at: UtcTime,
    /// When it ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub finished_at: Option<UtcTime>,
}

impl From<Job> for JobView {
    fn from(job: Job) -> Self {
        let Job { id, kind, subject_id, state, attempts, due_at, last_error, created_at, finished_at, .. } = job;
        JobView { id, kind, subject_id, state, attempts, due_at, last_error, created_at, finished_at }
    }
}

/// `GET /v1/jobs`
///
/// # Errors
/// `invalid-cursor`, `invalid`.
pub async fn jobs(_: Operator, ctx: Data<Context>, query: Query<JobsQuery>) -> Result<Json<Page<JobView>>> {
    let JobsQuery { state, limit, cursor } = query.into_inner();
    let list = format!("jobs in {}", state.map_or("any state", JobState::as_str));
    let window = ctx.cursors.window(&PageQuery { limit, cursor }, &list)?;
    let (after, fetch) = (window.after.clone(), window.fetch());
    let found = ctx.db.read(move |db| queue::list(db, state, after.as_deref(), fetch)).await?;
    Ok(Json(ctx.cursors.page(&window, found, |job| job.id.as_str()).map(JobView::from)))
}

/// `POST /v1/jobs/{id}/retry`
///
/// # Errors
/// `not-found`; `conflict` where the job was not set aside.
pub async fn retry(operator: Operator, ctx: Data<Context>, id: Path<JobId>) -> Result<HttpResponse> {
    let id = id.into_inner();
    ctx.db
        .write(move |tx| {
            let job = queue::find(tx, &id)?.ok_or_else(|| Error::not_found("job"))?;
            if !queue::retry(tx, &id)? {
                let state = job.state;
                return Err(Error::conflict(format!(
                    "The job is {state}; only one that was set aside is started again."
                )));
            }
            if let Some(edition_id) = EditionId::parse(&job.subject_id).filter(|_| job.kind == JobKind::DrawEdition) {
                datasets::steps::resume_drawing(tx, &edition_id)?;
            }
            audit::note(tx, &operator.account_id, "job.retry", id.as_str(), None)
        })
        .await?;
    Ok(HttpResponse::NoContent().finish())
}

/// `GET /v1/audit-log`
///
/// # Errors
/// `invalid-cursor`, `invalid`.
pub async fn audit_log(_: Operator, ctx: Data<Context>, query: Query<PageQuery>) -> Result<Json<Page<audit::Entry>>> {
    let window = ctx.cursors.window(&query, "audit log")?;
    let (after, fetch) = (window.after.clone(), window.fetch());
    let found = ctx.db.read(move |db| audit::list(db, after.as_deref(), fetch)).await?;
    Ok(Json(ctx.cursors.page(&window, found, |entry| entry.id.as_str())))
}
