"""Faust's consumer, without the moments in which it loses events while it joins Kafka's group, or joins it anew, and
its reading back of tables, which ends with an error when it cannot go on, not without a word.

First Faust reads its tables back, then it lets the topics flow. In between it does three things, one after the other:
it says which partitions it wants, goes back to what was committed, and empties the queues of the agents. On a machine
that makes this process wait that takes seconds, in which its other half reads on:

- While it wants no partition at all, Kafka's client takes "none" for "all", and what it hands over is dropped.
- What comes into a queue before the queues are emptied is dropped.

Of both Kafka's client knows only that it was read, so nobody would ever see it. Here none means none, and the topics
flow once the queues are empty.

What Kafka has not answered in time (broker_request_timeout) while tables are read back, Faust takes for its own end: it
reads nothing back any more, and a process goes on that will never be ready.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING, Any, cast

from faust.tables import recovery
from faust.tables.manager import TableManager
from faust.transport.drivers import aiokafka

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from faust.types import TP


class _Wanted(Collection["TP"]):
    """The partitions that are wanted at any moment, and true even when there is none."""

    def __init__(self, partitions: set[TP]) -> None:
        self._partitions = partitions

    def __bool__(self) -> bool:
        return True

    def __contains__(self, partition: object) -> bool:
        return partition in self._partitions

    def __iter__(self) -> Iterator[TP]:
        return iter(self._partitions)

    def __len__(self) -> int:
        return len(self._partitions)


class _Consumer(aiokafka.Consumer):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._held_back: set[TP] = set()
        super().__init__(*args, **kwargs)

    async def _getmany(self, active_partitions: set[TP] | None, timeout: float) -> Any:  # noqa: ASYNC109 - Faust's own
        wanted = _Wanted(set() if active_partitions is None else active_partitions)
        return await super()._getmany(cast("set[TP]", wanted), timeout)

    def resume_partitions(self, tps: Iterable[TP]) -> None:
        """Those of tables at once, those of topics with the flow, which Faust resumes right after it emptied queues."""
        tps = set(tps)
        of_topics = {tp for tp in tps if not self._is_changelog_tp(tp)}
        self._held_back |= of_topics
        super().resume_partitions(tps - of_topics)

    def pause_partitions(self, tps: Iterable[TP]) -> None:
        tps = set(tps)
        self._held_back -= tps
        super().pause_partitions(tps)

    def resume_flow(self) -> None:
        super().resume_flow()
        held_back, self._held_back = self._held_back, set()
        super().resume_partitions(held_back)


class Transport(aiokafka.Transport):
    """Faust's way to Kafka with this consumer."""

    Consumer = _Consumer


class _Recovery(recovery.Recovery):
    async def _wait(self, coro: Any, timeout: Any = None) -> None:  # noqa: ASYNC109 - Faust's own
        try:
            await super()._wait(coro, timeout)
        except recovery.ServiceStopped:
            if self._stopped.is_set() or self._crashed.is_set():
                raise
            raise TimeoutError(
                f"the tables cannot be read back: Kafka has not answered for {timeout:g} s. Look whether its brokers "
                "run and have room on their disks; this process ends, and the next one begins anew"
            ) from None


class Tables(TableManager):
    """Faust's tables with this reading back."""

    @property
    def recovery(self) -> recovery.Recovery:
        if self._recovery is None:
            self._recovery = _Recovery(self.app, self, beacon=self.beacon, loop=self.loop)
        return self._recovery
