-- name: add_records
INSERT INTO tenant.calling_records (tenant, list, key, number, time_zone, hours, priority, data, due_at, lines)
SELECT $1, $2, each ->> 'key', each ->> 'number', each ->> 'time_zone',
    ARRAY(SELECT jsonb_array_elements_text(each -> 'hours')), (each ->> 'priority')::integer, each -> 'data',
    (each ->> 'not_before')::float8, each -> 'lines'
FROM jsonb_array_elements($3::text::jsonb) AS each
ON CONFLICT (tenant, list, key) DO NOTHING RETURNING key;

-- name: remove_records
DELETE FROM tenant.calling_records
WHERE tenant = $1 AND list = $2 AND key = ANY($3::text[]) AND state <> 'dialling';

-- name: clear_list
DELETE FROM tenant.calling_records WHERE tenant = $1 AND list = $2 AND state <> 'dialling';

-- name: read_records
SELECT key, number, state, due_at, attempts, dials, result, reason, data::text, outcome FROM tenant.calling_records
WHERE tenant = $1 AND list = $2 AND ($3::text[] = '{}' OR key = ANY($3::text[])) AND key > $4
ORDER BY key LIMIT $5;

-- name: read_customers
SELECT records.list, records.key, records.number, records.state, records.due_at, records.dials, records.result,
    records.reason, records.outcome, last.agent, last.outcome_by, last.asked_at, last.call_at
FROM tenant.calling_records AS records LEFT JOIN LATERAL (
    SELECT agent, outcome_by, asked_at, call_at FROM tenant.campaign_attempts AS attempts
    WHERE attempts.tenant = records.tenant AND attempts.list = records.list AND attempts.key = records.key
    ORDER BY attempts.number DESC LIMIT 1) AS last ON true
WHERE records.tenant = $1 AND records.list = ANY($2::text[]) AND (records.list, records.key) > ($3, $4)
    AND ($5 = '' OR records.state = $5) AND ($6 = '' OR records.result = $6) AND ($7 = '' OR records.outcome = $7)
ORDER BY records.list, records.key LIMIT $8;

-- name: count_outcomes
SELECT outcome, count(*) AS number FROM tenant.calling_records
WHERE tenant = $1 AND list = ANY($2::text[]) AND outcome <> '' GROUP BY outcome ORDER BY outcome;

-- name: add_do_not_call
INSERT INTO tenant.do_not_call (tenant, number, reason, since)
SELECT $1, number, $3, $4 FROM unnest($2::text[]) AS number ON CONFLICT (tenant, number) DO NOTHING;

-- name: remove_do_not_call
DELETE FROM tenant.do_not_call WHERE tenant = $1 AND number = ANY($2::text[]);

-- name: on_do_not_call
SELECT number FROM tenant.do_not_call WHERE tenant = $1 AND number = ANY($2::text[]);

-- name: read_states
SELECT campaign, state, reason, since, answered, abandoned, exhausted FROM tenant.campaign_states
WHERE tenant = $1 AND ($2 = '' OR campaign = $2) ORDER BY campaign;

-- name: lock_state
SELECT campaign, state, reason, since, answered, abandoned, exhausted FROM tenant.campaign_states
WHERE tenant = $1 AND campaign = $2 FOR UPDATE;

-- name: open_state
INSERT INTO tenant.campaign_states (tenant, campaign, state, since) VALUES ($1, $2, 'unloaded', $3)
ON CONFLICT DO NOTHING;

-- name: write_state
UPDATE tenant.campaign_states SET state = $3, reason = $4, since = $5, answered = $6, abandoned = $7,
    exhausted = $8
WHERE tenant = $1 AND campaign = $2;

-- name: count_heard
UPDATE tenant.campaign_states SET answered = answered + $3, abandoned = abandoned + $4
WHERE tenant = $1 AND campaign = $2;

-- name: counts
SELECT state, result, count(*) AS number, min(due_at) AS soonest FROM tenant.calling_records
WHERE tenant = $1 AND list = ANY($2::text[]) GROUP BY state, result;

-- name: by_hour
SELECT campaign, floor(asked_at / 3600) * 3600 AS hour, count(*) AS dialled,
    count(*) FILTER (WHERE answered_at > 0) AS answered,
    count(*) FILTER (WHERE connected_at > 0) AS connected,
    count(*) FILTER (WHERE result = 'PERSON') AS abandoned,
    count(*) FILTER (WHERE result = 'BUSY') AS busy,
    count(*) FILTER (WHERE result = 'NO_ANSWER') AS no_answer,
    count(*) FILTER (WHERE result NOT IN ('', 'CONNECTED', 'PERSON', 'BUSY', 'NO_ANSWER')) AS other,
    count(*) FILTER (WHERE asked_at >= $3) AS recent
FROM tenant.campaign_attempts
WHERE tenant = $1 AND asked_at >= $2 AND (result <> '' OR stage IN ('asked', 'answered', 'talking'))
GROUP BY 1, 2 ORDER BY 1, 2;

-- name: open_attempts
SELECT count(*) FROM tenant.campaign_attempts WHERE tenant = $1 AND campaign = $2 AND stage <> 'over';

-- name: something_left
SELECT EXISTS (SELECT 1 FROM tenant.calling_records
    WHERE tenant = $1 AND list = ANY($2::text[]) AND state = 'waiting');

-- name: waiting
SELECT count(*) FROM tenant.calling_records WHERE tenant = $1 AND list = ANY($2::text[]) AND state = 'waiting';

-- name: all_open
SELECT id, conn_id FROM tenant.campaign_attempts WHERE tenant = $1 AND stage <> 'over';

-- name: under_way
SELECT count(*) FILTER (WHERE stage IN ('asked', 'answered')) AS under_way,
    count(*) FILTER (WHERE stage = 'asked') AS ringing, count(*) FILTER (WHERE stage = 'talking') AS talking
FROM tenant.campaign_attempts WHERE tenant = $1 AND campaign = ANY($2::text[]) AND stage <> 'over';

-- name: learned
SELECT count(*) FILTER (WHERE asked_at < $4) AS dials,
    count(*) FILTER (WHERE asked_at < $4 AND answered_at > 0) AS answered,
    coalesce(avg(answered_at - asked_at) FILTER (WHERE answered_at > 0), 0) AS answer_s,
    count(*) FILTER (WHERE connected_at > 0 AND stage = 'over') AS talks,
    coalesce(sum(CASE stage WHEN 'over' THEN ended_at ELSE $5 END - connected_at)
        FILTER (WHERE connected_at > 0), 0) AS occupied_s,
    count(*) FILTER (WHERE connected_at > 0 AND stage = 'over' AND ended_at > $6) AS after_talk
FROM tenant.campaign_attempts
WHERE tenant = $1 AND campaign = $2 AND asked_at >= $3 AND (result <> '' OR stage IN ('asked', 'answered', 'talking'));

-- name: due
SELECT list, key, number, time_zone, hours, data::text, attempts, lines::text, tried, dead,
    ARRAY(SELECT dnc.number FROM tenant.do_not_call AS dnc WHERE dnc.tenant = records.tenant
        AND dnc.number = ANY(records.number || ARRAY(
            SELECT line ->> 'number' FROM jsonb_array_elements(records.lines) AS line))) AS forbidden
FROM tenant.calling_records AS records
WHERE tenant = $1 AND list = ANY($2::text[]) AND state = 'waiting' AND due_at <= $3
ORDER BY priority DESC, due_at, key LIMIT $4 FOR UPDATE OF records SKIP LOCKED;

-- name: dial
WITH dialled AS (
    UPDATE tenant.calling_records SET state = 'dialling', attempts = attempts + 1
    WHERE tenant = $1 AND list = $3 AND key = $4 RETURNING attempts
)
INSERT INTO tenant.campaign_attempts
    (id, tenant, campaign, list, key, number, stage, asked_at, check_at, agent, dn, dialled)
SELECT $5, $1, $2, $3, $4, attempts, $6, $7, $8, $9, $10, $11 FROM dialled;

-- name: postpone
UPDATE tenant.calling_records SET due_at = $4 WHERE tenant = $1 AND list = $2 AND key = $3;

-- name: new_round
UPDATE tenant.calling_records SET due_at = $4, tried = '{}' WHERE tenant = $1 AND list = $2 AND key = $3;

-- name: finish_record
UPDATE tenant.calling_records SET state = 'done', result = '', reason = $4
WHERE tenant = $1 AND list = $2 AND key = $3;

-- name: attempts_of
SELECT attempts.id, attempts.campaign, attempts.list, attempts.key, attempts.number, stage, asked_at,
    conn_id, agent, dn, attempts.result, attempts.reason, answered_at, connected_at, ended_at,
    attempts.outcome, outcome_by, call_at,
    COALESCE(NULLIF(dialled, ''), records.number) AS customer, records.time_zone, records.hours,
    records.data::text, records.dials, records.faults, lines::text, tried, dead,
    EXISTS (SELECT 1 FROM tenant.do_not_call AS dnc WHERE dnc.tenant = records.tenant
        AND dnc.number = COALESCE(NULLIF(dialled, ''), records.number)) AS do_not_call
FROM tenant.campaign_attempts AS attempts JOIN tenant.calling_records AS records USING (tenant, list, key)
WHERE tenant = $1 AND stage <> 'over' AND check_at <= $2 AND ($3::uuid[] = '{}' OR attempts.id = ANY($3::uuid[]))
ORDER BY attempts.id LIMIT $4 FOR UPDATE OF attempts;

-- name: attempt_of_outcome
SELECT attempts.id, attempts.campaign, attempts.list, attempts.key, attempts.number, stage, asked_at,
    conn_id, agent, dn, attempts.result, attempts.reason, answered_at, connected_at, ended_at,
    attempts.outcome, outcome_by, call_at,
    COALESCE(NULLIF(dialled, ''), records.number) AS customer, records.time_zone, records.hours,
    records.data::text, records.dials, records.faults, lines::text, tried, dead, false AS do_not_call, records.attempts = attempts.number AND records.state = 'done' AS last
FROM tenant.campaign_attempts AS attempts JOIN tenant.calling_records AS records USING (tenant, list, key)
WHERE tenant = $1 AND (attempts.id = $2 OR ($2::uuid IS NULL AND list = $3 AND key = $4))
ORDER BY attempts.number DESC LIMIT 1 FOR UPDATE OF attempts;

-- name: enter_outcome
UPDATE tenant.campaign_attempts SET outcome = $3, outcome_by = $4, call_at = $5 WHERE tenant = $1 AND id = $2;

-- name: note_outcome
UPDATE tenant.calling_records SET outcome = $4 WHERE tenant = $1 AND list = $2 AND key = $3;

-- name: promise
INSERT INTO tenant.campaign_promises (tenant, attempt, service, number, call_at, data, event, try_at, agent_s)
VALUES ($1, $2, $3, $4, $5, $6::text::jsonb, $7, 0, $8) ON CONFLICT (attempt) DO NOTHING;

-- name: promises
SELECT attempt, service, number, call_at, data::text, event, agent_s FROM tenant.campaign_promises
WHERE tenant = $1 AND try_at <= $2 ORDER BY try_at LIMIT 100;

-- name: promise_later
UPDATE tenant.campaign_promises SET try_at = $3 WHERE tenant = $1 AND attempt = $2;

-- name: promise_kept
DELETE FROM tenant.campaign_promises WHERE tenant = $1 AND attempt = $2;

-- name: reopen_record
UPDATE tenant.calling_records SET state = 'waiting', due_at = $4, reason = ''
WHERE tenant = $1 AND list = $2 AND key = $3 AND state = 'done';

-- name: offered_to
SELECT id FROM tenant.campaign_attempts
WHERE tenant = $1 AND campaign = $2 AND ($3 = '' OR agent = $3) AND stage = 'offered' LIMIT 1000;

-- name: write_attempt
UPDATE tenant.campaign_attempts SET stage = $2, conn_id = $3, agent = $4, result = $5, reason = $6,
    answered_at = $7, connected_at = $8, ended_at = $9, check_at = $10, asked_at = $11
WHERE id = $1;

-- name: forget_attempts
DELETE FROM tenant.campaign_attempts WHERE tenant = $1 AND stage = 'over' AND ended_at < $2;

-- name: after_attempt
UPDATE tenant.calling_records SET state = $4, due_at = $5, dials = $6, faults = $7, result = $8, reason = $9,
    tried = $10, dead = $11
WHERE tenant = $1 AND list = $2 AND key = $3;

-- name: read_cursor
SELECT cursor FROM tenant.campaign_cursors WHERE tenant = $1;

-- name: write_cursor
INSERT INTO tenant.campaign_cursors (tenant, cursor) VALUES ($1, $2)
ON CONFLICT (tenant) DO UPDATE SET cursor = excluded.cursor;

-- name: tell
INSERT INTO tenant.campaign_outbox (tenant, key, event) SELECT $1, * FROM unnest($2::text[], $3::text[]);

-- name: untold
SELECT seq, tenant, key, event FROM tenant.campaign_outbox ORDER BY seq LIMIT $1 FOR UPDATE;

-- name: told
DELETE FROM tenant.campaign_outbox WHERE seq = ANY($1::bigint[]);
