"""ExportItems ([MS-OXWSBTRF] 3.1.4.1): items as opaque streams of full fidelity."""

from __future__ import annotations

from collections.abc import Sequence

from ..client import Mailbox
from ..errors import EwsError
from ..model import ItemRef
from ..names import M
from ..shapes import item_ids
from ..soap import check, response_messages

MOST_ITEMS = 100
"""Microsoft's documentation asks for at most this many in one request."""


async def export_items(mailbox: Mailbox, items: Sequence[ItemRef]) -> list[bytes | EwsError]:
    """For each item, in order: its stream as base64 text, still encoded because it goes out again as it came, or why
    the server does not give it."""
    root = await mailbox.read("ExportItems", f"<m:ExportItems>{item_ids(items)}</m:ExportItems>")
    answers: list[bytes | EwsError] = []
    for message in response_messages(root):
        error = check(message)
        if error is not None:
            answers.append(error)
            continue
        data = message.findtext(f"{M}Data")
        answers.append(data.encode("ascii") if data else EwsError("ErrorCorruptData", "the exported stream is empty"))
    if len(answers) != len(items):
        raise ValueError(f"{len(items)} items were asked for, {len(answers)} answered")
    return answers
