-- Addresses that stand in copied items and were told of (isthmus.events.v1.AddressSeen), each once a project. key: the
-- address as it is compared. beside: the SMTP address of the same party, as far as an item gave one.
CREATE TABLE correspondent (
    project text NOT NULL,
    type    text NOT NULL,
    key     text NOT NULL,
    beside  text NOT NULL,
    PRIMARY KEY (project, type, key)
);
