//! Offers, purchases, licences, and the money.

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
