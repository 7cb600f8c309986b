"""Read flags set, and copies deleted, without anybody being told: no receipt goes out of the to side.

Servers from Exchange 2013 on are told so with the request itself. Older ones are asked before to forget about the
receipts of what becomes read, or is deleted unread.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

from isthmus_exchange.client import Announce
from isthmus_exchange.errors import EwsError, OlderServerError
from isthmus_exchange.operations import DeleteItems, SetReadFlags, SuppressReceipts
from isthmus_exchange.values import Disposal, ItemId

if TYPE_CHECKING:
    from isthmus_mailbox.passing import Side


async def set_read(side: Side, items: Sequence[tuple[ItemId, bool]], announce: Announce) -> Sequence[ItemId | EwsError]:
    """The answers of SetReadFlags; `items`: whether they are to be read. An item whose receipt cannot be kept back has
    the reason for its answer, and is as it was.
    """
    try:
        return await side.call(SetReadFlags(tuple((item.id, read) for item, read in items)), announce)
    except OlderServerError:
        refused = await _hush(side, [item for item, read in items if read])
    flags = {item.id: read for item, read in items if item.id not in refused}
    answers = await side.call(SetReadFlags(tuple(flags.items()), hushed=True), announce) if flags else []
    answered = {**refused, **dict(zip(flags, answers, strict=True))}
    return [answered[item.id] for item, _ in items]


async def delete(
    side: Side, items: Sequence[tuple[ItemId, bool]], disposal: Disposal, announce: Announce | None = None
) -> Sequence[EwsError | None]:
    """The answers of DeleteItems; `items`: whether they are read. One whose receipt cannot be kept back goes, too."""
    ids = tuple(item.id for item, _ in items)
    try:
        return await side.call(DeleteItems(ids, disposal, hushed=False), announce)
    except OlderServerError:
        with suppress(EwsError):
            await _hush(side, [item for item, read in items if not read])
        return await side.call(DeleteItems(ids, disposal), announce)


async def _hush(side: Side, items: Sequence[ItemId]) -> dict[str, EwsError]:
    """By id, why a receipt may go out all the same."""
    answers = await side.call(SuppressReceipts(tuple(items))) if items else []
    return {item.id: error for item, error in zip(items, answers, strict=True) if error is not None}
