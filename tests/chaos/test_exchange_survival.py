"""Death of the lab's Exchange servers: what they acknowledged is there afterwards, once."""

from __future__ import annotations

import smtplib
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from exchangelib import FileAttachment, Message
from exchangelib.errors import EWSError
from isthmus_lab.program import wait_ready

from tests.plugins.clients import account_of
from tests.plugins.exchange import Exchange, Person, build
from tests.plugins.forests import Forests, Units
from tests.processes import Process


@dataclass
class Server:
    """A server that the test starts, kills and starts again."""

    exchange: Exchange
    process: Process

    def start(self) -> None:
        self.process.start()
        wait_ready(self.exchange.program, alive=self.process.alive)


@pytest.fixture
def servers(forests: Forests, tmp_path: Path) -> Iterator[tuple[Server, Server]]:
    both = build(forests, tmp_path)
    alpha, beta = (
        Server(each, Process(each.program.command, tmp_path / f"{each.organisation.name}.log"))
        for each in (both.alpha, both.beta)
    )
    try:
        yield alpha, beta
    finally:
        alpha.process.kill()
        beta.process.kill()


def mail(exchange: Exchange, person: Person, count: int) -> None:
    with smtplib.SMTP(*exchange.smtp) as client:
        for number in range(count):
            client.sendmail("out@side.test", [person.smtp], f"Subject: {number}\r\n\r\ntext\r\n".encode())


def subjects(exchange: Exchange, person: Person, count: int) -> list[int]:
    """The numbers in the Inbox, as soon as there are so many."""
    inbox = account_of(exchange, person).inbox
    deadline = time.monotonic() + 60
    while len(found := sorted(int(each.subject) for each in inbox.all().only("subject"))) < count:
        assert time.monotonic() < deadline, found
        time.sleep(0.1)
    return found


def test_mail_taken_before_death_is_delivered_once(servers: tuple[Server, Server], units: Units) -> None:
    alpha, _ = servers
    alpha.start()
    anna = alpha.exchange.hire(units.alpha, "anna")
    for _round in range(3):
        mail(alpha.exchange, anna, 20)
        alpha.process.kill()
        alpha.start()
    assert subjects(alpha.exchange, anna, 60) == sorted(list(range(20)) * 3)
    time.sleep(0.5)
    assert len(subjects(alpha.exchange, anna, 60)) == 60


def test_mail_waits_for_an_organisation_that_is_away(servers: tuple[Server, Server], units: Units) -> None:
    alpha, beta = servers
    alpha.start()
    anna = alpha.exchange.hire(units.alpha, "anna")
    bert = beta.exchange.hire(units.beta, "bert")
    account = account_of(alpha.exchange, anna)
    for number in range(5):
        Message(account=account, subject=str(number), to_recipients=[bert.smtp]).send()
    alpha.process.kill()
    alpha.start()
    beta.start()
    assert subjects(beta.exchange, bert, 5) == [0, 1, 2, 3, 4]


def test_what_was_saved_is_there_and_the_end_is_clean(servers: tuple[Server, Server], units: Units) -> None:
    alpha, _ = servers
    alpha.start()
    anna = alpha.exchange.hire(units.alpha, "anna")
    account = account_of(alpha.exchange, anna)
    saved = Message(account=account, folder=account.drafts, subject="Kept").save()
    states = list(account.drafts.sync_items())
    alpha.process.kill()
    alpha.start()
    assert account.drafts.get(id=saved.id).subject == "Kept"
    assert len(states) == 1
    assert list(account.drafts.sync_items()) == []
    assert alpha.process.stop() == 0


def test_uploads_are_there_as_they_were_acknowledged(servers: tuple[Server, Server], units: Units) -> None:
    """The server is killed while large items come in, more than once: batches are there whole or not at all."""
    alpha, _ = servers
    alpha.start()
    anna = alpha.exchange.hire(units.alpha, "anna")
    account = account_of(alpha.exchange, anna)
    draft = Message(account=account, folder=account.drafts, subject="Large")
    draft.attach(FileAttachment(name="a.bin", content=bytes(range(256)) * 400))
    draft.save()
    (content,) = account.export([draft])
    acknowledged: list[str] = []

    def upload() -> None:
        try:
            while True:
                acknowledged.extend(each for each, _ in account.upload([(account.inbox, content)] * 5))
        except EWSError:
            pass

    for round_ in (1, 2):
        uploading = threading.Thread(target=upload)
        begun = len(acknowledged)
        uploading.start()
        while len(acknowledged) < begun + 10 * round_:
            assert uploading.is_alive(), "an upload failed though the server lives"
            time.sleep(0.001)
        alpha.process.kill()
        uploading.join()
        alpha.start()
        found = list(account.inbox.all().only("subject"))
        there = {item.id for item in found}
        assert len(there) == len(found) and there >= set(acknowledged)
        # The batch at hand may be there too, though nobody was told.
        assert len(there) - len(acknowledged) in (0, 5)
        assert all(again == content for again in account.export(found))
        acknowledged[:] = there
