"""dirsync and accountmap as processes, against two real forests, Kafka and PostgreSQL."""

from __future__ import annotations

import asyncio
import os
import signal
import uuid

import asyncpg
from isthmus.accounts.v1.accounts_pb2 import SIDE_SOURCE, SIDE_TARGET, Identity
from isthmus_accounts import AccountMap
from isthmus_directory import plan_directory

from tests.lab.directories import apply, eventually, values
from tests.lab.directory_system import System


async def test_people_are_matched_created_and_reported_and_kept_in_step(system: System) -> None:
    alpha, beta = system.alpha, system.beta
    anna = alpha.add_mailbox("anna", "Anna Berg", title="Buyer", telephoneNumber="+49 1")
    bert = alpha.add_mailbox(
        "bert", "Bert, the Builder", manager=anna, more_addresses=["X500:/o=Old/cn=bert"],
        msExchArchiveGUID=uuid.uuid4().bytes_le, msExchArchiveName="Bert's archive",
    )  # fmt: skip
    beta.add_mailbox("aberg", "Berg, Anna", f"anna@{alpha.domain}", telephoneNumber="+49 2")
    alpha.add_mailbox("carla", "Carla", more_addresses=[f"smtp:c1@{alpha.domain}", f"smtp:c2@{alpha.domain}"])
    beta.add_mailbox("c1", "C One", f"c1@{alpha.domain}")
    beta.add_mailbox("c2", "C Two", f"c2@{alpha.domain}")
    inner = alpha.add_group("inner", [bert])
    staff = alpha.add_group("staff", [anna, inner], managedBy=anna)
    guest = f"guest@{alpha.domain}"
    alpha.add(
        "Guest", "contact", displayName="Guest", mail=guest, mailNickname="guest", targetAddress=f"SMTP:{guest}",
        proxyAddresses=[f"SMTP:{guest}"],
    )  # fmt: skip
    project = system.project(attributes={"telephoneNumber": "newest", "title": "target"})

    planned = (await plan_directory(project, system.secrets)).counts()
    assert planned == {"change": 1, "create": 4, "refused": 1}
    await apply(system.kafka, project)
    status = await system.status(lambda status: status.state == "in step")
    assert (status.pairs, status.matched, status.created, status.ambiguous) == (5, 1, 4, 1)
    assert "Carla" in status.problem
    assert (await plan_directory(project, system.secrets)).counts() == {"in step": 5, "refused": 1}

    # The account map knows everybody by every name, with the source active.
    pair = await system.pair(f"bert@{alpha.domain}")
    assert (pair.active_side, pair.collection) == (SIDE_SOURCE, "all")
    assert pair.target.mailbox_guid
    assert pair.target.object_sid.startswith("S-1-5-21-")
    async with AccountMap(system.accountmap, deadline=60) as accounts:
        by_dn = await accounts.resolve(Identity(distinguished_name=bert.upper()))
        assert by_dn.id == pair.id
        old = await accounts.resolve(Identity(legacy_exchange_dn="/o=old/CN=Bert"))
        assert old.id == pair.id

    # A created account is a sound recipient of the target, with a mailbox and mail going to the source.
    made = beta.find("displayName", "Bert, the Builder") or {}
    assert made["userAccountControl"] == ["512"]
    assert made["homeMDB"] == made["msExchArchiveDatabaseLink"] == [beta.organisation.mailbox_database]
    assert made["msExchArchiveName"] == ["Bert's archive"]
    assert made["msExchArchiveGUID"] != (alpha.find("displayName", "Bert, the Builder") or {})["msExchArchiveGUID"]
    assert made["targetAddress"] == ["SMTP:" + system.sent_on_to("alpha", "bert")]
    original = alpha.find("displayName", "Bert, the Builder") or {}
    assert values(made, "proxyAddresses") == sorted(
        [
            f"SMTP:bert@{alpha.domain}",
            "smtp:" + system.sent_on_to("beta", "bert"),
            "X500:/o=Old/cn=bert",
            f"X500:{original['legacyExchangeDN'][0]}",
        ]
    )
    assert f"X500:{made['legacyExchangeDN'][0]}" in original["proxyAddresses"]
    assert "smtp:" + system.sent_on_to("alpha", "bert") in original["proxyAddresses"]
    assert "targetAddress" not in original
    assert made["manager"] == values(beta.find("displayName", "Anna Berg"), "dn")

    # Groups are groups, with their members; contacts point outside.
    inner_twin, staff_twin = system.beta_object("inner"), system.beta_object("staff")
    assert values(staff_twin, "member") == sorted([*made["manager"], *values(inner_twin, "dn")])
    assert values(staff_twin, "managedBy") == made["manager"]
    assert values(system.beta_object("guest"), "targetAddress") == [f"SMTP:{guest}"]

    # Changes both ways.
    alpha.change(anna, department="Purchasing", telephoneNumber="+49 3")
    twin = (system.beta_object("anna") or {})["dn"][0]
    eventually(lambda: values(system.beta_object("anna"), "department") == ["Purchasing"], "department")
    eventually(lambda: values(system.beta_object("anna"), "telephoneNumber") == ["+49 3"], "phone")
    beta.change(twin, title="Head of Purchasing", telephoneNumber="+49 4")
    eventually(lambda: values(system.alpha_object("anna"), "title") == ["Head of Purchasing"], "title")
    eventually(lambda: values(system.alpha_object("anna"), "telephoneNumber") == ["+49 4"], "phone back")
    # Members come and go; who is new is created first; a renamed object stays the same.
    dora = alpha.add_mailbox("dora", "Dora")
    alpha.add_values(staff, member=[dora])
    alpha.remove_values(staff, member=[inner])
    renamed = alpha.rename(bert, "CN=Bertram")
    alpha.change(renamed, displayName="Bertram Builder")
    dora_twin = eventually(lambda: system.beta_object("dora"), "dora")
    wanted = sorted([*values(dora_twin, "dn"), *made["manager"]])
    eventually(lambda: values(system.beta_object("staff"), "member") == wanted, "members")
    eventually(lambda: values(system.beta_object("bert"), "displayName") == ["Bertram Builder"], "new name")
    assert values(system.beta_object("inner"), "member") == made["dn"]
    # What is deleted leaves its groups; a made contact goes with its original, an account stays.
    alpha.delete(dora)
    alpha.delete((system.alpha_object("guest") or {})["dn"][0])
    eventually(lambda: values(system.beta_object("staff"), "member") == made["manager"], "member left")
    eventually(lambda: system.beta_object("guest") is None, "contact gone")
    assert system.beta_object("dora")
    status = await system.status(lambda status: status.pairs == 4)
    assert (status.state, status.errors) == ("in step", 0)


async def test_redirection_follows_the_active_side(system: System) -> None:
    alpha = system.alpha
    alpha.add_mailbox("anna", "Anna Berg")
    await apply(system.kafka, system.project())
    pair = await system.pair(f"anna@{alpha.domain}")
    await system.redirected(pair, SIDE_SOURCE)
    async with AccountMap(system.accountmap, deadline=60) as accounts:
        switched = await accounts.set_active_side(pair.id, SIDE_TARGET, "test")
        assert switched.active_side == SIDE_TARGET
        assert (await accounts.set_active_side(pair.id, SIDE_TARGET, "again")).revision == switched.revision
        await system.redirected(pair, SIDE_TARGET)
        assert values(system.alpha_object("anna"), "targetAddress") == ["SMTP:" + system.sent_on_to("beta", "anna")]
        assert values(system.beta_object("anna"), "targetAddress") == []
        # Somebody who undoes it by hand does not get far.
        alpha.change((system.alpha_object("anna") or {})["dn"][0], targetAddress=[])
        eventually(lambda: values(system.alpha_object("anna"), "targetAddress"), "redirection held")
        await accounts.set_active_side(pair.id, SIDE_SOURCE, "undo")
        await system.redirected(pair, SIDE_SOURCE)
    assert values(system.alpha_object("anna"), "targetAddress") == []
    assert values(system.beta_object("anna"), "targetAddress") == ["SMTP:" + system.sent_on_to("alpha", "anna")]


async def test_killed_at_any_moment_it_goes_on_where_it_was(system: System) -> None:
    alpha = system.alpha
    people = {f"p{number}": alpha.add_mailbox(f"p{number}", f"Person {number}") for number in range(40)}
    group = alpha.add_group("everybody", list(people.values()))
    await apply(system.kafka, system.project())
    for _ in range(4):
        made = len([alias for alias in people if system.beta_object(alias)])
        eventually(lambda n=made: len([a for a in people if system.beta_object(a)]) > min(n + 4, 39), "progress")  # type: ignore[misc]
        system.dirsync.kill()
        system.dirsync.start()
    await system.status(lambda status: status.state == "in step" and status.pairs == 41)
    twins = [system.beta_object(alias) for alias in people]  # find asserts that there is one of each
    assert all(twins)
    assert values(system.beta_object("everybody"), "member") == sorted((twin or {})["dn"][0] for twin in twins)
    # Changes made while it is away arrive when it is back, without another comparison of everything.
    system.dirsync.kill()
    alpha.change(people["p7"], displayName="Person Seven")
    alpha.remove_values(group, member=[people["p8"]])
    system.dirsync.start()
    eventually(lambda: values(system.beta_object("p7"), "displayName") == ["Person Seven"], "change while away")
    eventually(lambda: len(values(system.beta_object("everybody"), "member")) == 39, "member while away")
    connection = await asyncpg.connect(system.database_url)
    assert await connection.fetchval("SELECT count(*) FROM dirsync.pair WHERE created") >= 30
    await connection.close()


async def test_the_guard_stops_a_mass_change_until_somebody_lets_it_pass_once(system: System) -> None:
    alpha = system.alpha
    people = [alpha.add_mailbox(f"p{number}", f"Person {number}", company="Old") for number in range(8)]
    await apply(system.kafka, system.project(guard=5))
    await system.status(lambda status: status.state == "in step" and status.pairs == 8)
    os.kill(system.dirsync.pid, signal.SIGSTOP)
    for dn in people:
        alpha.change(dn, company="New")
    os.kill(system.dirsync.pid, signal.SIGCONT)
    status = await system.status(lambda status: status.state == "failing")
    assert "8 objects would be overwritten" in status.problem
    assert values(system.beta_object("p0"), "company") == ["Old"]
    assert "8 objects would be overwritten" in system.isthmus("directory", "allow")
    await system.status(lambda status: status.state == "in step")
    assert all(values(system.beta_object(f"p{number}"), "company") == ["New"] for number in range(8))
    assert "nothing of" in system.isthmus("directory", "allow", exit_code=1)
    # The same in small portions: no single run is more than the guard allows, all of them together are.
    for number in range(4):
        alpha.change(people[number], company="Newer")
        eventually(
            lambda number=number: values(system.beta_object(f"p{number}"), "company") == ["Newer"],  # type: ignore[misc]
            "a small change",
        )
    for dn in people[4:6]:
        alpha.change(dn, company="Newer")
    status = await system.status(lambda status: status.state == "failing")
    assert "of them in the 60 minutes before" in status.problem
    assert values(system.beta_object("p5"), "company") == ["New"]
    # Waiting for the next revision of the project does not make it lighter, a word of somebody does.
    await apply(system.kafka, system.project(guard=5), revision=2)
    await asyncio.sleep(3)
    assert values(system.beta_object("p5"), "company") == ["New"]
    system.isthmus("directory", "allow")
    await system.status(lambda status: status.state == "in step")
    assert values(system.beta_object("p5"), "company") == ["Newer"]
