-- Every vote has a log: a Merkle tree (RFC 9162) of commitments to ballots, in the order in which they were taken.

-- The key by which members become tags. NULL once it is destroyed: then nobody can tell whose tag is whose.
ALTER TABLE votes ADD COLUMN tag_key BYTEA;
-- Root of the Merkle tree over the electorate's sorted tags. NULL until the vote has opened.
ALTER TABLE votes ADD COLUMN electorate_root BYTEA;
-- Leaves in the log, and the roots of its perfect subtrees from left to right.
ALTER TABLE votes ADD COLUMN log_size BIGINT NOT NULL DEFAULT 0 CHECK (log_size >= 0);
ALTER TABLE votes ADD COLUMN log_frontier BYTEA;
-- The ballots that count as of now. Sealed until the vote has ended.
ALTER TABLE votes ADD COLUMN live_yes BIGINT NOT NULL DEFAULT 0 CHECK (live_yes >= 0);
ALTER TABLE votes ADD COLUMN live_no BIGINT NOT NULL DEFAULT 0 CHECK (live_no >= 0);
ALTER TABLE votes ADD COLUMN live_abstain BIGINT NOT NULL DEFAULT 0 CHECK (live_abstain >= 0);

-- Who an elector is in the log. NULL in votes that opened before there were logs.
ALTER TABLE electors ADD COLUMN tag BYTEA;

-- Where a ballot stands in the log, and how many the member has cast so far. NULL and 0 in votes of before there were logs.
ALTER TABLE ballots ADD COLUMN log_index BIGINT;
ALTER TABLE ballots ADD COLUMN casts INTEGER NOT NULL DEFAULT 0 CHECK (casts >= 0);

CREATE TABLE vote_leaves (
    vote_id TEXT NOT NULL REFERENCES votes (id),
    log_index BIGINT NOT NULL CHECK (log_index >= 0),
    tag BYTEA NOT NULL,
    -- How many ballots of the tag come before.
    sequence INTEGER NOT NULL CHECK (sequence >= 0),
    commitment BYTEA NOT NULL,
    leaf_hash BYTEA NOT NULL,
    -- What opens the commitment. No choice: the member's ballot is void from here on.
    choice TEXT CHECK (choice IN ('yes', 'no', 'abstain')),
    nonce BYTEA NOT NULL,
    cast_at TIMESTAMP NOT NULL,
    PRIMARY KEY (vote_id, log_index)
);

-- The log's hashes, 256 to a tile: level 0 holds those of leaves, level 1 the roots of 256 leaves each, and so on.
-- A tile is written once, when it is full; what is not in one is worked out from the leaves.
CREATE TABLE vote_log_tiles (
    vote_id TEXT NOT NULL REFERENCES votes (id),
    level INTEGER NOT NULL CHECK (level >= 0),
    tile BIGINT NOT NULL CHECK (tile >= 0),
    hashes BYTEA NOT NULL,
    PRIMARY KEY (vote_id, level, tile)
);

-- What anybody needs to count an ended vote again: a file in the storage.
CREATE TABLE vote_bundles (
    vote_id TEXT NOT NULL PRIMARY KEY REFERENCES votes (id),
    object_key TEXT NOT NULL,
    size_bytes BIGINT NOT NULL CHECK (size_bytes > 0),
    sha256 TEXT NOT NULL,
    made_at TIMESTAMP NOT NULL
);
