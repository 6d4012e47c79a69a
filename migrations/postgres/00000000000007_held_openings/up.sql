-- A vote does not open by itself where too many of its electors have joined lately.

-- More than this part of an electorate, in basis points, that joined within the window holds the opening; 0 holds none.
ALTER TABLE pools ADD COLUMN burst_bp INTEGER NOT NULL DEFAULT 0 CHECK (burst_bp BETWEEN 0 AND 9999);
-- Seconds before the offer in which whoever joined counts as new.
ALTER TABLE pools ADD COLUMN burst_window_s BIGINT NOT NULL DEFAULT 2419200 CHECK (burst_window_s > 0);

-- Openings that were held, each once.
CREATE TABLE offer_holds (
    offer_id TEXT NOT NULL PRIMARY KEY REFERENCES offers (id),
    -- Members of the electorate who joined within the window, when it was held.
    joined BIGINT NOT NULL CHECK (joined BETWEEN 1 AND electors),
    electors BIGINT NOT NULL,
    held_at TIMESTAMP NOT NULL,
    released_at TIMESTAMP,
    release_reason TEXT,
    CHECK ((released_at IS NULL) = (release_reason IS NULL))
);
