-- By which what is kept aside is listed, a page after the other.
ALTER TABLE kept_aside ADD COLUMN number bigint NOT NULL GENERATED ALWAYS AS IDENTITY;
