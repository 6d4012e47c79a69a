PRAGMA defer_foreign_keys = ON;
DELETE FROM jobs WHERE kind = 'tell_leavers';
DROP TABLE leavers_notices;
DROP TABLE recalls;
CREATE TABLE ledger_accounts_aside AS SELECT * FROM ledger_accounts;
DROP TABLE ledger_accounts;
CREATE TABLE ledger_accounts (
    id TEXT NOT NULL PRIMARY KEY,
    kind TEXT NOT NULL CHECK (kind IN ('buyer_receivable', 'bank', 'pool_revenue', 'fee', 'tax', 'member_payable')),
    owner_id TEXT NOT NULL,
    currency TEXT NOT NULL,
    created_at TIMESTAMP NOT NULL,
    UNIQUE (kind, owner_id, currency)
);
INSERT INTO ledger_accounts SELECT * FROM ledger_accounts_aside;
DROP TABLE ledger_accounts_aside;
CREATE TABLE licences_aside AS SELECT * FROM licences;
DROP TABLE licences;
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
INSERT INTO licences SELECT * FROM licences_aside;
DROP TABLE licences_aside;
CREATE INDEX licences_by_organisation ON licences (organisation_id, id);
CREATE INDEX licences_by_edition ON licences (edition_id);
CREATE INDEX licences_by_state ON licences (state, ends_at);
