"""The guardian of old addresses: what people were reached by once leads to them on both sides, or is given back."""

from __future__ import annotations

import json
from typing import Any

from tests.lab.directories import apply, eventually, values
from tests.lab.directory_system import System


async def test_an_address_that_was_used_once_is_missed_and_given_back(system: System) -> None:
    alpha, beta = system.alpha, system.beta
    old, x500 = f"old@{alpha.domain}", "/o=Former/ou=Office/cn=anna"
    anna = alpha.add_mailbox("anna", "Anna Berg", more_addresses=[f"smtp:{old}", f"X500:{x500}"])
    await apply(system.kafka, system.project())
    await system.status(lambda status: status.state == "in step" and status.pairs == 1)

    def check(*arguments: str, exit_code: int | None = 0) -> dict[str, Any]:
        said = system.isthmus("directory", "addresses", "--json", *arguments, exit_code=exit_code)
        found: dict[str, Any] = json.loads(said)
        return found

    first = check()
    assert first["unresolved"] == []
    assert first["checked"] >= 4

    # Somebody removes the addresses: the SMTP address goes on both sides, as addresses do, and leads nowhere.
    held = values(system.alpha_object("anna"), "proxyAddresses")
    alpha.change(anna, proxyAddresses=[value for value in held if old not in value and x500 not in value])
    eventually(lambda: f"smtp:{old}" not in values(system.beta_object("anna"), "proxyAddresses"), "address gone")
    eventually(lambda: f"X500:{x500}" in values(system.alpha_object("anna"), "proxyAddresses"), "X500 address kept")
    both_sides = {("source", "SMTP", old), ("target", "SMTP", old)}

    def lost() -> set[tuple[str, str, str]]:
        found = check(exit_code=None)["unresolved"]
        return {(each["side"], each["type"], each["address"]) for each in found}

    eventually(lambda: lost() == both_sides, "both sides miss it")
    assert "nobody has it" in system.isthmus("directory", "addresses", exit_code=1)
    assert all(each["repaired"] for each in check("--repair")["unresolved"])
    for found in (system.alpha_object("anna"), system.beta_object("anna")):
        assert f"smtp:{old}" in values(found, "proxyAddresses")
    journal = json.loads(system.isthmus("directory", "journal", "--json", "-o", f"anna@{alpha.domain}"))
    assert any(change["reason"] == "mail to an address that was used once must arrive"
               for entry in journal for change in entry["changes"])  # fmt: skip

    # An address that went to somebody else is named with its holder and not taken away.
    eventually(lambda: lost() == set(), "everything resolves")
    for place in (alpha, beta):
        found = place.find("proxyAddresses", f"smtp:{old}") or {}
        place.change(found["dn"][0], proxyAddresses=[v for v in found["proxyAddresses"] if old not in v])
    eventually(lambda: lost() == both_sides, "both sides miss it again")
    holder = beta.add_mailbox("other", "Other", f"other@{beta.domain}", more_addresses=[f"smtp:{old}"])
    said = check("--repair", exit_code=1)["unresolved"]
    assert [each["holder"] for each in said if each["side"] == "target"] == [holder]
