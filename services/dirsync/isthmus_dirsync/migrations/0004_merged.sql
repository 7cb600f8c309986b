-- GUIDs of other objects of the source for which the target's object of a pair stands, too.
ALTER TABLE pair ADD COLUMN merged bytea[] NOT NULL DEFAULT '{}';

CREATE INDEX merged_into_pair ON pair USING gin (merged);
