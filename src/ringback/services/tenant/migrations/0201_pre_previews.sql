-- The phone of the agent who has a record before them, and from which it is dialled.
ALTER TABLE tenant.campaign_attempts ADD COLUMN IF NOT EXISTS dn text NOT NULL DEFAULT '';
