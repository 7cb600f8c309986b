"""How many rows PostgreSQL reads for an answer: what is looked up by a key costs as much as it finds."""

from __future__ import annotations

from collections.abc import Awaitable

from isthmus_service import Connection

_READ = """
    SELECT coalesce(sum(coalesce(seq_tup_read, 0) + coalesce(idx_tup_fetch, 0)), 0)::bigint
    FROM pg_stat_xact_user_tables WHERE schemaname = current_schema()
"""


async def rows_read(connection: Connection, asking: Awaitable[object]) -> int:
    """Rows of tables that `asking` has read by this connection, those included that were of no use."""
    async with connection.transaction():  # until its end nothing is taken off the counters
        before: int = await connection.fetchval(_READ)
        await asking
        after: int = await connection.fetchval(_READ)
    return after - before
