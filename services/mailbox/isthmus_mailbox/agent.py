"""The agent: stands beside an Exchange server and makes the requests of a mailbox worker at another site.

It knows one account at one server, by its own settings, and nothing of mailboxes, ledgers or passes. It keeps nothing:
it may be stopped and started at any time, and what was under way is in doubt for the worker, as after any lost answer.
"""

from __future__ import annotations

import time
import uuid
from collections import OrderedDict
from collections.abc import AsyncIterator
from typing import Any

import grpc
import zstandard
from isthmus.agent.v1 import agent_pb2, agent_pb2_grpc
from isthmus.agent.v1.agent_pb2 import (
    REASON_ACCESS,
    REASON_IN_DOUBT,
    REASON_NOT_SENT,
    Answered,
    Asking,
    AskRequest,
    AskResponse,
    HelloRequest,
    HelloResponse,
    NotAnswered,
    Reason,
)
from isthmus_exchange import packing
from isthmus_exchange.agent_line import PIECE, packing_in_thread
from isthmus_exchange.body import Body
from isthmus_exchange.client import secrets_of, tls
from isthmus_exchange.errors import AccessError, InDoubtError, TransientError
from isthmus_exchange.line import Account, HttpsLine
from isthmus_project import Secret
from isthmus_service import ConfigurationError, Service, ServiceSettings, rpc, run
from pydantic import Field

_SERVICE_NAME = agent_pb2.DESCRIPTOR.services_by_name["AgentService"].full_name
_MOST_SESSIONS = 100
_Context = grpc.aio.ServicerContext[Any, Any]


class AgentSettings(ServiceSettings):
    """Settings of an agent."""

    grpc_host: str = Field(default="127.0.0.1", description="address on which the agent is asked")
    grpc_port: int = Field(default=7003, ge=0, le=65535, description="its port; 0 takes a free one and logs it")
    ews: str = Field(pattern="^https://", description="https://host/EWS/Exchange.asmx of the server beside it")
    ews_user: str = Field(description="user principal name or DOMAIN\\user of an account with ApplicationImpersonation")
    ews_password_file: str = Field(description="file in the secrets folder whose first line is its password")
    ews_ca_file: str | None = Field(
        default=None, description="PEM file in the secrets folder that signed the server's certificate"
    )
    organisation: str = Field(default="exchange", description="the organisation's name, for logs")


class Agent(agent_pb2_grpc.AgentServiceServicer):
    """Makes requests, each once, and none whose time is over; with the password and the CA of this moment."""

    def __init__(self, settings: AgentSettings) -> None:
        """Raises LookupError for a missing password or CA."""
        self._life = uuid.uuid4().hex
        self._settings = settings
        self._made_with = self._secrets()
        self._main = self._made()
        self._sessions: OrderedDict[str, HttpsLine] = OrderedDict()
        # Those of before, by which something may still be under way.
        self._former: list[HttpsLine] = []

    async def close(self) -> None:
        """Close all connections."""
        for line in (self._main, *self._sessions.values(), *self._former):
            await line.close()

    def _secrets(self) -> tuple[str, bytes]:
        settings = self._settings
        return secrets_of(Secret(file=settings.ews_password_file), settings.ews_ca_file, settings.secrets_dir)

    def _made(self) -> HttpsLine:
        settings, (password, _) = self._settings, self._made_with
        context = tls(settings.secrets_dir / settings.ews_ca_file if settings.ews_ca_file else None)
        return HttpsLine(Account(settings.ews, settings.ews_user, password, settings.organisation, context))

    def _renew(self) -> None:
        before = self._made_with
        try:
            self._made_with = self._secrets()
            if self._made_with != before:
                main = self._made()
                self._former += self._main, *self._sessions.values()
                self._main = main
                self._sessions.clear()
        except LookupError:
            self._made_with = before  # they are just being written; what we have may be good still

    async def Hello(self, request: HelloRequest, context: _Context) -> HelloResponse:  # noqa: N802, ARG002
        return HelloResponse(life=self._life, clock=time.monotonic())

    async def Ask(  # noqa: N802
        self, requests: AsyncIterator[AskRequest], context: _Context
    ) -> AsyncIterator[AskResponse]:
        asking, packed = Asking(), bytearray()
        async for request in requests:
            if request.WhichOneof("what") == "asking":
                asking = request.asking
            else:
                packed += request.piece
        try:
            message = await packing_in_thread(packing.unpack, bytes(packed))
        except ValueError as error:
            await context.abort(grpc.StatusCode.INVALID_ARGUMENT, str(error))
        seconds = asking.not_after - time.monotonic()
        if asking.life != self._life:
            yield _refusal(REASON_NOT_SENT, "the agent was started anew; nothing was sent")
            return
        if seconds <= 0:
            yield _refusal(REASON_NOT_SENT, f"{asking.operation} came to the agent too late; nothing was sent")
            return
        answers = self._going_on if asking.goes_on else self._whole
        try:
            async for response in answers(await self._line(asking.session), asking, message, seconds):
                yield response
        except TransientError as error:
            yield _refusal(REASON_NOT_SENT, str(error))
        except InDoubtError as error:
            yield _refusal(REASON_IN_DOUBT, str(error))
        except AccessError as error:
            yield _refusal(REASON_ACCESS, str(error))

    async def _whole(
        self, line: HttpsLine, asking: Asking, message: bytes, seconds: float
    ) -> AsyncIterator[AskResponse]:
        answer = await line.post(asking.operation, Body(message), asking.headers, seconds)
        packed = await packing_in_thread(packing.pack, bytes(answer.body))
        yield AskResponse(answered=Answered(status=answer.status, date=answer.date))
        for start in range(0, len(packed), PIECE):
            yield AskResponse(piece=packed[start : start + PIECE])

    async def _going_on(
        self, line: HttpsLine, asking: Asking, message: bytes, _seconds: float
    ) -> AsyncIterator[AskResponse]:
        async with line.listen(asking.operation, message, asking.headers) as answer:
            yield AskResponse(answered=Answered(status=answer.status))
            compressor = zstandard.ZstdCompressor(level=packing.LEVEL).compressobj()
            async for piece in answer.pieces:
                packed = compressor.compress(piece) + compressor.flush(zstandard.COMPRESSOBJ_FLUSH_BLOCK)
                yield AskResponse(piece=packed)

    async def _line(self, session: str) -> HttpsLine:
        self._renew()
        if not session:
            return self._main
        line = self._sessions.get(session) or self._main.beside()
        self._sessions[session] = line
        self._sessions.move_to_end(session)
        if len(self._sessions) > _MOST_SESSIONS:
            _, oldest = self._sessions.popitem(last=False)
            await oldest.close()
        return line


def _refusal(reason: Reason.ValueType, words: str) -> AskResponse:
    return AskResponse(not_answered=NotAnswered(reason=reason, words=words))


async def serve(service: Service[AgentSettings]) -> None:
    """Serve until stopped."""
    settings = service.settings
    try:
        agent = Agent(settings)
    except LookupError as error:
        raise ConfigurationError(str(error)) from error
    service.on_stop(agent.close)

    def add(server: grpc.aio.Server) -> None:
        agent_pb2_grpc.add_AgentServiceServicer_to_server(agent, server)

    port = await rpc.serve(service, settings.grpc_host, settings.grpc_port, {_SERVICE_NAME: add})
    service.log.info("the agent is here", address=f"{settings.grpc_host}:{port}", exchange=settings.ews)
    await service.run_until_stopped()


def main() -> None:
    run("agent", AgentSettings, serve)
