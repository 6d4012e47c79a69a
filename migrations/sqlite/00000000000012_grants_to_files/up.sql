-- What a holder has given out of a licence: signed links to its files, or the profile of a tool that reads them by itself.
-- Whoever shows one may read the files as long as the grant lasts and the licence may be used.
CREATE TABLE grants (
    id TEXT NOT NULL PRIMARY KEY,
    licence_id TEXT NOT NULL REFERENCES licences (id),
    account_id TEXT NOT NULL REFERENCES accounts (id),
    kind TEXT NOT NULL CHECK (kind IN ('links', 'profile')),
    created_at TIMESTAMP NOT NULL,
    -- NULL: as long as the licence.
    expires_at TIMESTAMP,
    revoked_at TIMESTAMP
);
CREATE INDEX grants_by_licence ON grants (licence_id, id);
-- A licence has one profile at a time.
CREATE UNIQUE INDEX grants_profile ON grants (licence_id) WHERE kind = 'profile' AND revoked_at IS NULL;

-- Tools ask for the same file again and again: by a grant it is noted once in a window of time.
ALTER TABLE downloads ADD COLUMN grant_id TEXT REFERENCES grants (id);
ALTER TABLE downloads ADD COLUMN window_at TIMESTAMP;
CREATE UNIQUE INDEX downloads_by_grant ON downloads (grant_id, file_name, window_at, status);
