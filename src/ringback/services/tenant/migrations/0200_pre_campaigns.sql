-- Outbound campaigns: whom to call, whom not to call, what is being dialled, what has to be told.

CREATE TABLE IF NOT EXISTS tenant.calling_records (
    tenant text NOT NULL,
    list text NOT NULL,
    key text NOT NULL,
    -- E.164.
    number text NOT NULL,
    time_zone text NOT NULL,
    hours text[] NOT NULL,
    priority integer NOT NULL,
    data jsonb NOT NULL,
    -- waiting, dialling or done.
    state text NOT NULL DEFAULT 'waiting',
    -- Seconds since the epoch, not before which it may be dialled.
    due_at double precision NOT NULL,
    attempts integer NOT NULL DEFAULT 0,
    -- Attempts that count, and attempts in a row that failed on our side.
    dials integer NOT NULL DEFAULT 0,
    faults integer NOT NULL DEFAULT 0,
    result text NOT NULL DEFAULT '',
    reason text NOT NULL DEFAULT '',
    PRIMARY KEY (tenant, list, key)
);
CREATE INDEX IF NOT EXISTS calling_records_waiting
    ON tenant.calling_records (tenant, list, priority DESC, due_at, key) WHERE state = 'waiting';

CREATE TABLE IF NOT EXISTS tenant.do_not_call (
    tenant text NOT NULL,
    number text NOT NULL,
    reason text NOT NULL,
    since double precision NOT NULL,
    PRIMARY KEY (tenant, number)
);

CREATE TABLE IF NOT EXISTS tenant.campaign_states (
    tenant text NOT NULL,
    campaign text NOT NULL,
    state text NOT NULL,
    reason text NOT NULL DEFAULT '',
    since double precision NOT NULL,
    -- Since it was last started.
    answered integer NOT NULL DEFAULT 0,
    abandoned integer NOT NULL DEFAULT 0,
    -- Whether it has been told that nothing is left to dial.
    exhausted boolean NOT NULL DEFAULT false,
    PRIMARY KEY (tenant, campaign)
);

CREATE TABLE IF NOT EXISTS tenant.campaign_attempts (
    -- The name of the dial, by which a node of sip_cluster knows it again.
    id uuid PRIMARY KEY,
    tenant text NOT NULL,
    campaign text NOT NULL,
    list text NOT NULL,
    key text NOT NULL,
    number integer NOT NULL,
    stage text NOT NULL,
    asked_at double precision NOT NULL,
    -- When to ask again what has become of it.
    check_at double precision NOT NULL,
    conn_id text NOT NULL DEFAULT '',
    agent text NOT NULL DEFAULT '',
    result text NOT NULL DEFAULT '',
    reason text NOT NULL DEFAULT '',
    answered_at double precision NOT NULL DEFAULT 0,
    connected_at double precision NOT NULL DEFAULT 0,
    ended_at double precision NOT NULL DEFAULT 0
);
-- A record is dialled by one attempt at a time, whoever dials.
CREATE UNIQUE INDEX IF NOT EXISTS campaign_attempts_one
    ON tenant.campaign_attempts (tenant, list, key) WHERE stage <> 'over';
CREATE INDEX IF NOT EXISTS campaign_attempts_open
    ON tenant.campaign_attempts (tenant, campaign) WHERE stage <> 'over';

-- How far the events of calls have been taken into account.
CREATE TABLE IF NOT EXISTS tenant.campaign_cursors (
    tenant text PRIMARY KEY,
    cursor text NOT NULL
);

-- Events that are to be told: to Kafka, and to who listens.
CREATE TABLE IF NOT EXISTS tenant.campaign_outbox (
    seq bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant text NOT NULL,
    key text NOT NULL,
    event text NOT NULL
);
