"""The Faust application: one agent a topic folds its events into tables, and the board shows what the tables hold.

All topics have as many partitions, so one worker has the same ones of each, and whatever is about one mailbox meets in
one place. A table's changes go to its changelog on Kafka; after a restart Faust reads them back. Events that were
handled but not yet committed come again then, which the folds do not mind.
"""

from __future__ import annotations

import logging
import tempfile
from collections import defaultdict
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, cast

import faust
from faust.types import ProcessingGuarantee
from google.protobuf.message import Message
from isthmus_events.event import Event, UndecodableError, decode
from isthmus_events.topics import (
    ACCOUNT_PAIRS,
    DIRECTORY_STATUS,
    MAILBOX_KEPT_ASIDE,
    MAILBOX_NOT_BROUGHT,
    MAILBOX_PASSES,
    MAILBOX_PRESSURE,
    MAILBOX_PROGRESS,
    MAILBOX_SET_ASIDE,
    PROJECTS,
    SWITCH_PROGRESS,
    M,
    Topic,
)
from isthmus_project import Project
from pydantic import ValidationError

from . import reading, record
from .pressure import pressure_of
from .record import Journal, Mailbox
from .summary import DirectoryView, ProjectView
from .throughput import gains

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from isthmus.accounts.v1 import accounts_pb2
    from isthmus.events.v1 import directory_pb2, mailbox_pb2, project_pb2, switch_pb2
    from isthmus_service import Service

    from .board import Board
    from .main import StatsSettings

TOPICS: tuple[Topic[Any], ...] = (
    PROJECTS,
    DIRECTORY_STATUS,
    ACCOUNT_PAIRS,
    MAILBOX_PROGRESS,
    MAILBOX_PASSES,
    MAILBOX_SET_ASIDE,
    MAILBOX_KEPT_ASIDE,
    MAILBOX_NOT_BROUGHT,
    MAILBOX_PRESSURE,
    SWITCH_PROGRESS,
)
TABLES = ("mailboxes", "journals", "projects", "directories", "throughput")
_APP = "isthmus-stats"
CHANGELOGS: tuple[Topic[Any], ...] = tuple(
    Topic(
        f"{_APP}-{table}-changelog",
        Message,
        compacted=True,
        key="key of the table, as JSON",
        about=f"Faust's own copy of the table {table}, from which a new worker reads it back.",
    )
    for table in TABLES
)
"""Faust would create these itself, but on a broker that is slow to show them it then takes them for empty."""
_SAVE_SECONDS = 5

# Faust tells each start and stop of its many parts; what matters of it we say ourselves.
for _name in ("faust", "mode", reading.__name__):
    logging.getLogger(_name).setLevel(logging.WARNING)


class Aggregation:
    def __init__(self, service: Service[StatsSettings], board: Board) -> None:
        self._log = service.log
        self._board = board
        # Of each partition: buckets that are not in the table yet, and when some last were put there.
        self._unsaved: defaultdict[int, dict[str, tuple[float, float]]] = defaultdict(dict)
        self._saved: defaultdict[int, float] = defaultdict(float)
        # Faust wants a folder even when all its stores are in memory.
        self._folder = tempfile.TemporaryDirectory(prefix="isthmus-stats-")
        self._app = faust.App(
            _APP,
            broker=[f"kafka://{broker}" for broker in service.settings.kafka.split(",")],
            # To be raised when the shape of a table changes: new tables are built from the topics then.
            version=1,
            store="memory://",
            datadir=self._folder.name,
            topic_partitions=ACCOUNT_PAIRS.partitions,
            processing_guarantee=ProcessingGuarantee.AT_LEAST_ONCE,
            consumer_auto_offset_reset="earliest",
            # A stopped worker's partitions are free at once, not after a minute.
            broker_session_timeout=15.0,
            broker_heartbeat_interval=3.0,
            broker_commit_interval=1.0,
            # A broker that came back, and a topic that was not there, are seen after so long.
            consumer_metadata_max_age_ms=5_000,
            web_enabled=False,
            TableManager=reading.Tables,
        )
        self._app.transport = reading.Transport(self._app.conf.broker_consumer, self._app)
        self._mailboxes, self._journals, self._projects, self._directories, self._throughput = (
            self._app.Table(name, key_type=str) for name in TABLES
        )
        self._listen(PROJECTS, self._project)
        self._listen(DIRECTORY_STATUS, self._directory)
        self._listen(ACCOUNT_PAIRS, self._pair)
        self._listen(MAILBOX_PROGRESS, self._progress)
        self._listen(MAILBOX_PASSES, self._pass)
        self._listen(MAILBOX_SET_ASIDE, self._set_aside)
        self._listen(MAILBOX_KEPT_ASIDE, self._setting)
        self._listen(MAILBOX_NOT_BROUGHT, self._not_brought)
        self._listen(MAILBOX_PRESSURE, self._pressure)
        self._listen(SWITCH_PROGRESS, self._switch)
        board.unread = "reading the tables back from Kafka"
        self._app.on_rebalance_complete.connect(self._recovered)
        service.on_stop(self._stop)
        service.check("tables", lambda: board.unread or None)

    def _listen(self, topic: Topic[M], fold: Callable[[M, Event], None]) -> None:
        async def agent(stream: Any) -> AsyncIterator[None]:
            async for got in stream.events():
                message = got.message
                try:
                    event = decode(
                        topic, message.partition, message.offset, message.key, message.value, message.headers or []
                    )
                except UndecodableError as error:
                    self._log.warning(
                        "an event was left out", topic=topic.name, offset=message.offset, reason=str(error)
                    )
                else:
                    fold(cast("M", event.data), event)
                    self._board.changed()
                yield

        channel = self._app.topic(
            topic.name, key_type=bytes, value_type=bytes, key_serializer="raw", value_serializer="raw"
        )
        self._app.agent(channel, name=topic.name)(agent)

    async def run(self) -> None:
        """Until cancelled. Raises what Faust stopped for."""
        await self._app.start()
        await self._app.wait_until_stopped()
        raise self._app.crash_reason or RuntimeError("Faust has stopped by itself")

    async def _stop(self) -> None:
        """Faust waits a minute for a Kafka that does not answer; a service that stops does not."""
        await self._app.stop()
        self._folder.cleanup()

    # --- after a start, and when partitions came or went ------------------------------------------------------------

    def _recovered(self, *_: Any, **__: Any) -> None:
        """Shows what the tables hold now that Faust has read them back."""
        board = self._board
        board.mailboxes = {key: Mailbox.from_json(value) for key, value in self._mailboxes.items()}
        board.journals = {key: Journal.from_row(value) for key, value in self._journals.items()}
        board.projects = {key: ProjectView(**value) for key, value in self._projects.items()}
        board.directories = {key: DirectoryView(**value) for key, value in self._directories.items()}
        for key, value in self._throughput.items():
            partition, resolution, start = map(int, key.split("/"))
            board.throughput.put(partition, resolution, start, *value)
        board.publish()
        # Of a topic that Kafka has not told of yet there are no partitions: Faust then reads nothing at all, and takes
        # its tables for read back.
        partitions = {topic.name: self._app.consumer.topic_partitions(topic.name) for topic in (*TOPICS, *CHANGELOGS)}
        unseen = [name for name, number in partitions.items() if number == 0]
        board.unread = f"waiting until Kafka tells of {', '.join(unseen)}" if unseen else ""
        if unseen:
            self._log.warning("waiting until Kafka tells of topics", topics=unseen)
        else:
            self._log.info("the tables are read back", mailboxes=len(board.mailboxes))

    # --- folds ------------------------------------------------------------------------------------------------------

    def _project(self, applied: project_pb2.ProjectApplied, _event: Event) -> None:
        try:
            project = Project.model_validate_json(applied.document)
        except ValidationError as error:
            # A newer version's project, say. The portal shows the names that it has.
            self._log.warning("a project cannot be read", project=applied.project, reason=str(error))
            return
        ordered = sorted(project.collections, key=lambda collection: collection.priority)
        view = ProjectView(
            name=project.project,
            revision=applied.revision,
            source=project.source.name,
            target=project.target.name,
            collections=[(collection.name, collection.switch) for collection in ordered],
        )
        self._projects[view.name] = asdict(view)
        self._board.projects[view.name] = view

    def _directory(self, said: directory_pb2.DirectoryStatus, _event: Event) -> None:
        view = DirectoryView(
            state=said.state,
            pairs=said.pairs,
            matched=said.matched,
            created=said.created,
            ambiguous=said.ambiguous,
            errors=said.errors,
            problem=said.problem,
        )
        self._directories[said.project] = asdict(view)
        self._board.directories[said.project] = view

    def _pair(self, pair: accounts_pb2.Pair, _event: Event) -> None:
        mailbox = self._mailbox(pair.id)
        self._keep(mailbox, record.with_pair(mailbox, pair))

    def _progress(self, progress: mailbox_pb2.MailboxProgress, event: Event) -> None:
        before = self._mailbox(progress.pair_id)
        after = record.with_progress(before, progress)
        if after == before:
            return
        self._keep(before, after)
        for gain in gains(before, after):
            share = self._board.throughput.add(event.partition, gain)
            self._unsaved[event.partition][f"{event.partition}/{gain.resolution}/{gain.start}"] = share
        self._save_throughput(event.partition)
        journal = self._journal(after.id)
        sampled = record.with_sample(journal, after)
        if len(sampled.samples) != len(journal.samples):
            self._keep_journal(after.id, sampled)
        else:
            self._board.journals[after.id] = sampled  # only its newest point has moved, which is not worth a write

    def _pass(self, done: mailbox_pb2.PassCompleted, _event: Event) -> None:
        identity = done.pair_id.hex()
        self._keep_journal(identity, record.with_pass(self._journal(identity), done))

    def _set_aside(self, item: mailbox_pb2.ItemSetAside, event: Event) -> None:
        identity = item.pair_id.hex()
        at = int(event.time.timestamp() * 1_000_000)
        self._keep_journal(identity, record.with_set_aside(self._journal(identity), item, at))

    def _setting(self, said: mailbox_pb2.KeptAside, _event: Event) -> None:
        identity = said.pair_id.hex()
        self._keep_journal(identity, record.with_setting(self._journal(identity), said))

    def _not_brought(self, said: mailbox_pb2.NotBrought, _event: Event) -> None:
        mailbox = self._mailbox(said.pair_id)
        self._keep(mailbox, record.with_not_brought(mailbox, said))

    def _pressure(self, said: mailbox_pb2.WorkerPressure, _event: Event) -> None:
        # In no table: workers say it again before anybody has missed it.
        self._board.pressures[said.worker] = pressure_of(said)

    def _switch(self, progress: switch_pb2.SwitchProgress, _event: Event) -> None:
        switch = record.switch_of(progress)
        mailbox = self._mailbox(progress.pair_id)
        self._keep(mailbox, record.with_switch(mailbox, switch))
        self._keep_journal(mailbox.id, record.with_step(self._journal(mailbox.id), switch))

    # --- tables and board, always together --------------------------------------------------------------------------

    def _mailbox(self, pair: bytes) -> Mailbox:
        return self._board.mailboxes.get(pair.hex()) or Mailbox(pair.hex())

    def _journal(self, identity: str) -> Journal:
        return self._board.journals.get(identity) or Journal()

    def _keep(self, before: Mailbox, after: Mailbox) -> None:
        if after != before:
            self._mailboxes[after.id] = after.to_json()
            self._board.mailboxes[after.id] = after

    def _keep_journal(self, identity: str, journal: Journal) -> None:
        if journal != self._journal(identity):
            self._journals[identity] = journal.to_row()
            self._board.journals[identity] = journal

    def _save_throughput(self, partition: int) -> None:
        """Writes the buckets that this partition has filled lately, all its mailboxes together, every few seconds.

        A table is written to while an event of the partition is handled, so it is done with the next event then; a
        crash forgets a few seconds of speed.
        """
        now = self._board.clock()
        if now - self._saved[partition] < _SAVE_SECONDS:
            return
        self._saved[partition] = now
        for key, share in self._unsaved.pop(partition, {}).items():
            self._throughput[key] = share
        for old, resolution, start in self._board.throughput.expire(partition, now):
            self._throughput.pop(f"{old}/{resolution}/{start}", None)
