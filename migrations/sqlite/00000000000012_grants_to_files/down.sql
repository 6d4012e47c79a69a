DROP INDEX downloads_by_grant;
ALTER TABLE downloads DROP COLUMN window_at;
ALTER TABLE downloads DROP COLUMN grant_id;
DROP TABLE grants;
