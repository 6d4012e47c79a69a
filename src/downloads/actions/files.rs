//! Opening a licensed file, and looking at who did.

use crate::accounts::caller::{Buyer, Caller};
use crate::accounts::model::Role;
use crate::clock::UtcTime;
use crate::context::Context;
use crate::datasets::model::EditionFile;
use crate::db::Db;
use crate::downloads::conditions::{self, Asked, Verdict};
use crate::downloads::links::{self, Link, LinkQuery};
use crate::downloads::model::{Access, Grant};
use crate::downloads::range::{self, Wanted};
use crate::downloads::store;
use crate::error::{Code, Error, Result};
use crate::ids::{AccessId, AccountId, LicenceId};
use crate::page::Window;
use crate::purchases::licence::Licence;
use crate::{datasets, purchases};
use bytes::Bytes;
use futures_util::stream::BoxStream;
use std::ops::Range;
use std::time::Duration;

/// Longest part of a `Range` header that the access log keeps, in characters.
const RANGE_KEPT_CHARS: usize = 200;
/// An access by a grant is noted once in such a window.
const WINDOW_S: i64 = 3_600;
/// The status with which it is noted that a file was read, in parts or whole.
const READ: i32 = 200;

/// What a request for a file is answered with.
pub enum Answer {
    /// The file, all of it or a part.
    Content {
        /// Which bytes; `None` for all of them.
        part: Option<Range<u64>>,
        /// The bytes; `None` where only the head was asked for.
        bytes: Option<BoxStream<'static, Result<Bytes>>>,
    },
    /// The caller has it already: 304.
    Unchanged,
    /// The caller's copy is of another file: 412.
    Stale,
    /// The part asked for is not there: 416.
    Outside,
    /// The store gives it out by itself, at this URL: 307.
    Elsewhere(String),
}

impl Answer {
    fn status(&self) -> u16 {
        match self {
            Answer::Content { part: None, .. } => 200,
            Answer::Content { part: Some(_), .. } => 206,
            Answer::Unchanged => 304,
            Answer::Stale => 412,
            Answer::Outside => 416,
            Answer::Elsewhere(_) => 307,
        }
    }

    fn size_bytes(&self, file: &EditionFile) -> u64 {
        match self {
            Answer::Content { part, bytes: Some(_) } => {
                part.as_ref().map_or(file.size_bytes.unsigned_abs(), |part| part.end - part.start)
            }
            _ => 0,
        }
    }
}

/// The files of a licence that may be used now.
///
/// # Errors
/// `not-found` for another organisation's licence; `licence-preparing`, `licence-revoked`, `licence-expired`, `edition-recalled`.
pub async fn files(ctx: &Context, buyer: &Buyer, id: LicenceId) -> Result<Vec<EditionFile>> {
    let (buyer, now) = (buyer.clone(), ctx.clock.now());
    ctx.db
        .read(move |db| {
            let licence = own_licence(db, &buyer, &id)?;
            purchases::steps::usable(db, &licence, now)?;
            licensed_files(db, &licence)
        })
        .await
}

/// Opens a file under a licence, and notes it in the access log. With `head` nothing but the head is
/// wanted, and then `Range` does not count (RFC 9110, section 14.2).
///
/// # Errors
/// As [`files`], and `not-found` for a file that the edition does not have. Refusals of a licence of
/// one's own are noted in the log too.
pub async fn open(
    ctx: &Context,
    buyer: &Buyer,
    id: LicenceId,
    name: String,
    asked: Asked,
    head: bool,
) -> Result<(EditionFile, Answer)> {
    let (who, licence_id, now) = (buyer.clone(), id.clone(), ctx.clock.now());
    let (allowed, file) = ctx
        .db
        .read(move |db| {
            let licence = own_licence(db, &who, &licence_id)?;
            let file = licensed_files(db, &licence)?.into_iter().find(|file| file.name == name);
            Ok((purchases::steps::usable(db, &licence, now), file))
        })
        .await?;
    let Some(file) = file else { return Err(allowed.err().unwrap_or_else(|| Error::not_found("file"))) };
    let answered = match allowed {
        Ok(()) => answer(ctx, &file, &asked, head, None).await,
        Err(refused) => Err(refused),
    };
    let row = access(ctx, id, buyer.account_id.clone(), &file, &asked, &answered)?;
    ctx.db.write(move |tx| store::insert(tx, &row)).await?;
    Ok((file, answered?))
}

/// Opens a file by a signed link. The first such access of a grant to a file in an hour is noted, and so is the first refusal.
///
/// # Errors
/// `link-refused` for one that is not as it was made or was taken back, `link-expired`; `edition-recalled` for one to a file of an edition
/// that was replaced; what stands against the licence, as with [`files`].
pub async fn open_by_link(
    ctx: &Context,
    id: LicenceId,
    name: String,
    query: LinkQuery,
    asked: Asked,
    head: bool,
) -> Result<(EditionFile, Answer)> {
    let (pepper, now) = (ctx.pepper.clone(), ctx.clock.now());
    let window_at = window(now)?;
    let found = ctx.db.read(move |db| {
        let grant = store::grant(db, &query.grant_id)?;
        let licence = purchases::steps::licence(db, &id)?;
        if grant.licence_id != id {
            return Err(links::refused());
        }
        let signed = signed_file(db, &licence, &name, |file| {
            Link::asked(&query, &id, file)?.expect_signed(&query, &pepper, now)
        });
        if matches!(&signed, Err(refused) if refused.code() == Code::LinkExpired) {
            // Where the licence is over, too, nobody can make new links.
            purchases::steps::usable(db, &licence, now)?;
        }
        let (file, link_ends_at) = signed?;
        if grant.revoked_at.is_some() {
            return Err(Error::new(Code::LinkRefused, "The holder of the licence has taken this link back."));
        }
        let ends_at = licence.next_end().map_or(link_ends_at, |end| end.min(link_ends_at));
        let is_noted = store::is_noted(db, &grant.id, &file.name, window_at, READ)?;
        Ok((grant, purchases::steps::usable(db, &licence, now), file, ends_at, is_noted))
    });
    // Nobody is told whether it was the grant, the licence or the file that is not there.
    let is_missing = |error: &Error| error.code() == Code::NotFound;
    let (grant, allowed, file, ends_at, is_noted) =
        found.await.map_err(|error| if is_missing(&error) { links::refused().because(error) } else { error })?;
    let good_for = Duration::from_secs((ends_at.unix_s() - now.unix_s()).max(0).unsigned_abs());
    let answered = match allowed {
        Ok(()) => answer(ctx, &file, &asked, head, Some(good_for)).await,
        Err(refused) => Err(refused),
    };
    let is_noted = is_noted && matches!(answered, Ok(Answer::Content { .. }));
    if !head && !is_noted {
        note_once(ctx, &grant, &file, window_at, &asked, &answered).await?;
    }
    Ok((file, answered?))
}

/// The file of a name that a link is signed for, and when the link ends. Where that is a file of an edition whose place the licensed one
/// has taken, it says so.
fn signed_file(
    db: &mut Db,
    licence: &Licence,
    name: &str,
    expect_signed: impl Fn(&EditionFile) -> Result<UtcTime>,
) -> Result<(EditionFile, UtcTime)> {
    let named = |file: &EditionFile| file.name == name;
    let refused = match licensed_files(db, licence)?.into_iter().find(named) {
        Some(file) => match expect_signed(&file) {
            Ok(ends_at) => return Ok((file, ends_at)),
            Err(refused) => refused,
        },
        None => links::refused(),
    };
    if let (Code::LinkRefused, Some(edition_id)) = (refused.code(), &licence.edition_id) {
        let replaced = datasets::steps::replaced_files(db, edition_id)?;
        if let Some((_, recalled)) = replaced.iter().find(|(file, _)| named(file) && expect_signed(file).is_ok()) {
            let words = format!(
                "This link is to a file of an edition that was recalled. {} Make new links.",
                recalled.in_words()
            );
            return Err(Error::new(Code::EditionRecalled, words));
        }
    }
    Err(refused)
}

/// What to answer. Where it is said how long that may be good, the store may be asked to send the file by itself: who follows a link
/// brings no token that the store would take for one of its own.
async fn answer(
    ctx: &Context,
    file: &EditionFile,
    asked: &Asked,
    head: bool,
    elsewhere_for: Option<Duration>,
) -> Result<Answer> {
    let length_bytes = file.size_bytes.unsigned_abs();
    let ranged = match conditions::weigh(asked, &tag(file)) {
        Verdict::Stale => return Ok(Answer::Stale),
        Verdict::Unchanged => return Ok(Answer::Unchanged),
        Verdict::Send { ranged } => ranged && !head,
    };
    let wanted = asked.range.as_deref().filter(|_| ranged).map(|header| range::wanted(header, length_bytes));
    let part = match wanted {
        Some(Wanted::Outside) => return Ok(Answer::Outside),
        Some(Wanted::Part(part)) => Some(part),
        Some(Wanted::Whole) | None => None,
    };
    if head {
        return Ok(Answer::Content { part: None, bytes: None });
    }
    if let Some(most) = elsewhere_for
        && let Some(url) = ctx.storage.own_link(&file.object_key, most).await?
    {
        return Ok(Answer::Elsewhere(url));
    }
    let bytes = ctx.storage.stream(&file.object_key, part.clone().unwrap_or(0..length_bytes)).await;
    let bytes = bytes.map_err(|error| unreadable(file, error))?;
    Ok(Answer::Content { part, bytes: Some(bytes) })
}

/// What the operator has to know where a licensed file cannot be read. The caller is told nothing of it.
fn unreadable(file: &EditionFile, error: Error) -> Error {
    let because = error.cause().map_or_else(|| error.to_string(), ToString::to_string);
    Error::internal(format!(
        "the licensed file {} (SHA-256 {}) cannot be read: {because}; restore it from a backup, an edition is never \
         drawn twice",
        file.object_key, file.sha256
    ))
}

/// The strong entity tag of a file: its SHA-256, quoted.
pub fn tag(file: &EditionFile) -> String {
    format!("\"{}\"", file.sha256)
}

/// What the log says of an answer.
fn access(
    ctx: &Context,
    licence_id: LicenceId,
    account_id: AccountId,
    file: &EditionFile,
    asked: &Asked,
    answered: &Result<Answer>,
) -> Result<Access> {
    let (status, size_bytes) = match answered {
        Ok(answer) => (answer.status(), answer.size_bytes(file)),
        Err(error) => (error.code().status(), 0),
    };
    Ok(Access {
        id: AccessId::new(ctx.clock.now(), &ctx.entropy),
        licence_id,
        account_id,
        file_name: file.name.clone(),
        status: status.into(),
        range_asked: asked.range.as_ref().map(|range| range.chars().take(RANGE_KEPT_CHARS).collect()),
        size_bytes: i64::try_from(size_bytes).map_err(Error::internal)?,
        happened_at: ctx.clock.now(),
        grant_id: None,
        window_at: None,
    })
}

/// Notes an access by a grant, unless one such is in the log of this hour. Which parts a tool reads says nothing: it counts as one
/// that may have read all.
async fn note_once(
    ctx: &Context,
    grant: &Grant,
    file: &EditionFile,
    window_at: UtcTime,
    asked: &Asked,
    answered: &Result<Answer>,
) -> Result<()> {
    let mut row = access(ctx, grant.licence_id.clone(), grant.account_id.clone(), file, asked, answered)?;
    match answered {
        Ok(Answer::Content { .. }) => (row.status, row.size_bytes) = (READ, file.size_bytes),
        Ok(Answer::Elsewhere(_)) => row.size_bytes = file.size_bytes,
        _ => {}
    }
    row.range_asked = None;
    row.grant_id = Some(grant.id.clone());
    row.window_at = Some(window_at);
    let (id, name, status) = (grant.id.clone(), file.name.clone(), row.status);
    let is_noted = move |db: &mut Db| store::is_noted(db, &id, &name, window_at, status);
    if ctx.db.read(is_noted.clone()).await? {
        return Ok(());
    }
    ctx.db.write(move |tx| if is_noted(tx)? { Ok(()) } else { store::insert(tx, &row) }).await
}

/// The window of an instant: when it began.
fn window(at: UtcTime) -> Result<UtcTime> {
    let began_at = UtcTime::from_unix_s(at.unix_s().div_euclid(WINDOW_S) * WINDOW_S);
    began_at.ok_or_else(|| Error::internal(format!("{at} is in no hour")))
}

/// The access log of a licence, newest first: for its holder and for operators.
///
/// # Errors
/// `not-found` for another organisation's licence.
pub async fn accesses(ctx: &Context, caller: &Caller, id: LicenceId, window: &Window) -> Result<Vec<Access>> {
    let (caller, window) = (caller.clone(), window.clone());
    ctx.db
        .read(move |db| {
            let licence = purchases::steps::licence(db, &id)?;
            match (caller.role, &caller.organisation_id) {
                (Role::Operator, _) => {}
                (Role::Buyer, Some(own)) if *own == licence.organisation_id => {}
                (Role::Buyer, _) => return Err(Error::not_found("licence")),
                _ => return Err(Error::new(Code::Forbidden, "Only the holder and operators see who downloaded.")),
            }
            store::of_licence(db, &id, window.after.as_deref(), window.fetch())
        })
        .await
}

pub(in crate::downloads) fn own_licence(db: &mut Db, buyer: &Buyer, id: &LicenceId) -> Result<Licence> {
    let licence = purchases::steps::licence(db, id)?;
    if licence.organisation_id != buyer.organisation_id {
        return Err(Error::not_found("licence"));
    }
    Ok(licence)
}

pub(in crate::downloads) fn licensed_files(db: &mut Db, licence: &Licence) -> Result<Vec<EditionFile>> {
    match &licence.edition_id {
        Some(edition_id) => datasets::steps::files(db, edition_id),
        None => Ok(Vec::new()),
    }
}
