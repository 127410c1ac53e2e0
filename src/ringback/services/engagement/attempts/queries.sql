-- name: lock_number
-- Leaves to dial one number follow each other until their transactions end.
SELECT pg_advisory_xact_lock(22, hashtext($1::text || E'\n' || $2::text))

-- name: number_taken
SELECT EXISTS (
    SELECT FROM engagement.callbacks
    WHERE tenant = $1 AND number = $2 AND id <> $3 AND dialled
      AND state IN ('QUEUED', 'ROUTING', 'PROCESSING') AND state <> 'COMPLETED'
)

-- name: purge
DELETE FROM engagement.callbacks
WHERE id IN (
    SELECT id FROM engagement.callbacks
    WHERE state = 'COMPLETED' AND tenant = $1 AND service = $2 AND updated_at < $3
    ORDER BY updated_at
    LIMIT $4
    FOR UPDATE SKIP LOCKED
)
RETURNING id
