-- People and screens that may sign in. Only hashes are kept. A higher session_epoch ends all older sessions.
CREATE TABLE account (
    name          text PRIMARY KEY CHECK (name ~ '^[a-z][a-z0-9_-]{0,31}$'),
    display       text        NOT NULL CHECK (length(display) BETWEEN 1 AND 100),
    role          text        NOT NULL CHECK (role IN ('wall', 'viewer', 'operator', 'dispatcher', 'engineer', 'admin')),
    password_hash text        NOT NULL,
    disabled      boolean     NOT NULL DEFAULT false,
    demo          boolean     NOT NULL DEFAULT false,
    created_at    timestamptz NOT NULL DEFAULT now(),
    session_epoch bigint      NOT NULL DEFAULT 1
);
