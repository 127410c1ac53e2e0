-- A share of the new sessions of an application is served another version than the published one; version 0 is the
-- draft.
CREATE TABLE IF NOT EXISTS designer.shares (
    tenant text NOT NULL,
    name text NOT NULL,
    version integer NOT NULL,
    percent integer NOT NULL CHECK (percent BETWEEN 1 AND 100),
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant, name)
);
