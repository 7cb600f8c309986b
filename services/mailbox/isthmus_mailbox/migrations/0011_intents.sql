-- Writes that were about to be sent, one row for each request: on the rows of `work` that it is about, each would cost a
-- new row and all of its indexes, once an item.
CREATE TABLE intent (
    pair_id   bytea NOT NULL,
    -- Action, until when it may still take effect, and what is moved.
    action    smallint NOT NULL,
    until     double precision NOT NULL,
    moved     bytea NOT NULL,
    -- Of the work that it is about; never empty.
    sequences int8multirange NOT NULL
);
CREATE INDEX intent_pair ON intent (pair_id);
INSERT INTO intent (pair_id, action, until, moved, sequences)
    SELECT pair_id, intent_action, intent_until, intent_moved, range_agg(int8range(sequence, sequence, '[]'))
    FROM work WHERE intent_action IS NOT NULL GROUP BY pair_id, intent_action, intent_until, intent_moved;

DROP INDEX work_order, work_doubt;
ALTER TABLE work DROP COLUMN intent_action, DROP COLUMN intent_until, DROP COLUMN intent_moved;
CREATE INDEX work_order ON work (pair_id, work, sequence);
