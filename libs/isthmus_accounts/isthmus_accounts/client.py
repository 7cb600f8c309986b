"""The account map from afar: answers from the cache while the watch stream speaks, else from the service itself."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Self, TypeVar

import grpc
import structlog
from isthmus.accounts.v1.accounts_pb2 import (
    Identity,
    Pair,
    ResolveBatchRequest,
    ResolveRequest,
    SetActiveSideRequest,
    Side,
    WatchRequest,
    WatchResponse,
)
from isthmus.accounts.v1.accounts_pb2_grpc import AccountMapServiceStub

from isthmus_accounts.cache import Cache
from isthmus_accounts.errors import AccountMapUnavailable, AmbiguousIdentity, UnknownIdentity

if TYPE_CHECKING:
    from types import TracebackType

T = TypeVar("T")

FRESH_SECONDS = 1.0
"""How long after the stream's last word the cache still counts as right."""
LARGEST_BATCH = 10_000
_FIRST_PAUSE, _LONGEST_PAUSE = 0.05, 1.0
_LONGEST_SILENCE = 5.0
_RETRIED = {grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.RESOURCE_EXHAUSTED, grpc.StatusCode.ABORTED}
_CHANNEL_OPTIONS = [
    ("grpc.max_receive_message_length", 128 * 1024 * 1024),
    ("grpc.max_send_message_length", 16 * 1024 * 1024),
    ("grpc.keepalive_time_ms", 10_000),
    ("grpc.keepalive_timeout_ms", 3_000),
    # A service that comes back is found again within a second, not after gRPC's own two minutes.
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 1_000),
]


class _FillAnew(Exception):  # noqa: N818
    """The stream must be taken up from the beginning."""


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

    def __init__(self, address: str, *, deadline: float = 10.0) -> None:
        self._address = address
        self._deadline = deadline
        self._log = structlog.get_logger("accounts").bind(accountmap=address)
        self._cache = Cache()
        self._streamed = 0
        self._heard = float("-inf")
        self._filled = asyncio.Event()
        self._is_cut_off = False

    async def __aenter__(self) -> Self:
        self._channel = grpc.aio.insecure_channel(self._address, options=_CHANNEL_OPTIONS)
        self._stub = AccountMapServiceStub(self._channel)
        self._watching = asyncio.create_task(self._watch(), name="account map watch")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._watching.cancel()
        await asyncio.gather(self._watching, return_exceptions=True)
        await self._channel.close()

    @property
    def in_touch(self) -> bool:
        """Whether the cache is right: the account map said so within the last second."""
        return self._filled.is_set() and time.monotonic() - self._heard < FRESH_SECONDS

    @property
    def cut_off_for(self) -> float:
        """Seconds since the account map last said that the cache is complete; infinite when it never did."""
        return time.monotonic() - self._heard

    async def filled(self) -> None:
        """Wait until the cache holds every pair for the first time."""
        await self._filled.wait()

    async def resolve(self, identity: Identity) -> Pair:
        """The pair with this name. Raises UnknownIdentity, AmbiguousIdentity or AccountMapUnavailable."""
        if self.in_touch:
            return self._cache.resolve(identity)

        request = ResolveRequest(identity=identity)
        try:
            answer = await self._retried(partial(self._stub.Resolve, request))
        except grpc.aio.AioRpcError as error:
            if error.code() is grpc.StatusCode.NOT_FOUND:
                raise UnknownIdentity(identity) from None
            if error.code() is grpc.StatusCode.FAILED_PRECONDITION:
                raise AmbiguousIdentity(identity) from None
            raise self._unavailable(error) from error
        return answer.pair

    async def resolve_batch(self, identities: Sequence[Identity]) -> Batch:
        """Pairs for any number of names, in the order asked. Raises AccountMapUnavailable."""
        if self.in_touch:
            return self._from_cache(identities)
        batch = Batch([], [], [])
        for start in range(0, len(identities), LARGEST_BATCH):
            request = ResolveBatchRequest(identities=identities[start : start + LARGEST_BATCH])
            try:
                answer = await self._retried(partial(self._stub.ResolveBatch, request))
            except grpc.aio.AioRpcError as error:
                raise self._unavailable(error) from error
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
            answer = await self._retried(partial(self._stub.SetActiveSide, request))
        except grpc.aio.AioRpcError as error:
            if error.code() is grpc.StatusCode.NOT_FOUND:
                raise UnknownIdentity(Identity(pair_id=pair_id)) from None
            raise self._unavailable(error) from error
        self._cache.put(answer.pair)
        return answer.pair

    # --- inside -----------------------------------------------------------------------------------------------------

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

    async def _retried(self, call: Callable[..., Awaitable[T]]) -> T:
        """`call(timeout=seconds left)` until it succeeds, fails for good, or the deadline has passed."""
        ends = time.monotonic() + self._deadline
        pause = _FIRST_PAUSE
        while True:
            try:
                return await call(timeout=max(ends - time.monotonic(), 0.001))
            except grpc.aio.AioRpcError as error:
                if error.code() not in _RETRIED or time.monotonic() + pause >= ends:
                    raise
            await asyncio.sleep(pause)
            pause = min(pause * 2, _LONGEST_PAUSE)

    async def _watch(self) -> None:
        """Follow the watch stream for ever, taking it up again where it broke."""
        pause = _FIRST_PAUSE
        while True:
            try:
                stream = self._stub.Watch(WatchRequest(after_revision=self._streamed))
                while True:
                    async with asyncio.timeout(_LONGEST_SILENCE):
                        response = await stream.read()
                    if not isinstance(response, WatchResponse):
                        break
                    pause = _FIRST_PAUSE
                    self._take(response)
                self._cut_off("it ended the stream")
            except grpc.aio.AioRpcError as error:
                self._cut_off(f"{error.code().name}: {error.details()}")
            except _FillAnew:
                continue
            except TimeoutError:
                self._cut_off(f"it was silent for {_LONGEST_SILENCE:g} s")
            await asyncio.sleep(pause)
            pause = min(pause * 2, _LONGEST_PAUSE)

    def _take(self, response: WatchResponse) -> None:
        if response.HasField("pair"):
            self._cache.put(response.pair)
            self._streamed = max(self._streamed, response.pair.revision)
            return
        if response.complete_revision < self._streamed:
            # Revisions only rise, so this account map's database was replaced by an older or empty one.
            self._log.warning("the account map went back in time; the cache is filled anew")
            self._cache = Cache()
            self._streamed = 0
            self._filled.clear()
            raise _FillAnew
        self._streamed = response.complete_revision
        self._heard = time.monotonic()
        if self._is_cut_off:
            self._is_cut_off = False
            self._log.info("the account map is back")
        if not self._filled.is_set():
            self._filled.set()
            self._log.info("the account map is here", pairs=len(self._cache))

    def _cut_off(self, why: str) -> None:
        """Say it, once for each time."""
        if not self._is_cut_off:
            self._log.warning("cut off from the account map; questions go to it one by one", why=why)
        self._is_cut_off = True

    def _unavailable(self, error: grpc.aio.AioRpcError) -> AccountMapUnavailable:
        return AccountMapUnavailable(
            f"the account map at {self._address} did not answer within {self._deadline:g} s "
            f"({error.code().name}: {error.details()}); is isthmus-accountmap running there?"
        )
