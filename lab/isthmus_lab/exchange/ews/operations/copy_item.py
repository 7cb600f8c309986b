"""CopyItem ([MS-OXWSCORE] 3.1.4.1)."""

from __future__ import annotations

from ..call import Call, operation
from ..soap import Answer
from ..transfer import transfer


@operation
def copy_item(call: Call) -> Answer:
    """Items into another folder once more."""
    return transfer(call, keep=True)
