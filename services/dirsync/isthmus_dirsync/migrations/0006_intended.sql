-- What both sides agree on once a change is written, as `pair.agreed` has it; there while it is under way. NULL also
-- where nothing is agreed on with the write.
ALTER TABLE journal ADD COLUMN intended jsonb;
