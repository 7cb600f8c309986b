-- One mailbox. Times are FILETIMEs, 0 where there is none; text is '' where there is none.

CREATE TABLE mailbox (
    guid BLOB NOT NULL,      -- msExchMailboxGuid
    replica BLOB NOT NULL,   -- GUID of the numbers below, part of every id and change key
    locale TEXT NOT NULL,
    public INTEGER NOT NULL, -- a mailbox of public folders
    counter INTEGER NOT NULL -- the last number given away: folders, items and changes share one counter, as in [MS-OXCFXICS] 2.2.2.1
);

CREATE TABLE folder (
    number INTEGER PRIMARY KEY,
    parent INTEGER REFERENCES folder,
    role TEXT UNIQUE,
    name TEXT NOT NULL,
    folded TEXT NOT NULL,    -- the name without upper case, unique below a parent
    container_class TEXT NOT NULL,
    properties BLOB NOT NULL,
    change INTEGER NOT NULL,
    created INTEGER NOT NULL,
    modified INTEGER NOT NULL,
    committed INTEGER NOT NULL DEFAULT 0, -- the last change of anything in it, PidTagLocalCommitTimeMax
    deleted INTEGER NOT NULL DEFAULT 0,   -- how many items left it, PidTagDeletedCountTotal
    total INTEGER NOT NULL DEFAULT 0,
    unread INTEGER NOT NULL DEFAULT 0,
    associated INTEGER NOT NULL DEFAULT 0,
    size INTEGER NOT NULL DEFAULT 0
);
CREATE UNIQUE INDEX folder_by_name ON folder (parent, folded);

-- The access control lists of folders, [MS-OXCPERM] 2.2: who else may do what.
CREATE TABLE permission (
    folder INTEGER NOT NULL REFERENCES folder,
    member INTEGER NOT NULL,
    entry_id BLOB NOT NULL,
    name TEXT NOT NULL,
    rights INTEGER NOT NULL,
    PRIMARY KEY (folder, member)
) WITHOUT ROWID;

-- What is larger than a page is in a file beside this one: tables large and freed, contents.py.
CREATE TABLE content (
    number INTEGER PRIMARY KEY,
    data BLOB NOT NULL       -- FastTransfer stream that begins with PidTagMessageFlags; which flags, the item's column says
);

CREATE TABLE item (
    number INTEGER PRIMARY KEY,      -- given when it came into its folder: what is above a sync state's number is new to it
    change INTEGER NOT NULL,         -- the last change of any kind
    folder INTEGER NOT NULL REFERENCES folder,
    associated INTEGER NOT NULL,
    item_class TEXT NOT NULL,
    subject TEXT NOT NULL,
    sender TEXT NOT NULL,
    sender_address TEXT NOT NULL,
    display_to TEXT NOT NULL,
    display_cc TEXT NOT NULL,
    received INTEGER NOT NULL,
    sent INTEGER NOT NULL,
    created INTEGER NOT NULL,
    modified INTEGER NOT NULL,
    size INTEGER NOT NULL,
    message_flags INTEGER NOT NULL,
    importance INTEGER NOT NULL,
    sensitivity INTEGER NOT NULL,
    flag_status INTEGER NOT NULL,
    search_key BLOB NOT NULL,
    message_id TEXT NOT NULL,
    in_reply_to TEXT NOT NULL,
    conversation_index BLOB NOT NULL,
    conversation_topic TEXT NOT NULL,
    start INTEGER NOT NULL,
    "end" INTEGER NOT NULL,
    clip_end INTEGER NOT NULL,
    categories TEXT NOT NULL,
    file_as TEXT NOT NULL,
    due INTEGER NOT NULL,
    deleted INTEGER NOT NULL,
    has_attachments INTEGER NOT NULL,
    recurring INTEGER NOT NULL,
    content_change INTEGER NOT NULL, -- the last change other than of the read flag
    content INTEGER NOT NULL         -- number in table content or large
);
CREATE INDEX item_by_number ON item (folder, associated, number);
CREATE INDEX item_by_change ON item (folder, associated, change);
CREATE INDEX item_by_received ON item (folder, associated, received);
CREATE INDEX item_by_start ON item (folder, start) WHERE start > 0;
CREATE INDEX item_by_search_key ON item (search_key);
CREATE INDEX item_by_message_id ON item (message_id);

-- Items that left their folder.
CREATE TABLE tombstone (
    folder INTEGER NOT NULL,
    associated INTEGER NOT NULL,
    change INTEGER NOT NULL,
    number INTEGER NOT NULL,
    PRIMARY KEY (folder, associated, change)
) WITHOUT ROWID;

-- The counts of folders. A function in a trigger would make SQLite keep a copy of every page that the statement writes.

CREATE TRIGGER item_came AFTER INSERT ON item BEGIN
    UPDATE folder SET
        total = total + (new.associated = 0),
        unread = unread + (new.associated = 0 AND new.message_flags & 1 = 0),
        associated = associated + new.associated,
        size = size + new.size
    WHERE number = new.folder;
END;

CREATE TRIGGER item_went AFTER DELETE ON item BEGIN
    UPDATE folder SET
        deleted = deleted + 1,
        total = total - (old.associated = 0),
        unread = unread - (old.associated = 0 AND old.message_flags & 1 = 0),
        associated = associated - old.associated,
        size = size - old.size
    WHERE number = old.folder;
END;

CREATE TRIGGER item_changed AFTER UPDATE OF change ON item BEGIN
    UPDATE folder SET
        unread = unread + (new.associated = 0) * ((old.message_flags & 1) - (new.message_flags & 1)),
        size = size + new.size - old.size
    WHERE number = new.folder;
END;

CREATE TRIGGER item_moved AFTER UPDATE OF folder ON item BEGIN
    UPDATE folder SET
        deleted = deleted + 1,
        total = total - (old.associated = 0),
        unread = unread - (old.associated = 0 AND old.message_flags & 1 = 0),
        associated = associated - old.associated,
        size = size - old.size
    WHERE number = old.folder;
    UPDATE folder SET
        total = total + (new.associated = 0),
        unread = unread + (new.associated = 0 AND new.message_flags & 1 = 0),
        associated = associated + new.associated,
        size = size + new.size
    WHERE number = new.folder;
END;
