"""Streaming notifications from a real server: what changed is told, what may have been missed counts as changed."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import pytest
from isthmus_exchange.client import Client
from isthmus_exchange.errors import EwsError
from isthmus_exchange.operations import CreateFolder, MoveItems, SetReadFlags, SubscribeToAll
from isthmus_exchange.streaming import UNKNOWN, News, SubscriptionsLost
from isthmus_lab.program import running
from isthmus_mailbox.notices import Notices, Watch

from tests.lab.copying import client, put, role, stream
from tests.plugins.exchange import Exchanges, Office, build
from tests.plugins.forests import Forests, Units
from tests.waiting import eventually


class Heard:
    """What was told, by the names of those who are watched."""

    def __init__(self) -> None:
        self.changed: list[bytes] = []
        self.news = News()
        self.notices = Notices(self._take)

    def _take(self, found: Mapping[bytes, News]) -> None:
        self.changed += sorted(found)
        for news in found.values():
            self.news |= news

    async def watching(self, *names: bytes) -> None:
        async def all_watched() -> bool:
            return all(self.notices.watched(name) for name in names)

        await eventually(all_watched)

    async def of(self, name: bytes) -> None:
        """Until something happened in this mailbox, and as far as we were told in no other."""

        async def told() -> bool:
            return name in self.changed

        await eventually(told)
        assert set(self.changed) == {name}
        self.changed.clear()

    async def told(self, *folders: str) -> None:
        """Until something happened in all of these folders, and as far as we were told nothing else."""

        async def all_told() -> bool:
            return self.news.folders >= set(folders)

        await eventually(all_told)
        assert self.news == News(frozenset(folders))
        self.news = News()


@pytest.fixture
async def heard() -> AsyncIterator[Heard]:
    heard = Heard()
    yield heard
    await heard.notices.close()


@pytest.fixture
async def alpha(exchanges: Exchanges) -> AsyncIterator[Client]:
    async with client(exchanges.alpha) as alpha:
        yield alpha


async def test_every_kind_of_change_is_told_of_the_mailbox_in_which_it_happened(
    heard: Heard, alpha: Client, office: Office
) -> None:
    anna, bert, carla = (alpha.mailbox(office.alpha(name).smtp) for name in ("anna", "bert", "carla"))
    nobody = Watch(alpha, "nobody@nowhere.test")
    heard.notices.want({b"anna": Watch(alpha, anna.address), b"bert": Watch(alpha, bert.address), b"nobody": nobody})
    await heard.watching(b"anna", b"bert")
    assert not heard.notices.watched(b"nobody"), "it is looked at in turn"
    assert sorted(heard.changed) == [b"anna", b"bert", b"nobody"], "what happened before may have been missed"
    heard.changed.clear()

    await put(bert, await role(bert, "inbox"), stream("Letter"))
    await heard.of(b"bert")
    folder = await anna.call(CreateFolder(await role(anna, "calendar"), "Team", "IPF.Appointment"))
    await heard.of(b"anna")
    await put(anna, folder, stream("Hidden"), associated=True)
    await heard.of(b"anna")

    # One comes and one goes. The newer connection takes over: of the one who stays nothing is missed.
    heard.notices.want({b"bert": Watch(alpha, bert.address), b"carla": Watch(alpha, carla.address)})
    await heard.watching(b"bert", b"carla")
    assert not heard.notices.watched(b"anna")
    assert heard.changed == [b"carla"]


async def test_the_folders_in_which_items_did_something_are_named(heard: Heard, alpha: Client, office: Office) -> None:
    anna = alpha.mailbox(office.alpha("anna").smtp)
    inbox, deleted = await role(anna, "inbox"), await role(anna, "deleteditems")
    heard.notices.want({b"anna": Watch(alpha, anna.address)})
    await heard.watching(b"anna")
    assert heard.news == UNKNOWN, "what happened before may have been missed"
    heard.news = News()

    (letter,) = await put(anna, inbox, stream("Letter"))
    await heard.told(inbox)
    await anna.call(SetReadFlags(((letter, True),)))
    await heard.told(inbox)
    await anna.call(MoveItems((letter,), deleted))
    await heard.told(inbox, deleted)
    await anna.call(CreateFolder(inbox, "Project", "IPF.Note"))

    async def more() -> bool:
        return heard.news.more

    await eventually(more)


async def test_a_server_that_restarts_is_watched_again_and_nothing_is_missed(
    heard: Heard, forests: Forests, units: Units, tmp_path: Path
) -> None:
    exchange = build(forests, tmp_path).alpha
    async with client(exchange) as alpha:
        with running(exchange.program, log_folder=tmp_path):
            anna = alpha.mailbox(exchange.hire(units.alpha, "anna").smtp)
            heard.notices.want({b"anna": Watch(alpha, anna.address)})
            await heard.watching(b"anna")
            heard.changed.clear()
        await heard.of(b"anna")
        assert not heard.notices.watched(b"anna")
        with running(exchange.program, log_folder=tmp_path):
            await heard.watching(b"anna")
            await heard.of(b"anna")
            await put(anna, await role(anna, "inbox"), stream("Letter"))
            await heard.of(b"anna")
            await heard.notices.close()


async def test_an_unknown_subscription_is_named_and_another_account_s_is_refused(
    alpha: Client, exchanges: Exchanges, office: Office
) -> None:
    anna = office.alpha("anna")
    async with (
        alpha.anchored(anchor=anna.smtp) as ours,
        Client(exchanges.alpha.ews, anna.principal, anna.password, name="own", tls=exchanges.alpha.tls()) as own,
    ):
        subscription = await ours.mailbox(anna.smtp).call(SubscribeToAll())
        with pytest.raises(SubscriptionsLost) as lost:
            await anext(ours.stream(["bm9uc2Vuc2U=", subscription]))
        assert lost.value.ids == {"bm9uc2Vuc2U="}
        with pytest.raises(EwsError, match="ErrorSubscriptionAccessDenied"):
            await anext(own.stream([subscription]))
        first = await anext(told := ours.stream([subscription]))
        assert first.news == {}
        await told.aclose()


async def test_nothing_is_missed_while_more_and_more_are_watched(heard: Heard, alpha: Client, office: Office) -> None:
    people = [alpha.mailbox(office.alpha(f"p{number}").smtp) for number in range(4)]
    reader, watches = people[0], {b"0": Watch(alpha, people[0].address)}
    inbox = await role(reader, "inbox")
    heard.notices.want(watches)
    await heard.watching(b"0")
    for number, person in enumerate(people[1:], 1):
        heard.changed.clear()
        name = str(number).encode()
        watches[name] = Watch(alpha, person.address)
        heard.notices.want(watches)
        # Before, while and after the newer connection takes over.
        while not heard.notices.watched(name):
            before = heard.changed.count(b"0")
            await put(reader, inbox, stream("Letter"))

            async def told(before: int = before) -> bool:
                return heard.changed.count(b"0") > before

            await eventually(told)
        assert heard.changed.count(name) == 1
