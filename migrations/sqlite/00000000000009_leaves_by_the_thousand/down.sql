ALTER TABLE vote_log_tiles DROP COLUMN root;
DROP INDEX vote_leaves_void;
