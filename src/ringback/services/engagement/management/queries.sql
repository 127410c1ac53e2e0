-- name: list_callbacks
SELECT * FROM engagement.callbacks
WHERE tenant = $1 {where}
ORDER BY {key} {order}, id {order}
LIMIT {limit}

-- name: count_callbacks
SELECT count(*) FROM (SELECT FROM engagement.callbacks WHERE tenant = $1 {where} LIMIT {limit}) AS found

-- name: where_id
AND id = {}

-- name: where_ids
AND id = ANY({}::uuid[])

-- name: where_states
AND state = ANY({}::text[])

-- name: where_reasons
AND reason = ANY({}::text[])

-- name: where_services
AND service = ANY({}::text[])

-- name: where_number
AND number = ANY({}::text[])

-- name: where_offer_types
-- User data may hold U+0000, which PostgreSQL reads in no JSON.
AND replace(details::text, '\u0000', '\u0020')::json ->> 'offer_type' = ANY({}::text[])

-- name: where_desired_from
AND coalesce(desired_at, arrived_at) >= {}

-- name: where_desired_to
AND coalesce(desired_at, arrived_at) < {}

-- name: where_updated_from
AND updated_at >= {}

-- name: where_updated_to
AND updated_at < {}

-- name: where_after_asc
AND ({key}, id) > ({}, {})

-- name: where_after_desc
AND ({key}, id) < ({}, {})

-- name: read_history
SELECT * FROM engagement.callback_history WHERE callback_id = $1 ORDER BY id

-- name: list_audit
SELECT * FROM audit.entries
WHERE tenant = $1 AND ($2::bigint IS NULL OR id < $2) AND ($3::text IS NULL OR who = $3)
  AND ($4::text IS NULL OR action = $4 OR action LIKE $4 || '.%') AND ($5::text IS NULL OR subject = $5)
  AND ($6::timestamptz IS NULL OR at >= $6) AND ($7::timestamptz IS NULL OR at < $7)
ORDER BY id DESC
LIMIT $8

-- name: count_by_service
SELECT service, count(*) FILTER (WHERE state <> 'SCHEDULED') AS queued,
       count(*) FILTER (WHERE state = 'SCHEDULED') AS scheduled
FROM engagement.callbacks
WHERE tenant = $1 AND state IN ('SCHEDULED', 'QUEUED', 'ROUTING')
GROUP BY service

-- name: list_callins
SELECT * FROM engagement.callins
WHERE tenant = $1 AND ($2::text IS NULL OR group_name = $2) AND ($3::uuid IS NULL OR id = $3)
  AND ($4::text IS NULL OR from_number = $4)
  AND ($5::timestamptz IS NULL OR (created_at, id) < ($5, $6::uuid))
ORDER BY created_at DESC, id DESC
LIMIT $7

-- name: prioritize
UPDATE engagement.callbacks SET priority = $2 WHERE id = $1
