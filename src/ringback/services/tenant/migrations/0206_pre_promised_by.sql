-- Seconds for which a promised callback waits for the agent who has promised it.
ALTER TABLE tenant.campaign_promises ADD COLUMN IF NOT EXISTS agent_s double precision NOT NULL DEFAULT 0;
