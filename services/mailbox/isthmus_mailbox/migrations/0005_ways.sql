-- By which way an item came over (isthmus_sync.mailbox.ways): 0 as a stream, 1 by its properties because its stream was
-- refused, 2 by its properties because a server has no streams.
ALTER TABLE item ADD COLUMN way smallint NOT NULL DEFAULT 0;
CREATE INDEX item_way ON item (pair_id, way) WHERE way <> 0;
