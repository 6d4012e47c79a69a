-- Lists of artists: named by their content, written once, never changed.
CREATE TABLE artist_lists (
    sha256 TEXT NOT NULL PRIMARY KEY CHECK (length(sha256) = 64),
    artists_json TEXT NOT NULL,
    created_at TIMESTAMP NOT NULL
);

-- The list that an offer is about: the one that its terms name. NULL where the recipe takes none.
ALTER TABLE offers ADD COLUMN artist_list_sha256 TEXT REFERENCES artist_lists (sha256);
CREATE INDEX offers_by_artist_list ON offers (artist_list_sha256);

-- The artists that a published edition has made public. NULL where its recipe finds none in listening.
ALTER TABLE editions ADD COLUMN artists_sha256 TEXT REFERENCES artist_lists (sha256);
-- How much of the members' stored plays the present or last try has read. NULL before the first.
ALTER TABLE editions ADD COLUMN percent INTEGER CHECK (percent BETWEEN 0 AND 100);
-- When an operator stopped the drawing; NULL again once it is taken up anew.
ALTER TABLE editions ADD COLUMN stopped_at TIMESTAMP;
