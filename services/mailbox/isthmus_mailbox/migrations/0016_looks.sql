-- What is looked for again and again, without reading every mailbox for it: those that are due, of which a switched one
-- never is one, those that are paused, and all work that is set aside.
DROP INDEX mailbox_due;
CREATE INDEX mailbox_due ON mailbox (partition, due) WHERE wanted AND NOT paused AND NOT switched;
CREATE INDEX mailbox_paused ON mailbox (partition) WHERE wanted AND paused;
CREATE INDEX work_aside ON work (pair_id, sequence) WHERE reason <> '' AND work <> 4;
