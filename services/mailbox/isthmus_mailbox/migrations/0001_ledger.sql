-- Mailboxes that this service keeps in step, and its ledger: what of the source is what on the target.
-- Ids of the servers are stored as bytes (ids.py). pair_id comes first in every key: a mailbox is read and written whole.

CREATE TABLE mailbox (
    pair_id         bytea PRIMARY KEY,
    -- Of the topics that this pair is a key of; whoever owns it owns the mailbox.
    partition       integer NOT NULL,
    -- isthmus.accounts.v1.Pair as it was last heard.
    pair            bytea NOT NULL,
    collection      text NOT NULL,
    -- Both sides have a mailbox and the pair belongs to a collection.
    wanted          boolean NOT NULL,
    -- The target is the active side: passes are made only when somebody orders one.
    switched        boolean NOT NULL,
    paused          boolean NOT NULL DEFAULT false,
    passes          integer NOT NULL DEFAULT 0,
    hierarchy_state text,
    bytes_done      bigint NOT NULL DEFAULT 0,
    failures        integer NOT NULL DEFAULT 0,
    due             timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX mailbox_due ON mailbox (partition, due) WHERE wanted AND NOT paused;

-- Orders that no pass has answered yet; the order is isthmus.events.v1.MailboxOrder.
CREATE TABLE mailbox_order (
    pair_id    bytea NOT NULL,
    request_id bytea NOT NULL,
    what       smallint NOT NULL,
    PRIMARY KEY (pair_id, request_id)
);

CREATE TABLE folder (
    pair_id       bytea NOT NULL,
    number        integer NOT NULL,
    parent        integer,
    name          text NOT NULL,
    folder_class  text NOT NULL,
    role          text NOT NULL,
    source_id     bytea,
    target_id     bytea,
    sync_state    text,
    gone          boolean NOT NULL,
    settled       boolean NOT NULL,
    -- A write to the target's tree that was about to be sent: FolderWrite, until when, and what it says.
    intent_write  smallint,
    intent_until  double precision,
    intent_parent bytea,
    intent_name   text,
    PRIMARY KEY (pair_id, number)
);

CREATE TABLE item (
    pair_id           bytea NOT NULL,
    source_id         bytea NOT NULL,
    target_id         bytea NOT NULL,
    folder            integer NOT NULL,
    search_key        bytea NOT NULL,
    size              bigint NOT NULL,
    associated        boolean NOT NULL,
    is_read           boolean NOT NULL,
    source_change_key bytea NOT NULL,
    target_change_key bytea NOT NULL,
    modified          text NOT NULL,
    PRIMARY KEY (pair_id, source_id)
) PARTITION BY HASH (pair_id);
CREATE TABLE item_0 PARTITION OF item FOR VALUES WITH (MODULUS 8, REMAINDER 0);
CREATE TABLE item_1 PARTITION OF item FOR VALUES WITH (MODULUS 8, REMAINDER 1);
CREATE TABLE item_2 PARTITION OF item FOR VALUES WITH (MODULUS 8, REMAINDER 2);
CREATE TABLE item_3 PARTITION OF item FOR VALUES WITH (MODULUS 8, REMAINDER 3);
CREATE TABLE item_4 PARTITION OF item FOR VALUES WITH (MODULUS 8, REMAINDER 4);
CREATE TABLE item_5 PARTITION OF item FOR VALUES WITH (MODULUS 8, REMAINDER 5);
CREATE TABLE item_6 PARTITION OF item FOR VALUES WITH (MODULUS 8, REMAINDER 6);
CREATE TABLE item_7 PARTITION OF item FOR VALUES WITH (MODULUS 8, REMAINDER 7);
-- An item of the target is in the ledger once; so nothing can be brought twice without being noticed.
CREATE UNIQUE INDEX item_target ON item (pair_id, target_id);
CREATE INDEX item_folder ON item (pair_id, folder);

-- What is to be done, one row for each item of the source.
CREATE SEQUENCE work_sequence;
CREATE TABLE work (
    pair_id       bytea NOT NULL,
    source_id     bytea NOT NULL,
    folder        integer NOT NULL,
    work          smallint NOT NULL,
    search_key    bytea NOT NULL,
    size          bigint NOT NULL,
    associated    boolean NOT NULL,
    is_read       boolean NOT NULL,
    change_key    bytea NOT NULL,
    modified      text NOT NULL,
    attempts      integer NOT NULL,
    not_before    double precision NOT NULL,
    -- Why it is set aside; empty when it is not.
    reason        text NOT NULL,
    -- A write that was about to be sent: Action, until when it may still take effect, and what is moved.
    intent_action smallint,
    intent_until  double precision,
    intent_moved  bytea,
    sequence      bigint NOT NULL,
    PRIMARY KEY (pair_id, source_id)
);
CREATE INDEX work_order ON work (pair_id, work, sequence) WHERE intent_action IS NULL;
CREATE INDEX work_doubt ON work (pair_id) WHERE intent_action IS NOT NULL;
CREATE INDEX work_folder ON work (pair_id, folder);
CREATE INDEX work_search_key ON work (pair_id, search_key) WHERE work = 2;

-- Uploads that were taken for lost and made again: should the first one come late, the proof knows whose it is.
CREATE TABLE resent (
    pair_id    bytea NOT NULL,
    folder     integer NOT NULL,
    search_key bytea NOT NULL,
    PRIMARY KEY (pair_id, folder, search_key)
);
