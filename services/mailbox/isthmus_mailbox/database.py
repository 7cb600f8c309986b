"""The database of this service."""

from __future__ import annotations

from importlib.resources import files
from typing import Any

from isthmus_service import Pool, Service


async def open_database(service: Service[Any]) -> Pool:
    """Its pool, when PostgreSQL is there and the schema up to date.

    Statements are planned once a connection, whatever they are about: all look things up by their mailbox, and a plan
    of its own for each of the first calls takes PostgreSQL longer than what it then does.
    """
    migrations = files("isthmus_mailbox") / "migrations"
    return await service.database("mailbox", migrations, plan_cache_mode="force_generic_plan")
