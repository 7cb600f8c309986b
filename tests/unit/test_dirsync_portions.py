"""How decisions go out: in portions, some at a time, and what is told of them in few statements."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any, cast

import pytest
from isthmus.events.v1.directory_pb2 import DirectoryChanged
from isthmus_dirsync.carrying_out import in_portions
from isthmus_dirsync.telling import rounds


async def test_some_portions_are_under_way_at_a_time() -> None:
    under_way, most, done = 0, 0, list[int]()

    async def work(portion: Sequence[Any]) -> None:
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        await asyncio.sleep(0)
        done.extend(portion)
        under_way -= 1

    await in_portions(work, cast(Any, list(range(1_050))))
    assert (most, sorted(done)) == (4, list(range(1_050)))


async def test_after_a_failure_nothing_more_is_begun_and_the_other_portions_end() -> None:
    begun, ended = list[int](), list[int]()

    async def work(portion: Sequence[Any]) -> None:
        begun.append(portion[0])
        if portion[0] == 0:
            raise ConnectionError("away")
        await asyncio.sleep(0)
        ended.append(portion[0])

    with pytest.raises(ConnectionError):
        await in_portions(work, cast(Any, list(range(2_000))))
    assert begun == [0]
    begun.clear()

    async def later(portion: Sequence[Any]) -> None:
        begun.append(portion[0])
        await asyncio.sleep(0)
        if portion[0] == 0:
            raise ConnectionError("away")
        await asyncio.sleep(0)
        ended.append(portion[0])

    with pytest.raises(ConnectionError):
        await in_portions(later, cast(Any, list(range(2_000))))
    assert begun == [0, *ended]
    assert len(ended) == 3


def test_what_was_written_to_both_objects_of_a_pair_is_told_in_turn() -> None:
    said = [(key, DirectoryChanged(distinguished_name=dn)) for key, dn in ((b"b", "1"), (b"a", "2"), (b"b", "3"))]
    assert [{key: each.distinguished_name for key, each in some.items()} for some in rounds(said)] == [
        {b"a": "2", b"b": "1"},
        {b"b": "3"},
    ]
    assert rounds([]) == []
