"""Public folders as Exchange 2013 and later keep them: in mailboxes of their own, and found by routing headers.

The oldest of the organisation's mailboxes of public folders has the tree that is written. The others have a copy of it,
and the items of those folders whose content mailbox they are (PR_REPLICA_LIST). Requests for the tree go to any of
them; requests for items only to the one that has them, which the HTTP header X-PublicFolderMailbox names: its GUID
with any domain, or its address. Without the header a request goes to the mailbox in which the caller sees the tree.
"""

from __future__ import annotations

from typing import Final
from uuid import UUID

from isthmus_lab.mapi import tags
from isthmus_lab.store import Folder, Mailbox, NotFoundError, Rights, Store
from isthmus_lab.store.hierarchy import follow

from .directory import Directory, Recipient

_ITEMS: Final = (
    Rights.READ_ANY | Rights.CREATE | Rights.EDIT_OWNED | Rights.EDIT_ANY | Rights.DELETE_OWNED | Rights.DELETE_ANY
)
_TREE: Final = Rights.CREATE_SUBFOLDER | Rights.OWNER


class PublicFolderError(Exception):
    """A request for public folders that went to the wrong place; ``code`` is what EWS calls it."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class PublicFolders:
    """Those of one organisation."""

    def __init__(self, directory: Directory, store: Store) -> None:
        self._directory = directory
        self._store = store

    def mailbox_of(self, person: Recipient) -> Recipient | None:
        """The mailbox in which somebody sees the tree: theirs, else the oldest; None where there are no folders."""
        known = self._directory.public_folder_mailboxes()
        own = [each for each in known if each.dn == person.public_folder_mailbox]
        return next(iter([*own, *known]), None)

    def named(self, header: str) -> Recipient | None:
        """The mailbox of public folders that a header or an address names; None when it is none of them."""
        name, _, _ = header.strip().partition("@")
        known = self._directory.public_folder_mailboxes()
        by_guid = [each for each in known if str(each.mailbox) == name.lower()]
        by_address = [each for each in known if f"smtp:{header.strip().lower()}" in each.addresses]
        return next(iter([*by_guid, *by_address]), None)

    def routed(self, caller: Recipient, header: str | None) -> Mailbox:
        """The mailbox that a request goes to. Raises PublicFolderError."""
        chosen = None if header is None else self.named(header)
        if chosen is None and header is not None and not self._is_person(header):
            raise PublicFolderError(
                "ErrorPublicFolderMailboxDiscoveryFailed", f"{header} is no mailbox of this organisation."
            )
        chosen = chosen or self.mailbox_of(caller)
        if chosen is None:
            raise PublicFolderError("ErrorNoPublicFolderServerAvailable", "The organisation has no public folders.")
        return self._open(chosen)

    def writable(self) -> Mailbox:
        """The mailbox with the tree that is written."""
        return self._open(self._directory.public_folder_mailboxes()[0])

    def doing(self, mailbox: Mailbox, folder: Folder, need: Rights) -> Mailbox:
        """Where a request that came to a mailbox is done: items there, the tree in the one that is written."""
        if need & _ITEMS and content_mailbox(folder) != mailbox.guid:
            raise PublicFolderError(
                "ErrorPublicFolderRequestProcessingFailed",
                f"The items of {folder.name} are in another mailbox; X-PublicFolderMailbox must name it.",
            )
        return self.writable() if need & _TREE and not need & _ITEMS else mailbox

    def content(self, folder_id: bytes) -> Mailbox:
        """The mailbox with the items of a folder."""
        guid = content_mailbox(self.writable().folders.get(folder_id))
        for each in self._directory.public_folder_mailboxes():
            if each.mailbox == guid:
                return self._open(each)
        raise NotFoundError(f"there is no mailbox {guid} of public folders")

    def _open(self, owner: Recipient) -> Mailbox:
        oldest = self._directory.public_folder_mailboxes()[0].mailbox
        assert oldest is not None and owner.mailbox is not None  # only those that have one are known
        writable = self._store.public(oldest, oldest)
        if owner.mailbox == oldest:
            return writable
        mailbox = self._store.public(owner.mailbox, oldest)
        follow(writable, mailbox)
        return mailbox

    def _is_person(self, header: str) -> bool:
        """Whether a header names an ordinary mailbox, as clients send that take it from the user's own settings."""
        name = header.strip().partition("@")[0]
        try:
            found = self._directory.by_mailbox(UUID(name))
        except ValueError:
            found = self._directory.by_address(header.strip())
        return found is not None and found.mailbox is not None


def content_mailbox(folder: Folder) -> UUID:
    """Where the items of a folder are, by the list of its replicas; since Exchange 2013 there is one."""
    return UUID(folder.properties[tags.PidTagReplicaList][:36].decode("ascii"))


def replica_list(guid: UUID) -> bytes:
    """PR_REPLICA_LIST of a folder whose items are in that mailbox: its GUID in letters, with a zero."""
    return str(guid).encode("ascii") + b"\0"
