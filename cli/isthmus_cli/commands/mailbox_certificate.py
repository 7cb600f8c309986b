"""``isthmus mailbox certificate``: the signed proof of a mailbox, the last one or a new one."""

from __future__ import annotations

import asyncio
import json
import time
import uuid
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from aiokafka.errors import KafkaError
from isthmus.accounts.v1.accounts_pb2 import Pair
from isthmus.events.v1.mailbox_pb2 import (
    MAILBOX_ORDER_PASS_AND_PROVE,
    MAILBOX_STATE_PAUSED,
    CertificateIssued,
    MailboxOrdered,
    MailboxProgress,
)
from isthmus.events.v1.project_pb2 import ProjectApplied
from isthmus_events.direct import read_all, send
from isthmus_events.topics import ACCOUNT_PAIRS, MAILBOX_CERTIFICATES, MAILBOX_ORDERS, MAILBOX_PROGRESS, PROJECTS
from isthmus_project import Project, closing
from isthmus_sync.mailbox.certificate import unpacked
from pydantic import ValidationError

from ..endpoints import endpoints
from ..output import Exit, console, errors, fail, print_json, until
from .certificate import show
from .options import DEFAULT_DATA, DataFolder, Json

_LOOK_SECONDS = 1.0


def certificate_of(
    address: Annotated[str, typer.Argument(help="An SMTP address of the mailbox, on either side.")],
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Write the signed file there.")] = None,
    new: Annotated[bool, typer.Option("--new", help="Compare both sides now, instead of taking the last one.")] = False,
    wait: Annotated[float, typer.Option(help="--new: give up after so many seconds.")] = 900.0,
    data: DataFolder = DEFAULT_DATA,
    as_json: Json = False,
) -> None:
    """Show the certificate of a mailbox, and write it to a file: what both servers hold, compared and signed.

    Every difference is listed by item. The file is checked with [bold]isthmus certificate verify[/]. Exit code 1 when
    the mailbox is not complete. In blackout hours [bold]--new[/] says until when they are, and waits only if they end
    before [bold]--wait[/] does.
    """
    kafka = endpoints(data).kafka
    try:
        with console.status(f"waiting until both sides of {address} are compared" if new else "reading certificates"):
            issued = asyncio.run(_issued(kafka, address.lower(), new=new, seconds=wait))
    except (KafkaError, OSError) as error:
        fail(f"Kafka at {kafka} does not answer: {error}; is the system up ('isthmus ps')?", Exit.UNREACHABLE)
    file = unpacked(issued.certificate)
    said = json.loads(file)["certificate"]
    if output is not None:
        try:
            output.write_bytes(file)
        except OSError as error:
            fail(f"{output} cannot be written: {error.strerror}", Exit.WRONG_INPUT)
    if as_json:
        print_json(said)
    else:
        show(said)
        if output is not None:
            console.print(f"Written to [bold]{output}[/]; check it with: isthmus certificate verify {output}")
    if not said["complete"]:
        raise typer.Exit(Exit.NOT_AS_IT_SHOULD_BE)


async def _issued(kafka: str, address: str, *, new: bool, seconds: float) -> CertificateIssued:
    if new:
        request = await _order(kafka, address, seconds)
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            found = await _newest(kafka, address)
            if found is not None and request in found.request_ids:
                return found
            await asyncio.sleep(_LOOK_SECONDS)
        fail(
            f"no certificate of {address} came within {seconds:.0f} s. A long pass may run ('isthmus status'), or the "
            "mailbox service has no key ('isthmus certificate key', 'isthmus logs mailbox-1')"
        )
    found = await _newest(kafka, address)
    if found is None:
        fail(f"there is no certificate of {address} yet; make one with --new. The addresses: 'isthmus status'")
    return found


async def _newest(kafka: str, address: str) -> CertificateIssued | None:
    events = await read_all(kafka, MAILBOX_CERTIFICATES)
    for event in events.values():
        said = event.data
        if isinstance(said, CertificateIssued) and address in _addresses(said):
            return said
    return None


async def _order(kafka: str, address: str, seconds: float) -> bytes:
    """Order a pass with proof, unless it could not even begin within `seconds`; its request id."""
    said = [event.data for event in (await read_all(kafka, MAILBOX_PROGRESS)).values()]
    found = [each for each in said if isinstance(each, MailboxProgress) and address in _addresses(each)]
    if not found:
        fail(f"no mailbox in a collection has the address {address!r}; see 'isthmus status'", Exit.WRONG_INPUT)
    mine = (await read_all(kafka, ACCOUNT_PAIRS)).get(found[0].pair_id)
    if mine is None or not (isinstance(mine.data, Pair) and mine.data.collection):
        fail(
            f"{address} is in no collection any more, so nothing compares it: put it into one in the project file, and "
            "'isthmus apply'",
            Exit.WRONG_INPUT,
        )
    if found[0].state == MAILBOX_STATE_PAUSED:
        fail(f"{address} is paused; 'isthmus mailbox resume {address}' lets it be compared")
    await _tell_hours(kafka, address, mine.data.collection, seconds)
    pair, request = found[0].pair_id, uuid.uuid4().bytes
    order = MailboxOrdered(pair_id=pair, order=MAILBOX_ORDER_PASS_AND_PROVE, request_id=request)
    await send(kafka, "isthmus", MAILBOX_ORDERS, pair, order)
    return request


async def _tell_hours(kafka: str, address: str, collection: str, seconds: float) -> None:
    """Say it at once when no pass is made at this hour, and end the program when that lasts longer than `seconds`."""
    now = datetime.now(UTC)
    for event in (await read_all(kafka, PROJECTS)).values():
        if not isinstance(event.data, ProjectApplied):
            continue
        try:
            project = Project.model_validate_json(event.data.document)
        except ValidationError:  # of a newer version than ours
            continue
        mine = project.collection(collection)
        if mine is None or not (why := closing.closed(project, mine, now, ordered=True)):
            continue
        opens = closing.opens(project, mine, now, ordered=True)
        words = f"{address} is not compared now: {why}, {until(opens)}"
        if opens is None or (opens - now).total_seconds() >= seconds:
            fail(f"{words}. Ask again then, give --wait more seconds than that, or change the hours: 'isthmus apply'")
        errors.print(f"{words}; waiting", soft_wrap=True)


def _addresses(said: CertificateIssued | MailboxProgress) -> set[str]:
    return {said.source_address.lower(), said.target_address.lower()}
