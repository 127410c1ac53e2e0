CREATE SCHEMA IF NOT EXISTS auth;

CREATE TABLE IF NOT EXISTS auth.users (
    name text PRIMARY KEY,
    tenant text NOT NULL,
    password_hash text NOT NULL,
    roles text[] NOT NULL DEFAULT '{}',
    created_at timestamptz NOT NULL DEFAULT now()
);

-- Keys and opaque tokens are kept as digests only.
CREATE TABLE IF NOT EXISTS auth.api_keys (
    sha256 text PRIMARY KEY,
    tenant text NOT NULL,
    name text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (tenant, name)
);

CREATE TABLE IF NOT EXISTS auth.links (
    sha256 text PRIMARY KEY,
    user_name text NOT NULL REFERENCES auth.users (name) ON DELETE CASCADE,
    expires_at timestamptz NOT NULL
);

-- Private keys are encrypted with the platform's secret.
CREATE TABLE IF NOT EXISTS auth.signing_keys (
    kid text PRIMARY KEY,
    private_pem bytea NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);
