"""The life of a service process: start, wait, serve, stop."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import socket
import sys
import time
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from importlib.resources.abc import Traversable
from types import TracebackType
from typing import Any, Generic, Self, TypeVar

import structlog
from aiohttp import web

from isthmus_service import health, logs
from isthmus_service.database import Pool, open_pool
from isthmus_service.migrations import Migration, MigrationError, of_libraries, read
from isthmus_service.settings import ConfigurationError, ServiceSettings, load

SettingsT = TypeVar("SettingsT", bound=ServiceSettings)
T = TypeVar("T")

_EX_CONFIG = 78
GC_THRESHOLD = (10_000, 10, 10)
"""After so many new objects Python looks which only hold each other. After every 700, as it does by itself, that takes
a worker a fiftieth of its time; rows, messages and elements go without it."""
_STOP_SECONDS = 10.0
_LONGEST_PAUSE = 5.0
_REMIND_SECONDS = 30.0


class Service(Generic[SettingsT]):
    """One running service process. `run` makes it; tests use `async with Service(name, settings) as service`.

    `web` takes further routes until `run_until_stopped` is called; /healthz, /readyz and /metrics answer before that.
    `stopping` is set by SIGTERM and SIGINT, and when a spawned task fails; `failed` tells which.
    """

    def __init__(self, name: str, settings: SettingsT) -> None:
        self.name = name
        self.settings = settings
        self.log: structlog.stdlib.BoundLogger = structlog.stdlib.get_logger(f"isthmus.{name}")
        self.web = web.Application()
        self.stopping = asyncio.Event()
        self.failed = False
        self.started = False
        self._waiting: dict[str, str] = {}
        self._checks: dict[str, Callable[[], str | None]] = {}
        self._pools: list[Pool] = []
        self._closers: list[Callable[[], Awaitable[object]]] = []
        self._listener: socket.socket | None = None
        self._web_runner: web.AppRunner | None = None

    # --- what a service needs ---------------------------------------------------------------------------------------

    async def database(self, schema: str, migrations: Traversable, settings: Mapping[str, str] | None = None) -> Pool:
        """Wait for PostgreSQL, bring `schema` up to date and return a pool whose search_path is that schema.

        Migrations are the files NNNN_what.sql, applied once each in the order of their numbers, in one transaction
        under an advisory lock; those of installed libraries (the outbox…) come first. Raises MigrationError when an
        applied one was changed since or is unknown here. `settings`: PostgreSQL's, for each connection.
        """
        url = self.settings.database_url
        if url is None:
            raise ConfigurationError(
                f"{self.name} needs a database: set ISTHMUS_DATABASE_URL to postgresql://user:password@host:port/name"
            )
        wanted = [*of_libraries(), *read(self.name, migrations)]
        application = f"isthmus {self.name} {self.settings.instance}"

        async def probe() -> tuple[Pool, list[Migration]]:
            return await open_pool(str(url), schema, application, wanted, settings)

        host = url.hosts()[0]
        pool, applied = await self.wait_for(f"PostgreSQL at {host['host']}:{host['port'] or 5432}", probe)
        for migration in applied:
            self.log.info("migration applied", schema=schema, migration=f"{migration.origin}/{migration.name}")
        self._pools.append(pool)
        self.on_stop(lambda: _close(pool))
        return pool

    async def wait_for(self, what: str, probe: Callable[[], Awaitable[T]]) -> T:
        """Call `probe` until it does not raise, and return its result.

        Waits 0.1 s, then twice as long each time up to 5 s. The log and /readyz say what is waited for and why.
        """
        began = time.monotonic()
        said: tuple[float, str] | None = None
        pause = 0.1
        try:
            while True:
                try:
                    result = await probe()
                except (ConfigurationError, MigrationError):
                    raise
                except Exception as error:
                    reason = str(error) or type(error).__name__
                    self._waiting[what] = reason
                    if said is None or said[1] != reason or time.monotonic() - said[0] > _REMIND_SECONDS:
                        self.log.warning(f"waiting for {what}", reason=reason)
                        said = time.monotonic(), reason
                else:
                    if said:
                        self.log.info(f"{what} is there", seconds=round(time.monotonic() - began, 1))
                    return result
                await asyncio.sleep(pause)
                pause = min(pause * 2, _LONGEST_PAUSE)
        finally:
            self._waiting.pop(what, None)

    def spawn(self, name: str, coro: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Run `coro` beside the others until the service stops. If it raises, the process ends with status 1."""
        task = asyncio.create_task(coro, name=name)

        def ended(task: asyncio.Task[None]) -> None:
            self._closers.remove(close)
            if not task.cancelled() and (error := task.exception()):
                self.log.error(f"{name} failed", exc_info=error)
                self.failed = True
                self.stopping.set()

        async def close() -> None:
            task.cancel()
            await asyncio.wait({task})

        self._closers.append(close)
        task.add_done_callback(ended)
        return task

    def check(self, name: str, fn: Callable[[], str | None]) -> None:
        """Ask `fn` at each /readyz: None is ready, a text says why not."""
        self._checks[name] = fn

    def on_stop(self, callback: Callable[[], Awaitable[object]]) -> None:
        """Await `callback` when the service stops; the last one registered comes first, spawned tasks among them."""
        self._closers.append(callback)

    async def run_until_stopped(self) -> None:
        """Serve `web` and return when the service is to stop."""
        await self._serve(self.web)
        self.started = True
        self.log.info(f"{self.name} has started")
        await self.stopping.wait()

    # --- its life ---------------------------------------------------------------------------------------------------

    async def __aenter__(self) -> Self:
        family = socket.AF_INET6 if ":" in self.settings.http_host else socket.AF_INET
        try:
            self._listener = socket.create_server((self.settings.http_host, self.settings.http_port), family=family)
        except OSError as error:
            address = f"{self.settings.http_host}:{self.settings.http_port}"
            raise ConfigurationError(
                f"{self.name} cannot listen on {address}: {error.strerror}. "
                f"Set ISTHMUS_HTTP_HOST and ISTHMUS_HTTP_PORT to a free address."
            ) from error
        # Only the pages about itself as long as the service adds its own.
        await self._serve(web.Application())
        self.log.info("serving health and metrics", url=self.url)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stopping.set()
        while self._closers:
            closer = self._closers[-1]
            try:
                await closer()
            except Exception:
                self.log.exception("closing failed")
            if closer in self._closers:
                self._closers.remove(closer)
        if self._web_runner:
            await self._web_runner.cleanup()
        if self._listener:
            self._listener.close()

    @property
    def url(self) -> str:
        """Where /healthz and the service's own pages are: http://host:port."""
        assert self._listener is not None, "the service is not entered"
        host, port = self._listener.getsockname()[:2]
        return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"

    async def _serve(self, app: web.Application) -> None:
        """Let `app` answer from now on, on the same socket."""
        assert self._listener is not None, "the service is not entered"
        health.add_routes(app, self.not_ready)
        if self._web_runner:
            await self._web_runner.cleanup()
        self._web_runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
        await self._web_runner.setup()
        await web.SockSite(self._web_runner, self._listener.dup()).start()

    async def not_ready(self) -> dict[str, str]:
        """What /readyz says: {what: why not}, nothing when the service is ready."""
        reasons = {name: reason for name, fn in self._checks.items() if (reason := fn()) is not None}
        for pool in self._pools:
            try:
                async with asyncio.timeout(1):
                    await pool.fetchval("SELECT true")
            except Exception as error:
                reasons["PostgreSQL"] = str(error) or type(error).__name__
        if not self.started:
            reasons.setdefault(self.name, "starting")
        return reasons | self._waiting


async def _close(pool: Pool) -> None:
    try:
        async with asyncio.timeout(2):
            await pool.close()
    except TimeoutError:
        pool.terminate()


def run(
    name: str,
    settings: type[SettingsT],
    serve: Callable[[Service[SettingsT]], Awaitable[None]],
    *,
    gc_threshold: tuple[int, int, int] = GC_THRESHOLD,
) -> None:
    """Run a service to its end: what each service's main() calls. Ends the process.

    `gc_threshold` is of gc.set_threshold, for the whole process: this is the only place that sets it.
    Exit status: 0 after SIGTERM or SIGINT, 1 when a task failed, 78 (EX_CONFIG) when a setting is wrong.
    Everything is closed within 10 s of the signal.
    """
    gc.set_threshold(*gc_threshold)
    try:
        loaded = load(settings)
        logs.configure(name, loaded)
        status = asyncio.run(_run(Service(name, loaded), serve))
    except ConfigurationError as error:
        print(f"{name} cannot start.\n{error}", file=sys.stderr)
        status = _EX_CONFIG
    sys.exit(status)


async def _run(service: Service[SettingsT], serve: Callable[[Service[SettingsT]], Awaitable[None]]) -> int:
    loop = asyncio.get_running_loop()

    def give_up() -> None:
        tasks = sorted(task.get_name() for task in asyncio.all_tasks())
        service.log.error(f"not everything was closed within {_STOP_SECONDS:.0f} s", still_running=tasks)
        os._exit(1)

    async def stop_in_time() -> None:
        await service.stopping.wait()
        loop.call_later(_STOP_SECONDS - 0.5, give_up)

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, service.stopping.set)
    watch = asyncio.create_task(stop_in_time())
    async with service:
        serving = asyncio.ensure_future(serve(service))
        await asyncio.wait({serving, watch}, return_when=asyncio.FIRST_COMPLETED)
        if not service.started:
            serving.cancel()  # it still waits for something
        try:
            await serving
        except asyncio.CancelledError:
            service.log.info("stopped before it had started")
        except MigrationError as error:
            service.log.error(str(error))
            service.failed = True
        except ConfigurationError:
            raise
        except Exception:
            service.log.exception(f"{service.name} failed")
            service.failed = True
    service.log.info(f"{service.name} has stopped")
    return 1 if service.failed else 0
