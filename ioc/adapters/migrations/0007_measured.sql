-- How many of the `n` events of a summary carried a number: the mean is `sum / measured`. NULL in rows of before, where
-- `n` stands for it.
ALTER TABLE rollup ADD COLUMN measured bigint;
