-- Long lists of which little is due now are not walked through at each look.
CREATE INDEX IF NOT EXISTS calling_records_due
    ON tenant.calling_records (tenant, list, due_at) WHERE state = 'waiting';
CREATE INDEX IF NOT EXISTS campaign_attempts_ended
    ON tenant.campaign_attempts (tenant, ended_at) WHERE stage = 'over';
