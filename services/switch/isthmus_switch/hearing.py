"""What the switch hears from other services, taken down in one transaction an event."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING

import structlog
from isthmus.events.v1.directory_pb2 import RedirectionSet
from isthmus.events.v1.mailbox_pb2 import MailboxProgress, MailboxState, PassCompleted
from isthmus.events.v1.switch_pb2 import SwitchRequested
from isthmus_events.topics import MAILBOX_PASSES, MAILBOX_PROGRESS, REDIRECTIONS, SWITCH_REQUESTS
from isthmus_sync.mailbox.certificate import CertificateError

from . import store
from .certificates import certified_at
from .saga import PassAnswered, Redirected, Side, begin

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from isthmus_events import Event
    from isthmus_service import Connection

_log = structlog.stdlib.get_logger("isthmus.switch")

_SIDES = frozenset(int(side) for side in Side)

TOPICS = (SWITCH_REQUESTS, MAILBOX_PASSES, REDIRECTIONS, MAILBOX_PROGRESS)


def hearing(secrets: Path) -> Callable[[Connection, Event], Awaitable[None]]:
    """What takes an event down; ``secrets`` is the folder of the key that certificates are checked with."""
    return partial(_hear, secrets)


async def _hear(secrets: Path, connection: Connection, event: Event) -> None:
    now = datetime.now(UTC)
    match event.data:
        case SwitchRequested():
            await _requested(connection, event.data, now)
        case PassCompleted():
            await _passed(connection, event.data, now, secrets)
        case RedirectionSet():
            await _redirected(connection, event.data, now)
        case MailboxProgress():
            await _mailbox(connection, event.data)


async def _requested(connection: Connection, request: SwitchRequested, now: datetime) -> None:
    if request.side not in _SIDES:
        _log.warning("a request for no side was left out", pair=request.pair_id.hex(), side=request.side)
        return
    saga = await store.read(connection, request.pair_id, lock=True)
    if saga is not None and saga.request_id == request.request_id:
        return
    redirected = await connection.fetchval("SELECT side FROM redirection WHERE pair_id = $1", request.pair_id)
    saga, actions = begin(
        request.pair_id,
        request.request_id,
        Side(request.side),
        request.requested_by,
        None if redirected is None else Side(redirected),
        now,
    )
    await store.write(connection, saga, actions, now)


async def _passed(connection: Connection, done: PassCompleted, now: datetime, secrets: Path) -> None:
    if not done.request_id:
        return
    set_aside = await connection.fetchval("SELECT set_aside FROM mailbox WHERE pair_id = $1", done.pair_id)
    proof = done.proof
    certified, doubt = None, ""
    if proof.equal:
        try:
            certified = certified_at(proof.certificate, done.pair_id, secrets)
        except CertificateError as error:
            doubt = str(error)
    answer = PassAnswered(
        order_id=done.request_id,
        proven=done.HasField("proof"),
        equal=proof.equal,
        missing=proof.missing,
        surplus=proof.surplus,
        removed_on_target=proof.removed_on_target,
        set_aside=max(set_aside or 0, done.set_aside),
        differences=tuple(proof.differences),
        certified_at=certified,
        doubt=doubt,
        different=proof.different,
        missing_folders=proof.missing_folders,
        unread_folders=proof.unread_folders,
    )
    await store.go_on(connection, done.pair_id, answer, now)


async def _redirected(connection: Connection, said: RedirectionSet, now: datetime) -> None:
    if said.active_side not in _SIDES:
        _log.warning("a redirection to no side was left out", pair=said.pair_id.hex(), side=said.active_side)
        return
    await connection.execute(
        "INSERT INTO redirection VALUES ($1, $2) ON CONFLICT (pair_id) DO UPDATE SET side = excluded.side",
        said.pair_id,
        said.active_side,
    )
    await store.go_on(connection, said.pair_id, Redirected(Side(said.active_side)), now)


async def _mailbox(connection: Connection, said: MailboxProgress) -> None:
    await connection.execute(
        "INSERT INTO mailbox VALUES ($1, $2, $3, $4, $5) ON CONFLICT (pair_id) DO UPDATE "
        "SET collection = excluded.collection, state = excluded.state, set_aside = excluded.set_aside, "
        "words = excluded.words",
        said.pair_id,
        said.collection,
        said.state,
        said.items_set_aside,
        stands(said),
    )


def stands(said: MailboxProgress) -> str:
    """How the mailbox stands, for a sentence: "first pass, 120 of 400 items"."""
    if said.problem:
        return said.problem
    known = said.state in MailboxState.values()
    state = MailboxState.Name(said.state).removeprefix("MAILBOX_STATE_").replace("_", " ").lower() if known else "?"
    return f"{state}, {said.items_done} of {said.items_total} items"
