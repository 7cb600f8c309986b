"""Whose work the machine's processors do while something is measured, and how much of their time nobody needs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

import psutil

from tests.plugins.exchange import Exchange, Exchanges

WHO = ("target's server", "source's server", "client", "PostgreSQL")


@dataclass
class Spent:
    """Seconds of processor time, user and system, by who spent them (WHO); `idle` of `all` of the machine's."""

    seconds: Counter[str] = field(default_factory=Counter)
    idle: float = 0.0
    all: float = 0.0

    @property
    def others(self) -> float:
        """What whoever is not named spent: other work, the forests, a hypervisor that runs other machines."""
        return self.all - self.idle - sum(self.seconds.values())

    def add(self, begin: Spent, end: Spent) -> None:
        """What was spent from one moment to another."""
        self.seconds.update({who: end.seconds[who] - begin.seconds[who] for who in WHO})
        self.idle += end.idle - begin.idle
        self.all += end.all - begin.all


def meter(exchanges: Exchanges) -> Callable[[], Spent]:
    """Tells what was spent until now by two servers, by this process, which asks them, and by PostgreSQL below it."""
    here = psutil.Process()
    target, source = _server(exchanges.beta), _server(exchanges.alpha)
    postgres = [each for each in here.children(recursive=True) if each.name() == "postgres"]
    postmaster = next(each for each in postgres if each.ppid() not in {other.pid for other in postgres})

    def spent() -> Spent:
        # Of backends that ended, the postmaster has the time.
        backends = [each.cpu_times() for each in (postmaster, *postmaster.children())]
        times = postmaster.cpu_times()
        ended = times.children_user + times.children_system
        seconds = {
            "target's server": _own(target),
            "source's server": _own(source),
            "client": _own(here),
            "PostgreSQL": ended + sum(each.user + each.system for each in backends),
        }
        machine = psutil.cpu_times()
        # What Linux counts twice, for those who run guests, is not there twice.
        everything = sum(machine) - machine.guest - machine.guest_nice
        return Spent(Counter(seconds), machine.idle + machine.iowait, everything)

    return spent


def _own(process: psutil.Process) -> float:
    times = process.cpu_times()
    return times.user + times.system


def _server(exchange: Exchange) -> psutil.Process:
    config = str(exchange.program.command[-1])
    return next(each for each in psutil.Process().children() if config in each.cmdline())
