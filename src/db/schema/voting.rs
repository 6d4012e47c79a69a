//! Votes, their electors, ballots and logs.

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
