"""How far mailboxes are, told while they are worked on; nothing is told twice."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Collection, Mapping

from isthmus.events.v1.mailbox_pb2 import (
    MAILBOX_STATE_FIRST_PASS,
    MAILBOX_STATE_PASS,
    MAILBOX_STATE_PAUSED,
    MAILBOX_STATE_SWITCHED,
    MailboxProgress,
    MailboxState,
)
from isthmus_events import Lease, OwnershipLost, publish
from isthmus_events.topics import MAILBOX_PROGRESS
from isthmus_service import DATABASE_AWAY, Connection, Pool

from isthmus_mailbox import boxes, telling
from isthmus_mailbox.boxes import Box
from isthmus_mailbox.passing import Pass

_TELL_SECONDS = 1.0
_TELL_SHARE, _SELDOM_SECONDS = 20.0, 10.0
"""The items of a mailbox are counted to tell how far it is: for a twentieth of the time, or so seldom."""


class Reporter:
    """Tells how mailboxes stand, and remembers what it told."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._told: dict[bytes, MailboxProgress] = {}

    async def follow(self, box: Box, lease: Lease, made: Pass) -> None:
        """Say now and then how far the pass is, once it has something to do; seldom, where counting takes long."""
        pause = _TELL_SECONDS
        while True:
            await asyncio.sleep(pause)
            with contextlib.suppress(OwnershipLost, *DATABASE_AWAY):
                began = time.monotonic()
                counts = await boxes.counts(self._pool, box.id)
                pause = max(_TELL_SECONDS, min(_TELL_SHARE * (time.monotonic() - began), _SELDOM_SECONDS))
                if not counts.staged and not made.counts:
                    continue
                async with self._pool.acquire() as connection, connection.transaction():
                    await lease.hold(connection)
                    await self.tell(connection, telling.progress(box, counts, moving(box)))

    async def tell_paused(self, owned: Mapping[int, Lease], running: Collection[bytes]) -> None:
        """Say which mailboxes are paused, once their passes have ended."""
        for box in await boxes.paused(self._pool, list(owned)):
            told = self._told.get(box.id)
            if box.id in running or (told is not None and told.state == MAILBOX_STATE_PAUSED):
                continue
            counts = await boxes.counts(self._pool, box.id)
            with contextlib.suppress(OwnershipLost):
                async with self._pool.acquire() as connection, connection.transaction():
                    await owned[box.partition].hold(connection)
                    if await boxes.still_paused(connection, box.id):
                        await self.tell(connection, telling.progress(box, counts, MAILBOX_STATE_PAUSED))

    async def tell_resumed(self, connection: Connection, box: Box) -> None:
        """Say of a switched mailbox that it is not paused any more, for no pass does; of another its next pass does."""
        if box.switched:
            self._told.pop(box.id, None)  # another worker may have said that it is paused
            counts = await boxes.counts(connection, box.id)
            await self.tell(connection, telling.progress(box, counts, MAILBOX_STATE_SWITCHED))

    async def tell(self, connection: Connection, progress: MailboxProgress) -> None:
        """Say how a mailbox stands, if that is new."""
        said = _without_pass(progress)
        if self._told.get(progress.pair_id) == said:
            return
        self._told[progress.pair_id] = said
        progress.at = telling.microseconds()
        await publish(connection, MAILBOX_PROGRESS, progress.pair_id, progress)


def moving(box: Box) -> MailboxState.ValueType:
    """The state of a mailbox that is worked on."""
    return MAILBOX_STATE_PASS if box.passes else MAILBOX_STATE_FIRST_PASS


def _without_pass(progress: MailboxProgress) -> MailboxProgress:
    """Passes that find nothing to do differ in their number alone."""
    copy = MailboxProgress.FromString(progress.SerializeToString())
    copy.ClearField("pass")
    return copy
