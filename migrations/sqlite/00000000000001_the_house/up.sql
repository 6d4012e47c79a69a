-- Times are UTC. Money is in minor units. Ids are TypeIDs made by the server. JSON is text.

-- accounts ---------------------------------------------------------------------------------------

CREATE TABLE organisations (
    id TEXT NOT NULL PRIMARY KEY,
    legal_name TEXT NOT NULL,
    country TEXT NOT NULL,
    website TEXT NOT NULL,
    purpose TEXT NOT NULL,
    address TEXT NOT NULL,
    tax_id TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('pending', 'returned', 'approved', 'rejected')),
    decision_reason TEXT,
    decided_by TEXT,
    decided_at TIMESTAMP,
    may_reapply_at TIMESTAMP,
    credit_limit_minor BIGINT NOT NULL CHECK (credit_limit_minor >= 0),
    created_at TIMESTAMP NOT NULL,
    updated_at TIMESTAMP NOT NULL
);
CREATE INDEX organisations_by_state ON organisations (state, id);

CREATE TABLE accounts (
    id TEXT NOT NULL PRIMARY KEY,
    role TEXT NOT NULL CHECK (role IN ('buyer', 'member', 'operator')),
    email TEXT NOT NULL UNIQUE,
    email_verified_at TIMESTAMP,
    password_hash TEXT NOT NULL,
    organisation_id TEXT REFERENCES organisations (id),
    state TEXT NOT NULL CHECK (state IN ('active', 'left', 'disabled')),
    created_at TIMESTAMP NOT NULL,
    updated_at TIMESTAMP NOT NULL,
    CHECK ((role = 'buyer') = (organisation_id IS NOT NULL))
);
CREATE INDEX accounts_by_organisation ON accounts (organisation_id);

CREATE TABLE sessions (
    id TEXT NOT NULL PRIMARY KEY,
    account_id TEXT NOT NULL REFERENCES accounts (id),
    created_at TIMESTAMP NOT NULL,
    expires_at TIMESTAMP NOT NULL,
    revoked_at TIMESTAMP,
    revoked_reason TEXT
);
CREATE INDEX sessions_by_account ON sessions (account_id);

CREATE TABLE refresh_tokens (
    token_hash TEXT NOT NULL PRIMARY KEY,
    session_id TEXT NOT NULL REFERENCES sessions (id),
    issued_at TIMESTAMP NOT NULL,
    used_at TIMESTAMP
);
CREATE INDEX refresh_tokens_by_session ON refresh_tokens (session_id);

CREATE TABLE email_tokens (
    token_hash TEXT NOT NULL PRIMARY KEY,
    account_id TEXT NOT NULL REFERENCES accounts (id),
    purpose TEXT NOT NULL CHECK (purpose IN ('verify', 'reset')),
    expires_at TIMESTAMP NOT NULL,
    used_at TIMESTAMP
);
CREATE INDEX email_tokens_by_account ON email_tokens (account_id);

-- Keyed hashes of those who left, so that leaving and coming back does not make a new person.
CREATE TABLE tombstones (
    tag TEXT NOT NULL PRIMARY KEY,
    kind TEXT NOT NULL CHECK (kind IN ('email', 'history')),
    left_at TIMESTAMP NOT NULL
);

-- pools ------------------------------------------------------------------------------------------

CREATE TABLE pools (
    id TEXT NOT NULL PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    description TEXT NOT NULL,
    contact_email TEXT NOT NULL,
    tax_note TEXT NOT NULL,
    currency TEXT NOT NULL,
    fee_bp INTEGER NOT NULL CHECK (fee_bp BETWEEN 0 AND 10000),
    tax_bp INTEGER NOT NULL CHECK (tax_bp BETWEEN 0 AND 10000),
    price_floor_minor BIGINT NOT NULL CHECK (price_floor_minor > 0),
    payment_days INTEGER NOT NULL CHECK (payment_days > 0),
    quorum_bp INTEGER NOT NULL CHECK (quorum_bp BETWEEN 1 AND 10000),
    threshold_numerator INTEGER NOT NULL CHECK (threshold_numerator >= 0),
    threshold_denominator INTEGER NOT NULL CHECK (threshold_denominator >= threshold_numerator),
    voting_period_s BIGINT NOT NULL CHECK (voting_period_s > 0),
    cool_off_s BIGINT NOT NULL CHECK (cool_off_s >= 0),
    open_votes_max INTEGER NOT NULL CHECK (open_votes_max > 0),
    rho_cap_nano BIGINT NOT NULL CHECK (rho_cap_nano > 0),
    rho_committed_nano BIGINT NOT NULL CHECK (rho_committed_nano BETWEEN 0 AND rho_cap_nano),
    delta_cap_pico BIGINT NOT NULL CHECK (delta_cap_pico > 0),
    delta_committed_pico BIGINT NOT NULL CHECK (delta_committed_pico BETWEEN 0 AND delta_cap_pico),
    membership_version BIGINT NOT NULL CHECK (membership_version >= 0),
    invoices_issued BIGINT NOT NULL CHECK (invoices_issued >= 0),
    created_at TIMESTAMP NOT NULL,
    updated_at TIMESTAMP NOT NULL
);

CREATE TABLE consent_texts (
    pool_id TEXT NOT NULL REFERENCES pools (id),
    version INTEGER NOT NULL CHECK (version > 0),
    body TEXT NOT NULL,
    purposes_json TEXT NOT NULL,
    created_at TIMESTAMP NOT NULL,
    PRIMARY KEY (pool_id, version)
);

CREATE TABLE memberships (
    id TEXT NOT NULL PRIMARY KEY,
    pool_id TEXT NOT NULL REFERENCES pools (id),
    member_id TEXT NOT NULL REFERENCES accounts (id),
    state TEXT NOT NULL CHECK (state IN ('active', 'left')),
    joined_at TIMESTAMP NOT NULL,
    left_at TIMESTAMP,
    UNIQUE (pool_id, member_id)
);
CREATE INDEX memberships_by_member ON memberships (member_id);

CREATE TABLE consents (
    id TEXT NOT NULL PRIMARY KEY,
    membership_id TEXT NOT NULL REFERENCES memberships (id),
    purpose TEXT NOT NULL,
    text_version INTEGER NOT NULL,
    given_at TIMESTAMP NOT NULL,
    withdrawn_at TIMESTAMP
);
CREATE UNIQUE INDEX consents_live ON consents (membership_id, purpose) WHERE withdrawn_at IS NULL;

CREATE TABLE budget_entries (
    id TEXT NOT NULL PRIMARY KEY,
    pool_id TEXT NOT NULL REFERENCES pools (id),
    subject_id TEXT NOT NULL UNIQUE,
    rho_nano BIGINT NOT NULL CHECK (rho_nano > 0),
    delta_pico BIGINT NOT NULL CHECK (delta_pico >= 0),
    state TEXT NOT NULL CHECK (state IN ('reserved', 'spent', 'released')),
    reserved_at TIMESTAMP NOT NULL,
    resolved_at TIMESTAMP,
    edition_id TEXT
);
CREATE INDEX budget_entries_by_pool ON budget_entries (pool_id, state);

-- histories --------------------------------------------------------------------------------------

CREATE TABLE histories (
    id TEXT NOT NULL PRIMARY KEY,
    member_id TEXT NOT NULL REFERENCES accounts (id),
    state TEXT NOT NULL CHECK (state IN
        ('reading', 'accepted', 'held', 'duplicate', 'rejected', 'erased')),
    fingerprint TEXT,
    source_kind TEXT,
    service TEXT,
    covers_from TIMESTAMP,
    covers_to TIMESTAMP,
    report_json TEXT,
    problem_code TEXT,
    problem_detail TEXT,
    staged_key TEXT,
    same_as TEXT REFERENCES histories (id),
    received_at TIMESTAMP NOT NULL,
    finished_at TIMESTAMP
);
CREATE INDEX histories_by_member ON histories (member_id, state);
CREATE INDEX histories_by_state ON histories (state, id);
CREATE INDEX histories_by_fingerprint ON histories (fingerprint);
-- Of two members with the same history the second is held; an operator may release it all the same.
CREATE UNIQUE INDEX histories_accepted_once ON histories (fingerprint, member_id) WHERE state = 'accepted';

CREATE TABLE plays_files (
    member_id TEXT NOT NULL PRIMARY KEY REFERENCES accounts (id),
    object_key TEXT NOT NULL UNIQUE,
    size_bytes BIGINT NOT NULL CHECK (size_bytes > 0),
    updated_at TIMESTAMP NOT NULL
);

-- datasets ---------------------------------------------------------------------------------------

CREATE TABLE recipes (
    id TEXT NOT NULL PRIMARY KEY,
    pool_id TEXT NOT NULL REFERENCES pools (id),
    name TEXT NOT NULL,
    version INTEGER NOT NULL CHECK (version > 0),
    document_json TEXT NOT NULL,
    document_hash TEXT NOT NULL,
    rho_nano BIGINT NOT NULL CHECK (rho_nano > 0),
    delta_pico BIGINT NOT NULL CHECK (delta_pico >= 0),
    created_at TIMESTAMP NOT NULL,
    UNIQUE (pool_id, name, version)
);

CREATE TABLE datasets (
    id TEXT NOT NULL PRIMARY KEY,
    pool_id TEXT NOT NULL REFERENCES pools (id),
    recipe_id TEXT NOT NULL REFERENCES recipes (id),
    title TEXT NOT NULL,
    description TEXT NOT NULL,
    keywords_json TEXT NOT NULL,
    purposes_json TEXT NOT NULL,
    licence_name TEXT NOT NULL,
    licence_text TEXT NOT NULL,
    price_floor_minor BIGINT NOT NULL CHECK (price_floor_minor > 0),
    rows_promised BIGINT NOT NULL CHECK (rows_promised >= 0),
    state TEXT NOT NULL CHECK (state IN ('draft', 'listed', 'unlisted')),
    exclusive_until TIMESTAMP,
    search_text TEXT NOT NULL,
    listed_at TIMESTAMP,
    created_at TIMESTAMP NOT NULL,
    updated_at TIMESTAMP NOT NULL
);
CREATE INDEX datasets_by_state ON datasets (state, id);
CREATE INDEX datasets_by_pool ON datasets (pool_id);

CREATE TABLE editions (
    id TEXT NOT NULL PRIMARY KEY,
    dataset_id TEXT NOT NULL REFERENCES datasets (id),
    number INTEGER NOT NULL CHECK (number > 0),
    subject_id TEXT NOT NULL UNIQUE,
    state TEXT NOT NULL CHECK (state IN ('preparing', 'published', 'failed', 'cancelled')),
    stage TEXT NOT NULL,
    members BIGINT NOT NULL CHECK (members >= 0),
    rows_given BIGINT CHECK (rows_given >= 0),
    manifest_json TEXT,
    preview_json TEXT,
    failure TEXT,
    created_at TIMESTAMP NOT NULL,
    drawn_at TIMESTAMP,
    published_at TIMESTAMP,
    UNIQUE (dataset_id, number)
);

CREATE TABLE edition_members (
    edition_id TEXT NOT NULL REFERENCES editions (id),
    member_id TEXT NOT NULL REFERENCES accounts (id),
    PRIMARY KEY (edition_id, member_id)
);
CREATE INDEX edition_members_by_member ON edition_members (member_id);

CREATE TABLE edition_files (
    edition_id TEXT NOT NULL REFERENCES editions (id),
    name TEXT NOT NULL,
    object_key TEXT NOT NULL UNIQUE,
    media_type TEXT NOT NULL,
    size_bytes BIGINT NOT NULL CHECK (size_bytes >= 0),
    sha256 TEXT NOT NULL,
    PRIMARY KEY (edition_id, name)
);

-- Counters that tell a replica that what it cached is old.
CREATE TABLE versions (
    name TEXT NOT NULL PRIMARY KEY,
    value BIGINT NOT NULL
);
INSERT INTO versions (name, value) VALUES ('catalogue', 1);

-- votes ------------------------------------------------------------------------------------------

CREATE TABLE votes (
    id TEXT NOT NULL PRIMARY KEY,
    pool_id TEXT NOT NULL REFERENCES pools (id),
    subject_text TEXT NOT NULL,
    terms_hash TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('opening', 'open', 'accepted', 'rejected', 'void')),
    electors BIGINT NOT NULL CHECK (electors > 0),
    membership_version BIGINT NOT NULL,
    quorum_bp INTEGER NOT NULL CHECK (quorum_bp BETWEEN 1 AND 10000),
    threshold_numerator INTEGER NOT NULL CHECK (threshold_numerator >= 0),
    threshold_denominator INTEGER NOT NULL CHECK (threshold_denominator >= threshold_numerator),
    voting_period_s BIGINT NOT NULL CHECK (voting_period_s > 0),
    opens_at TIMESTAMP,
    closes_at TIMESTAMP CHECK (closes_at > opens_at),
    closed_at TIMESTAMP,
    yes BIGINT CHECK (yes >= 0),
    no BIGINT CHECK (no >= 0),
    abstain BIGINT CHECK (abstain >= 0),
    reason TEXT,
    CHECK ((state IN ('opening', 'open')) = (closed_at IS NULL)),
    CHECK (state <> 'open' OR (opens_at IS NOT NULL AND closes_at IS NOT NULL)),
    CHECK (yes + no + abstain <= electors)
);
CREATE INDEX votes_by_state ON votes (state, closes_at);
CREATE INDEX votes_by_pool ON votes (pool_id, state);

-- What electors must consent to for as long as their ballots are to count.
CREATE TABLE vote_purposes (
    vote_id TEXT NOT NULL REFERENCES votes (id),
    purpose TEXT NOT NULL,
    PRIMARY KEY (vote_id, purpose)
);

CREATE TABLE electors (
    vote_id TEXT NOT NULL REFERENCES votes (id),
    member_id TEXT NOT NULL REFERENCES accounts (id),
    PRIMARY KEY (vote_id, member_id)
);
CREATE INDEX electors_by_member ON electors (member_id);

CREATE TABLE ballots (
    vote_id TEXT NOT NULL,
    member_id TEXT NOT NULL,
    choice TEXT NOT NULL CHECK (choice IN ('yes', 'no', 'abstain')),
    cast_at TIMESTAMP NOT NULL,
    PRIMARY KEY (vote_id, member_id),
    FOREIGN KEY (vote_id, member_id) REFERENCES electors (vote_id, member_id)
);

-- ledger -----------------------------------------------------------------------------------------

CREATE TABLE ledger_accounts (
    id TEXT NOT NULL PRIMARY KEY,
    kind TEXT NOT NULL CHECK (kind IN ('buyer_receivable', 'bank', 'pool_revenue', 'fee', 'tax', 'member_payable')),
    owner_id TEXT NOT NULL,
    currency TEXT NOT NULL,
    created_at TIMESTAMP NOT NULL,
    UNIQUE (kind, owner_id, currency)
);

-- Never updated. A pending transfer is resolved at most once, by a row that names it.
CREATE TABLE transfers (
    id TEXT NOT NULL PRIMARY KEY,
    debit_account_id TEXT NOT NULL REFERENCES ledger_accounts (id),
    credit_account_id TEXT NOT NULL REFERENCES ledger_accounts (id),
    amount_minor BIGINT NOT NULL CHECK (amount_minor > 0),
    kind TEXT NOT NULL CHECK (kind IN ('pending', 'posted', 'voided')),
    resolves_id TEXT UNIQUE REFERENCES transfers (id),
    subject_id TEXT NOT NULL,
    memo TEXT NOT NULL,
    created_at TIMESTAMP NOT NULL,
    CHECK (debit_account_id <> credit_account_id),
    CHECK (kind <> 'pending' OR resolves_id IS NULL),
    CHECK (kind <> 'voided' OR resolves_id IS NOT NULL)
);
CREATE INDEX transfers_by_debit ON transfers (debit_account_id);
CREATE INDEX transfers_by_credit ON transfers (credit_account_id);
CREATE INDEX transfers_by_subject ON transfers (subject_id);

-- offers -----------------------------------------------------------------------------------------

CREATE TABLE offers (
    id TEXT NOT NULL PRIMARY KEY,
    dataset_id TEXT NOT NULL REFERENCES datasets (id),
    pool_id TEXT NOT NULL REFERENCES pools (id),
    organisation_id TEXT NOT NULL REFERENCES organisations (id),
    placed_by TEXT NOT NULL REFERENCES accounts (id),
    edition_id TEXT REFERENCES editions (id),
    state TEXT NOT NULL CHECK (state IN
        ('queued', 'opening', 'voting', 'accepted', 'paid', 'rejected', 'withdrawn', 'lapsed', 'void')),
    price_minor BIGINT NOT NULL CHECK (price_minor > 0),
    fee_minor BIGINT NOT NULL CHECK (fee_minor BETWEEN 0 AND price_minor),
    tax_minor BIGINT NOT NULL CHECK (tax_minor >= 0),
    total_minor BIGINT NOT NULL CHECK (total_minor = price_minor + tax_minor),
    currency TEXT NOT NULL,
    terms_json TEXT NOT NULL,
    terms_hash TEXT NOT NULL,
    message TEXT NOT NULL,
    vote_id TEXT UNIQUE REFERENCES votes (id),
    exclusive_until TIMESTAMP,
    decision_by TIMESTAMP NOT NULL,
    pay_by TIMESTAMP,
    reason TEXT,
    created_at TIMESTAMP NOT NULL,
    updated_at TIMESTAMP NOT NULL
);
CREATE INDEX offers_by_organisation ON offers (organisation_id, id);
CREATE INDEX offers_by_dataset ON offers (dataset_id, state);
CREATE INDEX offers_by_pool ON offers (pool_id, state, id);

CREATE TABLE offer_events (
    id TEXT NOT NULL PRIMARY KEY,
    offer_id TEXT NOT NULL REFERENCES offers (id),
    state TEXT NOT NULL,
    detail TEXT NOT NULL,
    happened_at TIMESTAMP NOT NULL
);
CREATE INDEX offer_events_by_offer ON offer_events (offer_id, id);

-- purchases --------------------------------------------------------------------------------------

CREATE TABLE purchases (
    id TEXT NOT NULL PRIMARY KEY,
    offer_id TEXT NOT NULL UNIQUE REFERENCES offers (id),
    organisation_id TEXT NOT NULL REFERENCES organisations (id),
    pool_id TEXT NOT NULL REFERENCES pools (id),
    state TEXT NOT NULL CHECK (state IN ('invoiced', 'settled', 'lapsed')),
    invoice_number TEXT NOT NULL UNIQUE,
    invoice_json TEXT NOT NULL,
    po_number TEXT,
    price_minor BIGINT NOT NULL CHECK (price_minor > 0),
    fee_minor BIGINT NOT NULL CHECK (fee_minor BETWEEN 0 AND price_minor),
    tax_minor BIGINT NOT NULL CHECK (tax_minor >= 0),
    currency TEXT NOT NULL,
    issued_at TIMESTAMP NOT NULL,
    due_at TIMESTAMP NOT NULL,
    settled_at TIMESTAMP,
    settled_by TEXT,
    payment_reference TEXT
);
CREATE INDEX purchases_by_organisation ON purchases (organisation_id, id);
CREATE INDEX purchases_by_state ON purchases (state, due_at);

CREATE TABLE licences (
    id TEXT NOT NULL PRIMARY KEY,
    purchase_id TEXT NOT NULL UNIQUE REFERENCES purchases (id),
    offer_id TEXT NOT NULL UNIQUE REFERENCES offers (id),
    organisation_id TEXT NOT NULL REFERENCES organisations (id),
    dataset_id TEXT NOT NULL REFERENCES datasets (id),
    edition_id TEXT REFERENCES editions (id),
    state TEXT NOT NULL CHECK (state IN ('preparing', 'active', 'expired', 'revoked', 'cancelled')),
    terms_json TEXT NOT NULL,
    terms_hash TEXT NOT NULL,
    granted_at TIMESTAMP NOT NULL,
    starts_at TIMESTAMP,
    ends_at TIMESTAMP,
    revoked_reason TEXT,
    ended_at TIMESTAMP
);
CREATE INDEX licences_by_organisation ON licences (organisation_id, id);
CREATE INDEX licences_by_edition ON licences (edition_id);
CREATE INDEX licences_by_state ON licences (state, ends_at);

CREATE TABLE payouts (
    id TEXT NOT NULL PRIMARY KEY,
    purchase_id TEXT NOT NULL REFERENCES purchases (id),
    member_id TEXT NOT NULL REFERENCES accounts (id),
    amount_minor BIGINT NOT NULL CHECK (amount_minor > 0),
    currency TEXT NOT NULL,
    transfer_id TEXT NOT NULL UNIQUE REFERENCES transfers (id),
    created_at TIMESTAMP NOT NULL,
    UNIQUE (purchase_id, member_id)
);
CREATE INDEX payouts_by_member ON payouts (member_id, id);

CREATE TABLE downloads (
    id TEXT NOT NULL PRIMARY KEY,
    licence_id TEXT NOT NULL REFERENCES licences (id),
    account_id TEXT NOT NULL,
    file_name TEXT NOT NULL,
    status INTEGER NOT NULL,
    range_asked TEXT,
    size_bytes BIGINT NOT NULL,
    happened_at TIMESTAMP NOT NULL
);
CREATE INDEX downloads_by_licence ON downloads (licence_id, id);

-- the house --------------------------------------------------------------------------------------

CREATE TABLE idempotency_keys (
    account_id TEXT NOT NULL,
    idempotency_key TEXT NOT NULL,
    request_hash TEXT NOT NULL,
    status INTEGER NOT NULL,
    body TEXT NOT NULL,
    created_at TIMESTAMP NOT NULL,
    PRIMARY KEY (account_id, idempotency_key)
);

CREATE TABLE outbox (
    id TEXT NOT NULL PRIMARY KEY,
    kind TEXT NOT NULL,
    payload_json TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('waiting', 'sent', 'dead')),
    attempts INTEGER NOT NULL,
    due_at TIMESTAMP NOT NULL,
    leased_until TIMESTAMP,
    last_error TEXT,
    created_at TIMESTAMP NOT NULL
);
CREATE INDEX outbox_due ON outbox (state, due_at);

CREATE TABLE jobs (
    id TEXT NOT NULL PRIMARY KEY,
    kind TEXT NOT NULL,
    subject_id TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('waiting', 'done', 'dead')),
    attempts INTEGER NOT NULL,
    due_at TIMESTAMP NOT NULL,
    leased_until TIMESTAMP,
    lease_holder TEXT,
    last_error TEXT,
    created_at TIMESTAMP NOT NULL,
    finished_at TIMESTAMP
);
CREATE INDEX jobs_due ON jobs (state, due_at);
CREATE UNIQUE INDEX jobs_waiting_once ON jobs (kind, subject_id) WHERE state = 'waiting';

CREATE TABLE audit_log (
    id TEXT NOT NULL PRIMARY KEY,
    actor_id TEXT NOT NULL,
    action TEXT NOT NULL,
    subject_id TEXT NOT NULL,
    reason TEXT,
    happened_at TIMESTAMP NOT NULL
);
CREATE INDEX audit_log_by_subject ON audit_log (subject_id, id);
