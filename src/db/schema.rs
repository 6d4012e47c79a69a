//! The tables as diesel sees them, the same for both backends.

#![allow(missing_docs)] // the columns are documented where they are made, in migrations/

diesel::table! {
    organisations (id) {
        id -> Text,
        legal_name -> Text,
        country -> Text,
        website -> Text,
        purpose -> Text,
        address -> Text,
        tax_id -> Text,
        state -> Text,
        decision_reason -> Nullable<Text>,
        decided_by -> Nullable<Text>,
        decided_at -> Nullable<Timestamp>,
        may_reapply_at -> Nullable<Timestamp>,
        credit_limit_minor -> BigInt,
        created_at -> Timestamp,
        updated_at -> Timestamp,
    }
}

diesel::table! {
    accounts (id) {
        id -> Text,
        role -> Text,
        email -> Text,
        email_verified_at -> Nullable<Timestamp>,
        password_hash -> Text,
        organisation_id -> Nullable<Text>,
        state -> Text,
        created_at -> Timestamp,
        updated_at -> Timestamp,
        vote_mails -> Text,
    }
}

diesel::table! {
    sessions (id) {
        id -> Text,
        account_id -> Text,
        created_at -> Timestamp,
        expires_at -> Timestamp,
        revoked_at -> Nullable<Timestamp>,
        revoked_reason -> Nullable<Text>,
    }
}

diesel::table! {
    refresh_tokens (token_hash) {
        token_hash -> Text,
        session_id -> Text,
        issued_at -> Timestamp,
        used_at -> Nullable<Timestamp>,
    }
}

diesel::table! {
    email_tokens (token_hash) {
        token_hash -> Text,
        account_id -> Text,
        purpose -> Text,
        expires_at -> Timestamp,
        used_at -> Nullable<Timestamp>,
    }
}

diesel::table! {
    tombstones (tag) {
        tag -> Text,
        kind -> Text,
        left_at -> Timestamp,
    }
}

diesel::table! {
    pools (id) {
        id -> Text,
        name -> Text,
        description -> Text,
        contact_email -> Text,
        tax_note -> Text,
        currency -> Text,
        fee_bp -> Integer,
        tax_bp -> Integer,
        price_floor_minor -> BigInt,
        payment_days -> Integer,
        quorum_bp -> Integer,
        threshold_numerator -> Integer,
        threshold_denominator -> Integer,
        voting_period_s -> BigInt,
        cool_off_s -> BigInt,
        open_votes_max -> Integer,
        rho_cap_nano -> BigInt,
        rho_committed_nano -> BigInt,
        delta_cap_pico -> BigInt,
        delta_committed_pico -> BigInt,
        membership_version -> BigInt,
        invoices_issued -> BigInt,
        late_quorum_s -> BigInt,
        final_ballots -> Bool,
        split -> Text,
        burst_bp -> Integer,
        burst_window_s -> BigInt,
        created_at -> Timestamp,
        updated_at -> Timestamp,
    }
}

diesel::table! {
    consent_texts (pool_id, version) {
        pool_id -> Text,
        version -> Integer,
        body -> Text,
        purposes_json -> Text,
        created_at -> Timestamp,
    }
}

diesel::table! {
    memberships (id) {
        id -> Text,
        pool_id -> Text,
        member_id -> Text,
        state -> Text,
        joined_at -> Timestamp,
        left_at -> Nullable<Timestamp>,
    }
}

diesel::table! {
    consents (id) {
        id -> Text,
        membership_id -> Text,
        purpose -> Text,
        text_version -> Integer,
        given_at -> Timestamp,
        withdrawn_at -> Nullable<Timestamp>,
    }
}

diesel::table! {
    budget_entries (id) {
        id -> Text,
        pool_id -> Text,
        subject_id -> Text,
        rho_nano -> BigInt,
        delta_pico -> BigInt,
        state -> Text,
        reserved_at -> Timestamp,
        resolved_at -> Nullable<Timestamp>,
        edition_id -> Nullable<Text>,
    }
}

diesel::table! {
    files_to_delete (object_key) {
        object_key -> Text,
        due_at -> Timestamp,
    }
}

diesel::table! {
    erasures (id) {
        id -> Text,
        state -> Text,
        account_id -> Nullable<Text>,
        shard -> Nullable<Integer>,
        requested_at -> Timestamp,
        finished_at -> Nullable<Timestamp>,
    }
}

diesel::table! {
    histories (id) {
        id -> Text,
        member_id -> Text,
        state -> Text,
        fingerprint -> Nullable<Text>,
        source_kind -> Nullable<Text>,
        service -> Nullable<Text>,
        covers_from -> Nullable<Timestamp>,
        covers_to -> Nullable<Timestamp>,
        report_json -> Nullable<Text>,
        problem_code -> Nullable<Text>,
        problem_detail -> Nullable<Text>,
        staged_key -> Nullable<Text>,
        same_as -> Nullable<Text>,
        received_at -> Timestamp,
        finished_at -> Nullable<Timestamp>,
    }
}

diesel::table! {
    plays_files (member_id) {
        member_id -> Text,
        object_key -> Text,
        size_bytes -> BigInt,
        updated_at -> Timestamp,
        shard -> Nullable<Integer>,
    }
}

diesel::table! {
    plays_shards (object_key) {
        object_key -> Text,
        shard -> Integer,
        counts_key -> Text,
        size_bytes -> BigInt,
        counts_bytes -> BigInt,
        members -> Integer,
        created_at -> Timestamp,
    }
}

diesel::table! {
    recipes (id) {
        id -> Text,
        pool_id -> Text,
        name -> Text,
        version -> Integer,
        document_json -> Text,
        document_hash -> Text,
        rho_nano -> BigInt,
        delta_pico -> BigInt,
        created_at -> Timestamp,
    }
}

diesel::table! {
    datasets (id) {
        id -> Text,
        pool_id -> Text,
        recipe_id -> Text,
        title -> Text,
        description -> Text,
        keywords_json -> Text,
        purposes_json -> Text,
        licence_name -> Text,
        licence_text -> Text,
        price_floor_minor -> BigInt,
        rows_promised -> BigInt,
        state -> Text,
        exclusive_until -> Nullable<Timestamp>,
        listed_at -> Nullable<Timestamp>,
        created_at -> Timestamp,
        updated_at -> Timestamp,
    }
}

diesel::table! {
    listing_texts (number) {
        number -> BigInt,
        dataset_id -> Text,
        title -> Text,
        keywords -> Text,
        description -> Text,
        recipe -> Text,
    }
}

diesel::table! {
    editions (id) {
        id -> Text,
        dataset_id -> Text,
        number -> Integer,
        subject_id -> Text,
        state -> Text,
        stage -> Text,
        members -> BigInt,
        rows_given -> Nullable<BigInt>,
        manifest_json -> Nullable<Text>,
        preview_json -> Nullable<Text>,
        failure -> Nullable<Text>,
        created_at -> Timestamp,
        drawn_at -> Nullable<Timestamp>,
        published_at -> Nullable<Timestamp>,
        artists_sha256 -> Nullable<Text>,
        percent -> Nullable<Integer>,
        stopped_at -> Nullable<Timestamp>,
    }
}

diesel::table! {
    artist_lists (sha256) {
        sha256 -> Text,
        artists_json -> Text,
        created_at -> Timestamp,
    }
}

diesel::table! {
    edition_members (edition_id, member_id) {
        edition_id -> Text,
        member_id -> Text,
    }
}

diesel::table! {
    edition_files (edition_id, name) {
        edition_id -> Text,
        name -> Text,
        object_key -> Text,
        media_type -> Text,
        size_bytes -> BigInt,
        sha256 -> Text,
    }
}

diesel::table! {
    versions (name) {
        name -> Text,
        value -> BigInt,
    }
}

diesel::table! {
    votes (id) {
        id -> Text,
        pool_id -> Text,
        subject_text -> Text,
        terms_hash -> Text,
        state -> Text,
        electors -> BigInt,
        membership_version -> BigInt,
        quorum_bp -> Integer,
        threshold_numerator -> Integer,
        threshold_denominator -> Integer,
        voting_period_s -> BigInt,
        opens_at -> Nullable<Timestamp>,
        closes_at -> Nullable<Timestamp>,
        closed_at -> Nullable<Timestamp>,
        yes -> Nullable<BigInt>,
        no -> Nullable<BigInt>,
        abstain -> Nullable<BigInt>,
        reason -> Nullable<Text>,
        tag_key -> Nullable<Binary>,
        electorate_root -> Nullable<Binary>,
        log_size -> BigInt,
        log_frontier -> Nullable<Binary>,
        live_yes -> BigInt,
        live_no -> BigInt,
        live_abstain -> BigInt,
        late_quorum_s -> BigInt,
        final_ballots -> Bool,
        split -> Text,
        extended_to -> Nullable<Timestamp>,
        reminders_sent -> Integer,
        electors_settled -> Bool,
    }
}

diesel::table! {
    vote_bundles (vote_id) {
        vote_id -> Text,
        object_key -> Text,
        size_bytes -> BigInt,
        sha256 -> Text,
        made_at -> Timestamp,
    }
}

diesel::table! {
    vote_leaves (vote_id, log_index) {
        vote_id -> Text,
        log_index -> BigInt,
        tag -> Binary,
        sequence -> Integer,
        commitment -> Binary,
        leaf_hash -> Binary,
        choice -> Nullable<Text>,
        nonce -> Binary,
        cast_at -> Timestamp,
    }
}

diesel::table! {
    vote_log_tiles (vote_id, level, tile) {
        vote_id -> Text,
        level -> Integer,
        tile -> BigInt,
        hashes -> Binary,
        root -> Nullable<Binary>,
    }
}

diesel::table! {
    vote_questions (id) {
        id -> Text,
        vote_id -> Text,
        member_id -> Nullable<Text>,
        body -> Text,
        asked_at -> Timestamp,
        mail_due_at -> Timestamp,
        answer -> Nullable<Text>,
        answered_by -> Nullable<Text>,
        answered_at -> Nullable<Timestamp>,
        withheld_reason -> Nullable<Text>,
        withheld_at -> Nullable<Timestamp>,
    }
}

diesel::table! {
    vote_purposes (vote_id, purpose) {
        vote_id -> Text,
        purpose -> Text,
    }
}

diesel::table! {
    electors (vote_id, member_id) {
        vote_id -> Text,
        member_id -> Text,
        tag -> Nullable<Binary>,
        unsettled -> Bool,
        choice -> Nullable<Text>,
        cast_at -> Nullable<Timestamp>,
        log_index -> Nullable<BigInt>,
        casts -> Integer,
    }
}

diesel::table! {
    ledger_accounts (id) {
        id -> Text,
        kind -> Text,
        owner_id -> Text,
        currency -> Text,
        created_at -> Timestamp,
    }
}

diesel::table! {
    transfers (id) {
        id -> Text,
        debit_account_id -> Text,
        credit_account_id -> Text,
        amount_minor -> BigInt,
        kind -> Text,
        resolves_id -> Nullable<Text>,
        subject_id -> Text,
        memo -> Text,
        created_at -> Timestamp,
    }
}

diesel::table! {
    offers (id) {
        id -> Text,
        dataset_id -> Text,
        pool_id -> Text,
        organisation_id -> Text,
        placed_by -> Text,
        edition_id -> Nullable<Text>,
        state -> Text,
        price_minor -> BigInt,
        fee_minor -> BigInt,
        tax_minor -> BigInt,
        total_minor -> BigInt,
        currency -> Text,
        terms_json -> Text,
        terms_hash -> Text,
        message -> Text,
        vote_id -> Nullable<Text>,
        exclusive_until -> Nullable<Timestamp>,
        decision_by -> Timestamp,
        pay_by -> Nullable<Timestamp>,
        reason -> Nullable<Text>,
        created_at -> Timestamp,
        updated_at -> Timestamp,
        artist_list_sha256 -> Nullable<Text>,
    }
}

diesel::table! {
    counters (id) {
        id -> Text,
        offer_id -> Text,
        made_by -> Text,
        state -> Text,
        terms_json -> Text,
        message -> Text,
        answer_by -> Timestamp,
        made_at -> Timestamp,
        ended_at -> Nullable<Timestamp>,
        new_offer_id -> Nullable<Text>,
    }
}

diesel::table! {
    offer_events (id) {
        id -> Text,
        offer_id -> Text,
        state -> Text,
        detail -> Text,
        happened_at -> Timestamp,
        number -> Integer,
    }
}

diesel::table! {
    offer_holds (offer_id) {
        offer_id -> Text,
        joined -> BigInt,
        electors -> BigInt,
        held_at -> Timestamp,
        released_at -> Nullable<Timestamp>,
        release_reason -> Nullable<Text>,
    }
}

diesel::table! {
    purchases (id) {
        id -> Text,
        offer_id -> Text,
        organisation_id -> Text,
        pool_id -> Text,
        state -> Text,
        invoice_number -> Text,
        invoice_json -> Text,
        po_number -> Nullable<Text>,
        price_minor -> BigInt,
        fee_minor -> BigInt,
        tax_minor -> BigInt,
        currency -> Text,
        issued_at -> Timestamp,
        due_at -> Timestamp,
        settled_at -> Nullable<Timestamp>,
        settled_by -> Nullable<Text>,
        payment_reference -> Nullable<Text>,
    }
}

diesel::table! {
    licences (id) {
        id -> Text,
        purchase_id -> Text,
        offer_id -> Text,
        organisation_id -> Text,
        dataset_id -> Text,
        edition_id -> Nullable<Text>,
        state -> Text,
        terms_json -> Text,
        terms_hash -> Text,
        granted_at -> Timestamp,
        starts_at -> Nullable<Timestamp>,
        ends_at -> Nullable<Timestamp>,
        revoked_reason -> Nullable<Text>,
        ended_at -> Nullable<Timestamp>,
    }
}

diesel::table! {
    recalls (edition_id) {
        edition_id -> Text,
        ground -> Text,
        reason -> Text,
        state -> Text,
        replacement_id -> Nullable<Text>,
        recalled_by -> Text,
        recalled_at -> Timestamp,
        resolved_at -> Nullable<Timestamp>,
    }
}

diesel::table! {
    leavers_notices (id) {
        id -> Text,
        licence_id -> Text,
        edition_id -> Text,
        quarter -> Text,
        members -> BigInt,
        left_at_least -> BigInt,
        told_at -> Timestamp,
    }
}

diesel::table! {
    agreements (licence_id) {
        licence_id -> Text,
        made_at -> Timestamp,
        statement_json -> Text,
        signature -> Text,
        public_key -> Text,
        licence_text -> Text,
        html -> Text,
        jsonld -> Text,
        txt -> Text,
    }
}

diesel::table! {
    payouts (id) {
        id -> Text,
        purchase_id -> Text,
        member_id -> Text,
        amount_minor -> BigInt,
        currency -> Text,
        transfer_id -> Text,
        created_at -> Timestamp,
    }
}

diesel::table! {
    downloads (id) {
        id -> Text,
        licence_id -> Text,
        account_id -> Text,
        file_name -> Text,
        status -> Integer,
        range_asked -> Nullable<Text>,
        size_bytes -> BigInt,
        happened_at -> Timestamp,
        grant_id -> Nullable<Text>,
        window_at -> Nullable<Timestamp>,
    }
}

diesel::table! {
    grants (id) {
        id -> Text,
        licence_id -> Text,
        account_id -> Text,
        kind -> Text,
        created_at -> Timestamp,
        expires_at -> Nullable<Timestamp>,
        revoked_at -> Nullable<Timestamp>,
    }
}

diesel::table! {
    idempotency_keys (account_id, idempotency_key) {
        account_id -> Text,
        idempotency_key -> Text,
        request_hash -> Text,
        status -> Integer,
        body -> Text,
        created_at -> Timestamp,
    }
}

diesel::table! {
    outbox (id) {
        id -> Text,
        kind -> Text,
        payload_json -> Text,
        state -> Text,
        attempts -> Integer,
        due_at -> Timestamp,
        leased_until -> Nullable<Timestamp>,
        last_error -> Nullable<Text>,
        created_at -> Timestamp,
    }
}

diesel::table! {
    jobs (id) {
        id -> Text,
        kind -> Text,
        subject_id -> Text,
        state -> Text,
        attempts -> Integer,
        due_at -> Timestamp,
        leased_until -> Nullable<Timestamp>,
        lease_holder -> Nullable<Text>,
        last_error -> Nullable<Text>,
        created_at -> Timestamp,
        finished_at -> Nullable<Timestamp>,
        asked_again_at -> Nullable<Timestamp>,
    }
}

diesel::table! {
    audit_log (id) {
        id -> Text,
        actor_id -> Text,
        action -> Text,
        subject_id -> Text,
        reason -> Nullable<Text>,
        happened_at -> Timestamp,
    }
}

diesel::table! {
    webhooks (id) {
        id -> Text,
        organisation_id -> Text,
        url -> Text,
        description -> Text,
        events_json -> Text,
        state -> Text,
        paused_reason -> Nullable<Text>,
        sealed_secret -> Binary,
        old_sealed_secret -> Nullable<Binary>,
        old_secret_until -> Nullable<Timestamp>,
        busy_until -> Timestamp,
        warned_at -> Nullable<Timestamp>,
        created_at -> Timestamp,
        updated_at -> Timestamp,
    }
}

diesel::table! {
    webhook_deliveries (id) {
        id -> Text,
        webhook_id -> Text,
        event_id -> Text,
        event -> Text,
        body -> Text,
        state -> Text,
        tries -> Integer,
        round_tries -> Integer,
        due_at -> Timestamp,
        created_at -> Timestamp,
        finished_at -> Nullable<Timestamp>,
    }
}

diesel::table! {
    webhook_attempts (delivery_id, number) {
        delivery_id -> Text,
        number -> Integer,
        attempted_at -> Timestamp,
        took_ms -> BigInt,
        status -> Nullable<Integer>,
        error -> Nullable<Text>,
        answer -> Nullable<Text>,
    }
}

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
