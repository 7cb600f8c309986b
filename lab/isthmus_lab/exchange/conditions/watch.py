"""What befalls the items of a batch one by one, while it is worked through."""

from __future__ import annotations

import hashlib
import time
from typing import TYPE_CHECKING

from ..ews.errors import EwsError, EwsWarning
from ..ews.names import Element, child, local
from .faults import Faults, fits

if TYPE_CHECKING:
    from ..ews.call import Call

_WORDS = {
    "ErrorItemCorrupt": "The item is corrupt.",
    "ErrorMailboxStoreUnavailable": "The mailbox database is temporarily unavailable.",
    "ErrorQuotaExceeded": "The mailbox is full.",
    "ErrorMessageSizeExceeded": "The message exceeds the maximum supported size.",
}


class Watch:
    """Called with each item before it is handled; raises what befalls it.

    A batch has a time; the item at which it is up fails, and those behind it are left undone.
    """

    def __init__(
        self, faults: Faults, batch_seconds: float, item_seconds: float = 0.0, call_seconds: float = 0.0
    ) -> None:
        """A real server's time, ``item_seconds`` and ``call_seconds``, counts as if it had passed."""
        self._faults = faults
        self._rules = list(faults.of_kind("item-error"))
        self._folders = list(faults.of_kind("folder-error"))
        self._stores = list(faults.of_kind("store-error"))
        self._all: EwsError | None = None
        self._item_seconds = item_seconds
        self._until = time.monotonic() + batch_seconds - call_seconds
        self._stopped = False
        self.items = 0
        """How many were worked on."""

    def fail_all(self, error: EwsError) -> None:
        """Every item is answered with this error."""
        self._all = error

    def __call__(self, call: Call, node: Element) -> None:
        if self._all is not None:
            raise self._all
        if self._stopped:
            raise EwsWarning("ErrorBatchProcessingStopped", "Batch processing stopped.", [])
        self.items += 1
        if time.monotonic() + self.items * self._item_seconds > self._until:
            self._stopped = True
            raise EwsError("ErrorTimeoutExpired", "The operation timed out before it was complete.")
        for rule in self._rules:
            described = _described(call, node)
            if described is None:
                continue
            thing, subject, size = described
            if fits(rule.subjects, subject) and size > rule.larger_than:
                mailbox = call.caller.smtp or ""
                if self._faults.strikes(rule, call.request.operation, mailbox, thing):
                    raise EwsError(rule.code, _WORDS.get(rule.code))

    def enters(self, call: Call, folder: str) -> None:
        """Called with the name of each folder that the request names; raises what befalls it."""
        for rule in self._folders:
            if fits(rule.folders, folder) and self._faults.strikes(
                rule, call.request.operation, call.caller.smtp or "", folder
            ):
                raise EwsError(rule.code, _WORDS.get(rule.code))

    def opens(self, call: Call, store: str) -> None:
        """Called with each use of a store of the caller, "mailbox" or "archive"; raises what befalls it."""
        for rule in self._stores:
            if store in rule.stores and self._faults.strikes(rule, call.request.operation, call.caller.smtp or ""):
                raise EwsError(rule.code, _WORDS.get(rule.code))


def _described(call: Call, node: Element) -> tuple[str, str, int] | None:
    """By what an item is known for good, its subject and size; None for what is no item or is not there."""
    if local(node) == "ItemId":
        mailbox, item = call.item(node, occurrences=True)
        [row] = mailbox.items.rows([item.entry])
        return None if row is None else (row.search_key.hex(), row.subject, row.size)
    data = child(node, "Data")
    content = None if data is None else call.request.contents.get(data)
    return None if content is None else (hashlib.blake2b(content, digest_size=16).hexdigest(), "", len(content))
