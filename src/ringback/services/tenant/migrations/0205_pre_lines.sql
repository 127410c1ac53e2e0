-- Several numbers of one customer: all in their order (none: `number` alone), those tried in this round, and those
-- that lead to nobody; and the one that an attempt dials.
ALTER TABLE tenant.calling_records ADD COLUMN IF NOT EXISTS lines jsonb NOT NULL DEFAULT '[]';
ALTER TABLE tenant.calling_records ADD COLUMN IF NOT EXISTS tried text[] NOT NULL DEFAULT '{}';
ALTER TABLE tenant.calling_records ADD COLUMN IF NOT EXISTS dead text[] NOT NULL DEFAULT '{}';
ALTER TABLE tenant.campaign_attempts ADD COLUMN IF NOT EXISTS dialled text NOT NULL DEFAULT '';
