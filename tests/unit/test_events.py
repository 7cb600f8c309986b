"""Events as values: CloudEvents headers, what cannot be decoded, repeats, topics."""

from __future__ import annotations

import asyncio
import dataclasses
import re
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from isthmus.events.v1.mailbox_pb2 import MailboxProgress
from isthmus_events import ALL_TOPICS, Event, UndecodableError, asyncapi
from isthmus_events.event import decode, headers
from isthmus_events.finishing import finish
from isthmus_events.handling import is_repeat
from isthmus_events.reading import newest
from isthmus_events.topics import ACCOUNT_PAIRS, MAILBOX_ORDERS, MAILBOX_PROGRESS

NOW = datetime(2026, 5, 4, 3, 2, 1, 123456, tzinfo=UTC)
EVENT = Event(
    id="0d8b0a0e-5f0f-4b0e-9d64-0f8f2d1f2a11",
    topic=MAILBOX_PROGRESS.name,
    partition=3,
    offset=17,
    key=b"\x00pair",
    sequence=5,
    type="isthmus.events.v1.MailboxProgress",
    source="mailbox",
    time=NOW,
    data=MailboxProgress(items_done=9),
)
HEADERS = headers(EVENT.id, EVENT.source, EVENT.type, EVENT.time, EVENT.sequence)


def test_an_event_is_decoded_as_it_was_encoded() -> None:
    assert decode(MAILBOX_PROGRESS, 3, 17, EVENT.key, EVENT.data.SerializeToString(), HEADERS) == EVENT


def test_headers_are_those_of_cloudevents() -> None:
    assert dict(HEADERS) == {
        "ce_specversion": b"1.0",
        "ce_id": EVENT.id.encode(),
        "ce_source": b"mailbox",
        "ce_type": b"isthmus.events.v1.MailboxProgress",
        "ce_time": b"2026-05-04T03:02:01.123456+00:00",
        "ce_sequence": b"5",
        "content-type": b"application/protobuf",
    }
    assert "ce_sequence" not in dict(headers("i", "s", "t", NOW, 0))


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"ce_specversion": None}, "it has no header ce_specversion"),
        ({"ce_specversion": b"0.3"}, "it is of CloudEvents 0.3, not 1.0"),
        ({"ce_id": None}, "it has no header ce_id"),
        ({"ce_type": b"isthmus.accounts.v1.Pair"}, "it is a isthmus.accounts.v1.Pair, and the topic is for "),
        ({"ce_time": b"yesterday"}, "a header cannot be read: "),
        ({"ce_sequence": b"many"}, "a header cannot be read: "),
        ({"ce_source": b"\xff"}, "a header cannot be read: "),
    ],
)
def test_wrong_headers(changed: dict[str, bytes | None], reason: str) -> None:
    wrong = list({**dict(HEADERS), **changed}.items())
    with pytest.raises(UndecodableError, match=re.escape(reason)):
        decode(MAILBOX_PROGRESS, 0, 0, b"k", b"", wrong)


@pytest.mark.parametrize(
    ("key", "value", "reason"),
    [
        (None, b"", "no key"),
        (b"k", None, "no data"),
        (b"k", b"\xff", "its data is no isthmus.events.v1.MailboxProgress"),
    ],
)
def test_wrong_messages(key: bytes | None, value: bytes | None, reason: str) -> None:
    with pytest.raises(UndecodableError, match=reason):
        decode(MAILBOX_PROGRESS, 0, 0, key, value, HEADERS)


@given(
    st.binary(),
    st.binary(),
    st.lists(st.tuples(st.sampled_from([name for name, _ in HEADERS]), st.none() | st.binary())),
)
def test_whatever_comes_is_an_event_or_undecodable(
    key: bytes, value: bytes, others: list[tuple[str, bytes | None]]
) -> None:
    with pytest.raises(UndecodableError):
        decode(MAILBOX_PROGRESS, 0, 0, key, value, [*HEADERS, *others, ("ce_type", b"another")])


def number(sequence: int, source: str = "mailbox", key: bytes = b"k") -> Event:
    return dataclasses.replace(EVENT, sequence=sequence, source=source, key=key)


def test_a_repeat_is_known_by_source_key_and_sequence() -> None:
    seen = {("mailbox", b"k"): 7}
    assert is_repeat(number(6), seen)
    assert is_repeat(number(7), seen)
    assert not is_repeat(number(8), seen)
    assert not is_repeat(number(7, source="switch"), seen)
    assert not is_repeat(number(7, key=b"other"), seen)
    assert not is_repeat(number(0), seen), "the command line's events have no sequence and are never repeats"


@given(st.lists(st.integers(1, 9)))
def test_the_newest_of_a_key_is_the_one_with_the_highest_sequence(sequences: list[int]) -> None:
    events: dict[bytes, Event] = {}
    put = [sequence for sequence in sequences if newest(events, number(sequence))]
    assert put == sorted(set(put))
    assert {event.sequence for event in events.values()} == ({max(sequences)} if sequences else set())


def test_the_newest_of_two_sources_is_the_one_that_came_last() -> None:
    events: dict[bytes, Event] = {}
    for event in (number(9, source="a"), number(1, source="b"), number(0, source="cli")):
        assert newest(events, event)


def test_topics_follow_the_rules() -> None:
    assert len({topic.name for topic in ALL_TOPICS}) == len(ALL_TOPICS)
    for topic in ALL_TOPICS:
        assert re.fullmatch(r"isthmus\.[a-z]+\.[a-z]+\.v1", topic.name)
        assert topic.about.endswith(".")
    assert ACCOUNT_PAIRS.partitions == MAILBOX_ORDERS.partitions, "a worker owns both together"


async def test_work_is_finished_when_it_is_cancelled() -> None:
    go, done = asyncio.Event(), []

    async def work() -> None:
        await go.wait()
        done.append(True)

    task = asyncio.ensure_future(finish(work(), 60))
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.sleep(0)
    assert not task.done()
    go.set()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert done


async def test_work_that_does_not_end_is_cancelled_in_the_end() -> None:
    ended: list[bool] = []

    async def work() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append(True)

    task = asyncio.ensure_future(finish(work(), 0.01))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert ended


def test_the_asyncapi_document_describes_every_topic() -> None:
    description = asyncapi.document()
    assert description["channels"].keys() == {topic.name for topic in ALL_TOPICS}

    def references(value: object) -> Iterator[str]:
        if isinstance(value, dict):
            yield from [value["$ref"]] if "$ref" in value else []
            value = list(value.values())
        for item in value if isinstance(value, list) else []:
            yield from references(item)

    for reference in references(description):
        found = description
        for name in reference.removeprefix("#/").split("/"):
            found = found[name]
    pairs = description["components"]["messages"]["isthmus.events.v1.PairObserved"]["payload"]["schema"]
    assert "message PairObserved {\n  Pair pair = 1;\n}" in pairs
    assert "  repeated string smtp_addresses = 7;" in pairs
    assert "enum Side {\n  SIDE_UNSPECIFIED = 0;" in pairs
