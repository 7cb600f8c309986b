"""How a mailbox stands is told once, and again when another worker may have told something else meanwhile."""

from __future__ import annotations

from collections.abc import AsyncIterator

import asyncpg
import pytest
from isthmus.accounts.v1.accounts_pb2 import Account, Pair
from isthmus.events.v1.mailbox_pb2 import (
    MAILBOX_STATE_IN_STEP,
    MAILBOX_STATE_PASS,
    MAILBOX_STATE_PAUSED,
    MAILBOX_STATE_SWITCHED,
    MailboxProgress,
    MailboxState,
)
from isthmus_events import Lease, OwnershipLost
from isthmus_mailbox import boxes
from isthmus_mailbox.database import open_database
from isthmus_mailbox.reporting import Reporter
from isthmus_service import Pool, Service, ServiceSettings

_PAIR = b"pair"
_NO_COMMIT = """
    CREATE FUNCTION no_commit() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'no room'; END $$;
    CREATE CONSTRAINT TRIGGER no_commit AFTER INSERT ON outbox
        DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION no_commit();
"""


@pytest.fixture
async def pool(database_url: str) -> AsyncIterator[Pool]:
    settings = ServiceSettings.model_validate({"database_url": database_url, "instance": "test"})
    async with Service("mailbox", settings) as service:
        pool = await open_database(service)
        address = Account(primary_smtp_address="anna@alpha.example")
        await pool.execute(
            "INSERT INTO mailbox (pair_id, partition, pair, collection, wanted, switched)"
            " VALUES ($1, 0, $2, 'test', true, false)",
            _PAIR,
            Pair(id=_PAIR, source=address, target=address, collection="test").SerializeToString(),
        )
        yield pool


async def _lease(pool: Pool) -> Lease:
    """That of a new owner."""
    epoch = await pool.fetchval(
        "INSERT INTO partition_owner AS known (consumer_group, partition, epoch, owner)"
        " VALUES ('mailbox', 0, 1, 'test')"
        " ON CONFLICT (consumer_group, partition) DO UPDATE SET epoch = known.epoch + 1 RETURNING epoch"
    )
    return Lease("mailbox", 0, epoch)


async def _tell(reporter: Reporter, lease: Lease, state: MailboxState.ValueType) -> None:
    async with reporter.telling(lease, MailboxProgress(pair_id=_PAIR, state=state)):
        pass


async def _told(pool: Pool) -> list[MailboxState.ValueType]:
    rows = await pool.fetch("SELECT data FROM outbox ORDER BY position")
    return [MailboxProgress.FromString(row["data"]).state for row in rows]


async def test_what_is_not_new_is_told_again_only_after_another_owner(pool: Pool) -> None:
    ours, others = Reporter(pool), Reporter(pool)
    lease = await _lease(pool)
    await _tell(ours, lease, MAILBOX_STATE_IN_STEP)
    await _tell(ours, lease, MAILBOX_STATE_IN_STEP)
    await _tell(others, await _lease(pool), MAILBOX_STATE_PASS)
    with pytest.raises(OwnershipLost):
        await _tell(ours, lease, MAILBOX_STATE_IN_STEP)
    await _tell(ours, await _lease(pool), MAILBOX_STATE_IN_STEP)
    assert await _told(pool) == [MAILBOX_STATE_IN_STEP, MAILBOX_STATE_PASS, MAILBOX_STATE_IN_STEP]


async def test_paused_mailboxes_are_told_again_after_another_owner(pool: Pool) -> None:
    await pool.execute("UPDATE mailbox SET paused = true")
    ours, others = Reporter(pool), Reporter(pool)
    lease = await _lease(pool)
    for _ in range(2):
        await ours.tell_paused({0: lease}, [])
    await _tell(others, await _lease(pool), MAILBOX_STATE_IN_STEP)
    lease = await _lease(pool)
    for _ in range(2):
        await ours.tell_paused({0: lease}, [])
    assert await _told(pool) == [MAILBOX_STATE_PAUSED, MAILBOX_STATE_IN_STEP, MAILBOX_STATE_PAUSED]


async def test_what_was_taken_back_was_not_told(pool: Pool) -> None:
    ours, lease = Reporter(pool), await _lease(pool)
    await _tell(ours, lease, MAILBOX_STATE_IN_STEP)
    await pool.execute(_NO_COMMIT)
    with pytest.raises(asyncpg.RaiseError):
        await _tell(ours, lease, MAILBOX_STATE_PASS)
    await pool.execute("DROP TRIGGER no_commit ON outbox")
    await _tell(ours, lease, MAILBOX_STATE_PASS)
    assert await _told(pool) == [MAILBOX_STATE_IN_STEP, MAILBOX_STATE_PASS]


async def test_paused_again_after_it_was_resumed_is_told_again(pool: Pool) -> None:
    await pool.execute("UPDATE mailbox SET paused = true, switched = true")
    ours, lease = Reporter(pool), await _lease(pool)
    await ours.tell_paused({0: lease}, [])
    (box,) = await boxes.paused(pool, [0])
    async with pool.acquire() as connection, connection.transaction():
        await ours.tell_resumed(connection, box)
    await ours.tell_paused({0: lease}, [])
    assert await _told(pool) == [MAILBOX_STATE_PAUSED, MAILBOX_STATE_SWITCHED, MAILBOX_STATE_PAUSED]
