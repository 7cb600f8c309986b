-- Addresses that stand in migrated items, as the mailbox service told of them. `beside`: the SMTP address that an item gave
-- for the same party; empty when none did. `pair_id`: of the first mailbox with such an item.
CREATE TABLE item_address (
    project text NOT NULL,
    kind text NOT NULL,
    key text NOT NULL,
    address text NOT NULL,
    beside text NOT NULL,
    pair_id bytea NOT NULL,
    first_seen timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (project, kind, key)
);
