-- Every text of an application that was ever published, numbered from 1 for each tenant and name. The published one
-- stays in designer.applications as well, where the version before reads it.
CREATE TABLE IF NOT EXISTS designer.versions (
    tenant text NOT NULL,
    name text NOT NULL,
    version integer NOT NULL,
    document text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant, name, version)
);

-- What is being written and is served to nobody yet.
CREATE TABLE IF NOT EXISTS designer.drafts (
    tenant text NOT NULL,
    name text NOT NULL,
    document text NOT NULL,
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant, name)
);

ALTER TABLE designer.applications ADD COLUMN IF NOT EXISTS published integer;

INSERT INTO designer.versions (tenant, name, version, document, created_at)
SELECT tenant, name, 1, document, updated_at FROM designer.applications WHERE published IS NULL
ON CONFLICT DO NOTHING;

UPDATE designer.applications SET published = 1 WHERE published IS NULL;
