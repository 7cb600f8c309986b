"""What Prometheus is told: the board's totals, counted when it asks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

if TYPE_CHECKING:
    from collections.abc import Iterable

    from prometheus_client import Metric

    from .board import Board


class BoardCollector(Collector):
    def __init__(self, board: Board) -> None:
        self._board = board

    def collect(self) -> Iterable[Metric]:
        summary = self._board.summary
        mailboxes = GaugeMetricFamily("isthmus_mailboxes", "Mailboxes by status", labels=("collection", "status"))
        items = GaugeMetricFamily("isthmus_mailbox_items", "Items of mailboxes", labels=("collection", "what"))
        size = GaugeMetricFamily("isthmus_mailbox_bytes", "Bytes on the target", labels=("collection",))
        attention = GaugeMetricFamily(
            "isthmus_mailboxes_attention", "Mailboxes that somebody should look at", labels=("collection",)
        )
        for one in summary.collections:
            for status, count in one.totals.statuses.items():
                mailboxes.add_metric((one.name, status), count)
            items.add_metric((one.name, "total"), one.totals.items_total)
            items.add_metric((one.name, "done"), one.totals.items_done)
            items.add_metric((one.name, "set aside"), one.totals.items_set_aside)
            size.add_metric((one.name,), one.totals.bytes_done)
            attention.add_metric((one.name,), one.totals.attention)
        yield from (mailboxes, items, size, attention)
        yield GaugeMetricFamily("isthmus_items_per_second", "Items copied, mean of a minute", value=summary.items_rate)
        yield GaugeMetricFamily("isthmus_bytes_per_second", "Bytes copied, mean of a minute", value=summary.bytes_rate)
        if summary.forecast.expected is not None:
            yield GaugeMetricFamily(
                "isthmus_first_copy_seconds",
                "Forecast until everything had its first copy",
                value=summary.forecast.expected,
            )
