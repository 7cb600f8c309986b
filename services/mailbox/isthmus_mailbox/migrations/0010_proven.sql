-- Folders that a proof under way has found equal (isthmus_mailbox.proven), so that it is continued when its worker dies.

CREATE TABLE proven (
    pair_id     bytea NOT NULL,
    fingerprint bytea NOT NULL,
    at          double precision NOT NULL,
    findings    text NOT NULL,
    PRIMARY KEY (pair_id, fingerprint)
);
