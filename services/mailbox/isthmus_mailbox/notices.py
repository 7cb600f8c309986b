"""Which mailboxes changed, and where, as their servers tell it: streaming notifications instead of asking for ever.

Mailboxes of a server share connections, up to 200 on one. When more come to be watched, a newer connection takes over
from the standing one. A mailbox counts as watched while its connection stands; whatever may have been missed, at the
beginning or when a connection broke, counts as a change of which nobody knows where.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from dataclasses import dataclass, field

import structlog
from isthmus_exchange import streaming
from isthmus_exchange.client import Client
from isthmus_exchange.errors import AccessError, EwsError, ServerBusyError, TransientError
from isthmus_exchange.operations import SubscribeToAll
from isthmus_exchange.streaming import UNKNOWN, News

from isthmus_mailbox import metrics
from isthmus_mailbox.passing import in_parallel

_GATHER_SECONDS = 2.0
"""Mailboxes come to be watched one after the other, and for each a new connection takes over: so long it waits for more
of them."""
_TAKE_OVER_SECONDS = 10.0
"""A server ends a connection whose subscriptions have a newer one: within so long."""
_SUBSCRIBED_AT_ONCE = 5
_FIRST_PAUSE, _LONGEST_PAUSE = 1.0, 300.0

Changed = Callable[[Mapping[bytes, News]], None]


@dataclass(frozen=True)
class Watch:
    """A mailbox that is to be watched: its server, and its address there."""

    client: Client
    address: str


class Notices:
    """Watches mailboxes, and calls `changed` with what happened, or may have, by pair id."""

    def __init__(self, changed: Changed) -> None:
        self._changed = changed
        self._groups: list[_Group] = []
        self._tasks: set[asyncio.Task[None]] = set()

    def want(self, watches: Mapping[bytes, Watch]) -> None:
        """Watch these from now on, and no others."""
        placed = set[bytes]()
        for group in self._groups:
            group.keep({box: watch for box, watch in watches.items() if box in group and watch.client is group.client})
            placed |= group.boxes
        for box, watch in watches.items():
            if box not in placed:
                self._with_room(watch.client).add(box, watch.address)
        metrics.WATCHED.set(sum(len(group.watched) for group in self._groups))

    def watched(self, box: bytes) -> bool:
        """Every change in the mailbox is told."""
        return any(box in group.watched for group in self._groups)

    async def close(self) -> None:
        """Stop watching."""
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)

    def _with_room(self, client: Client) -> _Group:
        for group in self._groups:
            if group.client is client and len(group.boxes) < streaming.MOST:
                return group
        group = _Group(client, self._changed)
        self._groups.append(group)
        self._tasks.add(asyncio.create_task(group.run(), name=f"notifications of {client.name}"))
        return group


@dataclass
class _Group:
    """Mailboxes on one connection. `watched` are those for which it stands."""

    client: Client
    changed: Changed
    watched: set[bytes] = field(default_factory=set)
    _wanted: dict[bytes, str] = field(default_factory=dict)
    # Those of which it was told that nobody watches them.
    _in_turn: set[bytes] = field(default_factory=set)
    _other: asyncio.Event = field(default_factory=asyncio.Event)
    _pause: float = _FIRST_PAUSE
    # The connection that is heard.
    _standing: asyncio.Task[None] | None = None

    def __contains__(self, box: bytes) -> bool:
        return box in self._wanted

    @property
    def boxes(self) -> set[bytes]:
        return set(self._wanted)

    def add(self, box: bytes, address: str) -> None:
        self._wanted[box] = address
        self._other.set()

    def keep(self, watches: Mapping[bytes, Watch]) -> None:
        self._wanted = {box: watch.address for box, watch in watches.items()}
        self.watched &= self._wanted.keys()
        self._in_turn &= self._wanted.keys()
        if not self._wanted:
            self._other.set()

    async def run(self) -> None:
        """Watch until cancelled; what goes wrong is said, and tried again after a while."""
        log = structlog.stdlib.get_logger("isthmus.mailbox").bind(server=self.client.name)
        while True:
            try:
                await self._watch(log)
            except (EwsError, AccessError, TransientError) as error:
                log.warning("no notifications; mailboxes are looked at in turn", reason=str(error))
                self._lose(self._wanted)
                await asyncio.sleep(self._pause)
                self._pause = min(self._pause * 2, _LONGEST_PAUSE)
            self._lose(self.watched)

    def _lose(self, boxes: Iterable[bytes]) -> None:
        """Nobody watches these. They are due: who was watched until now, be it by another worker, rests for long."""
        lost = set(boxes) - self._in_turn
        self._in_turn |= lost
        self.watched -= lost
        if lost:
            self.changed(_unknown(lost))

    async def _watch(self, log: structlog.stdlib.BoundLogger) -> None:
        """Subscribe and listen, on the server of the first mailbox, for as long as there is any."""
        while not self._wanted:
            self._other.clear()
            await self._other.wait()
        ids: dict[str, bytes] = {}
        async with self.client.anchored(anchor=next(iter(self._wanted.values()))) as client:
            try:
                while self._wanted:
                    self._other.clear()
                    ids = {each: box for each, box in ids.items() if box in self._wanted}
                    await self._subscribe_all(client, ids, log)
                    if not ids:
                        raise TransientError("none of the mailboxes can be subscribed to")
                    try:
                        await self._listen(client, ids)
                    except streaming.SubscriptionsLost as lost:
                        log.info("subscriptions were lost; the mailboxes are looked at", count=len(lost.ids))
                        again = {ids.pop(each) for each in lost.ids if each in ids}
                        self.watched -= again
                        await asyncio.sleep(_GATHER_SECONDS)
            finally:
                if self._standing:
                    await _ended(self._standing)
                    self._standing = None

    async def _subscribe_all(self, client: Client, ids: dict[str, bytes], log: structlog.stdlib.BoundLogger) -> None:
        async def others() -> AsyncIterator[bytes]:
            for box in self._wanted.keys() - ids.values():
                yield box

        await in_parallel(others(), _SUBSCRIBED_AT_ONCE, lambda box: self._subscribe(client, box, ids, log))

    async def _subscribe(
        self, client: Client, box: bytes, ids: dict[str, bytes], log: structlog.stdlib.BoundLogger
    ) -> None:
        address = self._wanted.get(box)
        if address is None:
            return
        try:
            ids[await client.mailbox(address).call(SubscribeToAll())] = box
        except (EwsError, TransientError) as error:
            # A mailbox whose database is down, or that is just being moved, takes no other's notifications away. Of a
            # server that is away none is subscribed to.
            busy = isinstance(error, ServerBusyError) or (isinstance(error, EwsError) and error.back_off is not None)
            if busy or not (ids or isinstance(error, EwsError)):
                raise
            log.warning("the mailbox cannot be watched; it is looked at in turn", mailbox=address, reason=str(error))
            self._lose([box])

    async def _listen(self, client: Client, ids: Mapping[str, bytes]) -> None:
        """Until the connection ends, or more mailboxes are to be watched: then it is left standing."""
        stands = asyncio.Event()
        hearing = asyncio.create_task(self._hear(client, ids, stands))
        waiting = [asyncio.create_task(stands.wait()), asyncio.create_task(self._others())]
        try:
            await asyncio.wait({hearing, waiting[0]}, return_when=asyncio.FIRST_COMPLETED)
            if stands.is_set():
                await self._take_over(hearing)
                await asyncio.wait({hearing, waiting[1]}, return_when=asyncio.FIRST_COMPLETED)
            if hearing.done():
                if self._standing is hearing:
                    self._standing = None
                await hearing
        finally:
            for task in waiting:
                task.cancel()
            if self._standing is not hearing:
                await _ended(hearing)

    async def _take_over(self, newer: asyncio.Task[None]) -> None:
        """Hear the standing connection to its end: what it has still to tell is told on no other."""
        older, self._standing = self._standing, newer
        if older is None:
            return
        await asyncio.wait({older}, timeout=_TAKE_OVER_SECONDS)
        complete = older.done() and not older.cancelled() and older.exception() is None
        await _ended(older)
        if not complete:
            self.changed(_unknown(self.watched))

    async def _others(self) -> None:
        """Return when other mailboxes are to be watched."""
        await self._other.wait()
        await asyncio.sleep(_GATHER_SECONDS)

    async def _hear(self, client: Client, ids: Mapping[str, bytes], stands: asyncio.Event) -> None:
        ids = dict(ids)
        async with contextlib.aclosing(client.stream(list(ids))) as stream:
            async for told in stream:
                self._pause = _FIRST_PAUSE
                new = set(ids.values()) & self._wanted.keys() - self.watched
                self.watched |= new
                self._in_turn -= new
                happened = {ids[each]: news for each, news in told.news.items() if each in ids} | _unknown(new)
                if happened:
                    self.changed(happened)
                stands.set()


def _unknown(missed: Iterable[bytes]) -> dict[bytes, News]:
    """Something may have happened in these of which nobody told."""
    return dict.fromkeys(missed, UNKNOWN)


async def _ended(task: asyncio.Task[None]) -> None:
    """End a task; what it failed of is known."""
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError, Exception):
        await task
