//! What the members are asked, in plain words, made of the frozen terms.

use crate::accounts::model::Profile;
use crate::money::{Money, counted, grouped};
use crate::offers::model::{EditionChoice, ModelsAfterTerm, Redistribution};
use crate::offers::terms::Terms;

/// What is sold, to whom, for what, for how much, and what a share would be about if `electors` take part. `about` tells
/// of the artists, where the edition is about some.
pub fn text(terms: &Terms, buyer: &Profile, about: &[String], message: &str, electors: i64) -> String {
    let mut lines = vec![
        format!(
            "{} ({}, {}) offers {} for a licence to “{}”.",
            terms.organisation_name, buyer.country, buyer.website, terms.price, terms.dataset_title
        ),
        match terms.edition {
            EditionChoice::Next => "An edition is drawn for this sale, once, after payment.".to_owned(),
            EditionChoice::Stock => "It is the edition that was drawn already; nothing new is computed.".to_owned(),
        },
    ];
    lines.extend_from_slice(about);
    lines.extend([
        format!("Purpose: {}. What will be done: “{}”.", terms.purpose, terms.field_of_use),
        licence(terms),
        share(terms, electors),
    ]);
    if !message.is_empty() {
        // Every line is marked as the buyer's, so that none can pass for one of ours.
        lines.push("The buyer's own words, which are not part of the terms:".to_owned());
        lines.extend(message.lines().map(|line| format!("> {line}")));
    }
    lines.join("\n")
}

fn licence(terms: &Terms) -> String {
    let exclusive = match terms.exclusive_until {
        Some(until) => format!("exclusive until {until}: no further licence is granted to anybody else before"),
        None => "not exclusive".to_owned(),
    };
    let redistribution = match terms.redistribution {
        Redistribution::None => "nothing may be handed on",
        Redistribution::Results => "only results of own analyses may be handed on",
    };
    let models = match terms.models_after_term {
        ModelsAfterTerm::Keep => "models trained on it may be used on after the term",
        ModelsAfterTerm::Freeze => "models trained on it may be used after the term, but not be trained further",
        ModelsAfterTerm::Delete => "models trained on it are deleted after the term",
    };
    format!(
        "Licence: {}, {}; {exclusive}; {redistribution}; {models}; nobody may be singled out or identified.",
        terms.licence_name,
        counted(terms.period_days.into(), "days")
    )
}

/// Members are promised nothing that rounding could take back: the share is rounded down.
fn share(terms: &Terms, electors: i64) -> String {
    let for_members = terms.price.amount_minor - terms.fee.amount_minor;
    let each = Money::new(for_members / electors.max(1), terms.price.currency.clone());
    format!(
        "Of the price, {} is the cooperative's fee. The rest is shared equally by the members in the edition: \
         about {each} each if all {} take part.",
        terms.fee,
        grouped(electors)
    )
}
