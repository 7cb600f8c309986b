"""The database of this service."""

from __future__ import annotations

from importlib.resources import files
from typing import Any

from isthmus_service import Pool, Service


async def open_database(service: Service[Any]) -> Pool:
    """Its pool, when PostgreSQL is there and the schema up to date."""
    return await service.database("mailbox", files("isthmus_mailbox") / "migrations")
