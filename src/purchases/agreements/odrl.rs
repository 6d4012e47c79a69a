//! An agreement in the words of ODRL 2.2: what the page says to people, for programs. As JSON-LD whose words are all explained
//! inside, those of our own profile too.

use super::clauses::is_training_excluded;
use super::model::Facts;
use crate::clock::UtcTime;
use crate::datasets::odrl::{Between, PROFILE, compensation, constraint, core, own};
use crate::error::{Error, Result};
use crate::offers::model::{ModelsAfterTerm, Redistribution};
use crate::offers::terms::Terms;
use crate::purchases::invoice::Party;
use serde_json::{Value, json};

/// From this wording on the twin has the refund and what else the terms say that is no rule.
const WITH_REFUND: u32 = 3;

/// What the words of our profile mean. All are kinds of use.
const OWN_ACTIONS: [(&str, &str); 6] = [
    ("reidentify", "To single out or identify anybody from what was published of many, or to try to."),
    ("trainModels", "To train models on the asset."),
    ("handOnResults", "To hand on results of one's own analyses, from which the asset's rows cannot be got back."),
    ("useModelsAfterTerm", "To use, after the term, models that were trained on the asset within it."),
    ("trainModelsFurtherAfterTerm", "To train such models further after the term."),
    ("deleteModelsAfterTerm", "To delete such models when the term is over."),
];

/// The document, in the wording of that number: see [`super::model::WORDING`].
///
/// # Errors
/// `internal`: only by a defect.
pub fn document(wording: u32, facts: &Facts, terms: &Terms, terms_sha256: &str) -> Result<String> {
    let server = &facts.server_url;
    let uid = format!("{server}/v1/licences/{}/agreement", facts.licence_id);
    let target = format!("{server}/v1/editions/{}", facts.edition.id);
    let assigner = format!("{server}/v1/pools/{}", terms.pool_id);
    let assignee = format!("{server}/v1/organisations/{}", terms.organisation_id);
    let between = Between { target: &target, assigner: &assigner, assignee: Some(&assignee) };
    let mut document = json!({
        "@context": context(),
        "@id": uid,
        "@type": "odrl:Agreement",
        "odrl:uid": {"@id": uid},
        "odrl:profile": {"@id": PROFILE},
        "odrl:target": asset(facts, terms, &target),
        "odrl:assigner": party(&assigner, &facts.licensor),
        "odrl:assignee": party(&assignee, &facts.licensee),
        "odrl:permission": permissions(&between, facts, terms),
        "odrl:prohibition": prohibitions(&between, facts, terms),
        "dct:identifier": facts.licence_id,
        "dct:issued": instant(facts.granted_at),
        "dct:source": {"@id": format!("{server}/v1/offers/{}/terms", facts.offer_id)},
        "refrain:termsSha256": {"@type": "xsd:hexBinary", "@value": terms_sha256},
        "refrain:decidedBy": {"@id": format!("{server}/v1/votes/{}/bundle", facts.vote.vote_id)},
        "refrain:revocationGround": terms.revocation.grounds,
        "refrain:revocationNotice": duration(terms.revocation.notice_days),
    });
    let mut obligations = obligations(wording, &between, terms)?;
    match obligations.len() {
        0 => {}
        1 => document["odrl:obligation"] = obligations.remove(0),
        _ => document["odrl:obligation"] = json!(obligations),
    }
    if let Some(until) = terms.exclusive_until {
        document["refrain:exclusiveUntil"] = instant(until);
    }
    if wording >= WITH_REFUND {
        document["refrain:warranty"] = json!(terms.warranty);
        document["refrain:earlierLicences"] = json!(terms.earlier_licences);
        document["refrain:licenceTextSha256"] = json!({"@type": "xsd:hexBinary", "@value": terms.licence_sha256});
    }
    document["@included"] = json!(explained(wording));
    Ok(serde_json::to_string_pretty(&document)? + "\n")
}

/// The words of our profile.
fn explained(wording: u32) -> Vec<Value> {
    let word = |word: &str, kind: &str, meaning: &str| json!({"@id": format!("{PROFILE}#{word}"), "@type": kind, "rdfs:comment": meaning});
    let mut words = vec![word("fieldOfUse", "odrl:LeftOperand", "What exactly is done with the asset, and where.")];
    if wording >= WITH_REFUND {
        words.push(word("rows", "odrl:LeftOperand", "How many rows the asset has when it is drawn."));
    }
    words.extend(OWN_ACTIONS.map(|(name, meaning)| {
        let mut action = word(name, "odrl:Action", meaning);
        action["odrl:includedIn"] = core("use");
        action
    }));
    words
}

fn permissions(between: &Between, facts: &Facts, terms: &Terms) -> Vec<Value> {
    let term = match facts.ends_at {
        Some(ends_at) => constraint(core("dateTime"), "lt", instant(ends_at)),
        // It begins with the first availability of the files, which is not known yet.
        None => constraint(core("elapsedTime"), "lteq", duration(terms.period_days)),
    };
    let mut to_use = between.permission(core("use"));
    to_use["odrl:constraint"] = json!([
        constraint(core("purpose"), "eq", json!(terms.purpose)),
        constraint(own("fieldOfUse"), "eq", json!(terms.field_of_use)),
        term,
    ]);
    let mut payment = compensation("eq", &terms.total);
    payment["refrain:fulfilledAt"] = instant(facts.paid_at.unwrap_or(facts.granted_at));
    payment["refrain:invoice"] = json!(facts.invoice_number);
    to_use["odrl:duty"] = payment;
    let mut permissions = vec![to_use];
    if terms.redistribution == Redistribution::Results {
        permissions.push(between.permission(own("handOnResults")));
    }
    if terms.models_after_term != ModelsAfterTerm::Delete {
        permissions.push(between.permission(own("useModelsAfterTerm")));
    }
    permissions
}

fn prohibitions(between: &Between, facts: &Facts, terms: &Terms) -> Vec<Value> {
    let mut other_use = between.prohibition(core("use"));
    other_use["odrl:constraint"] = constraint(core("purpose"), "neq", json!(terms.purpose));
    let mut prohibitions = vec![
        other_use,
        between.prohibition(core("sell")),
        between.prohibition(core("distribute")),
        between.prohibition(own("reidentify")),
    ];
    if terms.redistribution == Redistribution::None {
        prohibitions.push(between.prohibition(own("handOnResults")));
    }
    if is_training_excluded(facts) {
        prohibitions.push(between.prohibition(own("trainModels")));
    }
    if terms.models_after_term == ModelsAfterTerm::Freeze {
        prohibitions.push(between.prohibition(own("trainModelsFurtherAfterTerm")));
    }
    prohibitions
}

fn obligations(wording: u32, between: &Between, terms: &Terms) -> Result<Vec<Value>> {
    let mut obligations = Vec::new();
    if terms.models_after_term == ModelsAfterTerm::Delete {
        obligations.push(between.obligation(own("deleteModelsAfterTerm")));
    }
    if wording >= WITH_REFUND && terms.refund.below_rows > 0 {
        obligations.push(refund(between, terms)?);
    }
    Ok(obligations)
}

/// To pay back, where the edition has fewer rows than are promised. That is the licensor's duty, so the parties change places.
fn refund(between: &Between, terms: &Terms) -> Result<Value> {
    let Between { target, assigner: licensor, assignee } = *between;
    let licensee = assignee.ok_or_else(|| Error::internal("an agreement is with nobody"))?;
    let pays = compensation("eq", &terms.refund_for_few_rows()?);
    let mut duty =
        Between { target, assigner: licensee, assignee: Some(licensor) }.obligation(pays["odrl:action"].clone());
    duty["odrl:compensatedParty"] = json!({"@id": licensee});
    duty["odrl:constraint"] = constraint(own("rows"), "lt", json!(terms.refund.below_rows));
    Ok(duty)
}

fn asset(facts: &Facts, terms: &Terms, id: &str) -> Value {
    let dataset = json!({
        "@id": format!("{}/v1/datasets/{}", facts.server_url, terms.dataset_id),
        "@type": "dcat:Dataset",
        "dct:title": terms.dataset_title,
    });
    json!({
        "@id": id,
        "@type": ["odrl:Asset", "dcat:Dataset"],
        "dct:identifier": facts.edition.id,
        "dct:isVersionOf": dataset,
        "dcat:version": facts.edition.number.to_string(),
    })
}

fn party(id: &str, party: &Party) -> Value {
    json!({"@id": id, "@type": ["odrl:Party", "foaf:Organization"], "foaf:name": party.name})
}

fn instant(at: UtcTime) -> Value {
    json!({"@type": "xsd:dateTime", "@value": at})
}

fn duration(days: i32) -> Value {
    json!({"@type": "xsd:duration", "@value": format!("P{days}D")})
}

fn context() -> Value {
    json!({
        "@version": 1.1,
        "dcat": "http://www.w3.org/ns/dcat#",
        "dct": "http://purl.org/dc/terms/",
        "foaf": "http://xmlns.com/foaf/0.1/",
        "odrl": "http://www.w3.org/ns/odrl/2/",
        "rdf": "http://www.w3.org/1999/02/22-rdf-syntax-ns#",
        "rdfs": "http://www.w3.org/2000/01/rdf-schema#",
        "refrain": format!("{PROFILE}#"),
        "xsd": "http://www.w3.org/2001/XMLSchema#",
    })
}
