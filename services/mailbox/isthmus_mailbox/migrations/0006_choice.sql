-- What filters go by, of an item that is not on the target: [class, received, created, modified, [category…]]. NULL where
-- there were no filters when it was listed.
ALTER TABLE work ADD COLUMN traits text;

CREATE INDEX work_left_out ON work (pair_id, search_key) WHERE work = 4;

-- By which filters what is staged was decided (isthmus_sync.mailbox.choice.version).
ALTER TABLE mailbox ADD COLUMN chosen_by text NOT NULL DEFAULT '';
