-- name: put_group
INSERT INTO engagement.callin_groups (
    tenant, name, numbers, code_length, expiry_s, default_country, wrong_by_caller, wrong_in_all, lock_s
) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
ON CONFLICT (tenant, name) DO UPDATE
SET numbers = excluded.numbers, code_length = excluded.code_length, expiry_s = excluded.expiry_s,
    default_country = excluded.default_country, wrong_by_caller = excluded.wrong_by_caller,
    wrong_in_all = excluded.wrong_in_all, lock_s = excluded.lock_s

-- name: delete_group
DELETE FROM engagement.callin_groups WHERE tenant = $1 AND name = $2 RETURNING name

-- name: read_group
SELECT * FROM engagement.callin_groups WHERE tenant = $1 AND name = $2

-- name: read_groups
SELECT * FROM engagement.callin_groups WHERE tenant = $1 ORDER BY name

-- name: groups_of_number
SELECT * FROM engagement.callin_groups WHERE tenant = $1 AND $2 = ANY(numbers) ORDER BY name

-- name: expire
UPDATE engagement.callins SET state = 'EXPIRED' WHERE state = 'WAITING' AND expires_at <= $1

-- name: insert
INSERT INTO engagement.callins (
    id, tenant, group_name, to_number, from_number, code, callback_id, user_data, created_at, expires_at
) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
ON CONFLICT DO NOTHING
RETURNING id

-- name: callback_there
SELECT 1 FROM engagement.callbacks WHERE tenant = $1 AND id = $2

-- name: of_call
SELECT * FROM engagement.callins WHERE tenant = $1 AND call_id = $2

-- name: match_code
UPDATE engagement.callins SET state = 'MATCHED', matched_at = $4, call_id = $5
WHERE id = (
    SELECT id FROM engagement.callins
    WHERE tenant = $1 AND group_name = ANY($2::text[]) AND code = $3 AND state = 'WAITING' AND expires_at > $4
    FOR UPDATE SKIP LOCKED
    LIMIT 1
)
RETURNING *

-- name: match_caller
UPDATE engagement.callins SET state = 'MATCHED', matched_at = $4, call_id = $5
WHERE id = (
    SELECT id FROM engagement.callins
    WHERE tenant = $1 AND to_number = $2 AND from_number = $3 AND code IS NULL AND state = 'WAITING'
        AND expires_at > $4
    ORDER BY created_at DESC
    FOR UPDATE SKIP LOCKED
    LIMIT 1
)
RETURNING *

-- name: latest
SELECT * FROM engagement.callins WHERE tenant = $1 ORDER BY created_at DESC LIMIT $2

-- name: forget
DELETE FROM engagement.callins WHERE state <> 'WAITING' AND created_at < $1

-- name: waiting_for
-- Of the named service first; nobody who is being dialled already.
SELECT * FROM engagement.callbacks
WHERE tenant = $1 AND number = $2 AND state <> 'COMPLETED' AND state <> 'PROCESSING'
  AND (state = 'SCHEDULED' OR NOT dialled)
ORDER BY (service = $3) DESC NULLS LAST, arrived_at
LIMIT 1

-- name: is_locked
SELECT 1 FROM engagement.callin_wrong
WHERE tenant = $1 AND group_name = ANY($2::text[]) AND caller = ANY($3::text[]) AND locked_until > $4
LIMIT 1

-- name: note_wrong
-- A count begins anew when the first of it is as old as a lock is long.
INSERT INTO engagement.callin_wrong AS w (tenant, group_name, caller, wrong, since, locked_until)
SELECT $1, $2, $3, 1, at, CASE WHEN $5::int <= 1 THEN at + lock END
FROM (SELECT $4::timestamptz AS at, make_interval(secs => $6::float8) AS lock) AS given
ON CONFLICT (tenant, group_name, caller) DO UPDATE SET
    wrong = CASE WHEN w.since < $4::timestamptz - make_interval(secs => $6::float8) THEN 1 ELSE w.wrong + 1 END,
    since = CASE WHEN w.since < $4::timestamptz - make_interval(secs => $6::float8) THEN $4::timestamptz
            ELSE w.since END,
    locked_until = CASE
        WHEN w.since < $4::timestamptz - make_interval(secs => $6::float8) THEN excluded.locked_until
        WHEN w.wrong + 1 >= $5::int THEN $4::timestamptz + make_interval(secs => $6::float8)
    END

-- name: forgive
DELETE FROM engagement.callin_wrong WHERE tenant = $1 AND group_name = ANY($2::text[]) AND caller = $3

-- name: forget_wrong
DELETE FROM engagement.callin_wrong WHERE since < $1

-- name: lock_guesses
SELECT pg_advisory_xact_lock(141, hashtext($1))
