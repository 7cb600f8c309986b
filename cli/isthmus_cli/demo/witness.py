"""What is in a mailbox, as a client sees it that nobody here wrote: exchangelib.

The services have a client, a ledger and a proof of their own. What the demo claims must not rest on any of them.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import requests.adapters
from exchangelib import (
    BASIC,
    DELEGATE,
    IMPERSONATION,
    Account,
    Configuration,
    Credentials,
    ExtendedProperty,
    HTMLBody,
    Mailbox,
    Message,
    Version,
)
from exchangelib.fields import FieldPath
from exchangelib.items import ASSOCIATED, ID_ONLY, ITEM_CLASSES, SHALLOW
from exchangelib.protocol import BaseProtocol
from exchangelib.services import FindItem
from exchangelib.version import EXCHANGE_2016


class SearchKey(ExtendedProperty):  # type: ignore[misc]
    """PidTagSearchKey, which an item keeps when it is exported and uploaded ([MS-OXCPRPT] 2.2.1.9)."""

    property_tag = 0x300B
    property_type = "Binary"


for _item_class in ITEM_CLASSES:
    if not any(field.name == "search_key" for field in _item_class.FIELDS):
        _item_class.register("search_key", SearchKey)


class _OwnAuthorities(requests.adapters.HTTPAdapter):
    """Verifies each server's certificate with the CA file that was given for it."""

    ca_files: ClassVar[dict[str, str]] = {}

    def cert_verify(self, conn: Any, url: str, verify: Any, cert: Any) -> None:
        ca_file = next((path for prefix, path in self.ca_files.items() if url.startswith(prefix)), verify)
        super().cert_verify(conn, url, ca_file, cert)


_opening = threading.Lock()

_PAGE = 1000

_ROLES = (
    "inbox", "drafts", "sent", "trash", "outbox", "junk", "calendar", "contacts", "tasks", "notes", "journal",
)  # fmt: skip

OWN_MAIL = frozenset({"/sent", "/drafts", "/outbox"})
"""Folders of what the owner of a mailbox sent, by their paths."""


_RULES = ("IPM.Rule.", "IPM.RuleOrganizer")
"""Classes in which a server keeps rules: each has its own, of the same meaning."""


class Entry(NamedTuple):
    """An item in a list. ``folder`` is its folder's path, by roles and names."""

    folder: str
    associated: bool
    search_key: bytes
    subject: str
    message_id: str


Content = Counter[Entry]
"""How often a mailbox holds each."""


@dataclass(frozen=True)
class Organisation:
    """How to look at an organisation's mailboxes. ``user`` may impersonate everybody."""

    name: str
    ews: str
    ca_file: Path
    user: str
    password: str

    def mailbox(self, address: str) -> Account:
        """The mailbox of this address, by impersonation."""
        return self._open(address, self.user, self.password, IMPERSONATION)

    def own_mailbox(self, address: str, user: str, password: str) -> Account:
        """The mailbox of this address, opened by its owner."""
        return self._open(address, user, password, DELEGATE)

    def _open(self, address: str, user: str, password: str, access: str) -> Account:
        _OwnAuthorities.ca_files[self.ews] = str(self.ca_file)
        with _opening:  # exchangelib's cache of protocols is filled by one thread at a time
            BaseProtocol.HTTP_ADAPTER_CLS = _OwnAuthorities
            configuration = Configuration(
                service_endpoint=self.ews,
                credentials=Credentials(user, password),
                auth_type=BASIC,
                version=Version(build=EXCHANGE_2016),
                max_connections=4,
            )
            return Account(address, config=configuration, autodiscover=False, access_type=access)


def content(account: Account) -> Content:
    """Everything below the top of the mailbox."""
    folders = _folders(account)
    path_of = {folder.id: path for path, folder in folders.items()}
    return Counter(
        Entry(
            path_of[item.parent_folder_id.id],
            associated,
            getattr(item, "search_key", None) or b"",
            item.subject or "",
            getattr(item, "message_id", None) or "",
        )
        for associated, depth in ((False, SHALLOW), (True, ASSOCIATED))
        for item in _listed(account, list(folders.values()), depth)
        if not (associated and (item.item_class or "").startswith(_RULES))
    )


def _listed(account: Account, folders: list[Any], depth: str) -> Iterator[Any]:
    """The items of these folders by FindItem alone: a query would ask again for each, because of the search key."""
    fields = ("subject", "parent_folder_id", "search_key", "message_id", "item_class")
    found = FindItem(account=account, page_size=_PAGE).call(
        folders=folders,
        additional_fields=[FieldPath(field=Message.get_field_by_fieldname(name)) for name in fields],
        restriction=None,
        order_fields=None,
        shape=ID_ONLY,
        query_string=None,
        depth=depth,
        calendar_view=None,
        max_items=None,
        offset=0,
    )
    for item in found:
        if isinstance(item, Exception):
            raise item
        yield item


def _folders(account: Account) -> dict[str, Any]:
    """Folders by path. Those that every mailbox has go by their role: their names are in the owner's language."""
    root = account.msg_folder_root
    folders = {folder.id: folder for folder in root.walk()}
    roles = {getattr(account, role).id: role for role in _ROLES}

    def path(folder: Any) -> str:
        above = folders.get(folder.parent_folder_id.id)
        return f"{path(above) if above else ''}/{roles.get(folder.id, folder.name)}"

    return {"/": root} | {path(folder): folder for folder in folders.values()}


def send(account: Account, recipients: list[str], subject: str) -> None:
    """Send a mail from this mailbox."""
    Message(
        account=account,
        subject=subject,
        body=HTMLBody("<p>A mail to see where mail goes.</p>"),
        to_recipients=[Mailbox(email_address=address) for address in recipients],
    ).send()


def subjects(account: Account, prefix: str) -> Counter[str]:
    """Subjects in the inbox that begin with ``prefix``, and how often."""
    items = account.inbox.filter(subject__startswith=prefix).only("subject")
    return Counter(item.subject for item in items)
