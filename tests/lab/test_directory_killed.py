"""Random histories on both forests while dirsync is killed and a forest goes away: in the end both say the same."""

from __future__ import annotations

import asyncio
import os
import random
import signal

from isthmus_directory import plan_directory

from tests.lab.directories import apply, eventually, values
from tests.lab.directory_system import System

_PEOPLE, _STEPS = 12, 60
_OWNERS = {"title": "newest", "department": "target", "telephoneNumber": "newest"}


async def test_both_forests_end_alike_whatever_was_killed(system: System) -> None:
    seed = random.SystemRandom().randrange(1_000_000)
    print(f"seed {seed}")
    dice = random.Random(seed)
    alpha, beta = system.alpha, system.beta
    people = {f"p{number}": alpha.add_mailbox(f"p{number}", f"Person {number}") for number in range(_PEOPLE)}
    staff = alpha.add_group("staff", list(people.values())[:4])
    project = system.project(attributes=_OWNERS)
    await apply(system.kafka, project)
    await system.status(lambda status: status.state == "in step" and status.pairs == _PEOPLE + 1)
    members = set(list(people)[:4])
    for step in range(_STEPS):
        name = dice.choice(list(people))
        twin = values(system.beta_object(name), "dn")
        match dice.randrange(6):
            case 0:
                alpha.change(people[name], displayName=f"{name} {step}", title=f"Title {step}")
            case 1 if twin:
                beta.change(twin[0], title=f"Back {step}", department=f"Department {step}")
            case 2:
                (alpha.remove_values if name in members else alpha.add_values)(staff, member=[people[name]])
                members ^= {name}
            case 3 if twin:
                beta.change(twin[0], telephoneNumber=f"+49 {step}")
            case 4:
                people[name] = alpha.rename(people[name], f"CN=Renamed {name} {step}")
            case 5 if len(people) > 6 and name not in members:
                alpha.delete(people.pop(name))
        if dice.random() < 0.08:
            system.dirsync.kill()
            system.dirsync.start()
        if step == _STEPS // 2:
            # The target is silent for a while; people go on in the source, and dirsync dies meanwhile.
            silent = int((beta.forest.folder / "run" / "samba.pid").read_text())
            os.kill(silent, signal.SIGSTOP)
            try:
                for other in list(people)[:3]:
                    alpha.change(people[other], displayName=f"{other} while the target was away")
                system.dirsync.kill()
                system.dirsync.start()
                await asyncio.sleep(2)
            finally:
                os.kill(silent, signal.SIGCONT)

    def alike() -> bool:
        for name in people:
            here, there = system.alpha_object(name), system.beta_object(name)
            if there is None:
                return False
            for attribute in ("displayName", "title", "department", "telephoneNumber"):
                if values(here, attribute) != values(there, attribute):
                    return False
        twins = sorted(dn for name in members for dn in values(system.beta_object(name), "dn"))
        return values(system.beta_object("staff"), "member") == twins

    eventually(alike, f"both sides alike (seed {seed})")
    await system.status(lambda status: status.state == "in step" and status.pairs == len(people) + 1)
    actions = {obj.action for obj in (await plan_directory(project, system.secrets)).objects}
    assert actions == {"in step"}
