"""A mailbox that is begun again: what the ledger has of it is forgotten, and nothing of what is on the target.

For a mailbox whose server gave it new ids (it was made anew, or restored into a new one), when somebody orders it. The
pass that follows is a first one. It adopts what is on the target already (adopting.py), as it does when the ledger was
lost; so what the former mailbox had stays there, as if it were the target's own.
"""

from __future__ import annotations

from isthmus.events.v1.mailbox_pb2 import MAILBOX_ORDER_PASS, MAILBOX_ORDER_RESTART
from isthmus_service import Connection, Pool

from isthmus_mailbox import database_kept, out_of_office
from isthmus_mailbox.boxes import Box
from isthmus_mailbox.doubts import GRACE_SECONDS

SWITCHED = (
    "The mailbox is not begun again, as its owner is switched: by the ledger passes tell what its owner has changed "
    "and deleted on the target since; without it they would write that over and bring it back. "
    "'isthmus switch --undo' leads back to the source; there it can be."
)

_FORGOTTEN = ("item", "work", "intent", "folder", "tree", "resent", "proven")


def is_ordered(box: Box) -> bool:
    """Somebody wants the mailbox to be begun again."""
    return any(order.what == MAILBOX_ORDER_RESTART for order in box.orders)


async def last_write(pool: Pool, pair_id: bytes) -> float:
    """When the last one of its writes that got no answer cannot take effect any more, in seconds since 1970; 0 when
    there is none. Before, nothing may be forgotten: what came later would be there twice.
    """
    until: float | None = await pool.fetchval(
        "SELECT greatest((SELECT max(until) FROM intent WHERE pair_id = $1),"
        " (SELECT max(intent_until) FROM folder WHERE pair_id = $1))",
        pair_id,
    )
    return until + GRACE_SECONDS if until else 0.0


async def restart(connection: Connection, pair_id: bytes) -> bool:
    """Forget what the ledger has of the mailbox; the order becomes one of a pass, which answers it. False, and nothing
    is done, when its owner has been switched.

    What was set up around the mail is forgotten, too, as it goes by the numbers of folders and by ids of the source;
    but not that automatic replies were handed over, without which an undo would leave both sides answering.
    """
    found = await connection.fetchval(
        "UPDATE mailbox SET passes = 0, failures = 0, marks = '', chosen_by = '', due = now()"
        " WHERE pair_id = $1 AND NOT switched RETURNING true",
        pair_id,
    )
    if not found:
        return False
    for table in _FORGOTTEN:
        await connection.execute(f"DELETE FROM {table} WHERE pair_id = $1", pair_id)  # noqa: S608
    await database_kept.forget_all(connection, pair_id, but=out_of_office.KIND)
    await connection.execute(
        "UPDATE mailbox_order SET what = $2 WHERE pair_id = $1 AND what = $3",
        pair_id,
        MAILBOX_ORDER_PASS,
        MAILBOX_ORDER_RESTART,
    )
    return True


async def refuse(connection: Connection, pair_id: bytes) -> None:
    """The order is not carried out, now or later."""
    await connection.execute(
        "DELETE FROM mailbox_order WHERE pair_id = $1 AND what = $2", pair_id, MAILBOX_ORDER_RESTART
    )
