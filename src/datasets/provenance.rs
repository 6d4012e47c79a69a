//! Where the data of a listing comes from, in words. Nothing here is read from plays: which services
//! and exports the intake takes is the same for every pool, and the rest is what members agreed to.

use super::store::ConsentText;
use crate::clock::UtcTime;
use crate::histories::report::SourceKind;
use serde::Serialize;
use utoipa::ToSchema;

/// Where the data comes from.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ProvenanceView {
    /// Who gave it.
    pub origin: String,
    /// What the pool takes in.
    pub sources: Vec<SourceView>,
    /// The versions of the consent text that offer all of this listing's purposes.
    pub consents: Vec<ConsentView>,
    /// How consent works.
    pub consent_note: String,
    /// What is checked before a play counts.
    pub checks: Vec<String>,
}

/// A service whose exports are taken in.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(example = json!({"service": "Spotify", "exports": ["Extended streaming history", "Account data"]}))]
pub struct SourceView {
    /// The service.
    pub service: String,
    /// The kinds of export.
    pub exports: Vec<String>,
}

/// A version of the text that members consent to.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = DatasetConsentView, example = json!({"version": 2, "since": "2026-01-31T12:00:00Z", "purposes": ["academic_research", "market_research"]}))]
pub struct ConsentView {
    /// 1, 2, …
    pub version: i32,
    /// Since when it is in use.
    pub since: UtcTime,
    /// The purposes that it offers, each to be consented to by itself.
    pub purposes: Vec<String>,
}

const CHECKS: [&str; 6] = [
    "Every upload is an archive as the service hands it out; one that cannot be genuine, or cannot be read whole, is refused.",
    "Rows of private sessions, podcasts, audiobooks and unknown artists are dropped, and so are impossible dates and lengths.",
    "The same play twice counts once; account data about a period that an extended history covers is left out.",
    "The same history uploaded by two members is held until an operator has looked into it.",
    "User names, addresses and devices are never decoded; the uploaded file is deleted as soon as it is read.",
    "No number leaves the pool except through an edition, which is drawn once, with noise, at a cost that is charged to the pool's privacy budget.",
];

/// The provenance of a listing for these purposes.
pub fn provenance(consents: &[ConsentText], purposes: &[String]) -> ProvenanceView {
    let covers = |text: &&ConsentText| purposes.iter().all(|purpose| text.purposes.contains(purpose));
    let view = |text: &ConsentText| ConsentView {
        version: text.version,
        since: text.created_at,
        purposes: text.purposes.clone(),
    };
    ProvenanceView {
        origin: "Only members' own exports: each member asked the service for a copy of his or her own listening history and uploaded it. \
                 Nothing is bought in, scraped or inferred."
            .into(),
        sources: sources(),
        consents: consents.iter().filter(covers).map(view).collect(),
        consent_note: "A member is in an edition only with consent to every purpose of this listing, and may withdraw it at will: \
                       no later vote and no later draw has that member in it. Editions that are drawn stay as they are."
            .into(),
        checks: CHECKS.map(String::from).to_vec(),
    }
}

/// What the intake takes, by service.
fn sources() -> Vec<SourceView> {
    let mut sources: Vec<SourceView> = Vec::new();
    for (service, export) in SourceKind::ALL.iter().map(|kind| words(*kind)) {
        match sources.iter_mut().find(|source| source.service == service) {
            Some(source) => source.exports.push(export.into()),
            None => sources.push(SourceView { service: service.into(), exports: vec![export.into()] }),
        }
    }
    sources
}

/// The service, and what it calls the export.
fn words(kind: SourceKind) -> (&'static str, &'static str) {
    match kind {
        SourceKind::SpotifyExtended => ("Spotify", "Extended streaming history"),
        SourceKind::SpotifyAccount => ("Spotify", "Account data"),
    }
}
