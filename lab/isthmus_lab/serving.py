"""How the Exchange servers of a lab are to serve: the options that say it, for every command that has them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic import ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from isthmus_lab.exchange.conditions.model import POLICIES, Delay, FaultPlan, Limits, Throttling
from isthmus_lab.exchange.program import Serving
from isthmus_lab.exchange.settings import ServerVersion
from isthmus_lab.terminal import WRONG_INPUT, fail

_VERSIONS = {
    "2010RTM": "Exchange2010",
    "2010": "Exchange2010_SP2",
    "2013": "Exchange2013",
    "2016": "Exchange2016",
    "2019": "Exchange2019",
    "SE": "ExchangeSE",
}

Version = Annotated[
    str | None, typer.Option(help="2010RTM, 2010 (SP2), 2013, 2016, 2019 or SE.", show_default="2016 at first")
]
Faults = Annotated[
    Path | None,
    typer.Option(
        help="none, or a fault plan, YAML or JSON: what goes wrong, for whom, how often.", show_default="none at first"
    ),
]
RoundTrip = Annotated[
    float | None, typer.Option("--round-trip", min=0, help="Milliseconds there and back.", show_default="0 at first")
]
CallTime = Annotated[
    float | None, typer.Option("--call-time", min=0, help="Milliseconds for each request.", show_default="0 at first")
]
ItemTime = Annotated[
    float | None,
    typer.Option("--item-time", min=0, help="Milliseconds for each item of it.", show_default="0 at first"),
]
BatchSeconds = Annotated[
    float | None,
    typer.Option(
        "--batch-seconds",
        min=0.001,
        help="How long the server works on a batch; items that are left then are refused.",
        show_default="60 at first",
    ),
]
SyncStateChanges = Annotated[
    str | None,
    typer.Option(
        "--sync-state-changes",
        metavar="NUMBER",
        help="After how many changes of the mailbox a sync state has expired, or none.",
        show_default="none at first",
    ),
]
Policy = Annotated[
    str | None,
    typer.Option(
        help="none, default (as installed with that version), or a file: YAML or JSON.", show_default="none at first"
    ),
]
Logon = Annotated[
    str | None,
    typer.Option(
        help="The ways in, in the order in which they are offered: Basic, NTLM or both.", show_default="Basic at first"
    ),
]


def changed(
    now: Serving,
    *,
    version: str | None,
    faults: Path | None,
    round_trip: float | None,
    call_time: float | None,
    item_time: float | None,
    batch_seconds: float | None,
    sync_state_changes: str | None,
    throttling: str | None,
    logon: str | None,
) -> Serving:
    """`now` with what is said of it; None is left as it is. Ends the program when something cannot be meant."""
    name = now.version if version is None else _version(version)
    delay = {"round_trip_ms": round_trip, "call_ms": _for_all(call_time), "item_ms": _for_all(item_time)}
    given = {
        "faults": None if faults is None else _faults(faults),
        "delay": Delay.model_validate(now.conditions.delay.model_dump() | _named(delay)),
        "throttling": None if throttling is None else _policy(throttling, name),
        "limits": _limits(now.conditions.limits, batch_seconds, sync_state_changes),
    }
    conditions = now.conditions.model_copy(update=_named(given))
    return Serving(name, conditions, now.authentication if logon is None else _ways(logon))


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
