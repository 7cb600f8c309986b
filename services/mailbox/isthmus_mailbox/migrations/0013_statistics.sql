-- Everything is looked up by its key, so a rough idea of these tables is enough. A fine one costs a first pass about as
-- much as writing an index: while they grow fast, they are looked at every minute, 30,000 rows of each part each time.
DO $$
DECLARE
    which record;
BEGIN
    FOR which IN
        SELECT relname, attname FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid
        WHERE attrelid IN ('item'::regclass, 'work'::regclass) AND attnum > 0 AND NOT attisdropped
    LOOP
        EXECUTE format('ALTER TABLE %I ALTER COLUMN %I SET STATISTICS 10', which.relname, which.attname);
    END LOOP;
END $$;
