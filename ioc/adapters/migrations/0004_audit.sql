-- The chain over alert_log (see ioc/domain/audit.py): one link per row, in a table of its own because alert_log itself
-- takes no change. There is one chain per database, whoever writes; the row of audit_head is its lock and its end.
CREATE TABLE audit_chain (
    position bigint PRIMARY KEY,             -- 1, 2, 3 … without a hole
    id       text   NOT NULL,                -- of the row in alert_log; no foreign key: a row that is gone must show
    previous bytea  NOT NULL,
    hash     bytea  NOT NULL CHECK (length(hash) = 32)
);
CREATE INDEX audit_chain_id ON audit_chain (id);
CREATE TRIGGER audit_chain_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_chain
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
ALTER TABLE audit_chain ENABLE ALWAYS TRIGGER audit_chain_append_only;
REVOKE UPDATE, DELETE, TRUNCATE ON audit_chain FROM PUBLIC, CURRENT_USER;

CREATE TABLE audit_head (
    one          boolean PRIMARY KEY DEFAULT true CHECK (one),
    chain        text   NOT NULL,
    position     bigint NOT NULL,            -- of the last link
    hash         bytea,                      -- NULL: no link yet
    adopted      bigint NOT NULL DEFAULT 0,  -- rows of alert_log up to this seq, older than the chain, are sealed
    adopt_to     bigint                      -- the last such row; NULL: the first writer has not looked yet
) WITH (fillfactor = 50);
INSERT INTO audit_head (chain, position) VALUES (gen_random_uuid()::text, 0);
