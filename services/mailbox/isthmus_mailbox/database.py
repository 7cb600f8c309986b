"""The database of this service."""

from __future__ import annotations

from importlib.resources import files
from typing import Any

from isthmus_service import Pool, Service

_PLANS = {
    # Work is listed and done, so its table is nearly empty whenever PostgreSQL counts it, and reading all of a nearly
    # empty table looks as cheap as its index. The plan is kept, and the table fills.
    "enable_seqscan": "off",
    # Of a mailbox that it has not counted yet PostgreSQL believes that there is nothing, and would plan for that.
    "plan_cache_mode": "force_generic_plan",
}


async def open_database(service: Service[Any]) -> Pool:
    """Its pool, when PostgreSQL is there and the schema up to date."""
    return await service.database("mailbox", files("isthmus_mailbox") / "migrations", _PLANS)
