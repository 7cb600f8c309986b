"""Items that go by their properties: from a server without streams, and those whose stream is refused."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from random import Random
from typing import Any

import pytest
from isthmus_cli.runner.ports import free_ports
from isthmus_exchange.errors import EwsError
from isthmus_exchange.operations import CreateItems, ExportItems
from isthmus_exchange.values import ItemId, Properties
from isthmus_lab.exchange.program import program
from isthmus_lab.mapi import fasttransfer, tags
from isthmus_lab.mapi.bag import Attachment, Bag
from isthmus_lab.population import things
from isthmus_lab.population.calendar import draw_appointment
from isthmus_lab.population.parties import Party
from isthmus_lab.population.people import Outsider
from isthmus_lab.population.text import Writer
from isthmus_lab.program import running
from isthmus_mailbox import trees
from isthmus_mailbox.proving import prove
from isthmus_mailbox.running import run_pass

from tests.lab.copying import Copying, copying, listing, put, role
from tests.plugins.conditions import conditions
from tests.plugins.exchange import Exchanges, Office

_OLD = 133_500_000_000_000_000
_WITHOUT_STREAMS = {"fault": "error", "code": "ErrorInvalidOperation", "operations": ["ExportItems", "UploadItems"]}


@pytest.fixture
async def box(exchanges: Exchanges, office: Office, database_url: str) -> AsyncIterator[Copying]:
    async with copying(exchanges, office, database_url) as box:
        yield box


def mail(subject: str, number: int) -> Bag:
    """A letter that was received."""
    return Bag(
        {
            tags.PidTagMessageFlags: tags.MSGFLAG_READ if number % 2 else 0,
            tags.PidTagMessageClass: "IPM.Note",
            tags.PidTagSubject: subject,
            tags.PidTagNormalizedSubject: subject,
            tags.PidTagBody: f"{subject}: the quick brown fox\r\n",
            tags.PidTagSearchKey: b"property" + number.to_bytes(8, "big"),
            tags.PidTagCreationTime: _OLD,
            tags.PidTagLastModificationTime: _OLD,
            tags.PidTagMessageDeliveryTime: _OLD,
            tags.PidTagClientSubmitTime: _OLD - 600_000_000,
            tags.PidTagInternetMessageId: f"<{number}@alpha.test>",
            tags.PidTagImportance: 2,
            tags.PidTagFlagStatus: 2,
            tags.PidNameKeywords: ["Blue", "Travel"],
            tags.PidTagSentRepresentingName: "Berta",
            tags.PidTagSentRepresentingAddressType: "SMTP",
            tags.PidTagSentRepresentingEmailAddress: "berta@elsewhere.test",
        }
    )


def streamed(bag: Bag) -> str:
    return base64.b64encode(fasttransfer.encode(bag)).decode()


async def bags(mailbox: Any, folder: str, *, associated: bool = False) -> dict[bytes, Bag]:
    """What a folder holds, by search key."""
    ids = await listing(mailbox, folder, associated=associated)
    found = {}
    for exported in await mailbox.call(ExportItems(tuple(ids))) if ids else ():
        assert not isinstance(exported, EwsError)
        bag = fasttransfer.decode(base64.b64decode(exported.data))
        assert bag[tags.PidTagSearchKey] not in found, "twice"
        found[bag[tags.PidTagSearchKey]] = bag
    return found


async def test_mail_comes_by_its_properties_from_a_server_without_streams(box: Copying, exchanges: Exchanges) -> None:
    inbox = await role(box.alpha, "inbox")
    await put(box.alpha, inbox, *(streamed(mail(f"Letter {number}", number)) for number in range(25)))
    with conditions(exchanges.alpha, faults={"rules": [_WITHOUT_STREAMS]}):
        this = await box.new_pass()
        await run_pass(this)
    assert this.counts.total() == 25
    ours = await bags(box.alpha, inbox)
    theirs = await bags(box.beta, await role(box.beta, "inbox"))
    assert ours.keys() == theirs.keys()
    for key, bag in ours.items():
        copy = theirs[key]
        same = set(bag.properties) - {tags.PidTagLastModificationTime, tags.PidTagBody}
        assert {key: copy.get(key) for key in same} == {key: bag[key] for key in same}
        assert copy[tags.PidTagBody].strip() == bag[tags.PidTagBody].strip()
    proof = await prove(this)
    assert proof.equal, proof.differences


def kinds() -> dict[str, list[Bag]]:
    """Something of every kind, by the role of its folder; "!role": hidden."""
    random = Random(6)
    writer = Writer.start(random, "en")
    organiser, guest = (Party(name, f"{name.lower()}@elsewhere.test", None) for name in ("Olga", "Gustav"))
    when = datetime(2024, 2, 3, 4, 5, 6, tzinfo=UTC)
    outsider = Outsider("ada", "Ada", "King", "Ada King", "Engines", "ada@elsewhere.test", "en")
    contacts = [things.contact(random, outsider, when) for _ in range(4)]
    contacts.append(things.personal_list(random, [organiser, guest], when))
    meetings: list[Bag] = []
    while not any(tags.PidLidAppointmentRecur in bag and bag.attachments for bag in meetings):
        others = (guest,) if len(meetings) % 2 else ()
        meetings.append(draw_appointment(random, organiser, others, date(2024, 2, 3)).bag(random, organiser))
    carried = mail("Carries a card and a letter", 200)
    things.forwarded_as_attachment(carried, things.contact(random, outsider, when))
    things.forwarded_as_attachment(carried, things.forwarded_as_attachment(mail("Inner", 201), mail("Innermost", 202)))
    carried.attachments.append(file_of("notes.txt", b"Some notes"))
    pictures = mail("Two pictures", 203)
    pictures.attachments = [file_of("a.png", bytes(range(256)) * 20), file_of("b.png", bytes(range(256)) * 30)]
    return {
        "contacts": contacts,
        "tasks": [things.task(random, organiser, writer, when) for _ in range(3)],
        "notes": [things.note(random, writer, when) for _ in range(2)],
        "journal": [things.journal_entry(random, writer, when)],
        "calendar": meetings,
        "inbox": [carried, pictures],
        "!calendar": [things.category_list(random, when)],
        "!inbox": [things.view_settings(random, when)],
    }


def file_of(name: str, content: bytes) -> Attachment:
    return Attachment(
        {
            tags.PidTagAttachMethod: tags.ATTACH_BY_VALUE,
            tags.PidTagAttachLongFilename: name,
            tags.PidTagAttachDataBinary: content,
            tags.PidTagRenderingPosition: -1,
        }
    )


async def test_every_kind_of_item_keeps_what_its_program_shows(box: Copying, exchanges: Exchanges) -> None:
    for place, items in kinds().items():
        folder = await role(box.alpha, place.lstrip("!"))
        await put(box.alpha, folder, *map(streamed, items), associated=place.startswith("!"))
    with conditions(exchanges.alpha, faults={"rules": [_WITHOUT_STREAMS]}):
        this = await box.new_pass()
        await run_pass(this)
    rows = await box.pool.fetch("SELECT reason FROM work WHERE pair_id = $1", box.pair)
    assert [row["reason"] for row in rows] == []
    lost: dict[str, set[Any]] = {}
    for place in kinds():
        hidden, name = place.startswith("!"), place.lstrip("!")
        ours = await bags(box.alpha, await role(box.alpha, name), associated=hidden)
        theirs = await bags(box.beta, await role(box.beta, name), associated=hidden)
        assert ours.keys() == theirs.keys(), place
        for key, bag in ours.items():
            copy = theirs[key]
            wrong = {name for name, value in bag.properties.items() if copy.get(name) != value}
            lost.setdefault(bag[tags.PidTagMessageClass], set()).update(wrong)
    for item_class, wrong in lost.items():
        print(item_class, [name if not isinstance(name, int) else hex(name) for name in wrong])
    proof = await prove(this)
    assert proof.equal, proof.differences


async def test_a_server_before_2010_sp1_is_left_for_a_newer_one(
    exchanges: Exchanges, office: Office, database_url: str, tmp_path: Path
) -> None:
    https, smtp = free_ports(2)
    settings = exchanges.alpha.settings.model_copy(
        update={"version": "Exchange2010", "https_port": https, "smtp_port": smtp, "store": tmp_path / "store"}
    )
    started = program(settings, tmp_path / "old", exchanges.alpha.authority)
    old = replace(exchanges.alpha, settings=settings, program=started)
    with running(started, log_folder=tmp_path):
        async with copying(replace(exchanges, alpha=old), office, database_url, archives=(False, True)) as box:
            inbox = await role(box.alpha, "inbox")
            letters = [base64.b64encode(f"Subject: Letter {n}\r\n\r\nText".encode()).decode() for n in range(3)]
            made = await box.alpha.call(
                CreateItems(
                    inbox,
                    tuple(Properties("Message", f"<t:MimeContent>{letter}</t:MimeContent>") for letter in letters),
                )
            )
            assert all(isinstance(each, ItemId) for each in made), made
            this = await box.new_pass(wanted_trees=tuple(trees.TREES))
            await run_pass(this)
            assert (this.counts.total(), this.streams, this.trees) == (3, False, ("msgfolderroot",))
            proof = await prove(this)
            assert (proof.equal, proof.from_items) == (True, 3), proof.differences
