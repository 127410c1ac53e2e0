-- Credentials of the tenants for services outside, encrypted under the cluster secret.
CREATE TABLE IF NOT EXISTS engagement.credentials (
    tenant text NOT NULL,
    kind text NOT NULL CHECK (kind IN ('captcha', 'push', 'statistics')),
    name text NOT NULL,
    sealed text NOT NULL,
    updated_at timestamptz NOT NULL,
    PRIMARY KEY (tenant, kind, name)
);
