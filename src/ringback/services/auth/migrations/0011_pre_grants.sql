-- Role to the queues that it is limited to; a role that is not there is for all queues.
ALTER TABLE auth.users ADD COLUMN IF NOT EXISTS scopes json NOT NULL DEFAULT '{}';
-- Signed tokens made before this moment are no longer good.
ALTER TABLE auth.users ADD COLUMN IF NOT EXISTS tokens_from timestamptz NOT NULL DEFAULT '-infinity';

-- The first characters of a key, to tell keys apart, and requests a second and at once; NULL: as set for all.
ALTER TABLE auth.api_keys ADD COLUMN IF NOT EXISTS prefix text NOT NULL DEFAULT '';
ALTER TABLE auth.api_keys ADD COLUMN IF NOT EXISTS rate double precision;
ALTER TABLE auth.api_keys ADD COLUMN IF NOT EXISTS burst integer;
