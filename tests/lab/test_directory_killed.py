"""Random histories on both forests while dirsync is killed and a forest goes away: in the end both say the same."""

from __future__ import annotations

import asyncio
import random
import signal
from collections.abc import Mapping

from isthmus_directory import plan_directory

from tests.lab.directories import apply, eventually, values
from tests.lab.directory_system import System

_PEOPLE, _STEPS = 12, 60
_OWNERS = {"title": "newest", "department": "target", "telephoneNumber": "newest"}

_AWAY = ("alpha killed", "beta killed", "beta silent")


async def test_both_forests_end_alike_whatever_was_killed(system: System) -> None:
    seed = random.SystemRandom().randrange(1_000_000)
    print(f"seed {seed}")
    dice = random.Random(seed)
    alpha, beta = system.alpha, system.beta
    people = {f"p{number}": alpha.add_mailbox(f"p{number}", f"Person {number}") for number in range(_PEOPLE)}
    staff = alpha.add_group("staff", list(people.values())[:4])
    desk, at_the_desk = f"smtp:desk@{alpha.domain}", "p0"
    # Who goes together with an address that dirsync did not see them give up keeps it in the other forest, as is said.
    ever_at_the_desk = {at_the_desk}
    alpha.add_values(people[at_the_desk], proxyAddresses=[desk])
    project = system.project(attributes=_OWNERS)
    await apply(system.kafka, project)
    await system.status(lambda status: status.state == "in step" and status.pairs == _PEOPLE + 1)
    members = set(list(people)[:4])
    stops = {step: dice.choice(_AWAY) for step in dice.sample(range(5, _STEPS - 5), 1)}
    stops[_STEPS - 4] = dice.choice([each for each in _AWAY if each not in stops.values()])
    for step in range(_STEPS):
        name = dice.choice(list(people))
        twin = values(system.beta_object(name), "dn")
        match dice.randrange(7):
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
            case 5 if len(people) > 6 and name not in members | ever_at_the_desk:
                alpha.delete(people.pop(name))
            case 6 if name != at_the_desk:
                alpha.remove_values(people[at_the_desk], proxyAddresses=[desk])
                alpha.add_values(people[name], proxyAddresses=[desk])
                at_the_desk = name
                ever_at_the_desk.add(name)
        if dice.random() < 0.08:
            system.dirsync.kill()
            system.dirsync.start()
        if step in stops:
            await _without(stops[step], system, people, step)

    def alike() -> bool:
        for name in people:
            here, there = system.alpha_object(name), system.beta_object(name)
            if there is None:
                return False
            for attribute in ("displayName", "title", "department", "telephoneNumber"):
                if values(here, attribute) != values(there, attribute):
                    return False
            if any((desk in values(obj, "proxyAddresses")) is not (name == at_the_desk) for obj in (here, there)):
                return False
        twins = sorted(dn for name in members for dn in values(system.beta_object(name), "dn"))
        return values(system.beta_object("staff"), "member") == twins

    eventually(alike, f"both sides alike (seed {seed})")
    await system.status(lambda status: status.state == "in step" and status.pairs == len(people) + 1)
    actions = {obj.action for obj in (await plan_directory(project, system.secrets)).objects}
    assert actions == {"in step"}


async def _without(what: str, system: System, people: Mapping[str, str], step: int) -> None:
    """One domain controller is killed, or falls silent, for a while. People go on in the other forest, dirsync dies and
    comes back meanwhile, and before that it is seen to fail and to say so."""
    name, how = what.split()
    gone, other = (system.alpha, system.beta) if name == "alpha" else (system.beta, system.alpha)
    process = system.domain_controllers[name]
    # On both sides just before: the one that goes has changes that nobody heard of.
    for alias in list(people)[:2]:
        if (twin := system.beta_object(alias)) is not None:
            system.beta.change(twin["dn"][0], telephoneNumber=f"+1 {step}", department=f"Before {step}")
        system.alpha.change(people[alias], title=f"Before {step}")
    if how == "killed":
        process.kill()
    else:
        process.send(signal.SIGSTOP)
    try:
        for alias in list(people)[:4]:
            if other is system.alpha:
                other.change(people[alias], displayName=f"{alias} while {name} was away {step}")
            elif (twin := system.beta_object(alias)) is not None:
                other.change(twin["dn"][0], telephoneNumber=f"+2 {step}", department=f"Away {step}")
        if how == "killed":
            await system.status(lambda status: status.state == "failing" and "does not answer" in status.problem)
        system.dirsync.kill()
        system.dirsync.start()
        await asyncio.sleep(2)
    finally:
        if how == "killed":
            process.start()
        else:
            process.send(signal.SIGCONT)
        gone.connect_again()
