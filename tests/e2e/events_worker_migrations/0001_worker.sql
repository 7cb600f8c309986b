-- What the workers of the tests did. No constraint keeps a thing from being done twice: the tests look for it.
CREATE TABLE heard (
    place bigint GENERATED ALWAYS AS IDENTITY,
    key bytea NOT NULL,
    number bigint NOT NULL,
    worker text NOT NULL
);

CREATE TABLE step (
    place bigint GENERATED ALWAYS AS IDENTITY,
    partition integer NOT NULL,
    number bigint NOT NULL,
    epoch bigint NOT NULL,
    worker text NOT NULL
);

CREATE TABLE ownership (
    place bigint GENERATED ALWAYS AS IDENTITY,
    what text NOT NULL,
    partition integer NOT NULL,
    epoch bigint NOT NULL,
    worker text NOT NULL
);
