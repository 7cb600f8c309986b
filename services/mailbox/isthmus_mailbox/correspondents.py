"""Who stands in the items that are copied: addresses that old mail must go on to reach, told to whoever keeps them.

The streams and properties pass through here anyway: looking into a stream of 5 kB takes some 20 µs of the processor and
no request. Only for items that are adopted the server is asked, once for every hundred. Of SMTP addresses only those in
the domains of the mailbox's owner are told of: no directory here could keep the others.
"""

from __future__ import annotations

from collections.abc import Iterable

from isthmus.accounts.v1.accounts_pb2 import Pair
from isthmus.events.v1.mailbox_pb2 import AddressSeen
from isthmus_events import Lease, publish_all
from isthmus_events.topics import MAILBOX_ADDRESSES
from isthmus_exchange.stream_addresses import ItemAddress
from isthmus_service import Pool

_MOST_SEEN = 10_000
"""Addresses that are recognised without a look at their domain."""


class Correspondents:
    """Of one mailbox, for one pass."""

    def __init__(self, pool: Pool, lease: Lease, project: str, pair: Pair) -> None:
        self._pool = pool
        self._lease = lease
        self._project = project
        self._pair_id = pair.id
        own = (*pair.source.smtp_addresses, *pair.target.smtp_addresses)
        self._domains = {_domain(address) for address in own}
        self._seen: set[ItemAddress] = set()
        self._noted: set[tuple[str, str, bool]] = set()

    async def note(self, items: Iterable[set[ItemAddress]]) -> None:
        """Tell of the addresses in these items that were not told of before. Raises OwnershipLost."""
        unseen = set[ItemAddress]().union(*items) - self._seen  # items of a mailbox name the same few people
        found = {
            (each.type, each.address.casefold(), bool(each.beside)): each
            for each in unseen
            if each.type == "X500" or _domain(each.address) in self._domains
        }
        fresh = [found[key] for key in sorted(found) if key not in self._noted]
        if fresh:
            await self._write(fresh)
            self._noted.update(found)
        if len(self._seen) > _MOST_SEEN:
            self._seen.clear()
        self._seen |= unseen

    async def _write(self, fresh: list[ItemAddress]) -> None:
        # By key, so that two mailboxes that name the same people do not wait for each other in a circle.
        rows = {(each.type, each.address.casefold()): each for each in fresh}
        async with self._pool.acquire() as connection, connection.transaction():
            await self._lease.hold(connection)
            new = await connection.fetch(
                """
                INSERT INTO correspondent (project, type, key, beside)
                SELECT $1, * FROM unnest($2::text[], $3::text[], $4::text[])
                ON CONFLICT (project, type, key) DO UPDATE SET beside = excluded.beside
                WHERE correspondent.beside = '' AND excluded.beside <> ''
                RETURNING type, key
                """,
                self._project,
                [type_ for type_, _ in rows],
                [key for _, key in rows],
                [each.beside for each in rows.values()],
            )
            await publish_all(
                connection,
                MAILBOX_ADDRESSES,
                {
                    f"{self._project} {type_}:{key}".encode(): self._event(rows[type_, key])
                    for type_, key in sorted((row["type"], row["key"]) for row in new)
                },
            )

    def _event(self, each: ItemAddress) -> AddressSeen:
        return AddressSeen(
            project=self._project, type=each.type, address=each.address, beside=each.beside, pair_id=self._pair_id
        )


def _domain(address: str) -> str:
    return address.rpartition("@")[2].casefold()
