//! Letters to those who hold licences: that an edition was recalled, what took its place, and how many of its members have left.

use super::notices::Notice;
use super::wording::{self, Letter, Links};
use crate::datasets;
use crate::db::Tx;
use crate::error::Result;
use crate::ids::{EditionId, OrganisationId};
use crate::money::counted;
use crate::purchases::licence::LicenceState;
use crate::purchases::{self, leavers, recalls};

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
    let path = links.to(&format!("/v1/licences/{}", licence.id));
    let mut paragraphs = vec![what.as_str(), words.as_str(), next];
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
