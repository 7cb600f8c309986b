"""How often something is done that holds up what changed."""

from __future__ import annotations

_SHARE = 20


def pause(seconds: float, took: float) -> float:
    """Seconds until it is done again: so many, but no less than twenty times as long as it took last."""
    return max(seconds, _SHARE * took)
