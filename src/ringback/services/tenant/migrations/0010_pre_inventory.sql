-- Who and what has existed when, for billing: one row when an item appears and one when it is gone. Written by
-- triggers, so that whatever writes an object writes its history; never changed.

CREATE TABLE IF NOT EXISTS tenant.inventory_log (
    seq bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant text NOT NULL,
    -- persons, persons.enabled, logins, dns.<type>, agent-groups, skills, places, …
    category text NOT NULL,
    item text NOT NULL,
    -- The person that a login belongs to.
    owner text NOT NULL DEFAULT '',
    present boolean NOT NULL,
    version bigint NOT NULL,
    at timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX IF NOT EXISTS inventory_log_items ON tenant.inventory_log (tenant, category, item, owner, seq);
CREATE INDEX IF NOT EXISTS inventory_log_at ON tenant.inventory_log (tenant, at);

CREATE OR REPLACE FUNCTION tenant.inventory_items(kind text, id text, body jsonb)
RETURNS TABLE (category text, item text, owner text) LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE WHEN kind = 'dns' THEN 'dns.' || (body ->> 'type') ELSE kind END, id, ''
    WHERE body IS NOT NULL
    UNION ALL
    SELECT 'persons.enabled', id, ''
    WHERE kind = 'persons' AND body IS NOT NULL AND coalesce(body ->> 'enabled', 'true') = 'true'
    UNION ALL
    SELECT DISTINCT 'logins', login, id
    FROM jsonb_array_elements_text(coalesce(body -> 'login_ids', '[]')) AS login
    WHERE kind = 'persons' AND body IS NOT NULL
$$;

CREATE OR REPLACE FUNCTION tenant.log_inventory() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    before jsonb := CASE WHEN tg_op = 'UPDATE' THEN old.body END;
BEGIN
    INSERT INTO tenant.inventory_log (tenant, category, item, owner, present, version)
    SELECT new.tenant, gone.category, gone.item, gone.owner, false, new.version
    FROM (SELECT * FROM tenant.inventory_items(new.kind, new.id, before)
          EXCEPT SELECT * FROM tenant.inventory_items(new.kind, new.id, new.body)) AS gone;
    INSERT INTO tenant.inventory_log (tenant, category, item, owner, present, version)
    SELECT new.tenant, come.category, come.item, come.owner, true, new.version
    FROM (SELECT * FROM tenant.inventory_items(new.kind, new.id, new.body)
          EXCEPT SELECT * FROM tenant.inventory_items(new.kind, new.id, before)) AS come;
    RETURN NULL;
END
$$;

CREATE OR REPLACE FUNCTION tenant.inventory_is_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'tenant.inventory_log is append-only';
END
$$;

CREATE OR REPLACE TRIGGER objects_log_inventory AFTER INSERT OR UPDATE OF body ON tenant.objects
    FOR EACH ROW EXECUTE FUNCTION tenant.log_inventory();
CREATE OR REPLACE TRIGGER inventory_log_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON tenant.inventory_log
    FOR EACH STATEMENT EXECUTE FUNCTION tenant.inventory_is_append_only();

-- What is there already has existed since its last change at least.
INSERT INTO tenant.inventory_log (tenant, category, item, owner, present, version, at)
SELECT objects.tenant, items.category, items.item, items.owner, true, objects.version, objects.changed_at
FROM tenant.objects, tenant.inventory_items(objects.kind, objects.id, objects.body) AS items
WHERE NOT EXISTS (SELECT 1 FROM tenant.inventory_log);
