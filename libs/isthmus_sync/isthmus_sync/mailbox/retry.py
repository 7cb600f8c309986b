"""When to try again what failed."""

from __future__ import annotations

from dataclasses import replace

from isthmus_sync.mailbox.model import Staged

_FIRST = 30.0
_LONGEST = 6 * 3600.0
QUIET_ATTEMPTS = 2
"""Failures that pass by themselves are told to others only when they came this often."""


def pause(attempts: int) -> float:
    """Seconds until the next attempt after so many failed ones: 30 s, twice as long each time, up to 6 hours."""
    return float(min(_FIRST * 2 ** (attempts - 1), _LONGEST)) if attempts else 0.0


def after_failure(row: Staged, reason: str, *, quiet: bool, now: float) -> tuple[Staged, bool]:
    """The row after one more failed attempt, and whether others are to be told that it is set aside now.

    `quiet` failures pass by themselves: the next pass tries again, and only a third one counts. `reason` stays empty
    until the item is set aside.
    """
    attempts = row.attempts + 1
    aside = not quiet or attempts > QUIET_ATTEMPTS
    after = replace(
        row,
        attempts=attempts,
        not_before=now + pause(attempts) if aside else now,
        reason=reason if aside else "",
        intent=None,
    )
    return after, aside and not row.reason
