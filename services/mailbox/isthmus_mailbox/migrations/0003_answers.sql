-- When both sides last agreed on an item; NULL for what was copied before this was kept.
ALTER TABLE item ADD COLUMN agreed_at timestamptz;
ALTER TABLE item ALTER COLUMN agreed_at SET DEFAULT now();
