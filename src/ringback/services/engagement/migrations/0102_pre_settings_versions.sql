-- Who published a row of settings: the designer's table, or people in the console.
ALTER TABLE engagement.service_settings ADD COLUMN IF NOT EXISTS source text NOT NULL DEFAULT 'designer';

-- Every version of every row; properties NULL: it was withdrawn.
CREATE TABLE IF NOT EXISTS engagement.settings_versions (
    tenant text NOT NULL,
    service text NOT NULL,
    version bigint NOT NULL,
    properties json,
    source text NOT NULL,
    who text NOT NULL,
    at timestamptz NOT NULL,
    PRIMARY KEY (tenant, service, version)
);

INSERT INTO engagement.settings_versions (tenant, service, version, properties, source, who, at)
SELECT tenant, service, version, properties, source, 'platform', updated_at FROM engagement.service_settings
ON CONFLICT DO NOTHING;
