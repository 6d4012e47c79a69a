ALTER TABLE vote_log_tiles ALTER COLUMN hashes SET STORAGE EXTENDED;
ALTER TABLE electors RESET (fillfactor);
ALTER TABLE electors ADD CONSTRAINT electors_vote_id_fkey FOREIGN KEY (vote_id) REFERENCES votes (id);
ALTER TABLE electors ADD CONSTRAINT electors_member_id_fkey FOREIGN KEY (member_id) REFERENCES accounts (id);
CREATE TABLE ballots (
    vote_id TEXT NOT NULL,
    member_id TEXT NOT NULL,
    choice TEXT NOT NULL CHECK (choice IN ('yes', 'no', 'abstain')),
    cast_at TIMESTAMP NOT NULL,
    log_index BIGINT,
    casts INTEGER NOT NULL DEFAULT 0 CHECK (casts >= 0),
    PRIMARY KEY (vote_id, member_id)
);
INSERT INTO ballots SELECT vote_id, member_id, choice, cast_at, log_index, casts FROM electors WHERE choice IS NOT NULL;
CREATE INDEX vote_leaves_void ON vote_leaves (vote_id, tag) WHERE choice IS NULL;
ALTER TABLE electors DROP COLUMN casts;
ALTER TABLE electors DROP COLUMN log_index;
ALTER TABLE electors DROP COLUMN cast_at;
ALTER TABLE electors DROP COLUMN choice;
