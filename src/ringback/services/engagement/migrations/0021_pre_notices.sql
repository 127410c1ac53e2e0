-- Callbacks whose devices are still to be told that their turn comes near; a row goes when they were.
CREATE TABLE IF NOT EXISTS engagement.push_watch (
    callback_id uuid PRIMARY KEY
);

-- Notices to devices: an outbox, and the record of what became of each.
CREATE TABLE IF NOT EXISTS engagement.notices (
    id uuid PRIMARY KEY,
    tenant text NOT NULL,
    callback_id uuid NOT NULL,
    event text NOT NULL,
    channel text NOT NULL,
    target text NOT NULL,
    data json NOT NULL,
    state text NOT NULL DEFAULT 'PENDING' CHECK (state IN ('PENDING', 'SENT', 'FAILED')),
    -- The push service's id of the message, or why there is none.
    result text NOT NULL DEFAULT '',
    tries integer NOT NULL DEFAULT 0,
    created_at timestamptz NOT NULL,
    finished_at timestamptz,
    next_try_at timestamptz NOT NULL
);

CREATE INDEX IF NOT EXISTS notices_next ON engagement.notices (next_try_at) WHERE state = 'PENDING';
CREATE INDEX IF NOT EXISTS notices_callback ON engagement.notices (callback_id);
CREATE INDEX IF NOT EXISTS notices_finished ON engagement.notices (finished_at) WHERE state <> 'PENDING';
