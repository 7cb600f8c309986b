"""A whole lab, as `isthmus up --lab` makes it: who is there, what is in their mailboxes, and where mail goes."""

from __future__ import annotations

import json
import secrets
import subprocess
import sys
from email.message import EmailMessage
from pathlib import Path

import pytest
from isthmus_lab.ews import NS, Client, EwsError, M, T
from isthmus_lab.lab import Lab, LabOptions, populations
from isthmus_lab.organisation import ALPHA, BETA
from isthmus_lab.population.people import delegates
from isthmus_lab.project import project_text
from isthmus_project import load_project

from tests.plugins.forests import found
from tests.plugins.lab import RunningLab
from tests.waiting import eventually


async def test_everybody_opens_their_mailbox_with_their_own_password(small_lab: RunningLab) -> None:
    for name, described in small_lab.info.items():
        for person in described["people"]:
            async with small_lab.client(name, person["address"]) as client:
                assert (await client.folder("inbox")).name


async def test_a_wrong_password_opens_nothing(small_lab: RunningLab) -> None:
    house = small_lab.house("alpha")
    async with Client(house.ews, house.ca_file, small_lab.info["alpha"]["people"][0]["user"], "wrong") as client:
        with pytest.raises(EwsError, match="HTTP 401"):
            await client.folder("inbox")


async def test_mailboxes_hold_what_was_asked_for(small_lab: RunningLab) -> None:
    total = 0
    for person in small_lab.info["alpha"]["people"]:
        async with small_lab.client("alpha", person["address"]) as client:
            folders = await client.folders()
        total += sum(each.total for each in folders)
        kinds = {each.kind for each in folders if each.total}
        assert {"IPF.Note", "IPF.Appointment", "IPF.Contact"} <= kinds
        own = {each.id for each in folders}
        assert any(each.parent_id in own for each in folders), "folders in folders"
    assert total >= 400  # other tests add to it


def test_the_directory_holds_recipients_as_exchange_writes_them(small_lab: RunningLab) -> None:
    alpha = small_lab.lab.forest(ALPHA)
    account = small_lab.info["alpha"]["account"]
    names = ("mail", "proxyAddresses", "legacyExchangeDN", "msExchMailboxGuid", "homeMDB", "manager", "mailNickname")
    with alpha.connect(account["user"], account["password"]) as connection:
        people = list(found(connection, ALPHA.people_ou, "(objectClass=user)", *names).values())
        groups = found(connection, ALPHA.groups_ou, "(objectClass=group)", "member", "mail")
    members = {dn.decode() for group in groups.values() for dn in group["member"]}
    assert len(people) == 10
    assert sum(not each["manager"] for each in people) == 1
    assert set(groups) & members, "groups in groups"
    addresses = [address.lower() for each in people for address in each["proxyAddresses"]]
    assert len(set(addresses)) == len(addresses)
    for each in people:
        assert b"SMTP:" + each["mail"][0] in each["proxyAddresses"]
        assert each["homeMDB"] == [ALPHA.mailbox_database.encode()]
        assert each["legacyExchangeDN"][0].startswith(b"/o=Alpha/")
        assert len(each["msExchMailboxGuid"][0]) == 16


def test_some_people_of_alpha_have_a_mailbox_in_beta_already(small_lab: RunningLab) -> None:
    both = [each["address"] for each in small_lab.info["beta"]["people"] if each["also_in_alpha"]]
    assert both
    assert set(both) < {each["address"] for each in small_lab.info["alpha"]["people"]}
    with small_lab.lab.forest(BETA).connect() as connection:
        for address in both:
            (person,) = found(connection, BETA.base, f"(mail={address})", "targetAddress", "homeMDB").values()
            assert person["targetAddress"] == [f"SMTP:{address}".encode()]
            assert person["homeMDB"]


async def test_mail_goes_to_where_people_work(small_lab: RunningLab) -> None:
    """Within alpha, from beta to alpha, and from beta to somebody who has a mailbox in both."""
    alpha, beta = (small_lab.info[name]["people"] for name in ("alpha", "beta"))
    both = next(each for each in beta if each["also_in_alpha"])
    at_home = next(each for each in beta if not each["also_in_alpha"])
    others = [each for each in alpha if each["address"] != both["address"]]
    for organisation, sender, receiver in (
        ("alpha", others[0], others[1]),
        ("beta", at_home, others[2]),
        ("beta", at_home, both),
    ):
        message_id = f"<{secrets.token_hex(8)}@test.example>"
        message = EmailMessage()
        message["From"], message["To"] = sender["address"], receiver["address"]
        message["Subject"], message["Message-ID"] = "Wohin?", message_id
        message.set_content("Nach Alpha.")
        async with small_lab.client(organisation, sender["address"]) as client:
            await client.send(message.as_bytes())
        async with small_lab.client("alpha", receiver["address"]) as client:

            async def arrived(client: Client = client, message_id: str = message_id) -> bool:
                items = await client.find("inbox", ["message:InternetMessageId"], limit=20)
                return message_id in [each.findtext("t:InternetMessageId", "", NS) for each in items]

            await eventually(arrived)


def test_the_project_file_is_one_that_isthmus_accepts(small_lab: RunningLab, tmp_path: Path) -> None:
    path, folder = tmp_path / "project.yaml", tmp_path / "secrets"
    small_lab.lab.write_project(path, folder)
    project = load_project(path)
    assert project.source.redirection == "{alias}@alpha.redirect.test"
    assert project.target.create is not None
    password = project.source.directory.password.read(folder)
    with small_lab.lab.forest(ALPHA).connect(project.source.directory.user, password) as connection:
        for dn in (project.directory.scope[0], *(each.ou or each.group for each in project.collections)):
            assert dn
            assert found(connection, dn, "(objectClass=*)"), dn
    path.write_text(path.read_text().replace("project: lab", "project: changed"))
    small_lab.lab.write_project(path, folder)
    assert load_project(path).project == "changed", "what somebody changed is kept"
    assert "alpha" in project_text(ALPHA, BETA, small_lab.info)


def test_info_is_json_with_all_that_a_program_needs(small_lab: RunningLab) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "isthmus_lab.commands", "info", "--json", "--data", str(small_lab.data)],
        capture_output=True,
        check=True,
        text=True,
    )
    described = json.loads(done.stdout)
    assert set(described) == {"alpha", "beta"}
    for each in described.values():
        assert {"ews", "autodiscover", "smtp", "ldap", "ca_file", "account"} <= set(each)
        assert all({"address", "user", "password"} <= set(person) for person in each["people"])


def test_a_lab_whose_making_was_interrupted_is_made_anew(tmp_path: Path) -> None:
    lab = Lab(tmp_path / "lab", LabOptions(people=10, items=0, seed=1, actions_per_minute=0))
    (tmp_path / "lab" / "alpha" / "exchange" / "mailboxes").mkdir(parents=True)
    (tmp_path / "lab" / "alpha" / "exchange" / "mailboxes" / "half").write_text("written when the power failed")
    lab.prepare()
    assert not (tmp_path / "lab" / "alpha" / "exchange" / "mailboxes" / "half").exists()
    before = lab.info()
    assert len(Lab(tmp_path / "lab").prepare()) == 4
    assert lab.info() == before


async def test_people_share_calendars_and_have_delegates_archives_and_deleted_items(small_lab: RunningLab) -> None:
    population = populations(small_lab.lab.options)["alpha"]
    acting, levels, kept = delegates(population), set[str](), 0
    shape = M.FolderShape(T.BaseShape("IdOnly"), T.AdditionalProperties(T.FieldURI(FieldURI="folder:PermissionSet")))
    for person in population.people:
        async with small_lab.client("alpha", person.address) as client:
            answer = await client.one(M.GetFolder(shape, M.FolderIds(T.DistinguishedFolderId(Id="calendar"))))
            levels |= {each.text or "" for each in answer.iterfind(".//t:CalendarPermissionLevel", NS)}
            request = M.GetDelegate(M.Mailbox(T.EmailAddress(person.address)), IncludePermissions="true")
            found = (await client.call(request)).findall(".//t:PrimarySmtpAddress", NS)
            assert [each.text for each in found] == [each.address for each in acting.get(person.alias, ())]
            kept += (await client.folder("recoverableitemsdeletions")).total
            if person.archive is not None:
                assert (await client.folder("archivemsgfolderroot")).name
            else:
                with pytest.raises(EwsError, match="ErrorFolderNotFound"):
                    await client.folder("archiveroot")
            for rule in (await client.call(M.GetInboxRules())).iterfind(".//t:Rule", NS):
                assert rule.find("t:IsNotSupported", NS) is None
                assert rule.find("t:Actions", NS) is not None
    assert {"None", "FreeBusyTimeOnly", "Reviewer"} <= levels
    assert kept
    assert acting
    assert any(person.archive for person in population.people)
