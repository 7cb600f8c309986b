"""The longer statements of database_ledger.py."""

from __future__ import annotations

from isthmus_events import HOLD

STAGED = """source_id, folder, work, search_key, size, associated, is_read, change_key, modified, attempts, not_before,
    reason, traits, sequence"""
"""Columns of `work`, as a row of staged work is read."""
# Work of an item takes the place of the work that is there for it.
_INSTEAD = """ON CONFLICT (pair_id, source_id) DO UPDATE SET
        folder = excluded.folder, work = excluded.work, search_key = excluded.search_key, size = excluded.size,
        associated = excluded.associated, is_read = excluded.is_read, change_key = excluded.change_key,
        modified = excluded.modified, attempts = excluded.attempts, not_before = excluded.not_before,
        reason = excluded.reason, traits = excluded.traits, sequence = excluded.sequence"""


def by_id(table: str, column: str, wanted: str, pair: str = "$1", what: str = "*") -> str:
    """Rows of a pair whose ids are in the array `wanted`: what follows FROM, as `found`; of each row `what`.

    Each id is looked up by itself. A join, or an id that is any of the array, PostgreSQL makes of all rows of the
    mailbox when it knows no better, and every one of them is compared with every id.
    """
    found = f"SELECT {what} FROM {table} WHERE pair_id = {pair} AND {column} = wanted.id OFFSET 0"  # noqa: S608
    return f"unnest({wanted}::bytea[]) AS wanted (id), LATERAL ({found}) AS found"


# Whether the deletion of an `item` of the pair $1 is staged, and whether the item of `work` is held in a folder. Each
# is looked up by itself, as in `by_id`.
_LEAVING = """EXISTS (
        SELECT FROM (SELECT work FROM work WHERE pair_id = $1 AND source_id = item.source_id OFFSET 0) AS staged
        WHERE work = 2
    )"""
_HELD = """EXISTS (
        SELECT FROM (SELECT folder FROM item WHERE pair_id = $1 AND source_id = work.source_id OFFSET 0) AS held
        WHERE folder = {}
    )"""


def one_of(column: str, wanted: str) -> str:
    """Whether it is in the array `wanted`. PostgreSQL makes a table of that to look it up in; it would compare it with
    each of an array, or make a join of it and compare it as well, were it not asked whether that is true."""
    return f"({column} IN (SELECT unnest({wanted}::bytea[]))) IS TRUE"


def _ending(numbers: str) -> str:
    """The intents of the work with these numbers end: expressions of a WITH. `numbers`: a multirange, or NULL."""
    return f"""ended AS (
        DELETE FROM intent USING lease WHERE intent.pair_id = $4 AND sequences <@ ({numbers})
    ), ended_in_part AS (
        UPDATE intent SET sequences = sequences - ({numbers}) FROM lease
        WHERE intent.pair_id = $4 AND sequences && ({numbers}) AND NOT sequences <@ ({numbers})
    )"""  # noqa: S608


# What the work of folders has of intents, with the pair and the folders; `$3`: also work elsewhere, of items in these.
END = f"""
    WITH numbers AS (
        SELECT range_agg(int8range(sequence, sequence, '[]')) AS them FROM work
        WHERE pair_id = $1 AND (folder = ANY($2::integer[]) OR $3 AND {_HELD.format("ANY($2::integer[])")})
    ), ended AS (
        DELETE FROM intent USING numbers WHERE pair_id = $1 AND sequences <@ them
    )
    UPDATE intent SET sequences = sequences - them FROM numbers
    WHERE pair_id = $1 AND sequences && them AND NOT sequences <@ them
"""  # noqa: S608
DELETE_ALL = f"""
    WITH never_copied AS (
        DELETE FROM work WHERE pair_id = $1 AND folder = $2 AND NOT {_HELD.format("$2")}
    )
    INSERT INTO work (pair_id, source_id, folder, work, search_key, size, associated, is_read, change_key, modified,
                      attempts, not_before, reason, sequence)
    SELECT pair_id, source_id, folder, 2, search_key, size, associated, is_read, source_change_key, modified,
           0, 0, '', nextval('work_sequence')
    FROM item WHERE pair_id = $1 AND folder = $2
    {_INSTEAD}
"""  # noqa: S608
# The changes that an item takes on its way, each one statement that is fenced by itself: a transaction of several
# statements would be five to seven waits for the database instead of one. Each array costs its share of every item, so
# what is the same for all of them, or is in the database already, is not given as one.
_REPLACED = f"""SELECT range_agg(int8range(sequence, sequence, '[]'))
            FROM {by_id("work", "source_id", "$5", "$4", "sequence")}"""  # noqa: S608
_RUNS = "SELECT range_agg(int8range(first, last, '[]')) FROM unnest($9::bigint[], $10::bigint[]) AS run (first, last)"
_DONE = "SELECT range_agg(int8range(sequence, sequence, '[]')) FROM done"
_TOLD = """told AS (
        UPDATE folder SET sync_state = new.sync_state
        FROM unnest({}::integer[], {}::text[]) AS new (number, sync_state), lease
        WHERE folder.pair_id = $4 AND folder.number = new.number
    )"""
_OVER = """ON CONFLICT (pair_id, source_id) DO UPDATE SET
            target_id = excluded.target_id, folder = excluded.folder, search_key = excluded.search_key,
            size = excluded.size, associated = excluded.associated, is_read = excluded.is_read,
            source_change_key = excluded.source_change_key, target_change_key = excluded.target_change_key,
            modified = excluded.modified, way = excluded.way, agreed_at = excluded.agreed_at"""
# Sequences are given after sorting, so those of rows that had none rise with their places.
_STAGED_AS = "SELECT EXISTS (SELECT FROM lease) AS held, ARRAY(SELECT sequence FROM put ORDER BY sequence) AS sequences"
STAGE = f"""
    WITH lease AS ({HOLD}), put AS (
        INSERT INTO work (pair_id, source_id, folder, work, search_key, size, associated, is_read, change_key, modified,
                          attempts, not_before, reason, traits, sequence)
        SELECT $4, source_id, folder, work, search_key, size, associated, is_read, change_key, modified, attempts,
               not_before, reason, traits,
               CASE WHEN sequence = 0 THEN nextval('work_sequence') ELSE sequence END
        FROM unnest($5::bytea[], $6::integer[], $7::smallint[], $8::bytea[], $9::bigint[], $10::boolean[],
                    $11::boolean[], $12::bytea[], $13::text[], $14::integer[], $15::double precision[], $16::text[],
                    $17::text[], $18::bigint[]) WITH ORDINALITY
             AS new (source_id, folder, work, search_key, size, associated, is_read, change_key, modified, attempts,
                     not_before, reason, traits, sequence, place), lease
        ORDER BY place
        {_INSTEAD}
        RETURNING sequence
    ), {_ending(_REPLACED)}, {_TOLD.format("$19", "$20")}
    {_STAGED_AS}
"""  # noqa: S608
# What a listing tells of a folder: to be copied, and not tried yet. Fails when some of it is staged already: whoever
# looks for that first does everything twice, for what as good as never is.
LIST = f"""
    WITH lease AS ({HOLD}), put AS (
        INSERT INTO work (pair_id, source_id, folder, work, search_key, size, associated, is_read, change_key, modified,
                          attempts, not_before, reason, sequence)
        SELECT $4, source_id, $5::integer, 1, search_key, size, flags & 2 <> 0, flags & 1 <> 0, change_key, modified,
               0, 0, '', nextval('work_sequence')
        FROM unnest($6::bytea[], $7::bytea[], $8::bigint[], $9::smallint[], $10::bytea[], $11::text[]) WITH ORDINALITY
             AS new (source_id, search_key, size, flags, change_key, modified, place), lease
        ORDER BY place
        RETURNING sequence
    ), {_TOLD.format("$12", "$13")}
    {_STAGED_AS}
"""  # noqa: S608
# Numbers come as runs, for those of a request follow one another as a rule.
INTEND = f"""
    WITH lease AS ({HOLD}), given AS (
        SELECT action, until, moved, range_agg(int8range(first, last, '[]')) AS sequences
        FROM unnest($5::bigint[], $6::bigint[], $7::smallint[], $8::double precision[], $9::bytea[])
             AS new (first, last, action, until, moved)
        GROUP BY action, until, moved
    ), {_ending("SELECT range_agg(sequences) FROM given")}, recorded AS (
        INSERT INTO intent (pair_id, action, until, moved, sequences)
        SELECT $4, given.* FROM given, lease WHERE action IS NOT NULL
    )
    SELECT EXISTS (SELECT FROM lease) AS held
"""  # noqa: S608
FOLDERS = f"""
    WITH lease AS ({HOLD}), put AS (
        INSERT INTO folder (pair_id, number, parent, name, folder_class, role, source_id, target_id, sync_state, gone,
                            settled, intent_write, intent_until, intent_parent, intent_name)
        SELECT $4, new.* FROM unnest($5::integer[], $6::integer[], $7::text[], $8::text[], $9::text[], $10::bytea[],
                                     $11::bytea[], $12::text[], $13::boolean[], $14::boolean[], $15::smallint[],
                                     $16::double precision[], $17::bytea[], $18::text[])
                              AS new, lease
        ON CONFLICT (pair_id, number) DO UPDATE SET
            parent = excluded.parent, name = excluded.name, folder_class = excluded.folder_class, role = excluded.role,
            source_id = excluded.source_id, target_id = excluded.target_id, sync_state = excluded.sync_state,
            gone = excluded.gone, settled = excluded.settled, intent_write = excluded.intent_write,
            intent_until = excluded.intent_until, intent_parent = excluded.intent_parent,
            intent_name = excluded.intent_name
    )
    SELECT EXISTS (SELECT FROM lease) AS held
"""  # noqa: S608
AGREE = f"""
    WITH lease AS ({HOLD}), put AS (
        INSERT INTO item (pair_id, source_id, target_id, folder, search_key, size, associated, is_read,
                          source_change_key, target_change_key, modified, way)
        SELECT $4, new.* FROM unnest($5::bytea[], $6::bytea[], $7::integer[], $8::bytea[], $9::bigint[], $10::boolean[],
                                     $11::boolean[], $12::bytea[], $13::bytea[], $14::text[], $15::smallint[])
                              AS new, lease
        {_OVER}
    ), done AS (
        DELETE FROM work USING lease WHERE work.ctid = ANY(ARRAY(
            SELECT found.ctid FROM {by_id("work", "source_id", "$16", "$4", "ctid")}))
        RETURNING sequence
    ), {_ending(_DONE)}, told AS (
        UPDATE mailbox SET bytes_done = bytes_done + $17::bigint FROM lease WHERE mailbox.pair_id = $4 AND $17 > 0
    )
    SELECT EXISTS (SELECT FROM lease) AS held
"""  # noqa: S608
# Content that was staged and is on the target: rows of `work` become such of `item`, all of them or none.
_COPIED = f"""
    WITH owner AS ({HOLD}), found AS MATERIALIZED (
        SELECT staged.*, target_id, target_change_key, way
        FROM owner, unnest($5::bigint[], $6::bytea[], $7::bytea[], $8::smallint[])
             AS new (sequence, target_id, target_change_key, way),
             LATERAL (
                SELECT ctid AS place, source_id, folder, search_key, size, associated, is_read, change_key, modified
                FROM work WHERE pair_id = $4 AND work = 1 AND sequence = new.sequence OFFSET 0
             ) AS staged
    ), lease AS (
        SELECT FROM owner WHERE (SELECT count(*) FROM found) = cardinality($5)
    ), put AS (
        INSERT INTO item (pair_id, source_id, target_id, folder, search_key, size, associated, is_read,
                          source_change_key, target_change_key, modified, way)
        SELECT $4, source_id, target_id, folder, search_key, size, associated, is_read, change_key, target_change_key,
               modified, way
        FROM found, lease
        {{}}
    ), done AS (
        DELETE FROM work USING lease WHERE work.ctid = ANY(ARRAY(SELECT place FROM found))
    ), {_ending(_RUNS)}, told AS (
        UPDATE mailbox SET bytes_done = bytes_done + $11::bigint FROM lease WHERE mailbox.pair_id = $4
    )
    SELECT EXISTS (SELECT FROM owner) AS held, EXISTS (SELECT FROM lease) AS complete
"""  # noqa: S608
COPIED = _COPIED.format(_OVER)
# By itself, and not in a transaction of more, it does not wait for the disk (decision 0021).
_SOON = ", set_config('synchronous_commit', 'off', true)"
COPIED_SOON = COPIED + _SOON
NEW_COPIED_SOON = _COPIED.format("") + _SOON
ANY_OF = f"""
    SELECT EXISTS (SELECT FROM {by_id("item", "source_id", "$2", what="")})
        OR EXISTS (SELECT FROM {by_id("work", "source_id", "$2", what="")})
"""  # noqa: S608
# One item of each folder is looked for, as reading all of them takes a second for a million, and most passes ask.
FILLED = """
    SELECT number AS folder FROM folder, LATERAL (
        SELECT FROM item WHERE item.pair_id = $1 AND item.folder = number LIMIT 1
    ) AS found WHERE folder.pair_id = $1
    UNION SELECT folder FROM work WHERE pair_id = $1
"""
IN_DOUBT = f"""
    SELECT {STAGED}, action, until, moved
    FROM intent, unnest(sequences) AS run
    JOIN work ON work.pair_id = $1 AND work = ANY('{{1, 2, 3, 4}}') AND sequence >= lower(run) AND sequence < upper(run)
    WHERE intent.pair_id = $1
"""  # noqa: S608
OTHERS = f"""
    SELECT source_id FROM item WHERE pair_id = $1 AND folder = $2 AND NOT {_LEAVING}
    UNION ALL
    SELECT source_id FROM work WHERE pair_id = $1 AND folder = $2 AND work <> 2 AND NOT {_HELD.format("$2")}
"""  # noqa: S608
COUNTS = f"""
    SELECT folder, associated, count(*) AS items FROM item WHERE pair_id = $1 AND NOT {_LEAVING}
    GROUP BY folder, associated
"""  # noqa: S608
ARRIVING = f"""
    SELECT search_key FROM work WHERE pair_id = $1 AND work = 1 AND {one_of("search_key", "$2")} AND NOT EXISTS (
        SELECT FROM item WHERE pair_id = $1 AND source_id = work.source_id OFFSET 0)
"""  # noqa: S608
PLACES = f"""
    SELECT search_key, folder FROM item
    WHERE pair_id = $1 AND {one_of("search_key", "$2")} AND NOT {_LEAVING}
"""  # noqa: S608
