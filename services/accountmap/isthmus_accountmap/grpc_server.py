"""AccountMapService over gRPC, as proto/isthmus/accounts/v1/accounts.proto describes it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection
from isthmus.accounts.v1 import accounts_pb2, accounts_pb2_grpc
from isthmus.accounts.v1.accounts_pb2 import (
    SIDE_SOURCE,
    SIDE_TARGET,
    Pair,
    ResolveBatchRequest,
    ResolveBatchResponse,
    ResolveRequest,
    ResolveResponse,
    SetActiveSideRequest,
    SetActiveSideResponse,
    WatchRequest,
    WatchResponse,
)
from isthmus_accounts.errors import AmbiguousIdentity, UnknownIdentity
from isthmus_service import DATABASE_AWAY

from isthmus_accountmap import store

if TYPE_CHECKING:
    from isthmus_service import Pool, Service

    from isthmus_accountmap.news import News

HEARTBEAT_SECONDS = 0.3
"""Clients take a second of silence for being cut off, so that they hear several times in a second."""
_LARGEST_BATCH = 10_000
_WATCH_PORTION = 500
_SERVICE_NAME = accounts_pb2.DESCRIPTOR.services_by_name["AccountMapService"].full_name
_OPTIONS = [
    ("grpc.max_send_message_length", 128 * 1024 * 1024),
    ("grpc.max_receive_message_length", 16 * 1024 * 1024),
    ("grpc.so_reuseport", 0),  # a second instance on the same port is a mistake to be told of
]
_Context = grpc.aio.ServicerContext[Any, Any]


class AccountMapServicer(accounts_pb2_grpc.AccountMapServiceServicer):
    """Answers from PostgreSQL, so that every instance says the same."""

    def __init__(self, pool: Pool, news: News, stopping: asyncio.Event) -> None:
        self._pool = pool
        self._news = news
        self._stopping = stopping

    async def Resolve(self, request: ResolveRequest, context: _Context) -> ResolveResponse:  # noqa: N802
        if request.identity.WhichOneof("name") is None:
            await context.abort(grpc.StatusCode.INVALID_ARGUMENT, "the identity has no name")
        async with self._pool.acquire() as connection:
            [found] = await store.resolve(connection, [request.identity])
        if found.ambiguous:
            await context.abort(grpc.StatusCode.FAILED_PRECONDITION, str(AmbiguousIdentity(request.identity)))
        if found.pair is None:
            await context.abort(grpc.StatusCode.NOT_FOUND, str(UnknownIdentity(request.identity)))
        return ResolveResponse(pair=found.pair)

    async def ResolveBatch(self, request: ResolveBatchRequest, context: _Context) -> ResolveBatchResponse:  # noqa: N802
        if len(request.identities) > _LARGEST_BATCH:
            await context.abort(
                grpc.StatusCode.INVALID_ARGUMENT,
                f"{len(request.identities)} identities are too many for one call; send at most {_LARGEST_BATCH}",
            )
        async with self._pool.acquire() as connection:
            found = await store.resolve(connection, request.identities)
        return ResolveBatchResponse(
            pairs=[each.pair or Pair() for each in found],
            unknown=[place for place, each in enumerate(found) if each.pair is None and not each.ambiguous],
            ambiguous=[place for place, each in enumerate(found) if each.ambiguous],
        )

    async def Watch(  # noqa: N802
        self,
        request: WatchRequest,
        context: _Context,  # noqa: ARG002
    ) -> AsyncIterator[WatchResponse]:
        sent = request.after_revision
        with self._news.watcher() as changed:
            while not self._stopping.is_set():
                async with self._pool.acquire() as connection:
                    # Read before the pairs: whatever comes in between is sent again with the next round.
                    complete = await store.last_revision(connection)
                    pairs = await store.changed_since(connection, sent, _WATCH_PORTION)
                for pair in pairs:
                    yield WatchResponse(pair=pair)
                    sent = pair.revision
                if len(pairs) < _WATCH_PORTION:
                    # A caller that has more than there is had it from another database: it must be told.
                    if request.after_revision <= complete:
                        complete = sent = max(sent, complete)
                    yield WatchResponse(complete_revision=complete)
                    await self._news.wait(changed, HEARTBEAT_SECONDS)

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


async def serve_grpc(service: Service[Any], pool: Pool, news: News, address: str) -> int:
    """Start the gRPC server, with health and reflection; it stops with the service. Returns its port."""
    server = grpc.aio.server(interceptors=[Unavailability()], options=_OPTIONS)
    accounts_pb2_grpc.add_AccountMapServiceServicer_to_server(AccountMapServicer(pool, news, service.stopping), server)
    healthy = health.aio.HealthServicer()
    health_pb2_grpc.add_HealthServicer_to_server(healthy, server)
    for name in ("", _SERVICE_NAME):
        await healthy.set(name, health_pb2.HealthCheckResponse.SERVING)
    reflection.enable_server_reflection((_SERVICE_NAME, health.SERVICE_NAME, reflection.SERVICE_NAME), server)
    port = server.add_insecure_port(address)
    await server.start()
    service.on_stop(lambda: server.stop(grace=2))
    return port
