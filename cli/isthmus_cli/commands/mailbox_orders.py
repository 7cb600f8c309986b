"""``isthmus mailbox retry``, ``pause``, ``resume``: what somebody wants of mailboxes."""

from __future__ import annotations

import asyncio
import uuid

from aiokafka.errors import KafkaError
from isthmus.events.v1.mailbox_pb2 import (
    MAILBOX_ORDER_PAUSE,
    MAILBOX_ORDER_RESUME,
    MAILBOX_ORDER_RETRY,
    MailboxOrder,
    MailboxOrdered,
)
from isthmus_events.direct import send
from isthmus_events.topics import MAILBOX_ORDERS

from ..endpoints import endpoints
from ..output import Exit, console, fail, print_json
from .mailbox_people import Addresses, Collection, people
from .options import DEFAULT_DATA, DataFolder, DryRun, Json


def retry(
    addresses: Addresses = None,
    collection: Collection = None,
    data: DataFolder = DEFAULT_DATA,
    dry_run: DryRun = False,
    as_json: Json = False,
) -> None:
    """Try at once what was set aside, of these people or of a collection, in a pass that comes before others.

    Without it each item is tried again after 30 s, 1 min… 6 h, in a pass that is made for it; in a mailbox that was
    switched, only by an order. [bold]isthmus mailbox errors[/] shows what remains.
    """
    _order(MAILBOX_ORDER_RETRY, "tried again", addresses, collection, data, dry_run=dry_run, as_json=as_json)


def pause(
    addresses: Addresses = None,
    collection: Collection = None,
    data: DataFolder = DEFAULT_DATA,
    dry_run: DryRun = False,
    as_json: Json = False,
) -> None:
    """Let mailboxes rest, of these people or of a collection, until [bold]isthmus mailbox resume[/].

    A running pass ends within seconds. Nothing is copied meanwhile, nor is anybody switched.
    """
    _order(MAILBOX_ORDER_PAUSE, "paused", addresses, collection, data, dry_run=dry_run, as_json=as_json)


def resume(
    addresses: Addresses = None,
    collection: Collection = None,
    data: DataFolder = DEFAULT_DATA,
    dry_run: DryRun = False,
    as_json: Json = False,
) -> None:
    """Go on with mailboxes that were paused, where they were."""
    _order(MAILBOX_ORDER_RESUME, "resumed", addresses, collection, data, dry_run=dry_run, as_json=as_json)


def _order(
    what: MailboxOrder.ValueType,
    words: str,
    addresses: list[str] | None,
    collection: str | None,
    data: DataFolder,
    *,
    dry_run: bool,
    as_json: bool,
) -> None:
    if bool(addresses) == bool(collection):
        fail("say whose: addresses, or a --collection", Exit.WRONG_INPUT)
    where = endpoints(data)
    found = people(where, addresses or [], collection)
    if not dry_run:
        send_orders(where.kafka, [each["id"] for each in found], what)
    if as_json:
        print_json([each["source_address"] for each in found])
        return
    for each in found:
        rests = ", once somebody resumes it" if what == MAILBOX_ORDER_RETRY and each["status"] == "paused" else ""
        console.print(f"{each['name']} ({each['status']}) {'would be' if dry_run else 'is'} {words}{rests}.")


def send_orders(kafka: str, pairs: list[str], what: MailboxOrder.ValueType) -> None:
    """Order it of the mailboxes with these pair ids; ends the program when Kafka does not answer."""
    try:
        asyncio.run(_send(kafka, pairs, what))
    except (KafkaError, OSError) as error:
        fail(f"Kafka at {kafka} does not answer: {error}; is the system up ('isthmus ps')?", Exit.UNREACHABLE)


async def _send(kafka: str, pairs: list[str], what: MailboxOrder.ValueType) -> None:
    for pair in pairs:
        key = bytes.fromhex(pair)
        order = MailboxOrdered(pair_id=key, order=what, request_id=uuid.uuid4().bytes)
        await send(kafka, "isthmus", MAILBOX_ORDERS, key, order)
