//! The artists that an offer is about, where the recipe takes its groups from a list of them: where the list comes from,
//! what may be in it, and how the members are told.

use crate::aggregates::{self, KeysFrom};
use crate::datasets::model::Edition;
use crate::db::{Db, Tx};
use crate::error::{Code, Error, Result};
use crate::ids::{EditionId, OfferId};
use crate::money::{counted, grouped};
use crate::offers::model::{EditionChoice, ListSource};
use crate::offers::placing::Asked;
use crate::offers::steps;
use crate::offers::terms::{ArtistList, Terms};
use crate::{datasets, text};

/// Longest list. No recipe takes more.
pub const ARTISTS_MAX: usize = 2_000;
/// Longest name, in characters.
pub const NAME_CHARS_MAX: usize = 500;
/// What such a list takes in JSON at most, in bytes: every character may be written as two escapes of six (`\ud83d\ude00`),
/// and every name has its quotes, a comma and a space.
pub const JSON_BYTES_MAX: usize = ARTISTS_MAX * (NAME_CHARS_MAX * 12 + 4);
/// Names that members read with the offer itself, each cut to so many characters; they may read them all elsewhere.
const TOLD_MAX: usize = 5;
const TOLD_CHARS_MAX: usize = 80;

/// Checks the names of a buyer's list. Whether the recipe takes it is looked at later.
///
/// # Errors
/// `invalid`, naming the place in the list.
pub fn check(artists: &[String]) -> Result<()> {
    if artists.len() > ARTISTS_MAX {
        let most = grouped(ARTISTS_MAX as i64);
        return Err(Error::invalid(format!("artists holds at most {most} names.")));
    }
    for (place, name) in artists.iter().enumerate().map(|(index, name)| (index + 1, name)) {
        if name.trim().is_empty() || name.chars().count() > NAME_CHARS_MAX {
            let detail =
                format!("artists: a name has from 1 to {NAME_CHARS_MAX} characters, and number {place} has not.");
            return Err(Error::invalid(detail));
        }
        if !text::is_plain_line(name) {
            return Err(Error::invalid(format!(
                "artists: number {place} has a control character in it, or one that turns the direction of writing."
            )));
        }
    }
    Ok(())
}

/// The list that the edition asked for is drawn from, kept; `None` where its recipe takes none. `stock` is the edition
/// where it is drawn already: it is sold with the list that it has.
///
/// # Errors
/// `invalid` where a list is given and not asked for, or the other way round, or does not fit the recipe;
/// `not-deliverable` where no edition has artists to take, or the list gives fewer rows than the listing promises.
pub fn wanted(tx: &mut Tx, asked: &Asked, stock: Option<&Edition>) -> Result<Option<ArtistList>> {
    let given = asked.new.artists.as_deref();
    match (stock, asked.recipe.document.keys_from) {
        (None, KeysFrom::Offer) => of_offer(tx, asked, given).map(Some),
        (stock, from) if given.is_some() => Err(unasked(stock.is_some(), from)),
        (Some(edition), from) if from.is_list() => of_stock(tx, edition).map(Some),
        (None, KeysFrom::Edition) => of_edition(tx, asked).map(Some),
        _ => Ok(None),
    }
}

fn unasked(is_stock: bool, from: KeysFrom) -> Error {
    let why = match from {
        KeysFrom::Offer | KeysFrom::Edition if is_stock => {
            "the stock edition is about the artists that it was drawn for"
        }
        KeysFrom::Edition => "the edition is about artists that an earlier edition of the pool has made public",
        _ => "the dataset takes no list",
    };
    Error::invalid(format!("artists: {why}; leave the list out."))
}

fn of_offer(tx: &mut Tx, asked: &Asked, given: Option<&[String]>) -> Result<ArtistList> {
    let artists = given.ok_or_else(|| {
        Error::invalid("artists: list the artists that you ask about, as the music services write their names.")
    })?;
    if let Some(odd) = artists.iter().find(|artist| artist.trim() != artist.as_str()) {
        return Err(Error::invalid(format!("artists: {odd:?} begins or ends with a space; nobody is found by that.")));
    }
    let recipe = &asked.recipe.document;
    aggregates::check_list(recipe, artists).map_err(|error| Error::invalid(format!("artists: {}", error.detail())))?;
    keep(tx, asked, artists, ListSource::Offer, None)
}

fn of_edition(tx: &mut Tx, asked: &Asked) -> Result<ArtistList> {
    let refused = |detail: String| Error::new(Code::NotDeliverable, detail);
    let Some((edition_id, mut artists)) = datasets::steps::public_artists(tx, &asked.pool.id)? else {
        return Err(refused(
            "The dataset is about artists that an earlier edition of the pool has made public, and there is none yet that \
             named any: an edition has to be sold first whose artists come from the members' listening, and have rows."
                .into(),
        ));
    };
    let recipe = &asked.recipe.document;
    artists.truncate(recipe.most_artists.unwrap_or(0) as usize);
    aggregates::check_list(recipe, &artists).map_err(|error| {
        refused(format!("The artists are those that {edition_id} has made public. {}", error.detail()))
    })?;
    keep(tx, asked, &artists, ListSource::Edition, Some(edition_id))
}

/// Where the groups are known, so are the rows: who lists fewer artists than the listing's promise takes would be given
/// the edition and the money back.
fn check_rows(asked: &Asked, artists: i64) -> Result<()> {
    let promised = asked.dataset.rows_promised;
    let rows = aggregates::rows_with(&asked.recipe.document, artists.unsigned_abs());
    match rows.map(i64::try_from) {
        Some(Ok(rows)) if rows < promised => Err(Error::new(
            Code::NotDeliverable,
            format!(
                "A list of {} gives {} rows; the listing promises {} at least, which takes a longer list.",
                counted(artists, "artists"),
                grouped(rows),
                grouped(promised)
            ),
        )),
        _ => Ok(()),
    }
}

/// The list of an edition that was drawn from one: it stands in the terms of the offer that it was drawn for.
fn of_stock(db: &mut Db, edition: &Edition) -> Result<ArtistList> {
    let unnamed = || Error::internal(format!("{} was drawn from a list that no terms name", edition.id));
    let offer = steps::offer(db, &OfferId::parse(&edition.subject_id).ok_or_else(unnamed)?)?;
    offer.terms()?.artist_list.ok_or_else(unnamed)
}

fn keep(
    tx: &mut Tx,
    asked: &Asked,
    artists: &[String],
    source: ListSource,
    edition_id: Option<EditionId>,
) -> Result<ArtistList> {
    let count = i64::try_from(artists.len()).map_err(Error::internal)?;
    check_rows(asked, count)?;
    Ok(ArtistList { source, edition_id, artists: count, sha256: datasets::steps::keep_artists(tx, artists)? })
}

/// What the members are told of the list, line by line; nothing where there is none. Every name that the buyer wrote
/// stands on a line of its own that is marked as the buyer's, so that none can pass for words of ours.
///
/// # Errors
/// `internal` where the list is missing.
pub fn told(db: &mut Db, terms: &Terms) -> Result<Vec<String>> {
    let Some(list) = &terms.artist_list else { return Ok(Vec::new()) };
    let many = counted(list.artists, "artists");
    let mut lines = match (list.source, &list.edition_id) {
        (ListSource::Edition, Some(id)) => {
            let edition = datasets::steps::edition(db, id)?;
            let title = datasets::steps::dataset(db, &edition.dataset_id)?.title;
            vec![format!("It is about {many} that edition {} of “{title}” has made public.", edition.number)]
        }
        _ => {
            let names = datasets::steps::artists(db, &list.sha256)?;
            let who = match terms.edition {
                EditionChoice::Next => "the buyer asks about",
                EditionChoice::Stock => "the buyer asked about for whom it was drawn",
            };
            let which = if names.len() > TOLD_MAX { format!("; the first {TOLD_MAX} of them") } else { String::new() };
            let mut lines = vec![format!("It is about {many} that {who}{which}, in that buyer's own words:")];
            lines.extend(names.iter().take(TOLD_MAX).map(|name| format!("> {}", cut(name))));
            lines
        }
    };
    lines.push(format!("The whole list stands at /v1/artist-lists/{}.", list.sha256));
    Ok(lines)
}

fn cut(name: &str) -> String {
    match name.char_indices().nth(TOLD_CHARS_MAX) {
        Some((end, _)) => format!("{}…", &name[..end]),
        None => name.to_owned(),
    }
}

/// Says what is wrong with the list that an offer's terms name, if anything is.
///
/// # Errors
/// `internal` where the database fails.
pub fn problem(db: &mut Db, id: &OfferId, named: Option<&str>, terms: &Terms) -> Result<Option<String>> {
    let in_terms = terms.artist_list.as_ref().map(|list| list.sha256.as_str());
    if named != in_terms {
        return Ok(Some(format!("{id} names another list of artists than its terms")));
    }
    let Some(list) = &terms.artist_list else { return Ok(None) };
    let kept = datasets::steps::find_artists(db, &list.sha256)?;
    let fits = kept.is_some_and(|artists| i64::try_from(artists.len()) == Ok(list.artists));
    Ok((!fits).then(|| format!("{id} is about a list of artists that is missing or has changed: {}", list.sha256)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_cannot_be_meant_are_refused_by_their_place() {
        let list = |name: &str| ["Nirvana".to_owned(), name.to_owned()];
        let long = "ä".repeat(NAME_CHARS_MAX);
        for good in ["A", "日本語", " a", &long] {
            check(&list(good)).unwrap();
        }
        let too_long = format!("{long}a");
        for bad in ["", "  ", "two\nlines", "a\tb", "a\u{0}", "\u{202E}a", &too_long] {
            let error = check(&list(bad)).unwrap_err();
            assert!(error.detail().contains("number 2"), "{bad:?}: {}", error.detail());
        }
        let many: Vec<String> = (0..=ARTISTS_MAX).map(|number| number.to_string()).collect();
        check(&many[1..]).unwrap();
        assert!(check(&many).unwrap_err().detail().contains("2,000"));
    }

    #[test]
    fn long_names_are_cut_where_a_character_ends() {
        assert_eq!(cut("Böhme"), "Böhme");
        assert_eq!(cut(&"ö".repeat(81)), format!("{}…", "ö".repeat(80)));
    }
}
