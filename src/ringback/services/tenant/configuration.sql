-- name: lock_tenant
SELECT pg_advisory_xact_lock(hashtext('tenant.objects'), hashtext($1));

-- name: newest_version
SELECT coalesce(max(version), 0) FROM tenant.objects WHERE tenant = $1;

-- name: write_object
INSERT INTO tenant.objects AS old (tenant, kind, id, body, version)
VALUES ($1, $2, $3, $4::text::jsonb, $5)
ON CONFLICT (tenant, kind, id) DO UPDATE
    SET body = excluded.body, version = excluded.version, changed_at = now()
    WHERE old.body IS DISTINCT FROM excluded.body
RETURNING version;

-- name: remove_object
UPDATE tenant.objects SET body = NULL, version = $4, changed_at = now()
WHERE tenant = $1 AND kind = $2 AND id = $3 AND body IS NOT NULL
RETURNING version;

-- name: read_object
SELECT kind, id, body::text, version FROM tenant.objects
WHERE tenant = $1 AND kind = $2 AND id = $3 AND body IS NOT NULL;

-- name: search
SELECT kind, id, body::text, version FROM tenant.objects
WHERE tenant = $1 AND kind = $2 AND body IS NOT NULL AND body @> $3::text::jsonb AND id > $4
    AND ($6 = '' OR position(lower($6) IN lower(id || ' ' || coalesce(body ->> 'name', ''))) > 0)
ORDER BY id LIMIT $5;

-- name: inventory
SELECT kind, coalesce(body ->> 'type', '') AS type, count(*) FROM tenant.objects
WHERE tenant = $1 AND body IS NOT NULL GROUP BY 1, 2 ORDER BY 1, 2;

-- name: changes_since
SELECT kind, id, body::text, version FROM tenant.objects
WHERE tenant = $1 AND version > $2 ORDER BY version LIMIT $3;
