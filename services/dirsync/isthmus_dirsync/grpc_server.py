"""DirectoryService over gRPC, as proto/isthmus/directory/v1/directory.proto describes it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any, NoReturn

import grpc
from isthmus.directory.v1 import directory_pb2, directory_pb2_grpc
from isthmus.directory.v1.directory_pb2 import (
    AllowOnceRequest,
    AllowOnceResponse,
    CheckAddressesRequest,
    CheckAddressesResponse,
    GuardCount,
    ReadJournalRequest,
    ReadJournalResponse,
    ReadMemoryRequest,
    ReadMemoryResponse,
    RevertRequest,
    RevertResponse,
)
from isthmus_service import rpc
from isthmus_sync.directory import Measure

from isthmus_dirsync import journal, orders, records

if TYPE_CHECKING:
    from isthmus_service import Pool, Service

_PORTION = 500
_SERVICE_NAME = directory_pb2.DESCRIPTOR.services_by_name["DirectoryService"].full_name
_Context = grpc.aio.ServicerContext[Any, Any]


class DirectoryServicer(directory_pb2_grpc.DirectoryServiceServicer):
    """Answers from PostgreSQL, so that every instance says the same; what changes a forest is ordered."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def ReadJournal(  # noqa: N802
        self, request: ReadJournalRequest, context: _Context
    ) -> AsyncIterator[ReadJournalResponse]:
        project = await self._project(request.filter.project, context)
        if name := request.filter.object:
            async with self._pool.acquire() as connection:
                known = await journal.knows(connection, project, name)
            if not known:
                words = (
                    "it is neither an address that a pair has or had, nor a DN, objectGUID or pair id in the journal"
                )
                await _abort(
                    context, grpc.StatusCode.NOT_FOUND, f"the journal has no such entries as of {name!r}: {words}"
                )
        sent, before = 0, None
        while not request.limit or sent < request.limit:
            portion = min(_PORTION, request.limit - sent) if request.limit else _PORTION
            async with self._pool.acquire() as connection:
                entries = await journal.read(connection, project, request.filter, before=before, limit=portion)
            for entry in entries:
                yield ReadJournalResponse(entry=entry.message())
            if len(entries) < portion:
                return
            sent, before = sent + len(entries), entries[-1].number

    async def Revert(self, request: RevertRequest, context: _Context) -> RevertResponse:  # noqa: N802
        project = await self._project(request.filter.project, context)
        if not (request.filter.object or request.filter.since or request.filter.number):
            await context.abort(grpc.StatusCode.INVALID_ARGUMENT, "say what: an object, a time, or an entry's number")
        return await orders.place(self._pool, project, request, RevertResponse)

    async def CheckAddresses(  # noqa: N802
        self, request: CheckAddressesRequest, context: _Context
    ) -> CheckAddressesResponse:
        project = await self._project(request.project, context)
        return await orders.place(self._pool, project, request, CheckAddressesResponse)

    async def AllowOnce(self, request: AllowOnceRequest, context: _Context) -> AllowOnceResponse:  # noqa: N802
        project = await self._project(request.project, context)
        async with self._pool.acquire() as connection:
            objection = await records.allow_once(connection, project, request.requested_by or "somebody")
        if objection is None:
            await context.abort(grpc.StatusCode.FAILED_PRECONDITION, f"nothing of {project} is stopped")
        return AllowOnceResponse(objection=objection or "")

    async def ReadMemory(  # noqa: N802
        self, request: ReadMemoryRequest, _context: _Context
    ) -> AsyncIterator[ReadMemoryResponse]:
        async with self._pool.acquire() as connection, connection.transaction(isolation="repeatable_read"):
            stopped = await records.stopped(connection, request.project)
            allowed = stopped[0] if stopped and stopped[1] else Measure()
            recently = await records.recently_weighed(connection, request.project, request.guard_minutes)
            known = await records.all_pairs(connection, request.project)
        guard = GuardCount(
            overwritten=recently.overwritten,
            gone=recently.gone,
            allowed_overwritten=allowed.overwritten,
            allowed_gone=allowed.gone,
        )
        yield ReadMemoryResponse(guard=guard)
        for start in range(0, len(known), _PORTION):
            yield ReadMemoryResponse(pairs=[each.remembered() for each in known[start : start + _PORTION]])

    async def _project(self, wanted: str, context: _Context) -> str:
        try:
            async with self._pool.acquire() as connection:
                return await journal.only_project(connection, wanted)
        except LookupError as error:
            await _abort(context, grpc.StatusCode.NOT_FOUND, str(error))


async def _abort(context: _Context, code: grpc.StatusCode, words: str) -> NoReturn:
    await context.abort(code, words)
    raise AssertionError("abort never returns")


async def serve_grpc(service: Service[Any], pool: Pool, host: str, port: int) -> int:
    """Answer until the service stops; returns the port."""

    def add(server: grpc.aio.Server) -> None:
        directory_pb2_grpc.add_DirectoryServiceServicer_to_server(DirectoryServicer(pool), server)

    return await rpc.serve(service, host, port, {_SERVICE_NAME: add})
