-- Editions that were recalled. The edition stays what it is: published, and final; but nothing of it is given out or sold any more.
CREATE TABLE recalls (
    edition_id TEXT NOT NULL PRIMARY KEY REFERENCES editions (id),
    ground TEXT NOT NULL CHECK (ground IN ('error', 'legal_claim', 'security', 'other')),
    reason TEXT NOT NULL CHECK (reason <> ''),
    state TEXT NOT NULL CHECK (state IN ('replacing', 'replaced', 'refunded')),
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

ALTER TABLE licences DROP CONSTRAINT licences_state_check;
ALTER TABLE licences ADD CONSTRAINT licences_state_check
    CHECK (state IN ('preparing', 'active', 'suspended', 'expired', 'revoked', 'cancelled', 'recalled'));

ALTER TABLE ledger_accounts DROP CONSTRAINT ledger_accounts_kind_check;
ALTER TABLE ledger_accounts ADD CONSTRAINT ledger_accounts_kind_check
    CHECK (kind IN ('buyer_receivable', 'bank', 'pool_revenue', 'fee', 'tax', 'member_payable', 'recall_costs'));

-- Organisations that hold licences already are told as well. The job finds out by itself when.
INSERT INTO jobs (id, kind, subject_id, state, attempts, due_at, created_at)
    SELECT 'job' || substr(organisation_id, 4), 'tell_leavers', organisation_id, 'waiting', 0, min(granted_at), min(granted_at)
    FROM licences WHERE state IN ('preparing', 'active') GROUP BY organisation_id;
