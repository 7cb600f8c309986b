"""``isthmus mailbox errors`` and ``fetch``: items that cannot be copied, why, and how to get them by hand."""

from __future__ import annotations

import base64
from collections import Counter
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer
from isthmus_exchange.client import Mailbox
from isthmus_exchange.errors import EwsError
from isthmus_exchange.operations import ExportItems, GetItemLabels, GetMime, Label
from isthmus_exchange.singling_out import singled_out
from isthmus_project import ProjectError
from isthmus_sync.mailbox.batches import by_count
from rich.table import Table
from rich.text import Text

from ..endpoints import endpoints
from ..ledger import Ledger
from ..output import Exit, console, fail, number, print_json
from .mailbox_people import (
    NO_ANSWER,
    Address,
    Addresses,
    Collection,
    ProjectOption,
    ask_servers,
    one,
    people,
    read_servers,
    servers_in,
    try_servers,
)
from .options import DEFAULT_DATA, DEFAULT_PROJECT, DataFolder, Json

_LABELS = 10


def errors(
    addresses: Addresses = None,
    collection: Collection = None,
    limit: Annotated[int, typer.Option("--limit", "-n", min=0, help="So many of each list at most; 0 for all.")] = 200,
    subjects: Annotated[bool, typer.Option(help="Ask the source's server what the items are called.")] = True,
    path: ProjectOption = DEFAULT_PROJECT,
    data: DataFolder = DEFAULT_DATA,
    as_json: Json = False,
) -> None:
    """List the items that are set aside: where they are, what they are called, why they cannot be copied.

    Of these people, of a collection, or of everybody. Each has a number for [bold]isthmus mailbox fetch[/]; when the
    cause is mended, [bold]isthmus mailbox retry[/]. Exit code 1 when items are set aside. After them, the rights,
    rules and settings that cannot be set on the target and are kept aside: they are tried again at every look, every 15
    minutes at the latest, and with [bold]isthmus mailbox retry[/]. Where the server does not say what an item is
    called, the list says why.
    """
    where = endpoints(data)
    who = people(where, addresses, left=True) if addresses else []
    ledger, identities = Ledger(where), [each["id"] for each in who]
    found, kept = (ask(identities, collection, limit) for ask in (ledger.set_aside, ledger.kept_aside))
    items = found["items"]
    if subjects and items:
        _name(items, path, data)
    if as_json:
        print_json({**found, "kept_aside": kept["settings"], "kept_aside_left_off": kept["left_off"]})
    else:
        _print(found)
        _print_kept(kept)
    if items:
        raise typer.Exit(Exit.NOT_AS_IT_SHOULD_BE)


def fetch(
    address: Address,
    number: Annotated[int, typer.Argument(help="The item's number in 'isthmus mailbox errors'.")],
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="The file; by default NUMBER.eml or .fts.")
    ] = None,
    stream: Annotated[
        bool, typer.Option("--stream", help="Everything in the item as the server exports it, instead of the message.")
    ] = False,
    path: ProjectOption = DEFAULT_PROJECT,
    data: DataFolder = DEFAULT_DATA,
) -> None:
    """Write an item that is set aside to a file: as a message (.eml), or with --stream as an export stream (.fts).

    It comes from the source's server, with the account of the project. An existing file is not overwritten.
    """
    where = endpoints(data)
    person = one(where, address)
    item = Ledger(where).one_set_aside(person["id"], number)
    if item is None:
        fail(f"{address} has no item {number} set aside; see 'isthmus mailbox errors {address}'", Exit.WRONG_INPUT)
    file = output or Path(f"{number}.{'fts' if stream else 'eml'}")
    if file.exists():
        fail(f"{file} exists already; name another file with --output", Exit.WRONG_INPUT)
    servers = servers_in(path, data)

    async def ask(source: Mailbox, _target: Mailbox) -> bytes:
        if not stream:
            return await source.call(GetMime(item["source_id"]))
        (exported,) = await source.call(ExportItems((item["source_id"],)))
        if isinstance(exported, EwsError):
            raise exported
        return base64.b64decode(exported.data)

    content = ask_servers(servers, person, ask)
    try:
        with file.open("xb") as written:
            written.write(content)
    except OSError as error:
        fail(f"{file} cannot be written: {error.strerror}", Exit.WRONG_INPUT)
    console.print(f"{len(content)} bytes from {item['folder']} written to {file}")


def _name(items: list[dict[str, Any]], path: Path, data: Path) -> None:
    """Give each item its subject and class, as the source's server tells them; else `subject_unknown`: why it does not.

    What goes wrong between us and the server is not asked of it for each mailbox anew.
    """
    of_mailbox: dict[str, list[dict[str, Any]]] = {}
    for item in items:
        of_mailbox.setdefault(item["mailbox"], []).append(item)
    try:
        servers = read_servers(path, data)
        for group in of_mailbox.values():

            async def ask(source: Mailbox, _target: Mailbox, group: list[dict[str, Any]] = group) -> None:
                for some in by_count(group, _LABELS):
                    labels = await singled_out(partial(_labels, source), [item["source_id"] for item in some])
                    for item, label in zip(some, labels, strict=True):
                        if isinstance(label, EwsError):
                            item["subject_unknown"] = str(label)
                        else:
                            item["subject"], item["item_class"] = label.subject, label.item_class

            try:
                try_servers(servers, group[0], ask)
            except EwsError as error:
                _leave_unnamed(group, error)
    except (ProjectError, *NO_ANSWER) as error:
        _leave_unnamed(items, error)


async def _labels(source: Mailbox, ids: Sequence[str]) -> Sequence[Label | EwsError]:
    return await source.call(GetItemLabels(tuple(ids)))


def _leave_unnamed(items: list[dict[str, Any]], error: Exception) -> None:
    for item in items:
        if "subject" not in item:
            item.setdefault("subject_unknown", str(error))


def _print(found: dict[str, Any]) -> None:
    if not found["items"]:
        console.print("Nothing is set aside.")
        return
    table = Table(box=None, header_style="bold", pad_edge=False)
    for column in ("mailbox", "number", "folder", "subject", "size", "next attempt", "why"):
        table.add_column(column, justify="right" if column in ("number", "size") else "left", overflow="fold")
    for item in found["items"]:
        table.add_row(
            item["source_address"],
            str(item["number"]),
            Text(item["folder"]),
            Text(item.get("subject") or item.get("item_class") or "?"),
            number(item["size"]),
            item["next_attempt"] or "",
            Text(item["reason"], "yellow"),
        )
    console.print(table)
    _print_left_off(found)
    unknown = Counter(item["subject_unknown"] for item in found["items"] if "subject_unknown" in item)
    for why, count in unknown.items():
        console.print(Text(f"{count} without their subject: {why}", "yellow"))


def _print_kept(kept: dict[str, Any]) -> None:
    if not kept["settings"]:
        return
    console.print()
    table = Table(box=None, header_style="bold", pad_edge=False)
    for column in ("kept aside of", "where", "whom it is about", "what", "why"):
        table.add_column(column, overflow="fold")
    for each in kept["settings"]:
        texts = (each["path"] or each["kind"], each["who"], each["what"])
        table.add_row(each["source_address"], *map(Text, texts), Text(each["reason"], "yellow"))
    console.print(table)
    _print_left_off(kept)


def _print_left_off(found: dict[str, Any]) -> None:
    if found["left_off"]:
        console.print(f"[dim]… and {found['left_off']} more; --limit shows more, an address or a --collection fewer[/]")
