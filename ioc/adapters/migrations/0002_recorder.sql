-- Where the recorder is in the log: written in the same transaction as the rows, which is what makes each row
-- appear once. `cluster` is the id of the Kafka cluster: offsets of another cluster mean nothing.
CREATE TABLE sink_offset (
    cluster     text        NOT NULL,
    topic       text        NOT NULL,
    partition   integer     NOT NULL,
    next_offset bigint      NOT NULL,
    updated_at  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (cluster, topic, partition)
) WITH (fillfactor = 50);

-- Records that no table would take, with the reason; also stretches of the log that were gone before they were read.
CREATE TABLE recorder_reject (
    cluster       text        NOT NULL,
    topic         text        NOT NULL,
    partition     integer     NOT NULL,
    record_offset bigint      NOT NULL,
    reason        text        NOT NULL,
    detail        text        NOT NULL,
    size_bytes    bigint      NOT NULL,
    sample        bytea       NOT NULL,  -- at most 4 KiB; the whole record is in the log
    rejected_at   timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (cluster, topic, partition, record_offset)
);
CREATE INDEX recorder_reject_at ON recorder_reject (rejected_at DESC);
