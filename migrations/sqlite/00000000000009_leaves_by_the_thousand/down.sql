DROP INDEX vote_leaves_void;
