"""What a new user does, by the command line alone: two organisations, a mail folder of their own, its migration."""

from __future__ import annotations

import json
import mailbox
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from email import message_from_bytes
from email.message import EmailMessage
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from isthmus_cli.demo.witness import Content, Organisation, content
from isthmus_lab.population.oddities import draw_oddity
from isthmus_lab.population.seeds import seeded
from isthmus_project import load_project
from ruamel.yaml import YAML

from tests.plugins.conditions import conditions
from tests.waiting import until

ISTHMUS = str(Path(sys.executable).with_name("isthmus"))
_SECONDS = 180.0
_WHEN = datetime(2021, 3, 4, 5, 6, 7, tzinfo=UTC)


class User:
    """Somebody at a terminal, with a system in a folder."""

    def __init__(self, data: Path) -> None:
        self._data = data

    def run(self, *arguments: str, exit_code: int | None = 0) -> str:
        """Run ``isthmus …`` and give what it prints; None: it may end with 1, for what it looked at."""
        command = (ISTHMUS, *arguments, "--data", str(self._data))
        done = subprocess.run(command, capture_output=True, text=True, timeout=_SECONDS, check=False)
        assert done.returncode in ((0, 1) if exit_code is None else (exit_code,)), (
            f"{command}: {done.returncode}\n{done.stdout}\n{done.stderr}"
        )
        return done.stdout

    @property
    def project(self) -> str:
        """The project file that the lab wrote."""
        return str(self._data / "project.yaml")

    def json(self, *arguments: str) -> Any:
        return json.loads(self.run(*arguments, "--json"))

    def mailbox(self, address: str) -> dict[str, Any]:
        """What ``isthmus status`` says of somebody."""
        status = json.loads(self.run("status", "--json", exit_code=None))
        found = [each for each in status["mailboxes"] if each["source_address"] == address]
        return found[0] if found else {"status": "unknown", "items": {}}

    def wait(self, address: str, items: int) -> None:
        """Until the mailbox is in step with at least so many items."""
        deadline = time.monotonic() + _SECONDS
        while True:
            now = self.mailbox(address)
            if now["status"] == "in step" and now["items"]["done"] >= items:
                return
            assert time.monotonic() < deadline, f"not in step: {now}"
            time.sleep(0.5)


@pytest.fixture(scope="module")
def user(tmp_path_factory: pytest.TempPathFactory) -> Iterator[User]:
    """A user whose system is up."""
    user = User(tmp_path_factory.mktemp("first"))
    try:
        user.run("up", "--lab", "--agents", "--people", "10", "--items", "200", "--actions-per-minute", "0")
        yield user
    finally:
        user.run("down")


@pytest.fixture(scope="module")
def maildir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A mail folder with folders below it, flags, and messages that mail programs get wrong."""
    folder = tmp_path_factory.mktemp("mail") / "Maildir"
    box = mailbox.Maildir(folder)
    for name in ("", "Archive.2021", "Archive.2022", "Łódź"):
        there = box.add_folder(name.encode("utf-7").decode().replace("+", "&")) if name else box
        for number in range(25):
            message = mailbox.MaildirMessage(_message(f"{name or 'Inbox'} {number}"))
            message.set_subdir("cur")
            message.set_flags("S" if number % 2 else "F")
            there.add(message)
    for number in range(20):
        box.add(mailbox.MaildirMessage(draw_oddity(seeded("odd", number), "anna@corp.example", _WHEN)))
    return folder


def _message(subject: str) -> EmailMessage:
    message = EmailMessage()
    message["From"], message["To"] = "Zoë <zoe@outside.example>", "anna@corp.example"
    message["Subject"], message["Date"] = subject, "Thu, 04 Mar 2021 06:06:07 +0100"
    message["Message-ID"] = f"<{subject.encode().hex()}@outside.example>"
    message.set_content(f"Grüße: {subject}")
    message.add_alternative(f"<p>Grüße: <b>{subject}</b></p>", subtype="html")
    message.add_attachment(bytes(range(256)) * 40, maintype="image", subtype="png", filename="Foto.png")
    return message


def test_a_mail_folder_is_imported_migrated_and_switched(user: User, maildir: Path, pst_files: Path) -> None:
    info = user.json("lab", "info")
    source, target = (
        Organisation(name, part["ews"], Path(part["ca_file"]), part["account"]["user"], part["account"]["password"])
        for name, part in info.items()
    )
    address = info["alpha"]["people"][0]["address"]

    def held(organisation: Organisation) -> Content:
        return content(organisation.mailbox(address))

    before = held(source).total()
    user.run("lab", "import", str(maildir), "--mailbox", address)
    user.run("lab", "import", str(pst_files / "testPST.pst"), "--mailbox", address)
    imported = held(source)
    assert imported.total() >= before + 120 + 5
    assert {entry.subject for entry in imported} >= {"Archive.2021 3", "Łódź 24", "Inbox 0"}

    user.run("apply", user.project)
    user.wait(address, imported.total())
    there = user.mailbox(address)["target_address"]
    assert content(target.mailbox(there)) == imported

    # More comes while the copy is kept up to date.
    later = mailbox.mbox(maildir.parent / "later")
    for number in range(10):
        later.add(_message(f"Later {number}"))
    later.flush()
    user.run("lab", "import", str(maildir.parent / "later"), "--mailbox", address)
    more = held(source)
    assert more.total() == imported.total() + 10
    user.wait(address, more.total())
    programs = json.loads(user.run("ps", "--json", exit_code=None))
    running = {each["name"] for each in programs if each["state"] == "RUNNING"}
    assert {"agent-source", "agent-target"} <= running, "all of it went by the agents that the project names"
    assert load_project(Path(user.project)).target.exchange.agent

    def foretold() -> bool:
        [person] = user.json("switch", address, "--dry-run")
        return [loss["kind"] for loss in person["not_brought"] if loss["count"] > 100] == ["offline cache"]

    until(foretold)
    assert "Outlook downloads" in user.run("switch", address)
    assert user.mailbox(address)["active_side"] == "target"
    # The probe mails of the switch are in the target alone.
    assert not held(source) - content(target.mailbox(there))


def test_what_cannot_be_copied_is_found_fetched_and_tried_again(user: User, tmp_path: Path) -> None:
    info = user.json("lab", "info")
    alpha = info["alpha"]
    address = alpha["people"][1]["address"]
    sides: list[Any] = [
        SimpleNamespace(
            ews=side["ews"],
            authority=side["ca_file"],
            service_account=(side["account"]["user"], side["account"]["password"]),
        )
        for side in (alpha, info["beta"])
    ]
    user.run("apply", user.project)
    user.wait(address, 1)
    box = mailbox.mbox(tmp_path / "box")
    for subject in ("Plain", "Cursed"):
        box.add(_message(subject))
    box.flush()
    broken = {"fault": "item-error", "mailboxes": [address], "operations": ["ExportItems"], "subjects": ["Cursed"]}
    refusing = {"fault": "error", "code": "ErrorItemSave", "operations": ["CreateItem"]}
    with conditions(sides[0], faults={"rules": [broken]}), conditions(sides[1], faults={"rules": [refusing]}):
        user.run("lab", "import", str(tmp_path / "box"), "--mailbox", address)
        deadline = time.monotonic() + _SECONDS
        while not user.mailbox(address)["items"]["set_aside"]:
            assert time.monotonic() < deadline, user.mailbox(address)
            time.sleep(0.5)
        options = ("--project", user.project)
        [item] = json.loads(user.run("mailbox", "errors", address, *options, "--json", exit_code=1))["items"]
        assert (item["subject"], item["work"]) == ("Cursed", "copy")
        assert "ErrorItemCorrupt" in item["reason"]
        assert "Cursed" in user.run("mailbox", "errors", *options, exit_code=1)
        file = tmp_path / "cursed.eml"
        user.run("mailbox", "fetch", address, str(item["number"]), "--output", str(file), *options)
        assert message_from_bytes(file.read_bytes())["Subject"] == "Cursed"
        shown = json.loads(user.run("mailbox", "show", address, "--json", exit_code=1))
        assert sum(folder["set_aside"] for folder in shown["folders"]) == 1
        wanted = ("--message-id", f"{b'Cursed'.hex()}@outside.example", *options, "--json")
        [trace] = json.loads(user.run("mailbox", "trace", address, *wanted, exit_code=1))
        assert (trace["source_folder"], trace["target_folder"]) == (item["folder"], "")
        assert "set aside after" in trace["why"]
    user.run("mailbox", "retry", address)
    deadline = time.monotonic() + _SECONDS
    while user.mailbox(address)["items"]["set_aside"]:
        assert time.monotonic() < deadline, user.mailbox(address)
        time.sleep(0.5)
    assert "Nothing is set aside" in user.run("mailbox", "errors", address)
    user.run("mailbox", "show", address)
    [trace] = json.loads(user.run("mailbox", "trace", address, *wanted))
    assert trace["source_folder"] == item["folder"]
    assert trace["target_folder"], "whatever it is called in that language"
    assert trace["why"].startswith("copied 20")
    user.run("mailbox", "trace", address, "--subject", "no such thing", *options, exit_code=1)

    # Begun again, it has the same items on the other side, each once.
    items = user.mailbox(address)["items"]["done"]
    forgotten = json.loads(user.run("mailbox", "restart", address, "--dry-run", "--json"))["forgotten"]
    assert (forgotten["items"], forgotten["set_aside"]) == (items, 0)
    user.run("mailbox", "restart", address)
    said = json.loads(user.run("mailbox", "certificate", address, "--new", "--json"))
    assert said["source"]["items"] == said["target"]["items"] == user.mailbox(address)["items"]["done"] == items

    # Nothing is proven of a mailbox that rests, and nobody waits for it.
    user.run("mailbox", "pause", address)
    until(lambda: user.mailbox(address)["status"] == "paused")
    user.run("mailbox", "certificate", address, "--new", exit_code=1)
    user.run("switch", address, exit_code=1)
    user.run("mailbox", "resume", address)


def test_filters_are_applied_and_show_what_they_leave_out(user: User) -> None:
    [rest] = [each for each in user.json("status")["mailboxes"] if each["collection"] == "people"][:1]
    file = Path(user.project).with_name("filtered.yaml")
    people = "  - name: people\n"
    for folder in ("sentitems", "inbox"):
        filters = f"    filters: [{{exclude: {{folders: {folder}}}}}, {{exclude: {{larger_than: 20 MB}}}}]\n"
        file.write_text(Path(user.project).read_text().replace(people, people + filters))
        # None has a name: the second time nothing but the words of the first one differ.
        [change] = user.json("apply", str(file))["changes"]
        assert change["field"] == "collections.people.filters"
    [plan] = user.json("mailbox", "plan", rest["source_address"], "--project", str(file))
    assert 0 < plan["left_out_items"] == sum(each["items"] for each in plan["left_out"]) < plan["items"]
    user.run("apply", user.project)


def test_a_plan_names_who_would_leave_all_collections(user: User) -> None:
    file = Path(user.project).with_name("fewer.yaml")
    yaml = YAML()
    project = yaml.load(Path(user.project))
    gone = project["collections"].pop()["name"]
    yaml.dump(project, file)
    members = {each["id"] for each in user.json("status")["mailboxes"] if each["collection"] == gone}
    leaving = json.loads(user.run("plan", str(file), "--json", exit_code=None))["leaving"]
    assert members
    assert {each["id"] for each in leaving} == members
    assert {each["collection"] for each in leaving} == {gone}
    assert "In no collection any more: " in user.run("plan", str(file), exit_code=None)
    assert json.loads(user.run("plan", user.project, "--json", exit_code=None))["leaving"] == []


def test_a_system_goes_on_where_it_was_stopped(user: User) -> None:
    """Down and up, and up once more while it runs: the same portal, the same mailboxes, nothing copied again."""
    before = {box["id"]: box for box in user.json("status")["mailboxes"]}
    addresses = {row["name"]: row["address"] for row in user.json("ps")}
    user.run("down")
    user.run("ps", exit_code=3)
    user.run("up")
    assert {row["name"]: row["address"] for row in user.json("ps")} == addresses
    # How the lab's servers serve is as somebody had it, while they run.
    user.run("lab", "conditions", "--round-trip", "1")
    user.run("up")
    conditions = user.json("lab", "conditions")
    assert [each["conditions"]["delay"]["round_trip_ms"] for each in conditions.values()] == [1, 1]
    user.run("lab", "conditions", "--reset")
    after = {box["id"]: box for box in user.json("status")["mailboxes"]}
    assert after.keys() == before.keys()
    for box, was in before.items():
        assert after[box]["active_side"] == was["active_side"]
        assert after[box]["items"]["done"] == was["items"]["done"]
