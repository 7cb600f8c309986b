-- Work of one folder is looked for when the folder goes, and by the way of the mailbox then; kept up, this index is a
-- tenth of what listing an item costs.
DROP INDEX work_folder;
