//! What an agreement says, clause by clause, for people: the page and the text are both made of this.

use super::model::{Facts, LicensedFile};
use crate::clock::UtcTime;
use crate::money::{counted, grouped};
use crate::offers::model::{EditionChoice, ListSource, ModelsAfterTerm, Redistribution};
use crate::offers::terms::Terms;
use crate::purchases::invoice::{Party, percent};
use crate::text::decimal;

/// The purpose that is about training. Where it is offered by itself and not bought, training is said to be excluded.
pub const TRAINING: &str = "model_training";

/// A clause with its heading.
pub struct Clause {
    pub title: &'static str,
    pub parts: Vec<Part>,
}

/// A part of a clause.
pub enum Part {
    /// Names and values. A value may have several lines.
    Facts(Vec<(&'static str, String)>),
    /// Our own words.
    Words(String),
    /// One line for each.
    List(Vec<String>),
    /// Words that somebody else wrote, which may have lines of their own and must not pass for ours.
    Quoted(String),
}

/// The clauses in their order, in the wording of that number: see [`super::model::WORDING`].
pub fn of(wording: u32, facts: &Facts, terms: &Terms, terms_sha256: &str, licence_text: &str) -> Vec<Clause> {
    let mut clauses = vec![
        parties(facts, terms),
        licensed(facts, terms),
        permitted(terms),
        Clause { title: "What is not permitted", parts: vec![Part::List(prohibited(facts, terms))] },
        term(facts, terms),
        price(facts, terms),
        Clause { title: "Refund", parts: vec![Part::Words(refund(terms))] },
        revocation(terms),
    ];
    match wording {
        1 => {}
        2 => clauses.push(recall_in_wording_2(terms)),
        _ => clauses.push(recall(terms)),
    }
    clauses.extend([
        privacy(facts),
        decision(facts, terms),
        Clause {
            title: "What is warranted",
            parts: vec![Part::Words(terms.warranty.clone()), Part::Words(terms.earlier_licences.clone())],
        },
        Clause {
            title: "The licence's text",
            parts: vec![
                Part::Facts(vec![("Name", terms.licence_name.clone()), ("SHA-256", terms.licence_sha256.clone())]),
                Part::Quoted(licence_text.to_owned()),
            ],
        },
        signature(facts, terms_sha256),
    ]);
    clauses
}

/// An instant as people read it.
pub fn moment(at: UtcTime) -> String {
    at.calendar().format("%Y-%m-%d %H:%M:%S UTC").to_string()
}

fn parties(facts: &Facts, terms: &Terms) -> Clause {
    let lines = |party: &Party| party.lines().join("\n");
    let mut rows = vec![
        ("Licensor", format!("{}\n{}", lines(&facts.licensor), facts.licensor_email)),
        ("On behalf of", format!("the members of the pool “{}” ({})", terms.pool_name, terms.pool_id)),
        ("Licensee", format!("{}\n{}", lines(&facts.licensee), terms.organisation_id)),
    ];
    if facts.licensee.name != terms.organisation_name {
        rows.push(("In the terms", format!("the licensee is called “{}”", terms.organisation_name)));
    }
    Clause { title: "The parties", parts: vec![Part::Facts(rows)] }
}

fn licensed(facts: &Facts, terms: &Terms) -> Clause {
    let edition = &facts.edition;
    let how = match terms.edition {
        EditionChoice::Next => "drawn for this agreement, once, after the payment",
        EditionChoice::Stock => "drawn before this agreement was made",
    };
    let mut rows = vec![
        ("Dataset", format!("“{}” ({})", terms.dataset_title, terms.dataset_id)),
        ("Edition", format!("number {} ({}), {how}", edition.number, edition.id)),
        ("Recipe", format!("{}, SHA-256 {}", terms.recipe_id, terms.recipe_hash)),
    ];
    if let Some(list) = &terms.artist_list {
        let whose = match list.source {
            ListSource::Offer => "named by the licensee",
            ListSource::Edition => "made public by an earlier edition",
        };
        rows.push(("About", format!("{} {whose}, SHA-256 {}", counted(list.artists, "artists"), list.sha256)));
    }
    let promised = match terms.refund.below_rows {
        0 => "none is promised".to_owned(),
        rows => format!("{} at least", counted(rows, "rows")),
    };
    rows.push(("Rows", promised));
    let url = format!("{}/v1/licences/{}/files", facts.server_url, facts.licence_id);
    let mut parts = vec![Part::Facts(rows)];
    if edition.files.is_empty() {
        parts.push(Part::Words(format!("Its files stand at {url} once it is drawn, each with its SHA-256.")));
    } else {
        let line = |file: &LicensedFile| format!("{}, SHA-256 {}", file.name, file.sha256);
        parts.push(Part::Words(format!("Its files, which stand at {url}:")));
        parts.push(Part::List(edition.files.iter().map(line).collect()));
    }
    Clause { title: "What is licensed", parts }
}

fn permitted(terms: &Terms) -> Clause {
    let mut parts = vec![
        Part::Words(format!(
            "The licensee may use the edition for the purpose {}, in this field of use and in no other:",
            terms.purpose
        )),
        Part::Quoted(terms.field_of_use.clone()),
    ];
    if terms.redistribution == Redistribution::Results {
        parts.push(Part::Words(
            "Results of the licensee's own analyses, from which the edition's rows cannot be got back, may be handed on.".into(),
        ));
    }
    Clause { title: "What it may be used for", parts }
}

fn prohibited(facts: &Facts, terms: &Terms) -> Vec<String> {
    let mut lines = vec![format!("Using the edition for any purpose other than {}.", terms.purpose)];
    if !facts.other_purposes.is_empty() {
        let others = facts.other_purposes.join(", ");
        lines.push(format!("That includes {others}, for which the dataset is offered too, and which was not bought."));
    }
    if is_training_excluded(facts) {
        lines.push("Training models on the edition.".into());
    }
    lines.push("Singling out or identifying anybody, or trying to.".into());
    lines.push("Selling or lending the edition, or handing on its rows, whole or in part.".into());
    if terms.redistribution == Redistribution::None {
        lines.push("Handing on results of analyses of it.".into());
    }
    lines
}

/// Whether training is a purpose of its own that was not bought.
pub fn is_training_excluded(facts: &Facts) -> bool {
    facts.other_purposes.iter().any(|purpose| purpose == TRAINING)
}

fn term(facts: &Facts, terms: &Terms) -> Clause {
    let days = counted(terms.period_days.into(), "days");
    let mut period = format!("The licence is good for {days} from the moment at which the files are there first.");
    if let Some(ends_at) = facts.ends_at {
        period += &format!(" They are there, and it ends at {}.", moment(ends_at));
    }
    let exclusive = match terms.exclusive_until {
        Some(until) => {
            format!("It is exclusive: nobody else is granted a licence to the dataset before {}.", moment(until))
        }
        None => "It is not exclusive.".into(),
    };
    let models = match terms.models_after_term {
        ModelsAfterTerm::Keep => "Models that were trained on the edition may be used on after the term.",
        ModelsAfterTerm::Freeze => {
            "Models that were trained on the edition may be used on after the term as they are, and not be trained further."
        }
        ModelsAfterTerm::Delete => "Models that were trained on the edition are deleted after the term.",
    };
    Clause { title: "Term", parts: [period, exclusive, models.into()].map(Part::Words).into() }
}

fn price(facts: &Facts, terms: &Terms) -> Clause {
    let mut rows = vec![
        ("Price", terms.price.to_string()),
        ("Fee in it", format!("{}, which the licensor keeps; the rest goes to the members in equal shares", terms.fee)),
        ("Tax", terms.tax.to_string()),
        ("Total", terms.total.to_string()),
        ("Invoice", facts.invoice_number.clone()),
    ];
    rows.extend(facts.paid_at.map(|at| ("Paid", format!("in full, {}", moment(at)))));
    rows.extend(facts.payment_reference.iter().map(|reference| ("Reference", reference.clone())));
    Clause { title: "Price and payment", parts: vec![Part::Facts(rows)] }
}

fn refund(terms: &Terms) -> String {
    match terms.refund.below_rows {
        0 => "No number of rows is promised, so that nothing is refunded for there being few.".into(),
        rows => format!(
            "If the edition has fewer than {}, {} of the total goes back to the licensee.",
            counted(rows, "rows"),
            percent(terms.refund.refund_bp)
        ),
    }
}

fn revocation(terms: &Terms) -> Clause {
    let notice = match terms.revocation.notice_days {
        0 => "It ends with the notice.".to_owned(),
        days => format!(
            "Between the notice and the end lie {}, in which the licence may be used and a breach be mended.",
            counted(days.into(), "days")
        ),
    };
    Clause {
        title: "Revocation",
        parts: vec![
            Part::Words(
                "The licensor may take the licence away on these grounds and on no others, and says what happened:"
                    .into(),
            ),
            Part::List(terms.revocation.grounds.clone()),
            Part::Words(notice),
        ],
    }
}

fn recall_in_wording_2(terms: &Terms) -> Clause {
    let what = "The licensor may recall the edition because of an error in it, because it endangers somebody, because of a claim in \
                law, or for another reason that it states. From then on its files cannot be downloaded, and the licensee does not use \
                what it has of them. What is said of models after the term holds from then on for those that were trained on it.";
    let remedy = format!(
        "Either another edition takes its place: it costs nothing, and the licence lasts longer by the time without files. Or the licence \
         ends, at once or when the other edition is given up, and of what was paid and has not gone back before, the part for the rest of \
         the term goes back to the licensee; where the edition was in error, no less in all than {} of the total. The licensor bears \
         that: no member's share is taken back.",
        percent(terms.refund.refund_bp)
    );
    Clause { title: "Recall", parts: [what.into(), remedy].map(Part::Words).into() }
}

/// What the service does at recalls binds the licensor alone: nobody voted on it, so nothing may be asked of the licensee here.
fn recall(terms: &Terms) -> Clause {
    let whose = "What follows is the licensor's own undertaking. It is not among the terms that the members decided on, and takes nothing \
                 from them.";
    let what = "The licensor may find that the edition is in error, gives away more than it should, is the object of a claim in law, or \
                cannot stand for another reason that it states. It then recalls the edition: its files can no longer be downloaded, and the \
                licensor asks the licensee not to use what it has of them.";
    let remedy = format!(
        "Either another edition takes its place, which costs nothing, and the licence lasts longer by the time without files; a notice of \
         revocation goes on meanwhile. Or the licence ends: at once, when the other edition is given up, or when it has fewer rows than are \
         promised. Then, of what was paid and has not gone back before, the part for the rest of the term goes back to the licensee; where \
         the edition was in error, no less in all than {} of the total. The licensor bears that: no member's share is taken back.",
        percent(terms.refund.refund_bp)
    );
    Clause { title: "Recall", parts: [whose.into(), what.into(), remedy].map(Part::Words).into() }
}

fn privacy(facts: &Facts) -> Clause {
    let privacy = &facts.privacy;
    let mut words = format!(
        "Every number in the edition carries noise (zero-concentrated differential privacy). Drawing it takes {} rho and {} delta of the \
         pool's budget, which is for its whole lifetime.",
        decimal(privacy.rho_nano, 9),
        decimal(privacy.delta_pico, 12)
    );
    if let Some(epsilon) = &privacy.epsilon {
        words += &format!(
            " For each member, with everything that the member ever listened to, this edition by itself is bounded by epsilon {epsilon} at \
             delta {}.",
            decimal(privacy.at_delta_pico, 12)
        );
    }
    let report = format!(
        "How it was drawn stands, for everybody, at {}/v1/editions/{}/privacy-report.",
        facts.server_url, facts.edition.id
    );
    Clause { title: "The members' privacy", parts: vec![Part::Words(words), Part::Words(report)] }
}

fn decision(facts: &Facts, terms: &Terms) -> Clause {
    let vote = &facts.vote;
    let rows = vec![
        ("Offer", format!("{}, placed {}", facts.offer_id, moment(terms.submitted_at))),
        ("Vote", format!("{}, open from {}, counted {}", vote.vote_id, moment(vote.opens_at), moment(vote.closed_at))),
        (
            "Result",
            format!(
                "accepted: {} yes, {} no, {} abstained, of {}",
                grouped(vote.yes),
                grouped(vote.no),
                grouped(vote.abstain),
                counted(vote.electors, "electors")
            ),
        ),
        ("Log", format!("{} leaves, root {}", vote.log_size, vote.log_root)),
    ];
    let words = format!(
        "Those whose plays the edition is made of decided on exactly these terms. Anybody can count that again: `refrain verify` reads what \
         is published at {}/v1/votes/{}/bundle.",
        facts.server_url, vote.vote_id
    );
    Clause { title: "The members' decision", parts: vec![Part::Facts(rows), Part::Words(words)] }
}

fn signature(facts: &Facts, terms_sha256: &str) -> Clause {
    let at = format!("{}/v1/licences/{}/agreement", facts.server_url, facts.licence_id);
    let rows =
        vec![("Terms", format!("SHA-256 {terms_sha256}")), ("Key", format!("Ed25519, thumbprint {}", facts.key_id))];
    let words = format!(
        "This document was made of the terms of this SHA-256 at {}, and never changes. The service has signed its SHA-256 together with that \
         of the terms. All of it stands at {at}.json; `refrain verify agreement.json --document FILE` checks, without a server, whether a copy \
         of this document is the one that was signed. Compare the key with the one that the licensor publishes.",
        moment(facts.made_at)
    );
    Clause { title: "Signature, and how to check it", parts: vec![Part::Facts(rows), Part::Words(words)] }
}
