-- Each change of a callback, written by the database itself: whoever changes one leaves a trace.
CREATE TABLE IF NOT EXISTS engagement.callback_history (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    callback_id uuid NOT NULL,
    at timestamptz NOT NULL,
    state text NOT NULL,
    reason text,
    attempt integer NOT NULL,
    dialled boolean NOT NULL,
    -- How the attempt's dial ended: at the step that ended it.
    result text,
    agent_id text NOT NULL,
    due_at timestamptz
);

CREATE INDEX IF NOT EXISTS callback_history_of ON engagement.callback_history (callback_id, id);

CREATE OR REPLACE FUNCTION engagement.remember() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO engagement.callback_history
        (callback_id, at, state, reason, attempt, dialled, result, agent_id, due_at)
    VALUES (
        NEW.id, NEW.updated_at, NEW.state, NEW.reason, NEW.attempt, NEW.dialled,
        CASE WHEN NEW.last_result IS DISTINCT FROM OLD.last_result
            OR (OLD.dialled AND OLD.state IN ('QUEUED', 'ROUTING') AND NEW.state IN ('SCHEDULED', 'COMPLETED')
                AND coalesce(NEW.reason, '') NOT LIKE 'CANCELLED%')
        THEN NEW.last_result END,
        NEW.agent_id, NEW.due_at);
    RETURN NULL;
END
$$;

CREATE OR REPLACE TRIGGER callbacks_remember AFTER UPDATE ON engagement.callbacks FOR EACH ROW
WHEN ((OLD.state, OLD.reason, OLD.attempt, OLD.dialled, OLD.last_result, OLD.agent_id, OLD.due_at)
    IS DISTINCT FROM (NEW.state, NEW.reason, NEW.attempt, NEW.dialled, NEW.last_result, NEW.agent_id, NEW.due_at))
EXECUTE FUNCTION engagement.remember();

CREATE OR REPLACE FUNCTION engagement.forget() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM engagement.callback_history WHERE callback_id = OLD.id;
    RETURN NULL;
END
$$;

CREATE OR REPLACE TRIGGER callbacks_forget AFTER DELETE ON engagement.callbacks FOR EACH ROW
EXECUTE FUNCTION engagement.forget();

-- Lists by desired time.
CREATE INDEX IF NOT EXISTS callbacks_desired ON engagement.callbacks (tenant, (coalesce(desired_at, arrived_at)), id);
