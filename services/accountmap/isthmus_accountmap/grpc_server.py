"""AccountMapService over gRPC, as proto/isthmus/accounts/v1/accounts.proto describes it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import TYPE_CHECKING, Any

import grpc
from isthmus.accounts.v1 import accounts_pb2, accounts_pb2_grpc
from isthmus.accounts.v1.accounts_pb2 import (
    SIDE_SOURCE,
    SIDE_TARGET,
    Identity,
    Pair,
    ResolveBatchRequest,
    ResolveBatchResponse,
    ResolveRequest,
    ResolveResponse,
    RevisionRequest,
    RevisionResponse,
    SetActiveSideRequest,
    SetActiveSideResponse,
    WatchBeginning,
    WatchRequest,
    WatchResponse,
)
from isthmus_accounts.errors import AmbiguousIdentity, UnknownIdentity
from isthmus_accounts.together import Together
from isthmus_service import DATABASE_AWAY, rpc

from isthmus_accountmap import store

if TYPE_CHECKING:
    from isthmus_service import Pool, Service

    from isthmus_accountmap.news import News
    from isthmus_accountmap.store import Found

_HEARTBEAT_SECONDS = 0.3
"""So late at most a watcher hears what PostgreSQL could not announce."""
_LARGEST_BATCH = 10_000
_WATCH_PORTION = 500
_SERVICE_NAME = accounts_pb2.DESCRIPTOR.services_by_name["AccountMapService"].full_name
_Context = grpc.aio.ServicerContext[Any, Any]


class AccountMapServicer(accounts_pb2_grpc.AccountMapServiceServicer):
    """Answers from PostgreSQL, so that every instance says the same."""

    def __init__(self, pool: Pool, news: News, stopping: asyncio.Event) -> None:
        self._pool = pool
        self._singles = Together(self._resolve)
        self._news = news
        self._stopping = stopping

    async def Resolve(self, request: ResolveRequest, context: _Context) -> ResolveResponse:  # noqa: N802
        if request.identity.WhichOneof("name") is None:
            await context.abort(grpc.StatusCode.INVALID_ARGUMENT, "the identity has no name")
        found = await self._singles.ask(request.identity)
        if found.ambiguous:
            await context.abort(grpc.StatusCode.FAILED_PRECONDITION, str(AmbiguousIdentity(request.identity)))
        if found.document is None:
            await context.abort(grpc.StatusCode.NOT_FOUND, str(UnknownIdentity(request.identity)))
        return ResolveResponse(pair=Pair.FromString(found.document))

    async def ResolveBatch(self, request: ResolveBatchRequest, context: _Context) -> ResolveBatchResponse:  # noqa: N802
        if len(request.identities) > _LARGEST_BATCH:
            await context.abort(
                grpc.StatusCode.INVALID_ARGUMENT,
                f"{len(request.identities)} identities are too many for one call; send at most {_LARGEST_BATCH}",
            )
        response = ResolveBatchResponse()
        for place, found in enumerate(await self._resolve(request.identities)):
            pair = response.pairs.add()
            if found.document is not None:
                pair.MergeFromString(found.document)
            else:
                (response.ambiguous if found.ambiguous else response.unknown).append(place)
        return response

    async def _resolve(self, identities: Sequence[Identity]) -> list[Found]:
        async with self._pool.acquire() as connection:
            return await store.resolve(connection, identities)

    async def Watch(  # noqa: N802
        self,
        request: WatchRequest,
        context: _Context,  # noqa: ARG002
    ) -> AsyncIterator[WatchResponse]:
        async with self._pool.acquire() as connection:
            began = await store.position(connection)
        # Without a history we can tell only by the number.
        same = request.history in ("", began.history) and request.after_revision <= began.revision
        sent = request.after_revision if same else 0
        yield WatchResponse(beginning=WatchBeginning(history=began.history, starts_anew=not same))
        with self._news.watcher() as changed:
            while not self._stopping.is_set():
                async with self._pool.acquire() as connection:
                    # Read before the pairs: whatever comes in between is sent again with the next round.
                    now = await store.position(connection)
                    if now.history != began.history:
                        return  # the caller asks again, and is told
                    pairs = await store.changed_since(connection, sent, _WATCH_PORTION)
                for pair in pairs:
                    yield WatchResponse(pair=pair)
                    sent = pair.revision
                if len(pairs) < _WATCH_PORTION:
                    sent = max(sent, now.revision)
                    yield WatchResponse(complete_revision=sent)
                    await self._news.wait(changed, _HEARTBEAT_SECONDS)

    async def Revision(  # noqa: N802
        self,
        request: RevisionRequest,  # noqa: ARG002
        context: _Context,  # noqa: ARG002
    ) -> RevisionResponse:
        async with self._pool.acquire() as connection:
            now = await store.position(connection)
        return RevisionResponse(revision=now.revision, history=now.history)

    async def SetActiveSide(self, request: SetActiveSideRequest, context: _Context) -> SetActiveSideResponse:  # noqa: N802
        if request.side not in (SIDE_SOURCE, SIDE_TARGET):
            await context.abort(grpc.StatusCode.INVALID_ARGUMENT, "the side must be SIDE_SOURCE or SIDE_TARGET")
        if not request.reason:
            await context.abort(
                grpc.StatusCode.INVALID_ARGUMENT, "say in 'reason' who asks and why, for the audit trail"
            )
        async with self._pool.acquire() as connection, connection.transaction():
            pair = await store.set_active_side(connection, request.pair_id, request.side, request.reason)
        if pair is None:
            await context.abort(grpc.StatusCode.NOT_FOUND, f"there is no pair {request.pair_id.hex()}")
        return SetActiveSideResponse(pair=pair)


class Unavailability(grpc.aio.ServerInterceptor):
    """Says UNAVAILABLE, which clients retry, where the database is away for a moment."""

    async def intercept_service(self, continuation: Any, details: grpc.HandlerCallDetails) -> Any:
        handler = await continuation(details)
        if handler is None or not handler.unary_unary:
            return handler

        async def careful(request: Any, context: _Context) -> Any:
            try:
                return await handler.unary_unary(request, context)
            except DATABASE_AWAY as error:
                return await context.abort(grpc.StatusCode.UNAVAILABLE, f"the database does not answer: {error}")

        return grpc.unary_unary_rpc_method_handler(careful, handler.request_deserializer, handler.response_serializer)


async def serve_grpc(service: Service[Any], pool: Pool, news: News, host: str, port: int) -> int:
    """Start the gRPC server; it stops with the service. Returns its port."""
    servicer = AccountMapServicer(pool, news, service.stopping)

    def add(server: grpc.aio.Server) -> None:
        accounts_pb2_grpc.add_AccountMapServiceServicer_to_server(servicer, server)

    return await rpc.serve(service, host, port, {_SERVICE_NAME: add}, [Unavailability()])
