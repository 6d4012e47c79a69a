//! What can be told of: one table of event types. A type once told never changes what its `data` means.

use crate::text_enum;

/// Declares the types with a sentence each: for people who choose among them, and for the document.
macro_rules! event_types {
    ($($name:ident = $text:tt, $about:literal;)*) => {
        text_enum! {
            /// What has happened.
            pub enum EventType { $(#[doc = $about] $name = $text),* }
        }

        impl EventType {
            /// What has happened, in a sentence.
            pub const fn about(self) -> &'static str { match self { $(EventType::$name => $about),* } }
        }
    };
}

event_types! {
    OfferPlaced = "offer.placed", "An offer was placed, or took the place of another by a counter-offer.";
    OfferCountered = "offer.countered", "An operator asks for other terms; `counter_id` names the counter-offer.";
    OfferAccepted = "offer.accepted", "The members have accepted the offer.";
    OfferRejected = "offer.rejected", "The members have not accepted the offer, or nobody could vote on it.";
    OfferWithdrawn = "offer.withdrawn", "The offer was taken back, or gave way to the terms of a counter-offer.";
    OfferVoid = "offer.void", "An operator has called the offer off.";
    OfferLapsed = "offer.lapsed", "The accepted offer was not paid in time.";
    VoteOpened = "vote.opened", "The members vote on the offer from now on.";
    VoteExtended = "vote.extended", "The deadline of the vote was moved, once.";
    VoteClosed = "vote.closed", "The vote has ended: `state` says how.";
    InvoiceIssued = "invoice.issued", "An invoice is to be paid until `due_at`.";
    InvoicePaid = "invoice.paid", "The invoice was paid in full.";
    InvoiceLapsed = "invoice.lapsed", "The invoice was not paid in time; nothing is owed any more.";
    InvoiceRefundDue = "invoice.refund_due", "A part of the payment, or all of it, goes back: `refund` says how much.";
    InvoiceRefunded = "invoice.refunded", "The refund was paid: `refund` says how much.";
    LicencePreparing = "licence.preparing", "The licence is granted; its edition is yet to be drawn.";
    LicenceActive = "licence.active", "The files can be had; the term has begun.";
    LicenceUnderNotice = "licence.under_notice", "The licence is to be revoked at `revoked_from`, for the reason given.";
    LicenceKept = "licence.kept", "The notice was taken back; the licence stands as it was.";
    LicenceRevoked = "licence.revoked", "The licence is revoked.";
    LicenceExpired = "licence.expired", "The term of the licence is over.";
    LicenceCancelled = "licence.cancelled", "The edition cannot be made; all of the payment goes back.";
    EditionPublished = "edition.published", "An edition was published of a dataset for which the organisation holds a licence.";
    EditionRecalled = "edition.recalled", "An edition for which the organisation holds or held a licence was recalled: `state` says where the licence stands, and `given_up_reason` why what was to replace it was given up.";
    LicenceReplaced = "licence.replaced", "Another edition has taken the place of a recalled one: `edition_id` names it, and the term ends later.";
    LicenceLeaversCounted = "licence.leavers_counted", "It was counted how many of the members in the licence's edition have left: at least `left_at_least` of `members`.";
    WebhookPing = "webhook.ping", "A test that was asked for. It is sent whatever events are wanted.";
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Standard Webhooks, "Event types": full stops between words of a limited set of characters.
    #[test]
    fn types_are_words_with_full_stops_and_say_what_they_are() {
        for event in EventType::ALL {
            let words: Vec<&str> = event.as_str().split('.').collect();
            let is_word = |word: &&str| word.bytes().all(|b| b.is_ascii_lowercase() || b == b'_') && !word.is_empty();
            assert!(words.len() == 2 && words.iter().all(is_word), "{event}");
            assert!(event.about().ends_with('.'), "{event}");
        }
    }
}
