"""A mailbox rests until the next of what its pass left undone is due, and is not looked at all the time either."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from isthmus.accounts.v1.accounts_pb2 import RECIPIENT_KIND_USER, SIDE_SOURCE, SIDE_TARGET, Account, Pair
from isthmus_events import Lease
from isthmus_events.topics import ACCOUNT_PAIRS
from isthmus_mailbox import boxes
from isthmus_mailbox.database_ledger import DatabaseLedger
from isthmus_mailbox.doubts import GRACE_SECONDS
from isthmus_service import Pool
from isthmus_sync.mailbox.model import (
    Action,
    FolderIntent,
    FolderRow,
    FolderWrite,
    Intent,
    LedgerChange,
    Staged,
    Work,
)

from tests.conftest import Broker
from tests.lab.copying import contents, listing, put, role, stream
from tests.lab.mailbox_system import EVERYBODY, PROGRAM, mailbox_system
from tests.plugins.conditions import conditions, injected
from tests.plugins.exchange import Office
from tests.processes import Process
from tests.waiting import eventually

_PAIR = b"pair"
_BEGAN, _NOW = 1000.0, 1010.0
_LONG, _SHORTEST, _INTERVAL = 900.0, 10.0, 60.5


@pytest.fixture
async def pool(ledgers: Pool) -> Pool:
    await ledgers.execute(
        "INSERT INTO mailbox (pair_id, partition, pair, collection, wanted, switched)"
        " VALUES ($1, 0, '', 'test', true, false)",
        _PAIR,
    )
    await ledgers.execute(
        "INSERT INTO partition_owner (consumer_group, partition, epoch, owner) VALUES ('mailbox', 0, 1, 'test')"
    )
    return ledgers


def _work(number: int, not_before: float, *, work: Work = Work.COPY, reason: str = "refused") -> Staged:
    return Staged(f"aXRlb{number:03}", 1, work, attempts=1, not_before=not_before, reason=reason)


async def _rest(pool: Pool, change: LedgerChange) -> float:
    """How long the mailbox rests, in seconds, when its pass leaves this undone."""
    await DatabaseLedger(pool, Lease("mailbox", 0, 1), _PAIR).write(change)
    box = boxes.Box(Pair(id=_PAIR, collection="test"), 0, False, 1, 0, 0, "", ())
    async with pool.acquire() as connection, connection.transaction():
        await boxes.finished(connection, box, boxes.Rest(_LONG, _SHORTEST, _INTERVAL, _BEGAN, _NOW), "")
        seconds: float = await connection.fetchval("SELECT extract(epoch FROM due - now())::float8 FROM mailbox")
    return seconds


async def test_who_is_switched_or_gets_another_mailbox_while_a_pass_comes_to_its_end_is_not_where_it_was(
    ledgers: Pool,
) -> None:
    async def heard(**changes: Any) -> None:
        pair = Pair(
            id=_PAIR,
            kind=RECIPIENT_KIND_USER,
            collection="test",
            active_side=SIDE_SOURCE,
            source=Account(mailbox_guid=b"hers"),
            target=Account(mailbox_guid=b"one"),
        )
        pair.MergeFrom(Pair(**changes))
        async with ledgers.acquire() as connection, connection.transaction():
            await boxes.keep(connection, pair, 0)

    async def still() -> bool:
        async with ledgers.acquire() as connection, connection.transaction():
            return await boxes.still_between(connection, box)

    await heard()
    [box], _ = await boxes.due(ledgers, [0], (), most=1, priorities={})
    assert await still()
    await heard(collection="another", source=Account(display_name="Anna"))
    assert await still()
    await heard(target=Account(mailbox_guid=b"two"))
    assert not await still()
    await heard(active_side=SIDE_TARGET)
    assert not await still()


@pytest.mark.parametrize(
    ("staged", "seconds"),
    [
        ([], _LONG),
        ([_work(1, _NOW + 30), _work(2, _NOW + 60)], 30),
        ([_work(1, _NOW + 5000)], _LONG),
        ([_work(1, _NOW + 40, work=Work.DELETE), _work(2, _NOW + 41, work=Work.READ_FLAG)], 40),
        # It became due while the pass was under way: soon, but it is not looked at all the time.
        ([_work(1, _BEGAN + 1)], _SHORTEST),
        ([_work(number, _NOW + number) for number in range(500)], _SHORTEST),
        # It failed in passing.
        ([_work(1, _NOW, reason="")], _INTERVAL),
        # It was due, and is there still; or it was never tried; or it is no work.
        ([_work(1, _BEGAN), Staged("aXRlbTAw", 1, Work.COPY), _work(3, _NOW + 20, work=Work.LEFT_OUT)], _LONG),
    ],
)
async def test_a_mailbox_rests_until_something_is_to_be_tried_again(
    pool: Pool, staged: list[Staged], seconds: float
) -> None:
    assert await _rest(pool, LedgerChange(stage=staged)) == pytest.approx(seconds)


async def test_a_mailbox_rests_until_what_got_no_answer_will_get_none_any_more(pool: Pool) -> None:
    flag = Staged("aXRlbTAx", 1, Work.READ_FLAG)
    assert await _rest(pool, LedgerChange(stage=[flag])) == _LONG
    number = await pool.fetchval("SELECT sequence FROM work")
    asked = LedgerChange(intents={number: Intent(Action.READ_FLAG, _NOW + 90)})
    assert await _rest(pool, asked) == pytest.approx(90 + GRACE_SECONDS)
    intent = FolderIntent(FolderWrite.DELETE, _NOW + 50)
    gone = FolderRow(1, None, "Old", "IPF.Note", "", None, "Zm9sZGVy", gone=True, intent=intent)
    assert await _rest(pool, LedgerChange(folders=[gone])) == pytest.approx(50 + GRACE_SECONDS)


async def test_what_is_set_aside_in_a_watched_mailbox_is_tried_again_in_time(
    broker: Broker, office: Office, database_url: str, tmp_path: Path, start: Callable[..., Process]
) -> None:
    async with mailbox_system(office, broker.bootstrap, database_url, tmp_path) as running:
        running.document["mailbox"] = {"interval_seconds": 600}
        await running.apply(EVERYBODY)
        start("mailbox", PROGRAM, **running.settings)
        anna = running.hire("anna")
        inbox, copies = await role(anna.alpha, "inbox"), await role(anna.beta, "inbox")
        await running.say(ACCOUNT_PAIRS, anna.id, anna.pair())
        await running.answer(anna, b"")
        connection = await asyncpg.connect(database_url, server_settings={"search_path": "mailbox"})
        try:

            async def watched() -> bool:
                # Who is not watched would rest for the interval.
                return bool(await connection.fetchval("SELECT due > now() + interval '610 s' FROM mailbox"))

            await eventually(watched)
            refused = {"fault": "error", "code": "ErrorAccessDenied", "operations": ["UploadItems"], "times": 1}
            with conditions(office.exchanges.beta, faults={"rules": [refused]}):
                await put(anna.alpha, inbox, stream("Letter"))

                async def set_aside() -> bool:
                    return bool(await connection.fetchval("SELECT count(*) FROM work WHERE reason <> ''"))

                await eventually(set_aside)
                passes: int = await connection.fetchval("SELECT passes FROM mailbox")

                async def copied() -> bool:
                    return len(await listing(anna.beta, copies)) == 1

                await eventually(copied, 90)
                assert list(injected(office.exchanges.beta).values()) == [1]
            assert await connection.fetchval("SELECT passes FROM mailbox") <= passes + 3
        finally:
            await connection.close()
        assert await contents(anna.beta) == await contents(anna.alpha)
