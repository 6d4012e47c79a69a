//! Listings in the words of DCAT 3, which catalogues of catalogues gather, with the terms on which they are offered in those of
//! ODRL 2.2. As JSON-LD whose words are all explained inside, so that nobody has to fetch anything to read it.

use super::model::DatasetState;
use super::page::Facts;
use super::recall::{RecallState, Recalled};
use super::store;
use super::{budget, odrl};
use crate::aggregates::File;
use crate::clock::UtcTime;
use crate::db::Db;
use crate::error::Result;
use crate::page::{Cursors, PageQuery};
use serde_json::{Value, json};

/// The media type of the documents.
pub const MEDIA_TYPE: &str = "application/ld+json;profile=\"http://www.w3.org/ns/dcat#\"";

/// A page of the catalogue, newest listings first. Where there are more, `hydra:next` leads on.
///
/// # Errors
/// `invalid`, `invalid-cursor`: the query.
pub fn catalogue(db: &mut Db, cursors: &Cursors, query: &PageQuery, server_url: &str, now: UtcTime) -> Result<Value> {
    let window = cursors.window(query, "catalogue of DCAT")?;
    let listed = store::datasets(db, Some(DatasetState::Listed), window.after.as_deref(), window.fetch())?;
    let page = cursors.page(&window, listed, |dataset| dataset.id.as_str());
    let mut nodes = Vec::with_capacity(page.items.len());
    for dataset in page.items {
        nodes.push(node(&Facts::load(db, dataset, now)?, server_url)?);
    }
    let here = format!("{server_url}/v1/catalogue.jsonld");
    // Pages of the same length as the one that was asked for.
    let first = format!("{here}?limit={}", window.limit);
    let behind = |cursor: &str| format!("{first}&cursor={cursor}");
    let mut view = json!({
        "@id": query.cursor.as_deref().map_or_else(|| first.clone(), behind),
        "@type": "hydra:PartialCollectionView",
        "hydra:first": {"@id": first},
    });
    if let Some(cursor) = page.next_cursor {
        view["hydra:next"] = json!({"@id": behind(&cursor)});
    }
    Ok(json!({
        "@context": context(),
        "@id": here,
        "@type": "dcat:Catalog",
        "dct:title": "Pooled listening datasets",
        "dct:description": "Noisy aggregates of listening histories that members brought themselves; they vote on every sale.",
        "foaf:homepage": {"@id": format!("{server_url}/docs")},
        "dcat:dataset": nodes,
        "hydra:view": view,
    }))
}

/// One listing.
///
/// # Errors
/// `internal`: only by a defect.
pub fn document(facts: &Facts, server_url: &str) -> Result<Value> {
    let mut document = node(facts, server_url)?;
    document["@context"] = context();
    for (distribution, file) in document["dcat:distribution"].as_array_mut().into_iter().flatten().zip(twins(facts)?) {
        distribution["dcat:byteSize"] =
            json!({"@type": "xsd:nonNegativeInteger", "@value": file.entry.bytes.to_string()});
        distribution["spdx:checksum"] = json!({
            "@type": "spdx:Checksum",
            "spdx:algorithm": {"@id": "spdx:checksumAlgorithm_sha256"},
            "spdx:checksumValue": {"@type": "xsd:hexBinary", "@value": file.entry.sha256},
        });
    }
    Ok(document)
}

/// The twin's files in the order in which they are distributed.
fn twins(facts: &Facts) -> Result<Vec<File>> {
    let mut files = facts.twins()?;
    files.retain(|file| DISTRIBUTED.iter().any(|(extension, _)| file.entry.name.ends_with(extension)));
    files.sort_by_key(|file| DISTRIBUTED.iter().position(|(extension, _)| file.entry.name.ends_with(extension)));
    Ok(files)
}

/// What everybody may have of a listing: the twin, in these formats.
const DISTRIBUTED: [(&str, &str); 2] = [(".parquet", "application/vnd.apache.parquet"), (".csv", "text/csv")];

fn node(facts: &Facts, server_url: &str) -> Result<Value> {
    let (dataset, pool) = (&facts.dataset, &facts.pool);
    let page = format!("{server_url}/v1/datasets/{}", dataset.id);
    let publisher = json!({
        "@id": format!("{server_url}/v1/pools/{}", pool.id),
        "@type": "foaf:Organization",
        "foaf:name": pool.name,
        "foaf:mbox": {"@id": format!("mailto:{}", pool.contact_email)},
    });
    let distribution = |(extension, media_type): &(&str, &str)| {
        let url = format!("{page}/twin{extension}");
        json!({
            "@id": url,
            "@type": "dcat:Distribution",
            "dct:title": "The synthetic twin: made up, to try tools on",
            "dcat:downloadURL": {"@id": url},
            "dcat:mediaType": {"@id": format!("https://www.iana.org/assignments/media-types/{media_type}")},
        })
    };
    let mut node = json!({
        "@id": page,
        "@type": "dcat:Dataset",
        "dct:identifier": dataset.id,
        "dct:title": dataset.title,
        "dct:description": dataset.description,
        "dct:issued": instant(dataset.listed_at.unwrap_or(dataset.created_at)),
        "dct:modified": instant(dataset.updated_at),
        "dct:publisher": publisher,
        "dct:license": {"@id": format!("{page}#licence")},
        "dcat:keyword": dataset.keywords,
        "dcat:version": facts.version().to_string(),
        "dcat:landingPage": {"@id": page},
        "dcat:contactPoint": {"@type": "vcard:Organization", "vcard:fn": pool.name,
            "vcard:hasEmail": {"@id": format!("mailto:{}", pool.contact_email)}},
        "dcat:distribution": DISTRIBUTED.iter().map(distribution).collect::<Vec<_>>(),
        "odrl:hasPolicy": offer(facts, &page, server_url)?,
    });
    if !facts.recalls.is_empty() {
        node["dcat:hasVersion"] = facts.recalls.iter().map(|recalled| withdrawn(recalled, &page)).collect();
    }
    Ok(node)
}

/// An edition that was recalled, by DCAT's way of telling where a version stands (section 11.4).
fn withdrawn(recalled: &Recalled, page: &str) -> Value {
    let version = |number: i32| format!("{page}#edition-{number}");
    let mut node = json!({
        "@id": version(recalled.number),
        "@type": "dcat:Dataset",
        "dcat:version": recalled.number.to_string(),
        "dcat:isVersionOf": {"@id": page},
        "adms:status": {"@id": "http://purl.org/adms/status/Withdrawn"},
        "adms:versionNotes": format!("{} {}", recalled.in_public(), recalled.what_follows()),
    });
    if let (RecallState::Replaced, Some((number, _))) = (recalled.recall.state, recalled.replacement) {
        node["dct:isReplacedBy"] = json!({"@id": version(number)});
    }
    node
}

/// On what terms offers are taken. Whether one is accepted, the members decide.
fn offer(facts: &Facts, page: &str, server_url: &str) -> Result<Value> {
    let assigner = format!("{server_url}/v1/pools/{}", facts.pool.id);
    let between = odrl::Between { target: page, assigner: &assigner, assignee: None };
    let floor = budget::price(&facts.dataset, &facts.pool)?.floor;
    let mut permission = between.permission(odrl::core("use"));
    permission["odrl:constraint"] = odrl::constraint(odrl::core("purpose"), "isAnyOf", json!(facts.dataset.purposes));
    permission["odrl:duty"] = odrl::compensation("gteq", &floor);
    Ok(json!({
        "@id": format!("{page}#offer"),
        "@type": "odrl:Offer",
        "odrl:uid": {"@id": format!("{page}#offer")},
        "odrl:profile": {"@id": odrl::PROFILE},
        "odrl:permission": permission,
        "odrl:prohibition": [
            between.prohibition(odrl::core("sell")),
            between.prohibition(odrl::own("reidentify")),
        ],
    }))
}

fn instant(at: UtcTime) -> Value {
    json!({"@type": "xsd:dateTime", "@value": at})
}

fn context() -> Value {
    json!({
        "adms": "http://www.w3.org/ns/adms#",
        "dcat": "http://www.w3.org/ns/dcat#",
        "dct": "http://purl.org/dc/terms/",
        "foaf": "http://xmlns.com/foaf/0.1/",
        "hydra": "http://www.w3.org/ns/hydra/core#",
        "odrl": "http://www.w3.org/ns/odrl/2/",
        "rdf": "http://www.w3.org/1999/02/22-rdf-syntax-ns#",
        "spdx": "http://spdx.org/rdf/terms#",
        "vcard": "http://www.w3.org/2006/vcard/ns#",
        "xsd": "http://www.w3.org/2001/XMLSchema#",
    })
}
