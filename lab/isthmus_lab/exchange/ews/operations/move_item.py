"""MoveItem ([MS-OXWSCORE] 3.1.4.7): the items get new ids."""

from __future__ import annotations

from ..call import Call, operation
from ..soap import Answer
from ..transfer import transfer


@operation
def move_item(call: Call) -> Answer:
    """Items into another folder, of this mailbox or another."""
    return transfer(call, keep=False)
