"""The service dirsync: keeps the directories of both organisations in step."""

from __future__ import annotations

import sys
from importlib.resources import files

from isthmus_events import Relay, Table
from isthmus_events.topics import ACCOUNT_PAIRS, PROJECTS
from isthmus_service import Service, ServiceSettings, run
from pydantic import Field

from isthmus_dirsync.grpc_server import serve_grpc
from isthmus_dirsync.item_addresses import hear_of_addresses
from isthmus_dirsync.projects import follow_projects


class Settings(ServiceSettings):
    """Settings of dirsync."""

    grpc_host: str = Field(default="127.0.0.1", description="address on which operators' questions are answered")
    grpc_port: int = Field(default=0, ge=0, le=65535, description="its port; 0 takes a free one and logs it")


async def serve(service: Service[Settings]) -> None:
    """Serve until stopped."""
    settings = service.settings
    pool = await service.database("dirsync", files("isthmus_dirsync") / "migrations")
    service.spawn("relay", Relay(service, pool).run())
    accounts, projects = Table(service, ACCOUNT_PAIRS), Table(service, PROJECTS)
    service.spawn("addresses in items", hear_of_addresses(service, pool))
    service.spawn("projects", follow_projects(service, pool, projects, accounts))
    port = await serve_grpc(service, pool, settings.grpc_host, settings.grpc_port)
    service.log.info("answering operators", address=f"{settings.grpc_host}:{port}")
    await service.run_until_stopped()


def main() -> None:
    # A decision keeps Python's lock, and the threads that write wait for it at each step of each request, 5 ms a time:
    # two forests would be idle most of the time.
    sys.setswitchinterval(0.0005)
    # Everything that a comparison reads stays, and no circles are among it: looking for them each time that 700 objects
    # were made took a tenth of the time.
    run("dirsync", Settings, serve, gc_threshold=(100_000, 20, 100))
