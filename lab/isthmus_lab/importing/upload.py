"""Puts entries into a mailbox of a running server as an ordinary client does: CreateFolder and UploadItems.

A message that cannot be read or that the server refuses is reported and left out; nothing stops the rest.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import aiohttp

from isthmus_lab.ews import Client, EwsError
from isthmus_lab.importing.entry import Entry
from isthmus_lab.mapi import tags
from isthmus_lab.mapi.bag import Bag
from isthmus_lab.mapi.fasttransfer import encode

BATCH_BYTES = 4_000_000
BATCH_ITEMS = 100
_ROLES = {
    "inbox": ("inbox", "posteingang", "boîte de réception", "bandeja de entrada"),
    "sentitems": ("sent", "sent items", "sent mail", "gesendet", "gesendete elemente", "gesendete objekte",
                  "éléments envoyés", "elementos enviados"),
    "drafts": ("drafts", "entwürfe", "brouillons", "borradores"),
    "deleteditems": ("trash", "deleted items", "deleted", "papierkorb", "gelöschte elemente", "corbeille",
                     "éléments supprimés", "elementos eliminados"),
    "junkemail": ("junk", "junk email", "junk e-mail", "junk-e-mail", "spam", "courrier indésirable"),
    "calendar": ("calendar", "kalender", "calendrier", "calendario"),
    "contacts": ("contacts", "kontakte", "contactos"),
    "tasks": ("tasks", "aufgaben", "tâches", "tareas"),
    "notes": ("notes", "notizen", "notas"),
    "journal": ("journal", "diario"),
}  # fmt: skip
TITLES = {role: names[0] for role, names in _ROLES.items()}
"""A name for each role by which an entry's folder is recognised as it."""
_ROLE_OF = {name: role for role, names in _ROLES.items() for name in names}


@dataclass(frozen=True)
class Outcome:
    """What became of one entry: `problem` is None when it is in the mailbox, `remark` says what is not with it."""

    entry: Entry
    size: int
    problem: str | None = None
    remark: str | None = None


@dataclass(frozen=True)
class _Read:
    """An entry read: its FastTransfer stream, and what could not be read of it."""

    entry: Entry
    content: bytes
    remark: str | None

    def outcome(self, problem: str | None = None) -> Outcome:
        return Outcome(self.entry, len(self.content), problem, self.remark)


async def import_entries(
    client: Client, entries: Iterable[Entry], tell: Callable[[Outcome], None], *, dry_run: bool = False
) -> None:
    """Read all entries and put them into the client's mailbox; `tell` hears of each. A dry run only reads."""
    folders = _Folders(client)
    for batch in _batches(entries, tell):
        if dry_run:
            for each in batch:
                tell(each.outcome())
        else:
            await _put(client, folders, batch, tell)


def _batches(entries: Iterable[Entry], tell: Callable[[Outcome], None]) -> Iterator[list[_Read]]:
    """As many entries as fit into a request."""
    batch: list[_Read] = []
    size = 0
    for entry in entries:
        try:
            bag = entry.load()
            each = _Read(entry, encode(bag), _missing(bag))
        except Exception as error:  # somebody else's data, read by somebody else's library
            tell(Outcome(entry, 0, f"cannot be read: {error or type(error).__name__}"))
            continue
        if batch and (size + len(each.content) > BATCH_BYTES or len(batch) == BATCH_ITEMS):
            yield batch
            batch, size = [], 0
        batch.append(each)
        size += len(each.content)
    if batch:
        yield batch


def _missing(bag: Bag) -> str | None:
    """Attached messages that the source could not give: libpff's Python module does not reach them."""
    names = [
        str(each.properties.get(tags.PidTagDisplayName, "?"))
        for each in bag.attachments
        if each.properties.get(tags.PidTagAttachMethod) == tags.ATTACH_EMBEDDED and each.embedded is None
    ]
    return f"without the attached message {', '.join(map(repr, names))}, which cannot be read" if names else None


async def _put(client: Client, folders: _Folders, batch: list[_Read], tell: Callable[[Outcome], None]) -> None:
    try:
        items = [(await folders.id_of(each.entry.folder, each.entry.folder_class), each.content) for each in batch]
        answers = await client.upload(items)
    except (EwsError, aiohttp.ClientError, TimeoutError) as error:
        lost = not isinstance(error, (EwsError, aiohttp.ClientConnectorError))
        if len(batch) > 1 and not lost:
            # One of them may be what the server refused; each by itself shows which.
            for each in batch:
                await _put(client, folders, [each], tell)
            return
        unsure = "; the answer was lost, so it may be in the mailbox" if lost else ""
        for each in batch:
            tell(each.outcome(f"{error or type(error).__name__}{unsure}"))
        return
    for each, answer in zip(batch, answers, strict=True):
        tell(each.outcome(str(answer) if isinstance(answer, EwsError) else None))


class _Folders:
    """The folders of the mailbox, made as they are needed. A top folder named as a standard one is that one."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._known: dict[tuple[str, ...], str] = {}

    async def id_of(self, names: tuple[str, ...], folder_class: str) -> str:
        """The id of the folder at that path."""
        if names not in self._known:
            role = "inbox" if not names else _ROLE_OF.get(names[0].casefold()) if len(names) == 1 else None
            if role:
                self._known[names] = (await self._client.folder(role)).id
            else:
                parent = (
                    (await self._client.folder("msgfolderroot")).id
                    if len(names) == 1
                    else await self.id_of(names[:-1], folder_class)
                )
                self._known[names] = await self._client.create_folder(parent, names[-1], folder_class)
        return self._known[names]
