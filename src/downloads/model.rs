//! What the access log keeps.

use crate::clock::UtcTime;
use crate::db::schema::downloads;
use crate::ids::{AccessId, AccountId, LicenceId};
use diesel::prelude::{Queryable, Selectable};
use serde::Serialize;
use utoipa::ToSchema;

/// One request for a file under a licence.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable, Serialize, ToSchema)]
#[diesel(table_name = downloads)]
#[schema(example = json!({
    "id": "access_01jd2k8m0wfv9s3x6q4r7t5y2z",
    "licence_id": "licence_01jd2k8m0wfv9s3x6q4r7t5y2z",
    "account_id": "acct_01jd2k8m0wfv9s3x6q4r7t5y2z",
    "file_name": "artist_preference.parquet",
    "status": 206,
    "range_asked": "bytes=0-1048575",
    "size_bytes": 1_048_576,
    "happened_at": "2026-01-10T12:00:00Z"
}))]
pub struct Access {
    /// Its id.
    pub id: AccessId,
    /// The licence.
    pub licence_id: LicenceId,
    /// Who asked.
    pub account_id: AccountId,
    /// For which file.
    pub file_name: String,
    /// The status that it was answered with.
    pub status: i32,
    /// The `Range` that was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub range_asked: Option<String>,
    /// Bytes of the file that the answer held.
    pub size_bytes: i64,
    /// When.
    pub happened_at: UtcTime,
}
