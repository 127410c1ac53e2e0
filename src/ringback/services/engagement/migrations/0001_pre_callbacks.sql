CREATE SCHEMA IF NOT EXISTS engagement;

-- One row a callback. The scheduler and the reconciler read through partial indexes: what they cost depends on
-- what is due or live, not on how many callbacks lie in the table.
CREATE TABLE IF NOT EXISTS engagement.callbacks (
    id uuid PRIMARY KEY,
    tenant text NOT NULL,
    service text NOT NULL,
    number text NOT NULL,
    state text NOT NULL CHECK (state IN ('SCHEDULED', 'QUEUED', 'ROUTING', 'PROCESSING', 'COMPLETED')),
    reason text,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    -- When the session of the running attempt was last known to be there.
    heard_at timestamptz NOT NULL,
    -- NULL: as soon as possible.
    desired_at timestamptz,
    -- The place in line.
    arrived_at timestamptz NOT NULL,
    due_at timestamptz,
    expires_at timestamptz NOT NULL,
    attempt integer NOT NULL DEFAULT 0,
    step integer NOT NULL DEFAULT 0,
    dialled boolean NOT NULL DEFAULT false,
    dials integer NOT NULL DEFAULT 0,
    last_result text,
    priority integer NOT NULL DEFAULT 0,
    agent_id text NOT NULL DEFAULT '',
    conn_id text NOT NULL DEFAULT '',
    position integer,
    ewt double precision,
    -- What the request carried beside: user data, offer, language, channel.
    -- json, not jsonb: it is handed on as it came, and may hold what jsonb refuses (U+0000).
    details json NOT NULL DEFAULT '{}',
    CHECK ((reason IS NOT NULL) = (state = 'COMPLETED')),
    CHECK ((due_at IS NOT NULL) = (state = 'SCHEDULED'))
);

CREATE INDEX IF NOT EXISTS callbacks_due ON engagement.callbacks (due_at) WHERE state = 'SCHEDULED';
CREATE INDEX IF NOT EXISTS callbacks_expiring ON engagement.callbacks (expires_at) WHERE state = 'QUEUED';
CREATE INDEX IF NOT EXISTS callbacks_live ON engagement.callbacks (heard_at)
    WHERE state IN ('QUEUED', 'ROUTING', 'PROCESSING');
CREATE INDEX IF NOT EXISTS callbacks_latest ON engagement.callbacks (tenant, updated_at DESC);

CREATE TABLE IF NOT EXISTS engagement.idempotency (
    tenant text NOT NULL,
    key text NOT NULL,
    body_sha256 bytea NOT NULL,
    callback_id uuid NOT NULL,
    created_at timestamptz NOT NULL,
    PRIMARY KEY (tenant, key)
);

CREATE INDEX IF NOT EXISTS idempotency_age ON engagement.idempotency (created_at);

-- What is still to be told to the session of an attempt: written with the change that caused it.
CREATE TABLE IF NOT EXISTS engagement.outbox (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind text NOT NULL CHECK (kind IN ('start', 'stop')),
    callback_id uuid NOT NULL,
    attempt integer NOT NULL,
    reason text NOT NULL DEFAULT '',
    next_try_at timestamptz NOT NULL
);

CREATE INDEX IF NOT EXISTS outbox_next ON engagement.outbox (kind, next_try_at, id);

-- Published settings: callback services and business hours by name, with the published property names.
CREATE TABLE IF NOT EXISTS engagement.service_settings (
    tenant text NOT NULL,
    service text NOT NULL,
    properties json NOT NULL,
    version bigint NOT NULL DEFAULT 1,
    updated_at timestamptz NOT NULL,
    PRIMARY KEY (tenant, service)
);
