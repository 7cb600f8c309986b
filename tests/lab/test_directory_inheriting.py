"""An account of the source that is deleted and made anew, in real forests and in the account map."""

from __future__ import annotations

import re

from isthmus.accounts.v1.accounts_pb2 import Identity
from isthmus_accounts import AccountMap

from tests.lab.directories import apply, eventually, values
from tests.lab.directory_system import System


async def test_an_account_made_anew_gets_its_counterpart_when_somebody_says_so(system: System) -> None:
    alpha = system.alpha
    mail = f"anna@{alpha.domain}"
    first = alpha.add_mailbox("anna", "Anna", title="Buyer")
    old_names = [f"X500:{each}" for each in values(alpha.find("distinguishedName", first), "legacyExchangeDN")]
    await apply(system.kafka, system.project())
    before = await system.pair(mail)
    alpha.delete(first)

    alpha.add_mailbox("anna", "Anna", title="Seller")
    told = await system.status(lambda status: status.ambiguous == 1)
    assert "belonged to an object that is gone" in told.problem
    said = re.search(r"isthmus directory pair (\S+) '(.+?)'", told.problem)
    assert said is not None
    assert values(system.beta_object("anna"), "title") == ["Buyer"], "nothing is guessed"

    await apply(system.kafka, system.project(pairs=[{"source": said[1], "target": said[2]}]), revision=2)
    after = await system.pair(mail, lambda pair: pair.id != before.id and pair.target.object_guid)
    assert after.target.object_guid == before.target.object_guid
    assert after.source.object_guid != before.source.object_guid
    eventually(lambda: values(system.beta_object("anna"), "title") == ["Seller"], "the title of the new account")
    await system.status(lambda status: status.ambiguous == 0 and status.state == "in step")
    # Old mail still leads to her, from both sides.
    assert {*old_names} <= {*values(system.beta_object("anna"), "proxyAddresses")}
    async with AccountMap(system.accountmap) as accounts:
        for old in (*old_names, before.source.legacy_exchange_dn):
            name = Identity(legacy_exchange_dn=old.removeprefix("X500:"))
            assert (await accounts.resolve(name)).id == after.id


async def test_nobody_inherits_from_somebody_who_is_still_there(system: System) -> None:
    """Only the object that came is looked at, and whose the counterpart is must be asked for."""
    alpha = system.alpha
    staff, new, elsewhere = (alpha.add_unit(name) for name in ("Staff", "New", "Elsewhere"))
    bert = alpha.move(alpha.add_mailbox("bert", "Bert"), staff)
    carl = alpha.move(alpha.add_mailbox("carl", "Carl"), elsewhere)
    await apply(system.kafka, system.project(scope=[staff]))
    await system.status(lambda status: status.state == "in step" and status.pairs == 1)
    [twin] = values(system.beta_object("bert"), "dn")
    pairs = [{"source": str(alpha.guid(carl)), "target": twin}]
    alpha.move(alpha.add_mailbox("dora", "Dora"), new)
    await apply(system.kafka, system.project(scope=[staff, new], pairs=pairs), revision=2)
    await system.status(lambda status: status.state == "in step" and status.pairs == 2)

    alpha.move(carl, staff)
    told = await system.status(lambda status: status.ambiguous == 1)
    assert "already belongs to another object" in told.problem
    alpha.change(bert, title="Still here")
    eventually(lambda: values(system.beta_object("bert"), "title") == ["Still here"], "the title of the owner")
