"""``isthmus mailbox trace``: where a mail is on both sides, and why."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Annotated, Any

import typer
from isthmus_exchange.client import Mailbox
from isthmus_exchange.operations import FindFolders, GetDistinguishedFolders, Hit, SearchItems, Sought
from isthmus_exchange.operations.search_items import FOLDERS
from isthmus_exchange.values import Folder
from isthmus_sync.mailbox import hierarchy
from rich.table import Table
from rich.text import Text

from ..endpoints import endpoints
from ..ledger import Ledger
from ..output import Exit, console, fail, print_json
from .mailbox_people import Address, ProjectOption, ask_servers, one, servers_in
from .options import DEFAULT_DATA, DEFAULT_PROJECT, DataFolder, Json

_WORDS = {"copy": "to be copied", "read_flag": "the read flag is to be set", "delete": "to be deleted on the target"}
_WAYS = {
    "stream": "",
    "refused": ", by its properties, for its stream was refused",
    "no_streams": ", by its properties, for a server has no streams",
}


def trace(
    address: Address,
    message_id: Annotated[str, typer.Option("--message-id", "-m", help="The Message-ID, with or without <>.")] = "",
    subject: Annotated[str, typer.Option("--subject", "-s", help="A part of the subject, in any case.")] = "",
    search_key: Annotated[str, typer.Option("--search-key", help="The search key (PidTagSearchKey), in hex.")] = "",
    path: ProjectOption = DEFAULT_PROJECT,
    data: DataFolder = DEFAULT_DATA,
    as_json: Json = False,
) -> None:
    """Say where a mail is on both sides, and why: copied and when, still to be copied, set aside, or of its own there.

    Both servers are asked for it in every visible folder; the ledger says what the copies have to do with each other.
    Nothing is written. Exit code 1 when it is on neither side, or on one side and ought to be on both.
    """
    sought = _sought(message_id, subject, search_key)
    where = endpoints(data)
    person, ledger = one(where, address), Ledger(where)
    servers = servers_in(path, data)

    async def ask(source: Mailbox, target: Mailbox) -> tuple[list[_Place], list[_Place]]:
        return await _search(source, sought), await _search(target, sought)

    here, there = ask_servers(servers, person, ask)
    known = ledger.items(person["id"], [each.hit.id for each in here], [each.hit.id for each in there])
    traces = explain(here, there, known)
    if as_json:
        print_json([asdict(each) for each in traces])
    elif traces:
        _print(traces, servers.project.source.name, servers.project.target.name)
    else:
        console.print("Neither side has such a mail in a visible folder.")
    if not traces or any(not each.well for each in traces):
        raise typer.Exit(Exit.NOT_AS_IT_SHOULD_BE)


@dataclass(frozen=True)
class _Place:
    """An item that a server has, and its folder for people."""

    hit: Hit
    folder: str


@dataclass(frozen=True)
class Trace:
    """One mail. A folder is empty where the side does not have it; `well`: nothing is left to be done."""

    subject: str
    item_class: str
    received: str
    size: int
    search_key: str
    source_folder: str
    target_folder: str
    why: str
    well: bool
    source_id: str = ""
    target_id: str = ""


def explain(here: list[_Place], there: list[_Place], known: dict[str, Any]) -> list[Trace]:
    """What was found on the source and on the target, with what the ledger knows of it, as one list of mails."""
    by_source = {each["source_id"]: each for each in known["known"]}
    by_target = {each["target_id"]: each for each in known["known"]}
    staged = {each["source_id"]: each for each in known["staged"]}
    targets = {each.hit.id: each for each in there}
    found, told = [], set[str]()
    for place in here:
        row = by_source.get(place.hit.id)
        copy = targets.get(row["target_id"]) if row else None
        if copy:
            told.add(copy.hit.id)
        why, well = _of_source(row, copy, staged.get(place.hit.id))
        found.append(_trace(place, copy, why, well=well))
    for place in there:
        if place.hit.id not in told:
            why, well = _of_target(by_target.get(place.hit.id), staged)
            found.append(_trace(None, place, why, well=well))
    return found


def _of_source(row: dict[str, Any] | None, copy: _Place | None, work: dict[str, Any] | None) -> tuple[str, bool]:
    when = f"copied {_moment(row['agreed_at'])}" if row and row["agreed_at"] else "copied"
    if row:
        when += _WAYS[row["way"]]
    if work is not None and work["in_doubt"]:
        return f"a request to {work['in_doubt']} it got no answer; the target is looked at before it is repeated", False
    if work is not None and work["work"] == "left_out":
        return f"left out by the filter: {work['reason']}", True
    if work is not None and work["reason"]:
        return f"set aside after {work['attempts']} attempts: {work['reason']}", False
    if work is not None:
        return f"{when}; changed since, {_WORDS[work['work']]}" if row else _WORDS[work["work"]], False
    if row is None:
        return "not listed yet; the next pass finds it", False
    if copy is None:
        return f"{when}; the target has it no more where it was put: moved or removed there by somebody", False
    return when, True


def _of_target(row: dict[str, Any] | None, staged: dict[str, dict[str, Any]]) -> tuple[str, bool]:
    if row is None:
        return "of the target's own: Isthmus did not bring it", True
    work = staged.get(row["source_id"])
    if work is not None and work["work"] == "delete":
        return "brought by Isthmus; the source has deleted it, and it will be deleted here", False
    return "brought by Isthmus; the source has it elsewhere, changed, or no more: the next pass tells", False


def _trace(here: _Place | None, there: _Place | None, why: str, *, well: bool) -> Trace:
    either = here or there
    assert either is not None
    hit = either.hit
    return Trace(
        hit.subject,
        hit.item_class,
        hit.received,
        hit.size,
        hit.search_key.hex(),
        here.folder if here else "",
        there.folder if there else "",
        why,
        well,
        here.hit.id if here else "",
        there.hit.id if there else "",
    )


def _sought(message_id: str, subject: str, search_key: str) -> Sought:
    if [bool(message_id), bool(subject), bool(search_key)].count(True) != 1:
        fail("say which mail: --message-id, --subject or --search-key", Exit.WRONG_INPUT)
    try:
        key = bytes.fromhex(search_key)
    except ValueError:
        fail(f"{search_key!r} is no search key in hexadecimal", Exit.WRONG_INPUT)
    if message_id and not message_id.startswith("<"):
        message_id = f"<{message_id}>"
    return Sought(message_id, subject, key)


async def _search(mailbox: Mailbox, sought: Sought) -> list[_Place]:
    root = (await mailbox.call(GetDistinguishedFolders()))["msgfolderroot"]
    tree: list[Folder] = [root]
    offset, last = 0, False
    while not last:
        page = await mailbox.call(FindFolders(offset))
        tree += page.folders
        offset, last = page.next, page.last
    by_id = {folder.id: folder for folder in tree}
    own = [folder.id for folder in tree if not folder.search]
    hits: list[Hit] = []
    for start in range(0, len(own), FOLDERS):
        found = await mailbox.call(SearchItems(tuple(own[start : start + FOLDERS]), sought))
        hits += found
    return [_Place(hit, _path(by_id, hit.folder)) for hit in hits]


def _path(folders: dict[str, Folder], identity: str) -> str:
    names: list[str] = []
    while identity in folders and folders[identity].parent in folders:
        names.append(folders[identity].name)
        identity = folders[identity].parent
    return hierarchy.joined(reversed(names))


def _moment(text: str) -> str:
    """A time in ISO 8601 for people; nothing of none."""
    return f"{datetime.fromisoformat(text).astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC" if text else ""


def _print(traces: list[Trace], source: str, target: str) -> None:
    table = Table(box=None, header_style="bold", pad_edge=False)
    for column in ("subject", "received", source, target, "why"):
        table.add_column(column, overflow="fold")
    for each in traces:
        table.add_row(
            Text(each.subject or each.item_class),
            _moment(each.received),
            Text(each.source_folder or "–"),
            Text(each.target_folder or "–"),
            Text(each.why, "" if each.well else "yellow"),
        )
    console.print(table)
