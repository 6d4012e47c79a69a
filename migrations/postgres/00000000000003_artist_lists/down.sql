ALTER TABLE editions DROP COLUMN stopped_at;
ALTER TABLE editions DROP COLUMN percent;
ALTER TABLE editions DROP COLUMN artists_sha256;
DROP INDEX offers_by_artist_list;
ALTER TABLE offers DROP COLUMN artist_list_sha256;
DROP TABLE artist_lists;
