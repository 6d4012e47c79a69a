//! One listing as its readers see it: what is loaded for it, and what is made of that.

use super::budget;
use super::cache::Content;
use super::model::{Dataset, Edition, StoredRecipe};
use super::provenance;
use super::recall::{RecallSummary, Recalled};
use super::store::{self, ConsentText};
use super::views::{
    DatasetView, DictionaryView, EditionSummary, ExclusivityView, LicenceTextView, PoolView, PreviewView,
    RecipeSummary, TwinFile, TwinView,
};
use super::{croissant, dcat, html, schema_org};
use crate::aggregates::{self, AccuracySheet, Cost, File, Manifest, PREVIEW_ROWS};
use crate::clock::UtcTime;
use crate::db::Db;
use crate::error::{Code, Error, Result};
use crate::ids::DatasetId;
use crate::pools;
use crate::pools::model::Pool;
use aws_lc_rs::digest;

/// What may be asked of a listing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// All about it.
    Page,
    /// What the columns mean.
    Dictionary,
    /// What the recipe gives in a pool of this size.
    Accuracy,
    /// The synthetic twin as Parquet.
    TwinParquet,
    /// The synthetic twin as CSV.
    TwinCsv,
    /// All about it, in the words of Croissant.
    Croissant,
    /// The same, in those of DCAT and ODRL.
    Dcat,
    /// All about it, as a page for people and for those who look for datasets in pages.
    Html,
}

impl Part {
    /// Which account of a listing a caller wants, for the media ranges that it accepts, the best liked first (RFC 9110, section
    /// 12.5.1). Our own where anything will do; of those in JSON-LD that of DCAT, unless Croissant's profile is named.
    ///
    /// # Errors
    /// `not-acceptable` where none of them is among the ranges.
    pub fn accepted<'a>(ranges: impl IntoIterator<Item = (&'a str, Option<&'a str>)>) -> Result<Part> {
        let fitting = |(range, profile): (&str, Option<&str>)| match range {
            "application/json" | "application/*" | "*/*" => Some(Part::Page),
            "application/ld+json" if profile.is_some_and(|profile| profile.contains("croissant")) => {
                Some(Part::Croissant)
            }
            "application/ld+json" => Some(Part::Dcat),
            "text/html" | "application/xhtml+xml" | "text/*" => Some(Part::Html),
            _ => None,
        };
        ranges.into_iter().find_map(fitting).ok_or_else(|| {
            let words = "A listing is given as application/json, as text/html, or as application/ld+json in the words of DCAT or, with that \
                         profile, of Croissant.";
            Error::new(Code::NotAcceptable, words)
        })
    }
}

/// What a listing's page is made of.
pub struct Facts {
    pub dataset: Dataset,
    pub recipe: StoredRecipe,
    pub pool: Pool,
    pub members: u64,
    pub consents: Vec<ConsentText>,
    /// Every published edition, the recalled ones too, the newest first.
    pub editions: Vec<Edition>,
    pub recalls: Vec<Recalled>,
    pub now: UtcTime,
}

impl Facts {
    /// Loads what belongs to a listing.
    pub fn load(db: &mut Db, dataset: Dataset, now: UtcTime) -> Result<Facts> {
        Ok(Facts {
            recipe: store::recipe(db, &dataset.recipe_id)?,
            pool: pools::steps::pool(db, &dataset.pool_id)?,
            members: store::active_members(db, &dataset.pool_id)?,
            consents: store::consent_texts(db, &dataset.pool_id)?,
            editions: store::published_editions(db, &dataset.id)?,
            recalls: store::recalls_of(db, &dataset.id)?,
            dataset,
            now,
        })
    }

    /// The newest edition that was not recalled.
    pub fn current(&self) -> Option<&Edition> {
        self.editions.iter().find(|edition| self.recall_of(edition).is_none())
    }

    /// The number of the newest edition, recalled or not; 0 before there is any. It never goes back.
    pub fn version(&self) -> i32 {
        self.editions.first().map_or(0, |edition| edition.number)
    }

    /// The recall of an edition, if there is one.
    fn recall_of(&self, edition: &Edition) -> Option<&Recalled> {
        self.recalls.iter().find(|recalled| recalled.recall.edition_id == edition.id)
    }

    /// Makes the part that was asked for. Some name other parts by the server's address.
    pub fn content(&self, part: Part, server_url: &str) -> Result<Content> {
        let content = self.bare_content(part, server_url)?;
        // Whatever its address gives out by `Accept`, it says what else there is.
        let is_negotiated = matches!(part, Part::Page | Part::Croissant | Part::Dcat | Part::Html);
        // The others have addresses of their own besides.
        Ok(Content { links: is_negotiated.then(|| self.links()), varies: part == Part::Page, ..content })
    }

    /// Where else a listing is told (RFC 8288).
    fn links(&self) -> String {
        let data = format!("/v1/datasets/{}", self.dataset.id);
        format!(
            "<{data}>; rel=\"canonical\", <{data}/page.html>; rel=\"alternate\"; type=\"text/html\", \
             <{data}/croissant.json>; rel=\"alternate\"; type=\"application/ld+json\"; title=\"Croissant\", \
             <{data}/dcat.jsonld>; rel=\"alternate\"; type=\"application/ld+json\"; title=\"DCAT\""
        )
    }

    fn bare_content(&self, part: Part, server_url: &str) -> Result<Content> {
        match part {
            Part::Page => Content::json(&self.view()?),
            Part::Dictionary => Content::json(&DictionaryView {
                columns: self.recipe.document.columns()?,
                further_tables: self.recipe.document.further_tables(),
            }),
            Part::Accuracy => Content::json(&self.sheet()?),
            Part::TwinParquet => self.twin(".parquet"),
            Part::TwinCsv => self.twin(".csv"),
            Part::Croissant => linked(&croissant::document(self, server_url)?, croissant::MEDIA_TYPE),
            Part::Dcat => linked(&dcat::document(self, server_url)?, dcat::MEDIA_TYPE),
            Part::Html => {
                let page = html::page(&self.view()?, &schema_org::document(self, server_url)?)?;
                Ok(Content::new(page.into(), html::MEDIA_TYPE))
            }
        }
    }

    fn sheet(&self) -> Result<AccuracySheet> {
        let lifetime = Cost {
            rho_nano: self.pool.rho_cap_nano.unsigned_abs(),
            delta_pico: self.pool.delta_cap_pico.unsigned_abs(),
        };
        aggregates::accuracy_sheet(&self.recipe.document, self.members, Some(lifetime))
    }

    fn twin(&self, extension: &str) -> Result<Content> {
        let found = self.twins()?.into_iter().find(|file| file.entry.name.ends_with(extension));
        let File { entry, content } = found.ok_or_else(|| Error::not_found("file"))?;
        Ok(Content { file_name: Some(entry.name), ..Content::new(content, &entry.media_type) })
    }

    /// The twin is for a round number of members, so that it does not change with every member who joins.
    pub fn twins(&self) -> Result<Vec<File>> {
        let seed = digest::digest(&digest::SHA256, self.dataset.id.as_str().as_bytes());
        let seed = u64::from_le_bytes(seed.as_ref()[..8].try_into().map_err(Error::internal)?);
        aggregates::synthetic_twin(&self.recipe.document, two_digits(self.members), self.now, seed)
    }

    /// All about the listing.
    pub fn view(&self) -> Result<DatasetView> {
        let (dataset, pool) = (&self.dataset, &self.pool);
        let accuracy = self.sheet()?;
        Ok(DatasetView {
            id: dataset.id.clone(),
            state: dataset.state,
            title: dataset.title.clone(),
            description: dataset.description.clone(),
            keywords: dataset.keywords.clone(),
            purposes: dataset.purposes.clone(),
            listed_at: dataset.listed_at,
            pool: PoolView { id: pool.id.clone(), name: pool.name.clone(), members: self.members },
            contact_email: pool.contact_email.clone(),
            recipe: RecipeSummary {
                id: self.recipe.id.clone(),
                name: self.recipe.name.clone(),
                version: self.recipe.version,
                kind: self.recipe.document.kind().into(),
                sha256: self.recipe.document_hash.clone(),
            },
            dictionary: accuracy.columns.clone(),
            provenance: provenance::provenance(&self.consents, &dataset.purposes),
            accuracy,
            rows_promised: dataset.rows_promised,
            twin: twin_view(&dataset.id),
            licence: LicenceTextView { name: dataset.licence_name.clone(), text: dataset.licence_text.clone() },
            price: budget::price(dataset, pool)?,
            budget: budget::left(pool, &self.recipe),
            exclusivity: exclusivity(dataset.exclusive_at(self.now)),
            editions: self
                .editions
                .iter()
                .map(|edition| summary(edition, self.recall_of(edition)))
                .collect::<Result<_>>()?,
            preview: self.current().map(preview).transpose()?,
        })
    }
}

/// A document of linked data.
pub fn linked(document: &serde_json::Value, media_type: &str) -> Result<Content> {
    Ok(Content { media_type: media_type.into(), ..Content::json(document)? })
}

fn twin_view(id: &DatasetId) -> TwinView {
    let file = |extension: &str, media_type: &str| TwinFile {
        url: format!("/v1/datasets/{id}/twin.{extension}"),
        media_type: media_type.into(),
    };
    TwinView {
        note: "Made up from the recipe and a round number of members, from nobody's listening: the columns and the rough shape \
               of an edition, to try one's tools on."
            .into(),
        files: vec![file("parquet", "application/vnd.apache.parquet"), file("csv", "text/csv")],
    }
}

fn exclusivity(until: Option<UtcTime>) -> ExclusivityView {
    let words = match until {
        Some(until) => format!("Somebody has an exclusive licence until {until}; no other offer is taken before."),
        None => "Nobody has an exclusive licence.".into(),
    };
    ExclusivityView { exclusive: until.is_some(), until, words }
}

fn summary(edition: &Edition, recalled: Option<&Recalled>) -> Result<EditionSummary> {
    let manifest: Option<Manifest> = edition.manifest_json.as_deref().map(serde_json::from_str).transpose()?;
    Ok(EditionSummary {
        id: edition.id.clone(),
        number: edition.number,
        published_at: edition.published_at,
        rows: edition.rows_given.unwrap_or(0),
        members: edition.members,
        epsilon: manifest.map(|manifest| manifest.epsilon).unwrap_or_default(),
        recall: recalled.map(RecallSummary::from),
    })
}

fn preview(edition: &Edition) -> Result<PreviewView> {
    let rows = edition.preview_json.as_deref().map_or(Ok(Vec::new()), serde_json::from_str)?;
    let note = format!(
        "At most {PREVIEW_ROWS} rows of edition {}, noise included, chosen by a hash of the edition and the row and not by rank.",
        edition.number
    );
    Ok(PreviewView { edition_id: edition.id.clone(), note, rows })
}

/// A number with all but its first two digits set to nought: 18,342 becomes 18,000.
fn two_digits(number: u64) -> u64 {
    let unit = 10u64.pow(number.checked_ilog10().unwrap_or(0).saturating_sub(1));
    number / unit * unit
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_best_liked_account_is_given() {
        let croissant = Some("http://mlcommons.org/croissant/1.1");
        for (ranges, expected) in [
            (vec![("*/*", None)], Part::Page),
            (vec![("text/html", None), ("*/*", None)], Part::Html),
            (vec![("application/json", None), ("text/html", None)], Part::Page),
            (vec![("application/ld+json", None), ("application/json", None)], Part::Dcat),
            (vec![("application/json", None), ("application/ld+json", None)], Part::Page),
            (vec![("application/ld+json", croissant)], Part::Croissant),
            (vec![("text/turtle", None), ("application/ld+json", Some("http://www.w3.org/ns/dcat#"))], Part::Dcat),
        ] {
            assert_eq!(Part::accepted(ranges.clone()).unwrap(), expected, "{ranges:?}");
        }
        assert_eq!(Part::accepted([("text/turtle", None)]).unwrap_err().code(), Code::NotAcceptable);
    }

    #[test]
    fn numbers_are_cut_to_two_digits() {
        for (number, expected) in
            [(0, 0), (7, 7), (99, 99), (100, 100), (199, 190), (18_342, 18_000), (u64::MAX, 18_000_000_000_000_000_000)]
        {
            assert_eq!(two_digits(number), expected);
        }
    }
}
