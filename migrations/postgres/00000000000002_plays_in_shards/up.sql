-- Plays of many members lie in one file, so a file's key stands in many rows.
ALTER TABLE plays_files DROP CONSTRAINT plays_files_object_key_key;
-- Which shard the member belongs to. NULL in rows from before there were shards, until the upkeep fills it in.
ALTER TABLE plays_files ADD COLUMN shard INTEGER CHECK (shard BETWEEN 0 AND 255);
CREATE INDEX plays_files_by_shard ON plays_files (shard);

CREATE TABLE plays_shards (
    object_key TEXT NOT NULL PRIMARY KEY,
    shard INTEGER NOT NULL CHECK (shard BETWEEN 0 AND 255),
    counts_key TEXT NOT NULL UNIQUE,
    size_bytes BIGINT NOT NULL CHECK (size_bytes > 0),
    counts_bytes BIGINT NOT NULL CHECK (counts_bytes > 0),
    -- How many members were merged into it; some of them may have moved on since.
    members INTEGER NOT NULL CHECK (members > 0),
    created_at TIMESTAMP NOT NULL
);
CREATE INDEX plays_shards_by_shard ON plays_shards (shard);

-- Stored files to which no other row refers: written and not taken up yet, or replaced while somebody may
-- still be reading them. They are deleted when they are due.
CREATE TABLE files_to_delete (
    object_key TEXT NOT NULL PRIMARY KEY,
    due_at TIMESTAMP NOT NULL
);
CREATE INDEX files_to_delete_by_due ON files_to_delete (due_at);

-- Receipts of erasures. Once one is over it names nobody.
CREATE TABLE erasures (
    id TEXT NOT NULL PRIMARY KEY,
    state TEXT NOT NULL CHECK (state IN ('pending', 'done', 'kept')),
    account_id TEXT REFERENCES accounts (id),
    -- Set once only the files that the person shares with others are left to erase.
    shard INTEGER CHECK (shard BETWEEN 0 AND 255),
    requested_at TIMESTAMP NOT NULL,
    finished_at TIMESTAMP,
    CHECK ((state = 'pending') = (account_id IS NOT NULL)),
    CHECK ((state = 'pending') = (finished_at IS NULL))
);
CREATE UNIQUE INDEX erasures_pending_once ON erasures (account_id) WHERE state = 'pending';
CREATE INDEX erasures_pending_by_shard ON erasures (shard) WHERE state = 'pending';

-- The same job was asked for while it ran: it is due again at this time.
ALTER TABLE jobs ADD COLUMN asked_again_at TIMESTAMP;
