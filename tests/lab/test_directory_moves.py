"""Renamed units and deletions, though the project asks for changes once a day: the forest tells of them, and who was
deleted is looked for, as nobody is told that without the right to see it."""

from __future__ import annotations

import asyncio

from tests.lab.directories import apply, values
from tests.lab.directory_system import System


async def test_what_moves_comes_back_and_goes_is_followed_without_asking(system: System) -> None:
    alpha = system.alpha
    sales = alpha.add_unit("Sales")
    anna, bert = (alpha.move(alpha.add_mailbox(name, name.title()), sales) for name in ("anna", "bert"))
    await apply(system.kafka, system.project(scope=[sales], interval_seconds=86400.0))
    await system.status(lambda status: status.state == "in step" and status.pairs == 2)
    for number in range(1200):  # it may take a moment until the forest listens to us
        if values(system.beta_object("anna"), "displayName") != ["Anna"]:
            break
        alpha.change(anna, displayName=f"Anna {number}")
        await asyncio.sleep(0.1)
    assert values(system.beta_object("anna"), "displayName") != ["Anna"]

    # A unit gets another name: what is below it says nothing of that, and is outside of the scope now. And back.
    alpha.rename(sales, "OU=Sold")
    await system.status(lambda status: status.state == "in step" and status.pairs == 0)
    alpha.rename(f"OU=Sold,{alpha.unit}", "OU=Sales")
    await system.status(lambda status: status.state == "in step" and not status.problem and status.pairs == 2)

    # Deleted, an account is kept in the target.
    alpha.delete(bert)
    await system.status(lambda status: status.pairs == 1)
    assert system.beta_object("bert")
