"""Folder permissions: the access control list of a folder as a table of members and their rights ([MS-OXCPERM])."""

from collections.abc import Iterable
from enum import IntFlag
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from isthmus_lab.store.mailbox import Mailbox

DEFAULT = 0  # PidTagMemberId of everybody who has no entry of their own, [MS-OXCPERM] 2.2.5
ANONYMOUS = -1  # … and of those who have not logged on


class Rights(IntFlag):
    """PidTagMemberRights, [MS-OXCPERM] 2.2.7."""

    NONE = 0
    READ_ANY = 0x0001
    CREATE = 0x0002
    EDIT_OWNED = 0x0008
    DELETE_OWNED = 0x0010
    EDIT_ANY = 0x0020
    DELETE_ANY = 0x0040
    CREATE_SUBFOLDER = 0x0080
    OWNER = 0x0100
    CONTACT = 0x0200
    VISIBLE = 0x0400
    FREE_BUSY_SIMPLE = 0x0800
    FREE_BUSY_DETAILED = 0x1000

    AUTHOR = READ_ANY | CREATE | EDIT_OWNED | DELETE_OWNED | VISIBLE
    EDITOR = AUTHOR | EDIT_ANY | DELETE_ANY
    EVERYTHING = EDITOR | CREATE_SUBFOLDER | OWNER | CONTACT


class Ace(NamedTuple):
    """One entry of the list. Default and Anonymous have no entry id; everybody else is named by it."""

    entry_id: bytes  # of the address book, [MS-OXCDATA] 2.2.5.2
    name: str
    rights: Rights
    member: int | None = None  # given by the table when it is None


class Permissions:
    """`mailbox.permissions`. Methods raise NotFoundError for an unknown folder."""

    def __init__(self, mailbox: "Mailbox") -> None:
        self._mailbox = mailbox

    def of(self, folder_id: bytes) -> list[Ace]:
        """The folder's list: Default and Anonymous first, whether somebody has set them or not."""
        with self._mailbox.lock:
            folder = self._mailbox.folders.get(folder_id)
            records = self._mailbox.sql(
                "SELECT entry_id, name, rights, member FROM permission WHERE folder = ? ORDER BY member",
                (self._mailbox.ids.folder_number(folder_id),),
            )
        own = [Ace(entry_id, name, Rights(rights), member) for entry_id, name, rights, member in records]
        # Everybody's free and busy times are known unless somebody says otherwise, [MS-OXCPERM] 3.2.
        everybody = Rights.FREE_BUSY_SIMPLE if folder.role == "calendar" else Rights.NONE
        usual = {DEFAULT: Ace(b"", "", everybody, DEFAULT), ANONYMOUS: Ace(b"", "", Rights.NONE, ANONYMOUS)}
        usual |= {ace.member: ace for ace in own if ace.member in usual}
        return [*usual.values(), *(ace for ace in own if ace.member not in usual)]

    def set(self, folder_id: bytes, aces: Iterable[Ace]) -> None:
        """Replaces the list; the folder has changed then."""
        with self._mailbox.transaction():
            number = self._mailbox.ids.folder_number(self._mailbox.folders.update(folder_id).id)
            self._mailbox.sql("DELETE FROM permission WHERE folder = ?", (number,))
            for ace in aces:
                member = self._mailbox.next_number() if ace.member is None else ace.member
                self._mailbox.sql(
                    "INSERT INTO permission VALUES (?, ?, ?, ?, ?)",
                    (number, member, ace.entry_id, ace.name, int(ace.rights)),
                )

    def inherit(self, number: int, parent: int) -> None:
        """For the parts of this package: a new folder begins with another one's list."""
        self._mailbox.sql(
            "INSERT INTO permission SELECT ?, member, entry_id, name, rights FROM permission WHERE folder = ?",
            (number, parent),
        )
