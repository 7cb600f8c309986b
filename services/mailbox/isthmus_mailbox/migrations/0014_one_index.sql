-- For a mailbox that PostgreSQL has not counted yet every index that begins with its pair looks as good as another one,
-- and with the wrong one each of its items is compared with each that is looked for. An index that is only for what
-- says something of its other column is no choice there: `folder = …` says that folder is not null, and so on.
DROP INDEX item_target, item_folder, work_order;
CREATE INDEX item_folder ON item (pair_id, folder) WHERE folder IS NOT NULL;
CREATE INDEX work_order ON work (pair_id, work, sequence) WHERE work IS NOT NULL;
-- An item of the target is in the ledger once; so nothing can be brought twice without being noticed.
CREATE UNIQUE INDEX item_target ON item (pair_id, target_id) WHERE target_id IS NOT NULL;
