-- The attempt that a notice belongs to (0: none), and when the device said that it has it.
ALTER TABLE engagement.notices ADD COLUMN IF NOT EXISTS attempt integer NOT NULL DEFAULT 0;
ALTER TABLE engagement.notices ADD COLUMN IF NOT EXISTS confirmed_at timestamptz;
CREATE INDEX IF NOT EXISTS callins_callback ON engagement.callins (callback_id) WHERE state = 'WAITING';
ALTER TABLE engagement.push_watch ADD COLUMN IF NOT EXISTS reminded boolean NOT NULL DEFAULT false;
