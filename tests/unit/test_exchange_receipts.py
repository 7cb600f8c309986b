"""What people read, or delete unread, in the source: no receipt of it goes out of the target, whatever its version."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, cast
from uuid import UUID, uuid4

import pytest
from isthmus_exchange.client import Announce
from isthmus_exchange.errors import EwsError
from isthmus_exchange.operations import DeleteItems, Operation, SetReadFlags, SuppressReceipts, UploadItems
from isthmus_lab.exchange.ews.answering import Answering
from isthmus_lab.exchange.mail.transport import Transport
from isthmus_lab.mapi import tags
from isthmus_lab.store import Delete, Store
from isthmus_mailbox.passing import Pass
from isthmus_mailbox.proving import prove
from isthmus_mailbox.running import run_pass

from tests.unit.exchange_in_process import services_in
from tests.unit.mailbox_world import World
from tests.unit.mapi_bags import mail
from tests.unit.memory_ledger import MemoryLedger
from tests.unit.test_exchange_properties import Side


class Outbox:
    """Where a server puts what it sends."""

    def __init__(self) -> None:
        self.sent: list[list[str]] = []

    def submit(self, sender: str, addresses: list[str], content: bytes) -> UUID:
        self.sent.append(addresses)
        return uuid4()


class Target(Side):
    """Notes what it is asked. `grudging`: it keeps no receipt back."""

    def __init__(self, store: Store, folder: Path, version: str) -> None:
        self.outbox = Outbox()
        self.grudging = False
        self.asked: list[Operation[Any]] = []
        super().__init__(answering(store, folder, version, self.outbox), store.mailbox(uuid4()), "olga@alpha.test")

    async def call(self, operation: Operation[Any], announce: Announce | None = None) -> Any:
        if self.grudging and isinstance(operation, SuppressReceipts):
            return [EwsError("ErrorStaleObject")] * len(operation.items)
        answer = await super().call(operation, announce)
        self.asked.append(operation)
        return answer

    def told(self, *kinds: type[Operation[Any]]) -> list[Operation[Any]]:
        asked, self.asked = self.asked, []
        return [each for each in asked if isinstance(each, kinds)]


def answering(store: Store, folder: Path, version: str, outbox: Outbox) -> Answering:
    services = services_in(folder, store)
    settings = services.settings.model_copy(update={"version": version})
    return Answering(replace(services, settings=settings, transport=cast("Transport", outbox)))


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = Store(tmp_path)
    yield store
    store.close()


@pytest.mark.parametrize("version", ["Exchange2010_SP2", "Exchange2013", "Exchange2016"])
@pytest.mark.parametrize("grudging", [False, True])
def test_nobody_hears_from_the_target_what_was_read_or_deleted_in_the_source(
    store: Store, tmp_path: Path, version: str, grudging: bool
) -> None:
    """A receipt that its reader did not want to send, or that the source has sent already."""
    target = Target(store, tmp_path, version)
    source = Side(answering(store, tmp_path, "Exchange2016", Outbox()), store.mailbox(uuid4()), "anna@alpha.test")
    inbox, ledger = source.mailbox.folders.role("inbox").id, MemoryLedger(World())
    letters = [mail(f"Letter {number}", 2 * number) for number in range(4)]
    for letter in letters[:3]:
        letter.set({tags.PidTagReadReceiptRequested: True, tags.PidTagSenderSmtpAddress: "ada@elsewhere.test"})
    read, deleted, _, plain = (source.mailbox.items.add(inbox, letter).id for letter in letters)

    def run() -> Pass:
        this = Pass(ledger=ledger, from_side=source, to_side=target)
        asyncio.run(run_pass(this))
        return this

    run()
    target.grudging = grudging
    target.told()
    source.mailbox.items.set_read([read, plain], True)
    run()
    old = version.startswith("Exchange2010")
    found = target.told(SuppressReceipts, SetReadFlags, UploadItems)
    if old and grudging:
        assert [type(each) for each in found] == [UploadItems], "the whole item carries the flag"
    else:
        assert [type(each) for each in found] == [SuppressReceipts, SetReadFlags][not old :]
    copies = target.bags("inbox", associated=False)
    for letter in letters:
        flags = copies[letter[tags.PidTagSearchKey]][tags.PidTagMessageFlags]
        assert bool(flags & tags.MSGFLAG_READ) == (letter in (letters[0], letters[3]))
    source.mailbox.items.delete([deleted, read], Delete.HARD)
    this = run()
    assert asyncio.run(prove(this)).equal
    *hushed, deletion = target.told(SuppressReceipts, DeleteItems)
    assert isinstance(deletion, DeleteItems)
    assert len(deletion.ids) == 2
    if old and not grudging:
        [suppressed] = hushed
        assert isinstance(suppressed, SuppressReceipts)
        assert len(suppressed.items) == 1, "what was read is no matter any more"
    assert target.outbox.sent == []


@pytest.mark.parametrize("version", ["Exchange2010_SP2", "Exchange2013"])
def test_nobody_hears_of_an_unread_copy_that_gives_way_to_a_newer_one(
    store: Store, tmp_path: Path, version: str
) -> None:
    """Where items go by their properties what changed is made anew, and the earlier copy is deleted."""
    target = Target(store, tmp_path, version)
    source = Side(answering(store, tmp_path, "Exchange2016", Outbox()), store.mailbox(uuid4()), "anna@alpha.test")
    source.streams = False
    ledger, letter = MemoryLedger(World()), mail("Letter", 2)
    letter.set({tags.PidTagReadReceiptRequested: True, tags.PidTagSenderSmtpAddress: "ada@elsewhere.test"})
    item = source.mailbox.items.add(source.mailbox.folders.role("inbox").id, letter).id
    asyncio.run(run_pass(Pass(ledger=ledger, from_side=source, to_side=target)))
    [earlier] = ledger.item_rows.values()
    target.told()
    source.mailbox.items.update(item, {tags.PidTagImportance: 2})
    this = Pass(ledger=ledger, from_side=source, to_side=target)
    asyncio.run(run_pass(this))
    assert asyncio.run(prove(this)).equal
    *hushed, deletion = target.told(SuppressReceipts, DeleteItems)
    assert isinstance(deletion, DeleteItems)
    assert deletion.ids == (earlier.to_id,)
    if version == "Exchange2010_SP2":
        [suppressed] = hushed
        assert isinstance(suppressed, SuppressReceipts)
        assert [each.id for each in suppressed.items] == [earlier.to_id]
    assert target.outbox.sent == []
