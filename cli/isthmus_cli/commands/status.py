"""``isthmus status``: every mailbox, once or live."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import typer
from rich.console import Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from ..endpoints import endpoints
from ..output import Exit, alike, console, fail, number, print_json, until, whose
from ..portal import LEFT, Portal, PortalError, portal_or_fail
from .options import DEFAULT_DATA, DataFolder, Json

COLOURS = {
    "in step": "green",
    "switched": "bold green",
    "copying": "cyan",
    "updating": "cyan",
    "switching": "magenta",
    "blocked": "bold red",
    "paused": "yellow",
}
_TALLEST = 60
_BAR = 12
_NOTE_LINES = 2
"""What a note takes of a screen."""


def status(
    data: DataFolder = DEFAULT_DATA,
    as_json: Json = False,
    watch: Annotated[bool, typer.Option("--watch", "-w", help="Go on, live, until Ctrl-C.")] = False,
) -> None:
    """Show how every mailbox stands: progress, items, what is wrong.

    Exit code 1 when a mailbox is blocked or needs attention, so that a script can ask.
    """
    portal = portal_or_fail(endpoints(data).portal)
    try:
        if as_json:
            document = {
                "summary": portal.summary(),
                "mailboxes": list(portal.mailboxes()),
                "left": list(portal.mailboxes(LEFT)),
            }
            print_json(document)
            summary = document["summary"]
        elif watch:
            summary = _follow(portal)
        else:
            summary = portal.summary()
            console.print(view(summary, list(portal.mailboxes()), _left(portal, summary)))
    except PortalError as error:
        fail(str(error), Exit.UNREACHABLE)
    if isinstance(summary, dict) and summary["attention"]:
        raise typer.Exit(Exit.NOT_AS_IT_SHOULD_BE)


def _follow(portal: Portal) -> dict[str, Any]:
    summary = portal.summary()
    with Live(console=console, auto_refresh=False, screen=console.is_terminal) as live:
        try:
            while True:
                summary, mailboxes = portal.summary(), list(portal.mailboxes())
                left = _left(portal, summary)
                most = console.height - 6 - _NOTE_LINES * (len(_shared(mailboxes)) + bool(left))
                live.update(view(summary, mailboxes, left, most), refresh=True)
                time.sleep(0.5)
        except KeyboardInterrupt:
            return summary


def _left(portal: Portal, summary: dict[str, Any]) -> list[dict[str, Any]]:
    return list(portal.mailboxes(LEFT)) if summary["left"] else []


def view(
    summary: dict[str, Any],
    mailboxes: list[dict[str, Any]],
    left: Sequence[dict[str, Any]] = (),
    most: int = _TALLEST,
) -> RenderableType:
    """The table of mailboxes, those that move or need attention first when there are more than ``most``, and totals.

    What is wrong with several in the same words stands once, below the table; so does who has ``left`` all collections.
    """
    shared = _shared(mailboxes)
    noted = {problem: f"({place})" for place, (problem, _) in enumerate(shared, 1)}
    table = Table(box=None, header_style="bold", pad_edge=False, expand=False)
    table.add_column("mailbox", overflow="fold")
    for column in ("collection", "status"):
        table.add_column(column, no_wrap=True)
    table.add_column("progress", width=_BAR)
    for column in ("items", "pass"):
        table.add_column(column, justify="right", no_wrap=True)
    table.add_column("", overflow="fold")
    shown = mailboxes
    if len(mailboxes) > most:
        shown = sorted(mailboxes, key=lambda mailbox: _interest(mailbox, noted))[: max(most, 1)]
    for mailbox in shown:
        table.add_row(
            mailbox["name"],
            mailbox["collection"],
            Text(mailbox["status"], COLOURS.get(mailbox["status"], "")),
            ProgressBar(total=100, completed=mailbox["percent"], width=_BAR),
            _items(mailbox["items"]),
            str(mailbox["pass"] or ""),
            _remark(mailbox, noted),
        )
    parts: list[RenderableType] = [table]
    if len(shown) < len(mailboxes):
        parts.append(Text(f"… and {len(mailboxes) - len(shown)} more", "dim"))
    parts += [Text(f"{noted[problem]} {whose(names)}: {problem}", "yellow") for problem, names in shared]
    if left:
        names = whose([mailbox["name"] for mailbox in left])
        parts.append(
            Text(
                f"in no collection any more, so nothing is copied: {names}; 'isthmus mailbox show' says how far each "
                "is; named in the project file again, and applied, they go on",
                "yellow",
            )
        )
    return Group(*parts, Text(), totals(summary))


def _shared(mailboxes: list[dict[str, Any]]) -> list[tuple[str, list[str]]]:
    """What is wrong with more than one mailbox, and their names."""
    said = ((mailbox["name"], mailbox["problem"]) for mailbox in mailboxes if mailbox["problem"])
    return [(problem, names) for problem, names in alike(said) if len(names) > 1]


def totals(summary: dict[str, Any]) -> Text:
    """How many mailboxes in which state, items, speed, when it will be done; what is limiting now, if anything."""
    states = ", ".join(f"{count} {name}" for name, count in summary["by_status"].items() if count)
    line = Text(f"{summary['mailboxes']} mailboxes", "bold")
    line.append(f" ({states or 'none yet'}); {_items(summary['items'])} items, {summary['percent']:g} %", "")
    if summary["items_per_second"]:
        line.append(f"; {summary['items_per_second']:.0f} items/s, {summary['bytes_per_second'] / 1e6:.1f} MB/s")
    finish = _finish(summary["forecast"])
    if finish:
        line.append(f"; {finish}")
    if summary["project"] is None:
        line.append(
            "\nno project is in force: 'isthmus plan' looks at the project file, 'isthmus apply' begins", "yellow"
        )
    for one in summary["limited_by"]:
        line.append(f"\nlimited by {_limited(one)}", "yellow")
    if summary["directory"] and summary["directory"]["problem"]:
        line.append(f"\ndirectory: {summary['directory']['problem']}", "yellow")
    return line


def _limited(one: dict[str, Any]) -> str:
    end = f" {until(datetime.fromtimestamp(one['until'], UTC))}" if one["until"] else ""
    return f"{one['limit']}: {one['words']}{end} ({', '.join(one['workers'])})"


def _finish(forecast: dict[str, Any]) -> str:
    if forecast["state"] == "stalled":
        return "stalled"
    if forecast["state"] != "expected":
        return ""
    expected = f"done in about {_span(forecast['expected'])}"
    latest = f", at the latest {_span(forecast['latest'])}" if forecast["latest"] else ""
    return expected + latest


def _span(seconds: float) -> str:
    return str(timedelta(seconds=round(seconds)))


def _items(items: dict[str, int]) -> str:
    text = f"{number(items['done'])}/{number(items['total'])}"
    return f"{text} ({items['set_aside']} set aside)" if items["set_aside"] else text


def _remark(mailbox: dict[str, Any], noted: dict[str, str]) -> Text:
    if problem := mailbox["problem"]:
        return Text(noted.get(problem, problem), "yellow")
    switch = mailbox["switch"]
    if switch and switch["step"] not in ("done", "refused"):
        waiting = f", waits for {switch['waiting_for']}" if switch["waiting_for"] else ""
        return Text(f"switch: {switch['step']}{waiting}", "magenta")
    return Text("switched" if mailbox["status"] == "paused" and mailbox["active_side"] == "target" else "")


def _interest(mailbox: dict[str, Any], noted: dict[str, str]) -> int:
    if mailbox["problem"]:
        return -1 if mailbox["problem"] in noted else -2  # one of many is told of without its row
    order = ["blocked", "switching", "copying", "updating", "paused", "waiting", "in step", "switched"]
    return order.index(mailbox["status"]) if mailbox["status"] in order else 0
