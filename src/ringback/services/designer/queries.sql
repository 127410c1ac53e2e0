-- name: read_application
SELECT document FROM designer.applications WHERE tenant = $1 AND name = $2

-- name: list_applications
SELECT name FROM designer.applications WHERE tenant = $1 ORDER BY name

-- name: lock_application
SELECT pg_advisory_xact_lock(hashtextextended($1 || '/' || $2, 0))

-- name: keep_version
INSERT INTO designer.versions (tenant, name, version, document)
SELECT $1, $2, COALESCE(max(version), 0) + 1, $3 FROM designer.versions WHERE tenant = $1 AND name = $2
RETURNING version

-- name: publish_version
INSERT INTO designer.applications (tenant, name, document, published)
SELECT tenant, name, document, version FROM designer.versions WHERE tenant = $1 AND name = $2 AND version = $3
ON CONFLICT (tenant, name) DO UPDATE
SET document = EXCLUDED.document, published = EXCLUDED.published, updated_at = now()
RETURNING published

-- name: read_published
SELECT document, published FROM designer.applications WHERE tenant = $1 AND name = $2

-- name: list_versions
SELECT v.version, v.document, extract(epoch FROM v.created_at)::float8 AS created_at,
    COALESCE(v.version = a.published, false) AS published
FROM designer.versions v LEFT JOIN designer.applications a USING (tenant, name)
WHERE v.tenant = $1 AND v.name = $2 ORDER BY v.version

-- name: read_version
SELECT document FROM designer.versions WHERE tenant = $1 AND name = $2 AND version = $3

-- name: write_draft
INSERT INTO designer.drafts (tenant, name, document) VALUES ($1, $2, $3)
ON CONFLICT (tenant, name) DO UPDATE SET document = EXCLUDED.document, updated_at = now()

-- name: read_draft
SELECT document FROM designer.drafts WHERE tenant = $1 AND name = $2

-- name: remove_draft
DELETE FROM designer.drafts WHERE tenant = $1 AND name = $2 RETURNING document

-- name: remove_application
DELETE FROM designer.applications WHERE tenant = $1 AND name = $2 RETURNING name

-- name: read_table
SELECT rows::text, version, delivered FROM designer.tables WHERE tenant = $1 AND name = $2

-- name: write_table
INSERT INTO designer.tables (tenant, name, rows) VALUES ($1, $2, $3::jsonb)
ON CONFLICT (tenant, name) DO UPDATE
SET rows = EXCLUDED.rows, version = designer.tables.version + 1, updated_at = now()
RETURNING version

-- name: publish_table
UPDATE designer.tables SET wanted = version, published = rows
WHERE tenant = $1 AND name = $2 RETURNING version

-- name: undelivered
SELECT tenant, name, wanted, published::text FROM designer.tables WHERE wanted > delivered

-- name: delivered
UPDATE designer.tables SET delivered = GREATEST(delivered, $3) WHERE tenant = $1 AND name = $2

-- name: read_share
SELECT version, percent FROM designer.shares WHERE tenant = $1 AND name = $2

-- name: write_share
INSERT INTO designer.shares (tenant, name, version, percent) VALUES ($1, $2, $3, $4)
ON CONFLICT (tenant, name) DO UPDATE
SET version = EXCLUDED.version, percent = EXCLUDED.percent, updated_at = now()

-- name: remove_share
DELETE FROM designer.shares WHERE tenant = $1 AND name = $2 RETURNING version

-- name: read_published_table
SELECT published::text FROM designer.tables WHERE tenant = $1 AND name = $2
