//! The ONE list of the API: method and path, who may call it, the handler, what it takes and answers.
//!
//! Fixed segments stand before variable ones. Errors that follow from an operation's shape (401, 403, 404,
//! 405, 413, 422 …) are not repeated here; see [`Operation::errors`].

mod sales;
mod webhooks;

use super::operation::{Access::*, Operation, delete, get, patch, post, put};
use super::{operating, service};
use crate::error::Code::*;
use crate::page::PageQuery;
use crate::{accounts::routes as accounts, datasets::routes as datasets, erasure::routes as erasure};
use crate::{histories::routes as histories, pools::routes as pools};

/// Every operation.
pub fn operations() -> Vec<Operation> {
    [
        about_the_server(),
        about_accounts(),
        about_own_account(),
        about_organisations(),
        about_pools(),
        about_histories(),
        about_recipes_and_listings(),
        about_the_catalogue(),
        sales::about_offers(),
        sales::about_counter_offers(),
        sales::about_votes(),
        sales::about_questions(),
        sales::about_purchases(),
        sales::about_licences(),
        sales::about_recalls(),
        sales::about_delta_sharing(),
        webhooks::about_webhooks(),
        about_operating(),
    ]
    .concat()
}

fn about_the_server() -> Vec<Operation> {
    vec![
        get("/", Anyone, service::front).summary("The way to the page for people").answers_nothing(303, "To /docs."),
        get("/healthz", Anyone, service::alive)
            .summary("Is the server alive?")
            .answers::<service::Health>(200, "It runs and answers."),
        get("/readyz", Anyone, service::ready)
            .summary("Can the server take requests?")
            .answers::<service::Health>(200, "It reaches its database and is not stopping."),
        get("/openapi.json", Anyone, service::openapi).summary("This API as an OpenAPI 3.1 document").answers_file(
            200,
            "The document.",
            "application/json",
        ),
        page(get("/docs", Anyone, service::docs).summary("This API as a page for people")),
        page(get("/docs/problems", Anyone, service::problems).summary("Every kind of problem, for people")),
    ]
}

fn about_accounts() -> Vec<Operation> {
    vec![
        get("/.well-known/jwks.json", Anyone, accounts::jwks)
            .summary("The public keys of access tokens")
            .description("A JSON Web Key Set (RFC 7517) with the Ed25519 keys that are in force.")
            .answers_file(200, "The keys.", "application/json"),
        get("/v1/signing-key", Anyone, service::signing_key)
            .summary("The public key by which logs of votes are checked")
            .answers::<service::SigningKey>(200, "The key."),
        page(get("/account", Anyone, accounts::page).summary("The page that the links in mails lead to")),
        get("/account.js", Anyone, accounts::script).summary("What that page runs").answers_file(
            200,
            "The script.",
            "text/javascript",
        ),
        post("/v1/organisations", Anyone, accounts::organisation)
            .summary("Register a buyer organisation and its first account")
            .description("An operator reads the profile before the organisation may make offers.")
            .takes::<accounts::NewOrganisation>()
            .answers::<accounts::RegisteredView>(201, "The account with its first session.")
            .errors(&[EmailTaken, TooManyRequests]),
        post("/v1/members", Anyone, accounts::member)
            .summary("Register as a member")
            .takes::<accounts::NewMember>()
            .answers::<accounts::RegisteredView>(201, "The account with its first session.")
            .errors(&[EmailTaken, TooManyRequests]),
        post("/v1/sessions", Anyone, accounts::log_in)
            .summary("Log in")
            .takes::<accounts::Login>()
            .answers::<accounts::SessionView>(201, "The session's tokens, shown once.")
            .errors(&[InvalidCredentials, TooManyRequests]),
        delete("/v1/sessions", Caller, accounts::log_out_everywhere)
            .summary("Log out everywhere")
            .answers_nothing(204, "Every session of the account has ended."),
        post("/v1/sessions/refresh", Anyone, accounts::refresh)
            .summary("Exchange a refresh token for new tokens")
            .description("Each refresh token is good for one exchange; shown a second time, it ends the whole session.")
            .takes::<accounts::Refresh>()
            .answers::<accounts::SessionView>(200, "New tokens, shown once.")
            .errors(&[InvalidRefreshToken]),
        delete("/v1/sessions/current", Caller, accounts::log_out)
            .summary("Log out")
            .answers_nothing(204, "The session has ended."),
        post("/v1/email-verifications", Caller, accounts::ask_verification)
            .summary("Ask for another mail to verify one's address")
            .answers_nothing(202, "A mail is on its way, if the address is not verified yet.")
            .errors(&[TooManyRequests]),
        put("/v1/email-verifications", Anyone, accounts::verify_email)
            .summary("Verify an e-mail address with the token of a mail")
            .takes::<accounts::Verification>()
            .answers_nothing(204, "The address is verified.")
            .errors(&[LinkInvalid]),
        post("/v1/password-resets", Anyone, accounts::ask_reset)
            .summary("Ask for a mail to set a new password")
            .description("The answer is the same whether or not there is such an account.")
            .takes::<accounts::ResetRequest>()
            .answers_nothing(202, "A mail is on its way, if there is such an account.")
            .errors(&[TooManyRequests]),
        put("/v1/password-resets", Anyone, accounts::reset_password)
            .summary("Set a new password with the token of a mail")
            .takes::<accounts::Reset>()
            .answers_nothing(204, "The password is set, and every session has ended.")
            .errors(&[LinkInvalid]),
    ]
}

fn about_own_account() -> Vec<Operation> {
    vec![
        get("/v1/me", Caller, accounts::me)
            .summary("One's own account")
            .answers::<accounts::MeView>(200, "The account, with its organisation if it is a buyer."),
        put("/v1/me/vote-mails", Member, accounts::set_vote_mails)
            .summary("Set which mails about votes one wants: all, or reminders only")
            .description(
                "With `reminders_only` no mail comes when a vote opens, when its deadline is moved and when it has ended; only the \
                 reminders do, as long as one has not voted. A vote of a day or less has no reminders, and its opening is told to \
                 everybody. It is about mails alone: nobody votes by a setting.",
            )
            .takes::<accounts::VoteMailsChange>()
            .answers::<accounts::MeView>(200, "The account."),
        put("/v1/me/password", Caller, accounts::change_password)
            .summary("Change one's password")
            .takes::<accounts::PasswordChange>()
            .answers::<accounts::SessionView>(200, "A new session; all others have ended.")
            .errors(&[InvalidCredentials, TooManyRequests]),
        put("/v1/accounts/{id}/state", Operator, accounts::set_account_state)
            .summary("Disable an account, or let it in again")
            .takes::<accounts::AccountStateChange>()
            .answers::<accounts::AccountView>(200, "The account.")
            .errors(&[Conflict]),
    ]
}

fn about_organisations() -> Vec<Operation> {
    vec![
        get("/v1/organisations", Operator, accounts::list)
            .summary("List buyer organisations, newest first")
            .query::<accounts::OrganisationsQuery>()
            .answers_page::<accounts::OrganisationView>("A page of organisations."),
        get("/v1/organisations/{id}", Caller, accounts::read)
            .summary("One organisation: an operator any, a buyer its own")
            .answers::<accounts::ApplicantView>(200, "The organisation and its accounts."),
        put("/v1/organisations/{id}", Buyer, accounts::hand_in)
            .summary("Hand in a profile again, after it was returned or refused")
            .takes::<accounts::Profile>()
            .answers::<accounts::ApplicantView>(200, "The organisation, pending again.")
            .errors(&[Conflict]),
        post("/v1/organisations/{id}/decisions", Operator, accounts::decide)
            .summary("Approve an organisation, return it for changes, or refuse it")
            .takes::<accounts::Decision>()
            .answers::<accounts::ApplicantView>(200, "The organisation as decided.")
            .errors(&[Conflict]),
        put("/v1/organisations/{id}/credit-limit", Operator, accounts::set_credit_limit)
            .summary("Set what an organisation may owe at most")
            .takes::<accounts::CreditLimit>()
            .answers::<accounts::ApplicantView>(200, "The organisation.")
            .errors(&[Conflict]),
    ]
}

fn about_pools() -> Vec<Operation> {
    vec![
        get("/v1/pools", Anyone, pools::list)
            .summary("List the pools")
            .query::<PageQuery>()
            .answers_page::<pools::PoolView>("A page of pools."),
        post("/v1/pools", Operator, pools::create)
            .summary("Make a pool")
            .takes::<pools::NewPool>()
            .answers::<pools::PoolView>(201, "The pool.")
            .located()
            .errors(&[Conflict]),
        get("/v1/pools/{id}", Anyone, pools::read)
            .summary("One pool: rules, members, privacy budget, consent text")
            .answers::<pools::PoolView>(200, "The pool."),
        patch("/v1/pools/{id}", Operator, pools::change)
            .summary("Change a pool's settings; open votes keep theirs")
            .takes::<pools::PoolChange>()
            .answers::<pools::PoolView>(200, "The pool.")
            .errors(&[Conflict]),
        get("/v1/pools/{id}/budget", Anyone, datasets::spending)
            .summary("What a pool's privacy budget was set aside for or spent on")
            .query::<PageQuery>()
            .answers_page::<datasets::SpendingView>("A page of entries, newest first."),
        get("/v1/pools/{id}/consent-texts", Anyone, pools::texts)
            .summary("Every version of a pool's consent text")
            .answers_page::<pools::ConsentTextView>("All of them, newest first."),
        post("/v1/pools/{id}/consent-texts", Operator, pools::publish_text)
            .summary("Publish a new version of a pool's consent text")
            .takes::<pools::NewConsentText>()
            .answers::<pools::ConsentTextView>(201, "The new version."),
        get("/v1/memberships", Member, pools::own_all)
            .summary("One's own memberships")
            .answers_page::<pools::MembershipView>("All of them."),
        get("/v1/pools/{id}/membership", Member, pools::own)
            .summary("One's own membership in a pool")
            .answers::<pools::MembershipView>(200, "The membership with its consents."),
        post("/v1/pools/{id}/membership", Member, pools::join)
            .summary("Join a pool, consenting to some or all of its purposes")
            .takes::<pools::Join>()
            .answers::<pools::MembershipView>(201, "The membership.")
            .errors(&[Conflict]),
        delete("/v1/pools/{id}/membership", Member, erasure::leave_pool)
            .summary("Leave a pool; out of the last one, the plays are erased")
            .answers::<erasure::LeavingPool>(202, "The membership, ended, and what happens to the plays."),
        put("/v1/pools/{id}/membership/consents/{purpose}", Member, pools::give_consent)
            .summary("Consent to a purpose")
            .takes::<pools::GiveConsent>()
            .answers::<pools::MembershipView>(200, "The membership with its consents.")
            .errors(&[Conflict]),
        delete("/v1/pools/{id}/membership/consents/{purpose}", Member, erasure::withdraw_consent)
            .summary("Take a consent back; your ballots in open votes about it do not count any more")
            .answers::<pools::MembershipView>(200, "The membership with its consents."),
    ]
}

fn about_recipes_and_listings() -> Vec<Operation> {
    vec![
        get("/v1/recipes", Operator, datasets::list_recipes)
            .summary("List recipes, newest first")
            .query::<datasets::RecipesQuery>()
            .answers_page::<datasets::RecipeView>("A page of recipes."),
        post("/v1/recipes", Operator, datasets::create_recipe)
            .summary("Keep a recipe, as a new version of its name")
            .takes::<datasets::NewRecipe>()
            .answers::<datasets::RecipeView>(201, "The recipe, explained.")
            .located()
            .errors(&[NotFound, Conflict]),
        get("/v1/recipe-kinds", Anyone, datasets::kinds)
            .summary("The recipes that are made ready, each with what it is good for")
            .answers::<datasets::RecipeKindsView>(200, "Nine kinds with their usual parameters."),
        get("/v1/recipes/{id}", Operator, datasets::read_recipe)
            .summary("One recipe, explained")
            .answers::<datasets::RecipeView>(200, "The recipe."),
        get("/v1/recipes/{id}/quote", Operator, datasets::quote)
            .summary("What a recipe will give, without looking at data")
            .query::<datasets::QuoteQuery>()
            .answers::<datasets::AccuracySheet>(200, "Noise, error bars, threshold, epsilon, likely rows."),
        get("/v1/listings", Operator, datasets::list)
            .summary("Every listing, drafts and unlisted ones included")
            .query::<datasets::ListingsQuery>()
            .answers_page::<datasets::Listing>("A page of listings."),
        post("/v1/datasets", Operator, datasets::create)
            .summary("Write a listing, as a draft")
            .takes::<datasets::NewDataset>()
            .answers::<datasets::Listing>(201, "The draft.")
            .located()
            .errors(&[NotFound, PriceBelowFloor]),
        patch("/v1/datasets/{id}", Operator, datasets::edit)
            .summary("Change a draft")
            .takes::<datasets::DatasetChanges>()
            .answers::<datasets::Listing>(200, "The draft.")
            .errors(&[Conflict, PriceBelowFloor]),
        post("/v1/datasets/{id}/publish", Operator, datasets::publish)
            .summary("List a draft; its purposes are fixed from then on")
            .answers::<datasets::Listing>(200, "The listing.")
            .errors(&[Conflict, Invalid, PriceBelowFloor]),
        post("/v1/datasets/{id}/unlist", Operator, datasets::unlist)
            .summary("Take a listing out of the catalogue")
            .takes::<datasets::Unlisting>()
            .answers::<datasets::Listing>(200, "The listing.")
            .errors(&[Conflict]),
    ]
}

fn about_the_catalogue() -> Vec<Operation> {
    vec![
        get("/v1/datasets", Anyone, datasets::catalogue)
            .summary("Browse and search the catalogue")
            .query::<datasets::CatalogueQuery>()
            .answers::<datasets::CatalogueView>(200, "A page of listings with facets."),
        get("/v1/datasets/{id}", Anyone, datasets::dataset)
            .summary("One dataset, with everything that a buyer wants to know")
            .description("As JSON, as a page, or in the words of DCAT or Croissant, by what `Accept` likes best.")
            .answers::<datasets::DatasetView>(200, "The dataset.")
            .answers_file(200, "The dataset.", "application/ld+json")
            .answers_file(200, "The dataset.", "text/html")
            .errors(&[NotAuthenticated, MalformedRequest, NotAcceptable]),
        page(get("/v1/datasets/{id}/page.html", Anyone, datasets::page).summary("One dataset as a page for people"))
            .unchanged()
            .errors(&[NotAuthenticated]),
        get("/v1/datasets/{id}/dictionary", Anyone, datasets::dictionary)
            .summary("What the columns mean")
            .answers::<datasets::DictionaryView>(200, "The data dictionary.")
            .errors(&[NotAuthenticated]),
        get("/v1/datasets/{id}/accuracy", Anyone, datasets::accuracy)
            .summary("What an edition will give, without looking at data")
            .answers::<datasets::AccuracySheet>(200, "The accuracy sheet.")
            .errors(&[NotAuthenticated]),
        get("/v1/datasets/{id}/twin.parquet", Anyone, datasets::twin_parquet)
            .summary("A made-up file of the same shape, as Parquet")
            .answers_file(200, "The synthetic twin.", "application/vnd.apache.parquet")
            .unchanged()
            .errors(&[NotAuthenticated]),
        get("/v1/catalogue.jsonld", Anyone, datasets::linked_catalogue)
            .summary("The catalogue in the words of DCAT 3, page by page")
            .query::<PageQuery>()
            .answers_file(200, "A page of the catalogue, in JSON-LD.", "application/ld+json")
            .unchanged(),
        get("/v1/datasets/{id}/dcat.jsonld", Anyone, datasets::dcat)
            .summary("A listing in the words of DCAT 3, with its terms in those of ODRL 2.2")
            .answers_file(200, "The document, in JSON-LD.", "application/ld+json")
            .unchanged()
            .errors(&[NotAuthenticated]),
        get("/v1/datasets/{id}/croissant.json", Anyone, datasets::croissant)
            .summary("A listing in the words of Croissant, with the synthetic twin as its file")
            .answers_file(200, "The document, in JSON-LD.", "application/ld+json")
            .unchanged()
            .errors(&[NotAuthenticated]),
        get("/v1/datasets/{id}/twin.csv", Anyone, datasets::twin_csv)
            .summary("A made-up file of the same shape, as CSV")
            .answers_file(200, "The synthetic twin.", "text/csv")
            .unchanged()
            .errors(&[NotAuthenticated]),
        get("/v1/editions/{id}", Caller, datasets::edition)
            .summary("One edition, for operators and those licensed to it")
            .answers::<datasets::EditionView>(200, "The edition, with the stage it is in, and for operators how far that is."),
        get("/v1/editions/{id}/manifest", Caller, datasets::manifest)
            .summary("The manifest of an edition, for operators and those licensed to it")
            .answers::<datasets::EditionManifest>(200, "Parameters, error bars, files and digests."),
        get("/v1/editions/{id}/privacy-report", Anyone, datasets::privacy_report)
            .summary("What protects the members of an edition, and what came out, for people")
            .answers_file(200, "The privacy report of a published edition.", "text/plain"),
        post("/v1/editions/{id}/stop-draw", Operator, datasets::stop_draw)
            .summary("Stop the drawing of an edition until its job is started again")
            .description(
                "Within about a second the work is dropped, wherever it runs; nothing of it is published. The job is set aside, \
                 the privacy budget stays reserved; `POST /v1/jobs/{id}/retry` has it drawn after all.",
            )
            .takes::<datasets::StopDraw>()
            .answers::<datasets::EditionView>(200, "The edition, stopped.")
            .errors(&[Conflict]),
    ]
}

fn about_histories() -> Vec<Operation> {
    vec![
        get("/v1/histories", Member, histories::list_own)
            .summary("One's own histories, newest first")
            .query::<PageQuery>()
            .answers_page::<histories::HistoryView>("A page of histories."),
        post("/v1/histories", Member, histories::upload)
            .summary("Upload an export as it was downloaded")
            .description("The zip itself, or a form in which one part has a file name; read in the background: poll the Location.")
            .takes_file("application/zip")
            .takes_file("application/octet-stream")
            .takes_form()
            .answers::<histories::HistoryView>(202, "The history, being read.")
            .located()
            .errors(&[NotAZip, UnsafeArchive, NothingUsable, UploadTooSlow, Conflict]),
        get("/v1/histories/{id}", Member, histories::own)
            .summary("One history: is it read, what was kept, what was dropped and why")
            .answers::<histories::HistoryView>(200, "The history with its report, or the problem with it."),
        get("/v1/held-histories", Operator, histories::list_held)
            .summary("Histories that wait for an operator")
            .query::<PageQuery>()
            .answers_page::<histories::HeldHistoryView>("A page of held histories."),
        post("/v1/held-histories/{id}/release", Operator, histories::release)
            .summary("Accept a held history")
            .takes::<histories::Decision>()
            .answers::<histories::HeldHistoryView>(200, "The history, accepted.")
            .errors(&[Conflict]),
        post("/v1/held-histories/{id}/reject", Operator, histories::reject)
            .summary("Refuse a held history; its plays are deleted")
            .takes::<histories::Decision>()
            .answers::<histories::HeldHistoryView>(200, "The history, refused.")
            .errors(&[Conflict]),
        delete("/v1/me", Member, erasure::leave)
            .summary("Leave for good: the account is closed and the plays are erased everywhere")
            .answers::<erasure::Leaving>(202, "What is erased, and what stays."),
        get("/v1/erasures/{id}", Anyone, erasure::read)
            .summary("How far the erasure of somebody's plays is, for whoever holds its receipt")
            .answers::<erasure::ErasureView>(200, "The receipt."),
    ]
}

fn about_operating() -> Vec<Operation> {
    vec![
        get("/v1/jobs", Operator, operating::jobs)
            .summary("Background jobs, newest first")
            .query::<operating::JobsQuery>()
            .answers_page::<operating::JobView>("A page of jobs."),
        post("/v1/jobs/{id}/retry", Operator, operating::retry)
            .summary("Start a job again that was set aside")
            .answers_nothing(204, "It is due now.")
            .errors(&[Conflict]),
        get("/v1/audit-log", Operator, operating::audit_log)
            .summary("Who did what, and why, newest first")
            .query::<PageQuery>()
            .answers_page::<crate::audit::Entry>("A page of the audit log."),
    ]
}

/// A page for people.
fn page(operation: Operation) -> Operation {
    operation.answers_file(200, "The page.", "text/html")
}
