"""``isthmus lab up`` and ``isthmus lab down``: the two organisations without Isthmus, to rehearse or to test with."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Annotated

import typer
from rich.markup import escape

from isthmus_lab.changing import change, wait
from isthmus_lab.exchange.conditions.client import ControlError
from isthmus_lab.exchange.program import Serving
from isthmus_lab.lab import Lab, LabError, LabOptions
from isthmus_lab.organisation import BOTH
from isthmus_lab.program import Program
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
from isthmus_lab.terminal import DEFAULT_DATA, NOT_IN_ORDER, UNREACHABLE, DataFolder, console, fail

_ONCE = {
    "people": ("--people", "people"),
    "items": ("--items", "items"),
    "seed": ("--seed", "seed"),
    "at_work": ("--at-work", "actions_per_minute"),
}
"""Parameters that count when a lab is made, and their names in its record."""


def up(
    context: typer.Context,
    people: Annotated[int, typer.Option(min=1, help="In alpha; beta has a third of that.")] = 25,
    items: Annotated[int, typer.Option(min=0, help="In alpha's mailboxes together.")] = 5000,
    seed: Annotated[int, typer.Option(help="The same seed makes the same people and the same mail.")] = 1,
    at_work: Annotated[
        float, typer.Option("--at-work", min=0, help="What people at work do in a minute, all together; 0: nothing.")
    ] = 0.0,
    version: Version = None,
    faults: Faults = None,
    round_trip: RoundTrip = None,
    call_time: CallTime = None,
    item_time: ItemTime = None,
    batch_seconds: BatchSeconds = None,
    sync_state_changes: SyncStateChanges = None,
    throttling: Policy = None,
    logon: Logon = None,
    data: DataFolder = DEFAULT_DATA,
) -> None:
    """Start two Exchange organisations in the background, with people and mail, and say where they answer.

    The first start in a folder makes the people and their mail; --people, --items, --seed and --at-work count only
    then. A server that dies is started again.

    Called again while the lab runs, it changes what you name and leaves the rest as it is: faults, times, limits and
    throttling in the running servers; for another version or logon the servers are started again.

    \b
    isthmus lab up
      as fast as the machine
    isthmus lab up --round-trip 20 --throttling default
      as in another data centre, with Exchange's own limits
    isthmus lab up --version 2010 --faults plan.yaml
      an old Exchange on a bad day
    isthmus lab up --faults none
      and the day gets better
    isthmus lab up --batch-seconds 1 --sync-state-changes 1000
      batches that end half-way, clients that have to begin anew

    A fault plan, for example (docs/lab-exchange.md has all of it):

    \b
    seed: 1
    rules:
      - {fault: reset, when: after, operations: [UploadItems]}
      - {fault: item-error, operations: [GetItem], probability: 0.01}
      - {fault: busy, back_off_ms: 5000, skip: 100, times: 3}
    """
    folder = data.absolute() / "lab"
    supervisor = Supervisor(folder)
    lab = Lab(folder, LabOptions(people, items, seed, at_work))
    running = supervisor.alive()
    before = {each.name: lab.serving(each.name) if running else Serving() for each in BOTH}
    serving = {
        name: changed(
            each,
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
        for name, each in before.items()
    }
    try:
        # What is written down is how a server serves that is started again.
        programs = lab.prepare(lambda line: console.print(f"  [green]✓[/] {escape(line)}"), serving)
        if running:
            _change(lab, supervisor, programs, before, serving)
        else:
            _start(supervisor, programs)
    except (LabError, SupervisorError) as error:
        raise fail(str(error), NOT_IN_ORDER) from None
    except ControlError as error:
        raise fail(str(error), UNREACHABLE) from None
    _show(lab, serving)
    _say_what_is_kept(context, lab)


def down(data: DataFolder = DEFAULT_DATA) -> None:
    """Stop the lab that 'isthmus lab up' started; its people and their mail stay."""
    supervisor = Supervisor(data.absolute() / "lab")
    if not supervisor.alive():
        console.print("No lab is running here.")
        return
    try:
        supervisor.stop()
    except SupervisorError as error:
        raise fail(str(error), NOT_IN_ORDER) from None
    console.print("The lab is down.")


def _say_what_is_kept(context: typer.Context, lab: Lab) -> None:
    for parameter, (option, key) in _ONCE.items():
        said, made = context.get_parameter_source(parameter), lab.info()["options"][key]
        if said is not None and said.name == "COMMANDLINE" and made != getattr(lab.options, key):
            kept = f"{option} is {made} since this lab was made; another folder (--data) can have another lab"
            console.print(f"[yellow]![/] {kept}")


def _start(supervisor: Supervisor, programs: Sequence[Program]) -> None:
    for program in programs:
        if program.ready() is None:
            raise LabError(
                f"{program.name} answers already, though no lab is up in {supervisor.folder}: 'isthmus down' ends a "
                "system that has it, 'isthmus lab down --data FOLDER' another lab"
            )
    supervisor.configure(programs)
    supervisor.start()
    try:
        wait(supervisor, programs)
    except LabError:
        supervisor.stop()
        raise
    console.print("  [green]✓[/] Both organisations serve")


def _change(
    lab: Lab,
    supervisor: Supervisor,
    programs: Sequence[Program],
    before: Mapping[str, Serving],
    serving: Mapping[str, Serving],
) -> None:
    restarted = change(lab, supervisor, programs, before, serving)
    if serving == before:
        console.print("The lab runs already, and nothing of it is changed.")
    elif not restarted:
        console.print("The lab runs already; its faults, times, limits and throttling are changed.")
    else:
        as_now = serving[restarted[0]]
        console.print(
            f"The lab runs already; its servers were started again as {as_now.version}, "
            f"logon {', '.join(as_now.authentication)}: connections and subscriptions ended."
        )


def _show(lab: Lab, serving: Mapping[str, Serving]) -> None:
    for name, each in lab.info()["organisations"].items():
        person = each["people"][0]
        console.print(f"\n[bold]{name}[/]   EWS {each['ews']}   SMTP {each['smtp']}")
        console.print(f"  certificates are signed by {each['ca_file']}", soft_wrap=True)
        console.print(f"  somebody: {person['address']}, logs on as {person['user']} with {person['password']}")
        console.print(f"  may impersonate everybody: {each['account']['user']} with {each['account']['password']}")
    console.print()
    ways = {name: _words(each) for name, each in serving.items()}
    if len(set(ways.values())) == 1:
        ways = {"Each": next(iter(ways.values()))}
    for name, words in ways.items():
        console.print(f"{name} {words}", soft_wrap=True, markup=False)
    console.print("'isthmus lab info' lists everybody, 'isthmus lab down' stops it.")


def _words(serving: Serving) -> str:
    conditions = serving.conditions.model_dump(mode="json", exclude_defaults=True)
    under = f"under {json.dumps(conditions)}" if conditions else "without faults, delays and throttling"
    return f"serves as {serving.version}, logon {', '.join(serving.authentication)}, {under}."
