"""Requests about many things, of which a server refuses the whole for one of them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from .errors import EwsError, Kind

T = TypeVar("T")
Answer = TypeVar("Answer")


async def singled_out(
    ask: Callable[[Sequence[T]], Awaitable[Sequence[Answer | EwsError]]], about: Sequence[T]
) -> list[Answer | EwsError]:
    """What a server answers for each of these. One of which it refuses the whole request has that refusal for its
    answer; the halves are asked to find it. Not for what may not be done twice.
    """
    try:
        return list(await ask(about))
    except EwsError as error:
        if error.kind not in (Kind.PERMANENT, Kind.GONE):
            raise
        if len(about) == 1:
            return [error]
    middle = len(about) // 2
    return [*await singled_out(ask, about[:middle]), *await singled_out(ask, about[middle:])]
