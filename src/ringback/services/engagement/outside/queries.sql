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
