-- Editions that were recalled. The edition stays what it is: published, and final; but nothing of it is given out or sold any more.
CREATE TABLE recalls (
    edition_id TEXT NOT NULL PRIMARY KEY REFERENCES editions (id),
    ground TEXT NOT NULL CHECK (ground = 'error' OR ground = 'legal_claim' OR ground = 'security' OR ground = 'other'),
    reason TEXT NOT NULL CHECK (reason <> ''),
    state TEXT NOT NULL CHECK (state = 'replacing' OR state = 'replaced' OR state = 'refunded'),
    -- The edition that is drawn in its place, where one is, or was to be.
    replacement_id TEXT UNIQUE REFERENCES editions (id),
    recalled_by TEXT NOT NULL,
    recalled_at TIMESTAMP NOT NULL,
    -- When it was replaced or refunded.
    resolved_at TIMESTAMP,
    CHECK (edition_id <> replacement_id),
    CHECK (state = 'refunded' OR replacement_id IS NOT NULL),
    CHECK ((state = 'replacing') = (resolved_at IS NULL))
);

-- What licensees were told at the end of a quarter: how many of the members in their edition have left.
CREATE TABLE leavers_notices (
    id TEXT NOT NULL PRIMARY KEY,
    licence_id TEXT NOT NULL REFERENCES licences (id),
    edition_id TEXT NOT NULL REFERENCES editions (id),
    -- The quarter that had ended, as 2026-Q1: so written, later ones come later in the order of texts.
    quarter TEXT NOT NULL,
    members BIGINT NOT NULL CHECK (members >= 0),
    -- Rounded down to tens; the number itself is not kept.
    left_at_least BIGINT NOT NULL CHECK (left_at_least >= 0 AND left_at_least % 10 = 0),
    told_at TIMESTAMP NOT NULL,
    UNIQUE (licence_id, quarter),
    CHECK (left_at_least <= members)
);

-- Two tables learn new words. SQLite cannot change a CHECK: the rows step aside while the table is made anew. What refers to them is
-- looked at once more at the end of the transaction.
PRAGMA defer_foreign_keys = ON;

CREATE TABLE licences_aside AS SELECT * FROM licences;
DROP TABLE licences;
CREATE TABLE licences (
    id TEXT NOT NULL PRIMARY KEY,
    purchase_id TEXT NOT NULL UNIQUE REFERENCES purchases (id),
    offer_id TEXT NOT NULL UNIQUE REFERENCES offers (id),
    organisation_id TEXT NOT NULL REFERENCES organisations (id),
    dataset_id TEXT NOT NULL REFERENCES datasets (id),
    edition_id TEXT REFERENCES editions (id),
    state TEXT NOT NULL CHECK (state = 'preparing' OR state = 'active' OR state = 'suspended' OR state = 'expired'
        OR state = 'revoked' OR state = 'cancelled' OR state = 'recalled'),
    terms_json TEXT NOT NULL,
    terms_hash TEXT NOT NULL,
    granted_at TIMESTAMP NOT NULL,
    starts_at TIMESTAMP,
    ends_at TIMESTAMP,
    revoked_reason TEXT,
    ended_at TIMESTAMP
);
INSERT INTO licences SELECT * FROM licences_aside;
DROP TABLE licences_aside;
CREATE INDEX licences_by_organisation ON licences (organisation_id, id);
CREATE INDEX licences_by_edition ON licences (edition_id);
CREATE INDEX licences_by_state ON licences (state, ends_at);

CREATE TABLE ledger_accounts_aside AS SELECT * FROM ledger_accounts;
DROP TABLE ledger_accounts;
CREATE TABLE ledger_accounts (
    id TEXT NOT NULL PRIMARY KEY,
    kind TEXT NOT NULL CHECK (kind = 'buyer_receivable' OR kind = 'bank' OR kind = 'pool_revenue' OR kind = 'fee'
        OR kind = 'tax' OR kind = 'member_payable' OR kind = 'recall_costs'),
    owner_id TEXT NOT NULL,
    currency TEXT NOT NULL,
    created_at TIMESTAMP NOT NULL,
    UNIQUE (kind, owner_id, currency)
);
INSERT INTO ledger_accounts SELECT * FROM ledger_accounts_aside;
DROP TABLE ledger_accounts_aside;

-- Organisations that hold licences already are told as well. The job finds out by itself when.
INSERT INTO jobs (id, kind, subject_id, state, attempts, due_at, created_at)
    SELECT 'job' || substr(organisation_id, 4), 'tell_leavers', organisation_id, 'waiting', 0, min(granted_at), min(granted_at)
    FROM licences WHERE state = 'preparing' OR state = 'active' GROUP BY organisation_id;
