//! Accounts and who they belong to, pools and their members.

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
    erasures (id) {
        id -> Text,
        state -> Text,
        account_id -> Nullable<Text>,
        shard -> Nullable<Integer>,
        requested_at -> Timestamp,
        finished_at -> Nullable<Timestamp>,
    }
}
