//! What members brought, and what is computed of it: histories, recipes, listings, editions.

diesel::table! {
    files_to_delete (object_key) {
        object_key -> Text,
        due_at -> Timestamp,
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
