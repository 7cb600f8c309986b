"""Throttling budgets: how much of the server somebody may use at once, and for how long.

A budget is a token bucket of server time. Somebody in debt is served more slowly, at the rate at which the bucket
fills; below the cutoff they are refused for a while.
"""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final

from ..ews.errors import EwsError
from .busy import busy
from .model import Throttling

_HOUR = 3_600_000.0
_TARGET_CHARGED: Final = (14, 2, 318, 4)
"""The build of Exchange 2010 SP2 RU4."""


def charged(logged_on: Hashable, caller: Hashable, build: tuple[int, int, int, int]) -> Hashable:
    """Whose budget it is: one's own, or what a service account may use of each mailbox it acts for.

    Before Exchange 2010 SP2 RU4 all of that was the service account's own.
    """
    return logged_on if logged_on == caller or build < _TARGET_CHARGED else (logged_on, caller)


@dataclass
class _Budget:
    balance: float = 0.0
    """Milliseconds below a full bucket's, so 0 is full and the debt begins below ``-max_burst_ms``."""
    at: float = 0.0
    locked_until: float = 0.0
    active: Counter[str] = field(default_factory=Counter)


class Budgets:
    """The budgets under one policy, by whom is charged. For one thread."""

    def __init__(self, policy: Throttling, clock: Callable[[], float] = time.monotonic) -> None:
        self._policy = policy
        self._clock = clock
        self._budgets: defaultdict[Hashable, _Budget] = defaultdict(_Budget)

    def refused(self, who: Hashable) -> Exception | None:
        """ErrorServerBusy in the policy's shape, when the budget is exhausted."""
        if self._policy.max_burst_ms is None:
            return None
        budget, now = self._budgets[who], self._clock()
        self._recharge(budget)
        if budget.locked_until <= now and budget.balance < -self._policy.max_burst_ms - self._policy.cutoff_ms:
            budget.locked_until = now + self._policy.lockout_ms / 1000
        left = budget.locked_until - now
        return busy(self._policy.shape, round(left * 1000)) if left > 0 else None

    @contextmanager
    def charge(self, who: Hashable, kind: str) -> Iterator[None]:
        """Charges the time spent inside; ``kind`` is the request element. Raises EwsError ErrorExceededConnectionCount.

        A hanging GetStreamingEvents counts by itself and costs nothing.
        """
        budget, hanging = self._budgets[who], kind == "GetStreamingEvents"
        parts = (
            {"hanging": self._policy.hanging_connections}
            if hanging
            else {"all": self._policy.max_concurrency}
            | ({"sync": self._policy.sync_calls} if kind.startswith("Sync") else {})
        )
        if any(limit is not None and budget.active[part] >= limit for part, limit in parts.items()):
            raise EwsError(
                "ErrorExceededConnectionCount",
                "You have exceeded the available concurrent connections for your account. Try again once your other "
                "requests have completed.",
            )
        budget.active.update(parts.keys())
        began = self._clock()
        try:
            yield
        finally:
            budget.active.subtract(parts.keys())
            if self._policy.max_burst_ms is not None and not hanging:
                self._recharge(budget)
                budget.balance -= (self._clock() - began) * 1000

    def slower(self, who: Hashable, spent_ms: float) -> float:
        """How many milliseconds a request that took so long is held back, because its budget is in debt."""
        policy, budget = self._policy, self._budgets[who]
        if policy.max_burst_ms is None or budget.balance >= -policy.max_burst_ms:
            return 0.0
        return max(0.0, spent_ms * (_HOUR / policy.recharge_ms - 1))

    def _recharge(self, budget: _Budget) -> None:
        now = self._clock()
        if budget.at:
            budget.balance = min(0.0, budget.balance + (now - budget.at) * 1000 * self._policy.recharge_ms / _HOUR)
        budget.at = now
