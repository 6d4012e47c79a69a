-- Whose ballots were made void: few leaves among many.
CREATE INDEX vote_leaves_void ON vote_leaves (vote_id, tag) WHERE choice IS NULL;

-- A reference is looked up anew for each leaf, and nobody deletes votes: whoever appends a leaf holds the row of its vote.
ALTER TABLE vote_leaves DROP CONSTRAINT vote_leaves_vote_id_fkey;

-- The root of the tile's hashes. NULL in tiles from before; worked out from the hashes then.
ALTER TABLE vote_log_tiles ADD COLUMN root BYTEA;
