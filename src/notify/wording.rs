//! What the mails say. Pure: from facts to words.
//!
//! Every letter says what has happened, what to do and until when, and ends with a link. Lines are
//! kept short, plain text only.

use crate::accounts::model::{Organisation, OrganisationState};
use crate::clock::UtcTime;
use crate::histories::model::HeldHistory;
use crate::money::{Money, counted, grouped};
use crate::offers::counters::model::Counter;
use crate::offers::model::{Offer, OfferState};
use crate::purchases::model::{Purchase, RefundPaid};
use crate::votes::model::{Vote, VoteState};
use crate::votes::rules::Window;
use crate::webhooks::model::Webhook;

/// What a mail says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Letter {
    /// Its subject, one line.
    pub subject: String,
    /// Its text.
    pub body: String,
}

/// How the outside reaches this server.
#[derive(Debug, Clone)]
pub struct Links {
    public_url: String,
}

impl Links {
    /// Links below a URL that has no slash at its end.
    pub fn new(public_url: &str) -> Self {
        Links { public_url: public_url.to_owned() }
    }

    /// The URL of a path, which begins with a slash.
    pub fn to(&self, path: &str) -> String {
        format!("{}{path}", self.public_url)
    }

    /// The page that takes a mailed token. It stands behind a `#`, which browsers keep to themselves.
    fn token(&self, token: &str) -> String {
        self.to(&format!("/account#{token}"))
    }
}

/// A letter of these paragraphs, with who sends it below them.
pub(super) fn letter(links: &Links, subject: impl Into<String>, paragraphs: &[&str]) -> Letter {
    let body = format!("{}\n\n-- \nRefrain\n{}\n", paragraphs.join("\n\n"), links.to("/"));
    Letter { subject: subject.into(), body }
}

/// A time as people read it: `2026-01-31 12:00 UTC`.
pub(super) fn when(time: UtcTime) -> String {
    time.calendar().format("%Y-%m-%d %H:%M UTC").to_string()
}

/// To whoever registered: is the address yours?
pub fn verify_address(links: &Links, token: &str, until: UtcTime) -> Letter {
    letter(
        links,
        "Refrain: please confirm your e-mail address",
        &[
            "Somebody, most likely you, registered with this e-mail address.",
            &format!("To confirm that it is yours, open this link until {}:", when(until)),
            &links.token(token),
            &format!("Or send this token with PUT to {}:", links.to("/v1/email-verifications")),
            token,
            "If it was not you, do nothing: an address that is not confirmed gets no other mail.",
        ],
    )
}

/// To whoever asked for a new password.
pub fn reset_password(links: &Links, token: &str, until: UtcTime) -> Letter {
    letter(
        links,
        "Refrain: set a new password",
        &[
            "Somebody, most likely you, asked to set a new password for your account.",
            &format!("To do so, open this link until {}:", when(until)),
            &links.token(token),
            &format!("Or send this token and the new password with PUT to {}:", links.to("/v1/password-resets")),
            token,
            "If it was not you, do nothing: your password stays as it is.",
        ],
    )
}

/// To operators: somebody applied.
pub fn application_waits(links: &Links, organisation: &Organisation) -> Letter {
    let profile = &organisation.profile;
    letter(
        links,
        format!("Refrain: {} applies to buy", profile.legal_name),
        &[
            "An organisation has handed in its application and waits for your decision.",
            &format!(
                "Legal name: {}\nCountry: {}\nWebsite: {}\nPurpose: {}",
                profile.legal_name, profile.country, profile.website, profile.purpose
            ),
            "Please read it, and approve it, return it with a note, or refuse it with a reason:",
            &links.to(&format!("/v1/organisations/{}", organisation.id)),
        ],
    )
}

/// To the buyers of an organisation: what was decided. `None` where it waits again by now.
pub fn application_decided(links: &Links, organisation: &Organisation) -> Option<Letter> {
    let name = &organisation.profile.legal_name;
    let (subject, what, next) = match organisation.state {
        OrganisationState::Pending => return None,
        OrganisationState::Approved => (
            format!("Refrain: {name} is approved"),
            format!("{name} is approved."),
            "You can make offers from now on. The catalogue:".to_owned(),
        ),
        OrganisationState::Returned => (
            format!("Refrain: please complete the application of {name}"),
            format!("The operator has read the application of {name} and returns it to you with a note."),
            "Please change what the note asks for and hand it in again; there is no deadline:".to_owned(),
        ),
        OrganisationState::Rejected => (
            format!("Refrain: the application of {name} is refused"),
            format!("The application of {name} is refused. It cannot make offers."),
            match organisation.may_reapply_at {
                Some(from) => format!("You may mend it and hand it in again from {} on:", when(from)),
                None => "You may answer to this mail.".to_owned(),
            },
        ),
    };
    let link = match organisation.state {
        OrganisationState::Approved => links.to("/v1/datasets"),
        _ => links.to(&format!("/v1/organisations/{}", organisation.id)),
    };
    let reason = format!("What the operator says: {}", organisation.decision_reason.as_deref().unwrap_or("nothing"));
    Some(letter(links, subject, &[&what, &reason, &next, &link]))
}

/// To every member: the pool's consent text has changed.
pub fn consent_text_published(links: &Links, pool: &str, body: &str, path: &str) -> Letter {
    letter(
        links,
        format!("Refrain: {pool} has changed what you consent to"),
        &[
            &format!("{pool} has a new consent text:"),
            body,
            "The consents that you have given stay as they were given, under the text that you read then. You may take \
             them back at any time, and with them your part in votes and sales. Whoever consents from now on, consents \
             to the new text.",
            "All versions:",
            &links.to(path),
        ],
    )
}

/// What members decide about.
#[derive(Debug, Clone)]
#[allow(missing_docs)] // the fields say it
pub struct Proposal {
    pub pool: String,
    pub dataset: String,
    pub buyer: String,
    pub purpose: String,
    pub field_of_use: String,
    pub price: Money,
    /// Where the vote, or the offer, is read: a path below the public URL.
    pub path: String,
}

/// To every elector: a vote has opened.
pub fn vote_opened(links: &Links, proposal: &Proposal, closes_at: UtcTime, is_final: bool) -> Letter {
    letter(
        links,
        format!("Refrain: your vote is asked for on \"{}\"", proposal.dataset),
        &[
            &format!("{} offers {} for \"{}\" of {}.", proposal.buyer, proposal.price, proposal.dataset, proposal.pool),
            &format!("What it is wanted for ({}): {}", proposal.purpose, proposal.field_of_use),
            "Your listening would be part of it, so you decide with the others: yes, no, or abstain.",
            &format!(
                "Please vote until {}. {}",
                when(closes_at),
                if is_final {
                    "A vote that is cast cannot be changed, and voting ends before, as soon as no vote can change the outcome."
                } else {
                    "You may change your vote until then; the last one counts."
                }
            ),
            "The terms, and your ballot:",
            &links.to(&proposal.path),
        ],
    )
}

/// To an elector who has not voted: the vote is still open.
pub fn vote_reminder(links: &Links, proposal: &Proposal, closes_at: UtcTime) -> Letter {
    letter(
        links,
        format!("Refrain: you have not voted yet on \"{}\"", proposal.dataset),
        &[
            &format!("{} offers {} for \"{}\" of {}.", proposal.buyer, proposal.price, proposal.dataset, proposal.pool),
            &format!("The vote is open until {}. You may vote yes or no, or abstain, or leave it.", when(closes_at)),
            "The terms, and your ballot:",
            &links.to(&proposal.path),
        ],
    )
}

/// To the buyers: so many questions about their offer wait for an answer.
pub fn question_asked(links: &Links, proposal: &Proposal, waiting: i64, closes_at: UtcTime) -> Letter {
    let (questions, wait) = (counted(waiting, "questions"), if waiting == 1 { "waits" } else { "wait" });
    letter(
        links,
        format!("Refrain: members ask about your offer for \"{}\"", proposal.dataset),
        &[
            &format!("Members who vote on your offer of {} for \"{}\" have asked.", proposal.price, proposal.dataset),
            &format!("{questions} {wait} for an answer. You may answer each once, until {}.", when(closes_at)),
            "Everybody of the pool reads what you answer. The terms stay as they are.",
            "The questions:",
            &links.to(&proposal.path),
        ],
    )
}

/// To the member who asked: the buyer has answered. What others wrote is marked line by line, so that none of it passes for ours.
pub fn question_answered(links: &Links, proposal: &Proposal, question: &str, answer: &str) -> Letter {
    letter(
        links,
        format!("Refrain: your question on \"{}\" was answered", proposal.dataset),
        &[
            &format!("You asked about the offer of {} for \"{}\":", proposal.buyer, proposal.dataset),
            &quoted(question),
            "The buyer answers, in words that are not part of the terms:",
            &quoted(answer),
            "All questions and answers:",
            &links.to(&proposal.path),
        ],
    )
}

/// To operators: a vote does not open before one of them has looked at it.
pub fn offer_held(links: &Links, proposal: &Proposal, joined: i64, electors: i64) -> Letter {
    letter(
        links,
        format!("Refrain: a vote on \"{}\" waits for you", proposal.dataset),
        &[
            &format!("{} offers {} for \"{}\" of {}.", proposal.buyer, proposal.price, proposal.dataset, proposal.pool),
            &format!(
                "{} of the {} who would vote on it have joined lately, which is more than the pool's rules let pass.",
                grouped(joined),
                counted(electors, "members")
            ),
            "Somebody may have packed the pool, or many may have heard of it.",
            "The vote does not open by itself. Please look at it, and release it or call the offer off, with a reason:",
            &links.to(&proposal.path),
        ],
    )
}

/// To the buyers: an operator asks for other terms than theirs.
pub fn offer_countered(links: &Links, proposal: &Proposal, changes: &[String], counter: &Counter) -> Letter {
    let what = format!(
        "The operator of {} asks for other terms than those of your offer of {} for \"{}\":",
        proposal.pool, proposal.price, proposal.dataset
    );
    let until = format!(
        "You may accept or decline until {}, or until the offer is decided. Meanwhile it goes on as it is.",
        when(counter.answer_by)
    );
    let next = "If you accept, a new offer takes its place, and the members vote on that.";
    let subject = format!("Refrain: other terms are asked for \"{}\"", proposal.dataset);
    let (changes, words, link) = (changes.join("\n"), quoted(&counter.message), links.to(&proposal.path));
    letter(links, subject, &[&what, &changes, "In the operator's words:", &words, &until, next, "The offer:", &link])
}

fn quoted(words: &str) -> String {
    words.lines().map(|line| format!("> {line}")).collect::<Vec<_>>().join("\n")
}

/// To every elector: the deadline was moved, from when to when and why. `None` where it was not.
pub fn vote_extended(links: &Links, proposal: &Proposal, window: &Window, may_vote: bool) -> Option<Letter> {
    let until = when(window.extended_to?);
    let what = format!(
        "The vote on the offer of {} over {} for \"{}\" goes on until {until}. It was to end on {}.",
        proposal.buyer,
        proposal.price,
        proposal.dataset,
        when(window.closes_at)
    );
    let why = "The yes that are needed were reached late. So that everybody has the time to answer that, the pool's rules move the \
               deadline, once.";
    let next = if may_vote {
        format!("You may vote, or change your vote if it may be changed, until {until}.")
    } else {
        "You have voted, and votes are final here: there is nothing to do.".to_owned()
    };
    let subject = format!("Refrain: more time to vote on \"{}\"", proposal.dataset);
    Some(letter(links, subject, &[&what, why, &next, "The vote:", &links.to(&proposal.path)]))
}

/// Stands where an old row has no reason.
pub(super) const NO_REASON: &str = "No reason was kept.";

/// To every elector: how the vote ended, and why. `None` before its end.
pub fn vote_closed(links: &Links, proposal: &Proposal, vote: &Vote) -> Option<Letter> {
    let outcome = match vote.state {
        VoteState::Opening | VoteState::Open => return None,
        VoteState::Accepted => "accepted",
        VoteState::Rejected => "not accepted",
        VoteState::Void => "called off",
    };
    let next = match vote.state {
        VoteState::Accepted => {
            "When the buyer has paid, your share is entered; a statement shows it. There is nothing to do."
        }
        VoteState::Void => "Nothing of yours leaves the pool for it, and ballots of this vote count nowhere.",
        _ => "Nothing of yours leaves the pool for it. There is nothing to do.",
    };
    let what = format!(
        "The vote on the offer of {} over {} for \"{}\" has ended: it was {outcome}.",
        proposal.buyer, proposal.price, proposal.dataset
    );
    let reason = vote.reason.as_deref().unwrap_or(NO_REASON);
    let subject = format!("Refrain: the offer for \"{}\" was {outcome}", proposal.dataset);
    Some(letter(links, subject, &[&what, reason, next, "The vote:", &links.to(&proposal.path)]))
}

/// To the buyer: how its offer was decided, why, and until when an accepted one is to be paid. `None`
/// where there is nothing to decide or to do any more: it is paid, has lapsed, or was withdrawn.
pub fn offer_decided(links: &Links, proposal: &Proposal, offer: &Offer) -> Option<Letter> {
    let (outcome, next) = match (offer.state, offer.pay_by) {
        (OfferState::Accepted, Some(pay_by)) => (
            "accepted",
            format!(
                "The invoice comes in a mail of its own. Please pay it until {}, or the offer lapses.",
                when(pay_by)
            ),
        ),
        (OfferState::Rejected, _) => ("not accepted", "Nothing is owed. You may make another offer.".to_owned()),
        (OfferState::Void, _) => ("called off", "Nothing is owed. You may make another offer.".to_owned()),
        _ => return None,
    };
    let what = format!("Your offer of {} for \"{}\" was {outcome}.", proposal.price, proposal.dataset);
    let reason = offer.reason.as_deref().unwrap_or(NO_REASON);
    let subject = format!("Refrain: your offer for \"{}\" was {outcome}", proposal.dataset);
    Some(letter(links, subject, &[&what, reason, &next, "The offer:", &links.to(&proposal.path)]))
}

/// To the buyer: an invoice.
pub fn invoice_issued(links: &Links, purchase: &Purchase) -> Letter {
    let (number, due) = (&purchase.invoice_number, when(purchase.due_at));
    letter(
        links,
        format!("Refrain: invoice {number}"),
        &[
            &format!("Your offer was accepted. This is the notice of invoice {number} over {}.", purchase.total()),
            &format!("Please pay it until {due}, and name its number. The offer lapses if it is not paid."),
            "The invoice, with the bank details:",
            &links.to(&format!("/v1/purchases/{}/invoice", purchase.id)),
        ],
    )
}

/// To the buyers: money has gone back to them. All that ever did of this invoice is told, as it is looked up when the mail is written.
pub fn invoice_refunded(links: &Links, purchase: &Purchase, refunds: &[RefundPaid]) -> Letter {
    let number = &purchase.invoice_number;
    let lines: Vec<String> = refunds
        .iter()
        .map(|refund| {
            format!("{}, {}, with the reference {}", refund.amount, when(refund.paid_at), refund.payment_reference)
        })
        .collect();
    letter(
        links,
        format!("Refrain: money back of invoice {number}"),
        &[
            &format!("Of what you paid for invoice {number}, this was transferred back to you:"),
            &lines.join("\n"),
            "There is nothing to do. The purchase:",
            &links.to(&format!("/v1/purchases/{}", purchase.id)),
        ],
    )
}

/// To the buyer: nobody paid in time.
pub fn offer_lapsed(links: &Links, proposal: &Proposal, offer: &Offer) -> Letter {
    let what = format!("Your offer of {} for \"{}\" has lapsed.", proposal.price, proposal.dataset);
    let reason = offer.reason.as_deref().unwrap_or(NO_REASON);
    let next = "Nothing is owed. If your payment is on its way, it is sent back. You may make another offer.";
    let subject = format!("Refrain: your offer for \"{}\" has lapsed", proposal.dataset);
    letter(links, subject, &[&what, reason, next, "The offer:", &links.to(&proposal.path)])
}

/// To the buyers: a webhook of theirs does not take what is sent to it. Its address may hold what is secret, so it is not told.
pub fn webhook_failing(links: &Links, webhook: &Webhook) -> Letter {
    let name = if webhook.description.is_empty() { webhook.id.as_str() } else { &webhook.description };
    let (what, next) = match &webhook.paused_reason {
        Some(reason) => (
            format!("Your webhook \"{name}\" is paused. {reason}"),
            "Make it active again once its receiver wants to be told, or delete it. Until then what is to be told waits, for a \
             month.",
        ),
        None => (
            format!(
                "Something that was sent to your webhook \"{name}\" was not taken after many tries, and is set aside."
            ),
            "Please see why, mend the receiver, and replay what was set aside. New events are sent and tried as before.",
        ),
    };
    let path = format!("/v1/webhooks/{}/deliveries?state=dead", webhook.id);
    let once = "There is no other mail about it until a delivery has arrived again.";
    let link = links.to(&path);
    letter(
        links,
        "Refrain: a webhook does not take what is sent to it",
        &[&what, next, once, "What was set aside:", &link],
    )
}

/// To operators: a history waits. Whose it is stays out of the mail.
pub fn history_held(links: &Links, held: &HeldHistory) -> Letter {
    let same = match held.others.len() {
        0 => None,
        1 => Some("Another member has handed in the very same plays.".to_owned()),
        others => Some(format!("{others} histories of other members have the very same plays.")),
    };
    let left = held.left_at.map(|left_at| format!("Somebody who left on {} had the very same plays.", when(left_at)));
    let why = [same, left].into_iter().flatten().collect::<Vec<_>>().join(" ");
    letter(
        links,
        "Refrain: a history waits for your decision",
        &[
            "A member handed in a history that was set aside. Until you decide it is in no edition and gives no vote.",
            if why.is_empty() { "When it arrived, another history had the very same plays." } else { &why },
            &format!("Please look at {}, and release or reject it; there is no deadline:", held.history.id),
            &links.to("/v1/held-histories"),
        ],
    )
}

#[cfg(test)]
#[path = "wording_tests.rs"]
mod tests;
