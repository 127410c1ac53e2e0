-- What happened in the attempts of callbacks, in the order in which it was stored. Reports are made of it, and the
-- invariants are judged by it.
CREATE TABLE IF NOT EXISTS engagement.steps (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    callback_id uuid NOT NULL,
    tenant text NOT NULL,
    -- Whose callbacks are each other's equals: service and priority; empty: without equals.
    line text NOT NULL,
    number text NOT NULL,
    attempt integer NOT NULL,
    kind text NOT NULL,
    -- By the clock of the session, and of this service.
    at timestamptz NOT NULL,
    stored_at timestamptz NOT NULL DEFAULT now(),
    arrived_at timestamptz NOT NULL,
    lives boolean NOT NULL,
    agent_id text NOT NULL,
    result text NOT NULL,
    reason text NOT NULL,
    position integer,
    ewt double precision
);

CREATE INDEX IF NOT EXISTS steps_callback ON engagement.steps (callback_id, id);

-- A third kind of what is still to be told: user events for reporting.
ALTER TABLE engagement.outbox DROP CONSTRAINT IF EXISTS outbox_kind_check;
ALTER TABLE engagement.outbox ADD CONSTRAINT outbox_kind_check CHECK (kind IN ('start', 'stop', 'report'));
