"""Every kind of item brought over by its properties, between two mailboxes of the lab's EWS in this process."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime
from email.message import EmailMessage
from pathlib import Path
from random import Random
from typing import Any
from uuid import uuid4

import pytest
from isthmus_exchange import soap
from isthmus_exchange.client import Announce
from isthmus_exchange.errors import EwsError
from isthmus_exchange.operations import (
    DescribeItems,
    ExportItems,
    FindItem,
    GetDistinguishedFolders,
    GetParties,
    GetProperties,
    Operation,
)
from isthmus_exchange.property_addresses import property_addresses
from isthmus_exchange.stream_addresses import ItemAddress, stream_addresses
from isthmus_lab.exchange.ews.answering import Answering
from isthmus_lab.mapi import tags
from isthmus_lab.mapi.bag import Attachment, Bag
from isthmus_lab.population import things
from isthmus_lab.population.calendar import draw_appointment
from isthmus_lab.population.parties import Party
from isthmus_lab.population.people import Outsider
from isthmus_lab.population.text import Writer
from isthmus_lab.store import Mailbox, Store
from isthmus_mailbox import trees
from isthmus_mailbox.passing import Pass
from isthmus_mailbox.proving import prove
from isthmus_mailbox.running import run_pass
from isthmus_sync.mailbox import ways

from tests.unit.exchange_in_process import Answers, services_in
from tests.unit.mailbox_world import World
from tests.unit.mapi_bags import mail
from tests.unit.memory_ledger import MemoryLedger


class Side:
    """A mailbox that is asked in this process. `streams`: whether it knows ExportItems."""

    def __init__(self, answering: Answering, mailbox: Mailbox, address: str) -> None:
        self.address = address
        self.streams = True
        self.mailbox = mailbox
        self._newer = answering.version.build >= (15, 0, 0, 0)
        self._answers = Answers(answering, mailbox.guid, address)

    def now(self) -> float:
        return datetime.now(UTC).timestamp()

    async def call(self, operation: Operation[Any], announce: Announce | None = None) -> Any:
        if isinstance(operation, ExportItems) and not self.streams:
            raise EwsError("ErrorInvalidOperation", "no such operation")
        body = operation.body(self._newer)
        if announce:
            await announce(self.now() + 60)
        large = soap.Large()
        root = soap.parse(self._answers.ask(body)[1], large)
        return operation.answer_with(list(soap.response_messages(root)), large)

    def bags(self, role: str, *, associated: bool) -> dict[bytes, Bag]:
        """What a folder holds, by search key."""
        rows = self.mailbox.items.find(self.mailbox.folders.role(role).id, associated=associated).rows
        found = {row.search_key: self.mailbox.items.get(row.id).bag for row in rows}
        assert len(found) == len(rows), "twice"
        return found


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = Store(tmp_path)
    yield store
    store.close()


def side(store: Store, folder: Path, version: str = "Exchange2016") -> Side:
    """An empty mailbox at a server of this version."""
    services = services_in(folder, store)
    settings = services.settings.model_copy(update={"version": version})
    return Side(Answering(replace(services, settings=settings)), store.mailbox(uuid4()), "olga@alpha.test")


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


def files(bag: Bag) -> list[Any]:
    """What is attached: contents of files, and what is in items, by their subjects."""
    found = []
    for each in bag.attachments:
        inside = each.embedded
        if inside is None:
            found.append(each.properties[tags.PidTagAttachDataBinary])
        else:
            found.append((inside[tags.PidTagMessageClass], inside[tags.PidTagSubject], files(inside)))
    return found


# What is not as it was, by class; docs/operating/mailboxes.md says it in words.
_LOST: dict[str, set[Any]] = {
    "IPM.Contact": {things.CustomerNumber},
    "IPM.Appointment": {
        # Moved occurrences that the server's iCalendar does not tell, and what is computed of them.
        tags.PidLidAppointmentRecur,
        tags.PidLidClipStart,
        tags.PidLidClipEnd,
        tags.PidTagMessageFlags,
        # As the server names the zone, and whom its recipients show.
        tags.PidLidTimeZoneDescription,
        tags.PidTagDisplayTo,
    },
    # In parts: each attachment is a change.
    "IPM.Note": {tags.PidTagLastModificationTime},
}


def test_every_kind_of_item_keeps_what_its_program_shows(store: Store, tmp_path: Path) -> None:
    source, target = side(store, tmp_path), side(store, tmp_path)
    for place, items in kinds().items():
        folder = source.mailbox.folders.role(place.lstrip("!")).id
        for bag in items:
            source.mailbox.items.add(folder, bag, associated=place.startswith("!"))
    source.streams = False
    ledger = MemoryLedger(World())
    this = Pass(ledger=ledger, from_side=source, to_side=target)
    asyncio.run(run_pass(this))
    assert [row.reason for row in ledger.staged_rows.values()] == []
    lost: dict[str, set[Any]] = {}
    for place in kinds():
        role, hidden = place.lstrip("!"), place.startswith("!")
        ours, theirs = source.bags(role, associated=hidden), target.bags(role, associated=hidden)
        assert ours.keys() == theirs.keys(), place
        for key, bag in ours.items():
            copy = theirs[key]
            wrong = {name for name, value in bag.properties.items() if copy.get(name) != value}
            if wrong:
                lost.setdefault(bag[tags.PidTagMessageClass], set()).update(wrong)
            if place != "calendar":
                assert files(copy) == files(bag)
    proof = asyncio.run(prove(this))
    assert proof.equal, proof.differences
    assert lost == _LOST


def test_an_item_names_the_same_people_however_it_is_read(store: Store, tmp_path: Path) -> None:
    """Its stream, its properties, or only who stands in it: what is known of old addresses does not depend on it."""
    source = side(store, tmp_path)
    former, left = (f"/o=Former/ou=Office/cn=Recipients/cn={name}" for name in ("Änna_B+C", "left"))
    letter = mail("From long ago", 300)
    letter.set(
        {
            tags.PidTagSenderAddressType: "EX",
            tags.PidTagSenderEmailAddress: former,
            tags.PidTagSenderSmtpAddress: "anna@alpha.test",
        }
    )
    letter.recipients.append({tags.PidTagRecipientType: 1, tags.PidTagAddressType: "EX", tags.PidTagEmailAddress: left})
    asked = kinds()
    asked["inbox"].append(letter)
    for place, items in asked.items():
        folder = source.mailbox.folders.role(place.lstrip("!")).id
        for bag in items:
            source.mailbox.items.add(folder, bag, associated=place.startswith("!"))

    async def named() -> None:
        everybody: set[ItemAddress] = set()
        folders = await source.call(GetDistinguishedFolders())
        for place in asked:
            hidden = place.startswith("!")
            page = await source.call(FindItem(folders[place.lstrip("!")].id, hidden, 0))
            ids = tuple(item.id for item in page.items)
            streams = await source.call(ExportItems(ids))
            only = await source.call(GetParties(ids))
            for number, outline in enumerate(await source.call(DescribeItems(ids))):
                plan = ways.plan(outline, associated=hidden)
                [found] = await source.call(GetProperties(ids[number : number + 1], plan.form, plan.native, hidden))
                expected = {each[:2] for each in stream_addresses(streams[number].data)}
                by_properties = property_addresses(found.content)
                everybody |= by_properties
                for addresses in (by_properties, only[number]):
                    seen = {each[:2] for each in addresses}
                    # A stream holds the items that are attached, too.
                    assert seen == expected or (outline.attachments and seen < expected), (place, found.content)
        assert {ItemAddress("X500", former, "anna@alpha.test"), ItemAddress("X500", left)} <= everybody
        assert ItemAddress("SMTP", "ada@elsewhere.test") in everybody  # on a card
        assert ItemAddress("SMTP", "gustav@elsewhere.test") in everybody  # invited

    asyncio.run(named())


def test_a_message_that_is_attached_in_native_content_names_its_parties_too() -> None:
    inside = EmailMessage()
    inside["From"], inside["To"] = "ada@elsewhere.test", "IMCEAEX-_O=Former_CN=Bert@alpha.test"
    inside.set_content("old")
    outside = EmailMessage()
    outside["From"] = "carl@alpha.test"
    outside.set_content("see below")
    outside.add_attachment(inside)
    native = base64.b64encode(bytes(outside)).decode()
    assert property_addresses(f"<t:MimeContent>{native}</t:MimeContent>") == {
        ItemAddress("SMTP", "carl@alpha.test"),
        ItemAddress("SMTP", "ada@elsewhere.test"),
        ItemAddress("X500", "/O=Former/CN=Bert"),
    }


def test_a_server_before_2010_sp1_has_neither_streams_nor_names_for_other_trees(store: Store, tmp_path: Path) -> None:
    source, target = side(store, tmp_path, "Exchange2010"), side(store, tmp_path)
    inbox = source.mailbox.folders.role("inbox").id
    letters = [mail(f"Letter {number}", number) for number in range(12)]
    letters[3].attachments = [file_of("a.txt", b"text")]
    large = mail("Larger than a request is to be", 99)
    large.attachments = [file_of("large.bin", bytes(3_000_000)), file_of("larger.bin", bytes(range(256)) * 20_000)]
    for letter in (*letters, large):
        source.mailbox.items.add(inbox, letter)
    this = Pass(ledger=MemoryLedger(World()), from_side=source, to_side=target, wanted_trees=tuple(trees.TREES))
    asyncio.run(run_pass(this))
    assert (this.counts.total(), this.streams, this.trees) == (13, False, ("msgfolderroot",))
    proof = asyncio.run(prove(this))
    assert (proof.equal, proof.from_items) == (True, 13), proof.differences
    copies = target.bags("inbox", associated=False)
    for letter in (*letters, large):
        assert files(copies[letter[tags.PidTagSearchKey]]) == files(letter)
