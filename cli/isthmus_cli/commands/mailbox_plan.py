"""``isthmus mailbox plan``: what filters leave out, asked from the source before anything is copied."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from isthmus_exchange.client import Client, Mailbox
from isthmus_exchange.errors import AccessError, EwsError, TransientError
from isthmus_exchange.operations import FindFolders, FindItem, GetDistinguishedFolders
from isthmus_exchange.values import Folder, Item
from isthmus_project import Collection as Chosen
from isthmus_project import Filter, Project, Surroundings
from isthmus_sync.mailbox import choice, hierarchy
from isthmus_sync.mailbox.model import ROOT, FolderRow
from rich.table import Table
from rich.text import Text

from ..endpoints import known_endpoints
from ..output import Exit, alike, console, fail, number, print_json, whose
from .mailbox_people import Addresses, Collection, ProjectOption, Servers, people, servers_in
from .mailbox_show import size
from .options import DEFAULT_DATA, DEFAULT_PROJECT, DataFolder, Json

_AT_ONCE = 4


def plan(
    addresses: Addresses = None,
    collection: Collection = None,
    path: ProjectOption = DEFAULT_PROJECT,
    data: DataFolder = DEFAULT_DATA,
    as_json: Json = False,
) -> None:
    """Say what the filters in the project file leave out of mailboxes, by filter and folder, and copy nothing.

    The source's servers are asked what there is; the filters are those of the file, applied or not. Of these people, or
    of everybody in a collection. Addresses of the source together with --collection: what its filters would leave out
    of them; for that no system is needed.

    Exit code 3 when a mailbox could not be asked; what was found in the others is shown all the same.
    """
    servers = servers_in(path, data)
    wanted = list(_wanted(servers.project, data, addresses or [], collection))
    found = _ask(servers, wanted)
    read = [each for each in found if not each.problem]
    if as_json:
        print_json([each.to_dict() for each in found])
    elif read:
        _print(read)
        for words in idle(read, [chosen for (_, chosen), each in zip(wanted, found, strict=True) if not each.problem]):
            console.print(Text(f"the filter {words!r} leaves nothing out of them; is it spelled right?", "yellow"))
    not_asked = alike((each.address, each.problem) for each in found if each.problem)
    if not_asked:
        fail("\n".join(f"{whose(names)} could not be asked: {why}" for why, names in not_asked), Exit.UNREACHABLE)


def _wanted(project: Project, data: Path, addresses: list[str], collection: str | None) -> Iterator[tuple[str, Chosen]]:
    """Source addresses, each with the collection whose filters count."""
    if collection and addresses:
        yield from ((address, _collection(project, collection)) for address in addresses)
        return
    if not (collection or addresses):
        fail("say whose mailboxes: addresses, or --collection", Exit.WRONG_INPUT)
    where = known_endpoints(data)
    if where is None and collection and (chosen := _collection(project, collection)).mailboxes:
        yield from ((address, chosen) for address in chosen.mailboxes)
    elif where is None:
        fail(
            "no system is running that knows who is in which collection: give both addresses and --collection",
            Exit.WRONG_INPUT,
        )
    else:
        for person in people(where, addresses, collection):
            yield person["source_address"], _collection(project, person["collection"])


def _collection(project: Project, name: str) -> Chosen:
    found = project.collection(name)
    if found is None:
        known = ", ".join(each.name for each in project.collections) or "none"
        fail(f"the project file has no collection {name!r}; there are: {known}", Exit.WRONG_INPUT)
    return found


@dataclass
class Sum:
    """Items and their bytes."""

    items: int = 0
    bytes: int = 0

    def add(self, item: Item) -> None:
        self.items += 1
        self.bytes += item.size


@dataclass
class Sorted:
    """A mailbox and what is left out of it, by folder and by the filter's words; or why it could not be asked."""

    address: str
    collection: str
    all: Sum = field(default_factory=Sum)
    left_out: dict[tuple[str, str], Sum] = field(default_factory=dict)
    problem: str = ""

    def sort(
        self, items: Iterable[Item], filters: Sequence[Filter], path: str, place: choice.Place, now: float
    ) -> None:
        """Count the visible items of a folder."""
        for item in items:
            self.all.add(item)
            words = choice.left_out(filters, item.traits, item.size, place, now) if item.traits else ""
            if words:
                self.left_out.setdefault((path, words), Sum()).add(item)

    @property
    def all_left_out(self) -> Sum:
        return Sum(*(sum(getattr(each, name) for each in self.left_out.values()) for name in ("items", "bytes")))

    def to_dict(self) -> dict[str, Any]:
        if self.problem:
            return {"mailbox": self.address, "collection": self.collection, "problem": self.problem}
        total = self.all_left_out
        return {
            "mailbox": self.address,
            "collection": self.collection,
            "items": self.all.items,
            "bytes": self.all.bytes,
            "left_out_items": total.items,
            "left_out_bytes": total.bytes,
            "left_out": [
                {"folder": folder, "filter": words, "items": each.items, "bytes": each.bytes}
                for (folder, words), each in sorted(self.left_out.items())
            ],
        }


def _ask(servers: Servers, wanted: list[tuple[str, Chosen]]) -> list[Sorted]:
    source, surroundings = servers.project.source, servers.project.mailbox.surroundings
    words = f"asking {source.name} what is in {number(len(wanted))} mailboxes"

    async def run() -> list[Sorted]:
        with console.status(words) as shown:
            async with Client.of(source, servers.secrets, security=servers.security) as client:
                return await ask_each(
                    wanted,
                    lambda address, collection: sort_mailbox(client.mailbox(address), collection, surroundings),
                    lambda asked: shown.update(f"{words}: {number(asked)} done"),
                )

    try:
        return asyncio.run(run())
    except LookupError as error:
        fail(str(error), Exit.UNREACHABLE)


async def ask_each(
    wanted: Iterable[tuple[str, Chosen]],
    ask: Callable[[str, Chosen], Awaitable[Sorted]],
    tell: Callable[[int], object],
) -> list[Sorted]:
    """`ask` for each, a few at a time, and `tell` how many are done. One that cannot be asked does not end the others,
    but when as many as are asked at a time got no answer one after another, the server is away: nobody else is asked.
    """
    room = asyncio.Semaphore(_AT_ONCE)
    done, no_answer = 0, list[str]()

    async def one(address: str, collection: Chosen) -> Sorted:
        nonlocal done
        async with room:
            try:
                if len(no_answer) >= _AT_ONCE:
                    raise TransientError(no_answer[0])
                found = await ask(address, collection)
                no_answer.clear()
            except (AccessError, EwsError, TransientError) as error:
                found = Sorted(address, collection.name, problem=str(error))
                if isinstance(error, TransientError):
                    no_answer.append(str(error))
            done += 1
            tell(done)
            return found

    return await asyncio.gather(*(one(*each) for each in wanted))


async def sort_mailbox(mailbox: Mailbox, collection: Chosen, surroundings: Surroundings) -> Sorted:
    """Ask what is in a mailbox, and sort it by the filters of a collection."""
    found = Sorted(mailbox.address, collection.name)
    rows = await _folders(mailbox, surroundings)
    places, now = choice.places(rows), time.time()
    for row in rows:
        path, offset, last = hierarchy.path(rows, row.number), 0, False
        while not last:
            page = await mailbox.call(FindItem(row.from_id or "", False, offset, traits=True))
            found.sort(page.items, collection.filters, path, places[row.number], now)
            offset, last = page.next, page.last
    return found


async def _folders(mailbox: Mailbox, surroundings: Surroundings) -> list[FolderRow]:
    """The folders that are copied, as the ledger would have them."""
    others = {"archivemsgfolderroot": "Archive"} if surroundings.archive else {}
    others |= {"recoverableitemsdeletions": "Recoverable Items"} if surroundings.recoverable_items else {}
    roles = await mailbox.call(GetDistinguishedFolders(tuple(others)))
    tree: list[Folder] = []
    for top in ("msgfolderroot", *(role for role in others if role in roles)):
        tree.append(roles[top]._replace(name=others.get(top, ""), parent=""))
        offset, last = 0, top == "recoverableitemsdeletions"
        while not last:
            page = await mailbox.call(FindFolders(offset, top))
            tree += page.folders
            offset, last = page.next, page.last
    numbers = {folder.id: number for number, folder in enumerate(tree, ROOT)}
    return [
        FolderRow(numbers[each.id], numbers.get(each.parent), each.name, "", each.role, each.id, None)
        for each in hierarchy.with_roles(tree, roles)
        if not each.search
    ]


def idle(found: Iterable[Sorted], collections: Iterable[Chosen]) -> list[str]:
    """The words of filters that leave nothing out of any of these mailboxes."""
    at_work = {words for mailbox in found for _, words in mailbox.left_out}
    every = dict.fromkeys(each.words for chosen in collections for each in chosen.filters if each.exclude is not None)
    return [words for words in every if words not in at_work]


def _print(found: list[Sorted]) -> None:
    several = len(found) > 1
    table = Table(box=None, header_style="bold", pad_edge=False)
    for column in ("mailbox" if several else "folder", "left out by the filter"):
        table.add_column(column, overflow="fold")
    for column in ("items", "size"):
        table.add_column(column, justify="right", no_wrap=True)
    for mailbox in found:
        sums: dict[tuple[str, str], Counter[str]] = {}
        for (folder, words), each in mailbox.left_out.items():
            key = mailbox.address if several else folder, words
            sums.setdefault(key, Counter()).update(items=each.items, bytes=each.bytes)
        for key, counts in sorted(sums.items()):
            table.add_row(*map(Text, key), number(counts["items"]), size(counts["bytes"]))
    if table.row_count:
        console.print(table)
    of_all, left = Counter[str](), Counter[str]()
    for mailbox in found:
        of_all.update(items=mailbox.all.items, bytes=mailbox.all.bytes)
        left.update(items=mailbox.all_left_out.items, bytes=mailbox.all_left_out.bytes)
    which = f"{number(len(found))} mailboxes" if several else found[0].address
    console.print(
        f"{which}: {number(of_all['items'] - left['items'])} items "
        f"({size(of_all['bytes'] - left['bytes'])}) would be copied, {number(left['items'])} ({size(left['bytes'])}) "
        f"left out; what is on the target already stays there"
    )
