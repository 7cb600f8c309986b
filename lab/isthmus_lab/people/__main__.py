"""``python -m isthmus_lab.people --config FILE``: the people of a lab at work, until SIGTERM."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import signal
import sys
from pathlib import Path
from random import Random

import aiohttp
import structlog
from ldap3.core.exceptions import LDAPException

from isthmus_lab.people.journal import Journal
from isthmus_lab.people.staff import Staff, Worker
from isthmus_lab.people.work import Desk, do_something
from isthmus_lab.population.seeds import seeded

_log = structlog.get_logger()
_AT_ONCE = 8


async def work(staff: Staff, journal: Journal, random: Random, actions_per_minute: float) -> None:
    """Work until SIGTERM or SIGINT; then finish what was begun."""
    stopping = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    _log.info("people are at work", people=len(staff.workers), actions_per_minute=actions_per_minute)
    at_once = asyncio.Semaphore(_AT_ONCE)
    async with asyncio.TaskGroup() as tasks:
        while not stopping.is_set():
            await at_once.acquire()
            turn = seeded(random.getrandbits(64))  # of its own: turns overlap
            task = tasks.create_task(_turn(staff, random.choice(staff.workers), turn, journal))
            task.add_done_callback(lambda _: at_once.release())
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(random.expovariate(actions_per_minute / 60)):
                    await stopping.wait()


async def _turn(staff: Staff, worker: Worker, random: Random, journal: Journal) -> None:
    """One person does one thing, where their mailbox is today."""
    try:
        house = await staff.house_of(worker.address)
        if house is None:
            return
        colleagues = [each for each in staff.workers if each != worker]
        async with house.client(worker.address) as client:
            await do_something(Desk(worker, house, client, colleagues, random, journal))
    except (aiohttp.ClientError, TimeoutError, OSError, LDAPException) as error:
        _log.warning("could not work", person=worker.address, problem=str(error) or type(error).__name__)


def main() -> None:
    parser = argparse.ArgumentParser(prog="isthmus_lab.people", description=__doc__)
    parser.add_argument("--config", type=Path, required=True, help="JSON file: lab, journal, actions_per_minute")
    config = json.loads(parser.parse_args().config.read_text(encoding="utf-8"))
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.JSONRenderer(ensure_ascii=False),
        ],
        logger_factory=structlog.PrintLoggerFactory(sys.stdout),
    )
    lab = json.loads(Path(config["lab"]).read_text(encoding="utf-8"))
    random = seeded("people at work", lab["options"]["seed"])
    with contextlib.closing(Journal(Path(config["journal"]))) as journal:
        asyncio.run(work(Staff(lab), journal, random, float(config["actions_per_minute"])))


main()
