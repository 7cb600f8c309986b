-- First passes of collections that limit how many are made at the same time; a row counts until `until`, so that the place
-- of a worker that died is free again. since: an older one keeps its place when the limit is lowered.

CREATE TABLE first_pass (
    pair_id    bytea PRIMARY KEY,
    collection text NOT NULL,
    epoch      bigint NOT NULL,
    since      timestamptz NOT NULL,
    until      timestamptz NOT NULL
);
CREATE INDEX first_pass_collection ON first_pass (collection);
