"""Real mail into a running mailbox: every format, with folders and flags, and nothing that one bad message can stop."""

from __future__ import annotations

import asyncio
import mailbox
import subprocess
import sys
from datetime import UTC, datetime
from email.message import EmailMessage
from pathlib import Path

import pytest
from isthmus_lab.ews import NS
from isthmus_lab.importing import Entry, Outcome, SourceError, import_entries, open_source
from isthmus_lab.mapi import tags
from isthmus_lab.mapi.bag import Bag, filetime
from isthmus_lab.population.oddities import draw_oddity
from isthmus_lab.population.seeds import seeded

from tests.plugins.lab import RunningLab

NOW = datetime(2021, 3, 4, 5, 6, 7, tzinfo=UTC)


def _message(subject: str) -> EmailMessage:
    message = EmailMessage()
    message["From"], message["To"] = "Zoë <zoe@outside.example>", "anna@alpha.test"
    message["Subject"], message["Date"] = subject, "Thu, 04 Mar 2021 06:06:07 +0100"
    message["Message-ID"] = f"<{subject.encode().hex()}@outside.example>"
    message.set_content("Grüße aus Łódź")
    message.add_attachment(b"\x00\x01\x02", maintype="application", subtype="octet-stream", filename="Daten.bin")
    return message


# --- reading --------------------------------------------------------------------------------------------------------


def test_a_folder_of_messages_keeps_its_folders(tmp_path: Path) -> None:
    (tmp_path / "Ablage" / "2021").mkdir(parents=True)
    (tmp_path / "one.eml").write_bytes(_message("eins").as_bytes())
    (tmp_path / "Ablage" / "2021" / "two.eml").write_bytes(_message("zwei").as_bytes())
    (tmp_path / "Ablage" / "notes.txt").write_text("not mail")
    entries = open_source(tmp_path)
    assert [each.folder for each in entries] == [("Ablage", "2021"), ()]
    bag = entries[0].load()
    assert bag[tags.PidTagSubject] == "zwei"
    assert bag[tags.PidTagMessageDeliveryTime] == filetime(NOW)
    assert bag[tags.PidTagMessageFlags] & tags.MSGFLAG_READ


def test_an_mbox_says_what_was_read(tmp_path: Path) -> None:
    box = mailbox.mbox(tmp_path / "inbox")
    for status in ("RO", "O", None):
        message = mailbox.mboxMessage(_message(f"status {status}"))
        if status:
            message["Status"] = status
        box.add(message)
    box.close()
    entries = open_source(tmp_path / "inbox")
    assert [bool(each.load()[tags.PidTagMessageFlags] & tags.MSGFLAG_READ) for each in entries] == [True, False, True]


def test_a_maildir_keeps_flags_and_subfolders(tmp_path: Path) -> None:
    box = mailbox.Maildir(tmp_path / "mail")
    for flags in ("S", "F", ""):
        message = mailbox.MaildirMessage(_message(f"flags {flags}"))
        message.set_subdir("cur")
        message.set_flags(flags)
        box.add(message)
    box.add_folder("Archive.2021").add(_message("old"))
    entries = open_source(tmp_path / "mail")
    bags = {each.load()[tags.PidTagSubject]: each.load() for each in entries}
    assert bags["flags S"][tags.PidTagMessageFlags] & tags.MSGFLAG_READ
    assert not bags["flags F"][tags.PidTagMessageFlags] & tags.MSGFLAG_READ
    assert bags["flags F"][tags.PidTagFlagStatus] == 2
    assert [each.folder for each in entries if each.folder] == [("Archive", "2021")]


def test_odd_messages_are_read_all_the_same(tmp_path: Path) -> None:
    for number in range(40):
        (tmp_path / f"{number:02}.eml").write_bytes(draw_oddity(seeded("odd", number), "anna@alpha.test", NOW))
    (tmp_path / "99.eml").write_bytes(bytes(range(256)) * 3)
    for entry in open_source(tmp_path):
        assert isinstance(entry.load(), Bag), entry.where


def test_what_is_no_mail_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="holds no mail"):
        open_source(tmp_path)
    with pytest.raises(SourceError, match="cannot be read"):
        open_source(tmp_path / "nothing here")
    (tmp_path / "broken.pst").write_bytes(b"!BDN" + bytes(2000))
    with pytest.raises(SourceError, match="cannot be read"):
        open_source(tmp_path / "broken.pst")


def test_a_pst_gives_every_property(pst_files: Path) -> None:
    entries = open_source(pst_files / "testPST_variousBodyTypes.pst")
    assert {each.folder for each in entries} == {("Inbox", "tmp")}
    bag = entries[0].load()
    assert bag[tags.PidTagSubject] == "original email"
    assert bag[tags.PidTagMessageClass] == "IPM.Note"
    assert bag[tags.PidTagSenderEmailAddress].upper().startswith("/O=EXCHANGELABS/")
    assert bag[tags.PidTagHtml].startswith(b"<html")
    assert bag.recipients[0][tags.PidTagRecipientType] == tags.RECIPIENT_TO
    # Named properties are found by their names, numbers of the file's own do not matter.
    assert bag[tags.NamedProperty(tags.PS_INTERNET_HEADERS, "acceptlanguage", tags.PtypString)] == "en-US"
    assert bag[tags.PidLidReminderSet] is False
    subjects = [each.load()[tags.PidTagSubject] for each in entries]
    assert subjects[-1] == "FW: original email"
    assert entries[-1].load()[tags.PidTagNormalizedSubject] == "original email"


# --- writing --------------------------------------------------------------------------------------------------------


async def _import(small_lab: RunningLab, address: str, entries: list[Entry]) -> list[Outcome]:
    outcomes: list[Outcome] = []
    async with small_lab.client("alpha", address) as client:
        await import_entries(client, entries, outcomes.append)
    return outcomes


async def test_imported_mail_is_in_the_mailbox(small_lab: RunningLab, tmp_path: Path) -> None:
    address = small_lab.info["alpha"]["people"][1]["address"]
    (tmp_path / "Sent").mkdir()
    (tmp_path / "Verträge" / "März").mkdir(parents=True)
    (tmp_path / "a.eml").write_bytes(_message("in the inbox").as_bytes())
    (tmp_path / "Sent" / "b.eml").write_bytes(_message("was sent").as_bytes())
    for number in range(120):  # more than a request takes
        (tmp_path / "Verträge" / "März" / f"{number}.eml").write_bytes(_message(f"Vertrag {number}").as_bytes())
    outcomes = await _import(small_lab, address, open_source(tmp_path))
    assert [each.problem for each in outcomes] == [None] * 122
    async with small_lab.client("alpha", address) as client:
        folders = {each.name: each for each in await client.folders()}
        assert folders["März"].total == 120
        assert folders["März"].parent_id == folders["Verträge"].id
        fields = ["item:Subject", "item:DateTimeReceived", "item:HasAttachments", "message:IsRead"]
        items = {
            each.findtext("t:Subject", "", NS): each
            for role in ("inbox", "sentitems")
            for each in await client.find(role, fields, limit=1000)
        }
    assert "was sent" in items
    found = items["in the inbox"]
    assert found.findtext("t:DateTimeReceived", "", NS) == "2021-03-04T05:06:07Z"
    assert (found.findtext("t:HasAttachments", "", NS), found.findtext("t:IsRead", "", NS)) == ("true", "true")


async def test_a_pst_comes_into_the_mailbox(small_lab: RunningLab, pst_files: Path) -> None:
    address = small_lab.info["alpha"]["people"][2]["address"]
    outcomes = await _import(small_lab, address, open_source(pst_files / "testPST.pst"))
    assert [each.problem for each in outcomes] == [None] * 7
    assert [each.remark for each in outcomes if each.remark] == [
        "without the attached message 'First email', which cannot be read"
    ]
    async with small_lab.client("alpha", address) as client:
        items = await client.find("inbox", ["item:Subject"], limit=1000)
    assert "Re: Feature Generators" in [each.findtext("t:Subject", "", NS) for each in items]


async def test_a_bad_message_stops_nothing(small_lab: RunningLab) -> None:
    def unreadable() -> Bag:
        raise ValueError("the disk is bad here")

    def refused() -> Bag:
        return Bag({tags.PidTagMessageClass: "IPM.Note", tags.PidTagImportance: "high"})

    def good() -> Bag:
        return Bag({tags.PidTagMessageClass: "IPM.Note", tags.PidTagSubject: "the good one"})

    entries = [Entry((), "IPF.Note", name, load) for name, load in zip("abc", (unreadable, refused, good), strict=True)]
    outcomes = await _import(small_lab, small_lab.info["alpha"]["people"][3]["address"], entries)
    problems = {each.entry.where: each.problem for each in outcomes}
    assert problems["a"] == "cannot be read: the disk is bad here"
    assert problems["b"]
    assert problems["c"] is None


def test_the_command_names_what_it_left_out(small_lab: RunningLab, tmp_path: Path) -> None:
    (tmp_path / "good.eml").write_bytes(_message("by command").as_bytes())
    (tmp_path / "gone.eml").symlink_to(tmp_path / "nowhere")
    address = small_lab.info["alpha"]["people"][4]["address"]
    command = [sys.executable, "-m", "isthmus_lab.commands", "import", str(tmp_path), "--mailbox", address]
    done = subprocess.run([*command, "--data", str(small_lab.data)], capture_output=True, text=True, check=False)
    assert done.returncode == 1, done.stderr
    assert "1 of 2 messages imported" in done.stdout
    assert "gone.eml: cannot be read" in done.stdout
    done = subprocess.run(
        [*command[:-1], "nobody@alpha.test", "--data", str(small_lab.data)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert "nobody in the lab has the address nobody@alpha.test" in done.stderr


async def test_a_running_lab_can_be_filled_further(small_lab: RunningLab) -> None:
    async def total() -> int:
        found = 0
        for person in small_lab.info["beta"]["people"]:
            async with small_lab.client("beta", person["address"]) as client:
                found += sum(each.total for each in await client.folders())
        return found

    before = await total()
    command = [sys.executable, "-m", "isthmus_lab.commands", "populate", "--organisation", "beta", "--items", "150"]
    done = await asyncio.to_thread(
        subprocess.run, [*command, "--data", str(small_lab.data)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert await total() >= before + 150
