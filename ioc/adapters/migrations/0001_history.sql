-- History: everything that the streams say, one row each. The recorder writes, the gateway reads.
-- Runs on both editions of TimescaleDB: no compression, no continuous aggregates here.
CREATE EXTENSION IF NOT EXISTS timescaledb;

-- The common stream. Chunks of 6 hours: at 300 events/s that is 6.5 million rows, whose unique index
-- (about 0.6 GB) still fits into the memory of a small server; old chunks are dropped whole.
CREATE TABLE event (
    time            timestamptz NOT NULL,  -- when it happened
    centre          text        NOT NULL,
    area            text        NOT NULL,
    feed            text        NOT NULL,
    type            text        NOT NULL,
    id              text        NOT NULL,
    source          text        NOT NULL,
    subject         text        NOT NULL,
    site            text        NOT NULL,
    recorded_at     timestamptz NOT NULL,  -- when the province received it
    sequence        text,
    exercise        text,                  -- only in drills and replays
    data            jsonb       NOT NULL,
    topic_partition integer     NOT NULL,
    topic_offset    bigint      NOT NULL,
    UNIQUE (centre, id, time)
);
SELECT create_hypertable('event', by_range('time', INTERVAL '6 hours'), create_default_indexes => false);
CREATE INDEX event_site ON event (centre, site, type, time DESC);
CREATE INDEX event_time ON event (time DESC);

-- One-minute (and longer) summaries. The highest revision of a window is the one that stands.
CREATE TABLE rollup (
    centre       text        NOT NULL,
    area         text        NOT NULL,
    feed         text        NOT NULL,
    type         text        NOT NULL,
    window_start timestamptz NOT NULL,
    window_ms    bigint      NOT NULL,
    exercise     text        NOT NULL DEFAULT '',  -- '' is the live picture: a NULL would not be unique
    n            bigint      NOT NULL,
    sum          double precision,
    min          double precision,
    max          double precision,
    last         double precision,
    revision     bigint      NOT NULL,
    final        boolean     NOT NULL,
    UNIQUE (centre, area, feed, type, window_ms, exercise, window_start)
);
SELECT create_hypertable('rollup', by_range('window_start', INTERVAL '7 days'), create_default_indexes => false);
CREATE INDEX rollup_window ON rollup (window_start DESC);

-- Each alert as it stands; the highest version wins. Few rows: an ordinary table.
CREATE TABLE alert (
    id         text PRIMARY KEY,
    key        text        NOT NULL,
    rule       text        NOT NULL,
    version    bigint      NOT NULL,
    state      text        NOT NULL,
    active     boolean     NOT NULL,
    acked      boolean     NOT NULL,
    closed     boolean     NOT NULL,
    priority   integer     NOT NULL,
    centre     text        NOT NULL,
    area       text        NOT NULL,
    site       text        NOT NULL,
    feed       text        NOT NULL,
    type       text        NOT NULL,
    started_at timestamptz NOT NULL,
    raised_at  timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    cleared_at timestamptz,
    acked_at   timestamptz,
    acked_by   text,
    exercise   text,
    body       jsonb       NOT NULL
);
CREATE INDEX alert_raised ON alert (raised_at DESC);
CREATE INDEX alert_key ON alert (key, raised_at DESC);
CREATE INDEX alert_open ON alert (priority, raised_at) WHERE NOT closed;

-- The audit trail. An ordinary table, not a hypertable: `id` alone must be unique for ever, nothing is ever
-- dropped, and the rows are few. `seq` follows the order of insertion; it may have holes.
CREATE TABLE alert_log (
    seq             bigint GENERATED ALWAYS AS IDENTITY UNIQUE,
    id              text PRIMARY KEY,
    alert_id        text        NOT NULL,
    at              timestamptz NOT NULL,
    kind            text        NOT NULL,
    what            text        NOT NULL,
    accepted        boolean     NOT NULL,
    version         bigint      NOT NULL,
    actor           text,
    command_id      text,
    outcome         text,
    exercise        text,
    body            jsonb       NOT NULL,
    topic_partition integer     NOT NULL,
    topic_offset    bigint      NOT NULL
);
CREATE INDEX alert_log_alert ON alert_log (alert_id, seq);
CREATE INDEX alert_log_at ON alert_log (at);
CREATE INDEX alert_log_command ON alert_log (command_id) WHERE command_id IS NOT NULL;

CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is append-only: % is refused', TG_TABLE_NAME, TG_OP USING ERRCODE = 'insufficient_privilege';
END
$$;
CREATE TRIGGER alert_log_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON alert_log
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
-- ALWAYS: a session in replication mode does not get round it. A superuser who drops the trigger does; that is
-- what a copy of the chain's head outside the database is for.
ALTER TABLE alert_log ENABLE ALWAYS TRIGGER alert_log_append_only;
REVOKE UPDATE, DELETE, TRUNCATE ON alert_log FROM PUBLIC, CURRENT_USER;

-- Index of the refused inputs; the original bytes stay in the topic, at (topic_partition, topic_offset).
-- An ordinary table: its times come from senders, and each outlier would make a chunk of its own.
CREATE TABLE dead_letter (
    id               text PRIMARY KEY,      -- source topic/partition/offset
    code             text        NOT NULL,
    path             text        NOT NULL,
    detail           text        NOT NULL,
    centre           text        NOT NULL,
    source_topic     text        NOT NULL,
    source_partition integer     NOT NULL,
    source_offset    bigint      NOT NULL,
    received_at      timestamptz NOT NULL,
    refused_at       timestamptz NOT NULL,
    size_bytes       bigint      NOT NULL,
    sha256           text        NOT NULL,
    topic_partition  integer     NOT NULL,
    topic_offset     bigint      NOT NULL
);
CREATE INDEX dead_letter_refused ON dead_letter (refused_at DESC);
CREATE INDEX dead_letter_code ON dead_letter (code, refused_at DESC);

-- How the feeds did: the first report of each minute and state, per partition of the input.
CREATE TABLE feed_health (
    minute           timestamptz NOT NULL,
    centre           text        NOT NULL,
    feed             text        NOT NULL,
    partition        integer     NOT NULL,
    state            text        NOT NULL,
    since            timestamptz NOT NULL,
    updated_at       timestamptz NOT NULL,
    last_event_at    timestamptz,
    last_received_at timestamptz,
    rate_per_min     double precision NOT NULL,
    accepted         bigint      NOT NULL,
    rejected         bigint      NOT NULL,
    duplicates       bigint      NOT NULL,
    watermark_at     timestamptz,
    UNIQUE (centre, feed, partition, state, minute)
);
SELECT create_hypertable('feed_health', by_range('minute', INTERVAL '7 days'), create_default_indexes => false);
CREATE INDEX feed_health_minute ON feed_health (minute DESC);
