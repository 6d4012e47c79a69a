-- An elector has one ballot that counts, or none: it stands in the elector's row, which is read for every ballot anyway, and not
-- in a row of its own that would have to be found, too.
ALTER TABLE electors ADD COLUMN choice TEXT CHECK (choice IN ('yes', 'no', 'abstain'));
ALTER TABLE electors ADD COLUMN cast_at TIMESTAMP;
-- Where it stands in the log. NULL in votes of before there were logs.
ALTER TABLE electors ADD COLUMN log_index BIGINT;
-- How many leaves the log has of the elector: ballots cast, and ballots made void. 0 in votes of before there were logs.
ALTER TABLE electors ADD COLUMN casts INTEGER NOT NULL DEFAULT 0 CHECK (casts >= 0);
UPDATE electors SET choice = b.choice, cast_at = b.cast_at, log_index = b.log_index, casts = b.casts
    FROM ballots AS b WHERE b.vote_id = electors.vote_id AND b.member_id = electors.member_id;
UPDATE electors SET casts = void.sequence + 1
    FROM (SELECT vote_id, tag, max(sequence) AS sequence FROM vote_leaves WHERE choice IS NULL GROUP BY vote_id, tag) AS void
    WHERE electors.choice IS NULL AND void.vote_id = electors.vote_id AND void.tag = electors.tag;
DROP TABLE ballots;
DROP INDEX vote_leaves_void;
-- Room in each page for rows that change, so that their place in the indexes need not.
ALTER TABLE electors SET (fillfactor = 70);
-- Hashes cannot be made shorter, and it costs something to try.
ALTER TABLE vote_log_tiles ALTER COLUMN hashes SET STORAGE EXTERNAL;

-- Who is listed has just been read from the members of the pool, and no account is ever taken out. To look each of a million up
-- twice more, and mark the rows that were found, is most of what listing them costs.
ALTER TABLE electors DROP CONSTRAINT electors_vote_id_fkey;
ALTER TABLE electors DROP CONSTRAINT electors_member_id_fkey;
