-- Write many requests in one transaction: one round trip and one wait for the disk for all of them. Each is judged
-- by engagement.take in its turn, and sees what those before it have taken.
--
-- A row for each request, by its number from 1 on: '' when it is written, else why not. 'known': its
-- Idempotency-Key belongs to the callback `made`; 'key-reused': that came with another body. A key is kept only
-- with a request that is written. No key may stand twice in one call.
--
-- Locks are taken kind by kind, and in one order within a kind (keys, numbers, throttle keys, slots), so that two
-- nodes that write at the same time wait for each other at most, and never both.
CREATE OR REPLACE FUNCTION engagement.book(
    p_ids uuid[], p_tenants text[], p_services text[], p_numbers text[], p_states text[],
    p_created timestamptz[], p_desired timestamptz[], p_arrived timestamptz[], p_due timestamptz[],
    p_expires timestamptz[], p_attempts integer[], p_priorities integer[], p_details text[],
    p_waiting integer[], p_throttles text[], p_throttled integer[], p_since timestamptz[],
    p_slots bigint[], p_minutes smallint[], p_capacities integer[],
    p_starts boolean[], p_watched boolean[], p_keys text[], p_digests bytea[]
) RETURNS TABLE (n integer, word text, made uuid) LANGUAGE plpgsql AS $$
DECLARE
    words text[] := array_fill(''::text, ARRAY[cardinality(p_ids)]);
    known uuid[] := p_ids;
    i integer;
    digest bytea;
    holder uuid;
BEGIN
    FOR i IN SELECT k.o FROM unnest(p_tenants, p_keys) WITH ORDINALITY AS k (tenant, key, o)
             WHERE k.key IS NOT NULL ORDER BY k.tenant, k.key LOOP
        INSERT INTO engagement.idempotency (tenant, key, body_sha256, callback_id, created_at)
        VALUES (p_tenants[i], p_keys[i], p_digests[i], p_ids[i], p_created[i])
        ON CONFLICT DO NOTHING;
        IF NOT FOUND THEN
            SELECT body_sha256, callback_id INTO digest, holder FROM engagement.idempotency
            WHERE tenant = p_tenants[i] AND key = p_keys[i];
            known[i] := holder;
            words[i] := CASE WHEN digest = p_digests[i] THEN 'known' ELSE 'key-reused' END;
        END IF;
    END LOOP;

    PERFORM pg_advisory_xact_lock(20, locks.hash) FROM (
        SELECT DISTINCT hashtext(w.tenant || E'\n' || w.service || E'\n' || w.number) AS hash
        FROM unnest(p_tenants, p_services, p_numbers, p_waiting) AS w (tenant, service, number, most)
        WHERE w.most IS NOT NULL ORDER BY hash) AS locks;
    PERFORM pg_advisory_xact_lock(21, locks.hash) FROM (
        SELECT DISTINCT hashtext(w.tenant || E'\n' || w.throttle) AS hash
        FROM unnest(p_tenants, p_throttles, p_throttled) AS w (tenant, throttle, most)
        WHERE w.most IS NOT NULL ORDER BY hash) AS locks;

    FOR i IN SELECT s.o FROM unnest(p_tenants, p_services, p_minutes, p_slots)
             WITH ORDINALITY AS s (tenant, service, minutes, slot, o)
             ORDER BY s.tenant, s.service, s.minutes, s.slot, s.o LOOP
        CONTINUE WHEN words[i] <> '';
        words[i] := engagement.take(
            p_tenants[i], p_services[i], p_numbers[i], p_waiting[i], p_throttles[i], p_throttled[i], p_since[i],
            p_slots[i], p_minutes[i], p_capacities[i]);
        IF words[i] = '' THEN
            INSERT INTO engagement.callbacks (
                id, tenant, service, number, state, created_at, updated_at, heard_at, desired_at, arrived_at,
                due_at, expires_at, attempt, priority, details, slot_at, slot_minutes, throttle_key)
            VALUES (
                p_ids[i], p_tenants[i], p_services[i], p_numbers[i], p_states[i], p_created[i], p_created[i],
                p_created[i], p_desired[i], p_arrived[i], p_due[i], p_expires[i], p_attempts[i], p_priorities[i],
                p_details[i]::json, p_slots[i], p_minutes[i], p_throttles[i]);
        ELSIF p_keys[i] IS NOT NULL THEN
            DELETE FROM engagement.idempotency WHERE tenant = p_tenants[i] AND key = p_keys[i];
        END IF;
    END LOOP;

    INSERT INTO engagement.outbox (kind, callback_id, attempt, next_try_at)
    SELECT 'start', s.id, s.attempt, s.at
    FROM unnest(p_ids, p_attempts, p_created, p_starts, words) AS s (id, attempt, at, wanted, word)
    WHERE s.wanted AND s.word = '';
    INSERT INTO engagement.push_watch (callback_id)
    SELECT s.id FROM unnest(p_ids, p_watched, words) AS s (id, wanted, word) WHERE s.wanted AND s.word = '';
    RETURN QUERY SELECT w.o::integer, w.word, w.made FROM unnest(words, known) WITH ORDINALITY AS w (word, made, o);
END
$$;
