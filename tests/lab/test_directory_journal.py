"""The journal of dirsync by the command line: who wrote what and why, and how it is put back."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from tests.lab.directories import apply, eventually, values
from tests.lab.directory_system import System


def _journal(system: System, *arguments: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(system.isthmus("directory", "journal", "--json", *arguments))
    return found


def _attributes(entry: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {change["attribute"]: change for change in entry["changes"]}


async def test_what_was_written_is_in_the_journal_and_can_be_put_back(system: System) -> None:
    alpha, beta = system.alpha, system.beta
    anna = alpha.add_mailbox("anna", "Anna Berg", title="Buyer", department="Shoes")
    twin = beta.add_mailbox("aberg", "Berg, Anna", f"anna@{alpha.domain}", title="Boss", department="Hats")
    guest = f"guest@{alpha.domain}"
    contact = alpha.add(
        "Guest", "contact", displayName="Guest", mail=guest, mailNickname="guest", targetAddress=f"SMTP:{guest}",
        proxyAddresses=[f"SMTP:{guest}"],
    )  # fmt: skip
    staff = alpha.add_group("staff", [anna])
    await apply(system.kafka, system.project())
    await system.status(lambda status: status.state == "in step" and status.pairs == 3)

    # Who, when, why, old and new; by the name of either object.
    [entry] = [each for each in _journal(system, "--object", f"anna@{alpha.domain}") if each["side"] == "target"]
    assert (entry["action"], entry["outcome"], entry["object"]) == ("change", "written", twin)
    assert "revision 1" in entry["by"]
    title = _attributes(entry)["title"]
    assert (title["removed"], title["added"]) == (["Boss"], ["Buyer"])
    assert title["reason"] == "kept in step, owned by alpha"
    assert "active side" in _attributes(entry)["targetAddress"]["reason"]
    assert entry in _journal(system, "--object", twin)
    created = [each["action"] for each in _journal(system, "--object", guest)]
    assert created[-1] == "create"
    assert _journal(system, "--until", "1h") == []
    told = system.isthmus("directory", "journal", "-o", f"anna@{alpha.domain}", "--all")
    assert "-Boss" in told
    assert f"change target {twin} by dirsync, revision 1" in told
    for name in (f"anna@{alpha.domain}", twin, entry["pair"]):
        told = system.isthmus("directory", "journal", "-o", name, "--until", "1h")
        assert told.strip() == "Nothing was written to it."
    for name in ("nobody@nowhere.example", "00" * 16):
        told = system.isthmus("directory", "journal", "-o", name, exit_code=2)
        assert f"no such entries as of '{name}'" in told

    # Put back: first only said, then done; what somebody changed since and what the rules demand is left.
    alpha.change(anna, department="Toys")
    eventually(lambda: values(system.beta_object("anna"), "department") == ["Toys"], "department")
    where = ("directory", "revert", "--entry", str(entry["number"]))
    said = system.isthmus(*where, "--dry-run", exit_code=1)
    assert "would be put back" in said
    assert values(beta.find("mail", f"anna@{alpha.domain}"), "title") == ["Buyer"]
    [done] = json.loads(system.isthmus(*where, "--json", exit_code=1))
    assert "title" in done["reverted"]
    left = "\n".join(done["refused"])
    assert "targetAddress would be written again" in left
    assert "department was changed since" in left
    assert values(beta.find("mail", f"anna@{alpha.domain}"), "title") == ["Boss"]
    [undone] = [each for each in _journal(system, "-o", twin) if each["number"] == entry["number"]]
    [again] = [each for each in _journal(system, "-o", twin) if each["number"] == undone["reverted_by"]]
    assert again["changes"][0]["reason"] == f"puts back what entry {entry['number']} did"

    # It stays so, while other changes go on, until the source has a new value.
    alpha.change(anna, company="Berg & Sons")
    eventually(lambda: values(system.beta_object("anna"), "company") == ["Berg & Sons"], "company")
    assert values(system.beta_object("anna"), "title") == ["Boss"]
    alpha.change(anna, title="Head of Purchasing")
    eventually(lambda: values(system.beta_object("anna"), "title") == ["Head of Purchasing"], "title")

    # What followed its original into deletion comes back, and is not deleted again.
    before = datetime.now(UTC).isoformat()
    members = values(system.beta_object("staff"), "member")
    alpha.delete(contact)
    alpha.delete(staff)
    eventually(lambda: system.beta.find("mail", guest) is None and system.beta_object("staff") is None, "deletions")
    await system.status(lambda status: status.pairs == 1)
    reverted = json.loads(system.isthmus("directory", "revert", "--since", before, "--json"))
    assert {each["action"] for each in reverted} >= {"delete"}
    back = system.beta_object("staff")
    assert values(back, "member") == members
    assert values(beta.find("mail", guest), "targetAddress") == [f"SMTP:{guest}"]
    await apply(system.kafka, system.project(), revision=2)
    alpha.change(anna, company="Berg")
    eventually(lambda: values(system.beta_object("anna"), "company") == ["Berg"], "company")
    assert system.beta_object("staff")
    assert "nothing to put back" not in system.isthmus("directory", "revert", "--since", "1d", "--dry-run", exit_code=1)
    assert "say what" in system.isthmus("directory", "revert", exit_code=2)
    for unknown in (("--entry", "999999"), ("--object", "nobody@nowhere.example")):
        assert "no such entries" in system.isthmus("directory", "revert", *unknown, exit_code=2)
    assert "no time" in system.isthmus("directory", "journal", "--since", "yesterday", exit_code=2)
