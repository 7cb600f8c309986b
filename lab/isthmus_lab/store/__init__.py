"""The information store of an organisation: mailboxes with folders and items.

Each mailbox is a SQLite file and, beside it, a file of large contents; a copy of both is a copy of the mailbox.

store = Store(Path("data/alpha"))
mailbox = store.mailbox(guid, locale="de")
inbox = mailbox.folders.role("inbox")
with mailbox.transaction():                 # many changes, one commit
    row = mailbox.items.add(inbox.id, bag)
changes = mailbox.sync.items(inbox.id, b"", limit=512)
"""

from isthmus_lab.store.errors import (
    FolderExistsError,
    InvalidSyncStateError,
    NotAllowedError,
    NotFoundError,
    StaleChangeKeyError,
    StoreError,
)
from isthmus_lab.store.ids import PUBLIC
from isthmus_lab.store.items import Items
from isthmus_lab.store.mailbox import Mailbox
from isthmus_lab.store.model import (
    SEARCH,
    ChangeKind,
    Delete,
    Event,
    EventKind,
    Folder,
    FolderChanges,
    Item,
    ItemChange,
    ItemChanges,
    Page,
    Row,
)
from isthmus_lab.store.permissions import ANONYMOUS, DEFAULT, Ace, Permissions, Rights
from isthmus_lab.store.restriction import And, Bitmask, Compare, Contains, Exists, Not, Or, Restriction
from isthmus_lab.store.roles import ARCHIVE_ROLES
from isthmus_lab.store.store import Store
from isthmus_lab.store.words import Mentions

__all__ = [
    "ANONYMOUS",
    "ARCHIVE_ROLES",
    "DEFAULT",
    "PUBLIC",
    "SEARCH",
    "Ace",
    "And",
    "Bitmask",
    "ChangeKind",
    "Compare",
    "Contains",
    "Delete",
    "Event",
    "EventKind",
    "Exists",
    "Folder",
    "FolderChanges",
    "FolderExistsError",
    "InvalidSyncStateError",
    "Item",
    "ItemChange",
    "ItemChanges",
    "Items",
    "Mailbox",
    "Mentions",
    "Not",
    "NotAllowedError",
    "NotFoundError",
    "Or",
    "Page",
    "Permissions",
    "Restriction",
    "Rights",
    "Row",
    "StaleChangeKeyError",
    "Store",
    "StoreError",
]
