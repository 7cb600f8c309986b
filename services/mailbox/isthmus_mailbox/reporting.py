"""How far mailboxes are, told while they are worked on; nothing is told twice."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Collection, Mapping

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
        # By mailbox, with the epoch of the lease under which it was told: after another owner it may be untrue.
        self._told: dict[bytes, tuple[int, MailboxProgress]] = {}

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
                async with self.telling(lease, telling.progress(box, counts, moving(box))):
                    pass

    async def tell_paused(self, owned: Mapping[int, Lease], running: Collection[bytes]) -> None:
        """Say which mailboxes are paused, once their passes have ended."""
        for box in await boxes.paused(self._pool, list(owned)):
            lease = owned[box.partition]
            epoch, told = self._told.get(box.id, (None, MailboxProgress()))
            if box.id in running or (epoch == lease.epoch and told.state == MAILBOX_STATE_PAUSED):
                continue
            counts = await boxes.counts(self._pool, box.id)
            with contextlib.suppress(OwnershipLost, _Resumed):
                async with self.telling(lease, telling.progress(box, counts, MAILBOX_STATE_PAUSED)) as connection:
                    if not await boxes.still_paused(connection, box.id):
                        raise _Resumed

    async def tell_resumed(self, connection: Connection, box: Box) -> None:
        """Say of a switched mailbox that it is not paused any more, for no pass does; of another its next pass does."""
        if box.switched:
            counts = await boxes.counts(connection, box.id)
            self._told.pop(box.id, None)  # the caller commits: whether this was told is not known here
            await _publish(connection, telling.progress(box, counts, MAILBOX_STATE_SWITCHED))

    @contextlib.asynccontextmanager
    async def telling(self, lease: Lease, progress: MailboxProgress) -> AsyncIterator[Connection]:
        """A transaction that holds the lease, and at its end says how a mailbox stands, if that is new.

        Raises OwnershipLost.
        """
        said = (lease.epoch, _without_pass(progress))
        async with self._pool.acquire() as connection:
            async with connection.transaction():
                await lease.hold(connection)
                yield connection
                if self._told.get(progress.pair_id) != said:
                    self._told.pop(progress.pair_id, None)  # until this is committed nobody knows what was told last
                    await _publish(connection, progress)
            self._told[progress.pair_id] = said


class _Resumed(Exception):  # noqa: N818 - no error
    """The mailbox is not paused any more."""


async def _publish(connection: Connection, progress: MailboxProgress) -> None:
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
