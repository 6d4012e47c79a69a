//! The rooms of the API: what the document groups its operations by.

/// A group of operations.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Room {
    /// Its name.
    pub name: &'static str,
    /// What is done there, in one line.
    pub about: &'static str,
    /// The first segments of the paths, after `/v1`, that lead there.
    segments: &'static [&'static str],
}

/// Every room, in the order in which a newcomer passes through them; the first has all that is in no other.
pub const ROOMS: &[Room] = &[
    Room {
        name: "service",
        about: "The server itself: is it well, and this document in several forms.",
        segments: &[],
    },
    Room {
        name: "accounts",
        about: "Registering, logging in, and what an operator decides about buyer organisations.",
        segments: &[
            "account",
            "account.js",
            ".well-known",
            "organisations",
            "members",
            "sessions",
            "email-verifications",
            "password-resets",
            "me",
            "accounts",
            "erasures",
        ],
    },
    Room {
        name: "pools",
        about: "Pools with their rules and consent texts, and a member's place and consents in them.",
        segments: &["pools", "memberships"],
    },
    Room {
        name: "histories",
        about: "Members hand in their listening histories; operators look into those that are held.",
        segments: &["histories", "held-histories"],
    },
    Room {
        name: "catalogue",
        about: "What is for sale: datasets, what they are computed by, and the editions drawn of them.",
        segments: &["datasets", "catalogue.jsonld", "listings", "recipe-kinds", "recipes", "editions"],
    },
    Room {
        name: "offers",
        about: "A buyer's offers, from the placing to their end.",
        segments: &["offers", "counters", "artist-lists"],
    },
    Room {
        name: "votes",
        about: "The members' votes on offers, what they ask the buyer, one's own ballot, and the logs that show that all were counted.",
        segments: &["votes", "questions", "signing-key"],
    },
    Room {
        name: "purchases",
        about: "Accepted offers: invoices, payments, refunds, and the members' shares of them.",
        segments: &["purchases", "payouts", "sales"],
    },
    Room {
        name: "licences",
        about: "What was paid for: licences, their files, links to them, and who downloaded them.",
        segments: &["licences", "links", "grants", "delta-sharing"],
    },
    Room {
        name: "webhooks",
        about: "Being told: where a buyer's programs are sent what happens, what was sent there, and what came of it.",
        segments: &["webhooks", "webhook-events", "deliveries"],
    },
    Room {
        name: "operating",
        about: "For those who run the service: background jobs and the audit log.",
        segments: &["jobs", "audit-log"],
    },
];

/// The room that a path leads to.
pub fn room(path: &str) -> &'static Room {
    let rest = path.strip_prefix("/v1").unwrap_or(path);
    let first = rest.trim_start_matches('/').split('/').next().unwrap_or_default();
    ROOMS.iter().find(|room| room.segments.contains(&first)).unwrap_or(&ROOMS[0])
}
