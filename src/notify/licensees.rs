//! Letters to those who hold licences: that the files are there, that something has changed, that an edition was recalled, what took its place, and how many of its members have left.

use super::notices::Notice;
use super::wording::{self, Letter, Links};
use crate::clock::UtcTime;
use crate::db::Tx;
use crate::error::Result;
use crate::ids::{EditionId, LicenceId, OrganisationId};
use crate::money::{Money, counted};
use crate::purchases::licence::{Licence, LicenceState};
use crate::purchases::{leavers, recalls};
use crate::{datasets, pools, purchases};

/// The files are there. Only while they may be had.
pub fn ready(tx: &mut Tx, links: &Links, notice: &Notice) -> Result<Option<Letter>> {
    let licence = purchases::steps::licence(tx, &notice.id("licence_id")?)?;
    if licence.state_at(tx.now()) != LicenceState::Active {
        return Ok(None);
    }
    let terms = licence.terms()?;
    let purchase = purchases::steps::purchase(tx, &licence.purchase_id)?;
    let due_minor = purchases::steps::refund_due_minor(tx, &purchase)?;
    let ready = Ready {
        dataset: terms.dataset_title,
        ends_at: licence.next_end(),
        refund_due: (due_minor > 0).then(|| purchase.money(due_minor)),
        licence_id: licence.id,
    };
    Ok(Some(files_ready(links, &ready)))
}

/// What a licence gives that has just begun.
#[derive(Debug, Clone)]
pub(super) struct Ready {
    /// The dataset's title.
    pub(super) dataset: String,
    /// When it ends.
    pub(super) ends_at: Option<UtcTime>,
    /// What goes back to the buyer, because there are fewer rows than promised.
    pub(super) refund_due: Option<Money>,
    /// What it is called in paths.
    pub(super) licence_id: LicenceId,
}

pub(super) fn files_ready(links: &Links, ready: &Ready) -> Letter {
    let dataset = &ready.dataset;
    let until = match ready.ends_at {
        Some(ends_at) => format!("You may download them as often as you like until {}:", wording::when(ends_at)),
        None => "You may download them as often as you like:".to_owned(),
    };
    let what = format!("The licence for \"{dataset}\" is active, and its files are ready.");
    let link = links.to(&format!("/v1/licences/{}/files", ready.licence_id));
    let agreement = format!(
        "What you may do with them stands in the agreement, signed and to be kept:\n{}",
        links.to(&format!("/v1/licences/{}/agreement", ready.licence_id))
    );
    let refund = ready.refund_due.as_ref().map(|due| {
        format!(
            "The edition has fewer rows than the terms promise. {due} of your payment goes back to you; there is \
             nothing to do."
        )
    });
    let mut paragraphs = vec![what.as_str(), until.as_str(), link.as_str(), agreement.as_str()];
    if let Some(refund) = &refund {
        paragraphs.insert(1, refund);
    }
    wording::letter(links, format!("Refrain: your files of \"{dataset}\" are ready"), &paragraphs)
}

/// A licence is under notice, kept after all, over, or cancelled. Not where it has ended by a recall meanwhile, of which there is a letter
/// of its own, nor that it is kept where another notice has come since.
pub fn changed(tx: &mut Tx, links: &Links, notice: &Notice) -> Result<Option<Letter>> {
    let licence = purchases::steps::licence(tx, &notice.id("licence_id")?)?;
    let kept_because = notice.reason()?;
    let is_over = licence.state_at(tx.now()) == LicenceState::Recalled;
    if is_over || (kept_because.is_some() && licence.revoked_from().is_some()) {
        return Ok(None);
    }
    let terms = licence.terms()?;
    let contact = pools::steps::pool(tx, &terms.pool_id)?.contact_email;
    Ok(Some(change(links, (&terms.dataset_title, &contact), &licence, kept_because.as_deref(), tx.now())))
}

/// Where a licence stands, and why. Why a notice was taken back is not kept with the licence, which stands as if there had been none.
fn change(
    links: &Links,
    (dataset, contact): (&str, &str),
    licence: &Licence,
    kept_because: Option<&str>,
    now: UtcTime,
) -> Letter {
    let reason = format!("The reason: {}", licence.revoked_reason.as_deref().unwrap_or(wording::NO_REASON));
    let (change, what, next) = match (licence.state_at(now), licence.revoked_from()) {
        (LicenceState::Active | LicenceState::Suspended, Some(from)) => (
            "is under notice",
            format!("Your licence for \"{dataset}\" is to be revoked on {}.", wording::when(from)),
            format!(
                "{reason}\n\nUntil then you may use it. If you mend the breach in time, tell the operator: {contact}"
            ),
        ),
        (LicenceState::Active | LicenceState::Preparing | LicenceState::Suspended, _) => (
            "stands",
            format!("The notice about your licence for \"{dataset}\" was taken back: the licence stands as it was."),
            format!("The reason: {}\n\nThere is nothing to do.", kept_because.unwrap_or(wording::NO_REASON)),
        ),
        (LicenceState::Revoked, _) => (
            "is revoked",
            format!("Your licence for \"{dataset}\" is revoked. Its files can no longer be downloaded."),
            reason,
        ),
        (LicenceState::Expired, _) => (
            "has ended",
            format!("The term of your licence for \"{dataset}\" is over. Its files can no longer be downloaded."),
            "What the terms say about the time after it holds from now on. A new offer gives a new licence.".to_owned(),
        ),
        (LicenceState::Recalled, _) => (
            "has ended",
            format!("Your licence for \"{dataset}\" has ended, because the edition was recalled."),
            "What is owed for it goes back to you; there is nothing to do.".to_owned(),
        ),
        (LicenceState::Cancelled, _) => (
            "is cancelled",
            format!("The edition for your licence for \"{dataset}\" cannot be made, so the licence is cancelled."),
            format!("{reason}\n\nAll of your payment goes back to you; there is nothing to do."),
        ),
    };
    let subject = format!("Refrain: your licence for \"{dataset}\" {change}");
    wording::letter(links, subject, &[&what, &next, "The licence:", &links.to(&format!("/v1/licences/{}", licence.id))])
}

/// An edition was recalled. Not to who has what took its place already: they are told of that.
pub fn recalled(tx: &mut Tx, links: &Links, notice: &Notice) -> Result<Option<Letter>> {
    let (licence, now) = (purchases::steps::licence(tx, &notice.id("licence_id")?)?, tx.now());
    let edition_id: EditionId = notice.id("edition_id")?;
    let Some(recalled) = datasets::steps::recall(tx, &edition_id)? else { return Ok(None) };
    let (next, refund) = match licence.state_at(now) {
        LicenceState::Suspended => (
            "From now on its files cannot be downloaded; please do not use what you have of it. The new edition costs you nothing. A \
             mail tells when it is there, and your licence then lasts longer by the time without files.",
            None,
        ),
        LicenceState::Recalled => {
            let purchase = purchases::steps::purchase(tx, &licence.purchase_id)?;
            let due_minor = recalls::steps::refund(tx, &purchase, &licence)?.total_minor();
            let refund = (due_minor > 0).then(|| {
                format!("{} of your payment goes back to you; there is nothing to do.", purchase.money(due_minor))
            });
            (
                "Your licence has ended with it. Its files cannot be downloaded; please do not use what you have of it.",
                refund,
            )
        }
        LicenceState::Expired | LicenceState::Revoked => (
            "Your licence had ended before. You are told because what you made with the edition may be affected.",
            None,
        ),
        LicenceState::Active | LicenceState::Preparing | LicenceState::Cancelled => return Ok(None),
    };
    let dataset = licence.terms()?.dataset_title;
    let what = format!("An edition of \"{dataset}\" that you have or had a licence for was recalled.");
    let words = recalled.in_words();
    let given_up = notice
        .reason()?
        .map(|reason| format!("The edition that was to take its place was given up. The operator says: “{reason}”"));
    let path = links.to(&format!("/v1/licences/{}", licence.id));
    let mut paragraphs = vec![what.as_str(), words.as_str()];
    paragraphs.extend(given_up.as_deref());
    paragraphs.push(next);
    paragraphs.extend(refund.as_deref());
    paragraphs.extend(["The licence:", path.as_str()]);
    Ok(Some(wording::letter(links, format!("Refrain: an edition of \"{dataset}\" was recalled"), &paragraphs)))
}

/// Another edition has taken the place of a recalled one. Only while its files may be had.
pub fn replaced(tx: &mut Tx, links: &Links, notice: &Notice) -> Result<Option<Letter>> {
    let (licence, now) = (purchases::steps::licence(tx, &notice.id("licence_id")?)?, tx.now());
    let edition_id: EditionId = notice.id("edition_id")?;
    let is_there = licence.state_at(now) == LicenceState::Active && licence.edition_id.as_ref() == Some(&edition_id);
    let Some(recalled) = datasets::steps::recall_replaced_by(tx, &edition_id)?.filter(|_| is_there) else {
        return Ok(None);
    };
    let edition = datasets::steps::edition(tx, &edition_id)?;
    let dataset = licence.terms()?.dataset_title;
    let why = recalled.in_words();
    let what = format!(
        "The new edition of \"{dataset}\" has {}. It costs you nothing, and your licence lasts longer by the time without files.",
        counted(edition.rows_given.unwrap_or(0), "rows")
    );
    let until = match licence.next_end() {
        Some(ends_at) => format!("You may download its files as often as you like until {}:", wording::when(ends_at)),
        None => "You may download its files as often as you like:".to_owned(),
    };
    let tools = format!(
        "Links that were made before open nothing any more: make new ones. A profile for Delta Sharing stays good; the new edition is \
         version {} of the tables.",
        edition.number
    );
    let files = links.to(&format!("/v1/licences/{}/files", licence.id));
    let subject = format!("Refrain: your new files of \"{dataset}\" are ready");
    Ok(Some(wording::letter(links, subject, &[&why, &what, &until, &files, &tools])))
}

/// How many members have left, for all licences of an organisation in one letter.
pub fn leavers(tx: &mut Tx, links: &Links, notice: &Notice) -> Result<Option<Letter>> {
    let (organisation_id, quarter): (OrganisationId, String) = (notice.id("organisation_id")?, notice.id("quarter")?);
    let told = leavers::actions::told(tx, &organisation_id, &quarter)?;
    let mut paragraphs = vec![format!(
        "This is the notice for {quarter}: how many members of the editions that you hold a licence for have left."
    )];
    for (licence, notice) in &told {
        let edition = datasets::steps::edition(tx, &notice.edition_id)?;
        paragraphs.push(format!(
            "\"{}\", edition {}: {}\n{}",
            licence.terms()?.dataset_title,
            edition.number,
            notice.in_words(),
            links.to(&format!("/v1/licences/{}/notices", licence.id))
        ));
    }
    paragraphs.push(
        "There is nothing to do: editions that were drawn stay as they are, and who has left is in no later one. Numbers are told in \
         tens, so that they point to nobody."
            .into(),
    );
    let paragraphs: Vec<&str> = paragraphs.iter().map(String::as_str).collect();
    let subject = format!("Refrain: members who have left, {quarter}");
    Ok((!told.is_empty()).then(|| wording::letter(links, subject, &paragraphs)))
}
