"""The forest as the Exchange server uses it: who is this, may they log on, where does their mail go.

Recipients are found by any of their addresses and kept for a moment only, so that a redirection that someone else sets
takes effect within :data:`FRESH` seconds. All calls block: the server makes them in threads.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import ssl
import threading
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

import ldap3
from ldap3.core.exceptions import LDAPException
from ldap3.utils.conv import escape_bytes, escape_filter_chars

from isthmus_lab.processor import PROCESSOR

from .settings import Forest

FRESH: Final = 1.5
"""Seconds for which an answer of the forest is used again."""
_REMEMBERED: Final = 300.0
"""Seconds for which a password that the forest accepted is accepted without asking again."""
_ANSWERS_KEPT: Final = 20_000
_PUBLIC_FOLDER_MAILBOX: Final = 1 << 36
"""msExchRecipientTypeDetails of a mailbox of public folders."""
_IN_CHAIN: Final = "1.2.840.113556.1.4.1941"
"""The matching rule that follows groups in groups."""

_NAMES: Final = (
    "displayName",
    "givenName",
    "sn",
    "title",
    "department",
    "company",
    "physicalDeliveryOfficeName",
    "telephoneNumber",
    "mobile",
    "mailNickname",
)
_ATTRIBUTES: Final = (
    *_NAMES,
    "objectClass",
    "objectGUID",
    "objectSid",
    "sAMAccountName",
    "userPrincipalName",
    "name",
    "mail",
    "proxyAddresses",
    "targetAddress",
    "legacyExchangeDN",
    "homeMDB",
    "msExchMailboxGuid",
    "msExchHideFromAddressLists",
    "msExchRecipientTypeDetails",
    "msExchPublicFolderMailbox",
    "msExchPublicFolderEntryId",
    "uSNCreated",
    "msExchArchiveGUID",
    "msExchDelegateListLink",
    "publicDelegates",
    "msExchSenderHintTranslations",
    "msExchEnableModeration",
    "authOrig",
    "unauthOrig",
    "dLMemSubmitPerms",
    "dLMemRejectPerms",
)


# msExchRecipientTypeDetails
ROOM, EQUIPMENT, ROOM_LIST = 0x10, 0x20, 0x10000000


class DirectoryError(Exception):
    """The forest cannot be asked now. What needed it must wait or fail; a guess would lose mail."""


@dataclass(frozen=True)
class Restriction:
    """Whose mail somebody takes: DNs of people and of groups. Where nobody is accepted by name, everybody is."""

    accepted: frozenset[str] = frozenset()
    accepted_groups: frozenset[str] = frozenset()
    refused: frozenset[str] = frozenset()
    refused_groups: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Recipient:
    """A user, contact or group of the forest.

    ``addresses`` are its proxyAddresses in lower case with their prefix (``smtp:…``, ``x500:…``), legacyExchangeDN
    among them; ``mailbox`` is there only when homeMDB is too (a mail user has a GUID and no mailbox), and so is
    ``archive``. ``full_access`` are the DNs of those who may do everything in the mailbox, ``delegates`` of those
    who may send on the person's behalf. ``details`` is msExchRecipientTypeDetails; ``public_folder`` the entry id of
    a mail-enabled one, ``public_folder_mailbox`` the DN of the mailbox in which somebody sees the tree; ``made`` rises
    with age. ``mail_tip`` is what senders are told before they send (HTML), ``restriction`` whose mail is taken.
    """

    dn: str
    guid: uuid.UUID
    kind: str
    name: str
    smtp: str | None
    addresses: frozenset[str]
    target_address: str | None
    legacy_dn: str | None
    mailbox: uuid.UUID | None
    principal: str | None
    account: str | None
    sid: str | None
    hidden: bool
    names: dict[str, str]
    archive: uuid.UUID | None = None
    full_access: tuple[str, ...] = ()
    delegates: tuple[str, ...] = ()
    details: int = 0
    public_folder: bytes | None = None
    public_folder_mailbox: str | None = None
    made: int = 0
    mail_tip: str | None = None
    moderated: bool = False
    restriction: Restriction = Restriction()

    @property
    def is_resource(self) -> bool:
        """Whether this is a room's or a piece of equipment's mailbox."""
        return self.details in (ROOM, EQUIPMENT)

    @property
    def is_group(self) -> bool:
        return self.kind == "group"

    @property
    def holds_public_folders(self) -> bool:
        """Whether it is no person's mailbox but one of public folders."""
        return self.details == _PUBLIC_FOLDER_MAILBOX


class Directory:
    """Questions to one forest over LDAPS, by a few connections that are made when needed."""

    def __init__(self, forest: Forest) -> None:
        tls = ldap3.Tls(
            validate=ssl.CERT_REQUIRED,
            ca_certs_file=None if forest.ca_file is None else str(forest.ca_file),
            version=ssl.PROTOCOL_TLS_CLIENT,
        )
        self.server = ldap3.Server(forest.url, tls=tls, get_info=ldap3.NONE, connect_timeout=5)
        self._forest = forest
        self._lock = threading.Lock()
        self._idle: list[ldap3.Connection] = []
        self._answers: dict[tuple[str, int], tuple[float, tuple[Recipient, ...]]] = {}
        self._salt = secrets.token_bytes(32)
        self._accepted: dict[bytes, float] = {}

    # --- who is this ------------------------------------------------------------------------------------------------

    def by_address(self, address: str) -> Recipient | None:
        """The recipient with this proxy address (``smtp:…``, ``X500:…``); without a prefix it is SMTP."""
        kind, colon, rest = address.partition(":")
        if not colon:
            kind, rest = "smtp", address
        value = escape_filter_chars(rest)
        if kind.lower() == "smtp":
            return self._one(f"(|(proxyAddresses=smtp:{value})(mail={value}))")
        if kind.lower() in ("x500", "ex"):
            return self._one(f"(|(proxyAddresses=x500:{value})(legacyExchangeDN={value}))")
        return self._one(f"(proxyAddresses={escape_filter_chars(kind)}:{value})")

    def by_mailbox(self, guid: uuid.UUID) -> Recipient | None:
        """The owner of a mailbox or of an archive."""
        value = escape_bytes(guid.bytes_le)
        return self._one(f"(|(msExchMailboxGuid={value})(msExchArchiveGUID={value}))")

    def by_sid(self, sid: str) -> Recipient | None:
        """The recipient with this security identifier, e.g. ``S-1-5-21-…``."""
        return self._one(f"(objectSid={escape_filter_chars(sid)})")

    def by_principal(self, name: str) -> Recipient | None:
        """The recipient whose user principal name this is."""
        return self._one(f"(userPrincipalName={escape_filter_chars(name)})")

    def by_account(self, name: str) -> Recipient | None:
        """The recipient whose sAMAccountName this is."""
        return self._one(f"(sAMAccountName={escape_filter_chars(name)})")

    def by_object(self, guid: uuid.UUID) -> Recipient | None:
        """The recipient that is this object of the forest."""
        return self._one(f"(objectGUID={escape_bytes(guid.bytes_le)})")

    def search(self, words: str, limit: int) -> list[Recipient]:
        """Ambiguous name resolution: visible recipients whose names or addresses begin with the words.

        Two words may also be the beginnings of first and last name, in either order.
        """
        value = escape_filter_chars(words.strip())
        one, _, two = (escape_filter_chars(part) for part in words.strip().partition(" "))
        fields = ("displayName", "givenName", "sn", "sAMAccountName", "mailNickname", "mail", "name")
        anything = "".join(f"({each}={value}*)" for each in fields)
        if two:
            anything += f"(&(givenName={one}*)(sn={two}*))(&(givenName={two}*)(sn={one}*))"
        found = self._find(f"(&(|{anything}(proxyAddresses=smtp:{value}*))(mail=*))", limit)
        return [each for each in found if not each.hidden]

    def public_folder_mailboxes(self) -> list[Recipient]:
        """The organisation's, the oldest first: that has the tree that is written."""
        found = self._find(f"(msExchRecipientTypeDetails={_PUBLIC_FOLDER_MAILBOX})", 0)
        return sorted((each for each in found if each.mailbox is not None), key=lambda each: each.made)

    def mailboxes(self) -> list[Recipient]:
        """Everybody who has one."""
        return list(self._find("(&(homeMDB=*)(msExchMailboxGuid=*))", 0))

    def room_lists(self) -> list[Recipient]:
        """The groups that are made of rooms."""
        return list(self._find(f"(&(objectClass=group)(msExchRecipientTypeDetails={ROOM_LIST}))", 0))

    def members(self, group: Recipient) -> list[Recipient]:
        """The direct members of a group; those that can receive no mail are the caller's to leave out."""
        return list(self._find(f"(memberOf={escape_filter_chars(group.dn)})", 0))

    def is_member(self, person: Recipient, group_dn: str) -> bool:
        """Whether the person is in the group, directly or through others."""
        group = f"(memberOf:{_IN_CHAIN}:={escape_filter_chars(group_dn)})"
        return bool(self._find(f"(&(objectGUID={escape_bytes(person.guid.bytes_le)}){group})", 1))

    def takes_mail(self, recipient: Recipient, sender: Recipient) -> bool:
        """Whether the recipient's restrictions let the sender's mail come."""
        rules = recipient.restriction

        def named(people: frozenset[str], groups: frozenset[str]) -> bool:
            return sender.dn in people or any(self.is_member(sender, each) for each in groups)

        if named(rules.refused, rules.refused_groups):
            return False
        everybody = not rules.accepted and not rules.accepted_groups
        return everybody or named(rules.accepted, rules.accepted_groups)

    def is_within(self, person: Recipient, root: str | None, condition: str | None) -> bool:
        """Whether the person is below that DN and meets that LDAP filter."""
        if root is not None and not person.dn.lower().endswith(f",{root.lower()}"):
            return False
        if condition is None:
            return True
        return bool(self._find(f"(&(objectGUID={escape_bytes(person.guid.bytes_le)}){condition})", 1))

    # --- may they log on --------------------------------------------------------------------------------------------

    def check_password(self, person: Recipient, password: str) -> bool:
        """Whether the forest accepts this password; remembered for some minutes as a salted hash."""
        if not password:  # a bind without a password is anonymous, and succeeds
            return False
        proof = hmac.digest(self._salt, f"{person.guid}\0{password}".encode(), hashlib.sha256)
        if self._accepted.get(proof, 0.0) > time.monotonic():
            return True
        connection = ldap3.Connection(self.server, person.dn, password, receive_timeout=10)
        with PROCESSOR.waiting():
            try:
                accepted = bool(connection.bind())
            except LDAPException as error:
                raise DirectoryError(f"{self._forest.url}: {error}") from error
            finally:
                connection.unbind()
        if accepted:
            self._accepted[proof] = time.monotonic() + _REMEMBERED
        return accepted

    # --- what the server itself writes --------------------------------------------------------------------------------

    def replace(self, dn: str, attribute: str, values: Sequence[str | bytes]) -> None:
        """Sets an attribute of a recipient; without values it is cleared."""
        with PROCESSOR.waiting(), self._connection(fresh=False) as connection:
            try:
                connection.modify(dn, {attribute: [(ldap3.MODIFY_REPLACE, list(values))]})
            except LDAPException as error:
                raise DirectoryError(f"{self._forest.url}: {error}") from error
            if connection.result["result"] != 0:
                raise DirectoryError(f"{self._forest.url}: {dn}: {connection.result['description']}")
        self._answers.clear()

    def close(self) -> None:
        """Ends the connections."""
        while self._idle:
            self._idle.pop().unbind()

    # --- asking -----------------------------------------------------------------------------------------------------

    def _one(self, condition: str) -> Recipient | None:
        found = self._find(condition, 2)
        return found[0] if found else None

    def _find(self, condition: str, limit: int) -> tuple[Recipient, ...]:
        key = (condition.lower(), limit)
        until, known = self._answers.get(key, (0.0, ()))
        asked = time.monotonic()
        if until > asked:
            return known
        found = tuple(_recipient(entry) for entry in self._search(condition, limit))
        if len(self._answers) >= _ANSWERS_KEPT:
            self._answers.clear()
        self._answers[key] = (asked + FRESH, found)
        return found

    def _search(self, condition: str, limit: int) -> list[dict[str, Any]]:
        # A connection that rested may have been closed by the forest: then a new one asks again, once.
        for attempt in (1, 2):
            try:
                with PROCESSOR.waiting(), self._connection(fresh=attempt == 2) as connection:
                    connection.search(
                        self._forest.base, condition, attributes=_ATTRIBUTES, size_limit=limit, time_limit=10
                    )
                    entries = [each for each in connection.response or [] if each["type"] == "searchResEntry"]
                    if connection.result["result"] not in (0, 4):  # success, size limit exceeded
                        raise DirectoryError(f"{self._forest.url}: {connection.result}")
                    return entries
            except LDAPException as error:
                if attempt == 2:
                    raise DirectoryError(f"{self._forest.url}: {error}") from error
        raise AssertionError

    @contextmanager
    def _connection(self, *, fresh: bool) -> Iterator[ldap3.Connection]:
        with self._lock:
            if fresh:
                self._idle.clear()
            connection = self._idle.pop() if self._idle else None
        if connection is None:
            connection = ldap3.Connection(
                self.server,
                self._forest.user,
                self._forest.password.get_secret_value(),
                auto_bind=True,
                check_names=False,
                return_empty_attributes=False,
                receive_timeout=15,
            )
        yield connection
        with self._lock:  # not reached after an error: a connection in an unknown state is dropped
            self._idle.append(connection)


def _recipient(entry: dict[str, Any]) -> Recipient:
    raw: dict[str, list[bytes]] = {name.lower(): values for name, values in entry["raw_attributes"].items()}

    def text(name: str) -> str | None:
        values = raw.get(name.lower())
        return values[0].decode("utf-8", "replace") if values else None

    classes = {value.decode().lower() for value in raw.get("objectclass", [])}
    kind = next((each for each in ("group", "contact", "publicFolder") if each.lower() in classes), "user")
    addresses = {value.decode("utf-8", "replace").lower() for value in raw.get("proxyaddresses", [])}
    legacy_dn, mail = text("legacyExchangeDN"), text("mail")
    if legacy_dn:
        addresses.add(f"x500:{legacy_dn.lower()}")
    if mail:
        addresses.add(f"smtp:{mail.lower()}")
    primary = next(
        (value[5:].decode("utf-8", "replace") for value in raw.get("proxyaddresses", []) if value.startswith(b"SMTP:")),
        mail,
    )
    guid, archive, sid = raw.get("msexchmailboxguid"), raw.get("msexcharchiveguid"), raw.get("objectsid")
    has_mailbox = "homemdb" in raw
    return Recipient(
        dn=str(entry["dn"]),
        guid=uuid.UUID(bytes_le=raw["objectguid"][0]),
        kind=kind,
        name=text("displayName") or text("name") or "",
        smtp=primary,
        addresses=frozenset(addresses),
        target_address=text("targetAddress"),
        legacy_dn=legacy_dn,
        mailbox=uuid.UUID(bytes_le=guid[0]) if guid and has_mailbox else None,
        principal=text("userPrincipalName"),
        account=text("sAMAccountName"),
        sid=_sid(sid[0]) if sid else None,
        details=int(text("msExchRecipientTypeDetails") or 0),
        public_folder=bytes.fromhex(text("msExchPublicFolderEntryId") or "") or None,
        public_folder_mailbox=text("msExchPublicFolderMailbox"),
        made=int(text("uSNCreated") or 0),
        hidden=text("msExchHideFromAddressLists") == "TRUE",
        names={name: value for name in _NAMES if (value := text(name))},
        archive=uuid.UUID(bytes_le=archive[0]) if archive and has_mailbox else None,
        full_access=tuple(value.decode() for value in raw.get("msexchdelegatelistlink", [])),
        delegates=tuple(value.decode() for value in raw.get("publicdelegates", [])),
        mail_tip=_mail_tip(raw.get("msexchsenderhinttranslations", [])),
        moderated=text("msExchEnableModeration") == "TRUE",
        restriction=Restriction(
            *(
                frozenset(value.decode() for value in raw.get(name, []))
                for name in ("authorig", "dlmemsubmitperms", "unauthorig", "dlmemrejectperms")
            )
        ),
    )


def _mail_tip(translations: list[bytes]) -> str | None:
    """The default one of ``language:text`` values."""
    texts = dict(value.decode("utf-8", "replace").partition(":")[::2] for value in translations)
    return texts.get("default")


def _sid(raw: bytes) -> str:
    """A security identifier in words ([MS-DTYP] 2.4.2.2)."""
    parts = [int.from_bytes(raw[at : at + 4], "little") for at in range(8, 8 + 4 * raw[1], 4)]
    return "-".join(map(str, ["S", raw[0], int.from_bytes(raw[2:8], "big"), *parts]))
