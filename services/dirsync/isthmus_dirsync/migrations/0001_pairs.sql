-- How far the synchronisation of a project has come. The bookmarks are places in the histories of both forests up to
-- which everything was carried out; `members` are the GUIDs of the groups that collections name, as last read.
CREATE TABLE progress (
    project text PRIMARY KEY,
    compared_revision bigint NOT NULL DEFAULT 0,
    source_bookmark jsonb,
    target_bookmark jsonb,
    members jsonb NOT NULL DEFAULT '{}'
);

-- Two objects that belong together. `agreed` is what both sides held when they were last in step, as fingerprints.
-- `observed` is the serialised isthmus.accounts.v1.Pair as it was last said, `redirected` the side for which
-- RedirectionSet was. `created`: the target object is ours. `unfinished`: links wait, or a write was refused.
CREATE TABLE pair (
    id bytea PRIMARY KEY,
    project text NOT NULL,
    source_guid bytea NOT NULL,
    target_guid bytea,
    created boolean NOT NULL DEFAULT false,
    source_gone boolean NOT NULL DEFAULT false,
    target_gone boolean NOT NULL DEFAULT false,
    active smallint NOT NULL DEFAULT 1,
    redirected smallint NOT NULL DEFAULT 0,
    agreed jsonb NOT NULL DEFAULT '{}',
    unfinished boolean NOT NULL DEFAULT false,
    problem text NOT NULL DEFAULT '',
    observed bytea,
    UNIQUE (project, source_guid),
    UNIQUE (project, target_guid)
);

CREATE INDEX unfinished_pair ON pair (project) WHERE unfinished;

-- Objects of the source that could not be matched without guessing.
CREATE TABLE refused (
    project text NOT NULL,
    source_guid bytea NOT NULL,
    dn text NOT NULL,
    reason text NOT NULL,
    since timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (project, source_guid)
);
