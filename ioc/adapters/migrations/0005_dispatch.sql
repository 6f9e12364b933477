-- What is said to the outside, written by the notifier, see ioc/adapters/outbox.py.

-- Up to which link of the audit chain alerts were judged. The row is the lock of whoever judges.
CREATE TABLE dispatch_position (
    one      boolean PRIMARY KEY DEFAULT true CHECK (one),
    position bigint  NOT NULL
) WITH (fillfactor = 50);

-- What was said about an alert in CAP, and when it has to be said again (NULL: it was cancelled).
CREATE TABLE cap_thread (
    alert_id text PRIMARY KEY,
    thread   text NOT NULL,
    renew_at timestamptz
);
CREATE INDEX cap_thread_renew ON cap_thread (renew_at) WHERE renew_at IS NOT NULL;

-- Every CAP message as it was published, word for word.
CREATE TABLE cap_message (
    seq        bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    identifier text        NOT NULL UNIQUE,
    alert_id   text        NOT NULL,
    sent_at    timestamptz NOT NULL,
    msg_type   text        NOT NULL,
    status     text        NOT NULL,
    title      text        NOT NULL,
    exercise   text,
    xml        text        NOT NULL
);
CREATE INDEX cap_message_alert ON cap_message (alert_id, seq DESC);
CREATE INDEX cap_message_sent ON cap_message (sent_at DESC);

-- Notifications: one row per notice and receiver. `id` is the de-duplication key that the receiver gets.
CREATE TABLE delivery (
    id          text PRIMARY KEY,
    channel     text        NOT NULL,
    target      text        NOT NULL,
    alert_id    text        NOT NULL,
    notice      text        NOT NULL,  -- what is said, as JSON; the same in every attempt
    state       text        NOT NULL CHECK (state IN ('due', 'done', 'dead')),
    attempts    integer     NOT NULL DEFAULT 0,
    created_at  timestamptz NOT NULL,
    due_at      timestamptz NOT NULL,  -- next attempt; while one is under way, when it counts as lost
    finished_at timestamptz,
    last_error  text        NOT NULL DEFAULT ''
);
CREATE INDEX delivery_due ON delivery (due_at) WHERE state = 'due';
CREATE INDEX delivery_alert ON delivery (alert_id);
CREATE INDEX delivery_created ON delivery (created_at DESC);
