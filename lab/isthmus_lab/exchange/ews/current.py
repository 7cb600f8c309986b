"""Changes that are made of what an item is: two requests at once must not each take it for unchanged.

What has to be asked of others (the forest, whom a message goes to) is asked outside the mailbox's transaction, whose
lock nobody shall hold for long; inside it the item is looked at once more, and all begins anew if it has changed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from isthmus_lab.store import Item, Mailbox

_T = TypeVar("_T")


def change(mailbox: Mailbox, entry: bytes, prepare: Callable[[Item], Callable[[], _T]]) -> _T:
    """What the function that ``prepare`` makes of the item gives back; it is called once, in a transaction.

    ``prepare`` may be called several times and must change nothing but what it was given. Somebody's change is made in
    each round, so this ends. Raises NotFoundError when the item is not there, or no longer.
    """
    while True:
        found = mailbox.items.get(entry)
        commit = prepare(found)
        with mailbox.transaction():
            if mailbox.items.row(entry).change_key == found.row.change_key:
                return commit()
