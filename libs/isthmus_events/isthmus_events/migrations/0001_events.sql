-- What saying and hearing events needs, in the schema of every service.

-- Said, not yet on Kafka. The relay deletes what Kafka has.
CREATE TABLE outbox (
    position bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id uuid NOT NULL DEFAULT gen_random_uuid(),
    topic text NOT NULL,
    key bytea NOT NULL,
    sequence bigint NOT NULL,
    type text NOT NULL,
    said_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    data bytea NOT NULL
);

-- The last sequence of each key. A transaction that says something of a key locks its row, so that the key's events
-- are in the outbox in the order of the commits.
CREATE TABLE outbox_sequence (
    topic text NOT NULL,
    key bytea NOT NULL,
    sequence bigint NOT NULL,
    PRIMARY KEY (topic, key)
) WITH (fillfactor = 70);

-- How far each group has heard: the offset of the next message.
CREATE TABLE consumer_position (
    consumer_group text NOT NULL,
    topic text NOT NULL,
    partition integer NOT NULL,
    next_offset bigint NOT NULL,
    PRIMARY KEY (consumer_group, topic, partition)
) WITH (fillfactor = 50);

-- The last sequence heard of each source and key: what the relay sends a second time after a crash is known by it.
CREATE TABLE consumer_seen (
    consumer_group text NOT NULL,
    topic text NOT NULL,
    source text NOT NULL,
    key bytea NOT NULL,
    sequence bigint NOT NULL,
    PRIMARY KEY (consumer_group, topic, source, key)
) WITH (fillfactor = 70);

-- Messages that could not be decoded or handled, as they were.
CREATE TABLE dead_letter (
    consumer_group text NOT NULL,
    topic text NOT NULL,
    partition integer NOT NULL,
    message_offset bigint NOT NULL,
    key bytea,
    headers jsonb NOT NULL,
    data bytea,
    problem text NOT NULL,
    at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (consumer_group, topic, partition, message_offset)
);

-- Who owns a partition of the keys. The epoch rises with every change of the owner.
CREATE TABLE partition_owner (
    consumer_group text NOT NULL,
    partition integer NOT NULL,
    epoch bigint NOT NULL,
    owner text NOT NULL,
    since timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (consumer_group, partition)
);
