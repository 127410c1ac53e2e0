-- name: lock_tenant
SELECT pg_advisory_xact_lock(22, hashtext($1))

-- name: read_rows
SELECT service, properties, version, source, updated_at FROM engagement.service_settings
WHERE tenant = $1
ORDER BY service

-- name: add_version
INSERT INTO engagement.settings_versions (tenant, service, version, properties, source, who, at)
SELECT $1, $2, 1 + greatest(
    (SELECT max(version) FROM engagement.settings_versions WHERE tenant = $1 AND service = $2),
    (SELECT version FROM engagement.service_settings WHERE tenant = $1 AND service = $2),
    0
), $3::json, $4, $5, $6
RETURNING version

-- name: put_row
INSERT INTO engagement.service_settings (tenant, service, properties, version, source, updated_at)
VALUES ($1, $2, $3, $4, $5, $6)
ON CONFLICT (tenant, service) DO UPDATE
SET properties = excluded.properties, version = excluded.version, source = excluded.source,
    updated_at = excluded.updated_at

-- name: delete_row
DELETE FROM engagement.service_settings WHERE tenant = $1 AND service = $2

-- name: read_versions
SELECT version, properties, source, who, at FROM engagement.settings_versions
WHERE tenant = $1 AND service = $2
ORDER BY version DESC
LIMIT 250
