//! Notices of leavers over HTTP.

use super::actions;
use super::model::LeaversNotice;
use crate::accounts::caller::Caller;
use crate::clock::UtcTime;
use crate::context::Context;
use crate::error::Result;
use crate::ids::{EditionId, LicenceId, NoticeId};
use crate::page::{Page, PageQuery};
use crate::query::Query;
use actix_web::web::{Data, Json, Path};
use serde::Serialize;
use utoipa::ToSchema;

/// How many of the members in a licensed edition had left at the end of a quarter, in tens.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(example = json!({
    "id": "notice_01jd2k8m0wfv9s3x6q4r7t5y2z",
    "licence_id": "licence_01jd2k8m0wfv9s3x6q4r7t5y2z",
    "edition_id": "edition_01jd2k8m0wfv9s3x6q4r7t5y2z",
    "quarter": "2026-Q1",
    "members": 18_000,
    "left_at_least": 120,
    "left_below": 130,
    "in_words": "Of the 18,000 members in the edition, at least 120 and fewer than 130 have left since it was drawn.",
    "told_at": "2026-04-01T00:00:00Z"
}))]
pub struct LeaversNoticeView {
    /// Its id.
    pub id: NoticeId,
    /// The licence.
    pub licence_id: LicenceId,
    /// The edition that the licence was for then.
    pub edition_id: EditionId,
    /// The quarter that had ended.
    #[schema(pattern = "^[0-9]{4}-Q[1-4]$")]
    pub quarter: String,
    /// Members in the edition when it was drawn.
    pub members: i64,
    /// So many of them or more have left since the draw: a multiple of ten. 0 stands for any number below ten, nobody included, so that
    /// it points to nobody.
    pub left_at_least: i64,
    /// And fewer than this.
    pub left_below: i64,
    /// The same for people.
    pub in_words: String,
    /// When it was counted.
    pub told_at: UtcTime,
}

impl From<LeaversNotice> for LeaversNoticeView {
    fn from(notice: LeaversNotice) -> Self {
        LeaversNoticeView {
            left_below: notice.left_below(),
            in_words: notice.in_words(),
            id: notice.id,
            licence_id: notice.licence_id,
            edition_id: notice.edition_id,
            quarter: notice.quarter,
            members: notice.members,
            left_at_least: notice.left_at_least,
            told_at: notice.told_at,
        }
    }
}

/// `GET /v1/licences/{id}/notices`: what its holder was told of leavers, newest first.
pub async fn list(
    caller: Caller,
    ctx: Data<Context>,
    id: Path<LicenceId>,
    query: Query<PageQuery>,
) -> Result<Json<Page<LeaversNoticeView>>> {
    let window = ctx.cursors.window(&query, &format!("notices of {id}"))?;
    let notices = actions::list(&ctx, &caller, id.into_inner(), &window).await?;
    let views = notices.into_iter().map(LeaversNoticeView::from).collect();
    Ok(Json(ctx.cursors.page(&window, views, |view| view.id.as_str())))
}
