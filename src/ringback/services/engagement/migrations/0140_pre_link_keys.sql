-- Keys that sign the links to customers' own pages, encrypted under the cluster secret; the newest signs.
CREATE TABLE IF NOT EXISTS engagement.link_keys (
    number integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    sealed text NOT NULL,
    created_at timestamptz NOT NULL
);
