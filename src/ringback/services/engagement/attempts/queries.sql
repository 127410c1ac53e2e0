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
-- Not before all is told: what is told is read with the callback.
WITH gone AS (
    DELETE FROM engagement.callbacks
    WHERE id IN (
        SELECT id FROM engagement.callbacks
        WHERE state = 'COMPLETED' AND tenant = $1 AND service = $2 AND updated_at < $3
          AND id NOT IN (SELECT callback_id FROM engagement.outbox)
        ORDER BY updated_at
        LIMIT $4
        FOR UPDATE SKIP LOCKED
    )
    RETURNING id
), steps AS (
    DELETE FROM engagement.steps s USING gone WHERE s.callback_id = gone.id
)
SELECT id FROM gone

-- name: note_step
INSERT INTO engagement.steps (
    callback_id, tenant, line, number, attempt, kind, at, arrived_at, lives, agent_id, result, reason, position, ewt
) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)

-- name: steps_of
SELECT * FROM engagement.steps WHERE callback_id = ANY($1::uuid[]) ORDER BY id

-- name: steps_after
-- Numbers are given out before their transactions end: what is younger than that may still have a gap before it.
SELECT * FROM engagement.steps
WHERE id > $1 AND stored_at < now() - make_interval(secs => $2)
ORDER BY id
LIMIT $3

-- name: last_step
SELECT coalesce(max(id), 0) FROM engagement.steps

-- name: tell_report
INSERT INTO engagement.outbox (kind, callback_id, attempt, reason, next_try_at) VALUES ('report', $1, $2, $3, $4)
