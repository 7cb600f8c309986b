"""A forest of everything that is awkward: nobody is guessed, nothing stops the others, each trouble is told."""

from __future__ import annotations

import random
import secrets

from isthmus_directory import plan_directory

from tests.lab.awkward_forest import objects
from tests.lab.awkward_run import brought_over
from tests.lab.directories import apply, eventually, values
from tests.lab.directory_system import System

_NAMES = (
    'Quote " inside',
    "Comma, Comma",
    "Plus + Semi ; Less < Greater >",
    "Back \\ Slash",
    "#Hash first",
    "Equals = here",
    "Ærø Øyvind Łukasz",
    "Дмитрий 山田太郎 🙂",
    "محمد علي",
    "e\u0301 decomposed",
    "star * (paren)",
    "L" * 64,
)


def _dn(name: str, unit: str) -> str:
    special = {'"', ",", "+", ";", "<", ">", "\\", "="}
    escaped = "".join(f"\\{c}" if c in special else c for c in name)
    return f"CN={chr(92) if name[0] == chr(35) else ''}{escaped},{unit}"


async def test_every_awkward_object_is_carried_over_or_named(system: System) -> None:
    alpha, beta = system.alpha, system.beta
    made: list[str] = []
    for number, name in enumerate(_NAMES):
        mail = f"odd{number}@{alpha.domain}"
        dn = _dn(name, alpha.unit)
        attributes = {
            "sAMAccountName": f"odd{number}.{secrets.token_hex(3)}",
            "displayName": name,
            "mail": mail,
            "mailNickname": f"odd{number}",
            "proxyAddresses": [f"SMTP:{mail}"],
            "userAccountControl": "514",  # disabled, without a mailbox
        }
        alpha._connection.add(dn, ["user"], attributes)
        made.append(dn)
    # Two with the same mail; one in the target that both could be.
    twice = f"twice@{alpha.domain}"
    for name in ("Twice A", "Twice B"):
        alpha.add(name, "user", sAMAccountName=f"t{secrets.token_hex(4)}", mail=twice, proxyAddresses=[f"SMTP:{twice}"])
    beta.add("Twice", "user", sAMAccountName=f"t{secrets.token_hex(4)}", mail=twice, proxyAddresses=[f"SMTP:{twice}"])
    # What lacks nearly everything, what has only an address, and what has none.
    bare = f"bare@{alpha.domain}"
    alpha.add("Bare", "contact", mail=bare)
    alpha.add("No mail", "user", sAMAccountName=f"n{secrets.token_hex(4)}")
    alpha.add("Odd proxies", "user", sAMAccountName=f"o{secrets.token_hex(4)}", mail=f"proxies@{alpha.domain}",
              proxyAddresses=[f"SMTP:proxies@{alpha.domain}", "X400:c=de;a= ;p=x;", "sip:proxies@sip.test",
                              "notes:Odd/Proxies@ORG", "no-type-at-all"])  # fmt: skip
    # Groups in circles, in themselves, and with members that nobody else knows.
    one = alpha.add_group("ring1", [made[0]])
    two = alpha.add_group("ring2", [one])
    alpha.add_values(one, member=[two])
    foreign = f"CN=S-1-5-11,CN=ForeignSecurityPrincipals,{alpha.forest.base}"  # Authenticated Users
    mixed = alpha.add_group("mixed", [made[1]], groupType="-2147483644")
    alpha.add_values(mixed, member=[foreign])
    alpha.add_group("empty", [])

    project = system.project(mailboxes=False)
    plan = await plan_directory(project, system.secrets)
    refused = {obj.source for obj in plan.objects if obj.action == "refused"}
    assert refused == {f"CN=Twice A,{alpha.unit}", f"CN=Twice B,{alpha.unit}"}
    assert plan.left_out["it has no mail address"] == 1
    await apply(system.kafka, project)
    everybody = len(_NAMES) + 2 + 4
    status = await system.status(lambda status: status.state == "in step" and status.pairs == everybody)
    assert (status.ambiguous, status.errors, status.created) == (2, 0, everybody)
    assert "Twice" in status.problem

    for number, name in enumerate(_NAMES):
        twin = system.beta_object(f"odd{number}")
        assert values(twin, "displayName") == [name]
        assert values(twin, "userAccountControl") == ["514"]
    assert system.beta_object("bare")
    eventually(lambda: len(values(system.beta_object("ring1"), "member")) == 2, "the circle")
    ring1, ring2 = system.beta_object("ring1"), system.beta_object("ring2")
    assert values(ring2, "member") == values(ring1, "dn")
    assert values(ring2, "dn")[0] in values(ring1, "member")
    assert values(system.beta_object("mixed"), "member") == values(system.beta_object("odd1"), "dn")
    assert "X400:c=de;a= ;p=x;" not in values(system.beta_object("proxies"), "proxyAddresses")
    # Nothing of it is written again and again.
    assert {obj.action for obj in (await plan_directory(project, system.secrets)).objects} == {"in step", "refused"}


async def test_hundreds_by_chance_each_meet_their_fate(system: System) -> None:
    """The same in thousands: python -m tests.lab.awkward_run."""
    seed = random.SystemRandom().randrange(1_000_000)
    print(f"seed {seed}")
    alpha, beta = system.alpha, system.beta
    made = objects(seed, 300, (alpha.unit, beta.unit), alpha.forest.base, alpha.domain, f"w{secrets.token_hex(2)}-")
    for place, entries in ((alpha, made.source), (beta, made.target)):
        for entry in entries:
            place.load(entry)
    for change in made.links:
        alpha.change(change.dn, **{name: [*values] for name, values in change.attributes.items()})
    await brought_over(system, made)
