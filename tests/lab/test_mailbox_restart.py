"""A mailbox that was made anew is begun again when somebody orders it, and nothing comes twice."""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest
from isthmus.accounts.v1.accounts_pb2 import SIDE_TARGET
from isthmus.events.v1.mailbox_pb2 import (
    MAILBOX_ORDER_PASS,
    MAILBOX_ORDER_PASS_AND_PROVE,
    MAILBOX_ORDER_RESTART,
    MAILBOX_STATE_BLOCKED,
    MAILBOX_STATE_SWITCHED,
    MailboxOrder,
)
from isthmus_events.topics import ACCOUNT_PAIRS
from isthmus_exchange.client import Mailbox
from isthmus_exchange.operations import (
    AddDelegates,
    CreateFolder,
    CreateSearchFolder,
    DeleteFolder,
    DeleteItems,
    FolderUpdate,
    GetDelegation,
    UpdateInboxRules,
)
from isthmus_exchange.values import Delegate, Disposal, Member
from isthmus_mailbox import restarting

from tests.conftest import Broker
from tests.lab.copying import Contents, contents, listing, put, role, stream
from tests.lab.mailbox_system import PROGRAM, MailboxSystem, Mover, mailbox_system
from tests.lab.surrounded import Surrounded, beta_folder, change, levels
from tests.lab.test_mailbox_searches import parameters, searches
from tests.lab.test_mailbox_surroundings import entry, moving, rules_of
from tests.lab.test_mailbox_trees import subjects, top
from tests.plugins.conditions import conditions, injected
from tests.plugins.exchange import Exchange, Office, Person
from tests.processes import Process
from tests.waiting import eventually

_ARCHIVE, _RECOVERABLE = "archivemsgfolderroot", "recoverableitemsdeletions"


@pytest.fixture
async def running(broker: Broker, office: Office, database_url: str, tmp_path: Path) -> AsyncIterator[MailboxSystem]:
    async with mailbox_system(office, broker.bootstrap, database_url, tmp_path) as system:
        yield system


@pytest.fixture
def service(running: MailboxSystem, start: Callable[..., Process]) -> Iterator[Process]:
    service = start("mailbox", PROGRAM, **running.settings)
    yield service
    print(service.tail(60))


async def _made_anew(exchange: Exchange, person: Person, mailbox: Mailbox, *, only_archive: bool = False) -> None:
    """The mailbox and its archive are disabled, and new ones enabled."""
    before = await top(mailbox, _ARCHIVE)
    names = ("msExchArchiveGUID",) if only_archive else ("msExchArchiveGUID", "msExchMailboxGuid")
    exchange.change(person.dn, **{name: [uuid.uuid4().bytes_le] for name in names})

    async def empty() -> bool:
        return await top(mailbox, _ARCHIVE) != before

    await eventually(empty)


async def _in_archive(mailbox: Mailbox) -> list[str]:
    return await subjects(mailbox, await top(mailbox, _ARCHIVE))


def _together(one: Contents, other: Contents) -> Contents:
    """What either has, once."""
    return {path: one.get(path, Counter()) | other.get(path, Counter()) for path in one.keys() | other.keys()}


async def _blocked(mover: Mover) -> str:
    """What is said of it then."""

    async def blocked() -> bool:
        return bool(mover.progress) and mover.progress[-1].state == MAILBOX_STATE_BLOCKED

    await eventually(blocked, 60)
    return mover.progress[-1].problem


async def test_a_source_that_was_made_anew_is_begun_again(running: MailboxSystem, service: Process) -> None:
    anna = running.hire("anna", archives=(True, True))
    alpha, beta = anna.alpha, anna.beta
    inbox = await role(alpha, "inbox")
    both, old, travel = stream("Both"), stream("Old"), stream("To Rome")
    archived, also_archived = stream("Archived"), stream("Archived, restored")
    await put(alpha, inbox, both, old)
    await put(alpha, await alpha.call(CreateFolder(inbox, "Travel", "IPF.Note")), travel)
    await put(alpha, await top(alpha, _ARCHIVE), archived, also_archived)
    await running.say(ACCOUNT_PAIRS, anna.id, anna.pair())
    await running.answer(anna, b"")
    before = await contents(beta)

    # Some of it is restored into the new mailbox, and mail came meanwhile.
    await _made_anew(running.office.exchanges.alpha, anna.source, alpha)
    inbox = await role(alpha, "inbox")
    await put(alpha, inbox, both, stream("New"))
    await put(alpha, await alpha.call(CreateFolder(inbox, "Travel", "IPF.Note")), travel, stream("To Oslo"))
    await put(alpha, await top(alpha, _ARCHIVE), also_archived)
    await running.order(anna, MAILBOX_ORDER_PASS)
    assert f"isthmus mailbox restart {alpha.address}" in await _blocked(anna)
    assert await contents(beta) == before

    answer = await running.answer(anna, await running.order(anna, MAILBOX_ORDER_RESTART))
    assert (answer.added, answer.deleted, answer.moved) == (2, 0, 0)
    assert await contents(beta) == _together(before, await contents(alpha))
    assert await _in_archive(beta) == ["Archived", "Archived, restored"]
    # What the former mailbox had is surplus that the target has of its own, so the mailbox may be switched.
    answer = await running.answer(anna, await running.order(anna, MAILBOX_ORDER_PASS_AND_PROVE))
    assert (answer.proof.equal, answer.proof.surplus, answer.deleted) == (True, 2, 0)


async def test_an_archive_that_was_made_anew_is_begun_again(running: MailboxSystem, service: Process) -> None:
    fritz = running.hire("fritz", archives=(True, True))
    alpha, beta = fritz.alpha, fritz.beta
    both, only_former = stream("Both"), stream("Former")
    await put(alpha, await role(alpha, "inbox"), stream("One"))
    await put(alpha, await top(alpha, _ARCHIVE), both, only_former)
    await running.say(ACCOUNT_PAIRS, fritz.id, fritz.pair())
    await running.answer(fritz, b"")
    await _made_anew(running.office.exchanges.alpha, fritz.source, alpha, only_archive=True)
    await put(alpha, await top(alpha, _ARCHIVE), both, stream("New"))
    await put(alpha, await role(alpha, "inbox"), stream("Two"))
    await running.answer(fritz, await running.order(fritz, MAILBOX_ORDER_PASS))
    assert f"isthmus mailbox restart {alpha.address}" in fritz.progress[-1].problem
    assert await subjects(beta, await role(beta, "inbox")) == ["One", "Two"], "the mailbox goes on"
    assert await _in_archive(beta) == ["Both", "Former"]
    assert (await running.answer(fritz, await running.order(fritz, MAILBOX_ORDER_RESTART))).added == 1
    assert await subjects(beta, await role(beta, "inbox")) == ["One", "Two"]
    assert await _in_archive(beta) == ["Both", "Former", "New"]


async def test_a_healthy_mailbox_that_is_begun_again_gets_nothing_twice(
    running: MailboxSystem, service: Process
) -> None:
    bert = running.hire("bert", archives=(True, True))
    alpha, beta = bert.alpha, bert.beta
    inbox = await role(alpha, "inbox")
    letters = await put(alpha, inbox, *(stream(f"Letter {number}") for number in range(5)))
    await put(alpha, inbox, stream("View"), associated=True)
    await put(alpha, await alpha.call(CreateFolder(inbox, "Travel", "IPF.Note")), stream("To Rome"))
    await put(alpha, await top(alpha, _ARCHIVE), stream("Archived"))
    await alpha.call(DeleteItems((letters[0],), Disposal.SOFT_DELETE))
    await running.say(ACCOUNT_PAIRS, bert.id, bert.pair())
    await running.answer(bert, b"")
    own = await put(beta, await role(beta, "inbox"), stream("The target's own"))
    for _ in range(2):
        await running.answer(bert, await running.order(bert, MAILBOX_ORDER_RESTART))
        answer = await running.answer(bert, await running.order(bert, MAILBOX_ORDER_PASS_AND_PROVE))
        assert (answer.proof.equal, answer.proof.surplus) == (True, 1)
        assert not any((answer.added, answer.updated, answer.moved, answer.deleted))
    assert sum(each.added for each in bert.passes) == 8
    assert sum(each.deleted for each in bert.passes) == 0
    await beta.call(DeleteItems(tuple(own)))
    assert await contents(beta) == await contents(alpha)
    assert await _in_archive(beta) == ["Archived"]
    assert await subjects(beta, await top(beta, _RECOVERABLE)) == ["Letter 0"]


async def test_what_may_still_come_is_waited_for(running: MailboxSystem, service: Process) -> None:
    cora = running.hire("cora")
    await put(cora.alpha, await role(cora.alpha, "inbox"), stream("Late"))
    beta = running.office.exchanges.beta
    late = {"fault": "slow", "seconds": 5, "operations": ["UploadItems"], "mailboxes": [cora.target.smtp], "times": 1}
    with conditions(beta, faults={"rules": [late]}):
        await running.say(ACCOUNT_PAIRS, cora.id, cora.pair())

        async def sent() -> bool:
            return sum(injected(beta).values()) == 1

        await eventually(sent)
        service.kill()
        service.start()
        await running.answer(cora, await running.order(cora, MAILBOX_ORDER_RESTART))
    answer = await running.answer(cora, await running.order(cora, MAILBOX_ORDER_PASS_AND_PROVE))
    assert (answer.proof.equal, answer.proof.surplus, answer.deleted) == (True, 0, 0)
    # A pass that finds it before the order comes says that it brought it; one that begins again adopts it.
    assert sum(each.added for each in cora.passes) <= 1
    assert len(await listing(cora.beta, await role(cora.beta, "inbox"))) == 1


async def test_nobody_who_is_switched_is_begun_again(running: MailboxSystem, service: Process) -> None:
    dora = running.hire("dora")
    await put(dora.alpha, await role(dora.alpha, "inbox"), stream("One"), stream("Two"))
    await running.say(ACCOUNT_PAIRS, dora.id, dora.pair())
    await running.answer(dora, b"")
    there = await role(dora.beta, "inbox")
    await running.say(ACCOUNT_PAIRS, dora.id, dora.pair(SIDE_TARGET))
    await dora.beta.call(DeleteItems(tuple((await listing(dora.beta, there))[:1])))
    await running.order(dora, MAILBOX_ORDER_RESTART)

    async def refused() -> bool:
        last = dora.progress[-1]
        return (last.state, last.problem) == (MAILBOX_STATE_SWITCHED, restarting.SWITCHED)

    await eventually(refused)
    answer = await running.answer(dora, await running.order(dora, MAILBOX_ORDER_PASS_AND_PROVE))
    assert (answer.added, answer.proof.removed_on_target) == (0, 1), "the ledger still knows what its owner deleted"
    assert len(await listing(dora.beta, there)) == 1
    assert dora.progress[-1].problem == ""


@pytest.mark.parametrize(
    "order",
    [MAILBOX_ORDER_PASS, MAILBOX_ORDER_RESTART, MAILBOX_ORDER_PASS_AND_PROVE],
    ids=["looked at", "begun again", "proven"],
)
async def test_a_target_that_was_made_anew_is_filled_again(
    running: MailboxSystem, service: Process, order: MailboxOrder.ValueType
) -> None:
    emil = running.hire("emil", archives=(True, True))
    alpha, beta = emil.alpha, emil.beta
    inbox = await role(alpha, "inbox")
    travel = await alpha.call(CreateFolder(inbox, "Travel", "IPF.Note"))
    both = stream("Restored")
    await put(alpha, inbox, stream("One"), stream("Two"), both)
    await put(alpha, travel, stream("To Rome"))
    await put(alpha, await top(alpha, _ARCHIVE), stream("Archived"))
    assert await alpha.call(UpdateInboxRules((), (moving("Travel", travel),))) == {}
    await running.say(ACCOUNT_PAIRS, emil.id, emil.pair())
    await running.answer(emil, b"")
    await _made_anew(running.office.exchanges.beta, emil.target, beta)
    await put(beta, await role(beta, "inbox"), both)

    await put(alpha, inbox, stream("Three"))
    await running.answer(emil, await running.order(emil, order))
    assert await subjects(beta, await role(beta, "inbox")) == ["One", "Restored", "Three", "Two"]
    answer = await running.answer(emil, await running.order(emil, MAILBOX_ORDER_PASS_AND_PROVE))
    assert (answer.proof.equal, answer.proof.surplus, answer.set_aside, answer.added) == (True, 0, 0, 0)
    assert await _in_archive(beta) == ["Archived"]
    assert [each.name for each in await rules_of(beta)] == ["Travel"]


async def test_a_new_mail_tells_of_a_target_that_was_made_anew(running: MailboxSystem, service: Process) -> None:
    """There is no place for it, and so the next pass looks; no order, no sweep, and no proof is waited for."""
    gina = running.hire("gina")
    inbox = await role(gina.alpha, "inbox")
    await put(gina.alpha, inbox, stream("One"))
    await running.say(ACCOUNT_PAIRS, gina.id, gina.pair())
    await running.answer(gina, b"")
    before = await role(gina.beta, "inbox")
    running.office.exchanges.beta.change(gina.target.dn, msExchMailboxGuid=[uuid.uuid4().bytes_le])

    async def made_anew() -> bool:
        return await role(gina.beta, "inbox") != before

    await eventually(made_anew)
    await put(gina.alpha, inbox, stream("Two"))

    async def filled() -> bool:
        return await subjects(gina.beta, await role(gina.beta, "inbox")) == ["One", "Two"]

    await eventually(filled, 90)


async def test_an_archive_of_the_target_that_was_made_anew_is_filled_again(
    running: MailboxSystem, service: Process
) -> None:
    hugo = running.hire("hugo", archives=(True, True))
    alpha, beta = hugo.alpha, hugo.beta
    await put(alpha, await role(alpha, "inbox"), stream("One"))
    await put(alpha, await top(alpha, _ARCHIVE), stream("Archived"))
    await running.say(ACCOUNT_PAIRS, hugo.id, hugo.pair())
    await running.answer(hugo, b"")
    await _made_anew(running.office.exchanges.beta, hugo.target, beta, only_archive=True)
    assert (await running.answer(hugo, await running.order(hugo, MAILBOX_ORDER_PASS))).added == 1
    assert await _in_archive(beta) == ["Archived"]
    assert await subjects(beta, await role(beta, "inbox")) == ["One"]


async def test_after_the_switch_a_target_that_was_made_anew_is_led_back_and_filled(
    running: MailboxSystem, service: Process
) -> None:
    ida = running.hire("ida", archives=(True, True))
    alpha, beta = ida.alpha, ida.beta
    await put(alpha, await role(alpha, "inbox"), stream("One"))
    await put(alpha, await top(alpha, _ARCHIVE), stream("Archived"))
    await running.say(ACCOUNT_PAIRS, ida.id, ida.pair())
    await running.answer(ida, b"")
    await running.say(ACCOUNT_PAIRS, ida.id, ida.pair(SIDE_TARGET))
    await _made_anew(running.office.exchanges.beta, ida.target, beta)
    request = await running.order(ida, MAILBOX_ORDER_PASS_AND_PROVE)
    said = await _blocked(ida)
    assert f"isthmus switch {alpha.address} --undo" in said and beta.address in said
    assert await subjects(beta, await role(beta, "inbox")) == []

    await running.say(ACCOUNT_PAIRS, ida.id, ida.pair())
    answer = await running.answer(ida, request)
    assert (answer.proof.equal, answer.added) == (True, 2)
    assert await subjects(beta, await role(beta, "inbox")) == ["One"]
    assert await _in_archive(beta) == ["Archived"]


async def test_what_surrounds_the_mail_is_set_again_in_a_target_that_was_made_anew(around: Surrounded) -> None:
    box = around.box
    alpha = box.alpha
    bert, _ = around.hire("bert")
    inbox = await role(alpha, "inbox")
    travel = await alpha.call(CreateFolder(inbox, "Travel", "IPF.Note"))
    await change(alpha, *(FolderUpdate(each, "Folder", [entry(bert, "Reviewer")]) for each in (inbox, travel)))
    deputy = Delegate(Member(address=bert.smtp), (("CalendarFolderPermissionLevel", "Editor"),), True, True)
    assert await alpha.call(AddDelegates(alpha.address, (deputy,), "DelegatesAndMe")) == [None]
    assert await alpha.call(UpdateInboxRules((), (moving("Travel", travel),))) == {}
    await alpha.call(CreateSearchFolder(None, "Unread", parameters(inbox)))

    async def there() -> list[object]:
        beta = box.beta
        delegation = await beta.call(GetDelegation(beta.address))
        places = [await role(beta, "inbox"), await beta_folder(around, travel)]
        return [
            [(each.member.address, each.levels) for each in delegation.delegates],
            [each.name for each in await rules_of(beta)],
            list(await searches(beta)),
            [await levels(beta, place) for place in places],
        ]

    await around.look()
    before = await there()
    assert all(before)
    # Another mailbox, in which nothing is.
    box.beta = box.beta.client.mailbox(around.office.beta("anew").smtp)
    await around.look(eager=False)
    assert await there() == before


async def test_what_surrounds_the_mail_is_not_set_twice(around: Surrounded) -> None:
    box = around.box
    alpha, beta = box.alpha, box.beta
    (bert, _), (lost, _) = around.hire("bert"), around.hire("lost", there=False)
    inbox = await role(alpha, "inbox")
    travel = await alpha.call(CreateFolder(inbox, "Travel", "IPF.Note"))
    await change(alpha, FolderUpdate(inbox, "Folder", [entry(each, "Reviewer") for each in (bert, lost)]))
    assert await alpha.call(UpdateInboxRules((), (moving("Travel", travel),))) == {}
    await alpha.call(CreateSearchFolder(None, "Unread", parameters(inbox)))
    await around.look()

    async def there() -> tuple[list[str], object, dict[str, str]]:
        rules = [each.id for each in await rules_of(beta)]
        return rules, await searches(beta), await levels(beta, await role(beta, "inbox"))

    before, aside = await there(), await around.aside()
    assert len(aside) == 1

    async with box.pool.acquire() as connection, connection.transaction():
        assert await restarting.restart(connection, box.pair)
    assert await around.aside() == set()
    await around.look()
    assert await there() == before
    assert await around.aside() == aside

    # What the mailbox that is begun again does not have any more stays on the target.
    async with box.pool.acquire() as connection, connection.transaction():
        assert await restarting.restart(connection, box.pair)
    assert await alpha.call(UpdateInboxRules(tuple(each.id for each in await rules_of(alpha)), ())) == {}
    (search,) = (await searches(alpha)).values()
    await alpha.call(DeleteFolder(search.id))
    await around.look()
    assert await there() == before
