//! The part of the list that is about a sale: offers, votes, purchases, licences.

use crate::downloads::links::LinkQuery;
use crate::error::Code::*;
use crate::page::PageQuery;
use crate::routes::operation::{Access::*, Operation, delete, get, post, put};
use crate::{downloads::delta_sharing::routes as delta_sharing, downloads::routes as downloads};
use crate::{offers::counters::routes as counters, offers::counters::views as countered};
use crate::{offers::routes as offers, payouts::routes as payouts};
use crate::{purchases::agreements::routes as agreements, purchases::routes as purchases};
use crate::{purchases::leavers::routes as leavers, purchases::recalls::routes as recalls};
use crate::{votes::questions::routes as questions, votes::questions::views as asked};
use crate::{votes::routes as votes, votes::views};

/// Offers.
pub fn about_offers() -> Vec<Operation> {
    vec![
        get("/v1/offers", Caller, offers::list)
            .summary("List offers: a buyer its organisation's, an operator all")
            .query::<PageQuery>()
            .query::<offers::OfferFilter>()
            .answers_page::<offers::OfferSummary>("A page of offers, newest first.")
            .errors(&[Forbidden]),
        post("/v1/offers", Buyer, offers::place)
            .summary("Make an offer")
            .description(
                "The terms are frozen and hashed, and the members vote on exactly them. Where the dataset is about artists \
                 whom the buyer names, `artists` lists them; the body may be so much larger than others.",
            )
            .once()
            .takes::<offers::NewOffer>()
            .larger_by(offers::ARTISTS_JSON_BYTES_MAX)
            .answers::<offers::OfferView>(201, "The offer, with its terms and dates.")
            .located()
            .errors(&[EmailNotVerified, BuyerNotApproved, CreditLimit, BudgetExhausted, ExclusivelyLicensed])
            .errors(&[PurposeNotOffered, PriceBelowFloor, EmptyElectorate, NotDeliverable, NotFound, Conflict]),
        get("/v1/offers/{id}", Caller, offers::read)
            .summary("One offer: terms, dates, totals, turnout, what has happened")
            .answers::<offers::OfferView>(200, "The offer.")
            .errors(&[Forbidden]),
        get("/v1/offers/{id}/events", Buyer, offers::events)
            .summary("Follow an offer: server-sent events of what happens to it, and of its vote's turnout")
            .description(
                "`event: offer` carries a line of the offer's `timeline`, `event: vote` its `vote`, each as the offer shows them. The \
                 stream begins with what has happened so far, or, with the id of an event in `Last-Event-ID`, after that event; it \
                 ends when the offer is paid or lost, when the session ends, and when the server stops. A comment every 15 seconds \
                 shows that it is alive. An account may have 8 open.",
            )
            .answers_file(200, "The events.", "text/event-stream")
            .answers_nothing(204, "The offer is paid or lost, and nothing has happened since that event: a browser stops asking.")
            .errors(&[TooManyRequests]),
        get("/v1/offers/{id}/terms", Caller, offers::terms)
            .summary("The frozen terms, byte for byte")
            .answers::<offers::Terms>(200, "The canonical JSON whose SHA-256 is the terms hash.")
            .errors(&[Forbidden]),
        get("/v1/artist-lists/{sha256}", Caller, offers::artist_list)
            .summary("The artists that an offer is about, for its electors, its buyer, licensees and operators")
            .answers::<offers::ArtistListView>(200, "The names, in their order.")
            .errors(&[NotFound]),
        post("/v1/offers/{id}/withdraw", Buyer, offers::withdraw)
            .summary("Take an undecided offer back")
            .answers::<offers::OfferView>(200, "The offer, withdrawn.")
            .errors(&[Conflict]),
        post("/v1/offers/{id}/void", Operator, offers::void)
            .summary("Call an undecided offer and its vote off, with a public reason")
            .takes::<offers::VoidOffer>()
            .answers::<offers::OfferView>(200, "The offer, void.")
            .errors(&[Conflict]),
        post("/v1/offers/{id}/release", Operator, offers::release)
            .summary("Let a vote open that is held because many of its electors have joined lately")
            .description("Nothing else opens it. `POST /v1/offers/{id}/void` calls the offer off instead.")
            .takes::<offers::ReleaseOffer>()
            .answers::<offers::OfferView>(200, "The offer; its vote opens within moments.")
            .errors(&[Conflict]),
    ]
}

/// Other terms that an operator asks a buyer for.
pub fn about_counter_offers() -> Vec<Operation> {
    vec![
        post("/v1/offers/{id}/counter", Operator, counters::make)
            .summary("Ask the buyer of an undecided offer for other terms")
            .description(
                "Offer and vote go on meanwhile. One counter-offer stands at a time; it lapses at `answer_by`, or when the offer is \
                 decided. Whether an offer with these terms could be placed is looked at as if it were accepted now. The buyer is \
                 told by mail.",
            )
            .once()
            .takes::<countered::NewCounter>()
            .answers::<countered::CounterView>(201, "The counter-offer; it stands with the offer.")
            .errors(&[EmailNotVerified, BuyerNotApproved, CreditLimit, BudgetExhausted, ExclusivelyLicensed])
            .errors(&[PurposeNotOffered, PriceBelowFloor, EmptyElectorate, NotDeliverable, Conflict]),
        post("/v1/counters/{id}/accept", Buyer, counters::accept)
            .summary("Accept a counter-offer: a new offer with its terms takes the place of the old one")
            .description(
                "In one write the old offer is withdrawn, its vote is void, what was set aside for it is free, and the new offer is \
                 placed, with a vote of its own. If it cannot be placed, nothing changes.",
            )
            .once()
            .answers::<offers::OfferView>(201, "The new offer.")
            .located()
            .errors(&[EmailNotVerified, BuyerNotApproved, CreditLimit, BudgetExhausted, ExclusivelyLicensed])
            .errors(&[PurposeNotOffered, PriceBelowFloor, EmptyElectorate, NotDeliverable, Conflict, Invalid]),
        post("/v1/counters/{id}/decline", Buyer, counters::decline)
            .summary("Decline a counter-offer; the offer goes on as it is")
            .answers::<countered::CounterView>(200, "The counter-offer, declined.")
            .errors(&[Conflict]),
        post("/v1/counters/{id}/withdraw", Operator, counters::withdraw)
            .summary("Take a counter-offer back")
            .answers::<countered::CounterView>(200, "The counter-offer, taken back.")
            .errors(&[Conflict]),
    ]
}

/// The votes on offers.
pub fn about_votes() -> Vec<Operation> {
    vec![
        get("/v1/votes", Member, votes::list)
            .summary("The votes that one may take part in, open ones first")
            .query::<PageQuery>()
            .answers_page::<views::VoteView>("A page of votes."),
        get("/v1/votes/{id}", Caller, votes::read)
            .summary("One vote: what is decided, the turnout, and after the close the result")
            .answers::<views::VoteView>(200, "The vote."),
        get("/v1/votes/{id}/terms", Member, offers::terms_of_vote)
            .summary("The frozen terms that a vote decides on, byte for byte")
            .answers::<offers::Terms>(200, "The canonical JSON whose SHA-256 is the terms hash."),
        get("/v1/votes/{id}/ballot", Member, votes::own_ballot)
            .summary("One's own ballot as it counts now")
            .answers::<views::BallotView>(200, "The ballot, with its receipt as of now."),
        put("/v1/votes/{id}/ballot", Member, votes::cast)
            .summary("Cast one's ballot, or change it; the last one counts")
            .takes::<votes::CastBallot>()
            .answers::<views::BallotView>(200, "The ballot as it counts now, and its receipt.")
            .errors(&[Conflict, NotInElectorate, VoteClosed]),
        get("/v1/votes/{id}/log", Caller, votes::log)
            .summary("The vote's log as it is now, signed: a Merkle tree (RFC 9162) of commitments to ballots")
            .answers::<views::HeadView>(200, "The signed head."),
        get("/v1/votes/{id}/bundle", Anyone, votes::bundle)
            .summary("What anybody needs to count an ended vote again, without names")
            .description(
                "Lines of JSON: a signed statement of rules and result, the tags of the electorate, and every ballot of the log with \
                 what opens it. `refrain verify` checks it, alone or together with a receipt.",
            )
            .answers_file(200, "The bundle.", "application/x-ndjson"),
        get("/v1/votes/{id}/log/inclusion", Caller, votes::inclusion)
            .summary("The hashes that show that a ballot is in the log")
            .query::<votes::InclusionQuery>()
            .answers::<views::ProofView>(200, "The hashes."),
        get("/v1/votes/{id}/log/consistency", Caller, votes::consistency)
            .summary("The hashes that show that the log as it was is the beginning of what it is")
            .query::<votes::ConsistencyQuery>()
            .answers::<views::ProofView>(200, "The hashes."),
    ]
}

/// What electors ask about the offer that they vote on, and what its buyer answers.
pub fn about_questions() -> Vec<Operation> {
    vec![
        get("/v1/votes/{id}/questions", Caller, questions::list)
            .summary("What members asked about an offer, and what the buyer answered, the first question first")
            .description("For members of the vote's pool and operators. Who asked is told to nobody; `yours` marks one's own.")
            .query::<PageQuery>()
            .answers_page::<asked::QuestionView>("A page of questions."),
        post("/v1/votes/{id}/questions", Member, offers::ask)
            .summary("Ask the buyer something, as long as the vote is open")
            .description(
                "At most three questions of each elector. Questions and answers change no terms. They stay with the vote, where                  the members of the pool, the buyer and operators read them without your name. When you leave the pool, your                  questions stay, and nothing tells any more, not even in the database, that they were yours; so write nothing                  in them that tells who you are.",
            )
            .takes::<asked::NewQuestion>()
            .answers::<asked::QuestionView>(201, "The question. The buyer is told by mail.")
            .errors(&[Conflict, NotInElectorate, VoteClosed]),
        get("/v1/offers/{id}/questions", Caller, offers::questions)
            .summary("What members asked about an offer: for its buyer and for operators")
            .query::<PageQuery>()
            .answers_page::<asked::QuestionView>("A page of questions, the first that was asked first.")
            .errors(&[Forbidden]),
        post("/v1/questions/{id}/answer", Buyer, offers::answer)
            .summary("Answer a question about one's own offer, once, as long as the vote is open")
            .description("All members of the pool read the answer, and whoever asked is told by mail. It changes no terms.")
            .takes::<asked::NewAnswer>()
            .answers::<asked::QuestionView>(200, "The question with its answer.")
            .errors(&[Conflict, VoteClosed]),
        post("/v1/questions/{id}/withhold", Operator, questions::withhold)
            .summary("Show a question and its answer to nobody any more, but the reason")
            .takes::<asked::WithholdQuestion>()
            .answers::<asked::QuestionView>(200, "The question, withheld.")
            .errors(&[Conflict]),
    ]
}

/// What becomes of an accepted offer.
pub fn about_purchases() -> Vec<Operation> {
    vec![
        get("/v1/purchases", Caller, purchases::list)
            .summary("List purchases: a buyer its organisation's, an operator all")
            .query::<PageQuery>()
            .query::<purchases::PurchaseFilter>()
            .answers_page::<purchases::PurchaseView>("A page of purchases, newest first.")
            .errors(&[Forbidden]),
        get("/v1/purchases/{id}", Caller, purchases::read)
            .summary("One purchase")
            .answers::<purchases::PurchaseView>(200, "The purchase.")
            .errors(&[Forbidden]),
        get("/v1/purchases/{id}/invoice", Caller, purchases::invoice)
            .summary("The invoice, as JSON, text or a page to print")
            .answers::<purchases::Invoice>(200, "The invoice.")
            .answers_file(200, "The invoice.", "text/plain")
            .answers_file(200, "The invoice.", "text/html")
            .errors(&[Forbidden, MalformedRequest, NotAcceptable]),
        put("/v1/purchases/{id}/po-number", Buyer, purchases::set_po_number)
            .summary("Set the purchase order number until the invoice is settled")
            .takes::<purchases::SetPoNumber>()
            .answers::<purchases::PurchaseView>(200, "The purchase.")
            .errors(&[Conflict]),
        post("/v1/purchases/{id}/settle", Operator, purchases::settle)
            .summary("Note that an invoice was paid; the licence is granted")
            .once()
            .takes::<purchases::Payment>()
            .answers::<purchases::PurchaseView>(200, "The purchase, settled.")
            .errors(&[Conflict]),
        post("/v1/purchases/{id}/refund", Operator, purchases::refund)
            .summary("Note that a refund that was due is paid back")
            .once()
            .takes::<purchases::Payment>()
            .answers::<purchases::PurchaseView>(200, "The purchase.")
            .errors(&[Conflict]),
        get("/v1/purchases/{id}/payouts", Operator, payouts::of_purchase)
            .summary("Every member's share of a purchase, with the totals")
            .query::<PageQuery>()
            .answers::<payouts::SharesView>(200, "Totals and a page of shares."),
        get("/v1/sales", Member, payouts::sales)
            .summary("Every ended vote that one was in: what was sold, one's ballot, one's data, one's money")
            .description(
                "Newest first, in plain words and in values, votes in pools that one has left included. Where there is no money, it \
                 says why.",
            )
            .query::<PageQuery>()
            .answers_page::<payouts::OwnSaleView>("A page of what became of the votes."),
        get("/v1/payouts", Member, payouts::statements)
            .summary("One's own shares, newest first")
            .query::<PageQuery>()
            .answers_page::<payouts::StatementView>("A page of statements."),
    ]
}

/// What a buyer gets.
pub fn about_licences() -> Vec<Operation> {
    vec![
        get("/v1/licences", Caller, purchases::list_licences)
            .summary("List licences: a buyer its organisation's, an operator all")
            .query::<PageQuery>()
            .answers_page::<purchases::LicenceSummary>("A page of licences, newest first.")
            .errors(&[Forbidden]),
        get("/v1/licences/{id}", Caller, purchases::read_licence)
            .summary("One licence with its terms")
            .answers::<purchases::LicenceView>(200, "The licence.")
            .errors(&[Forbidden]),
        get("/v1/licences/{id}/agreement", Caller, agreements::read)
            .summary("What was agreed: as a page, a text, in ODRL, or all of it with its signature")
            .description(
                "Made once, when the licence is granted, and never changed. For the licence's holder and operators; the terms in it are \
                 those that members see in their vote. `refrain verify` checks the JSON form without a server.",
            )
            .answers::<agreements::Bundle>(200, "The agreement.")
            .answers_file(200, "The agreement.", "text/html")
            .answers_file(200, "The agreement.", "text/plain")
            .answers_file(200, "The agreement.", "application/ld+json")
            .answers_file(200, "The agreement.", "application/jose")
            .errors(&[Forbidden, MalformedRequest, NotAcceptable]),
        get("/v1/licences/{id}/agreement.html", Caller, agreements::page)
            .summary("What was agreed, as a page to read and print")
            .answers_file(200, "The page.", "text/html")
            .unchanged()
            .errors(&[Forbidden]),
        get("/v1/licences/{id}/agreement.txt", Caller, agreements::text)
            .summary("What was agreed, as a plain text")
            .answers_file(200, "The text.", "text/plain")
            .unchanged()
            .errors(&[Forbidden]),
        get("/v1/licences/{id}/agreement.jsonld", Caller, agreements::odrl)
            .summary("What was agreed, in the words of ODRL 2.2")
            .answers_file(200, "The ODRL Agreement.", "application/ld+json")
            .unchanged()
            .errors(&[Forbidden]),
        get("/v1/licences/{id}/agreement.json", Caller, agreements::bundle)
            .summary("What was agreed, signed: documents, terms, statement and signature, for `refrain verify`")
            .answers::<agreements::Bundle>(200, "All that belongs to the agreement.")
            .errors(&[Forbidden]),
        get("/v1/licences/{id}/agreement.jws", Caller, agreements::signature)
            .summary("The detached signature (JWS) of the agreement's statement, which stands in agreement.json")
            .answers_file(200, "The signature.", "application/jose")
            .unchanged()
            .errors(&[Forbidden]),
        post("/v1/licences/{id}/revoke", Operator, purchases::revoke)
            .summary("Revoke a licence on a ground of its terms, after their notice")
            .takes::<purchases::Revoke>()
            .answers::<purchases::LicenceView>(200, "The licence.")
            .errors(&[Conflict]),
        post("/v1/licences/{id}/withdraw-notice", Operator, purchases::withdraw_notice)
            .summary("Keep a licence whose holder has mended the breach in time")
            .takes::<purchases::WithdrawNotice>()
            .answers::<purchases::LicenceView>(200, "The licence.")
            .errors(&[Conflict]),
        post("/v1/licences/{id}/cancel", Operator, purchases::cancel)
            .summary("Give up a licence whose edition cannot be drawn; all of the price goes back")
            .takes::<purchases::Cancel>()
            .answers::<purchases::LicenceView>(200, "The licence, cancelled.")
            .errors(&[Conflict]),
        get("/v1/licences/{id}/files", Buyer, downloads::list)
            .summary("The files of a licence, with sizes and digests")
            .answers::<downloads::FilesView>(200, "The files.")
            .errors(&[LicencePreparing, LicenceRevoked, LicenceExpired, LicenceCancelled, EditionRecalled]),
        get("/v1/licences/{id}/files/{name}", Buyer, downloads::file)
            .summary("Download a file, whole or in part, as often as needed")
            .answers_file(200, "The whole file.", "application/octet-stream")
            .answers_file(206, "The range asked for.", "application/octet-stream")
            .unchanged()
            .errors(&[LicencePreparing, LicenceRevoked, LicenceExpired, LicenceCancelled, EditionRecalled])
            .errors(&[PreconditionFailed, RangeNotSatisfiable]),
        post("/v1/licences/{id}/links", Buyer, downloads::make_links)
            .summary("Make links to the files that carry their own signature, for tools without an account")
            .takes::<downloads::MakeLinks>()
            .answers::<downloads::LinksView>(200, "The links.")
            .errors(&[LicencePreparing, LicenceRevoked, LicenceExpired, LicenceCancelled, EditionRecalled]),
        get("/v1/licences/{id}/croissant.json", Buyer, downloads::croissant)
            .summary("A licensed edition in the words of Croissant, with signed links to its files")
            .description(
                "For tools that load a data set by such a document, such as `mlcroissant`. Whoever has it can read the files until its links \
                 end or are taken back, as with those of `POST /v1/licences/{id}/links`; what it says of them stands in its description.",
            )
            .query::<downloads::LinksQuery>()
            .answers_file(200, "The document, in JSON-LD.", "application/ld+json")
            .errors(&[LicencePreparing, LicenceRevoked, LicenceExpired, LicenceCancelled, EditionRecalled]),
        get("/v1/licences/{id}/grants", Buyer, downloads::grants)
            .summary("List what was given out of a licence, newest first")
            .query::<PageQuery>()
            .answers_page::<downloads::Grant>("A page of grants."),
        delete("/v1/grants/{id}", Buyer, downloads::revoke_grant)
            .summary("Take back links or a profile that were given out")
            .answers::<downloads::Grant>(200, "The grant, which opens nothing any more."),
        get("/v1/links/{id}/{name}", Anyone, downloads::by_link)
            .summary("Download a file by a signed link, whole or in part, as often as needed until it ends")
            .query::<LinkQuery>()
            .answers_file(200, "The whole file.", "application/octet-stream")
            .answers_file(206, "The range asked for.", "application/octet-stream")
            .answers_nothing(307, "Where the store of the files gives it out by itself, to a link of the store's own, good for a short time.")
            .unchanged()
            .errors(&[LinkRefused, LinkExpired, LicenceRevoked, LicenceExpired, LicenceCancelled, EditionRecalled])
            .errors(&[PreconditionFailed, RangeNotSatisfiable]),
        get("/v1/licences/{id}/profile.share", Buyer, delta_sharing::profile)
            .summary("The profile for tools that speak Delta Sharing: the same until it is taken back")
            .answers::<delta_sharing::ProfileView>(200, "The profile, to be saved as a file.")
            .errors(&[LicencePreparing, LicenceRevoked, LicenceExpired, LicenceCancelled, EditionRecalled]),
        get("/v1/licences/{id}/accesses", Caller, downloads::accesses)
            .summary("Who downloaded what under a licence, newest first")
            .query::<PageQuery>()
            .answers_page::<downloads::Access>("A page of the access log.")
            .errors(&[Forbidden]),
    ]
}

/// What licensees are told and given when an edition is not what it was, or its members go.
pub fn about_recalls() -> Vec<Operation> {
    vec![
        post("/v1/editions/{id}/recall", Operator, recalls::recall)
            .summary("Recall an edition: nothing of it is given out or sold any more")
            .description(
                "At once: every download is refused with `edition-recalled`, offers for the edition are called off with their votes, \
                 invoices for it lapse, the catalogue says that it was withdrawn, and everybody who has or had a licence on it is told \
                 by mail. Manifest and privacy report stay readable. With the remedy `replacement` a new edition is drawn from those in this one \
                 who are still members and consent: licences are `suspended` until it is there, move to it, and last longer by the time \
                 without files. It costs the pool's privacy budget; where that does not suffice (`budget-exhausted`) only a refund is possible. \
                 With the remedy `refund` licences end, and the part of the price for the rest of the term goes back, or all that the terms state for an \
                 edition that is not what they promise, where the ground is `error`. Members keep their shares.",
            )
            .takes::<recalls::NewRecall>()
            .answers::<recalls::RecallDone>(200, "The recall, and how many it touches.")
            .errors(&[Conflict, BudgetExhausted, NotDeliverable]),
        post("/v1/editions/{id}/give-up-replacement", Operator, recalls::give_up_replacement)
            .summary("Give up the replacement of a recalled edition: licensees get their refund instead")
            .takes::<recalls::GiveUpReplacement>()
            .answers::<recalls::RecallDone>(200, "The recall, and how many licences have ended.")
            .errors(&[Conflict]),
        get("/v1/licences/{id}/notices", Caller, leavers::list)
            .summary("How many members of the licensed edition have left, a notice for each quarter")
            .description(
                "After each quarter (UTC) whoever holds a licence is told by mail, once for all licences, how many of the members in the edition \
                 have left since it was drawn. Numbers are rounded down to tens, and below ten nothing tells one from none, so that they \
                 point to nobody.",
            )
            .query::<PageQuery>()
            .answers_page::<leavers::LeaversNoticeView>("A page of notices, newest first.")
            .errors(&[Forbidden]),
    ]
}

/// Licensed tables for tools that read them by themselves. They show the token of a profile, and no account's.
pub fn about_delta_sharing() -> Vec<Operation> {
    let operations = vec![
        get("/delta-sharing/shares", Anyone, delta_sharing::shares)
            .summary("Delta Sharing: list the share of the profile's licence")
            .query::<delta_sharing::ListQuery>()
            .answers_file(200, "The list, in one line.", "application/json"),
        get("/delta-sharing/shares/{share}", Anyone, delta_sharing::share)
            .summary("Delta Sharing: one share")
            .answers_file(200, "The share.", "application/json"),
        get("/delta-sharing/shares/{share}/schemas", Anyone, delta_sharing::schemas)
            .summary("Delta Sharing: list the schema of a share")
            .query::<delta_sharing::ListQuery>()
            .answers_file(200, "The list, in one line.", "application/json"),
        get("/delta-sharing/shares/{share}/schemas/{schema}/tables", Anyone, delta_sharing::tables)
            .summary("Delta Sharing: list the tables of a schema")
            .query::<delta_sharing::ListQuery>()
            .answers_file(200, "The list, in one line.", "application/json"),
        get("/delta-sharing/shares/{share}/all-tables", Anyone, delta_sharing::all_tables)
            .summary("Delta Sharing: list the tables of a share")
            .query::<delta_sharing::ListQuery>()
            .answers_file(200, "The list, in one line.", "application/json"),
        get("/delta-sharing/shares/{share}/schemas/{schema}/tables/{table}/version", Anyone, delta_sharing::version)
            .summary("Delta Sharing: the version of a table, in a header")
            .query::<delta_sharing::SinceQuery>()
            .answers_nothing(200, "The header Delta-Table-Version holds the edition's number."),
        get("/delta-sharing/shares/{share}/schemas/{schema}/tables/{table}/metadata", Anyone, delta_sharing::metadata)
            .summary("Delta Sharing: the columns of a table")
            .query::<delta_sharing::VersionQuery>()
            .answers_file(200, "The protocol's version and the columns, a line each.", "application/x-ndjson"),
        post("/delta-sharing/shares/{share}/schemas/{schema}/tables/{table}/query", Anyone, delta_sharing::read)
            .summary("Delta Sharing: read a table: a signed link to its file")
            .answers_file(200, "The same, and a line for the file.", "application/x-ndjson"),
    ];
    let refused = [
        NotAuthenticated,
        LinkRefused,
        LicenceRevoked,
        LicenceExpired,
        LicenceCancelled,
        EditionRecalled,
        MalformedRequest,
    ];
    operations.into_iter().map(|operation| operation.errors(&refused)).collect()
}
