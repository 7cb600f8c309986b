"""The account map from afar: answers from the cache while it is known to be right, else from the service itself.

The watch stream fills the cache. Whether it is right is not the stream's to say, for a word may wait anywhere on its
way: several times a second the client asks for the last revision, and a cache that has reached it was right when that
question was sent. It does not wait for one answer to ask again: a service that is busy and answers late is still
believed for as long as it may be.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import grpc
import structlog
from isthmus.accounts.v1 import accounts_pb2
from isthmus.accounts.v1.accounts_pb2 import (
    Identity,
    Pair,
    ResolveBatchRequest,
    ResolveBatchResponse,
    RevisionRequest,
    SetActiveSideRequest,
    Side,
    WatchRequest,
    WatchResponse,
)
from isthmus.accounts.v1.accounts_pb2_grpc import AccountMapServiceStub
from isthmus_service import Caller, Security

from isthmus_accounts import metrics
from isthmus_accounts.cache import Cache
from isthmus_accounts.errors import AccountMapUnavailable, AmbiguousIdentity, UnknownIdentity
from isthmus_accounts.together import Together

if TYPE_CHECKING:
    from types import TracebackType

FRESH_SECONDS = 1.0
"""An answer from the cache was right at some moment within so long a time before it was given."""
LARGEST_BATCH = 10_000
_ASK_SECONDS = 0.2
_MOST_AHEAD = 10
_FIRST_PAUSE, _LONGEST_PAUSE = 0.05, 1.0
_LONGEST_SILENCE = 5.0
_SERVICE = accounts_pb2.DESCRIPTOR.services_by_name["AccountMapService"].full_name
_RETRIED = [f"{_SERVICE}/{method}" for method in ("ResolveBatch", "SetActiveSide")]
_NO_SECURITY = Security()
_Answer = Pair | type[UnknownIdentity] | type[AmbiguousIdentity]


@dataclass(frozen=True)
class Batch:
    """Answer to many questions: for each identity its pair, or None; and why there is none, as indexes."""

    pairs: list[Pair | None]
    unknown: list[int]
    ambiguous: list[int]


class AccountMap:
    """An account map at `address` (host:port). `deadline` is the longest a call may take, in seconds, retries included.

    Use it as an async context manager. Pairs it returns are shared with the cache: do not change them.
    """

    def __init__(self, address: str, *, security: Security = _NO_SECURITY, deadline: float = 10.0) -> None:
        self._address = address
        self._security = security
        self._deadline = deadline
        self._log = structlog.get_logger("accounts").bind(accountmap=address)
        self._singles = Together(self._ask_singles)
        self._cache = Cache()
        self._history = ""
        self._streamed = 0
        self._filled = asyncio.Event()
        # What is known to have been the last revision at a time, while the stream is not that far.
        self._asked: list[tuple[float, int]] = []
        self._right_at = float("-inf")
        self._why = "it has not answered yet"
        # What we changed ourselves; a cache without it is not used.
        self._at_least = 0
        self._said_in_touch: bool | None = None

    async def __aenter__(self) -> Self:
        self._service = Caller(self._security, self._address, AccountMapServiceStub, retried=_RETRIED)
        self._tasks = [
            asyncio.create_task(self._watch(), name="account map watch"),
            asyncio.create_task(self._keep_asking(), name="account map revision"),
        ]
        metrics.AGE.set_function(lambda: self.cut_off_for)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._service.close()

    @property
    def in_touch(self) -> bool:
        """Whether the cache is used: it was right at some moment within the last second."""
        return time.monotonic() - self._right_at < FRESH_SECONDS

    @property
    def cut_off_for(self) -> float:
        """Seconds since the cache is known to have been right; infinite when it never was."""
        return time.monotonic() - self._right_at

    def problem(self) -> str | None:
        """For readiness: None while the cache is used, else why not."""
        return None if self.in_touch else f"cut off from the account map at {self._address}: {self._why}"

    async def filled(self) -> None:
        """Wait until the cache holds every pair for the first time."""
        await self._filled.wait()

    async def resolve(self, identity: Identity) -> Pair:
        """The pair with this name. Raises UnknownIdentity, AmbiguousIdentity or AccountMapUnavailable."""
        if self._cache_serves:
            metrics.FROM_CACHE.inc()
            return self._cache.resolve(identity)
        try:
            # Whoever waits behind others waits no longer for it.
            async with asyncio.timeout(self._deadline):
                answer = await self._singles.ask(identity)
        except TimeoutError:
            raise self._unavailable(self._why) from None
        if isinstance(answer, Pair):
            return answer
        raise answer(identity)

    async def resolve_batch(self, identities: Sequence[Identity]) -> Batch:
        """Pairs for any number of names, in the order asked. Raises AccountMapUnavailable."""
        if self._cache_serves:
            metrics.FROM_CACHE.inc(len(identities))
            return self._from_cache(identities)
        batch = Batch([], [], [])
        for start in range(0, len(identities), LARGEST_BATCH):
            answer = await self._ask(identities[start : start + LARGEST_BATCH])
            batch.pairs.extend(pair if pair.id else None for pair in answer.pairs)
            batch.unknown.extend(start + index for index in answer.unknown)
            batch.ambiguous.extend(start + index for index in answer.ambiguous)
        return batch

    async def set_active_side(self, pair_id: bytes, side: Side.ValueType, reason: str) -> Pair:
        """Make a side the active one; idempotent. Returns the pair as it is then. `reason` goes to the audit trail.

        Raises UnknownIdentity or AccountMapUnavailable; after the latter it may or may not have taken effect, and
        asking again is safe.
        """
        request = SetActiveSideRequest(pair_id=pair_id, side=side, reason=reason)
        try:
            answer = await self._service.stub.SetActiveSide(request, timeout=self._deadline)
        except grpc.aio.AioRpcError as error:
            if error.code() is grpc.StatusCode.NOT_FOUND:
                raise UnknownIdentity(Identity(pair_id=pair_id)) from None
            raise self._unavailable(self._reason(error)) from error
        self._at_least = max(self._at_least, answer.pair.revision)
        return answer.pair

    # --- inside -----------------------------------------------------------------------------------------------------

    async def _ask_singles(self, identities: Sequence[Identity]) -> list[_Answer]:
        answer = await self._ask(identities)
        answers: list[_Answer] = list(answer.pairs)
        for index in answer.unknown:
            answers[index] = UnknownIdentity
        for index in answer.ambiguous:
            answers[index] = AmbiguousIdentity
        return answers

    async def _ask(self, identities: Sequence[Identity]) -> ResolveBatchResponse:
        try:
            answer = await self._service.stub.ResolveBatch(
                ResolveBatchRequest(identities=identities), timeout=self._deadline
            )
        except grpc.aio.AioRpcError as error:
            metrics.UNANSWERED.inc(len(identities))
            raise self._unavailable(self._reason(error)) from error
        metrics.FROM_SERVICE.inc(len(identities))
        return answer

    def _from_cache(self, identities: Sequence[Identity]) -> Batch:
        batch = Batch([], [], [])
        for index, identity in enumerate(identities):
            try:
                batch.pairs.append(self._cache.resolve(identity))
            except UnknownIdentity:
                batch.pairs.append(None)
                batch.unknown.append(index)
            except AmbiguousIdentity:
                batch.pairs.append(None)
                batch.ambiguous.append(index)
        return batch

    async def _keep_asking(self) -> None:
        """Ask for the last revision again and again; say it when nothing makes the cache right."""
        started = time.monotonic()
        async with asyncio.TaskGroup() as questions:
            while True:
                questions.create_task(self._ask_revision())
                await asyncio.sleep(_ASK_SECONDS)
                if self.in_touch or time.monotonic() - started > FRESH_SECONDS:
                    self._say(self.in_touch)

    async def _ask_revision(self) -> None:
        began = time.monotonic()
        try:
            answer = await self._service.stub.Revision(RevisionRequest(), timeout=FRESH_SECONDS)
        except grpc.aio.AioRpcError as error:
            self._why = _words(error)
            return
        if answer.history == self._history:
            self._asked.append((began, answer.revision))
            self._judge()
        self._why = "its changes have not arrived yet"

    @property
    def _cache_serves(self) -> bool:
        return self._streamed >= self._at_least and self.in_touch

    def _judge(self) -> None:
        """The cache was right at the latest time whose last revision the stream has reached."""
        if self._filled.is_set():
            reached = [asked_at for asked_at, revision in self._asked if revision <= self._streamed]
            self._right_at = max([self._right_at, *reached])  # answers may overtake each other
            self._asked = [each for each in self._asked if each[1] > self._streamed]
        del self._asked[:-_MOST_AHEAD]

    def _say(self, in_touch: bool) -> None:
        """A line in the log, once for each time that we are cut off or back."""
        if in_touch != self._said_in_touch:
            self._said_in_touch = in_touch
            if in_touch:
                self._log.info("the account map is here", pairs=len(self._cache))
            else:
                self._log.warning("cut off from the account map; questions go to it one by one", why=self._why)

    async def _watch(self) -> None:
        """Follow the watch stream for ever, taking it up again where it broke."""
        pause = _FIRST_PAUSE
        while True:
            try:
                request = WatchRequest(after_revision=self._streamed, history=self._history)
                stream = self._service.stub.Watch(request, wait_for_ready=False)
                while True:
                    async with asyncio.timeout(_LONGEST_SILENCE):
                        response = await stream.read()
                    if not isinstance(response, WatchResponse):
                        break
                    pause = _FIRST_PAUSE
                    self._take(response)
                self._why = "it ended the stream"
            except grpc.aio.AioRpcError as error:
                self._why = _words(error)
            except TimeoutError:
                self._why = f"it was silent for {_LONGEST_SILENCE:g} s"
                stream.cancel()
            await asyncio.sleep(pause)
            pause = min(pause * 2, _LONGEST_PAUSE)

    def _take(self, response: WatchResponse) -> None:
        match response.WhichOneof("what"):
            case "beginning":
                if response.beginning.starts_anew:
                    self._log.warning("the account map has another history; the cache is filled anew")
                    self._cache = Cache()
                    self._streamed = 0
                    self._filled.clear()
                if response.beginning.history != self._history:
                    self._history = response.beginning.history
                    self._asked.clear()
                    self._at_least = 0
                    self._right_at = float("-inf")
            case "pair":
                self._cache.put(response.pair)
                self._streamed = max(self._streamed, response.pair.revision)
            case "complete_revision":
                self._streamed = response.complete_revision
                self._filled.set()
        self._judge()

    def _reason(self, error: grpc.aio.AioRpcError) -> str:
        """Of a call that waited in vain only those know why that do not wait."""
        return self._why if error.code() is grpc.StatusCode.DEADLINE_EXCEEDED else _words(error)

    def _unavailable(self, why: str) -> AccountMapUnavailable:
        return AccountMapUnavailable(
            f"the account map at {self._address} did not answer within {self._deadline:g} s ({why}); is "
            "isthmus-accountmap running there?"
        )


def _words(error: grpc.aio.AioRpcError) -> str:
    return f"{error.code().name}: {error.details()}"
