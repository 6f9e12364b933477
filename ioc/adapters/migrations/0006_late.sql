-- One-minute summaries that late readings changed after the streams had given them up: noted in the transaction that
-- stores the readings, made anew from `event` afterwards by the recorder, see ioc/adapters/corrections.py.
CREATE TABLE rollup_due (
    window_start timestamptz NOT NULL,
    centre       text        NOT NULL,
    area         text        NOT NULL,
    feed         text        NOT NULL,
    type         text        NOT NULL,
    noted_at     timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (window_start, centre, area, feed, type)
);

-- True: made anew from `event`, with readings that came too late for the streams. It stays true.
ALTER TABLE rollup ADD COLUMN corrected boolean NOT NULL DEFAULT false;
