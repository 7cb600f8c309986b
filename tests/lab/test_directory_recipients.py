"""Recipients of every kind, rules and linked attributes, by dirsync between two real forests."""

from __future__ import annotations

import asyncio
import json
import os
import signal

import asyncpg
from isthmus_directory import plan_directory

from tests.lab.directories import apply, eventually, values
from tests.lab.directory_system import System

LINKS = ("manager", "assistant", "publicDelegates", "altRecipient", "authOrig", "unauthOrig", "dLMemSubmitPerms",
         "dLMemRejectPerms")  # fmt: skip


async def test_rules_links_and_newest_wins_between_two_forests(system: System) -> None:
    alpha, beta = system.alpha, system.beta
    sales, sales_there = alpha.add_unit("Sales"), beta.add_unit("Vertrieb")
    anna = alpha.add_mailbox(
        "anna", "Anna Berg", sn="Berg", givenName="Anna", telephoneNumber="+49 30 1", pager="1",
        msExchELCMailboxFlags="24", msExchLitigationHoldDate="20260401080000.0Z",
    )  # fmt: skip
    bert = alpha.move(alpha.add_mailbox("bert", "Bert"), sales)
    alpha.add_mailbox("carl", "Carl", extensionAttribute1="NoSync")
    project = system.project(
        create={"ous": [{"source": sales, "target": sales_there}]},
        exclude=["(extensionAttribute1=nosync)"],
        attributes={
            "displayName": {"template": "{sn}, {givenName}"},
            "telephoneNumber": {"replace": [{"pattern": r"^\+49 ?", "to": "0"}]},
            "company": {"constant": "Beta"},
            "info": "exclude",
            "pager": "newest",
        },
    )
    await apply(system.kafka, project)
    await system.status(lambda status: status.state == "in step" and status.pairs == 2)
    twin = system.beta_object("anna") or {}
    assert [values(twin, name) for name in ("displayName", "telephoneNumber", "company")] == [
        ["Berg, Anna"], ["030 1"], ["Beta"],
    ]  # fmt: skip
    assert [values(twin, name) for name in ("msExchELCMailboxFlags", "msExchLitigationHoldDate")] == [
        ["24"], ["20260401080000.0Z"],
    ]  # fmt: skip
    assert values(system.beta_object("bert"), "dn")[0].endswith(sales_there)
    assert system.beta_object("carl") is None
    assert (await plan_directory(project, system.secrets)).left_out[
        "it is excluded by (extensionAttribute1=nosync)"
    ] == 1

    # Links are set when both ends are there, whatever kind they are, and go when they go.
    alpha.change(anna, **dict.fromkeys(LINKS, bert), deliverAndRedirect="TRUE")
    bert_there = values(system.beta_object("bert"), "dn")
    for name in LINKS:
        eventually(lambda name=name: values(system.beta_object("anna"), name) == bert_there, name)  # type: ignore[misc]
    assert values(system.beta_object("anna"), "deliverAndRedirect") == ["TRUE"]
    alpha.change(anna, **{name: [] for name in LINKS}, deliverAndRedirect="FALSE", info="not for them")
    for name in LINKS:
        eventually(lambda name=name: not values(system.beta_object("anna"), name), f"{name} gone")  # type: ignore[misc]
    eventually(lambda: values(system.beta_object("anna"), "deliverAndRedirect") == ["FALSE"], "deliver and redirect")
    assert not values(system.beta_object("anna"), "info")
    # One that waits: the other end comes later.
    dora = alpha.add("Dora", "contact", displayName="Dora")
    alpha.change(anna, manager=dora)
    alpha.change(dora, mail=f"dora@{alpha.domain}", proxyAddresses=[f"SMTP:dora@{alpha.domain}"])
    dora_there = values(eventually(lambda: system.beta_object("dora"), "dora"), "dn")
    eventually(lambda: values(system.beta_object("anna"), "manager") == dora_there, "manager that was waited for")

    # Both sides change while nobody looks: the later one wins, by the second in which it was written.
    os.kill(system.dirsync.pid, signal.SIGSTOP)
    alpha.change(anna, pager="2")
    await asyncio.sleep(1.1)  # replication metadata count whole seconds
    beta.change(values(twin, "dn")[0], pager="3")
    os.kill(system.dirsync.pid, signal.SIGCONT)
    eventually(lambda: values(system.alpha_object("anna"), "pager") == ["3"], "the later change")
    assert values(system.beta_object("anna"), "pager") == ["3"]


async def test_a_resource_forest_gets_linked_mailboxes_rooms_and_equipment(system: System) -> None:
    alpha = system.alpha
    anna = alpha.add_mailbox("anna", "Anna Berg")
    for alias, details, display, what in (("room", "16", "7", "Room"), ("beamer", "32", "8", "Equipment")):
        alpha.add_mailbox(
            alias, alias.capitalize(), userAccountControl="514", msExchRecipientTypeDetails=details,
            msExchRecipientDisplayType=display, msExchResourceMetaData=f"ResourceType:{what}",
            msExchResourceSearchProperties=what, msExchResourceDisplay=what, msExchResourceCapacity="12",
            msExchHideFromAddressLists="TRUE",
        )  # fmt: skip
    names = [f"m{number}" for number in range(60)]
    people = [
        alpha.add(name, "contact", mail=f"{name}@{alpha.domain}", proxyAddresses=[f"SMTP:{name}@{alpha.domain}"])
        for name in names
    ]
    group = alpha.add_group("everybody", [anna, *people[1:]], hideDLMembership="TRUE")
    project = system.project(create={"accounts": "linked"})
    await apply(system.kafka, project)
    await system.status(lambda status: status.state == "in step" and status.pairs == 64)
    twin = system.beta_object("anna") or {}
    original = system.alpha_object("anna") or {}
    assert values(twin, "msExchMasterAccountSid") == values(original, "objectSid")
    assert [values(twin, name) for name in
            ("userAccountControl", "msExchRecipientTypeDetails", "msExchRecipientDisplayType")] == [
        ["514"], ["2"], ["1073741824"],
    ]  # fmt: skip
    assert values(twin, "homeMDB")
    for alias, details, display, what in (("room", "16", "7", "Room"), ("beamer", "32", "8", "Equipment")):
        made = system.beta_object(alias)
        assert values(made, "msExchRecipientTypeDetails") == [details]
        assert values(made, "msExchRecipientDisplayType") == [display]
        assert values(made, "msExchResourceMetaData") == [f"ResourceType:{what}"]
        assert values(made, "msExchResourceCapacity") == ["12"]
        assert values(made, "msExchHideFromAddressLists") == ["TRUE"]
        assert values(made, "userAccountControl") == ["514"]
        assert not values(made, "msExchMasterAccountSid")
    there = system.beta_object("everybody")
    assert len(values(there, "member")) == 60
    assert values(there, "hideDLMembership") == ["TRUE"]

    # A large group is changed by its difference: one value goes and one comes.
    alpha.add_values(group, member=[people[0]])
    alpha.remove_values(group, member=[people[5]])
    wanted = sorted(values(system.beta_object(name), "dn")[0] for name in ["anna", *names[:5], *names[6:]])
    eventually(lambda: values(system.beta_object("everybody"), "member") == wanted, "members")
    connection = await asyncpg.connect(system.database_url)
    rows = await connection.fetch(
        "SELECT changes FROM dirsync.journal WHERE dn = $1 AND action = 2 ORDER BY number DESC", values(there, "dn")[0]
    )
    await connection.close()
    written = [change for row in rows for change in json.loads(row["changes"]) if change["attribute"] == "member"]
    # The members it was filled with, then the difference, in one step or in two.
    assert len(written[-1]["added"]) == 60
    assert [sum(len(change[what]) for change in written[:-1]) for what in ("removed", "added")] == [1, 1]
    alpha.change(
        values(system.alpha_object("room"), "dn")[0], msExchHideFromAddressLists=[], msExchResourceCapacity="20"
    )
    eventually(lambda: not values(system.beta_object("room"), "msExchHideFromAddressLists"), "shown again")
    eventually(lambda: values(system.beta_object("room"), "msExchResourceCapacity") == ["20"], "capacity")


async def test_a_contact_is_merged_into_the_user_that_replaces_it_and_brought_back(system: System) -> None:
    alpha, beta = system.alpha, system.beta
    anna = alpha.add_mailbox("anna", "Anna Berg")
    boss = beta.add_mailbox("boss", "The Boss", f"boss@{beta.domain}")
    own = f"berg@{beta.domain}"
    card = beta.add(
        "Anna (Alpha)", "contact", displayName="Anna (Alpha)", mail=f"anna@{alpha.domain}", mailNickname="anna",
        targetAddress=f"SMTP:anna@{alpha.domain}", proxyAddresses=[f"SMTP:anna@{alpha.domain}", f"smtp:{own}"],
        legacyExchangeDN=f"/o=beta/cn={beta.domain}-card", manager=boss,
    )  # fmt: skip
    staff = beta.add_group("staff", [card, boss], managedBy=card, authOrig=card)
    aide = beta.add_mailbox(
        "aide", "Aide", f"aide@{beta.domain}", manager=card, publicDelegates=card, altRecipient=card
    )

    [refused] = (await plan_directory(system.project(), system.secrets)).objects
    assert "set directory.contacts to delete or keep" in refused.problems[0]
    project = system.project(contacts="delete")
    [planned] = (await plan_directory(project, system.secrets)).objects
    assert (planned.source, planned.action, planned.merges) == (anna, "create", (f"{card} (deleted)",))
    changed = {change.attribute for change in planned.changes}
    assert {f"member of {staff}", f"managedBy of {staff}", f"authOrig of {staff}", f"manager of {aide}",
            f"publicDelegates of {aide}", f"altRecipient of {aide}"} <= changed  # fmt: skip

    await apply(system.kafka, project)
    await system.status(lambda status: status.state == "in step" and status.pairs == 1)
    twin = system.beta_object("anna") or {}
    assert values(twin, "objectClass")[-1] == "user"
    there, old = values(twin, "dn"), f"X500:/o=beta/cn={beta.domain}-card"
    assert {f"SMTP:anna@{alpha.domain}", f"smtp:{own}", old} < set(values(twin, "proxyAddresses"))
    assert values(twin, "manager") == [boss]
    group, helper = beta.find("cn", "staff"), beta.find("cn", "Aide")
    assert values(group, "member") == sorted([*there, boss])
    assert (values(group, "managedBy"), values(group, "authOrig")) == (there, there)
    for name in ("manager", "publicDelegates", "altRecipient"):
        assert values(helper, name) == there
    assert beta.find("cn", "Anna (Alpha)") is None

    # All of it is in the journal, and comes back: only once contacts are no longer merged.
    where = ("directory", "revert", "--object", f"anna@{alpha.domain}", "--json")
    [gone] = [
        each for each in json.loads(system.isthmus(*where, "--dry-run", exit_code=1)) if each["action"] == "delete"
    ]
    assert "set directory.contacts to report" in gone["refused"][0]
    await apply(system.kafka, system.project(), revision=2)
    await system.status(lambda status: status.state == "in step" and status.created == 1)
    system.isthmus(*where, exit_code=1)
    back = eventually(lambda: beta.find("cn", "Anna (Alpha)"), "the contact")
    assert values(back, "targetAddress") == [f"SMTP:anna@{alpha.domain}"]
    eventually(lambda: values(beta.find("cn", "staff"), "managedBy") == values(back, "dn"), "managedBy")
    assert values(beta.find("cn", "staff"), "member") == sorted([*values(back, "dn"), boss])
