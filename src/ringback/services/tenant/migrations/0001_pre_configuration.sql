CREATE SCHEMA IF NOT EXISTS tenant;

CREATE TABLE IF NOT EXISTS tenant.objects (
    tenant text NOT NULL,
    kind text NOT NULL,
    id text NOT NULL,
    -- NULL: the object was removed; the row stays so that its removal is published too.
    body jsonb,
    version bigint NOT NULL,
    changed_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant, kind, id)
);

CREATE UNIQUE INDEX IF NOT EXISTS objects_by_version ON tenant.objects (tenant, version);
