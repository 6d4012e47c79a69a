//! What the access log keeps, and what a holder gives out of a licence.

use crate::clock::UtcTime;
use crate::db::schema::{downloads, grants};
use crate::ids::{AccessId, AccountId, GrantId, LicenceId};
use crate::text_enum;
use diesel::prelude::{Insertable, Queryable, Selectable};
use serde::Serialize;
use utoipa::ToSchema;

text_enum! {
    /// What a grant was given out as.
    pub enum GrantKind {
        /// Links to files that carry their own signature.
        Links = "links",
        /// What tools read the tables with by themselves: the profile for Delta Sharing, and the links of the Croissant document.
        Profile = "profile",
    }
}

/// What a holder has given out of a licence: whoever shows it may read files, without an account.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable, Insertable, Serialize, ToSchema)]
#[diesel(table_name = grants)]
#[schema(example = json!({
    "id": "grant_01jd2k8m0wfv9s3x6q4r7t5y2z",
    "licence_id": "licence_01jd2k8m0wfv9s3x6q4r7t5y2z",
    "account_id": "acct_01jd2k8m0wfv9s3x6q4r7t5y2z",
    "kind": "links",
    "created_at": "2026-01-10T12:00:00Z",
    "expires_at": "2026-01-10T13:00:00Z"
}))]
pub struct Grant {
    /// Its id.
    pub id: GrantId,
    /// The licence that it hangs on.
    pub licence_id: LicenceId,
    /// Who gave it out.
    pub account_id: AccountId,
    /// As what.
    pub kind: GrantKind,
    /// When.
    pub created_at: UtcTime,
    /// When it ends by itself; without one, with the licence.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<UtcTime>,
    /// When it was taken back.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub revoked_at: Option<UtcTime>,
}

/// One request for a file under a licence.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable, Insertable, Serialize, ToSchema)]
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
    /// Who asked, or has given out what was shown.
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
    /// What was shown instead of an access token. Tools ask for a file many times over: by a grant it is noted once an hour, with
    /// the length of the whole file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub grant_id: Option<GrantId>,
    /// The beginning of that hour.
    #[serde(skip)]
    pub window_at: Option<UtcTime>,
}
