"""Single questions that come at the same time are asked together."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

Q = TypeVar("Q")
A = TypeVar("A")

_AT_ONCE = 2
"""One is answered while the other is being worked on."""
_MOST = 500


class Together(Generic[Q, A]):
    """Makes one call of `ask_all` (answers in the order of the questions) out of many of `ask`. What is asked while
    calls are under way waits and is one call then: the more questions, the fewer calls for each. Every answer is of a
    call that began after its question; a call that fails fails for all that were asked with it.
    """

    def __init__(self, ask_all: Callable[[Sequence[Q]], Awaitable[Sequence[A]]]) -> None:
        self._ask_all = ask_all
        self._waiting: list[tuple[Q, asyncio.Future[A]]] = []
        self._askers: set[asyncio.Task[None]] = set()

    async def ask(self, question: Q) -> A:
        """The answer to one question. Raises what `ask_all` does."""
        answer: asyncio.Future[A] = asyncio.get_running_loop().create_future()
        self._waiting.append((question, answer))
        if len(self._askers) < _AT_ONCE:
            asker = asyncio.create_task(self._work())
            self._askers.add(asker)
            asker.add_done_callback(self._askers.discard)
        return await answer

    async def _work(self) -> None:
        while self._waiting:
            asked, self._waiting = self._waiting[:_MOST], self._waiting[_MOST:]
            try:
                answers = await self._ask_all([question for question, _ in asked])
            except BaseException as error:
                for _, answer in asked:
                    if not answer.done():
                        answer.set_exception(error) if isinstance(error, Exception) else answer.cancel()
                if not isinstance(error, Exception):
                    raise
            else:
                for (_, answer), each in zip(asked, answers, strict=True):
                    if not answer.done():  # whoever asked may have gone
                        answer.set_result(each)
