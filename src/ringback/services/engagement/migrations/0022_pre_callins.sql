-- Groups of numbers that customers dial after a request.
CREATE TABLE IF NOT EXISTS engagement.callin_groups (
    tenant text NOT NULL,
    name text NOT NULL,
    numbers text[] NOT NULL,
    -- NULL: customers are recognised by their own number.
    code_length integer,
    expiry_s integer NOT NULL,
    default_country text NOT NULL,
    PRIMARY KEY (tenant, name)
);

CREATE TABLE IF NOT EXISTS engagement.callins (
    id uuid PRIMARY KEY,
    tenant text NOT NULL,
    group_name text NOT NULL,
    to_number text NOT NULL,
    from_number text NOT NULL DEFAULT '',
    code text,
    callback_id uuid,
    user_data json NOT NULL,
    state text NOT NULL DEFAULT 'WAITING' CHECK (state IN ('WAITING', 'MATCHED', 'EXPIRED')),
    call_id text,
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    matched_at timestamptz
);

-- A code stands for one waiting request of its group.
CREATE UNIQUE INDEX IF NOT EXISTS callins_code ON engagement.callins (tenant, group_name, code)
    WHERE state = 'WAITING' AND code IS NOT NULL;
CREATE INDEX IF NOT EXISTS callins_caller ON engagement.callins (tenant, to_number, from_number)
    WHERE state = 'WAITING';
CREATE UNIQUE INDEX IF NOT EXISTS callins_call ON engagement.callins (tenant, call_id) WHERE call_id IS NOT NULL;
CREATE INDEX IF NOT EXISTS callins_expiring ON engagement.callins (expires_at) WHERE state = 'WAITING';
CREATE INDEX IF NOT EXISTS callins_latest ON engagement.callins (tenant, created_at DESC);
