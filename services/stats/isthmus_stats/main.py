"""The stats service: events from Kafka into tables, tables into the portal."""

from __future__ import annotations

from isthmus_events.topics import ensure_topics
from isthmus_service import Service, ServiceSettings, run
from prometheus_client import REGISTRY

from .aggregate import CHANGELOGS, TOPICS, Aggregation
from .board import Board
from .metrics import BoardCollector
from .portal import Portal


class StatsSettings(ServiceSettings):
    """Nothing of its own; the portal is served on http_host and http_port."""


async def serve(service: Service[StatsSettings]) -> None:
    board = Board()
    REGISTRY.register(BoardCollector(board))
    Portal(board, service.stopping).add_to(service.web)
    kafka = service.settings.kafka
    # Faust never looks again for a topic that is not there when it starts.
    await service.wait_for(f"Kafka at {kafka}", lambda: ensure_topics(kafka, (*TOPICS, *CHANGELOGS)))
    service.spawn("totals", board.keep_fresh())
    service.spawn("aggregation", Aggregation(service, board).run())
    await service.run_until_stopped()


def main() -> None:
    run("stats", StatsSettings, serve)
