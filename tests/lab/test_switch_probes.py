"""Probe mails of a switch whose mail did not find its way for hours."""

from __future__ import annotations

import asyncio

from exchangelib import Message
from isthmus_switch import probe

from tests.lab.copying import client
from tests.plugins.clients import account_of
from tests.plugins.exchange import Exchanges, Office

_ROUNDS = 120


async def test_a_probe_is_found_beside_those_of_many_rounds_and_all_are_removed(
    exchanges: Exchanges, office: Office
) -> None:
    anna, exchange = office.alpha("anna"), exchanges.alpha
    account = account_of(exchange, anna)
    subjects = [f"Isthmus probe 00ff {number} target" for number in range(1, _ROUNDS + 1)]
    await asyncio.to_thread(
        account.bulk_create,
        folder=account.inbox,
        items=[Message(account=account, folder=account.inbox, subject=each) for each in ("Tickets", *subjects)],
    )
    async with client(exchange) as way:
        mailbox = way.mailbox(anna.smtp)
        for number in (1, 2, 101, _ROUNDS):
            assert subjects[number - 1] in await probe.find(mailbox, f"Isthmus probe 00ff {number}")
        await probe.clear(mailbox, "Isthmus probe 00ff")
    left = await asyncio.to_thread(lambda: [each.subject for each in account.inbox.all()])
    assert left == ["Tickets"]
