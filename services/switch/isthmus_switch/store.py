"""Sagas in PostgreSQL, and the one transaction in which a saga goes on and says so."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING, Any

from isthmus.accounts.v1.accounts_pb2 import Side as PairSide
from isthmus.events.v1.mailbox_pb2 import MAILBOX_ORDER_PASS_AND_PROVE, MailboxOrdered
from isthmus.events.v1.switch_pb2 import SwitchProgress, SwitchStep
from isthmus_events import publish
from isthmus_events.topics import MAILBOX_ORDERS, SWITCH_PROGRESS

from .saga import Action, OrderPass, Saga, Seen, Side, Step, Task, next_action

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from isthmus_service import Connection

CHANNEL = "switch_due"
"""Notified at the commit of whatever may have made a saga due."""

_STORED = [field.name for field in fields(Saga) if field.name != "redirected"]
_READ = f"SELECT {', '.join(f's.{name}' for name in _STORED)}, r.side AS redirected \
FROM switch s LEFT JOIN redirection r USING (pair_id) WHERE s.pair_id = $1"  # noqa: S608 - names of our own
_WRITE = f"INSERT INTO switch ({', '.join(_STORED)}) \
VALUES ({', '.join(f'${number}' for number in range(1, len(_STORED) + 1))}) \
ON CONFLICT (pair_id) DO UPDATE SET {', '.join(f'{name} = excluded.{name}' for name in _STORED[1:])}"  # noqa: S608


async def read(connection: Connection, pair_id: bytes, *, lock: bool) -> Saga | None:
    """The pair's saga. ``lock`` holds it until the end of the transaction, so that nobody else goes on with it."""
    row = await connection.fetchrow(_READ + (" FOR UPDATE OF s" if lock else ""), pair_id)
    if row is None:
        return None
    values: dict[str, Any] = dict(row)
    return Saga(
        **values
        | {
            "side": Side(row["side"]),
            "step": Step(row["step"]),
            "task": Task[row["task"]],
            "redirected": None if row["redirected"] is None else Side(row["redirected"]),
            "arrived": frozenset(Side(side) for side in row["arrived"]),
        }
    )


async def write(connection: Connection, saga: Saga, actions: Sequence[Action], now: datetime) -> None:
    """Stores the saga and says what is to be said, in the caller's transaction."""
    plain = {name: getattr(saga, name) for name in _STORED} | {
        "task": saga.task.name,
        "arrived": sorted(saga.arrived),
    }
    await connection.execute(_WRITE, *plain.values())
    for action in actions:
        if isinstance(action, OrderPass):
            order = MailboxOrdered(pair_id=saga.pair_id, order=MAILBOX_ORDER_PASS_AND_PROVE, request_id=action.order_id)
            await publish(connection, MAILBOX_ORDERS, saga.pair_id, order)
        else:
            await publish(connection, SWITCH_PROGRESS, saga.pair_id, _progress(saga, now))
    await connection.execute("SELECT pg_notify($1, '')", CHANNEL)


async def go_on(
    connection: Connection, pair_id: bytes, seen: Seen, now: datetime, *, unless: Callable[[Saga], bool] | None = None
) -> None:
    """Takes what was seen into the pair's saga, if there is one; ``unless`` may still say no when it is locked."""
    saga = await read(connection, pair_id, lock=True)
    if saga is None or (unless is not None and unless(saga)):
        return
    after, actions = next_action(saga, seen, now)
    if after != saga or actions:
        await write(connection, after, actions, now)


def _progress(saga: Saga, now: datetime) -> SwitchProgress:
    return SwitchProgress(
        pair_id=saga.pair_id,
        request_id=saga.request_id,
        side=PairSide.ValueType(saga.side),
        step=SwitchStep.ValueType(saga.step),
        problem=saga.problem,
        at=microseconds(now),
        waiting_for=saga.waiting_for,
        waiting_since=microseconds(saga.task_since) if saga.waiting_for else 0,
        requested_by=saga.requested_by,
    )


def microseconds(moment: datetime) -> int:
    """Since 1970, as in the events."""
    return int(moment.timestamp() * 1_000_000)
