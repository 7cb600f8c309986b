-- Of a mailbox's folders, the marks that they had when they were last listed (isthmus_mailbox.marks), for the next owner.
-- As of the last pass that came to its end: older than the sync states at most, and then a folder is asked once more.
ALTER TABLE mailbox ADD COLUMN marks text NOT NULL DEFAULT '';
