-- name: read_user
SELECT name, tenant, password_hash, roles, scopes, created_at FROM auth.users WHERE name = $1

-- name: lock_user
SELECT name, tenant, password_hash, roles, scopes, created_at FROM auth.users WHERE name = $1 FOR UPDATE

-- name: read_users
SELECT name, tenant, password_hash, roles, scopes, created_at FROM auth.users WHERE tenant = $1 ORDER BY name

-- name: delete_user
DELETE FROM auth.users WHERE name = $1

-- name: change_password
UPDATE auth.users SET password_hash = $2, tokens_from = to_timestamp($3::double precision) WHERE name = $1

-- name: accepts_token
SELECT name FROM auth.users WHERE name = $1 AND tenant = $2 AND tokens_from <= to_timestamp($3::double precision)

-- name: delete_links
DELETE FROM auth.links WHERE user_name = $1

-- name: insert_user
INSERT INTO auth.users (name, tenant, password_hash, roles, scopes) VALUES ($1, $2, $3, $4, $5)
ON CONFLICT DO NOTHING
RETURNING name

-- name: change_roles
UPDATE auth.users SET roles = $2, scopes = $3 WHERE name = $1

-- name: change_hash
UPDATE auth.users SET password_hash = $2 WHERE name = $1

-- name: put_key
INSERT INTO auth.api_keys (sha256, tenant, name, prefix, rate, burst) VALUES ($1, $2, $3, $4, $5, $6)
ON CONFLICT (tenant, name) DO UPDATE
SET sha256 = excluded.sha256, prefix = excluded.prefix, rate = excluded.rate, burst = excluded.burst,
    created_at = now()

-- name: lock_key
SELECT tenant, name, prefix, rate, burst, created_at FROM auth.api_keys WHERE tenant = $1 AND name = $2 FOR UPDATE

-- name: read_keys
SELECT tenant, name, prefix, rate, burst, created_at FROM auth.api_keys WHERE tenant = $1 ORDER BY name

-- name: delete_key
DELETE FROM auth.api_keys WHERE tenant = $1 AND name = $2

-- name: read_key
SELECT tenant, name, prefix, rate, burst, created_at FROM auth.api_keys WHERE sha256 = $1

-- name: put_link
INSERT INTO auth.links (sha256, user_name, expires_at) VALUES ($1, $2, to_timestamp($3::double precision))

-- name: forget_links
DELETE FROM auth.links WHERE expires_at < to_timestamp($1::double precision)

-- name: read_link
SELECT u.name, u.tenant FROM auth.links l JOIN auth.users u ON u.name = l.user_name
WHERE l.sha256 = $1 AND l.expires_at > to_timestamp($2::double precision)

-- name: lock_signing_keys
LOCK TABLE auth.signing_keys IN SHARE ROW EXCLUSIVE MODE

-- name: read_signing_keys
SELECT kid, private_pem FROM auth.signing_keys ORDER BY created_at

-- name: insert_signing_key
INSERT INTO auth.signing_keys (kid, private_pem) VALUES ($1, $2)
