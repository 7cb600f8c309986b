"""The mailbox service as a process, with Kafka, PostgreSQL and two Exchange servers, killed while it works."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import asyncpg
import pytest
from isthmus.accounts.v1.accounts_pb2 import SIDE_TARGET
from isthmus.events.v1.mailbox_pb2 import (
    MAILBOX_ORDER_PASS,
    MAILBOX_ORDER_PASS_AND_PROVE,
    MAILBOX_ORDER_PAUSE,
    MAILBOX_ORDER_RESUME,
    MAILBOX_STATE_IN_STEP,
    MAILBOX_STATE_PAUSED,
    MAILBOX_STATE_SWITCHED,
    PRESSURE_LIMIT_CLOSED_HOURS,
)
from isthmus_events import read_all
from isthmus_events.topics import (
    ACCOUNT_PAIRS,
    MAILBOX_CERTIFICATES,
)
from isthmus_exchange.operations import CreateFolder, DeleteItems, MoveItems, RenameFolder, SetReadFlags
from isthmus_sync.mailbox.certificate import PUBLIC_FILE, opened, public_key, unpacked

from tests.conftest import Broker
from tests.lab.copying import contents, listing, put, rewrite, role, stream
from tests.lab.mailbox_system import EVERYBODY, PROGRAM, MailboxSystem, Mover, mailbox_system
from tests.plugins.conditions import conditions, injected
from tests.plugins.exchange import Office
from tests.processes import Process
from tests.waiting import eventually


@pytest.fixture
async def running(broker: Broker, office: Office, database_url: str, tmp_path: Path) -> AsyncIterator[MailboxSystem]:
    async with mailbox_system(office, broker.bootstrap, database_url, tmp_path) as system:
        yield system


@pytest.fixture
def service(running: MailboxSystem, start: Callable[..., Process]) -> Iterator[Process]:
    service = start("mailbox", PROGRAM, **running.settings)
    yield service
    print(service.tail(60))


async def _fill(mover: Mover, items: int) -> None:
    inbox = await role(mover.alpha, "inbox")
    folder = await mover.alpha.call(CreateFolder(inbox, "Travel", "IPF.Note"))
    for start in range(0, items, 50):
        place = inbox if start % 100 else folder
        await put(mover.alpha, place, *(stream(f"Letter {start + number}", size=4000) for number in range(50)))
    await put(mover.alpha, inbox, stream("View"), associated=True)


async def _work(mover: Mover, luck: random.Random) -> None:
    """What people do while their mailbox is copied."""
    inbox = await role(mover.alpha, "inbox")
    letters = await listing(mover.alpha, inbox)
    luck.shuffle(letters)
    await put(mover.alpha, inbox, *(stream(f"New {number}") for number in range(3)))
    await rewrite(mover.alpha, inbox, letters[0], f"Edited {luck.random()}")
    await mover.alpha.call(SetReadFlags(tuple((each, luck.random() < 0.5) for each in letters[1:4])))
    await mover.alpha.call(MoveItems(tuple(letters[4:7]), await role(mover.alpha, "deleteditems")))
    await mover.alpha.call(DeleteItems((letters[7],)))
    folder = await mover.alpha.call(CreateFolder(inbox, f"Folder {luck.random()}", "IPF.Note"))
    await mover.alpha.call(MoveItems((letters[8],), folder))
    await mover.alpha.call(RenameFolder(folder, f"Renamed {luck.random()}"))


async def test_killed_ten_times_it_ends_equal(running: MailboxSystem, service: Process) -> None:
    luck = random.Random(5)
    movers = [running.hire(name) for name in ("anna", "bert", "cora")]
    for mover in movers:
        await _fill(mover, 300)
        await running.say(ACCOUNT_PAIRS, mover.id, mover.pair())
    for number in range(10):
        # From its first moments to well into its work, whatever the machine makes of that.
        await asyncio.sleep(luck.uniform(0.5, 6))
        service.kill()
        await _work(movers[number % len(movers)], luck)
        service.start()
    for mover in movers:
        request = await running.order(mover, MAILBOX_ORDER_PASS_AND_PROVE)
        answer = await running.answer(mover, request)
        assert answer.proof.equal, answer
        assert answer.proof.surplus == 0
        said = opened(unpacked(answer.proof.certificate), public_key((running.secrets / PUBLIC_FILE).read_bytes()))
        assert (said["pair"], said["complete"], said["differences"]) == (mover.id.hex(), True, [])
        assert said["source"]["items"] == said["target"]["items"] == answer.proof.source_items
        assert said["source"]["digest"] == said["target"]["digest"]
        issued = (await read_all(running.bootstrap, MAILBOX_CERTIFICATES))[mover.id].data
        assert (issued.certificate, list(issued.request_ids)) == (answer.proof.certificate, [request])
        assert answer.proof.source_items == answer.proof.target_items > 300
        assert await contents(mover.beta) == await contents(mover.alpha)
        last = mover.progress[-1]
        assert (last.state, last.items_done, last.items_set_aside) == (
            MAILBOX_STATE_IN_STEP,
            answer.proof.source_items,
            0,
        )
    assert service.stop() == 0, service.tail()


async def test_a_proof_whose_worker_dies_is_gone_on_with(
    running: MailboxSystem, service: Process, database_url: str
) -> None:
    frida = running.hire("frida")
    inbox = await role(frida.alpha, "inbox")
    for number in range(15):
        await put(frida.alpha, await frida.alpha.call(CreateFolder(inbox, f"{number}", "IPF.Note")), stream("One"))
    await running.say(ACCOUNT_PAIRS, frida.id, frida.pair())
    await running.answer(frida, b"")
    await asyncio.sleep(3)  # a mark is to be believed: nothing happened within its second
    connection = await asyncpg.connect(database_url)
    try:

        async def some_proven() -> bool:
            # Among them are folders of which the servers say that they are empty: those take no requests.
            with_items = "SELECT count(*) FROM mailbox.proven WHERE findings LIKE '%[1, 1]%'"
            proven: int = await connection.fetchval(with_items)
            return proven >= 3

        with conditions(running.office.exchanges.alpha, delay={"call_ms": {"FindItem": 1000}}):
            request = await running.order(frida, MAILBOX_ORDER_PASS_AND_PROVE)
            await eventually(some_proven)
            service.kill()
        died = datetime.now(UTC)
        service.start()
        answer = await running.answer(frida, request)
        assert await connection.fetchval("SELECT count(*) FROM mailbox.proven") == 0
    finally:
        await connection.close()
    said = opened(unpacked(answer.proof.certificate), public_key((running.secrets / PUBLIC_FILE).read_bytes()))
    assert (said["complete"], said["source"]["digest"]) == (True, said["target"]["digest"])
    assert said["trees"] == ["/", "/Recoverable Items"]
    assert datetime.fromisoformat(said["began_at"]) < died < datetime.fromisoformat(said["ended_at"])
    again = await running.answer(frida, await running.order(frida, MAILBOX_ORDER_PASS_AND_PROVE))
    assert again.proof.digest == answer.proof.digest
    assert again.round_trips >= answer.round_trips + 2 * 3, "each of them is listed on both sides"


async def test_whose_worker_died_while_it_sent_holds_nobody_up(
    running: MailboxSystem, start: Callable[..., Process]
) -> None:
    gina, hugo = running.hire("gina"), running.hire("hugo")
    for mover in (gina, hugo):
        await put(mover.alpha, await role(mover.alpha, "inbox"), stream("One"))
    beta = running.office.exchanges.beta
    silence = {"fault": "no-answer", "seconds": 600, "operations": ["UploadItems"], "mailboxes": [gina.target.smtp]}
    with conditions(beta, faults={"rules": [silence]}):
        more = {"ISTHMUS_ANSWER_SECONDS": "600", "ISTHMUS_MAILBOXES_AT_ONCE": "1"}
        service = start("mailbox", PROGRAM, **running.settings | more)
        await running.say(ACCOUNT_PAIRS, gina.id, gina.pair())

        async def sent() -> bool:
            return sum(injected(beta).values()) == 1

        await eventually(sent)
        service.kill()
        service.start()

        async def waits() -> bool:
            return "waiting for writes without an answer" in service.tail(20)

        await eventually(waits)
        # There is one place, and until it is certain that gina's upload will not come it is of no use to her.
        await running.say(ACCOUNT_PAIRS, hugo.id, hugo.pair())
        assert (await running.answer(hugo, b"")).added == 1
        assert not gina.passes
        assert await contents(hugo.beta) == await contents(hugo.alpha)

        async def told() -> bool:
            return "the pass is done" in service.tail(20)

        await eventually(told)


async def test_orders_sweeps_pauses_and_the_switch(running: MailboxSystem, service: Process) -> None:
    dora = running.hire("dora")
    inbox = await role(dora.alpha, "inbox")
    await put(dora.alpha, inbox, stream("One"))
    await running.say(ACCOUNT_PAIRS, dora.id, dora.pair())
    first = await running.answer(dora, b"")
    assert (first.added, first.proof.folders) == (1, 0), "a pass of its own accord proves nothing"

    # A mail that comes is brought over by the next sweep, without any order.
    await put(dora.alpha, inbox, stream("Two"))

    async def two_there() -> bool:
        return len(await listing(dora.beta, await role(dora.beta, "inbox"))) == 2

    await eventually(two_there)

    # While it is paused nothing happens, and that is said; an order given meanwhile is answered afterwards.
    await running.order(dora, MAILBOX_ORDER_PAUSE)

    async def paused() -> bool:
        return dora.progress[-1].state == MAILBOX_STATE_PAUSED

    await eventually(paused)
    request = await running.order(dora, MAILBOX_ORDER_PASS)
    await put(dora.alpha, inbox, stream("Three"))
    await asyncio.sleep(3)
    assert len(await listing(dora.beta, await role(dora.beta, "inbox"))) == 2
    await running.order(dora, MAILBOX_ORDER_RESUME)
    assert (await running.answer(dora, request)).request_id == request

    # What a switch would not bring is said before it: Outlook keeps three items offline.
    async def foretold() -> bool:
        said = dora.not_brought[-1].losses if dora.not_brought else []
        return [(each.kind, each.count) for each in said] == [("offline cache", 3)]

    await eventually(foretold)

    # After the switch nothing goes of its own accord; ordered, stragglers come, and what the owner deleted stays away.
    await running.say(ACCOUNT_PAIRS, dora.id, dora.pair(SIDE_TARGET))
    await put(dora.alpha, inbox, stream("Straggler"))
    there = await role(dora.beta, "inbox")
    await dora.beta.call(DeleteItems(tuple((await listing(dora.beta, there))[:1])))
    request = await running.order(dora, MAILBOX_ORDER_PASS_AND_PROVE)
    answer = await running.answer(dora, request)
    assert (answer.proof.missing, answer.proof.removed_on_target) == (1, 1)
    assert len(await listing(dora.beta, there)) == 3

    async def switched() -> bool:
        return dora.progress[-1].state == MAILBOX_STATE_SWITCHED

    await eventually(switched)

    # The mailbox that they have left is emptied, and somebody asks for a certificate: nothing is deleted.
    await dora.alpha.call(DeleteItems(tuple(await listing(dora.alpha, inbox))))
    request = await running.order(dora, MAILBOX_ORDER_PASS_AND_PROVE)
    assert (await running.answer(dora, request)).proof.missing == 0
    assert len(await listing(dora.beta, there)) == 3

    # Paused now, it would not even be made a pass that somebody orders: that is said, and that it is so no more.
    await running.order(dora, MAILBOX_ORDER_PAUSE)
    await eventually(paused)
    await running.order(dora, MAILBOX_ORDER_RESUME)
    await eventually(switched)


async def test_the_hours_of_a_collection_take_effect_at_once(running: MailboxSystem, service: Process) -> None:
    never = {"blackout": ["00:00-24:00"]}
    others = {"name": "Others", "mailboxes": ["others@alpha.example"]}
    await running.apply({**EVERYBODY, "schedule": never}, others)
    anna, bert, cora = (running.hire(name) for name in ("anna", "bert", "cora"))
    await running.say(ACCOUNT_PAIRS, bert.id, bert.pair(collection="Others"))
    await running.answer(bert, b"")
    inbox = await role(anna.alpha, "inbox")
    await put(anna.alpha, inbox, *(stream(f"Letter {number}") for number in range(20)))
    for number in range(12):
        await anna.alpha.call(CreateFolder(inbox, f"Box {number}", "IPF.Note"))
    await running.say(ACCOUNT_PAIRS, anna.id, anna.pair())
    request = await running.order(anna, MAILBOX_ORDER_PASS)
    await running.say(ACCOUNT_PAIRS, cora.id, cora.pair(collection="Others"))
    await running.answer(cora, b"")
    assert anna.passes == [], "not even an ordered pass is made"

    async def said() -> bool:
        why = PRESSURE_LIMIT_CLOSED_HOURS, "blackout hours: mailboxes of Everybody wait"
        return any((each.limit, each.words) == why for each in running.pressures)

    await eventually(said)

    # A pass that is under way when the hours change rests, and goes on when they change again.
    slow = {"call_ms": {"SyncFolderItems": 2000}}
    with conditions(running.office.exchanges.alpha, delay=slow):
        await running.apply(EVERYBODY, others)

        async def under_way() -> bool:
            return bool(anna.progress)

        await eventually(under_way, 150)
        await running.apply({**EVERYBODY, "schedule": never}, others)

        async def rests() -> bool:
            return "blackout hours" in service.tail(10_000)

        await eventually(rests, 150)
        assert anna.passes == []
    await running.apply({**EVERYBODY, "schedule": {"windows": ["00:00-24:00"]}}, others)
    await running.answer(anna, request)
    assert await contents(anna.beta) == await contents(anna.alpha)


async def test_a_pass_ends_when_the_mailbox_gets_another_counterpart_and_when_its_owner_is_switched(
    running: MailboxSystem, service: Process
) -> None:
    ines, jack, other = (running.hire(name) for name in ("ines", "jack", "other"))
    for mover in (ines, jack):
        inbox = await role(mover.alpha, "inbox")
        await put(mover.alpha, inbox, *(stream(f"Letter {number}") for number in range(20)))
        for number in range(12):
            box = await mover.alpha.call(CreateFolder(inbox, f"Box {number}", "IPF.Note"))
            await put(mover.alpha, box, stream("One"))
    right = ines.pair()
    right.target.CopyFrom(other.pair().target)
    for mover, after in ((ines, right), (jack, jack.pair(SIDE_TARGET))):
        with conditions(running.office.exchanges.alpha, delay={"call_ms": {"SyncFolderItems": 5000}}):
            await running.say(ACCOUNT_PAIRS, mover.id, mover.pair())

            async def under_way(mover: Mover = mover) -> bool:
                return bool(mover.progress)

            await eventually(under_way, 150)
            await running.say(ACCOUNT_PAIRS, mover.id, after)

            async def rests(mover: Mover = mover) -> bool:
                said = [line for line in service.tail(10_000).splitlines() if "not between these mailboxes" in line]
                return any(mover.source.smtp in line for line in said)

            await eventually(rests, 60)
            assert mover.passes == []
    left = await contents(ines.beta)

    # Of the other mailbox the ledger knows nothing: it gets everything, and the former one nothing more.
    await running.answer(ines, b"")
    assert await contents(other.beta) == await contents(ines.alpha)
    assert await contents(ines.beta) == left

    # Who is switched is left alone until somebody orders a pass.
    assert jack.passes == []
    answer = await running.answer(jack, await running.order(jack, MAILBOX_ORDER_PASS_AND_PROVE))
    assert (answer.proof.equal, answer.proof.surplus) == (True, 0)
    assert await contents(jack.beta) == await contents(jack.alpha)


async def test_a_blackout_that_begins_within_a_proof_ends_it_between_two_pages(
    running: MailboxSystem, service: Process, database_url: str
) -> None:
    hanna = running.hire("hanna")
    await put(hanna.alpha, await role(hanna.alpha, "inbox"), stream("One"))
    sent = await role(hanna.alpha, "sentitems")
    for _ in range(5):
        await put(hanna.alpha, sent, *(stream("Letter", size=50) for _ in range(500)))
    await running.say(ACCOUNT_PAIRS, hanna.id, hanna.pair())
    await running.answer(hanna, b"")
    await asyncio.sleep(3)  # a mark is to be believed: nothing happened within its second
    connection = await asyncpg.connect(database_url)
    try:

        async def proven(items: int) -> bool:
            counts = f"%[{items}, {items}]%"
            return bool(await connection.fetchval("SELECT count(*) FROM mailbox.proven WHERE findings LIKE $1", counts))

        with conditions(running.office.exchanges.alpha, delay={"call_ms": {"FindItem": 3000}}):
            request = await running.order(hanna, MAILBOX_ORDER_PASS_AND_PROVE)
            await eventually(lambda: proven(1))
            await running.apply({**EVERYBODY, "schedule": {"blackout": ["00:00-24:00"]}})

            async def rests() -> bool:
                return "the pass rests: its collection is closed: blackout hours" in service.tail(10_000)

            await eventually(rests)
        rested = datetime.now(UTC)
        assert not await proven(2500), "it did not wait for the end of the folder"
        await running.apply(EVERYBODY)
        answer = await running.answer(hanna, request)
    finally:
        await connection.close()
    assert (answer.proof.equal, answer.proof.source_items) == (True, 2501)
    said = opened(unpacked(answer.proof.certificate), public_key((running.secrets / PUBLIC_FILE).read_bytes()))
    assert datetime.fromisoformat(said["began_at"]) < rested, "what it had found before held"


_LEDGER = ("folder", "item", "work", "tree")


async def test_news_take_three_requests_and_after_a_restored_database_bring_nothing_twice(
    running: MailboxSystem, service: Process, database_url: str
) -> None:
    running.document["mailbox"] = {"interval_seconds": 600}
    await running.apply(EVERYBODY)
    anna = running.hire("anna")
    inbox, copy = await role(anna.alpha, "inbox"), await role(anna.beta, "inbox")
    await running.say(ACCOUNT_PAIRS, anna.id, anna.pair())
    await running.answer(anna, b"")

    async def bring(subject: str) -> None:
        expected = len(await listing(anna.beta, copy)) + 1
        await put(anna.alpha, inbox, stream(subject))

        async def brought() -> bool:
            return len(await listing(anna.beta, copy)) >= expected

        await eventually(brought)

    async def quick() -> bool:
        await bring("Letter")
        return any(found.round_trips == 3 and found.added for found in anna.passes)

    await eventually(quick, 150)
    connection = await asyncpg.connect(database_url, server_settings={"search_path": "mailbox"})
    try:

        async def at_rest() -> bool:
            return bool(await connection.fetchval("SELECT due > now() + interval '60 s' FROM mailbox"))

        await eventually(at_rest)
        for table in ("mailbox", *_LEDGER):
            await connection.execute(f"CREATE TEMPORARY TABLE kept_{table} AS SELECT * FROM {table}")
        await bring("Letter after the backup")
        await eventually(at_rest)
        async with connection.transaction():
            await connection.execute("UPDATE mailbox SET passes = kept_mailbox.passes FROM kept_mailbox")
            for table in _LEDGER:
                await connection.execute(f"DELETE FROM {table}")
                await connection.execute(f"INSERT INTO {table} SELECT * FROM kept_{table}")
    finally:
        await connection.close()
    await bring("Letter after the restoration")
    answer = await running.answer(anna, await running.order(anna, MAILBOX_ORDER_PASS_AND_PROVE))
    assert (answer.proof.equal, answer.proof.surplus) == (True, 0)
    assert await contents(anna.beta) == await contents(anna.alpha)
