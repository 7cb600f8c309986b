-- A mailbox is several trees of folders: what people see, what can be recovered, the archive. top: the role of its root.

CREATE TABLE tree (
    pair_id bytea NOT NULL,
    top     text NOT NULL,
    -- Of SyncFolderHierarchy on the source.
    state   text NOT NULL,
    PRIMARY KEY (pair_id, top)
);
INSERT INTO tree (pair_id, top, state)
    SELECT pair_id, 'msgfolderroot', hierarchy_state FROM mailbox WHERE hierarchy_state IS NOT NULL;
ALTER TABLE mailbox DROP COLUMN hierarchy_state;
