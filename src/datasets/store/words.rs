//! The words of listings, and the two databases' indexes over them.

use crate::datasets::catalogue::words::Wording;
use crate::datasets::model::Words;
use crate::db::Db;
use crate::db::schema::{datasets, listing_texts};
use crate::error::Result;
use crate::ids::DatasetId;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Text};

/// A part of a listing in which words stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Field {
    /// Its title.
    Title,
    /// Its keywords.
    Keywords,
    /// Its description.
    Description,
    /// The names of recipe, columns, purposes and pool.
    Recipe,
}

#[derive(QueryableByName)]
struct Found {
    #[diesel(sql_type = BigInt)]
    number: i64,
}

/// Writes what a listing is found by, in place of what it was found by before. Each database keeps its index by itself.
pub fn write_words(db: &mut Db, id: &DatasetId, words: &Words) -> Result<()> {
    let columns = (
        listing_texts::title.eq(&words.title),
        listing_texts::keywords.eq(&words.keywords),
        listing_texts::description.eq(&words.description),
        listing_texts::recipe.eq(&words.recipe),
    );
    let known = listing_texts::table.filter(listing_texts::dataset_id.eq(id));
    if diesel::update(known).set(columns).execute(db)? == 0 {
        diesel::insert_into(listing_texts::table).values((listing_texts::dataset_id.eq(id), columns)).execute(db)?;
    }
    Ok(())
}

/// Some listings that were written before there were words to find them by.
pub fn datasets_without_words(db: &mut Db, limit: i64) -> Result<Vec<DatasetId>> {
    let found = datasets::table.left_join(listing_texts::table).filter(listing_texts::number.nullable().is_null());
    Ok(found.select(datasets::id).limit(limit).load(db)?)
}

/// The numbers of the listings that have these words in one of their parts. Tokens are letters and digits alone, so that
/// nothing in them means anything in either language of queries.
pub fn listings_with(db: &mut Db, wording: &Wording, field: Field) -> Result<Vec<i64>> {
    let found: Vec<Found> = match db {
        Db::Sqlite(db) => diesel::sql_query("SELECT rowid AS number FROM listing_words WHERE listing_words MATCH ?")
            .bind::<Text, _>(fts5(wording, field))
            .load(db)?,
        Db::Postgres(db) => diesel::sql_query("SELECT number FROM listing_texts WHERE words @@ $1::tsquery")
            .bind::<Text, _>(tsquery(wording, field))
            .load(db)?,
    };
    Ok(found.into_iter().map(|found| found.number).collect())
}

/// As SQLite wants it (<https://www.sqlite.org/fts5.html>, section 3): `{title} : "late night" *`.
fn fts5(wording: &Wording, field: Field) -> String {
    let column = match field {
        Field::Title => "title",
        Field::Keywords => "keywords",
        Field::Description => "description",
        Field::Recipe => "recipe",
    };
    let open = if wording.is_open { " *" } else { "" };
    format!("{{{column}}} : \"{}\"{open}", wording.tokens.join(" "))
}

/// As PostgreSQL wants it (its manual, section 8.11.2): `late:A <-> night:*A`.
fn tsquery(wording: &Wording, field: Field) -> String {
    let weight = match field {
        Field::Title => "A",
        Field::Keywords => "B",
        Field::Description => "C",
        Field::Recipe => "D",
    };
    let last = wording.tokens.len() - 1;
    let lexeme = |(index, token): (usize, &String)| {
        let open = if wording.is_open && index == last { "*" } else { "" };
        format!("{token}:{open}{weight}")
    };
    wording.tokens.iter().enumerate().map(lexeme).collect::<Vec<_>>().join(" <-> ")
}
