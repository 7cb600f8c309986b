"""Several objects of the source merged into one of the target, in real forests and in the account map."""

from __future__ import annotations

from isthmus.accounts.v1.accounts_pb2 import Identity, Pair
from isthmus_accounts import AccountMap

from tests.lab.directories import apply, eventually, values
from tests.lab.directory_system import System


async def test_several_accounts_become_one(system: System) -> None:
    alpha, beta = system.alpha, system.beta
    anna = alpha.add_mailbox("anna", "Anna Berg", title="Buyer")
    guest = _account(system, "anna.guest", title="Guest")
    staff = alpha.add_group("staff", [guest])
    twin = beta.add_mailbox("aberg", "Berg, Anna", f"aberg@{beta.domain}")
    names = [f"{alias}@{alpha.domain}" for alias in ("anna", "anna.guest", "anna.late")]
    pairs = [{"source": name, "target": f"aberg@{beta.domain}"} for name in names]
    await apply(system.kafka, system.project(pairs=pairs))
    await system.status(lambda status: status.state == "in step" and status.pairs == 2)

    def addresses() -> set[str]:
        found = beta.find("distinguishedName", twin)
        return {v.partition(":")[2] for v in values(found, "proxyAddresses") if v.lower().startswith("smtp:")}

    assert {*names[:2], f"aberg@{beta.domain}"} <= addresses()
    assert values(beta.find("distinguishedName", twin), "title") == ["Buyer"]
    assert values(system.beta_object("staff"), "member") == [twin]
    pair = await system.pair(names[0])
    same = await system.pair(names[1])
    assert (same.id, same.target.distinguished_name) == (pair.id, twin)
    assert [account.distinguished_name for account in pair.merged] == [guest]
    async with AccountMap(system.accountmap) as accounts:
        for identity in (Identity(object_sid=pair.merged[0].object_sid), Identity(distinguished_name=guest)):
            assert (await accounts.resolve(identity)).id == pair.id

    # What changes on a merged object follows; one that comes later and is named joins them.
    alpha.add_values(guest, proxyAddresses=[f"smtp:anna.more@{alpha.domain}"])
    eventually(lambda: f"anna.more@{alpha.domain}" in addresses(), "a new address of a merged object")
    late = _account(system, "anna.late")
    eventually(lambda: names[2] in addresses(), "the address of the one that came later")

    def with_late(found: Pair) -> bool:
        return late in {account.distinguished_name for account in found.merged}

    assert (await system.pair(names[2], with_late)).id == pair.id
    # One of them goes: the target keeps what it is reached by, and so does the first, now that it is free.
    alpha.delete(guest)
    eventually(lambda: f"smtp:{names[1]}" in values(system.alpha_object("anna"), "proxyAddresses"), "a freed address")
    assert names[1] in addresses()
    eventually(lambda: values(system.beta_object("staff"), "member") == [], "the membership of the deleted one")
    assert anna == values(system.alpha_object("anna"), "dn")[0]
    assert values(alpha.find("distinguishedName", staff), "member") == []


def _account(system: System, alias: str, **attributes: str) -> str:
    """An account with an address and without a mailbox."""
    mail = f"{alias}@{system.alpha.domain}"
    return system.alpha.add(
        alias, "user", sAMAccountName=f"{alias}.{system.name[-6:]}", mail=mail, displayName=alias,
        proxyAddresses=[f"SMTP:{mail}"], userAccountControl="514", **attributes,
    )  # fmt: skip
