-- What surrounds the mail: what was last set on the target, and what could not be. kind: 'folder' (place: its number)…

CREATE TABLE surrounding (
    pair_id bytea NOT NULL,
    kind    text NOT NULL,
    place   text NOT NULL,
    agreed  text NOT NULL,
    PRIMARY KEY (pair_id, kind, place)
);

-- For people: where it is, whom it is about, what it is, why it cannot be set. Tried again with every look.
CREATE TABLE kept_aside (
    pair_id bytea NOT NULL,
    kind    text NOT NULL,
    place   text NOT NULL,
    path    text NOT NULL,
    who     text NOT NULL,
    what    text NOT NULL,
    reason  text NOT NULL
);
CREATE INDEX kept_aside_place ON kept_aside (pair_id, kind, place);
