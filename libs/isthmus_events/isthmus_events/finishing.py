"""Ending work without breaking it off."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


async def finish(work: Coroutine[Any, Any, T], seconds: float) -> T:
    """Await `work`; when cancelled, let it go on for `seconds` before it is cancelled too."""
    task = asyncio.ensure_future(work)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        if not task.done():
            await asyncio.wait({task}, timeout=seconds)
            task.cancel()
            await asyncio.wait({task})
        if not task.cancelled():
            task.exception()  # it was told why; nobody is left to hear it
        raise
