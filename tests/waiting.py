"""Waiting for what happens soon, without guessing how soon."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable


async def eventually(probe: Callable[[], Awaitable[bool]], seconds: float = 60.0) -> None:
    """Return once `probe` says yes; fails after a time that only a broken system needs."""
    deadline = time.monotonic() + seconds
    while not await probe():
        assert time.monotonic() < deadline, f"{probe.__name__} is not so after {seconds:.0f} s"
        await asyncio.sleep(0.05)


def until(probe: Callable[[], bool], seconds: float = 60.0) -> None:
    """The same for a test that is not a coroutine."""
    deadline = time.monotonic() + seconds
    while not probe():
        assert time.monotonic() < deadline, f"{probe} is not so after {seconds:.0f} s"
        time.sleep(0.05)
