"""Who may do what in a mailbox: the one place where it is decided ([MS-OXCPERM] 3.2).

A mailbox is its owner's, and of those who have full access to it. Everybody else may do in a folder what its access
control list grants: what their own entry says; without one, what the entries of their groups say together; without
these, what Default says.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from isthmus_lab.mapi import tags
from isthmus_lab.mapi.addresses import address_book_entry_id, legacy_dn_of
from isthmus_lab.mapi.bag import Bag
from isthmus_lab.store import DEFAULT, Ace, And, Compare, Folder, Mailbox, Restriction, Rights, Row

from .. import delegates
from ..directory import Directory, Recipient
from .errors import EwsError

# What is enough for something somebody made themselves.
_OWNED = {
    Rights.READ_ANY: Rights.VISIBLE,
    Rights.EDIT_ANY: Rights.EDIT_OWNED,
    Rights.DELETE_ANY: Rights.DELETE_OWNED,
}
PRIVATE = 2  # PidTagSensitivity


def granted(aces: Iterable[Ace], person: Recipient, directory: Directory) -> Rights:
    """What a list gives a person who has logged on."""
    everybody, groups = Rights.NONE, list[Rights]()
    for ace in aces:
        if ace.member == DEFAULT:
            everybody = ace.rights
        dn = legacy_dn_of(ace.entry_id)
        if dn is None:
            continue
        if f"x500:{dn.lower()}" in person.addresses:
            return ace.rights
        member = directory.by_address(f"x500:{dn}")
        if member is not None and member.is_group and directory.is_member(person, member.dn):
            groups.append(ace.rights)
    together = Rights.NONE
    for each in groups:
        together |= each
    return together if groups else everybody


@dataclass(frozen=True)
class Access:
    """What one person may do in one mailbox; ``full`` is the owner's access."""

    person: Recipient
    mailbox: Mailbox
    directory: Directory
    full: bool
    sees_private: bool

    @classmethod
    def of(cls, person: Recipient, mailbox: Mailbox, directory: Directory) -> Access:
        """The access of somebody who asks."""
        full = mailbox.guid in (person.mailbox, person.archive)
        if not full and (owner := directory.by_mailbox(mailbox.guid)) is not None:
            full = any(dn == person.dn or directory.is_member(person, dn) for dn in owner.full_access)
        private = full or any(
            each.sees_private and each.entry_id == own_entry_id(person) for each in delegates.read(mailbox).delegates
        )
        return cls(person, mailbox, directory, full, private)

    def on(self, folder: Folder) -> Rights:
        """The rights in a folder."""
        if self.full:
            return Rights.EVERYTHING
        return granted(self.mailbox.permissions.of(folder.id), self.person, self.directory)

    def demand(self, folder: Folder, need: Rights) -> None:
        """Raises EwsError: a folder that may not be seen is not there, what may not be done is denied."""
        rights = self.on(folder)
        if not rights & (Rights.VISIBLE | Rights.READ_ANY):
            raise EwsError("ErrorFolderNotFound")
        if need & ~(rights | Rights.VISIBLE):
            raise EwsError("ErrorAccessDenied")

    def on_item(self, row: Row) -> Rights:
        """The rights on an item: on one's own, what suffices for one's own counts as what is needed for any."""
        rights = self.on(self.mailbox.folders.get(row.folder_id))
        if not self.full and any(owned & rights and not need & rights for need, owned in _OWNED.items()):
            bag = self.mailbox.items.get(row.id).bag
            if bag.get(tags.PidTagCreatorEntryId) == own_entry_id(self.person):
                for need, owned in _OWNED.items():
                    rights |= need if owned & rights else Rights.NONE
        return rights

    def seen(self, restriction: Restriction | None) -> Restriction | None:
        """The restriction, and that private items are left out for who may not see them."""
        if self.sees_private:
            return restriction
        public = Compare(tags.PidTagSensitivity, "!=", PRIVATE)
        return public if restriction is None else And((restriction, public))

    def demand_item(self, item_id: bytes, need: Rights) -> None:
        """Raises EwsError ErrorAccessDenied; private items are the owner's and those of who may see them."""
        if self.full:
            return
        row = self.mailbox.items.row(item_id)
        if need & ~self.on_item(row) or (row.sensitivity == PRIVATE and not self.sees_private):
            raise EwsError("ErrorAccessDenied")


def own_entry_id(person: Recipient) -> bytes:
    """By what lists and items know a person."""
    return address_book_entry_id(person.legacy_dn or "", is_group=person.is_group)


def sign(bag: Bag, person: Recipient) -> None:
    """Notes on a new item who made it ([MS-OXCMSG] 2.2.1.31)."""
    bag.set({tags.PidTagCreatorName: person.name, tags.PidTagCreatorEntryId: own_entry_id(person)})
