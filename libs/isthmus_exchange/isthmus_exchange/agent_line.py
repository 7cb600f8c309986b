"""To an Exchange server by an agent that stands beside it, at another site: one gRPC call for each request.

The agent's account asks; no password crosses the line. Nothing is sent to Exchange after the time at which we give a
request up, although the two sites' clocks need not agree: that time is told by the agent's own clock, as we last heard
it, and so rather too early than too late. An agent that was started anew has another clock, and refuses.
"""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

import grpc
import zstandard
from isthmus.agent.v1.agent_pb2 import REASON_ACCESS, REASON_NOT_SENT, Asking, AskRequest, AskResponse, HelloRequest
from isthmus_service import Caller

from . import metrics, packing
from .body import Body
from .errors import AccessError, InDoubtError, TransientError
from .line import Answer, GoingOn

if TYPE_CHECKING:
    from isthmus.agent.v1.agent_pb2_grpc import AgentServiceAsyncStub

PIECE = 1024 * 1024
"""Bytes of a message on the line."""
_HELLO_SECONDS = 20.0
_HEARD_FOR = 30.0
"""The agent's clock is asked for again after so long: no two clocks run exactly alike."""
_SILENCE_SECONDS = 150.0
_THREAD_FROM = 64 * 1024
"""What is larger is packed in a thread."""


class _Clock(NamedTuple):
    life: str
    ahead: float
    """The agent's clock minus ours, at least."""
    heard: float


class AgentLine:
    """A line by the agent that `agent` calls. `name` is the organisation."""

    def __init__(self, agent: Caller[AgentServiceAsyncStub], name: str, session: str = "") -> None:
        self._agent = agent
        self._name = name
        self._session = session
        self._clock: _Clock | None = None

    async def ready(self) -> None:
        clock = self._clock
        if clock is not None and self._agent.connected and time.monotonic() - clock.heard < _HEARD_FOR:
            return
        try:
            hello = await self._agent.stub.Hello(HelloRequest(), timeout=_HELLO_SECONDS)
        except grpc.aio.AioRpcError as error:
            self._clock = None  # it may be another agent that answers next
            cause = self._agent.cause(error.details() or "")
            words = f"{cause} ({_words(error)})" if cause else _words(error)
            raise TransientError(f"{self._name}: no agent answers: {words}") from error
        heard = time.monotonic()
        self._clock = _Clock(hello.life, hello.clock - heard, heard)

    async def post(self, operation: str, request: Body, headers: Mapping[str, str], seconds: float) -> Answer:
        ends = time.monotonic() + seconds
        asking = self._asking(operation, headers, ends)
        packed = await packing_in_thread(packing.pack, bytes(request))
        if time.monotonic() >= ends:
            raise TransientError(f"{self._name}: packing {operation} took too long")
        metrics.LINE.labels(self._name, "sent", "plain").inc(len(request))
        metrics.LINE.labels(self._name, "sent", "packed").inc(len(packed))
        call = self._agent.stub.Ask(_pieces(asking, packed), timeout=max(ends - time.monotonic(), 0.001))
        found, body = None, bytearray()
        try:
            async for response in call:
                if response.WhichOneof("what") == "piece":
                    body += response.piece
                else:
                    found = self._understood(response)
        except grpc.aio.AioRpcError as error:
            self._clock = None
            raise InDoubtError(f"{self._name}: the agent gave no answer to {operation}: {_words(error)}") from error
        if found is None:
            raise InDoubtError(f"{self._name}: the agent gave no answer to {operation}")
        try:
            answer = await packing_in_thread(packing.unpack, bytes(body))
        except ValueError as error:
            raise InDoubtError(f"{self._name}: {error}") from error
        metrics.LINE.labels(self._name, "received", "plain").inc(len(answer))
        metrics.LINE.labels(self._name, "received", "packed").inc(len(body))
        return Answer(found.answered.status, found.answered.date, answer, len(packed) + len(body))

    @asynccontextmanager
    async def listen(self, operation: str, request: bytes, headers: Mapping[str, str]) -> AsyncIterator[GoingOn]:
        await self.ready()
        asking = self._asking(operation, headers, time.monotonic() + _SILENCE_SECONDS)
        asking.goes_on = True
        call = self._agent.stub.Ask(_pieces(asking, packing.pack(request)))
        try:
            first = await call.read()
            if not isinstance(first, AskResponse):
                raise TransientError(f"{self._name}: the agent gave no answer to {operation}")
            yield GoingOn(self._understood(first).answered.status, _going_on(call))
        except (grpc.aio.AioRpcError, TimeoutError, zstandard.ZstdError) as error:
            self._clock = None
            words = _words(error) if isinstance(error, grpc.aio.AioRpcError) else repr(error)
            raise TransientError(f"{self._name}: {operation} broke off: {words}") from error
        finally:
            call.cancel()

    def beside(self) -> AgentLine:
        return _Beside(self._agent, self._name, uuid.uuid4().hex)

    async def close(self) -> None:
        await self._agent.close()

    def _asking(self, operation: str, headers: Mapping[str, str], ends: float) -> Asking:
        if self._clock is None:
            raise TransientError(f"{self._name}: the agent was lost before {operation} was sent")
        return Asking(
            operation=operation,
            headers=headers,
            session=self._session,
            life=self._clock.life,
            not_after=ends + self._clock.ahead,
        )

    def _understood(self, response: AskResponse) -> AskResponse:
        if response.HasField("answered"):
            return response
        refused = response.not_answered
        if refused.reason == REASON_NOT_SENT:
            self._clock = None  # it may be another agent by now
            raise TransientError(refused.words)
        if refused.reason == REASON_ACCESS:
            raise AccessError(refused.words)
        raise InDoubtError(refused.words)


class _Beside(AgentLine):
    """Shares the way to the agent, which is not its own to close."""

    async def close(self) -> None:
        pass


async def packing_in_thread(work: Any, message: bytes) -> bytes:
    """`work(message)`, in a thread when it is large."""
    done = work(message) if len(message) < _THREAD_FROM else await asyncio.to_thread(work, message)
    assert isinstance(done, bytes)
    return done


async def _pieces(asking: Asking, packed: bytes) -> AsyncIterator[AskRequest]:
    yield AskRequest(asking=asking)
    for start in range(0, len(packed), PIECE):
        yield AskRequest(piece=packed[start : start + PIECE])


async def _going_on(call: Any) -> AsyncIterator[bytes]:
    plain = zstandard.ZstdDecompressor().decompressobj()
    while True:
        async with asyncio.timeout(_SILENCE_SECONDS):
            response = await call.read()
        if not isinstance(response, AskResponse):
            return
        if piece := plain.decompress(response.piece):
            yield piece


def _words(error: grpc.aio.AioRpcError) -> str:
    return f"{error.code().name}: {error.details()}"
