"""``isthmus lab up`` and ``isthmus lab down``: the two organisations without Isthmus, to rehearse or to test with."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic import TypeAdapter, ValidationError
from rich.markup import escape
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from isthmus_lab.exchange.conditions.client import ControlError, replace
from isthmus_lab.exchange.conditions.model import POLICIES, Delay, FaultPlan, Limits, Throttling
from isthmus_lab.exchange.settings import ServerVersion
from isthmus_lab.lab import Lab, LabError, LabOptions, Serving
from isthmus_lab.program import Program, wait_ready
from isthmus_lab.supervise import Supervisor, SupervisorError
from isthmus_lab.terminal import DEFAULT_DATA, NOT_IN_ORDER, UNREACHABLE, WRONG_INPUT, DataFolder, console, fail

_VERSIONS = {
    "2010RTM": "Exchange2010",
    "2010": "Exchange2010_SP2",
    "2013": "Exchange2013",
    "2016": "Exchange2016",
    "2019": "Exchange2019",
    "SE": "ExchangeSE",
}
_SERVING = TypeAdapter(Serving)
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
    version: Annotated[
        str | None, typer.Option(help="2010RTM, 2010 (SP2), 2013, 2016, 2019 or SE.", show_default="2016")
    ] = None,
    faults: Annotated[
        Path | None,
        typer.Option(
            help="none, or a fault plan, YAML or JSON: what goes wrong, for whom, how often.", show_default="none"
        ),
    ] = None,
    round_trip: Annotated[
        float | None, typer.Option("--round-trip", min=0, help="Milliseconds there and back.", show_default="0")
    ] = None,
    call_time: Annotated[
        float | None, typer.Option("--call-time", min=0, help="Milliseconds for each request.", show_default="0")
    ] = None,
    item_time: Annotated[
        float | None, typer.Option("--item-time", min=0, help="Milliseconds for each item of it.", show_default="0")
    ] = None,
    batch_seconds: Annotated[
        float | None,
        typer.Option(
            "--batch-seconds",
            min=0.001,
            help="How long the server works on a batch; items that are left then are refused.",
            show_default="60",
        ),
    ] = None,
    sync_state_changes: Annotated[
        str | None,
        typer.Option(
            "--sync-state-changes",
            metavar="NUMBER",
            help="After how many changes of the mailbox a sync state has expired, or none.",
            show_default="none",
        ),
    ] = None,
    throttling: Annotated[
        str | None,
        typer.Option(
            help="none, default (as installed with that version), or a file: YAML or JSON.", show_default="none"
        ),
    ] = None,
    logon: Annotated[
        str | None,
        typer.Option(
            help="The ways in, in the order in which they are offered: Basic, NTLM or both.", show_default="Basic"
        ),
    ] = None,
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
    before = _SERVING.validate_json(_serving_file(folder).read_bytes()) if supervisor.alive() else None
    now = before or Serving()
    name = now.version if version is None else _version(version)
    delay = {"round_trip_ms": round_trip, "call_ms": _for_all(call_time), "item_ms": _for_all(item_time)}
    given = {
        "faults": None if faults is None else _faults(faults),
        "delay": Delay.model_validate(now.conditions.delay.model_dump() | _named(delay)),
        "throttling": None if throttling is None else _policy(throttling, name),
        "limits": _limits(now.conditions.limits, batch_seconds, sync_state_changes),
    }
    conditions = now.conditions.model_copy(update=_named(given))
    serving = Serving(name, conditions, now.authentication if logon is None else _ways(logon))
    lab = Lab(folder, LabOptions(people, items, seed, at_work))
    try:
        # What is written down is how a server serves that is started again.
        programs = lab.prepare(lambda line: console.print(f"  [green]✓[/] {escape(line)}"), serving)
        _serving_file(folder).write_bytes(_SERVING.dump_json(serving, indent=2))
        if before is None:
            _start(supervisor, programs)
        else:
            _change(lab, supervisor, programs, before, serving)
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


def _serving_file(folder: Path) -> Path:
    """How the servers of this folder serve, or did last."""
    return folder / "serving.json"


def _named(options: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in options.items() if value is not None}


def _limits(now: Limits, batch_seconds: float | None, sync_state_changes: str | None) -> Limits:
    given: dict[str, object] = _named({"batch_seconds": batch_seconds})
    if sync_state_changes is not None:
        if sync_state_changes != "none" and not sync_state_changes.isdecimal():
            raise fail(f"--sync-state-changes takes a number of changes or none, not {sync_state_changes}", WRONG_INPUT)
        given["sync_state_changes"] = None if sync_state_changes == "none" else int(sync_state_changes)
    return now.model_copy(update=given)


def _for_all(milliseconds: float | None) -> dict[str, float] | None:
    return None if milliseconds is None else {"*": milliseconds}


def _version(written: str) -> Any:
    if written not in _VERSIONS:
        raise fail(f"there is no version {written}; there are {', '.join(_VERSIONS)}", WRONG_INPUT)
    return _VERSIONS[written]


def _ways(written: str) -> Any:
    ways = tuple(each.strip() for each in written.split(","))
    if not set(ways) <= {"Basic", "NTLM"}:
        raise fail(f"{written} is no list of Basic and NTLM", WRONG_INPUT)
    return ways


def _faults(written: Path) -> FaultPlan:
    plan: FaultPlan = FaultPlan() if str(written) == "none" else _read(FaultPlan, written)
    return plan


def _read(model: Any, path: Path) -> Any:
    try:
        return model.model_validate(YAML(typ="safe").load(path))
    except OSError as error:
        raise fail(f"{path}: {error.strerror}", WRONG_INPUT) from None
    except YAMLError as error:
        raise fail(f"{path}: {error}", WRONG_INPUT) from None
    except ValidationError as error:
        wrong = "; ".join(f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in error.errors())
        raise fail(f"{path}: {wrong}", WRONG_INPUT) from None


def _policy(written: str, version: ServerVersion) -> Throttling:
    if written == "none":
        return Throttling()
    if written == "default":
        return POLICIES[version]
    policy: Throttling = _read(Throttling, Path(written))
    return policy


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
        _wait(supervisor, programs)
    except LabError:
        supervisor.stop()
        raise
    console.print("  [green]✓[/] Both organisations serve")


def _change(lab: Lab, supervisor: Supervisor, programs: Sequence[Program], before: Serving, serving: Serving) -> None:
    if serving == before:
        console.print("The lab runs already, and nothing of it is changed.")
    elif _outside(serving) == _outside(before) and "Basic" in serving.authentication:
        for described in lab.info()["organisations"].values():
            account = described["account"]
            authority = Path(described["ca_file"])
            replace(described["ews"], authority, account["user"], account["password"], serving.conditions)
        console.print("The lab runs already; its faults, times, limits and throttling are changed.")
    else:  # the page that changes a running server asks for Basic
        for program in programs:
            if program.name.startswith("exchange-"):
                supervisor.restart(program.name)
        console.print(
            f"The lab runs already; its servers were started again as {serving.version}, "
            f"logon {', '.join(serving.authentication)}: connections and subscriptions ended."
        )
    _wait(supervisor, programs)


def _outside(serving: Serving) -> tuple[object, ...]:
    """What a running server cannot change."""
    return serving.version, serving.authentication


def _wait(supervisor: Supervisor, programs: Sequence[Program]) -> None:
    for program in programs:
        try:
            wait_ready(program, 120, lambda name=program.name: _lives(supervisor, name))  # type: ignore[misc]
        except (RuntimeError, TimeoutError) as error:
            log = supervisor.log_of(program.name)
            raise LabError(f"{error}\n{log} ends:\n{log.read_text(errors='replace')[-2000:]}") from None


def _lives(supervisor: Supervisor, name: str) -> bool:
    states = {status.name: status.state for status in supervisor.status()}
    return states[name] not in ("BACKOFF", "EXITED", "FATAL")


def _show(lab: Lab, serving: Serving) -> None:
    for name, each in lab.info()["organisations"].items():
        person = each["people"][0]
        console.print(f"\n[bold]{name}[/]   EWS {each['ews']}   SMTP {each['smtp']}")
        console.print(f"  certificates are signed by {each['ca_file']}", soft_wrap=True)
        console.print(f"  somebody: {person['address']}, logs on as {person['user']} with {person['password']}")
        console.print(f"  may impersonate everybody: {each['account']['user']} with {each['account']['password']}")
    conditions = serving.conditions.model_dump(mode="json", exclude_defaults=True)
    under = f"under {json.dumps(conditions)}" if conditions else "without faults, delays and throttling"
    ways = ", ".join(serving.authentication)
    console.print(f"\nThey serve as {serving.version}, logon {ways}, {under}.", soft_wrap=True, markup=False)
    console.print("'isthmus lab info' lists everybody, 'isthmus lab down' stops it.")
