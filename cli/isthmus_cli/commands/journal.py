"""``isthmus directory journal``, ``revert``, ``allow``: what was written to the forests, and how it is put back."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import typer
from isthmus.accounts.v1.accounts_pb2 import SIDE_SOURCE
from isthmus.directory.v1.directory_pb2 import (
    WRITE_ACTION_CHANGE,
    WRITE_ACTION_CREATE,
    WRITE_ACTION_DELETE,
    AllowOnceRequest,
    AttributeChange,
    JournalEntry,
    JournalFilter,
    ReadJournalRequest,
    RevertRequest,
)
from rich.tree import Tree

from ..directory_service import directory_service, me
from ..output import Exit, console, fail, print_json
from .options import DEFAULT_DATA, DataFolder, DryRun, Json
from .plan import plain

_ACTIONS = {WRITE_ACTION_CREATE: "create", WRITE_ACTION_CHANGE: "change", WRITE_ACTION_DELETE: "delete"}
_COLOURS = {"create": "green", "change": "yellow", "delete": "red"}
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_SHOWN_ATTRIBUTES = 6

ObjectOption = Annotated[
    str,
    typer.Option("--object", "-o", help="An object of either side: an SMTP address, DN, objectGUID or pair id."),
]
SinceOption = Annotated[str, typer.Option(help="Not before: 2026-11-26, '2026-11-26 14:00', or an age: 30m, 2h, 7d.")]
ProjectName = Annotated[str, typer.Option("--project", help="The project, where there are several.")]


def journal(
    wanted: ObjectOption = "",
    since: SinceOption = "",
    until: Annotated[str, typer.Option(help="Before this time, in the same forms.")] = "",
    limit: Annotated[int, typer.Option("--limit", "-n", min=0, help="So many entries at most; 0 for all.")] = 50,
    every: Annotated[bool, typer.Option("--all", help="Every attribute of an entry, not only the first ones.")] = False,
    project: ProjectName = "",
    data: DataFolder = DEFAULT_DATA,
    as_json: Json = False,
) -> None:
    """List what was written to the forests, newest first: who, when, why, old values and new ones.

    An entry is written down before the write itself. [bold]begun[/] means that the process ended before it knew whether
    the forest took it.
    """
    chosen = JournalFilter(project=project, object=wanted, since=instant(since), until=instant(until))
    with directory_service(data) as service:
        answers = service.ReadJournal(ReadJournalRequest(filter=chosen, limit=limit))
        entries = [answer.entry for answer in answers]
    if as_json:
        print_json([_document(entry) for entry in entries])
        return
    for entry in entries:
        console.print(_tree(entry, every=every))
    if not entries:
        console.print("Nothing was written to it." if wanted else "Nothing was written.")
    elif limit and len(entries) == limit:
        console.print(f"[dim]the newest {limit}; --limit shows more[/]")


def revert(
    wanted: ObjectOption = "",
    since: SinceOption = "",
    until: Annotated[str, typer.Option(help="Before this time, in the same forms.")] = "",
    number: Annotated[
        int | None, typer.Option("--entry", "-e", min=1, help="One entry of the journal, by its number.")
    ] = None,
    project: ProjectName = "",
    data: DataFolder = DEFAULT_DATA,
    dry_run: DryRun = False,
    as_json: Json = False,
) -> None:
    """Put back what was written: an object's values, one entry, or everything since a time.

    What somebody changed since is left alone and named. So is what the project's rules would write again at once: mend
    the project and apply it first. Exit code 1 when something was left. The reversion stands in the journal itself.
    """
    chosen = JournalFilter(
        project=project, object=wanted, since=instant(since), until=instant(until), number=number or 0
    )
    if not (wanted or since or number):
        fail("say what: --object, --since or --entry", Exit.WRONG_INPUT)
    with directory_service(data) as service, console.status("waiting for dirsync"):
        answer = service.Revert(RevertRequest(filter=chosen, dry_run=dry_run, requested_by=me()))
        nothing = (wanted or number) and not answer.reversions
        if nothing and not any(service.ReadJournal(ReadJournalRequest(filter=chosen, limit=1))):
            fail("the journal has no such entries; see 'isthmus directory journal'", Exit.WRONG_INPUT)
    left = any(each.refused for each in answer.reversions)
    if as_json:
        document = [
            {**_document(each.entry), "reverted": list(each.attributes), "refused": list(each.refused)}
            for each in answer.reversions
        ]
        print_json(document)
    for each in () if as_json else answer.reversions:
        verb = "would be put back" if dry_run else "put back"
        tree = Tree(_title(each.entry), guide_style="dim")
        if each.attributes:
            tree.add(f"[green]{verb}:[/] {', '.join(each.attributes)}")
        for reason in each.refused:
            tree.add(f"[red]left:[/] {plain(reason)}")
        console.print(tree)
    if not answer.reversions and not as_json:
        console.print("Nothing was written that could be put back.")
    if left:
        raise typer.Exit(Exit.NOT_AS_IT_SHOULD_BE)


def allow(project: ProjectName = "", data: DataFolder = DEFAULT_DATA) -> None:
    """Let pass once what the guard stopped: a run that weighs no more than the one it stopped last.

    [bold]isthmus plan[/] shows what that is. The next run that weighs too much is stopped again.
    """
    with directory_service(data) as service:
        answer = service.AllowOnce(AllowOnceRequest(project=project, requested_by=me()))
    console.print(f"Let pass once: {plain(answer.objection)}")


def instant(text: str) -> int:
    """Microseconds since 1970 of a time or an age as people write it, 0 for none; ends the program for other texts."""
    if not text:
        return 0
    try:
        if text[-1] in _UNITS and text[:-1].isdecimal():
            moment = datetime.now(UTC) - timedelta(**{_UNITS[text[-1]]: int(text[:-1])})
        else:
            moment = datetime.fromisoformat(text).astimezone()
    except (ValueError, OverflowError):
        fail(
            f"{text!r} is no time: write 2026-11-26, '2026-11-26 14:00', or an age such as 30m, 2h or 7d",
            Exit.WRONG_INPUT,
        )
    return int(moment.timestamp() * 1_000_000)


def _document(entry: JournalEntry) -> dict[str, Any]:
    return {
        "number": entry.number,
        "at": datetime.fromtimestamp(entry.at / 1_000_000, UTC).isoformat(),
        "by": entry.by,
        "pair": entry.pair_id.hex(),
        "side": "source" if entry.side == SIDE_SOURCE else "target",
        "object": entry.distinguished_name,
        "action": _ACTIONS[entry.action],
        "outcome": entry.outcome,
        "reverted_by": entry.reverted_by or None,
        "changes": [
            {
                "attribute": change.attribute,
                "removed": list(change.removed),
                "added": list(change.added),
                "reason": change.reason,
            }
            for change in entry.changes
        ],
    }


def _title(entry: JournalEntry) -> str:
    action = _ACTIONS[entry.action]
    at = datetime.fromtimestamp(entry.at / 1_000_000).astimezone().strftime("%Y-%m-%d %H:%M:%S")
    outcome = "" if entry.outcome == "written" else f" [red]{entry.outcome}[/]"
    undone = f" [dim](put back by {entry.reverted_by})[/]" if entry.reverted_by else ""
    side = "source" if entry.side == SIDE_SOURCE else "target"
    return (
        f"[bold]{entry.number}[/] {at} [{_COLOURS[action]}]{action}[/] {side} {plain(entry.distinguished_name)}"
        f"{outcome}{undone} [dim]by {plain(entry.by)}[/]"
    )


def _tree(entry: JournalEntry, *, every: bool) -> Tree:
    tree = Tree(_title(entry), guide_style="dim")
    shown = entry.changes if every else entry.changes[:_SHOWN_ATTRIBUTES]
    for change in shown:
        tree.add(f"{change.attribute}: {_values(change)} [dim]{plain(change.reason)}[/]")
    if len(shown) < len(entry.changes):
        tree.add(f"[dim]{len(entry.changes) - len(shown)} more attributes; --all shows them[/]")
    return tree


def _values(change: AttributeChange) -> str:
    gone = [f"[red]-{plain(value)}[/]" for value in change.removed]
    return " ".join([*gone, *(f"[green]+{plain(value)}[/]" for value in change.added)])
