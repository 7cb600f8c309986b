"""Looks at how the Exchange servers of a running lab serve, and changes it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from isthmus_lab.exchange.conditions.client import look, put
from isthmus_lab.exchange.program import Serving
from isthmus_lab.lab import Lab, LabError
from isthmus_lab.program import Program, wait_ready
from isthmus_lab.supervise import Supervisor


class Now(NamedTuple):
    """How a server serves now. `injected`: how often each rule of its faults has struck."""

    serving: Serving
    injected: Mapping[str, int]


def now(lab: Lab, organisation: str) -> Now:
    """As the server says it. Raises ControlError."""
    told = lab.serving(organisation)
    if not _has_page(told):
        return Now(told, {})
    conditions, injected = look(*_page(lab, organisation))
    return Now(replace(told, conditions=conditions), injected)


def change(
    lab: Lab,
    supervisor: Supervisor,
    programs: Sequence[Program],
    before: Mapping[str, Serving],
    after: Mapping[str, Serving],
) -> list[str]:
    """Have the servers of a running lab serve as in `after`, by organisation; returns when they do.

    The organisations whose servers had to be started again are returned: connections and subscriptions ended.
    `programs` are those that `Lab.prepare` gives for `after`. Raises ControlError, LabError, SupervisorError.
    """
    restarted = []
    for organisation, serving in after.items():
        if serving == before[organisation]:
            continue
        if _outside(serving) == _outside(before[organisation]) and _has_page(serving):
            put(*_page(lab, organisation), serving.conditions)
        else:
            supervisor.restart(f"exchange-{organisation}")
            restarted.append(organisation)
    wait(supervisor, programs)
    return restarted


def wait(supervisor: Supervisor, programs: Sequence[Program]) -> None:
    """Return when all of them serve. Raises LabError with the end of the log of one that does not."""
    for program in programs:
        try:
            wait_ready(program, 120, lambda name=program.name: _lives(supervisor, name))  # type: ignore[misc]
        except (RuntimeError, TimeoutError) as error:
            log = supervisor.log_of(program.name)
            raise LabError(f"{error}\n{log} ends:\n{log.read_text(errors='replace')[-2000:]}") from None


def _lives(supervisor: Supervisor, name: str) -> bool:
    states = {status.name: status.state for status in supervisor.status()}
    return states[name] not in ("BACKOFF", "EXITED", "FATAL")


def _outside(serving: Serving) -> tuple[object, ...]:
    """What a running server cannot change."""
    return serving.version, serving.authentication


def _has_page(serving: Serving) -> bool:
    """Whether the page that shows and changes a running server lets us in: it asks for Basic."""
    return "Basic" in serving.authentication


def _page(lab: Lab, organisation: str) -> tuple[str, Path, str, str]:
    described = lab.info()["organisations"][organisation]
    account = described["account"]
    return described["ews"], Path(described["ca_file"]), account["user"], account["password"]
