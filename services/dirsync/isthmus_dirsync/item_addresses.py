"""Addresses that stand in migrated items: heard of from the mailbox service, kept for the guardian."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from isthmus_events import Consumer
from isthmus_events.topics import MAILBOX_ADDRESSES
from isthmus_sync.directory.guardian import Found

if TYPE_CHECKING:
    from isthmus.events.v1.mailbox_pb2 import AddressSeen
    from isthmus_events import Event
    from isthmus_service import Connection, Pool, Service

_AT_ONCE = 500


async def hear_of_addresses(service: Service[Any], pool: Pool) -> None:
    """Keep what the mailbox service tells of, until cancelled."""
    await Consumer(service, pool, "dirsync", [MAILBOX_ADDRESSES], _keep, batch=_AT_ONCE).run()


async def _keep(connection: Connection, event: Event) -> None:
    seen: AddressSeen = event.data
    await connection.execute(
        """
        INSERT INTO item_address (project, kind, key, address, beside, pair_id) VALUES ($1, $2, $3, $4, $5, $6)
        ON CONFLICT (project, kind, key) DO UPDATE SET beside = $5
        WHERE item_address.beside = '' AND $5 <> ''
        """,
        seen.project,
        seen.type.lower(),
        seen.address.casefold(),
        seen.address,
        seen.beside,
        seen.pair_id,
    )


async def addresses_in_items(connection: Connection, project: str) -> list[Found]:
    """Every address that stands in a migrated item."""
    rows = await connection.fetch(
        "SELECT kind, address, beside, pair_id FROM item_address WHERE project = $1 ORDER BY kind, key", project
    )
    return [Found(row["kind"].upper(), row["address"], row["beside"], row["pair_id"]) for row in rows]
