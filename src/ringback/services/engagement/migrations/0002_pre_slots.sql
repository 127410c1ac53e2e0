-- Which slot a callback has taken (seconds since the epoch; NULL: none, or given back), and by what it is throttled.
ALTER TABLE engagement.callbacks ADD COLUMN IF NOT EXISTS slot_at bigint;
ALTER TABLE engagement.callbacks ADD COLUMN IF NOT EXISTS slot_minutes smallint;
ALTER TABLE engagement.callbacks ADD COLUMN IF NOT EXISTS throttle_key text;

CREATE INDEX IF NOT EXISTS callbacks_slot ON engagement.callbacks (tenant, service, slot_at)
    WHERE slot_at IS NOT NULL;
CREATE INDEX IF NOT EXISTS callbacks_number ON engagement.callbacks (tenant, number) WHERE state <> 'COMPLETED';
CREATE INDEX IF NOT EXISTS callbacks_throttle ON engagement.callbacks (tenant, throttle_key, created_at)
    WHERE throttle_key IS NOT NULL;

-- One row a slot that anybody has taken: how many have.
CREATE TABLE IF NOT EXISTS engagement.slots (
    tenant text NOT NULL,
    service text NOT NULL,
    minutes smallint NOT NULL,
    starts_at bigint NOT NULL,
    taken integer NOT NULL,
    PRIMARY KEY (tenant, service, minutes, starts_at)
) WITH (fillfactor = 70);

CREATE INDEX IF NOT EXISTS slots_age ON engagement.slots (starts_at);

-- Judge a request and take its place in a slot. '' when it may be booked, else why not. A limit that is NULL is
-- not looked at. Requests for one number, by one throttle key and for one slot follow each other, in this order
-- of locks, until their transactions end.
CREATE OR REPLACE FUNCTION engagement.take(
    p_tenant text, p_service text, p_number text, p_waiting integer,
    p_throttle text, p_throttled integer, p_since timestamptz,
    p_slot bigint, p_minutes smallint, p_capacity integer
) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    IF p_waiting IS NOT NULL THEN
        PERFORM pg_advisory_xact_lock(20, hashtext(p_tenant || E'\n' || p_service || E'\n' || p_number));
        IF p_waiting <= (SELECT count(*) FROM engagement.callbacks
                         WHERE tenant = p_tenant AND number = p_number AND service = p_service
                           AND state <> 'COMPLETED') THEN
            RETURN 'number-waiting';
        END IF;
    END IF;
    IF p_throttled IS NOT NULL THEN
        PERFORM pg_advisory_xact_lock(21, hashtext(p_tenant || E'\n' || p_throttle));
        IF p_throttled <= (SELECT count(*) FROM engagement.callbacks
                           WHERE tenant = p_tenant AND throttle_key = p_throttle AND created_at > p_since) THEN
            RETURN 'throttled';
        END IF;
    END IF;
    IF p_capacity IS NULL THEN
        RETURN '';
    END IF;
    UPDATE engagement.slots SET taken = taken + 1
    WHERE tenant = p_tenant AND service = p_service AND minutes = p_minutes AND starts_at = p_slot
      AND taken < p_capacity;
    IF FOUND THEN
        RETURN '';
    END IF;
    -- The first of a slot counts what slots of another length have let in within it.
    INSERT INTO engagement.slots
    SELECT p_tenant, p_service, p_minutes, p_slot, (
        SELECT count(*) FROM engagement.callbacks
        WHERE tenant = p_tenant AND service = p_service
          AND slot_at >= p_slot AND slot_at < p_slot + p_minutes * 60)
    WHERE NOT EXISTS (
        SELECT FROM engagement.slots
        WHERE tenant = p_tenant AND service = p_service AND minutes = p_minutes AND starts_at = p_slot)
    ON CONFLICT DO NOTHING;
    UPDATE engagement.slots SET taken = taken + 1
    WHERE tenant = p_tenant AND service = p_service AND minutes = p_minutes AND starts_at = p_slot
      AND taken < p_capacity;
    RETURN CASE WHEN FOUND THEN '' ELSE 'slot-full' END;
END
$$;
