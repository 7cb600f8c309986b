"""Collections of the mailbox service with two workers: concurrency, filters and membership, changed while it works."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import asyncpg
import pytest
from isthmus.accounts.v1.accounts_pb2 import SIDE_SOURCE
from isthmus.events.v1.mailbox_pb2 import MAILBOX_STATE_IN_STEP
from isthmus_events import Lease, OwnershipLost
from isthmus_events.topics import ACCOUNT_PAIRS
from isthmus_exchange.operations import CreateFolder, UpdateInboxRules
from isthmus_mailbox import first_passes
from isthmus_mailbox.database import open_database
from isthmus_service import Pool, Service, ServiceSettings

from tests.conftest import Broker
from tests.lab.copying import listing, put, role, stream
from tests.lab.mailbox_system import EVERYBODY, PROGRAM, MailboxSystem, mailbox_system
from tests.lab.test_mailbox_surroundings import moving, rules_of
from tests.lab.test_mailbox_trees import subjects, top
from tests.plugins.exchange import Office
from tests.processes import Process
from tests.waiting import eventually


@pytest.fixture
async def running(broker: Broker, office: Office, database_url: str, tmp_path: Path) -> AsyncIterator[MailboxSystem]:
    async with mailbox_system(office, broker.bootstrap, database_url, tmp_path) as system:
        yield system


async def test_concurrency_filters_and_membership_take_effect_at_once(
    running: MailboxSystem, start: Callable[..., Process]
) -> None:
    nothing = {"filters": [{"name": "not yet", "exclude": "everything"}]}
    await running.apply({**EVERYBODY, "concurrency": 1, **nothing}, {**EVERYBODY, "name": "Small"})
    movers = [running.hire(f"mover {number}") for number in range(4)]
    for mover in movers:
        await put(mover.alpha, await role(mover.alpha, "inbox"), *(stream(f"Letter {each}") for each in range(20)))
        await running.say(ACCOUNT_PAIRS, mover.id, mover.pair())
    for number in range(2):
        start(f"mailbox-{number}", PROGRAM, **running.settings)

    async def in_step() -> bool:
        return all(each.progress and each.progress[-1].state == MAILBOX_STATE_IN_STEP for each in movers)

    await eventually(in_step, 120)
    firsts = sorted((one.started_at, one.finished_at) for each in movers for one in each.passes[:1])
    assert all(ended <= began for (_, ended), (began, _) in itertools.pairwise(firsts)), firsts
    assert [(each.progress[-1].items_left_out, each.progress[-1].items_total) for each in movers] == [(20, 0)] * 4

    async def copied(count: int, who: int) -> None:
        async def there() -> bool:
            beta = movers[who].beta
            return len(await listing(beta, await role(beta, "inbox"))) == count

        await eventually(there, 60)

    # They rest for a quarter of an hour now. One comes into another collection, then the filter goes.
    await running.say(ACCOUNT_PAIRS, movers[0].id, movers[0].pair(collection="Small"))
    await copied(20, 0)
    assert len(await listing(movers[1].beta, await role(movers[1].beta, "inbox"))) == 0
    await running.apply(EVERYBODY, {**EVERYBODY, "name": "Small"})
    await asyncio.gather(*(copied(20, who) for who in (1, 2, 3)))
    # Whoever is taken out is not due any more, and goes on from there when put in again.
    await running.say(ACCOUNT_PAIRS, movers[1].id, movers[1].pair(collection=""))

    async def left_alone() -> bool:
        connection = await asyncpg.connect(running.settings["ISTHMUS_DATABASE_URL"])
        wanted = await connection.fetchval("SELECT wanted FROM mailbox.mailbox WHERE pair_id = $1", movers[1].id)
        await connection.close()
        return not wanted

    await eventually(left_alone, 60)
    await put(movers[1].alpha, await role(movers[1].alpha, "inbox"), stream("Late"))
    await running.say(ACCOUNT_PAIRS, movers[1].id, movers[1].pair(SIDE_SOURCE))
    await copied(21, 1)


async def test_what_the_project_wants_beside_the_mail_takes_effect_at_once(
    running: MailboxSystem, start: Callable[..., Process]
) -> None:
    document = running.document["mailbox"]
    running.document["mailbox"] = {**document, "surroundings": {"archive": False, "rules": False}}
    await running.apply(EVERYBODY)
    nora = running.hire("nora", archives=(True, True))
    inbox = await role(nora.alpha, "inbox")
    travel = await nora.alpha.call(CreateFolder(inbox, "Travel", "IPF.Note"))
    await put(nora.alpha, travel, stream("To Rome"))
    await put(nora.alpha, await top(nora.alpha, "archivemsgfolderroot"), stream("Old"))
    assert await nora.alpha.call(UpdateInboxRules((), (moving("Travel", travel),))) == {}
    await running.say(ACCOUNT_PAIRS, nora.id, nora.pair())
    start("mailbox", PROGRAM, **running.settings)
    await running.answer(nora, b"")
    archive = await top(nora.beta, "archivemsgfolderroot")
    assert (await subjects(nora.beta, archive), await rules_of(nora.beta)) == ([], [])

    # It rests for a quarter of an hour now.
    running.document["mailbox"] = document
    await running.apply(EVERYBODY)

    async def there() -> bool:
        return await subjects(nora.beta, archive) == ["Old"] and len(await rules_of(nora.beta)) == 1

    await eventually(there, 60)


@pytest.fixture
async def pool(database_url: str) -> AsyncIterator[Pool]:
    settings = ServiceSettings.model_validate({"database_url": database_url, "instance": "test"})
    async with Service("mailbox", settings) as service:
        yield await open_database(service)


async def _own(pool: Pool, epoch: int) -> Lease:
    await pool.execute(
        "INSERT INTO partition_owner (consumer_group, partition, epoch, owner) VALUES ('mailbox', 0, $1, 'test')"
        " ON CONFLICT (consumer_group, partition) DO UPDATE SET epoch = excluded.epoch",
        epoch,
    )
    return Lease("mailbox", 0, epoch)


async def test_places_of_first_passes(pool: Pool) -> None:
    lease = await _own(pool, 1)
    one, two, three = (bytes([number]) * 16 for number in range(3))

    async def take(who: bytes, most: int, by: Lease = lease) -> bool:
        return await first_passes.take(pool, by, who, "pilot", most)

    assert [await take(who, 2) for who in (one, two, three)] == [True, True, False]
    assert await first_passes.full(pool, {"pilot": 2, "other": 1}) == ["pilot"]
    # The limit is lowered: the oldest stays. Somebody orders one: it is counted.
    assert [await take(who, 1) for who in (one, two)] == [True, False]
    assert await take(three, 100)
    assert await first_passes.full(pool, {"pilot": 2}) == ["pilot"]
    # A worker dies: its places are free after a while.
    await pool.execute("UPDATE first_pass SET until = now() - interval '1 second' WHERE pair_id = $1", one)
    assert await take(two, 2)
    # The mailbox has a newer owner: the place is the new owner's.
    newer = await _own(pool, 2)
    with pytest.raises(OwnershipLost):
        await take(two, 2)
    assert await take(two, 2, newer)
    await first_passes.leave(pool, lease, two)
    assert not await take(one, 2, newer)
    await first_passes.leave(pool, newer, two)
    assert await take(one, 2, newer)
    # Many at once: never more than there are.
    others = [bytes([number]) * 16 for number in range(10, 30)]
    assert sum(await asyncio.gather(*(take(who, 5, newer) for who in others))) == 3
