-- Outcomes by hour are read often.
CREATE INDEX IF NOT EXISTS campaign_attempts_asked ON tenant.campaign_attempts (tenant, asked_at);

-- The audit log of the platform: who started or stopped a campaign. Auth and engagement write into it too; each
-- makes it, whoever is migrated first.
CREATE SCHEMA IF NOT EXISTS audit;

CREATE TABLE IF NOT EXISTS audit.entries (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant text NOT NULL,
    at timestamptz NOT NULL,
    who text NOT NULL,
    source text NOT NULL,
    action text NOT NULL,
    subject text NOT NULL,
    before json,
    after json
);

CREATE INDEX IF NOT EXISTS entries_tenant ON audit.entries (tenant, id DESC);
CREATE INDEX IF NOT EXISTS entries_subject ON audit.entries (tenant, subject, id DESC);

CREATE OR REPLACE FUNCTION audit.keep() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the audit log is only ever added to';
END
$$;

CREATE OR REPLACE TRIGGER entries_keep BEFORE UPDATE OR DELETE OR TRUNCATE ON audit.entries
FOR EACH STATEMENT EXECUTE FUNCTION audit.keep();
