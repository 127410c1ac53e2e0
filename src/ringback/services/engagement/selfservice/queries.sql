-- name: link_keys
SELECT number, sealed, created_at FROM engagement.link_keys ORDER BY number

-- name: lock_link_keys
SELECT pg_advisory_xact_lock(140)

-- name: next_link_key
SELECT nextval(pg_get_serial_sequence('engagement.link_keys', 'number'))::integer

-- name: insert_link_key
INSERT INTO engagement.link_keys (number, sealed, created_at) OVERRIDING SYSTEM VALUE VALUES ($1, $2, $3)

-- name: forget_link_keys
DELETE FROM engagement.link_keys WHERE created_at < $1

-- name: other_link_keys
DELETE FROM engagement.link_keys WHERE number <> $1

-- name: callback_of_link
SELECT * FROM engagement.callbacks WHERE id = $1

-- name: call_in_of
SELECT to_number, code FROM engagement.callins
WHERE tenant = $1 AND callback_id = $2 AND state = 'WAITING' AND expires_at > $3
ORDER BY created_at DESC
LIMIT 1
