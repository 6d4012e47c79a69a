-- Whose ballots were made void: few leaves among many.
CREATE INDEX vote_leaves_void ON vote_leaves (vote_id, tag) WHERE choice IS NULL;

-- The root of the tile's hashes. NULL in tiles from before; worked out from the hashes then.
ALTER TABLE vote_log_tiles ADD COLUMN root BLOB;
