//! The kinds of events that become mails, and whom each is for.

use crate::db::Db;
use crate::error::{Error, Result};
use crate::ids::AccountId;
use crate::outbox::Event;
use crate::{accounts, offers, pools, purchases, text_enum, votes, webhooks};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

/// The field that names the one recipient of an event that was split.
const TO: &str = "to";
/// The field that says behind which recipient the splitting goes on.
const AFTER: &str = "after";

text_enum! {
    /// What a mail is about.
    pub enum Kind {
        /// Nothing: written where an unknown address asks for a reset, so that the answer takes as long.
        Nothing = "nothing",
        /// To show that an address reaches its holder. Payload: `account_id`.
        AccountVerify = "account.verify",
        /// To set a new password. Payload: `account_id`.
        AccountReset = "account.reset",
        /// To operators: an application waits. Payload: `organisation_id`.
        OrganisationRegistered = "organisation.registered",
        /// To its buyers: the application was decided. Payload: `organisation_id`.
        OrganisationDecided = "organisation.decided",
        /// To operators: a history was set aside. Payload: `history_id`.
        HistoryHeld = "history.held",
        /// To its members: a pool's consent text has a new version. Payload: `pool_id`.
        ConsentTextPublished = "consent_text.published",
        /// To its electors: a vote has opened. Payload: `vote_id`, `offer_id`.
        VoteOpened = "vote.opened",
        /// To those of its electors who have not voted: a vote is still open. Payload: `vote_id`, `offer_id`.
        VoteReminder = "vote.reminder",
        /// To its electors: the deadline of a vote was moved. Payload: `vote_id`.
        VoteExtended = "vote.extended",
        /// To the buyers: electors have asked about their offer. Payload: `vote_id`, `offer_id`.
        VoteQuestionAsked = "vote.question_asked",
        /// To the member who asked it: a question was answered. Payload: `vote_id`, `offer_id`, `question_id`.
        VoteQuestionAnswered = "vote.question_answered",
        /// To its electors: a vote has ended. Payload: `vote_id`, `offer_id`.
        VoteClosed = "vote.closed",
        /// To operators: the opening of a vote is held. Payload: `offer_id`.
        OfferHeld = "offer.held",
        /// To the buyers who made it: an operator asks for other terms. Payload: `offer_id`, `counter_id`.
        OfferCountered = "offer.countered",
        /// To the buyers who made it: an offer was decided. Payload: `offer_id`.
        OfferDecided = "offer.decided",
        /// To the buyers: an invoice is to be paid. Payload: `purchase_id`.
        InvoiceIssued = "invoice.issued",
        /// To the buyers: money has gone back to them. Payload: `purchase_id`.
        InvoiceRefunded = "invoice.refunded",
        /// To the buyers: an accepted offer was not paid in time. Payload: `offer_id`.
        OfferLapsed = "offer.lapsed",
        /// To the buyers: the files are there. Payload: `licence_id`.
        LicenceReady = "licence.ready",
        /// To the buyers: a licence is under notice, kept after all, over, or cancelled. Payload: `licence_id`, and
        /// `reason` where it is kept.
        LicenceChanged = "licence.changed",
        /// To the buyers: an edition that they have or had a licence on was recalled. Payload: `licence_id`, `edition_id`,
        /// `organisation_id`, and `reason` where what was to replace it was given up.
        LicenceRecalled = "licence.recalled",
        /// To the buyers: another edition has taken the place of a recalled one. Payload: `licence_id`, `edition_id` of the new one,
        /// `organisation_id`.
        LicenceReplaced = "licence.replaced",
        /// To the buyers: how many of the members in their editions have left. Payload: `organisation_id`, `quarter`.
        LeaversCounted = "leavers.counted",
        /// To the buyers: a webhook does not take what is sent to it. Payload: `webhook_id`.
        WebhookFailing = "webhook.failing",
    }
}

/// An event that was read: its kind, and the ids of what it is about.
#[derive(Debug, Clone)]
pub struct Notice {
    /// What it is about.
    pub kind: Kind,
    ids: Map<String, Value>,
}

/// To whom a notice goes.
#[derive(Debug, PartialEq, Eq)]
pub enum Audience {
    /// To nobody.
    Nobody,
    /// To this account.
    One(AccountId),
    /// To these, by id; it has to be split.
    Many(Vec<AccountId>),
}

impl Notice {
    /// Reads an event.
    ///
    /// # Errors
    /// `internal` for a kind that is not known here, or a payload that is no object: a defect of
    /// whoever pushed it.
    pub fn read(event: &Event) -> Result<Self> {
        let kind = Kind::parse(&event.kind).ok_or_else(|| Error::internal("an event of a kind that has no wording"))?;
        Ok(Notice { kind, ids: serde_json::from_str(&event.payload_json)? })
    }

    /// An id out of the payload.
    ///
    /// # Errors
    /// `internal` where it is not there.
    pub fn id<T: DeserializeOwned>(&self, name: &str) -> Result<T> {
        self.maybe(name)?.ok_or_else(|| Error::internal(format!("the payload of {} lacks {name}", self.kind)))
    }

    /// The words of whoever brought it about, where the payload has them.
    ///
    /// # Errors
    /// `internal` where they are no text.
    pub fn reason(&self) -> Result<Option<String>> {
        self.maybe("reason")
    }

    fn maybe<T: DeserializeOwned>(&self, name: &str) -> Result<Option<T>> {
        Ok(self.ids.get(name).cloned().map(serde_json::from_value).transpose()?)
    }

    /// The payload of the same notice for one recipient.
    pub fn for_one(&self, to: &AccountId) -> Value {
        self.with(TO, to)
    }

    /// The payload of the same notice for all who come after one.
    pub fn for_all_after(&self, last: &AccountId) -> Value {
        self.with(AFTER, last)
    }

    fn with(&self, field: &str, id: &AccountId) -> Value {
        let mut ids = self.ids.clone();
        ids.insert(field.to_owned(), Value::String(id.to_string()));
        Value::Object(ids)
    }

    /// Whether this is the event as it was pushed, and no part that it was split into.
    pub fn is_whole(&self) -> bool {
        !self.ids.contains_key(TO) && !self.ids.contains_key(AFTER)
    }

    /// To whom this goes: of very many the next ones, `most` of them.
    ///
    /// # Errors
    /// `internal` where the payload is not as it should be; `not-found` where what it is about is gone.
    pub fn audience(&self, db: &mut Db, most: i64) -> Result<Audience> {
        if let Some(to) = self.maybe(TO)? {
            return Ok(Audience::One(to));
        }
        let organisation_id = match self.kind {
            Kind::Nothing => return Ok(Audience::Nobody),
            Kind::AccountVerify | Kind::AccountReset => return Ok(Audience::One(self.id("account_id")?)),
            Kind::OrganisationRegistered | Kind::HistoryHeld | Kind::OfferHeld => {
                return self.many(ids(accounts::steps::operators(db)?));
            }
            Kind::ConsentTextPublished => {
                let (pool_id, after) = (self.id("pool_id")?, self.maybe(AFTER)?);
                return Ok(Audience::Many(pools::steps::members_after(db, &pool_id, after.as_ref(), most)?));
            }
            Kind::VoteOpened | Kind::VoteReminder | Kind::VoteExtended | Kind::VoteClosed => {
                let (vote_id, after) = (self.id("vote_id")?, self.maybe(AFTER)?);
                return Ok(Audience::Many(votes::steps::electors_after(db, &vote_id, after.as_ref(), most)?));
            }
            Kind::OrganisationDecided | Kind::LicenceRecalled | Kind::LicenceReplaced | Kind::LeaversCounted => {
                self.id("organisation_id")?
            }
            Kind::VoteQuestionAnswered => {
                let asked = votes::questions::steps::question(db, &self.id("question_id")?)?;
                return Ok(asked.member_id.map_or(Audience::Nobody, Audience::One));
            }
            Kind::VoteQuestionAsked | Kind::OfferCountered | Kind::OfferDecided | Kind::OfferLapsed => {
                offers::steps::offer(db, &self.id("offer_id")?)?.organisation_id
            }
            Kind::InvoiceIssued | Kind::InvoiceRefunded => {
                purchases::steps::purchase(db, &self.id("purchase_id")?)?.organisation_id
            }
            Kind::LicenceReady | Kind::LicenceChanged => {
                purchases::steps::licence(db, &self.id("licence_id")?)?.organisation_id
            }
            Kind::WebhookFailing => match webhooks::steps::find(db, &self.id("webhook_id")?)? {
                Some(webhook) => webhook.organisation_id,
                None => return Ok(Audience::Nobody),
            },
        };
        self.many(ids(accounts::steps::buyers_of(db, &organisation_id)?))
    }

    /// Those of them to whom the splitting has not come yet.
    fn many(&self, mut many: Vec<AccountId>) -> Result<Audience> {
        if let Some(after) = self.maybe::<AccountId>(AFTER)? {
            many.retain(|id| *id > after);
        }
        Ok(Audience::Many(many))
    }
}

fn ids(accounts: Vec<accounts::model::Account>) -> Vec<AccountId> {
    accounts.into_iter().map(|account| account.id).collect()
}
