"""Events that the command line sends by itself."""

from __future__ import annotations

import asyncio
import gc

import pytest
from aiokafka.errors import KafkaError
from isthmus.events.v1.mailbox_pb2 import MailboxOrdered
from isthmus_events import send
from isthmus_events.topics import MAILBOX_ORDERS


def test_a_broker_that_does_not_answer_leaves_nothing_open() -> None:
    complaints: list[object] = []

    async def ask() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _, context: complaints.append(context["message"]))
        with pytest.raises(KafkaError):
            await send("127.0.0.1:1", "test", MAILBOX_ORDERS, b"key", MailboxOrdered())
        gc.collect()

    asyncio.run(ask())
    assert complaints == []
