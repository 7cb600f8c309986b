"""The loop that carries out what is due. Each saga is worked on by one instance at a time; any may take over.

Who works on a saga holds an advisory lock of its pair, on a connection of its own: when the process dies PostgreSQL
frees it at once. The lock is about not doing things twice for nothing; that nothing goes wrong when they are done twice
is the saga's own property.
"""

from __future__ import annotations

import asyncio
import contextlib
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from isthmus_service import DATABASE_ERRORS, cancellation_first, session

from . import store
from .saga import DueCame, Saga

if TYPE_CHECKING:
    from isthmus_service import Connection, Pool, Service

    from .effects import World

_AT_ONCE = 8
_LONGEST_SLEEP = 1.0
_DUE = "SELECT pair_id FROM switch WHERE due <= $1 AND NOT pair_id = ANY($2) ORDER BY due LIMIT $3"
_NEXT = "SELECT min(due) FROM switch WHERE due > $1"
_LOCK = "SELECT pg_try_advisory_lock(hashtextextended('isthmus switch ' || encode($1, 'hex'), 0))"
_UNLOCK = "SELECT pg_advisory_unlock(hashtextextended('isthmus switch ' || encode($1, 'hex'), 0))"


class Runner:
    def __init__(self, service: Service[Any], pool: Pool, world: World) -> None:
        self._log = service.log
        self._pool = pool
        self._world = world
        self._working: dict[bytes, asyncio.Task[None]] = {}
        self._wake = asyncio.Event()

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            try:
                with cancellation_first():
                    async with session(self._pool) as locks:
                        await self._follow(locks)
            except DATABASE_ERRORS as error:
                self._log.warning("PostgreSQL is away, the switches wait", reason=repr(error))
                await asyncio.sleep(1)

    async def _follow(self, locks: Connection) -> None:
        def wake(*_: object) -> None:
            self._wake.set()

        await locks.add_listener(store.CHANNEL, wake)
        try:
            while True:
                self._wake.clear()
                now = datetime.now(UTC)
                for row in await locks.fetch(_DUE, now, list(self._working), _AT_ONCE - len(self._working)):
                    pair_id = row["pair_id"]
                    if await locks.fetchval(_LOCK, pair_id):
                        task = asyncio.create_task(self._work(pair_id), name=f"switch {pair_id.hex()}")
                        task.add_done_callback(wake)
                        self._working[pair_id] = task
                for pair_id in [pair_id for pair_id, task in self._working.items() if task.done()]:
                    self._working.pop(pair_id).result()
                    await locks.fetchval(_UNLOCK, pair_id)
                    self._wake.set()  # the next task of that saga may be due already
                due = await locks.fetchval(_NEXT, now)
                seconds = (due - datetime.now(UTC)).total_seconds() if due else _LONGEST_SLEEP
                # Not wait_for, which in Python 3.11 swallows a cancellation that comes together with the event.
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(min(max(seconds, 0.0), _LONGEST_SLEEP)):
                        await self._wake.wait()
        finally:
            for task in self._working.values():
                task.cancel()
            await asyncio.gather(*self._working.values(), return_exceptions=True)
            self._working.clear()
            if not locks.is_closed():
                await locks.remove_listener(store.CHANNEL, wake)

    async def _work(self, pair_id: bytes) -> None:
        """The present task of one saga, once."""
        async with self._pool.acquire() as connection:
            saga = await store.read(connection, pair_id, lock=False)
            mailbox = await connection.fetchval("SELECT words FROM mailbox WHERE pair_id = $1", pair_id)
        if saga is None or saga.due is None or saga.due > datetime.now(UTC):
            return  # somebody else was quicker
        seen = await self._world.carry_out(saga) if saga.task.is_effect else DueCame(mailbox or "")
        async with self._pool.acquire() as connection, connection.transaction():
            await store.go_on(
                connection, pair_id, seen, datetime.now(UTC), unless=lambda present: _place(present) != _place(saga)
            )


def _place(saga: Saga) -> tuple[object, ...]:
    """Where the saga is: what was seen for another request, step, task or round must not count for this one."""
    return saga.request_id, saga.step, saga.task, saga.round, saga.task_since
