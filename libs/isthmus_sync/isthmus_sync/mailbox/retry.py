"""When to try again what failed."""

from __future__ import annotations

from dataclasses import replace

from isthmus_sync.mailbox.model import Staged

_FIRST = 30.0
_LONGEST = 6 * 3600.0
_FIRST_REST, _LONGEST_REST = 2.0, 300.0
_DOUBLINGS = 16
"""More of them make no difference; after a thousand the number is larger than a float may be."""
QUIET_ATTEMPTS = 2
"""Failures that pass by themselves are told to others only when they came this often."""


def pause(attempts: int) -> float:
    """Seconds until the next attempt after so many failed ones: 30 s, twice as long each time, up to 6 hours."""
    return min(_FIRST * 2.0 ** min(attempts - 1, _DOUBLINGS), _LONGEST) if attempts else 0.0


def rest(failures: int) -> float:
    """Seconds until the next pass after one that failed, as so many before it: 2 s, twice as long each time, up to 5
    minutes.
    """
    return min(_FIRST_REST * 2.0 ** min(failures, _DOUBLINGS), _LONGEST_REST)


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
