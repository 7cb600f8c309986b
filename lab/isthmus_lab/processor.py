"""The processor: the threads of a server compute one after the other, in the order in which they ask.

Python computes in one thread at a time anyway. Threads that do so at the same moment take that right from each other at
every call into SQLite, OpenSSL or lxml, which give it back while they work; four of them spend more time on handing it
over than on the work. So a thread that answers a request holds the processor while it computes, and puts it down around
everything that waits: the forest, another server, a mailbox that somebody else has. The event loop does the same: it
puts the processor down while it waits for the network.

With the processor in hand a thread waits only for locks whose holders wait for nothing themselves. So it is always
given back, whatever else a thread holds meanwhile, and nothing can stand still because of it.

Work that as a rule waits for nothing can be tried where nobody may wait, in the event loop: `Processor.trying`.
"""

from __future__ import annotations

import asyncio
import selectors
import threading
import time
from collections import deque
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from typing import Any, Final, TypeVar

_TURN: Final = 0.01
"""Seconds of work after which `offer` lets others come first."""
_PASSED: Final = 4
"""How many come before work that goes on, while it waits."""
_T = TypeVar("_T")


class WouldWait(BaseException):
    """What was tried has to wait, or goes on for long: it is begun again where it may. Nobody else's to catch."""


class Processor:
    """One for a process, `PROCESSOR`.

    Who asks gets it in the order of asking, and before work that goes on after a turn: what is small need not wait
    until what is large is done, and what is large does not wait for ever.
    """

    def __init__(self, turn: float = _TURN) -> None:
        self._turn = turn
        self._deciding = threading.Lock()
        self._holder: int | None = None
        self._until = 0.0
        self._trying = False
        self._asking: deque[tuple[int, threading.Lock]] = deque()
        self._going_on: deque[tuple[int, threading.Lock]] = deque()
        self._passed = 0

    @contextmanager
    def computing(self) -> Iterator[None]:
        """Holds the processor, once everybody who asked before has had it. Not for a thread that has it already."""
        self._take()
        try:
            yield
        finally:
            self._give()

    @contextmanager
    def trying(self) -> Iterator[None]:
        """For a thread that computes: what would put the processor down inside raises WouldWait instead, and so does
        an `offer` after a turn. What is tried must change nothing before that.
        """
        self._trying, self._until = True, time.monotonic() + self._turn
        try:
            yield
        finally:
            self._trying = False

    @contextmanager
    def waiting(self, *, first: bool = False) -> Iterator[None]:
        """Around what waits: the processor is somebody else's meanwhile. Nothing for a thread that does not hold it.

        ``first`` gets it back before all others.
        """
        if self._holder != threading.get_ident():
            yield
            return
        if self._trying:
            raise WouldWait
        self._give()
        try:
            yield
        finally:
            self._take(first=first)

    def offer(self, *, first: bool = False) -> None:
        """Between two parts of long work: lets others come first who wait, after a turn of one's own."""
        me = threading.get_ident()
        if self._holder != me or time.monotonic() <= self._until:
            return
        if self._trying:
            raise WouldWait
        if not (self._asking or self._going_on):
            return
        called = _locked()
        with self._deciding:
            if first:  # behind one of the others
                self._hand_over()
                self._asking.appendleft((me, called))
            else:
                self._going_on.append((me, called))
                self._hand_over()
        self._called(called)

    def _take(self, *, first: bool = False) -> None:
        called, ask = _locked(), self._asking.appendleft if first else self._asking.append
        with self._deciding:
            ask((threading.get_ident(), called))
            if self._holder is None:
                self._hand_over()
        self._called(called)

    def _give(self) -> None:
        with self._deciding:
            self._hand_over()

    def _called(self, called: threading.Lock) -> None:
        called.acquire()  # whoever gave the processor to this thread released it
        self._until = time.monotonic() + self._turn

    def _hand_over(self) -> None:
        self._holder, called = self._next()
        if called is not None:
            called.release()

    def _next(self) -> tuple[int, threading.Lock] | tuple[None, None]:
        if self._going_on and (not self._asking or self._passed >= _PASSED):
            self._passed = 0
            return self._going_on.popleft()
        if self._asking:
            self._passed += bool(self._going_on)
            return self._asking.popleft()
        return None, None


def _locked() -> threading.Lock:
    lock = threading.Lock()
    lock.acquire()
    return lock


PROCESSOR: Final = Processor()


class Lock(type(threading.RLock())):  # type: ignore[misc] # a class of its own in C, whose name is a function
    """A reentrant lock whose holder may wait for something: the processor is put down before one waits for it."""

    def __init__(self, processor: Processor = PROCESSOR) -> None:
        self._processor = processor

    def __enter__(self) -> bool:
        return self.acquire(False) or self._wait()

    def _wait(self) -> bool:
        with self._processor.waiting():
            return bool(self.acquire())


class _Selector(selectors.DefaultSelector):
    def select(self, timeout: float | None = None) -> Any:
        # First, as everybody waits for what it carries; its own work is short.
        if timeout == 0:  # the loop has more to do
            PROCESSOR.offer(first=True)
            return super().select(timeout)
        with PROCESSOR.waiting(first=True):
            return super().select(timeout)


def run(main: Coroutine[Any, Any, _T]) -> _T:
    """As `asyncio.run`, with an event loop that computes as everybody else does."""
    with (
        PROCESSOR.computing(),
        asyncio.Runner(loop_factory=lambda: asyncio.SelectorEventLoop(_Selector())) as runner,
    ):
        return runner.run(main)
