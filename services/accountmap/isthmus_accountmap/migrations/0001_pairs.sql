-- Every pair as it is now. `document` is the serialised isthmus.accounts.v1.Pair, active side and revision included:
-- what callers are sent is read, never built.
CREATE TABLE pair (
    id bytea PRIMARY KEY,
    revision bigint NOT NULL UNIQUE,
    removed boolean NOT NULL,
    document bytea NOT NULL
);

-- Every name a pair is known by; kind, value and side as isthmus_accounts.names makes them.
CREATE TABLE name (
    kind smallint NOT NULL,
    value bytea NOT NULL,
    side smallint NOT NULL,
    pair_id bytea NOT NULL REFERENCES pair (id),
    PRIMARY KEY (kind, value, side, pair_id)
);

CREATE INDEX name_of_pair ON name (pair_id);

-- The last revision given. Its row lock makes revisions visible in their order: whoever reads revision n has n-1.
CREATE TABLE revision (last bigint NOT NULL);

INSERT INTO revision (last) VALUES (0);

-- Who made which side the active one, and why.
CREATE TABLE active_side_change (
    at timestamptz NOT NULL DEFAULT clock_timestamp(),
    pair_id bytea NOT NULL REFERENCES pair (id),
    before smallint NOT NULL,
    after smallint NOT NULL,
    reason text NOT NULL,
    revision bigint NOT NULL
);

CREATE INDEX active_side_change_of_pair ON active_side_change (pair_id, at);
