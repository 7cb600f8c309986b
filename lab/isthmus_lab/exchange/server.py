"""One Exchange server: its parts put together, started and stopped."""

from __future__ import annotations

import asyncio
import json
import signal
import ssl
from contextlib import AsyncExitStack, suppress

import structlog
from aiohttp import web

from isthmus_lab.store import Store

from .assistants import Assistants
from .conditions.pressure import Pressure
from .directory import Directory
from .ews.call import Services
from .ews.versions import VERSIONS
from .mail.delivery import deliverer
from .mail.queue import Queue
from .mail.smtp import Door, listen
from .mail.transport import Transport
from .notifications.push import Pusher
from .notifications.subscriptions import Subscriptions
from .settings import Settings
from .validation import Validation
from .web import Web

_log = structlog.get_logger()


async def serve(settings: Settings) -> None:
    """Runs until SIGTERM or SIGINT; then finishes the requests at hand and closes everything."""
    stopping = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    async with AsyncExitStack() as stack:
        ports, carrying = await start(settings, stack)
        if settings.ready_file is not None:
            settings.ready_file.write_text(json.dumps(ports))
        _log.info("serving", organisation=settings.organisation, address=settings.listen, **ports)
        asked = asyncio.create_task(stopping.wait())
        await asyncio.wait((asked, carrying), return_when=asyncio.FIRST_COMPLETED)
        asked.cancel()
        if carrying.done():  # a server that takes mail and does not carry it would be worse than none
            carrying.result()
        _log.info("stopping", organisation=settings.organisation)


async def start(settings: Settings, stack: AsyncExitStack) -> tuple[dict[str, int], asyncio.Task[None]]:
    """Starts the server; closing the stack stops it. Returns the ports it took, and transport at its work."""
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(settings.certificate, settings.key)
    store = Store(settings.store / "mailboxes")
    stack.callback(store.close)
    queue = Queue(settings.store / "queue.sqlite")
    stack.callback(queue.close)
    directory = Directory(settings.forest)
    stack.callback(directory.close)
    pressure = Pressure(settings.conditions, VERSIONS[settings.version].build)

    def send_on(sender: str, addresses: list[str], content: bytes) -> None:
        transport.submit(sender, addresses, content)

    assistants = Assistants(settings.host_name)
    transport = Transport(
        queue,
        directory,
        host_name=settings.host_name,
        accepted_domains=settings.accepted_domains,
        connectors=settings.connectors,
        retry_seconds=settings.retry_seconds,
        deliver=deliverer(store, directory, assistants, pressure.twice, send_on),
    )
    ports: dict[str, int] = {}

    def public_url() -> str:
        return f"https://{settings.url_host or settings.listen}:{ports['https_port']}"

    subscriptions = Subscriptions(
        lambda: pressure.conditions.throttling.max_subscriptions, lambda: pressure.conditions.limits.minute_seconds
    )
    stack.callback(store.subscribe(subscriptions.heard))
    pusher = Pusher(subscriptions, VERSIONS[settings.version], Validation(settings.violations).answer)
    stack.push_async_callback(pusher.close)
    services = Services(
        settings,
        directory,
        store,
        transport,
        subscriptions,
        pusher.start,
        lambda: pressure.conditions.limits.sync_state_changes,
    )
    pages = Web(services, pressure, public_url)
    stack.callback(pages.close)
    runner = web.ServerRunner(pages.server(), shutdown_timeout=5)
    await runner.setup()
    stack.push_async_callback(runner.cleanup)
    stack.callback(pressure.closing.set)  # what waits ends, so that the server can

    carrying = asyncio.create_task(transport.run())
    stack.push_async_callback(_cancel, carrying)
    door = Door(settings.host_name, transport.accepted, transport.submit)
    smtp = await listen(door, settings.host_name, settings.listen, settings.smtp_port, tls)
    stack.push_async_callback(smtp.wait_closed)
    stack.callback(smtp.close)
    site = web.TCPSite(runner, settings.listen, settings.https_port, ssl_context=tls)
    await site.start()
    ports["https_port"] = runner.addresses[0][1]
    ports["smtp_port"] = smtp.sockets[0].getsockname()[1]
    return ports, carrying


async def _cancel(task: asyncio.Task[None]) -> None:
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
