-- How often codes may be wrong: by one caller and in all, before nobody's code is looked at for a while.
ALTER TABLE engagement.callin_groups ADD COLUMN IF NOT EXISTS wrong_by_caller integer NOT NULL DEFAULT 3;
ALTER TABLE engagement.callin_groups ADD COLUMN IF NOT EXISTS wrong_in_all integer NOT NULL DEFAULT 100;
ALTER TABLE engagement.callin_groups ADD COLUMN IF NOT EXISTS lock_s integer NOT NULL DEFAULT 300;

-- Wrong codes of late, by group; `caller` is a digest, empty: of all callers.
CREATE TABLE IF NOT EXISTS engagement.callin_wrong (
    tenant text NOT NULL,
    group_name text NOT NULL,
    caller text NOT NULL,
    wrong integer NOT NULL,
    since timestamptz NOT NULL,
    locked_until timestamptz,
    PRIMARY KEY (tenant, group_name, caller)
);
CREATE INDEX IF NOT EXISTS callin_wrong_age ON engagement.callin_wrong (since);
