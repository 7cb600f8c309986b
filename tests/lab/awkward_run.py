"""Awkward forests brought into step, and every object held to its fate.

Thousands, as a command: python -m tests.lab.awkward_run --objects 10000 --seed 7
"""

from __future__ import annotations

import argparse
import asyncio
import json
import tempfile
import time
from collections import Counter
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from isthmus.events.v1.directory_pb2 import DirectoryStatus
from isthmus_cli.runner import kafka, postgres
from isthmus_cli.runner.ports import free_ports
from isthmus_directory import DirectoryPlan, plan_directory
from isthmus_events import read_all
from isthmus_events.topics import DIRECTORY_STATUS
from isthmus_lab.forests import Entry, prepare
from isthmus_lab.layout import ServicePasswords, layout
from isthmus_lab.organisation import ALPHA, BETA
from isthmus_lab.program import running
from isthmus_project import Project
from isthmus_sync.directory import names

from tests.lab.awkward_forest import Awkward, Fate, objects
from tests.lab.directories import Place, apply
from tests.lab.directory_system import System
from tests.plugins.forests import Forests, Units
from tests.processes import Process

_UNIT = "OU=Awkward"
_CARRIED = (Fate.CARRIED, Fate.TROUBLED)


async def brought_over(system: System, made: Awkward) -> None:
    """Plan, synchronise, plan again; each object must meet its fate, and be named where something is wrong with it."""
    project = system.project(mailboxes=False)
    _as_planned(await plan_directory(project, system.secrets), made)
    await apply(system.kafka, project)
    status = await _in_step(system, len(made.of(*_CARRIED)))
    told = (status.created, status.ambiguous, status.errors)
    wanted = (len(made.of(*_CARRIED)), len(made.of(Fate.REFUSED)), len(made.of(Fate.TROUBLED)))
    assert told == wanted, f"created, ambiguous, errors: {told}, not {wanted}; {status.problem}"
    _alike(system, made)
    again = _planned_by_command(system, project)
    assert Counter(obj["action"] for obj in again) == Counter({"in step": wanted[0], "refused": wanted[1]}), [
        obj for obj in again if obj["action"] not in ("in step", "refused")
    ][:3]


def _as_planned(plan: DirectoryPlan, made: Awkward) -> None:
    by_action = {"refused": made.of(Fate.REFUSED), "create": made.of(*_CARRIED)}
    for action, dns in by_action.items():
        planned = {names.key(obj.source) for obj in plan.objects if obj.action == action}
        assert planned == {names.key(dn) for dn in dns}, (action, planned ^ {names.key(dn) for dn in dns})
    troubled = {names.key(obj.source) for obj in plan.objects if obj.problems}
    assert troubled == {names.key(dn) for dn in made.of(Fate.REFUSED, Fate.TROUBLED)}
    reasons = ("it has no mail address", "it is a mailbox of Exchange itself")
    assert sum(plan.left_out[reason] for reason in reasons) == len(made.of(Fate.LEFT_OUT))


async def _in_step(system: System, pairs: int) -> DirectoryStatus:
    while True:
        event = (await read_all(system.kafka, DIRECTORY_STATUS)).get(system.name.encode())
        if event is not None:
            assert event.data.state != "failing", event.data
            if event.data.state == "in step" and event.data.pairs == pairs:
                return event.data  # type: ignore[no-any-return]
        assert system.dirsync.alive(), system.dirsync.tail()
        await asyncio.sleep(0.2)


def _alike(system: System, made: Awkward) -> None:
    """What people see, and who is in which group: the same on both sides."""
    here, there = _everybody(system.alpha), _everybody(system.beta)
    carried = {names.key(dn) for dn in made.of(Fate.CARRIED)}
    for mail, one in here.items():
        if len(one) == 1 and names.key(one[0]["dn"]) in carried and mail in there:
            for attribute in ("displayName", "givenName", "sn", "title", "description", "info", "thumbnailPhoto"):
                assert one[0].get(attribute) == there[mail][0].get(attribute), (mail, attribute)
    mail_of = {names.key(each["dn"]): mail for mail, some in here.items() for each in some}
    mail_there = {names.key(each["dn"]): mail for mail, some in there.items() for each in some}
    for group, members in made.members.items():
        [twin] = there[mail_of[names.key(group)]]
        found = {mail_there[names.key(dn.decode())] for dn in twin.get("member", [])}
        assert found == {mail_of[names.key(dn)] for dn in members}, group


def _everybody(place: Place) -> dict[str, list[dict[str, Any]]]:
    """Everybody below the unit by mail address: raw attributes and \"dn\"."""
    search = place.forest.connect().extend.standard.paged_search
    found: dict[str, list[dict[str, Any]]] = {}
    for entry in search(place.unit, "(mail=*)", attributes=["*"], paged_size=500, generator=True):
        if entry["type"] == "searchResEntry":
            raw = entry["raw_attributes"]
            found.setdefault(raw["mail"][0].decode().casefold(), []).append({**raw, "dn": entry["dn"]})
    return found


def _planned_by_command(system: System, project: Project) -> list[dict[str, Any]]:
    path = system.secrets.parent / "project.yaml"
    path.write_text(project.model_dump_json())  # JSON is YAML
    return list(json.loads(system.isthmus("plan", str(path), "--json", exit_code=None))["objects"])


def run(count: int, seed: int) -> None:
    with tempfile.TemporaryDirectory(prefix="isthmus-awkward-") as name, ExitStack() as stack:
        folder = Path(name)
        passwords = ServicePasswords(isthmus="isthmus-secret", exchange="exchange-secret")
        alpha, beta = (prepare(folder / each.name / "forest", each, "administrator-secret") for each in (ALPHA, BETA))
        units = Units(f"{_UNIT},{ALPHA.root_ou}", f"{_UNIT},{BETA.root_ou}")
        made = objects(seed, count, (units.alpha, units.beta), ALPHA.base, "awkward.test", "a")
        unit = {"objectClass": ["organizationalUnit"]}
        alpha.load([*layout(ALPHA, passwords), Entry(units.alpha, unit), *made.source, *made.links])
        beta.load([*layout(BETA, passwords), Entry(units.beta, unit), *made.target])
        print(
            f"{len(made.source)} objects of the source, {len(made.target)} of the target, {len(made.links)} with links"
        )
        kafka_port, controller, postgres_port = free_ports(3)
        servers = (
            kafka.prepare(folder / "kafka", kafka_port, controller),
            postgres.prepare(folder / "postgres", postgres_port),
        )
        stack.enter_context(running(alpha.program(), beta.program(), *servers, log_folder=folder))

        def start(what: str, *command: str, **environment: str) -> Process:
            process = Process(command, folder / f"{what}.log", environment)
            process.start()
            stack.callback(process.kill)
            return process

        database = postgres.url(folder / "postgres", postgres_port, "isthmus")
        system = System((Forests(alpha, beta, passwords), units, folder), f"127.0.0.1:{kafka_port}", database, start)
        began = time.monotonic()
        asyncio.run(brought_over(system, made))
        fates = ", ".join(f"{len(made.of(fate))} {fate.name.lower()}" for fate in Fate)
        print(f"seed {seed}: {len(made.fates)} objects in {time.monotonic() - began:.0f} s: {fates}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--objects", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=7)
    arguments = parser.parse_args()
    run(arguments.objects, arguments.seed)
