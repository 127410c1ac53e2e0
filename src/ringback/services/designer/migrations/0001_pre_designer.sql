CREATE SCHEMA IF NOT EXISTS designer;

-- A tenant's own applications; one of the same name stands before the one that is shipped.
CREATE TABLE IF NOT EXISTS designer.applications (
    tenant text NOT NULL,
    name text NOT NULL,
    document text NOT NULL,
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant, name)
);

-- Rows by their key, with the columns as strings. `wanted` is the version that was published last, `delivered`
-- the one that the receiver has taken.
CREATE TABLE IF NOT EXISTS designer.tables (
    tenant text NOT NULL,
    name text NOT NULL,
    rows jsonb NOT NULL,
    version bigint NOT NULL DEFAULT 1,
    wanted bigint NOT NULL DEFAULT 0,
    delivered bigint NOT NULL DEFAULT 0,
    published jsonb,
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant, name)
);

CREATE INDEX IF NOT EXISTS tables_undelivered ON designer.tables (tenant, name) WHERE wanted > delivered;
