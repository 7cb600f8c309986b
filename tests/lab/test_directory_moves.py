"""Renamed units, deletions and reanimations, though the project asks for changes once a day: the forest tells of them,
and who was deleted is looked for, as nobody is told that without the right to see it."""

from __future__ import annotations

import asyncio
from uuid import UUID

import ldap3
from ldap3.protocol.microsoft import show_deleted_control

from tests.lab.directories import Place, apply, eventually, values
from tests.lab.directory_system import System


async def test_what_moves_goes_and_comes_back_is_followed_at_once(system: System) -> None:
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

    # Deleted, an account is kept in the target; reanimated, it is the same pair again.
    pair = await system.pair(f"bert@{alpha.domain}")
    alpha.delete(bert)
    await system.status(lambda status: status.pairs == 1)
    assert system.beta_object("bert")
    _reanimate(alpha, pair.source.object_guid, bert)
    mail = f"bert@{alpha.domain}"
    alpha.change(bert, mail=mail, proxyAddresses=[f"SMTP:{mail}"], displayName="Bert is back")
    eventually(lambda: values(system.beta_object("bert"), "displayName") == ["Bert is back"], "the reanimated")
    await system.status(lambda status: status.state == "in step" and status.pairs == 2)
    assert (await system.pair(mail)).id == pair.id


def _reanimate(place: Place, guid: bytes, dn: str) -> None:
    back = {"isDeleted": [(ldap3.MODIFY_DELETE, [])], "distinguishedName": [(ldap3.MODIFY_REPLACE, [dn])]}
    with place.forest.connect() as connection:
        name = f"<GUID={UUID(bytes_le=guid)}>"
        connection.modify(name, back, controls=[show_deleted_control(criticality=True)])
