-- Whose attempt is under way, see ioc/adapters/outbox.py: each connection of a notifier has a number and holds the advisory
-- lock of that number, which ends with it. What was claimed under a number that nobody holds is nobody's any more.
CREATE SEQUENCE delivery_claimant AS integer CYCLE;
ALTER TABLE delivery ADD COLUMN claimed_by integer;      -- NULL: no attempt is under way
ALTER TABLE delivery ADD COLUMN claimed_at timestamptz;  -- when that attempt began
ALTER TABLE delivery ADD COLUMN lost integer NOT NULL DEFAULT 0;  -- attempts without an outcome since the last one with one
CREATE INDEX delivery_claimed ON delivery (claimed_by) WHERE claimed_by IS NOT NULL;
