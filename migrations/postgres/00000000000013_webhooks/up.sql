-- Where a buyer organisation wants to be told of what happens, and what is told there.
CREATE TABLE webhooks (
    id TEXT NOT NULL PRIMARY KEY,
    organisation_id TEXT NOT NULL REFERENCES organisations (id),
    url TEXT NOT NULL,
    description TEXT NOT NULL,
    -- A JSON list of event types; an empty one stands for all.
    events_json TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('active', 'paused')),
    paused_reason TEXT,
    -- Encrypted with a key of the server's: deliveries are signed with them.
    sealed_secret BYTEA NOT NULL,
    old_sealed_secret BYTEA,
    old_secret_until TIMESTAMP,
    -- One delivery at a time: until then nobody else may take one. Who was served longest ago is served next.
    busy_until TIMESTAMP NOT NULL,
    -- When its organisation was told that deliveries fail; NULL again once one has arrived.
    warned_at TIMESTAMP,
    created_at TIMESTAMP NOT NULL,
    updated_at TIMESTAMP NOT NULL,
    CHECK ((old_sealed_secret IS NULL) = (old_secret_until IS NULL)),
    CHECK (paused_reason IS NULL OR state = 'paused')
);
CREATE INDEX webhooks_by_organisation ON webhooks (organisation_id, id);

CREATE TABLE webhook_deliveries (
    id TEXT NOT NULL PRIMARY KEY,
    webhook_id TEXT NOT NULL REFERENCES webhooks (id),
    event_id TEXT NOT NULL,
    event TEXT NOT NULL,
    body TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state = 'waiting' OR state = 'delivered' OR state = 'dead'),
    -- Tries in all, and those since it was written or asked for again.
    tries INTEGER NOT NULL CHECK (tries >= round_tries),
    round_tries INTEGER NOT NULL CHECK (round_tries >= 0),
    due_at TIMESTAMP NOT NULL,
    created_at TIMESTAMP NOT NULL,
    finished_at TIMESTAMP,
    UNIQUE (webhook_id, event_id),
    CHECK ((finished_at IS NULL) = (state = 'waiting'))
);
CREATE INDEX webhook_deliveries_by_webhook ON webhook_deliveries (webhook_id, id);
CREATE INDEX webhook_deliveries_due ON webhook_deliveries (webhook_id, state, due_at);
CREATE INDEX webhook_deliveries_by_age ON webhook_deliveries (created_at);

CREATE TABLE webhook_attempts (
    delivery_id TEXT NOT NULL REFERENCES webhook_deliveries (id),
    number INTEGER NOT NULL CHECK (number > 0),
    attempted_at TIMESTAMP NOT NULL,
    took_ms BIGINT NOT NULL CHECK (took_ms >= 0),
    status INTEGER,
    error TEXT,
    answer TEXT,
    PRIMARY KEY (delivery_id, number)
);

-- Whoever follows an offer goes on after the line that was read last, whichever server answers.
ALTER TABLE offer_events ADD COLUMN number INTEGER NOT NULL DEFAULT 0;
UPDATE offer_events SET number = (
    SELECT count(*) FROM offer_events AS earlier
    WHERE earlier.offer_id = offer_events.offer_id
        AND (earlier.happened_at, earlier.id) <= (offer_events.happened_at, offer_events.id)
);
CREATE UNIQUE INDEX offer_events_numbered ON offer_events (offer_id, number);
