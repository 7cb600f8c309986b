-- What the guard counted when it was carried out: pairs on which a value was overwritten, or whose object was found gone
-- (`gone`), with the last time. What a person let through is not counted.
CREATE TABLE weighed (
    project text NOT NULL,
    pair_id bytea NOT NULL,
    gone boolean NOT NULL,
    at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (project, pair_id, gone)
);
