"""``isthmus mailbox trace``: where a mail is on both sides, and why."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any, Self

import typer
from isthmus_exchange.client import Mailbox
from isthmus_exchange.errors import EwsError, Kind
from isthmus_exchange.operations import FindFolders, GetDistinguishedFolders, SearchItems, Sought
from isthmus_exchange.operations.search_items import FOLDERS
from isthmus_exchange.values import Folder
from isthmus_sync.mailbox import hierarchy
from isthmus_sync.mailbox.batches import by_count
from rich.table import Table
from rich.text import Text

from ..endpoints import endpoints
from ..ledger import Ledger
from ..output import Exit, console, errors, fail, print_json
from ..traces import ARCHIVE, MAIN, TREES, Place, Trace, explain, moment, nowhere
from .mailbox_people import Address, ProjectOption, ask_servers, one, servers_in
from .options import DEFAULT_DATA, DEFAULT_PROJECT, DataFolder, Json

_KEYS = 50
"""Search keys that a request should name, at most."""


def trace(
    address: Address,
    message_id: Annotated[str, typer.Option("--message-id", "-m", help="The Message-ID, with or without <>.")] = "",
    subject: Annotated[str, typer.Option("--subject", "-s", help="A part of the subject, in any case.")] = "",
    search_key: Annotated[str, typer.Option("--search-key", help="The search key (PidTagSearchKey), in hex.")] = "",
    path: ProjectOption = DEFAULT_PROJECT,
    data: DataFolder = DEFAULT_DATA,
    as_json: Json = False,
) -> None:
    """Say where a mail is on both sides, and why: copied and when, still to be copied, set aside, deleted, of the
    target's own.

    Say which mail by one of --message-id, --subject and --search-key. Both servers are asked for it in every visible
    folder, in archives and in what can be recovered; the ledger says what the copies have to do with each other.
    Nothing is written. Exit code 1 when it is on neither side, or something is left to be done about it.
    """
    sought = _sought(message_id, subject, search_key)
    where = endpoints(data)
    person, ledger = one(where, address), Ledger(where)
    servers = servers_in(path, data)
    here, there, unsearched = ask_servers(servers, person, lambda source, target: find(source, target, sought))
    mailbox = ledger.mailbox(person["id"])
    traces = explain(here, there, known(ledger, person["id"], here, there), mailbox, person["problem"])
    for why in unsearched:
        errors.print(Text(f"not searched: {why}", "yellow"))
    if as_json:
        print_json([asdict(each) for each in traces])
    elif traces:
        _print(traces, servers.project.source.name, servers.project.target.name)
    else:
        console.print(nowhere(mailbox))
    if not traces or any(not each.well for each in traces):
        raise typer.Exit(Exit.NOT_AS_IT_SHOULD_BE)


def known(ledger: Ledger, identity: str, here: list[Place], there: list[Place]) -> dict[str, Any]:
    """What the ledger knows of what was found on the source and on the target."""
    source, target = ([place.hit.id for place in places] for places in (here, there))
    keys = {place.hit.search_key.hex() for place in (*here, *there)} - {""}
    return ledger.items(identity, source, target, sorted(keys))


def _sought(message_id: str, subject: str, search_key: str) -> Sought:
    if [bool(message_id), bool(subject), bool(search_key)].count(True) != 1:
        fail("say which mail, by one of --message-id, --subject and --search-key", Exit.WRONG_INPUT)
    try:
        key = bytes.fromhex(search_key)
    except ValueError:
        fail(f"{search_key!r} is no search key in hexadecimal", Exit.WRONG_INPUT)
    if message_id and not message_id.startswith("<"):
        message_id = f"<{message_id}>"
    return Sought(message_id, subject, (key,) if key else ())


async def find(source: Mailbox, target: Mailbox, sought: Sought) -> tuple[list[Place], list[Place], list[str]]:
    """Where the source and the target have what is sought, and what of the one is named otherwise on the other; and
    what could not be searched, and why.
    """
    sides = [await _Side.of(mailbox) for mailbox in (source, target)]
    for side in sides:
        await side.search(sought)
    # Edited since, an item has another subject or Message-ID on one side, but one search key.
    keys = sorted({key for side in sides for place in side.found.values() if (key := place.hit.search_key)})
    for some in by_count(keys, _KEYS):
        for side in sides:
            await side.search(Sought(search_keys=tuple(some)))
    here, there = (list(side.found.values()) for side in sides)
    return here, there, [why for side in sides for why in side.unsearched]


class _Side:
    """A mailbox with all of its trees, and what was found in it, by item id."""

    def __init__(self, mailbox: Mailbox) -> None:
        self._mailbox = mailbox
        # By folder id: its path, and the role of the top of its tree.
        self._folders: dict[str, tuple[str, str]] = {}
        self.found: dict[str, Place] = {}
        self.unsearched: list[str] = []

    @classmethod
    async def of(cls, mailbox: Mailbox) -> Self:
        side = cls(mailbox)
        others = tuple(role for role in TREES if role != MAIN)
        try:
            tops = await mailbox.call(GetDistinguishedFolders(others))
        except EwsError as error:
            # Before Exchange 2010 SP1 nobody has a name for them; and an archive, or the whole mailbox, may be away.
            if error.code != "ErrorSchemaValidation":
                side.unsearched.append(f"{mailbox.address}: {error}")
            if error.kind is Kind.MAILBOX:
                return side
            tops = await mailbox.call(GetDistinguishedFolders())
        for role in TREES.keys() & tops.keys():
            try:
                await side._add(role, tops[role])
            except EwsError as error:
                if role == MAIN:
                    raise
                side.unsearched.append(f"{mailbox.address}, {TREES[role]}: {error}")
        return side

    async def _add(self, role: str, top: Folder) -> None:
        tree = [top]
        offset, last = 0, role not in (MAIN, ARCHIVE)
        while not last:
            page = await self._mailbox.call(FindFolders(offset, role))
            tree += page.folders
            offset, last = page.next, page.last
        by_id = {folder.id: folder for folder in tree}
        self._folders |= {each.id: (_path(by_id, each.id, TREES[role]), role) for each in tree if not each.search}

    async def search(self, sought: Sought) -> None:
        for some in by_count(self._folders, FOLDERS):
            for hit in await self._mailbox.call(SearchItems(tuple(some), sought)):
                self.found.setdefault(hit.id, Place(hit, *self._folders[hit.folder]))


def _path(folders: dict[str, Folder], identity: str, tree: str) -> str:
    names: list[str] = []
    while identity in folders and folders[identity].parent in folders:
        names.append(folders[identity].name)
        identity = folders[identity].parent
    return hierarchy.joined(reversed(names), tree)


def _print(traces: list[Trace], source: str, target: str) -> None:
    table = Table(box=None, header_style="bold", pad_edge=False)
    for column in ("subject", "received", source, target, "why"):
        table.add_column(column, overflow="fold")
    for each in traces:
        table.add_row(
            Text(each.subject or each.item_class),
            moment(each.received),
            Text(each.source_folder or "–"),
            Text(each.target_folder or "–"),
            Text(each.why, "" if each.well else "yellow"),
        )
    console.print(table)
