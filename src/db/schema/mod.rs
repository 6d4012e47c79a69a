//! The tables as diesel sees them, the same for both backends.

#![allow(missing_docs)] // the columns are documented where they are made, in migrations/

mod listening;
mod people;
mod running;
mod sales;
mod voting;

pub use listening::*;
pub use people::*;
pub use running::*;
pub use sales::*;
pub use voting::*;

diesel::joinable!(accounts -> organisations (organisation_id));
diesel::joinable!(sessions -> accounts (account_id));
diesel::joinable!(refresh_tokens -> sessions (session_id));
diesel::joinable!(email_tokens -> accounts (account_id));
diesel::joinable!(consent_texts -> pools (pool_id));
diesel::joinable!(memberships -> pools (pool_id));
diesel::joinable!(memberships -> accounts (member_id));
diesel::joinable!(consents -> memberships (membership_id));
diesel::joinable!(budget_entries -> pools (pool_id));
diesel::joinable!(histories -> accounts (member_id));
diesel::joinable!(plays_files -> accounts (member_id));
diesel::joinable!(recipes -> pools (pool_id));
diesel::joinable!(datasets -> pools (pool_id));
diesel::joinable!(datasets -> recipes (recipe_id));
diesel::joinable!(editions -> datasets (dataset_id));
diesel::joinable!(edition_members -> editions (edition_id));
diesel::joinable!(edition_members -> accounts (member_id));
diesel::joinable!(edition_files -> editions (edition_id));
diesel::joinable!(listing_texts -> datasets (dataset_id));
diesel::joinable!(votes -> pools (pool_id));
diesel::joinable!(electors -> votes (vote_id));
diesel::joinable!(electors -> accounts (member_id));
diesel::joinable!(offers -> datasets (dataset_id));
diesel::joinable!(offers -> pools (pool_id));
diesel::joinable!(offers -> organisations (organisation_id));
diesel::joinable!(offers -> accounts (placed_by));
diesel::joinable!(offers -> editions (edition_id));
diesel::joinable!(offers -> votes (vote_id));
diesel::joinable!(offer_events -> offers (offer_id));
diesel::joinable!(purchases -> offers (offer_id));
diesel::joinable!(purchases -> organisations (organisation_id));
diesel::joinable!(purchases -> pools (pool_id));
diesel::joinable!(licences -> purchases (purchase_id));
diesel::joinable!(licences -> offers (offer_id));
diesel::joinable!(licences -> organisations (organisation_id));
diesel::joinable!(licences -> datasets (dataset_id));
diesel::joinable!(licences -> editions (edition_id));
diesel::joinable!(agreements -> licences (licence_id));
diesel::joinable!(payouts -> purchases (purchase_id));
diesel::joinable!(payouts -> accounts (member_id));
diesel::joinable!(payouts -> transfers (transfer_id));
diesel::joinable!(downloads -> licences (licence_id));
diesel::joinable!(webhooks -> organisations (organisation_id));
diesel::joinable!(webhook_deliveries -> webhooks (webhook_id));
diesel::joinable!(webhook_attempts -> webhook_deliveries (delivery_id));

diesel::allow_tables_to_appear_in_same_query!(
    accounts,
    agreements,
    artist_lists,
    audit_log,
    budget_entries,
    consent_texts,
    consents,
    counters,
    datasets,
    downloads,
    edition_files,
    edition_members,
    editions,
    electors,
    email_tokens,
    erasures,
    files_to_delete,
    grants,
    histories,
    idempotency_keys,
    jobs,
    leavers_notices,
    ledger_accounts,
    licences,
    listing_texts,
    memberships,
    offer_events,
    offer_holds,
    offers,
    organisations,
    outbox,
    payouts,
    plays_files,
    plays_shards,
    pools,
    purchases,
    recalls,
    recipes,
    refresh_tokens,
    sessions,
    tombstones,
    transfers,
    versions,
    vote_bundles,
    vote_leaves,
    vote_log_tiles,
    vote_purposes,
    vote_questions,
    votes,
    webhook_attempts,
    webhook_deliveries,
    webhooks,
);
