//! Editions as those who may know of them read them.

use crate::accounts::caller::Caller;
use crate::accounts::model::Role;
use crate::aggregates::Manifest;
use crate::clock::UtcTime;
use crate::context::Context;
use crate::datasets::model::{Edition, EditionState};
use crate::datasets::recall::{RecallSummary, Recalled};
use crate::datasets::store;
use crate::db::Db;
use crate::error::{Error, Result};
use crate::ids::{DatasetId, EditionId, OrganisationId};
use serde::Serialize;
use utoipa::ToSchema;

/// An edition and how far it is.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(example = json!({
    "id": "edition_01jd2k8m0wfv9s3x6q4r7t5y2z", "dataset_id": "dataset_01jd2k8m0wfv9s3x6q4r7t5y2z", "number": 1,
    "state": "preparing", "stage": "reading the members' plays", "percent": 42, "members": 18_000, "rows": null,
    "failure": null, "created_at": "2026-01-31T12:00:00Z", "published_at": null, "recall": null
}))]
pub struct EditionView {
    /// Its id.
    pub id: EditionId,
    /// What it is an edition of.
    pub dataset_id: DatasetId,
    /// 1, 2, … of the dataset.
    pub number: i32,
    /// Where it stands.
    pub state: EditionState,
    /// How far the work on it is, in words.
    pub stage: String,
    /// How much of the members' stored plays the present or last try has read, in percent. For operators alone.
    pub percent: Option<i32>,
    /// Members in it.
    pub members: i64,
    /// Rows in each file, once it is published.
    pub rows: Option<i64>,
    /// Why the last try to draw it failed.
    pub failure: Option<String>,
    /// When it was asked for.
    pub created_at: UtcTime,
    /// When it was published.
    pub published_at: Option<UtcTime>,
    /// Why nothing of it is given out any more, where it was recalled.
    pub recall: Option<RecallView>,
}

/// The recall of an edition, for those who may know of the edition.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(example = json!({
    "recalled_at": "2026-02-10T09:00:00Z", "ground": "error", "state": "replacing",
    "replacement_id": "edition_01jd2k8m0wfv9s3x6q4r7t5y2z", "replacement_number": 2,
    "in_words": "Edition 1 was recalled on 2026-02-10: an error in the edition. Edition 2 is being drawn to take its place.",
    "reason": "The plays of June were counted twice."
}))]
pub struct RecallView {
    /// What everybody may know.
    #[serde(flatten)]
    pub summary: RecallSummary,
    /// What the operator tells the licensees.
    pub reason: String,
    /// When it was replaced or refunded.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resolved_at: Option<UtcTime>,
}

impl From<&Recalled> for RecallView {
    fn from(recalled: &Recalled) -> Self {
        RecallView {
            summary: RecallSummary::from(recalled),
            reason: recalled.recall.reason.clone(),
            resolved_at: recalled.recall.resolved_at,
        }
    }
}

/// How a published edition was made, and what it holds.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct EditionManifest {
    /// The edition.
    pub edition_id: EditionId,
    /// What it is an edition of.
    pub dataset_id: DatasetId,
    /// 1, 2, … of the dataset.
    #[schema(example = 1)]
    pub number: i32,
    /// When it was published.
    pub published_at: Option<UtcTime>,
    /// How it was made, with the files' digests.
    pub manifest: Manifest,
}

impl From<Edition> for EditionView {
    fn from(edition: Edition) -> Self {
        EditionView {
            id: edition.id,
            dataset_id: edition.dataset_id,
            number: edition.number,
            state: edition.state,
            stage: edition.stage,
            percent: edition.percent,
            members: edition.members,
            rows: edition.rows_given,
            failure: edition.failure,
            created_at: edition.created_at,
            published_at: edition.published_at,
            recall: None,
        }
    }
}

/// An edition, for operators and for those who hold a licence on it.
///
/// # Errors
/// `not-found`: there is none, or this caller may not know of it.
pub async fn edition(ctx: &Context, caller: &Caller, id: EditionId) -> Result<EditionView> {
    let (caller, is_operator) = (caller.clone(), caller.role == Role::Operator);
    let view = ctx.db.read(move |db| {
        let edition = visible(db, &caller, &id)?;
        let recall = store::recall(db, &id)?.as_ref().map(RecallView::from);
        Ok(EditionView { recall, ..EditionView::from(edition) })
    });
    let view = view.await?;
    // How fast the plays are read tells roughly how many there are.
    Ok(EditionView { percent: view.percent.filter(|_| is_operator), ..view })
}

/// The manifest of a published edition, for operators and for those who hold a licence on it.
///
/// # Errors
/// `not-found`: there is none, it is not published, or this caller may not know of it.
pub async fn manifest(ctx: &Context, caller: &Caller, id: EditionId) -> Result<EditionManifest> {
    let caller = caller.clone();
    ctx.db
        .read(move |db| {
            let edition = visible(db, &caller, &id)?;
            let manifest = edition.manifest_json.as_deref().ok_or_else(|| Error::not_found("manifest"))?;
            Ok(EditionManifest {
                manifest: serde_json::from_str(manifest)?,
                edition_id: edition.id,
                dataset_id: edition.dataset_id,
                number: edition.number,
                published_at: edition.published_at,
            })
        })
        .await
}

/// The privacy report of a published edition, for everybody: what it tells is public. Of one that was recalled it says so first.
///
/// # Errors
/// `not-found`: there is none, or it is not published.
pub async fn privacy_report(ctx: &Context, id: EditionId) -> Result<String> {
    ctx.db
        .read(move |db| {
            let edition = store::edition(db, &id)?;
            let manifest = edition.manifest_json.as_deref().ok_or_else(|| Error::not_found("privacy report"))?;
            let manifest: Manifest = serde_json::from_str(manifest)?;
            let title = store::dataset(db, &edition.dataset_id)?.title;
            let report = manifest.report(&format!("Edition {} of “{title}”", edition.number));
            Ok(match store::recall(db, &id)? {
                Some(recalled) => format!("{} {}\n\n{report}", recalled.in_public(), recalled.what_follows()),
                None => report,
            })
        })
        .await
}

fn visible(db: &mut Db, caller: &Caller, id: &EditionId) -> Result<Edition> {
    let edition = store::edition(db, id)?;
    let may_see = match (caller.role, &caller.organisation_id) {
        (Role::Operator, _) => true,
        (Role::Buyer, Some(own)) => is_licensee(db, own, &edition)?,
        _ => false,
    };
    if may_see { Ok(edition) } else { Err(Error::not_found("edition")) }
}

/// Whether an organisation holds a licence on an edition, or on what took its place: then it may read what that replaces.
fn is_licensee(db: &mut Db, own: &OrganisationId, edition: &Edition) -> Result<bool> {
    let mut id = edition.id.clone();
    loop {
        if store::is_licensee(db, own, &edition.dataset_id, Some(&id))? {
            return Ok(true);
        }
        match store::recall(db, &id)?.and_then(|recalled| recalled.recall.replacement_id) {
            Some(replacement_id) => id = replacement_id,
            None => return Ok(false),
        }
    }
}
