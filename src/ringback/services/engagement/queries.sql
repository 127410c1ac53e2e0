-- name: book
SELECT word, made FROM engagement.book(
    $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, $24
) ORDER BY n

-- name: release_slot
WITH had AS (
    SELECT tenant, service, slot_minutes, slot_at FROM engagement.callbacks
    WHERE id = $1 AND slot_at IS NOT NULL
), freed AS (
    UPDATE engagement.slots s SET taken = greatest(s.taken - 1, 0) FROM had
    WHERE (s.tenant, s.service, s.minutes, s.starts_at)
        = (had.tenant, had.service, had.slot_minutes, had.slot_at)
)
UPDATE engagement.callbacks SET slot_at = NULL WHERE id = $1 AND slot_at IS NOT NULL

-- name: taken_slots
SELECT array_agg(starts_at) AS starts, array_agg(taken) AS taken,
       coalesce(bool_or(minutes <> $3), false) AS mixed
FROM engagement.slots
WHERE tenant = $1 AND service = $2 AND starts_at >= $4 AND starts_at < $5

-- name: count_slots
SELECT slot_at, count(*) AS taken FROM engagement.callbacks
WHERE tenant = $1 AND service = $2 AND slot_at >= $3 AND slot_at < $4
GROUP BY slot_at

-- name: forget_slots
DELETE FROM engagement.slots WHERE starts_at < $1

-- name: read_idempotency_key
SELECT callback_id, body_sha256 FROM engagement.idempotency WHERE tenant = $1 AND key = $2

-- name: forget_idempotency_keys
DELETE FROM engagement.idempotency WHERE created_at < $1

-- name: read_callback
SELECT * FROM engagement.callbacks WHERE tenant = $1 AND id = $2

-- name: read_callbacks
SELECT * FROM engagement.callbacks WHERE id = ANY($1::uuid[])

-- name: lock_callback
SELECT * FROM engagement.callbacks WHERE tenant = $1 AND id = $2 FOR UPDATE

-- name: lock_due
SELECT * FROM engagement.callbacks
WHERE state = 'SCHEDULED' AND due_at <= $1
ORDER BY due_at
LIMIT $2
FOR UPDATE SKIP LOCKED

-- name: next_due
SELECT min(due_at) FROM engagement.callbacks WHERE state = 'SCHEDULED'

-- name: lock_expired
SELECT * FROM engagement.callbacks
WHERE state = 'QUEUED' AND expires_at <= $1 AND NOT dialled
ORDER BY expires_at
LIMIT $2
FOR UPDATE SKIP LOCKED

-- name: stalled_callbacks
SELECT * FROM engagement.callbacks
WHERE state = 'ROUTING' AND updated_at <= $1
ORDER BY updated_at
LIMIT $2

-- name: update_progress
UPDATE engagement.callbacks
SET state = $2, reason = $3, due_at = $4, attempt = $5, step = $6, dialled = $7, dials = $8, last_result = $9,
    updated_at = $10, heard_at = $10, agent_id = $11, conn_id = $12, position = $13, ewt = $14
WHERE id = $1

-- name: hold_callbacks
UPDATE engagement.callbacks
SET updated_at = $2, due_at = CASE WHEN state = 'SCHEDULED' THEN $3::timestamptz END
WHERE id = ANY($1::uuid[])

-- name: tell
INSERT INTO engagement.outbox (kind, callback_id, attempt, reason, next_try_at) VALUES ($1, $2, $3, $4, $5)

-- name: lock_outbox
SELECT o.id AS outbox_id, o.reason AS outbox_reason, o.attempt AS outbox_attempt, c.*
FROM engagement.outbox o JOIN engagement.callbacks c ON c.id = o.callback_id
WHERE o.kind = $1 AND o.next_try_at <= $2
ORDER BY o.next_try_at, o.id
LIMIT $3
FOR UPDATE OF o SKIP LOCKED

-- name: delete_outbox
DELETE FROM engagement.outbox WHERE id = ANY($1::bigint[])

-- name: postpone_outbox
UPDATE engagement.outbox SET next_try_at = $2 WHERE id = ANY($1::bigint[])

-- name: silent_callbacks
SELECT * FROM engagement.callbacks
WHERE state IN ('QUEUED', 'ROUTING', 'PROCESSING') AND heard_at <= $1
ORDER BY heard_at
LIMIT $2

-- name: touch_callback
UPDATE engagement.callbacks SET heard_at = $2 WHERE id = $1 AND heard_at < $2

-- name: live_callbacks
SELECT * FROM engagement.callbacks
WHERE state IN ('QUEUED', 'ROUTING', 'PROCESSING') AND tenant = $1
ORDER BY arrived_at
LIMIT $2

-- name: latest_callbacks
SELECT * FROM engagement.callbacks
WHERE tenant = $1 AND state IN ('SCHEDULED', 'COMPLETED')
ORDER BY updated_at DESC
LIMIT $2

-- name: read_settings
SELECT service, properties FROM engagement.service_settings WHERE tenant = $1 AND service = ANY($2::text[])

-- name: read_service_names
SELECT service, properties FROM engagement.service_settings WHERE tenant = $1 ORDER BY service
