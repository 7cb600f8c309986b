"""The switch service: requests and observations in, one step after the other, each written down before it is taken."""

from __future__ import annotations

from contextlib import AsyncExitStack
from importlib.resources import files

from isthmus_accounts import AccountMap
from isthmus_events import Consumer, Relay, Table
from isthmus_events.topics import PROJECTS
from isthmus_service import Security, Service, ServiceSettings, run

from .asking import ask_for_switches
from .effects import World
from .hearing import TOPICS, hearing
from .run import Runner


class SwitchSettings(ServiceSettings):
    """Nothing of its own."""


async def serve(service: Service[SwitchSettings]) -> None:
    pool = await service.database("switch", files("isthmus_switch") / "migrations")
    projects = Table(service, PROJECTS)
    # Closed last, when nothing is at work any more that would take a closed connection for a failure.
    stack = AsyncExitStack()
    service.on_stop(stack.aclose)
    accounts = await stack.enter_async_context(
        AccountMap(service.settings.accountmap, security=Security.of(service.settings))
    )
    service.check("account map", accounts.problem)
    world = World(service, accounts, projects)
    stack.push_async_callback(world.close)
    service.spawn("relay", Relay(service, pool).run())
    hear = hearing(service.settings.secrets_dir)
    service.spawn("events", Consumer(service, pool, "switch", TOPICS, hear, batch=100).run())
    service.spawn("switches", Runner(service, pool, world).run())
    service.spawn("requests", ask_for_switches(service, pool, projects))
    await service.run_until_stopped()


def main() -> None:
    run("switch", SwitchSettings, serve)
