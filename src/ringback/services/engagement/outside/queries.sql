-- name: put_credential
INSERT INTO engagement.credentials (tenant, kind, name, sealed, updated_at)
VALUES ($1, $2, $3, $4, now())
ON CONFLICT (tenant, kind, name) DO UPDATE SET sealed = excluded.sealed, updated_at = excluded.updated_at

-- name: count_credentials
SELECT count(*) FROM engagement.credentials WHERE tenant = $1 AND kind = $2

-- name: delete_credential
DELETE FROM engagement.credentials WHERE tenant = $1 AND kind = $2 AND name = $3 RETURNING name

-- name: read_credentials
SELECT name, sealed FROM engagement.credentials WHERE tenant = $1 AND kind = $2 ORDER BY name

-- name: watched
-- The first of each line.
SELECT id FROM (
    SELECT c.id, row_number() OVER (PARTITION BY c.tenant, c.service ORDER BY c.arrived_at) AS place
    FROM engagement.callbacks c JOIN engagement.push_watch w ON w.callback_id = c.id
    WHERE c.state IN ('QUEUED', 'ROUTING')
) AS waiting
WHERE place <= $1

-- name: callbacks_by_id
SELECT * FROM engagement.callbacks WHERE id = ANY($1::uuid[]) ORDER BY tenant, service, arrived_at

-- name: take_watch
DELETE FROM engagement.push_watch WHERE callback_id = $1 RETURNING callback_id

-- name: forget_watches
DELETE FROM engagement.push_watch w USING engagement.callbacks c
WHERE c.id = w.callback_id AND c.state IN ('PROCESSING', 'COMPLETED')

-- name: insert_notice
INSERT INTO engagement.notices (
    id, tenant, callback_id, event, channel, target, data, created_at, next_try_at, attempt
) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $8, $9)

-- name: claim_notices
UPDATE engagement.notices n
SET tries = n.tries + 1, next_try_at = $2
FROM (
    SELECT id FROM engagement.notices
    WHERE state = 'PENDING' AND next_try_at <= $1
    ORDER BY next_try_at
    LIMIT $3
    FOR UPDATE SKIP LOCKED
) AS due, engagement.callbacks c
WHERE n.id = due.id AND c.id = n.callback_id
RETURNING n.*, c.state AS callback_state, c.attempt AS callback_attempt

-- name: finish_notice
UPDATE engagement.notices SET state = $2, result = $3, finished_at = $4
WHERE id = $1 AND state = 'PENDING'

-- name: postpone_notice
UPDATE engagement.notices SET next_try_at = $2, result = $3 WHERE id = $1 AND state = 'PENDING'

-- name: notices_of
SELECT * FROM engagement.notices WHERE tenant = $1 AND callback_id = $2 ORDER BY created_at, channel

-- name: forget_notices
DELETE FROM engagement.notices WHERE state <> 'PENDING' AND finished_at < $1

-- name: confirm_notice
UPDATE engagement.notices SET confirmed_at = coalesce(confirmed_at, $2) WHERE id = $1

-- name: notices_of_attempt
SELECT coalesce(bool_or(confirmed_at IS NOT NULL), false) AS confirmed,
       coalesce(bool_or(state = 'SENT'), false) AS sent
FROM engagement.notices WHERE callback_id = $1 AND attempt = $2

-- name: to_remind
SELECT c.* FROM engagement.callbacks c JOIN engagement.push_watch w ON w.callback_id = c.id
WHERE c.tenant = $1 AND c.service = $2 AND c.state = 'SCHEDULED' AND NOT w.reminded
  AND c.desired_at > $3 AND c.desired_at <= $4 AND c.due_at <= $4
ORDER BY c.due_at
LIMIT $5
FOR UPDATE OF w SKIP LOCKED

-- name: reminded
UPDATE engagement.push_watch SET reminded = true WHERE callback_id = $1
