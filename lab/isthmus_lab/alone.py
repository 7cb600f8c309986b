"""``isthmus lab up`` and ``isthmus lab down``: the two organisations without Isthmus, to rehearse or to test with."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic import ValidationError
from rich.markup import escape
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from isthmus_lab.exchange.conditions.model import POLICIES, Conditions, Delay, FaultPlan, Throttling
from isthmus_lab.exchange.settings import ServerVersion
from isthmus_lab.keeper import keeper_of, read_serving, write_serving
from isthmus_lab.lab import Lab, LabError, LabOptions, Serving
from isthmus_lab.terminal import DEFAULT_DATA, NOT_IN_ORDER, UNREACHABLE, WRONG_INPUT, DataFolder, console, fail

_VERSIONS = {
    "2010": "Exchange2010_SP2",
    "2013": "Exchange2013",
    "2016": "Exchange2016",
    "2019": "Exchange2019",
    "SE": "ExchangeSE",
}


def up(
    people: Annotated[int, typer.Option(min=1, help="In alpha; beta has a third of that.")] = 25,
    items: Annotated[int, typer.Option(min=0, help="In alpha's mailboxes together.")] = 5000,
    seed: Annotated[int, typer.Option(help="The same seed makes the same people and the same mail.")] = 1,
    at_work: Annotated[
        float, typer.Option("--at-work", min=0, help="What people at work do in a minute, all together; 0: nothing.")
    ] = 0.0,
    version: Annotated[str, typer.Option(help="2010 (SP2), 2013, 2016, 2019 or SE.")] = "2016",
    faults: Annotated[
        Path | None, typer.Option(help="A fault plan, YAML or JSON: what goes wrong, for whom, how often.")
    ] = None,
    round_trip: Annotated[float, typer.Option("--round-trip", min=0, help="Milliseconds there and back.")] = 0.0,
    call_time: Annotated[float, typer.Option("--call-time", min=0, help="Milliseconds for each request.")] = 0.0,
    item_time: Annotated[float, typer.Option("--item-time", min=0, help="Milliseconds for each item of it.")] = 0.0,
    throttling: Annotated[
        str, typer.Option(help="none, default (as installed with that version), or a file: YAML or JSON.")
    ] = "none",
    logon: Annotated[
        str, typer.Option(help="The ways in, in the order in which they are offered: Basic, NTLM or both.")
    ] = "Basic",
    data: DataFolder = DEFAULT_DATA,
) -> None:
    """Start two Exchange organisations in the background, with people and mail, and say where they answer.

    The first start in a folder makes the people and their mail; --people, --items, --seed and --at-work count only
    then. The other options hold for this start. Called again while the lab runs, it changes faults, times and
    throttling in the running servers.

    \b
    isthmus lab up
      as fast as the machine
    isthmus lab up --round-trip 20 --throttling default
      as in another data centre, with Exchange's own limits
    isthmus lab up --version 2010 --faults plan.yaml
      an old Exchange on a bad day

    A fault plan, for example (docs/lab-exchange.md has all of it):

    \b
    seed: 1
    rules:
      - {fault: reset, when: after, operations: [UploadItems]}
      - {fault: item-error, operations: [GetItem], probability: 0.01}
      - {fault: busy, back_off_ms: 5000, skip: 100, times: 3}
    """
    if version not in _VERSIONS:
        raise fail(f"there is no version {version}; there are {', '.join(_VERSIONS)}", WRONG_INPUT)
    name: Any = _VERSIONS[version]
    ways: Any = tuple(each.strip() for each in logon.split(","))
    if not set(ways) <= {"Basic", "NTLM"}:
        raise fail(f"{logon} is no list of Basic and NTLM", WRONG_INPUT)
    conditions = Conditions(
        faults=FaultPlan() if faults is None else _read(FaultPlan, faults),
        delay=Delay(round_trip_ms=round_trip, call_ms={"*": call_time}, item_ms={"*": item_time}),
        throttling=_policy(throttling, name),
    )
    folder = data.absolute() / "lab"
    lab = Lab(folder, LabOptions(people, items, seed, at_work))
    if keeper_of(folder) is None:
        _start(lab, Serving(name, conditions, ways))
    elif (serving := read_serving(folder)).version != name or serving.authentication != ways:
        raise fail("the lab runs with another version or logon; 'isthmus lab down' first", WRONG_INPUT)
    else:
        _change(lab, conditions)
    _show(lab)


def down(data: DataFolder = DEFAULT_DATA) -> None:
    """Stop the lab that 'isthmus lab up' started; its people and their mail stay."""
    folder = data.absolute() / "lab"
    keeper = keeper_of(folder)
    if keeper is None:
        console.print("No lab is running here.")
        return
    if keeper:
        os.kill(keeper, signal.SIGTERM)
    _wait_until(lambda: keeper_of(folder) is None, "the lab does not end", 60)
    console.print("The lab is down.")


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


def _start(lab: Lab, serving: Serving) -> None:
    try:
        lab.prepare(lambda line: console.print(f"  [green]✓[/] {escape(line)}"), serving)
    except LabError as error:
        raise fail(str(error), NOT_IN_ORDER) from None
    write_serving(lab.folder, serving)
    log = lab.folder / "log" / "keeper.log"
    log.parent.mkdir(exist_ok=True)
    with log.open("wb") as written:
        keeper = subprocess.Popen(
            [sys.executable, "-m", "isthmus_lab.keeper", str(lab.folder)],
            stdin=subprocess.DEVNULL,
            stdout=written,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

    def serves() -> bool:
        if keeper.poll() is not None:
            raise fail(f"the lab did not start:\n{log.read_text(errors='replace')[-2000:]}", NOT_IN_ORDER)
        return bool(keeper_of(lab.folder))

    _wait_until(serves, f"the lab is not ready; {log} says more", 120)
    console.print("  [green]✓[/] Both organisations serve")


def _change(lab: Lab, conditions: Conditions) -> None:
    from isthmus_lab.exchange.conditions.client import ControlError, replace

    for described in lab.info()["organisations"].values():
        account = described["account"]
        try:
            replace(described["ews"], Path(described["ca_file"]), account["user"], account["password"], conditions)
        except ControlError as error:
            raise fail(str(error), UNREACHABLE) from None
    console.print("The lab runs already; its faults, times and throttling are changed.")


def _show(lab: Lab) -> None:
    for name, each in lab.info()["organisations"].items():
        person = each["people"][0]
        console.print(f"\n[bold]{name}[/]   EWS {each['ews']}   SMTP {each['smtp']}")
        console.print(f"  certificates are signed by {each['ca_file']}", soft_wrap=True)
        console.print(f"  somebody: {person['address']}, logs on as {person['user']} with {person['password']}")
        console.print(f"  may impersonate everybody: {each['account']['user']} with {each['account']['password']}")
    console.print("\n'isthmus lab info' lists everybody, 'isthmus lab down' stops it.")


def _wait_until(so: Any, otherwise: str, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not so():
        if time.monotonic() > deadline:
            raise fail(otherwise, NOT_IN_ORDER)
        time.sleep(0.05)
