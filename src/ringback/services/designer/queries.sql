-- name: read_application
SELECT document FROM designer.applications WHERE tenant = $1 AND name = $2

-- name: list_applications
SELECT name FROM designer.applications WHERE tenant = $1 ORDER BY name

-- name: write_application
INSERT INTO designer.applications (tenant, name, document) VALUES ($1, $2, $3)
ON CONFLICT (tenant, name) DO UPDATE SET document = EXCLUDED.document, updated_at = now()

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
