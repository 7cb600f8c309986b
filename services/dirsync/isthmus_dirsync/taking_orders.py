"""Orders of operators, heard of and carried out by the instance at work."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

import structlog
from isthmus.directory.v1.directory_pb2 import (
    CheckAddressesRequest,
    CheckAddressesResponse,
    RevertRequest,
    RevertResponse,
)
from isthmus_service import DATABASE_ERRORS

from isthmus_dirsync import orders
from isthmus_dirsync.guardian import check_addresses
from isthmus_dirsync.reverting import Reverter

if TYPE_CHECKING:
    from isthmus_project import Project
    from isthmus_service import Pool
    from isthmus_sync.directory import ExchangeFacts, Pair, Side

    from isthmus_dirsync.carrying_out import Sides

_LOOK_SECONDS = 0.5


class OrderTaker:
    """Takes the orders of one project. `wake` is set when there is one, or somebody let pass what the guard stopped;
    `asked` then stays set until orders are carried out. `facts` and `active` as a Reverter wants them."""

    def __init__(
        self,
        project: Project,
        pool: Pool,
        facts: Callable[[], Awaitable[ExchangeFacts]],
        active: Callable[[Pair], Side],
        wake: asyncio.Event,
    ) -> None:
        self._project = project
        self._pool = pool
        self._facts = facts
        self._active = active
        self._wake = wake
        self.asked = asyncio.Event()
        self._log = structlog.get_logger("dirsync").bind(project=project.project)

    async def hear(self) -> None:
        """Wake up for whoever waits for something, until cancelled."""
        while True:
            with contextlib.suppress(*DATABASE_ERRORS):
                async with self._pool.acquire() as connection:
                    if await orders.anything_asked(connection, self._project.project):
                        self.asked.set()
                        self._wake.set()
            await asyncio.sleep(_LOOK_SECONDS)

    async def carry_out(self, sides: Sides) -> None:
        """Carry out what waits. Raises DirectoryUnavailable."""
        self.asked.clear()
        async with self._pool.acquire() as connection:
            waiting = await orders.open_orders(connection, self._project.project)
        for order, packed in waiting:
            revert, check = RevertRequest(), CheckAddressesRequest()
            response: RevertResponse | CheckAddressesResponse
            if packed.Unpack(revert):
                self._log.info("putting back", requested_by=revert.requested_by, dry_run=revert.dry_run)
                facts = await self._facts()
                response = await Reverter(revert, self._project, sides, facts, self._pool, self._active).run()
            else:
                packed.Unpack(check)
                response = await check_addresses(check, self._project, sides, self._pool)
            async with self._pool.acquire() as connection:
                await orders.answer(connection, order, response)
