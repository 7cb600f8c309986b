"""The processor of the lab's servers: one thread computes, in order, and nothing stands still because of it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from random import Random
from threading import Barrier, Event, Thread
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from isthmus_lab.exchange.notifications.subscriptions import Subscription, Subscriptions
from isthmus_lab.mapi import fasttransfer
from isthmus_lab.processor import PROCESSOR, Lock, Processor, WouldWait
from isthmus_lab.store import Store

from tests.unit.mapi_bags import mail
from tests.waiting import until

PATIENCE = 120
"""Seconds after which threads that are not done stand still; they need a moment."""


def all_end(work: Sequence[Callable[[], object]]) -> None:
    """Runs each in a thread of its own, all at once, and expects that every one ends without an error."""
    failed: list[BaseException] = []
    together = Barrier(len(work))

    def run(each: Callable[[], object]) -> None:
        try:
            together.wait(PATIENCE)
            each()
        except BaseException as error:
            failed.append(error)

    threads = [Thread(target=run, args=(each,), daemon=True) for each in work]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    assert not [thread for thread in threads if thread.is_alive()]
    assert not failed


def test_whoever_asked_first_comes_first() -> None:
    processor, order, threads = Processor(turn=3600), list[int](), list[Thread]()

    def work(number: int) -> None:
        with processor.computing():
            order.append(number)

    with processor.computing():
        for number in range(5):
            threads.append(Thread(target=work, args=(number,)))
            threads[-1].start()
            until(lambda: len(processor._asking) > number)  # noqa: B023 - called before it changes
        processor.offer()  # its turn is not over
        assert order == []
    for thread in threads:
        thread.join(PATIENCE)
    assert order == [0, 1, 2, 3, 4]


def test_long_work_lets_others_come_first_after_its_turn() -> None:
    processor, order = Processor(turn=0), list[str]()

    def other() -> None:
        with processor.computing():
            order.append("other")

    with processor.computing():
        thread = Thread(target=other)
        thread.start()
        until(lambda: bool(processor._asking))
        order.append("begun")
        processor.offer()
        order.append("ended")
    thread.join(PATIENCE)
    assert order == ["begun", "other", "ended"]


def test_what_is_new_comes_before_what_goes_on_but_not_for_ever() -> None:
    processor, order, threads = Processor(turn=0), list[str](), list[Thread]()

    def goes_on() -> None:
        with processor.computing():
            processor.offer()
            order.append("large")

    def work(name: str) -> None:
        with processor.computing():
            order.append(name)

    def begin(work: Callable[[], object], known: int) -> None:
        threads.append(Thread(target=work))
        threads[-1].start()
        until(lambda: len(processor._asking) + len(processor._going_on) > known)

    with processor.computing():
        begin(goes_on, 0)
        for number in range(6):
            begin(lambda number=number: work(f"small {number}"), number + 1)  # type: ignore[misc]
    for thread in threads:
        thread.join(PATIENCE)
    assert order == [*(f"small {number}" for number in range(4)), "large", "small 4", "small 5"]


def test_who_is_first_waits_for_nobody_but_the_one_at_work() -> None:
    processor, order = Processor(), list[str]()

    def at_work() -> None:
        with processor.computing():
            until(lambda: len(processor._asking) == 2)
            order.append("at work")

    def other() -> None:
        with processor.computing():
            order.append("other")

    threads = [Thread(target=at_work), Thread(target=other)]
    with processor.computing():
        for known, thread in enumerate(threads):
            thread.start()
            until(lambda: len(processor._asking) > known)  # noqa: B023 - called before it changes
        with processor.waiting(first=True):
            pass
        order.append("first")
    for thread in threads:
        thread.join(PATIENCE)
    assert order == ["at work", "first", "other"]


def test_what_is_tried_waits_for_nobody() -> None:
    processor, taken, done = Processor(turn=3600), Event(), Event()
    lock = Lock(processor)

    def has_the_lock() -> None:
        with lock:
            taken.set()
            assert done.wait(PATIENCE)

    thread = Thread(target=has_the_lock, daemon=True)
    thread.start()
    assert taken.wait(PATIENCE)
    with processor.computing():
        with pytest.raises(WouldWait), processor.trying(), lock:
            pass
        with pytest.raises(WouldWait), processor.trying(), processor.waiting():
            pass
        with processor.trying():
            processor.offer()  # its turn is not over
        done.set()
        with lock:  # what is not tried waits
            pass
    thread.join(PATIENCE)
    long = Processor(turn=0)
    with long.computing(), pytest.raises(WouldWait), long.trying():
        until(lambda: time.monotonic() > long._until)
        long.offer()


def test_others_compute_while_somebody_waits() -> None:
    processor, done = Processor(), Event()

    def waits() -> None:
        with processor.computing(), processor.waiting():
            assert done.wait(PATIENCE)

    def computes() -> None:
        with processor.computing():
            done.set()

    all_end([waits, computes])
    with processor.waiting():  # nothing for a thread that does not compute
        pass
    with suppress(KeyError), processor.computing():
        raise KeyError
    with processor.computing():  # given back after an error too
        pass


# What a thread does, one after the other: compute, wait for something, have a mailbox and in it all of these.
STEPS = st.recursive(
    st.sampled_from(["compute", "wait", "offer", "small lock"]),
    lambda inside: st.tuples(st.integers(0, 2), st.lists(inside, max_size=3)),
    max_leaves=6,
)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.lists(STEPS, min_size=1, max_size=4), min_size=2, max_size=6))
def test_nothing_stands_still(programs: list[list[object]]) -> None:
    processor, small = Processor(turn=0), threading.Lock()
    mailboxes = [Lock(processor) for _ in range(3)]
    computing: list[int] = []

    def compute() -> None:
        computing.append(threading.get_ident())
        assert computing == [threading.get_ident()]
        computing.pop()

    def do(step: object, held: int) -> None:
        compute()
        match step:
            case "wait":
                with processor.waiting():
                    pass
            case "offer":
                processor.offer()
            case "small lock":
                with small:
                    compute()
            # Who has one mailbox does not wait for another, unless all do so in the same order.
            case (int(mailbox), list(inside)) if mailbox >= held:
                with mailboxes[mailbox]:
                    for each in inside:
                        do(each, mailbox)
        compute()

    def run(program: list[object]) -> None:
        with processor.computing():
            for each in program:
                do(each, 0)

    all_end([lambda program=each: run(program) for each in programs])  # type: ignore[misc]


def test_requests_of_many_mailboxes_come_to_an_end(tmp_path: Path) -> None:
    store, subscriptions = Store(tmp_path), Subscriptions()
    store.subscribe(subscriptions.heard)
    mailboxes = [store.mailbox(UUID(int=number)) for number in range(3)]
    content = fasttransfer.encode(mail("s", 1))

    def request(chance: Random) -> None:
        mailbox, other = chance.choice(mailboxes), chance.choice(mailboxes)
        inbox = mailbox.folders.role("inbox").id
        match chance.choice(["upload", "subscribe", "read", "carry"]):
            case "upload":
                with mailbox.transaction():
                    for _ in range(5):
                        PROCESSOR.offer()
                        mailbox.items.upload(inbox, content)
            case "subscribe":
                wanted = frozenset(["CreatedEvent"])
                new = Subscription("pull", mailbox.guid, mailbox.guid, None, wanted, 30)
                subscriptions.add(new, mailbox, None)
                subscriptions.take(new)
            case "read":
                page = mailbox.items.find(inbox, limit=3)
                with PROCESSOR.waiting():
                    list(mailbox.items.contents([row.id for row in page.rows]))
            case "carry":
                for row in mailbox.items.find(inbox, limit=2).rows:
                    other.items.upload(other.folders.role("drafts").id, mailbox.items.content(row.id))

    def client(seed: int) -> None:
        chance = Random(seed)
        for _ in range(40):
            with PROCESSOR.computing():
                request(chance)

    def delivery() -> None:  # one that computes without it
        for mailbox in mailboxes * 10:
            mailbox.items.upload(mailbox.folders.role("inbox").id, content)

    all_end([*(lambda seed=seed: client(seed) for seed in range(8)), delivery])
    store.close()
