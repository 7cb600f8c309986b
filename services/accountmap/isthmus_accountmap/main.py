"""The service accountmap: hears of pairs, and answers whoever asks for them."""

from __future__ import annotations

from importlib.resources import files
from typing import TYPE_CHECKING

from isthmus_events import Consumer, Event, Relay
from isthmus_events.topics import DIRECTORY_PAIRS
from isthmus_service import Connection, Service, ServiceSettings, run
from pydantic import Field

from isthmus_accountmap import store
from isthmus_accountmap.grpc_server import serve_grpc
from isthmus_accountmap.news import News

if TYPE_CHECKING:
    from isthmus.events.v1.directory_pb2 import PairObserved


class Settings(ServiceSettings):
    """Settings of the account map."""

    grpc_host: str = Field(default="127.0.0.1", description="address on which the account map is served")
    grpc_port: int = Field(default=7001, ge=0, le=65535, description="its port; 0 takes a free one and logs it")


async def serve(service: Service[Settings]) -> None:
    """Serve until stopped."""
    settings = service.settings
    pool = await service.database("accountmap", files("isthmus_accountmap") / "migrations")
    news = News(pool)
    service.spawn("news", news.run())
    service.spawn("relay", Relay(service, pool).run())

    async def observed(connection: Connection, event: Event) -> None:
        said: PairObserved = event.data
        await store.take(connection, said.pair)

    consumer = Consumer(service, pool, "accountmap", [DIRECTORY_PAIRS], observed, batch=200)
    service.spawn("pairs", consumer.run())
    port = await serve_grpc(service, pool, news, settings.grpc_host, settings.grpc_port)
    service.log.info("serving the account map", address=f"{settings.grpc_host}:{port}")
    await service.run_until_stopped()


def main() -> None:
    run("accountmap", Settings, serve)
