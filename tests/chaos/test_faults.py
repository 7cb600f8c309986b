"""A handful of the runs of faults.py: mailboxes copied while servers fail and workers die; both sides end the same."""

from __future__ import annotations

import asyncio

from isthmus_mailbox.database import open_database
from isthmus_service import Service, ServiceSettings

from tests.chaos.faults import Weather, draw, survive
from tests.plugins.exchange import Exchanges, Office

_SEEDS = (7, 11, 114)
"""Answers that are lost after their effect, answers that never come, and a server that runs out of time."""


async def test_whatever_goes_wrong_both_sides_end_the_same(
    exchanges: Exchanges, office: Office, database_url: str
) -> None:
    settings = ServiceSettings.model_validate({"database_url": database_url, "instance": "chaos", "log_level": "error"})
    async with Service("mailbox", settings) as service:
        pool = await open_database(service)
        weather = Weather(exchanges)
        async with asyncio.TaskGroup() as runs:
            for seed in _SEEDS:
                people = office.alpha("chaos"), office.beta("chaos")
                runs.create_task(survive(exchanges, weather, pool, draw(seed), people))
