//! A listing in the words of Croissant (format version 1.1), which tools for machine learning and dataset search engines read.
//!
//! Before a sale there is one file that everybody may have: the synthetic twin. So that is what the document distributes, and it
//! says so in the file's description and in the listing's. The fields are those of the editions.

use super::model::EditionFile;
use super::page::Facts;
use crate::aggregates::{Column, File, Manifest};
use crate::error::{Error, Result};
use serde_json::{Value, json};

/// The media type of the document.
pub const MEDIA_TYPE: &str = "application/ld+json;profile=\"http://mlcommons.org/croissant/1.1\"";
/// The version of the format.
const CONFORMS_TO: &str = "http://mlcommons.org/croissant/1.1";
/// What readers of Croissant know the format by; the registered name of the media type is another.
const PARQUET: &str = "application/x-parquet";

/// The document.
///
/// # Errors
/// `internal`: only by a defect.
pub fn document(facts: &Facts, server_url: &str) -> Result<Value> {
    let (dataset, pool) = (&facts.dataset, &facts.pool);
    let page_url = format!("{server_url}/v1/datasets/{}", dataset.id);
    let twins = facts.twins()?;
    let parquet = |file: &&File| file.entry.name.ends_with(".parquet");
    let twin = twins.iter().find(parquet).ok_or_else(|| Error::internal("a twin has a Parquet file"))?;
    let record_set = record_set(facts.recipe.document.kind(), &facts.recipe.document.columns()?, &twin.entry.name);
    let published_at = dataset.listed_at.unwrap_or(dataset.created_at);
    Ok(json!({
        "@context": context(),
        "@type": "sc:Dataset",
        "conformsTo": CONFORMS_TO,
        "@id": page_url,
        "name": dataset.title,
        "description": format!(
            "{}\n\nThe file distributed here is a synthetic twin: made up from the recipe, from nobody's listening, to try tools on. \
             Editions are sold under a licence on which the members vote.{}",
            dataset.description,
            withdrawn(facts)
        ),
        "url": page_url,
        "license": format!("{page_url}#licence"),
        "version": format!("{}.0.0", facts.version()),
        "datePublished": published_at.calendar().format("%Y-%m-%d").to_string(),
        "dateModified": dataset.updated_at.calendar().format("%Y-%m-%d").to_string(),
        "keywords": dataset.keywords,
        "creator": {"@type": "sc:Organization", "name": pool.name, "email": pool.contact_email},
        "publisher": {"@type": "sc:Organization", "name": pool.name, "email": pool.contact_email},
        "citeAs": citation(&dataset.title, &pool.name, published_at.calendar().format("%Y").to_string(), &page_url),
        "isLiveDataset": false,
        "distribution": [{
            "@type": "cr:FileObject",
            "@id": twin.entry.name,
            "name": twin.entry.name,
            "description": "The synthetic twin: every row is made up.",
            "contentUrl": format!("{page_url}/twin.parquet"),
            "encodingFormat": PARQUET,
            "contentSize": format!("{} B", twin.entry.bytes),
            "sha256": twin.entry.sha256,
        }],
        "recordSet": [record_set],
    }))
}

/// Which editions were recalled: Croissant knows no word for it, but people read the description.
fn withdrawn(facts: &Facts) -> String {
    facts.recalls.iter().map(|recalled| format!("\n\n{} {}", recalled.in_public(), recalled.what_follows())).collect()
}

/// An edition in the hands of a licensee.
pub struct Licensed<'a> {
    /// What the document is about: the address at which the licensee reads of it.
    pub url: &'a str,
    /// What it is called.
    pub title: &'a str,
    /// The operator's description of it, with what the licensee should know of the document.
    pub description: &'a str,
    /// Where the terms stand.
    pub terms_url: &'a str,
    /// Whose it is: the pool's name, and whom to ask.
    pub pool: (&'a str, &'a str),
    /// The edition's number.
    pub number: i32,
    /// The day on which it was published, as `2026-01-31`.
    pub published_on: &'a str,
    /// How it was made.
    pub manifest: &'a Manifest,
    /// Its files, and where each can be fetched.
    pub files: &'a [(EditionFile, String)],
}

/// The document of an edition, with its own files: every table can be read from its Parquet file.
pub fn licensed(edition: &Licensed) -> Value {
    let (pool, email) = edition.pool;
    let organisation = json!({"@type": "sc:Organization", "name": pool, "email": email});
    let is_there = |name: &String| edition.files.iter().any(|(file, _)| file.name == *name);
    let tables = edition.manifest.tables.iter().map(|table| (table, format!("{}.parquet", table.name)));
    let readable = tables.filter(|(_, file)| is_there(file));
    let year = edition.published_on.split('-').next().unwrap_or_default();
    json!({
        "@context": context(),
        "@type": "sc:Dataset",
        "conformsTo": CONFORMS_TO,
        "@id": edition.url,
        "name": edition.title,
        "description": edition.description,
        "url": edition.url,
        "license": edition.terms_url,
        "version": format!("{}.0.0", edition.number),
        "datePublished": edition.published_on,
        "creator": organisation,
        "publisher": organisation,
        "citeAs": citation(edition.title, pool, year.to_owned(), edition.url),
        "isLiveDataset": false,
        "distribution": edition.files.iter().map(|(file, href)| json!({
            "@type": "cr:FileObject",
            "@id": file.name,
            "name": file.name,
            "contentUrl": href,
            "encodingFormat": if file.name.ends_with(".parquet") { PARQUET } else { &file.media_type },
            "contentSize": format!("{} B", file.size_bytes),
            "sha256": file.sha256,
        })).collect::<Vec<_>>(),
        "recordSet": readable.map(|(table, file)| record_set(&table.name, &table.columns, &file)).collect::<Vec<_>>(),
    })
}

/// A table, each of whose fields is a column of a Parquet file.
fn record_set(table: &str, columns: &[Column], file: &str) -> Value {
    let field = |column: &Column| {
        let kind = match column.kind.as_str() {
            "whole number" => "sc:Integer",
            "number" => "sc:Float",
            "yes or no" => "sc:Boolean",
            _ => "sc:Text",
        };
        json!({
            "@type": "cr:Field",
            "@id": format!("{table}/{}", column.name),
            "name": column.name,
            "description": format!("{} {}", column.meaning, column.error_bar),
            "dataType": kind,
            "source": {"fileObject": {"@id": file}, "extract": {"column": column.name}},
        })
    };
    json!({
        "@type": "cr:RecordSet",
        "@id": table,
        "name": table,
        "field": columns.iter().map(field).collect::<Vec<_>>(),
    })
}

fn citation(title: &str, pool: &str, year: String, url: &str) -> String {
    let plain = |text: &str| text.replace(['{', '}'], "");
    format!("@misc{{refrain, title={{{}}}, author={{{}}}, year={{{year}}}, url={{{url}}}}}", plain(title), plain(pool))
}

/// The words that the document uses, as the specification's examples have them.
fn context() -> Value {
    json!({
        "@language": "en",
        "@vocab": "https://schema.org/",
        "arrayShape": "cr:arrayShape",
        "citeAs": "cr:citeAs",
        "column": "cr:column",
        "conformsTo": "dct:conformsTo",
        "containedIn": "cr:containedIn",
        "cr": "http://mlcommons.org/croissant/",
        "data": {"@id": "cr:data", "@type": "@json"},
        "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
        "dct": "http://purl.org/dc/terms/",
        "equivalentProperty": "cr:equivalentProperty",
        "examples": {"@id": "cr:examples", "@type": "@json"},
        "extract": "cr:extract",
        "field": "cr:field",
        "fileObject": "cr:fileObject",
        "fileProperty": "cr:fileProperty",
        "fileSet": "cr:fileSet",
        "format": "cr:format",
        "includes": "cr:includes",
        "isArray": "cr:isArray",
        "isLiveDataset": "cr:isLiveDataset",
        "jsonPath": "cr:jsonPath",
        "key": "cr:key",
        "md5": "cr:md5",
        "parentField": "cr:parentField",
        "path": "cr:path",
        "rai": "http://mlcommons.org/croissant/RAI/",
        "recordSet": "cr:recordSet",
        "references": "cr:references",
        "regex": "cr:regex",
        "repeated": "cr:repeated",
        "replace": "cr:replace",
        "samplingRate": "cr:samplingRate",
        "sc": "https://schema.org/",
        "separator": "cr:separator",
        "source": "cr:source",
        "subField": "cr:subField",
        "transform": "cr:transform",
    })
}
