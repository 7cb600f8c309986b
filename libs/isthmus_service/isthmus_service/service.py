"""The life of a service process: start, wait, serve, stop."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from importlib.resources.abc import Traversable
from typing import Any, Generic, TypeVar

import structlog
from aiohttp import web

from isthmus_service.database import Pool
from isthmus_service.settings import ServiceSettings

SettingsT = TypeVar("SettingsT", bound=ServiceSettings)
T = TypeVar("T")


class Service(Generic[SettingsT]):
    """One running service process. `run` makes it; tests use `async with Service(name, settings) as service`.

    `web` takes further routes until `run_until_stopped` is called; /healthz, /readyz and /metrics answer before that.
    `stopping` is set by SIGTERM and SIGINT.
    """

    name: str
    settings: SettingsT
    log: structlog.stdlib.BoundLogger
    web: web.Application
    stopping: asyncio.Event

    def __init__(self, name: str, settings: SettingsT) -> None:
        raise NotImplementedError

    async def database(self, schema: str, migrations: Traversable) -> Pool:
        """Wait for PostgreSQL, bring `schema` up to date and return a pool whose search_path is that schema.

        Migrations are the files NNNN_what.sql, applied once each in the order of their numbers, in one transaction
        under an advisory lock; those of installed libraries (the outbox…) come first. Raises MigrationError when an
        applied one was changed since or is unknown here.
        """
        raise NotImplementedError

    async def wait_for(self, what: str, probe: Callable[[], Awaitable[T]]) -> T:
        """Call `probe` until it does not raise, and return its result.

        Waits 0.1 s, then twice as long each time up to 5 s. The log and /readyz say what is waited for and why.
        """
        raise NotImplementedError

    def spawn(self, name: str, coro: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Run `coro` beside the others until the service stops. If it raises, the process ends with status 1."""
        raise NotImplementedError

    def check(self, name: str, fn: Callable[[], str | None]) -> None:
        """Ask `fn` at each /readyz: None is ready, a text says why not."""
        raise NotImplementedError

    def on_stop(self, callback: Callable[[], Awaitable[object]]) -> None:
        """Await `callback` when the service stops; the last one registered comes first."""
        raise NotImplementedError

    async def run_until_stopped(self) -> None:
        """Serve `web` and return when the service is to stop."""
        raise NotImplementedError


def run(name: str, settings: type[SettingsT], serve: Callable[[Service[SettingsT]], Awaitable[None]]) -> None:
    """Run a service to its end: what each service's main() calls. Ends the process.

    Exit status: 0 after SIGTERM or SIGINT, 1 when a task failed, 78 (EX_CONFIG) when a setting is wrong.
    Everything is closed within 10 s of the signal.
    """
    raise NotImplementedError
