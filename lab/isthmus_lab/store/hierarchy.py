"""The tree of public folders in several mailboxes: one has the tree that is written, the others follow it.

Every mailbox knows every folder; the items of a folder are in one of them, its content mailbox.
"""

from isthmus_lab.store.mailbox import Mailbox
from isthmus_lab.store.model import Delete

_COLUMNS = "number, parent, role, name, folded, container_class, properties, change, created, modified"
_VERSION = "SELECT count(*), max(change) FROM folder"


def follow(writable: Mailbox, copy: Mailbox) -> None:
    """Brings a copy up to date; cheap when it is. Folders that are gone take their items with them."""
    with writable.lock:
        if writable.sql(_VERSION) == copy.sql(_VERSION):
            return
        folders = writable.sql(f"SELECT {_COLUMNS} FROM folder")  # noqa: S608
        permissions = writable.sql("SELECT * FROM permission")
    with copy.transaction():
        gone = {number for (number,) in copy.sql("SELECT number FROM folder")} - {record[0] for record in folders}
        for number in gone:
            copy.items.delete_all(number, Delete.HARD, associated=True)
            copy.sql("DELETE FROM folder WHERE number = ?", (number,))
        # Names are free until all have theirs: two folders may have changed places.
        copy.sql("UPDATE folder SET folded = '/' || number")
        for record in folders:
            copy.sql(
                f"INSERT INTO folder ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"  # noqa: S608
                " ON CONFLICT (number) DO UPDATE SET parent = excluded.parent, role = excluded.role,"
                " name = excluded.name, folded = excluded.folded, container_class = excluded.container_class,"
                " properties = excluded.properties, change = excluded.change, modified = excluded.modified",
                record,
            )
        copy.sql("DELETE FROM permission")
        for record in permissions:
            copy.sql("INSERT INTO permission VALUES (?, ?, ?, ?, ?)", record)
