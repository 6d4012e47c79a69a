-- What was agreed for each licence: the documents byte for byte as they were made when it was granted, and the service's
-- signature of them. Written once and never changed.
CREATE TABLE agreements (
    licence_id TEXT NOT NULL PRIMARY KEY REFERENCES licences (id),
    made_at TIMESTAMP NOT NULL,
    statement_json TEXT NOT NULL,
    signature TEXT NOT NULL CHECK (signature <> ''),
    public_key TEXT NOT NULL CHECK (length(public_key) = 43),
    licence_text TEXT NOT NULL,
    html TEXT NOT NULL CHECK (html <> ''),
    jsonld TEXT NOT NULL CHECK (jsonld <> ''),
    txt TEXT NOT NULL CHECK (txt <> '')
);
