//! A listing in the words of schema.org, as search engines for datasets read it inside of a page
//! (<https://developers.google.com/search/docs/appearance/structured-data/dataset>).

use super::budget;
use super::page::Facts;
use crate::aggregates::{self, Column};
use crate::clock::UtcTime;
use crate::error::Result;
use serde_json::{Value, json};

/// Search engines want descriptions of this many characters.
const DESCRIPTION: std::ops::RangeInclusive<usize> = 50..=5_000;
/// The names of the files' media types, by the twin's extension.
const DISTRIBUTED: [(&str, &str); 2] = [("parquet", "application/vnd.apache.parquet"), ("csv", "text/csv")];

/// The document.
///
/// # Errors
/// `internal`: only by a defect.
pub fn document(facts: &Facts, server_url: &str) -> Result<Value> {
    let (dataset, pool, recipe) = (&facts.dataset, &facts.pool, &facts.recipe.document);
    let page_url = format!("{server_url}/v1/datasets/{}", dataset.id);
    let organisation = json!({"@type": "Organization", "name": pool.name, "email": pool.contact_email});
    let floor = budget::price(dataset, pool)?.floor;
    let published_at = dataset.listed_at.unwrap_or(dataset.created_at);
    let mut document = json!({
        "@context": "https://schema.org/",
        "@type": "Dataset",
        "@id": page_url,
        "url": page_url,
        "identifier": dataset.id,
        "name": dataset.title,
        "description": description(&dataset.description, &recipe.explanation()),
        "keywords": dataset.keywords,
        "license": format!("{page_url}#licence"),
        "creator": organisation,
        "publisher": organisation,
        "version": facts.version().to_string(),
        "datePublished": day(published_at),
        "dateModified": day(dataset.updated_at),
        "isAccessibleForFree": false,
        "conditionsOfAccess": "Licensed to organisations whose offer the members accept in a vote; the synthetic twin is free.",
        "measurementTechnique": "Pooled listening histories, aggregated with differential privacy",
        "variableMeasured": recipe.columns()?.iter().map(variable).collect::<Vec<_>>(),
        "includedInDataCatalog": {"@type": "DataCatalog", "name": "Pooled listening datasets", "url": format!("{server_url}/v1/catalogue.jsonld")},
        "distribution": DISTRIBUTED.iter().map(|(extension, media_type)| json!({
            "@type": "DataDownload",
            "name": format!("Synthetic twin ({extension}): made up, to try tools on"),
            "encodingFormat": media_type,
            "contentUrl": format!("{page_url}/twin.{extension}"),
        })).collect::<Vec<_>>(),
        "offers": {
            "@type": "AggregateOffer",
            "lowPrice": floor.in_units(),
            "priceCurrency": floor.currency,
            "seller": organisation,
            "description": "The lowest price of an offer, before tax. The members vote on every offer.",
        },
    });
    if let Some(coverage) = coverage(facts) {
        document["temporalCoverage"] = json!(coverage);
    }
    if !recipe.countries.is_empty() {
        let country = |code: &String| json!({"@type": "Country", "name": code, "identifier": code});
        document["spatialCoverage"] = recipe.countries.iter().map(country).collect();
    }
    Ok(document)
}

/// What an operator wrote, with what is computed in words where that is too short, and cut where it is too long.
fn description(written: &str, explanation: &str) -> String {
    let mut text = written.to_owned();
    if text.chars().count() < *DESCRIPTION.start() {
        text = format!("{text} {explanation}");
    }
    match text.char_indices().nth(*DESCRIPTION.end() - 1) {
        Some((end, _)) if text.chars().count() > *DESCRIPTION.end() => format!("{}…", &text[..end]),
        _ => text,
    }
}

fn variable(column: &Column) -> Value {
    let mut value = json!({"@type": "PropertyValue", "name": column.name, "description": column.meaning});
    if !column.unit.is_empty() {
        value["unitText"] = json!(column.unit);
    }
    value
}

/// The period of the plays, by the newest edition or by the recipe as of now: an interval of ISO 8601 whose ends may be open.
/// `None` where both are, as nobody knows then what the members will bring.
fn coverage(facts: &Facts) -> Option<String> {
    let drawn_at = facts.current().and_then(|edition| edition.published_at).unwrap_or(facts.now);
    let (from, to) = aggregates::period(&facts.recipe.document, drawn_at);
    if from.is_none() && to.is_none() {
        return None;
    }
    let end = |at: Option<UtcTime>| at.map_or_else(|| "..".to_owned(), day);
    // The end of a period is the first instant after it.
    Some(format!("{}/{}", end(from), end(to.map(|to| to.plus_s(-1)))))
}

fn day(at: UtcTime) -> String {
    at.calendar().format("%Y-%m-%d").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn descriptions_are_as_long_as_search_engines_want_them() {
        let explanation = "It counts members by artist, with noise, and keeps those past a threshold.";
        assert_eq!(description("Short.", explanation), format!("Short. {explanation}"));
        let fitting = "é".repeat(5_000);
        assert_eq!(description(&fitting, explanation), fitting);
        let cut = description(&"é".repeat(5_001), explanation);
        assert_eq!((cut.chars().count(), cut.ends_with("é…")), (5_000, true));
    }
}
