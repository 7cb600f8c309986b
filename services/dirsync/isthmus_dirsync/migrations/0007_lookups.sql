-- A pair is looked up by either of its objects. While PostgreSQL has not counted a project yet every index that begins
-- with it looks as good as another one, and with the wrong one each of its pairs is compared with each object.
ALTER TABLE pair DROP CONSTRAINT pair_project_source_guid_key, DROP CONSTRAINT pair_project_target_guid_key;
CREATE UNIQUE INDEX pair_of_source ON pair (source_guid, project);
CREATE UNIQUE INDEX pair_of_target ON pair (target_guid, project) WHERE target_guid IS NOT NULL;
-- Few pairs have anybody merged into them, so all of these are read.
DROP INDEX merged_into_pair;
CREATE INDEX pair_with_merged ON pair (project) WHERE merged <> '{}';

ALTER TABLE address DROP CONSTRAINT address_pkey, ADD PRIMARY KEY (key, kind, project, pair_id);
CREATE INDEX address_of_pair ON address (pair_id);

-- For the figures that are counted again and again.
CREATE INDEX pair_counted ON pair (project, created) WHERE NOT source_gone;
CREATE INDEX pair_with_problem ON pair (project) WHERE problem <> '' AND NOT source_gone;

-- The journal is looked up by objects, by their names, and for writes that were cut short. Where nothing is said of a
-- time, the index of times is no choice.
DROP INDEX journal_by_time;
CREATE INDEX journal_by_time ON journal (project, at) WHERE at IS NOT NULL;
CREATE INDEX journal_by_name ON journal USING hash (lower(dn));
CREATE INDEX journal_cut_short ON journal (project, number) WHERE intended IS NOT NULL;
