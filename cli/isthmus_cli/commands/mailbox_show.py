"""``isthmus mailbox show``: one mailbox, folder by folder."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import typer
from rich.table import Table
from rich.text import Text

from ..endpoints import endpoints
from ..ledger import Ledger
from ..output import Exit, console, fail, number, print_json, until
from ..portal import LEFT, portal_or_fail
from .mailbox_people import Address, one
from .options import DEFAULT_DATA, DataFolder, Json


def show(address: Address, data: DataFolder = DEFAULT_DATA, as_json: Json = False) -> None:
    """Show how a mailbox stands, folder by folder: what is on the target, what is still to be done, what cannot be.

    Exit code 1 when items are set aside or the mailbox cannot go on, as it is blocked or in no collection any more.
    [bold]isthmus mailbox errors[/] says why items are set aside.
    """
    where = endpoints(data)
    person = one(where, address)
    found = Ledger(where).mailbox(person["id"])
    if found is None:
        fail(f"the mailbox service has not heard of {address} yet: it has no mailbox on one side, or no collection")
    whole = portal_or_fail(where.portal).mailbox(person["id"]) or person
    last = (whole.get("passes") or [None])[-1]
    if as_json:
        print_json({**found, "status": person["status"], "problem": person["problem"], "last_pass": last})
    else:
        _print(found, person, last)
    stopped = found["unwanted"] and not found["switched"]
    if stopped or person["problem"] or any(folder["set_aside"] for folder in found["folders"]):
        raise typer.Exit(Exit.NOT_AS_IT_SHOULD_BE)


def _print(found: dict[str, Any], person: dict[str, Any], last: dict[str, Any] | None) -> None:
    console.print(Text(f"{person['name']}  {found['source_address']} → {found['target_address']}", "bold"))
    console.print(
        Text(f"{_standing(found, person)}, {found['passes']} passes, ")
        + Text(f"{size(found['bytes_copied'])} copied in all")
    )
    if person["problem"]:
        console.print(Text(person["problem"], "yellow"))
    if last:
        names = ("added", "updated", "moved", "deleted", "read_flags")
        did = ", ".join(f"{last[name]} {name.replace('_', ' ')}" for name in names if last[name])
        at = datetime.fromtimestamp(last["finished_at"] / 1e6, UTC)
        kind = "that did something" if did else "that somebody ordered"
        console.print(Text(f"last pass {kind}: {at:%Y-%m-%d %H:%M:%S} UTC, {did or 'nothing to do'}"))
    console.print(Text(next_pass(found)))
    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column("folder", overflow="fold")
    for column in ("items", "size", "to copy", "size", "flags", "to delete", "set aside", "left out"):
        table.add_column(column, justify="right", no_wrap=True)
    for folder in [*sorted(found["folders"], key=place), _sum(found["folders"])]:
        table.add_row(
            Text(folder["path"] + (" (gone)" if folder["gone"] else ""), "" if folder["on_target"] else "dim"),
            number(folder["items"]),
            size(folder["bytes"]),
            str(folder["copies"] or ""),
            size(folder["copy_bytes"]) if folder["copies"] else "",
            str(folder["flags"] or ""),
            str(folder["deletions"] or ""),
            Text(str(folder["set_aside"] or ""), "red"),
            str(folder["left_out"] or ""),
        )
    console.print(table)
    if found["kept_aside"]:
        console.print(
            f"rights, rules and settings kept aside: {number(found['kept_aside'])}; "
            f"'isthmus mailbox errors {found['source_address']}' says why",
            soft_wrap=True,
        )
    if parts := sum(folder["by_properties"] for folder in found["folders"]):
        console.print(
            f"{parts} came by their properties, not as streams; docs/operating/mailboxes.md says what that keeps"
        )


def _standing(found: dict[str, Any], person: dict[str, Any]) -> str:
    also = ", switched" if found["switched"] and person["status"] in ("paused", LEFT) else ""
    return f"{person['status']}{also}" + (f", collection {found['collection']}" if found["collection"] else "")


def next_pass(found: dict[str, Any]) -> str:
    """When the mailbox is looked at again, and what it waits for."""
    if found["unwanted"]:
        return f"next pass: none, for {found['unwanted']}"
    if found["paused"]:
        return "next pass: not before 'isthmus mailbox resume'"
    if found["switched"] and not found["orders"]:
        return "next pass: when somebody orders one, for the person is switched"
    if found["closed"]:
        opens = datetime.fromisoformat(found["opens"]) if found["opens"] else None
        # "not before …" says until when already.
        end = "" if found["closed"].startswith("not before") else f", {until(opens)}"
        return f"next pass: waits for its hour: {found['closed']}{end}"
    seconds = (datetime.fromisoformat(found["due"]) - datetime.now(UTC)).total_seconds()
    return (
        f"next pass: in {seconds:.0f} s, or when something changes" if seconds > 1 else "next pass: due, or under way"
    )


def place(folder: dict[str, Any]) -> tuple[bool, list[str]]:
    """As a mail program shows them: what is in a folder stands below it, other trees come last."""
    path: str = folder["path"]
    return path.startswith("/") and path != "/", path.strip("/").casefold().split("/")


def _sum(folders: list[dict[str, Any]]) -> dict[str, Any]:
    counts = {key: sum(each[key] for each in folders) for key in folders[0] if key not in _WORDS} if folders else {}
    return {"path": "all", "gone": False, "on_target": True, **dict.fromkeys(_COUNTS, 0), **counts}


_WORDS = ("path", "role", "gone", "on_target")
_COUNTS = ("items", "bytes", "by_properties", "copies", "copy_bytes", "flags", "deletions", "set_aside", "left_out")


def size(count: float) -> str:
    """Bytes for people."""
    for unit in ("B", "kB", "MB"):
        if count < 1000:
            return f"{count:.0f} {unit}"
        count /= 1000
    return f"{count:,.1f} GB".replace(",", " ")
