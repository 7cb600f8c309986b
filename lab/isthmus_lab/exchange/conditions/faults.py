"""Which rules of a fault plan strike: decided by the plan's seed, counted and logged."""

from __future__ import annotations

import hashlib
import threading
from collections import Counter
from collections.abc import Iterator
from fnmatch import fnmatchcase

import structlog

from .model import FaultPlan, Rule

_log = structlog.get_logger()


class Faults:
    """A plan at work. May be asked from any thread."""

    def __init__(self, plan: FaultPlan) -> None:
        self.plan = plan
        self._lock = threading.Lock()
        self._fitted: Counter[str] = Counter()
        self._struck: Counter[str] = Counter()

    @property
    def injected(self) -> dict[str, int]:
        """How often each rule has struck."""
        with self._lock:
            return {rule.name: self._struck[rule.name] for rule in self.plan.rules}

    def of_kind(self, *kinds: str, when: str | None = None) -> Iterator[Rule]:
        """The rules of these faults, in the plan's order."""
        return (rule for rule in self.plan.rules if rule.fault in kinds and when in (None, rule.when))

    def strikes(self, rule: Rule, operation: str, mailbox: str, thing: str | None = None) -> bool:
        """Whether the rule strikes here and now.

        ``thing`` names an item: then the same items are chosen each time. Otherwise the plan's seed decides about the
        first that fits, the second and so on.
        """
        if not fits(rule.operations, operation) or not fits(rule.mailboxes, mailbox.lower()):
            return False
        with self._lock:
            self._fitted[rule.name] += 1
            number = self._fitted[rule.name]
            if number <= rule.skip or (rule.times is not None and self._struck[rule.name] >= rule.times):
                return False
            if _chance(f"{self.plan.seed}/{rule.name}/{number if thing is None else thing}") >= rule.probability:
                return False
            self._struck[rule.name] += 1
        _log.info("fault", rule=rule.name, fault=rule.fault, operation=operation, mailbox=mailbox, number=number)
        return True


def fits(patterns: tuple[str, ...], value: str) -> bool:
    """Whether one of the patterns fits."""
    return any(pattern == "*" or fnmatchcase(value, pattern) for pattern in patterns)


def _chance(what: str) -> float:
    return int.from_bytes(hashlib.blake2b(what.encode(), digest_size=8).digest()) / 2**64
