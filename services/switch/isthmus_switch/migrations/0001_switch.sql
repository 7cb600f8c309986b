-- The newest switch of each pair: the saga of saga.py, column by column. An older one is replaced by a newer request.
CREATE TABLE switch (
    pair_id bytea PRIMARY KEY,
    request_id bytea NOT NULL,
    side smallint NOT NULL,
    requested_by text NOT NULL,
    step smallint NOT NULL,
    task text NOT NULL,
    round integer NOT NULL,
    failures integer NOT NULL,
    step_since timestamptz NOT NULL,
    task_since timestamptz NOT NULL,
    -- When it is to be looked at though no event came; null when only an event can help, or all is done.
    due timestamptz,
    problem text NOT NULL,
    note text NOT NULL,
    arrived smallint[] NOT NULL
);

CREATE INDEX switch_due ON switch (due) WHERE due IS NOT NULL;

-- What directory synchronisation last said of each pair's redirection.
CREATE TABLE redirection (
    pair_id bytea PRIMARY KEY,
    side smallint NOT NULL
);

-- What each mailbox last said of itself: for switches that request themselves, and for what people are told.
CREATE TABLE mailbox (
    pair_id bytea PRIMARY KEY,
    collection text NOT NULL,
    state smallint NOT NULL,
    set_aside bigint NOT NULL,
    words text NOT NULL
);

-- When a switch last requested itself, so that it does so once.
CREATE TABLE self_request (
    pair_id bytea PRIMARY KEY,
    requested_at timestamptz NOT NULL
);
