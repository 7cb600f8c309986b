"""``isthmus lab conditions``: how the servers of a running lab serve, shown and changed."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from isthmus_lab.changing import Now, change, now
from isthmus_lab.exchange.conditions.client import ControlError
from isthmus_lab.exchange.conditions.model import Conditions, Rule, Throttling
from isthmus_lab.exchange.program import Serving
from isthmus_lab.lab import Lab, LabError
from isthmus_lab.organisation import BOTH
from isthmus_lab.serving import (
    BatchSeconds,
    CallTime,
    Faults,
    ItemTime,
    Logon,
    Policy,
    RoundTrip,
    SyncStateChanges,
    Version,
    changed,
)
from isthmus_lab.supervise import Supervisor, SupervisorError
from isthmus_lab.terminal import DEFAULT_DATA, NOT_IN_ORDER, UNREACHABLE, WRONG_INPUT, DataFolder, console, fail

_NAMES = tuple(each.name for each in BOTH)


def conditions(
    version: Version = None,
    faults: Faults = None,
    round_trip: RoundTrip = None,
    call_time: CallTime = None,
    item_time: ItemTime = None,
    batch_seconds: BatchSeconds = None,
    sync_state_changes: SyncStateChanges = None,
    throttling: Policy = None,
    logon: Logon = None,
    reset: Annotated[
        bool,
        typer.Option("--reset", help="Take faults, times, limits and throttling away first."),
    ] = False,
    organisation: Annotated[
        str | None, typer.Option("--organisation", help="alpha or beta; both by default.", show_default=False)
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="JSON for programs instead of a table.")] = False,
    data: DataFolder = DEFAULT_DATA,
) -> None:
    """Show under which conditions the servers of the running lab answer, and change those that you name.

    For a lab of [bold]isthmus up --lab[/] and of [bold]isthmus lab up[/]. Faults, times, limits and throttling change
    at once; for another version or logon the servers are started again. What is set holds for a server that is started
    again, until you change it, or stop the lab and start it anew. Rules of a fault plan count from nothing again.

    \b
    isthmus lab conditions
      what holds, and how often each fault has struck
    isthmus lab conditions --faults plan.yaml --round-trip 20
      far away and on a bad day; 'isthmus lab up --help' has a plan, docs/lab-exchange.md has all of it
    isthmus lab conditions --organisation beta --throttling default
      the target alone, with Exchange's own limits
    isthmus lab conditions --reset
      and the day gets better
    """
    if organisation not in (None, *_NAMES):
        raise fail(f"there is no organisation {organisation}; the lab has {' and '.join(_NAMES)}", WRONG_INPUT)
    supervisor = _supervisor(data)
    lab = Lab(data / "lab")
    try:
        before = {name: now(lab, name).serving for name in _NAMES}
        after = dict(before)
        for name in [organisation] if organisation else _NAMES:
            begin = before[name]
            after[name] = changed(
                Serving(begin.version, Conditions(), begin.authentication) if reset else begin,
                version=version,
                faults=faults,
                round_trip=round_trip,
                call_time=call_time,
                item_time=item_time,
                batch_seconds=batch_seconds,
                sync_state_changes=sync_state_changes,
                throttling=throttling,
                logon=logon,
            )
        if after != before:
            change(lab, supervisor, lab.prepare(serving=after), before, after)
        _show({name: now(lab, name) for name in _NAMES}, as_json=as_json)
    except (LabError, SupervisorError) as error:
        raise fail(str(error), NOT_IN_ORDER) from None
    except ControlError as error:
        raise fail(str(error), UNREACHABLE) from None


def _supervisor(data: Path) -> Supervisor:
    """What runs the lab of this folder: that of a whole system, or the lab's own."""
    for folder in (data.absolute(), data.absolute() / "lab"):
        supervisor = Supervisor(folder)
        try:
            if any(each.name.startswith("exchange-") for each in supervisor.status()):
                return supervisor
        except SupervisorError:
            continue
    raise fail(
        f"no lab runs in {data}: 'isthmus lab up' or 'isthmus up --lab' starts one, --data names the folder of another",
        UNREACHABLE,
    )


def _show(found: Mapping[str, Now], *, as_json: bool) -> None:
    if as_json:
        json.dump({name: _json(each) for name, each in found.items()}, sys.stdout)
        sys.stdout.write("\n")
        return
    table = Table(box=None, header_style="bold", pad_edge=False)
    for column in ("", *found):
        table.add_column(column, overflow="fold")
    rows = {name: _words(each.serving) for name, each in found.items()}
    for what in next(iter(rows.values())):
        table.add_row(what, *(rows[name][what] for name in found))
    console.print(table)
    if any(each.serving.conditions.faults.rules for each in found.values()):
        console.print()
        console.print(_faults(found))


def _json(each: Now) -> dict[str, Any]:
    return {
        "version": each.serving.version,
        "authentication": each.serving.authentication,
        "conditions": each.serving.conditions.model_dump(mode="json"),
        "injected": each.injected,
    }


def _words(serving: Serving) -> dict[str, str]:
    """For people, by what it is about."""
    held = serving.conditions
    expires = held.limits.sync_state_changes
    rules = len(held.faults.rules)
    return {
        "version": serving.version,
        "logon": ", ".join(serving.authentication),
        "round trip": f"{held.delay.round_trip_ms:g} ms",
        "a request takes": _times(held.delay.call_ms),
        "an item takes": _times(held.delay.item_ms),
        "throttling": _throttling(held.throttling),
        "a batch ends after": f"{held.limits.batch_seconds:g} s",
        "a sync state expires after": "never" if expires is None else f"{expires} changes",
        "faults": f"{rules} {'rule' if rules == 1 else 'rules'}, seed {held.faults.seed}" if rules else "none",
    }


def _times(milliseconds: Mapping[str, float]) -> str:
    others = [f"{name} {time:g} ms" for name, time in milliseconds.items() if name != "*"]
    return ", ".join([f"{milliseconds.get('*', 0):g} ms", *others])


def _throttling(policy: Throttling) -> str:
    held = policy.model_dump(mode="json", exclude_defaults=True)
    return ", ".join(f"{name} {value}" for name, value in held.items()) or "none"


def _faults(found: Mapping[str, Now]) -> RenderableType:
    table = Table(box=None, header_style="bold", pad_edge=False)
    for column in ("of", "fault", "what", "operations", "mailboxes", "struck"):
        table.add_column(column, overflow="fold", justify="right" if column == "struck" else "left")
    for name, each in found.items():
        for rule in each.serving.conditions.faults.rules:
            operations, mailboxes = ", ".join(rule.operations), ", ".join(rule.mailboxes)
            struck = str(each.injected.get(rule.name, 0))
            table.add_row(name, Text(rule.name), Text(_what(rule)), Text(operations), Text(mailboxes), struck)
    return table


def _what(rule: Rule) -> str:
    said = rule.model_dump(mode="json", exclude_defaults=True, exclude={"name", "fault", "operations", "mailboxes"})
    return " ".join([rule.fault, *(f"{key}={value}" for key, value in said.items())])
