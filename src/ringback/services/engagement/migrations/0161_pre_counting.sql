-- As in 0002, but counting stops at the limit: a number with many callbacks costs no more than another.
CREATE OR REPLACE FUNCTION engagement.take(
    p_tenant text, p_service text, p_number text, p_waiting integer,
    p_throttle text, p_throttled integer, p_since timestamptz,
    p_slot bigint, p_minutes smallint, p_capacity integer
) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    IF p_waiting IS NOT NULL THEN
        PERFORM pg_advisory_xact_lock(20, hashtext(p_tenant || E'\n' || p_service || E'\n' || p_number));
        IF p_waiting <= (SELECT count(*) FROM (
            SELECT FROM engagement.callbacks
            WHERE tenant = p_tenant AND number = p_number AND service = p_service AND state <> 'COMPLETED'
            LIMIT p_waiting) AS waiting) THEN
            RETURN 'number-waiting';
        END IF;
    END IF;
    IF p_throttled IS NOT NULL THEN
        PERFORM pg_advisory_xact_lock(21, hashtext(p_tenant || E'\n' || p_throttle));
        IF p_throttled <= (SELECT count(*) FROM (
            SELECT FROM engagement.callbacks
            WHERE tenant = p_tenant AND throttle_key = p_throttle AND created_at > p_since
            LIMIT p_throttled) AS lately) THEN
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
