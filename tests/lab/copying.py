"""A mailbox in each organisation, the ledger in PostgreSQL between them, and passes from one to the other."""

from __future__ import annotations

import base64
import itertools
import time
import uuid
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from isthmus.accounts.v1.accounts_pb2 import Pair
from isthmus_events import Lease
from isthmus_exchange.body import Body
from isthmus_exchange.client import Client, Mailbox
from isthmus_exchange.errors import EwsError
from isthmus_exchange.operations import (
    ExportItems,
    FindFolders,
    FindItem,
    GetDistinguishedFolders,
    UploadItems,
)
from isthmus_exchange.values import ItemId, Upload
from isthmus_lab.mapi import fasttransfer, tags
from isthmus_lab.mapi.bag import Attachment, Bag
from isthmus_mailbox.correspondents import Correspondents
from isthmus_mailbox.database import open_database
from isthmus_mailbox.database_ledger import DatabaseLedger
from isthmus_mailbox.passing import Pass
from isthmus_service import Pool, Service, ServiceSettings
from isthmus_sync.mailbox.batches import by_count

from tests.plugins.exchange import Exchange, Exchanges, Office

Contents = dict[tuple[str, ...], Counter[tuple[bool, str]]]
"""Folder by path (distinguished ones by role) -> whole streams of its items, normal and associated."""

_numbers = itertools.count(1)
_OLD = 133_500_000_000_000_000
"""A FILETIME in January 2024: nobody could have changed these items within the second in which they are listed."""


def stream(subject: str, *, size: int = 500, read: bool = False, modified: int | None = None) -> str:
    """An item with a search key of its own, as ExportItems would give it."""
    number = next(_numbers)
    bag = Bag(
        {
            tags.PidTagMessageFlags: int(read),
            tags.PidTagMessageClass: "IPM.Note",
            tags.PidTagSubject: subject,
            tags.PidTagBody: f"{subject} {number}\r\n" + "The quick brown fox. " * (size // 21),
            tags.PidTagSearchKey: b"test" + number.to_bytes(12, "big"),
            tags.PidTagCreationTime: _OLD,
            tags.PidTagLastModificationTime: _OLD if modified is None else modified,
            tags.PidTagMessageDeliveryTime: _OLD,
        }
    )
    if number % 3 == 0:
        content = bytes(range(256)) * (1 + number % 20)
        bag.attachments = [
            Attachment(
                {tags.PidTagAttachMethod: 1, tags.PidTagAttachFilename: "a.bin", tags.PidTagAttachDataBinary: content}
            )
        ]
    return base64.b64encode(fasttransfer.encode(bag)).decode()


async def put(mailbox: Mailbox, folder: str, *streams: str, associated: bool = False) -> list[str]:
    """New items in a folder; their ids."""
    answers = await mailbox.call(UploadItems(tuple(Upload(folder, data, associated) for data in streams)))
    return [_good(answer).id for answer in answers]


async def rewrite(mailbox: Mailbox, folder: str, item: str, subject: str) -> None:
    """Gives an item another subject, as its owner would: the search key stays, the modification time does not."""
    (exported,) = await mailbox.call(ExportItems((item,)))
    assert not isinstance(exported, EwsError)
    bag = fasttransfer.decode(base64.b64decode(exported.data))
    bag.set({tags.PidTagSubject: subject, tags.PidTagLastModificationTime: _OLD + next(_numbers) * 10_000_000})
    data = base64.b64encode(fasttransfer.encode(bag)).decode()
    (answer,) = await mailbox.call(UploadItems((Upload(folder, data, False, over=item),)))
    _good(answer)


def _good(answer: ItemId | EwsError) -> ItemId:
    if isinstance(answer, EwsError):
        raise answer
    return answer


async def role(mailbox: Mailbox, name: str) -> str:
    """The id of a distinguished folder."""
    return (await mailbox.call(GetDistinguishedFolders()))[name].id


async def contents(mailbox: Mailbox) -> Contents:
    """Everything that the mailbox holds."""
    roles = await mailbox.call(GetDistinguishedFolders())
    by_id = {folder.id: folder for folder in (await mailbox.call(FindFolders())).folders}
    named = {folder.id: role for role, folder in roles.items()}

    def path(folder: str) -> tuple[str, ...]:
        return (named[folder],) if folder in named else (*path(by_id[folder].parent), by_id[folder].name)

    found: Contents = {}
    for folder in {**by_id, roles["msgfolderroot"].id: roles["msgfolderroot"]}:
        found[path(folder)] = Counter(await streams_in(mailbox, folder))
    return found


async def streams_in(mailbox: Mailbox, folder: str) -> list[tuple[bool, str]]:
    """Whole streams of a folder's items, and whether they are associated."""
    found = []
    for associated in (False, True):
        for some in by_count(await listing(mailbox, folder, associated=associated), 100):
            for exported in await mailbox.call(ExportItems(tuple(some))):
                assert not isinstance(exported, EwsError)
                found.append((associated, bytes(Body(exported.data)).decode()))
    return found


async def listing(mailbox: Mailbox, folder: str, *, associated: bool = False) -> list[str]:
    """Ids of a folder's items."""
    found: list[str] = []
    last = False
    while not last:
        page = await mailbox.call(FindItem(folder, associated, len(found)))
        found += [item.id for item in page.items]
        last = page.last
    return found


@dataclass
class Copying:
    """A person with a mailbox on both sides. `pool` is the mailbox service's database."""

    alpha: Mailbox
    beta: Mailbox
    pool: Pool
    pair: bytes
    # Whose owner owns the mailbox.
    partition: int = 0

    async def new_pass(self, *, project: str = "", **options: Any) -> Pass:
        """A pass of a new owner of the mailbox. `project`: for which it is noted who stands in the items; empty: it is
        not."""
        epoch = await self.pool.fetchval(
            "INSERT INTO partition_owner AS known (consumer_group, partition, epoch, owner)"
            " VALUES ('mailbox', $1, 1, 'test')"
            " ON CONFLICT (consumer_group, partition) DO UPDATE SET epoch = known.epoch + 1 RETURNING epoch",
            self.partition,
        )
        lease = Lease("mailbox", self.partition, epoch)
        ledger = DatabaseLedger(self.pool, lease, self.pair)
        if project:
            options["correspondents"] = Correspondents(self.pool, lease, project, Pair(id=self.pair))
        return Pass(ledger=ledger, from_side=self.alpha, to_side=self.beta, **options)


def client(exchange: Exchange, *, answer_seconds: float = 5.0) -> Client:
    """The service account's client of an organisation."""
    user, password = exchange.service_account
    return Client(
        exchange.ews,
        user,
        password,
        name=exchange.organisation.name,
        tls=exchange.tls(),
        answer_seconds=answer_seconds,
    )


@asynccontextmanager
async def copying(
    exchanges: Exchanges, office: Office, database_url: str, archives: tuple[bool, bool] = (False, False)
) -> AsyncIterator[Copying]:
    """Somebody of alpha whose mailbox is copied to beta. `archives`: whether they have one in alpha, in beta."""
    here, there_too = ({"msExchArchiveGUID": uuid.uuid4().bytes_le} if each else {} for each in archives)
    anna, there = office.alpha("anna", **here), office.beta("anna", **there_too)
    settings = ServiceSettings.model_validate({"database_url": database_url, "instance": "test"})
    async with (
        Service("mailbox", settings) as service,
        client(exchanges.alpha) as alpha,
        client(exchanges.beta) as beta,
    ):
        pool = await open_database(service)
        pair = time.time_ns().to_bytes(16, "big")
        await pool.execute(
            "INSERT INTO mailbox (pair_id, partition, pair, collection, wanted, switched)"
            " VALUES ($1, 0, '', 'test', true, false)",
            pair,
        )
        yield Copying(alpha.mailbox(anna.smtp), beta.mailbox(there.smtp), pool, pair)
