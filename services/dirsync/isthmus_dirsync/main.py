"""The service dirsync: keeps the directories of both organisations in step."""

from __future__ import annotations

from importlib.resources import files

from isthmus_events import Relay, Table
from isthmus_events.topics import ACCOUNT_PAIRS, PROJECTS
from isthmus_service import Service, ServiceSettings, run

from isthmus_dirsync.projects import follow_projects


async def serve(service: Service[ServiceSettings]) -> None:
    """Serve until stopped."""
    pool = await service.database("dirsync", files("isthmus_dirsync") / "migrations")
    service.spawn("relay", Relay(service, pool).run())
    accounts, projects = Table(service, ACCOUNT_PAIRS), Table(service, PROJECTS)
    service.spawn("projects", follow_projects(service, pool, projects, accounts))
    await service.run_until_stopped()


def main() -> None:
    run("dirsync", ServiceSettings, serve)
