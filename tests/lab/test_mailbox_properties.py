"""Items that go by their properties: from a server without streams, and those whose stream is refused."""

from __future__ import annotations

import base64
import uuid
from collections.abc import AsyncIterator
from typing import Any

import pytest
from isthmus_exchange.errors import EwsError
from isthmus_exchange.operations import ExportItems
from isthmus_lab.mapi import fasttransfer, tags
from isthmus_lab.mapi.bag import Attachment, Bag
from isthmus_mailbox.proving import prove
from isthmus_mailbox.running import run_pass

from tests.lab.copying import Copying, copying, listing, put, role
from tests.plugins.conditions import conditions
from tests.plugins.exchange import Exchanges, Office
from tests.unit.mapi_bags import mail

_WITHOUT_STREAMS = {"fault": "error", "code": "ErrorInvalidOperation", "operations": ["ExportItems", "UploadItems"]}


@pytest.fixture
async def box(exchanges: Exchanges, office: Office, database_url: str) -> AsyncIterator[Copying]:
    async with copying(exchanges, office, database_url) as box:
        yield box


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


async def test_who_stands_in_items_is_noted_without_streams_and_when_they_are_adopted(
    box: Copying, exchanges: Exchanges
) -> None:
    project, former = uuid.uuid4().hex, f"/o=Former/cn=Recipients/cn={uuid.uuid4().hex}"
    letter, files = (mail(subject, 400 + number) for number, subject in enumerate(("Plain", "With files")))
    for bag, name in ((letter, "sender"), (files, "author")):
        tag = tags.PidTagSenderEmailAddress if name == "sender" else tags.PidTagSentRepresentingEmailAddress
        bag.set({tag: f"{former}-{name}"})
    inside = mail("A card that was sent on", 402)
    inside.set({tags.PidTagMessageClass: "IPM.Contact", tags.PidTagSenderEmailAddress: f"{former}-inside"})
    files.attachments = [
        Attachment({tags.PidTagAttachMethod: 1, tags.PidTagAttachDataBinary: b"a file"}),
        Attachment({tags.PidTagAttachMethod: 5}, inside),
    ]
    await put(box.alpha, await role(box.alpha, "inbox"), streamed(letter), streamed(files))

    async def noted(*, streams: bool) -> set[str]:
        rules = [] if streams else [_WITHOUT_STREAMS]
        with conditions(exchanges.alpha, faults={"rules": rules}):
            this = await box.new_pass(project=project)
            await run_pass(this)
        rows = await box.pool.fetch("DELETE FROM correspondent WHERE project = $1 RETURNING key", project)
        return {row["key"] for row in rows}

    everybody = {f"{former}-{who}".casefold() for who in ("sender", "author", "inside")}
    assert await noted(streams=False) == everybody
    before = await listing(box.beta, await role(box.beta, "inbox"))
    for table in ("work", "item", "folder", "tree"):
        await box.pool.execute(f"DELETE FROM {table} WHERE pair_id = $1", box.pair)
    assert await noted(streams=True) == everybody
    assert await listing(box.beta, await role(box.beta, "inbox")) == before
