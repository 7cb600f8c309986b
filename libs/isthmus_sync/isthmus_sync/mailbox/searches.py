"""Search folders: what the to side's are to look for.

Their restrictions stay as they are. The folders in which they look, and those with which a restriction compares that of
an item, are named by ids of the from side. Without one of them it would be another search, so it waits for it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import NamedTuple
from xml.sax.saxutils import quoteattr

from isthmus_exchange.values import SearchFolder


class Agreed(NamedTuple):
    """What was last set of a search folder on the to side. `parent` is empty for the mailbox's folder of searches."""

    to_id: str
    parent: str
    name: str
    parameters: str

    def text(self) -> str:
        """For the ledger."""
        return json.dumps(self)

    @classmethod
    def of(cls, text: str) -> Agreed | None:
        """From what `text` gave; None where nothing was set."""
        return cls(*json.loads(text)) if text else None


def wanted(source: SearchFolder, folders: Mapping[str, str], entries: Mapping[str, str]) -> Agreed:
    """A search folder as the to side is to have it, whatever its id there. Raises ValueError with the reason when it
    cannot be there. `folders` and `entries`: for ids of the from side their counterparts.
    """
    if source.parent and source.parent not in folders:
        raise ValueError("the folder in which it is has not been copied")
    if not source.parameters:
        raise ValueError("the server does not tell what it looks for: EWS has no words for it")
    if any(each not in folders for each in source.folders):
        raise ValueError("it looks in a folder that is not in this mailbox, or has not been copied")
    if any(each not in entries for each in source.entries):
        raise ValueError("it asks for a folder that is not in this mailbox, or has not been copied")
    parameters = source.parameters
    for each in source.folders:
        parameters = parameters.replace(f"Id={quoteattr(each)}", f"Id={quoteattr(folders[each])}")
    for each in source.entries:
        parameters = parameters.replace(f"Value={quoteattr(each)}", f"Value={quoteattr(entries[each])}")
    return Agreed("", folders[source.parent] if source.parent else "", source.name, parameters)
