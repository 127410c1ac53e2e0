-- What an agent says a talk has come to, and when the customer wants to be called.
ALTER TABLE tenant.campaign_attempts ADD COLUMN IF NOT EXISTS outcome text NOT NULL DEFAULT '';
ALTER TABLE tenant.campaign_attempts ADD COLUMN IF NOT EXISTS outcome_by text NOT NULL DEFAULT '';
ALTER TABLE tenant.campaign_attempts ADD COLUMN IF NOT EXISTS call_at double precision NOT NULL DEFAULT 0;
ALTER TABLE tenant.calling_records ADD COLUMN IF NOT EXISTS outcome text NOT NULL DEFAULT '';
CREATE INDEX IF NOT EXISTS campaign_attempts_record ON tenant.campaign_attempts (tenant, list, key, number DESC);

-- Callbacks that agents have promised, until engagement has them.
CREATE TABLE IF NOT EXISTS tenant.campaign_promises (
    attempt uuid PRIMARY KEY,
    tenant text NOT NULL,
    service text NOT NULL,
    number text NOT NULL,
    call_at double precision NOT NULL,
    data jsonb NOT NULL,
    -- Told of it, as JSON.
    event text NOT NULL,
    try_at double precision NOT NULL
);
