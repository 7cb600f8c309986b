"""People as answers show them: of the address list, and of somebody's own contacts."""

from __future__ import annotations

import binascii
from copy import deepcopy
from uuid import UUID

from isthmus_lab.mapi import tags
from isthmus_lab.mapi.tags import PropertyKey
from isthmus_lab.store import And, Contains, Mailbox, Or, Restriction

from ..directory import Recipient
from .errors import EwsError
from .fields import View
from .kinds import CONTACT, DISTRIBUTION_LIST
from .mailboxes import mailbox
from .names import TYPES, Element, t
from .shapes import item_id
from .values import show_time

_ADDRESSES = (
    (tags.PidLidEmail1OriginalDisplayName, tags.PidLidEmail1AddressType, tags.PidLidEmail1EmailAddress),
    (tags.PidLidEmail2OriginalDisplayName, tags.PidLidEmail2AddressType, tags.PidLidEmail2EmailAddress),
    (tags.PidLidEmail3OriginalDisplayName, tags.PidLidEmail3AddressType, tags.PidLidEmail3EmailAddress),
)
# What a few letters are compared with: names, word by word, and addresses.
_NAMES: tuple[PropertyKey, ...] = (
    tags.PidTagDisplayName,
    tags.PidTagGivenName,
    tags.PidTagSurname,
    tags.PidTagNickname,
    tags.PidLidFileUnder,
    *(address for _, _, address in _ADDRESSES),
)
_PERSONA = b"\0\5"
"""No compression, and an object of the directory ([MS-OXWSITEMID] 2.2.4)."""
_KINDS = {"group": "PublicDL", "contact": "Contact", "publicFolder": "PublicFolder"}


def kind_of(recipient: Recipient) -> str:
    """The MailboxType of somebody in the address list."""
    return _KINDS.get(recipient.kind, "Mailbox")


def recipient_mailbox(recipient: Recipient, name: str = "Mailbox") -> Element:
    """Somebody of the address list as a Mailbox element, or another one of that type."""
    who = t(name, t("Name", recipient.name))
    if recipient.smtp:
        who.append(t("EmailAddress", recipient.smtp))
        who.append(t("RoutingType", "SMTP"))
    who.append(t("MailboxType", kind_of(recipient)))
    return who


def recipient_contact(recipient: Recipient) -> Element:
    """Somebody of the address list as a Contact element."""
    names = recipient.names
    contact = t("Contact")

    def add(element: str, name: str) -> None:
        if names.get(name):
            contact.append(t(element, names[name]))

    contact.append(t("DisplayName", recipient.name))
    add("GivenName", "givenName")
    add("CompanyName", "company")
    if recipient.smtp:
        contact.append(t("EmailAddresses", t("Entry", recipient.smtp, Key="EmailAddress1")))
    phones = [("BusinessPhone", "telephoneNumber"), ("MobilePhone", "mobile")]
    entries = [t("Entry", names[name], Key=key) for key, name in phones if names.get(name)]
    if entries:
        numbers = t("PhoneNumbers")
        numbers.extend(entries)
        contact.append(numbers)
    contact.append(t("ContactSource", "ActiveDirectory"))
    add("Department", "department")
    add("JobTitle", "title")
    add("OfficeLocation", "physicalDeliveryOfficeName")
    add("Surname", "sn")
    add("Alias", "mailNickname")
    contact.append(t("DirectoryId", str(recipient.guid)))
    return contact


def recipient_persona(recipient: Recipient) -> Element:
    """Somebody of the address list as a Persona element."""
    names = recipient.names
    node = t(
        "Persona", t("PersonaId", Id=binascii.b2a_base64(_PERSONA + recipient.guid.bytes_le, newline=False).decode())
    )
    node.append(t("PersonaType", "DistributionList" if recipient.is_group else "Person"))
    node.append(t("DisplayName", recipient.name))
    for element, name in (
        ("GivenName", "givenName"),
        ("Surname", "sn"),
        ("Title", "title"),
        ("Department", "department"),
        ("CompanyName", "company"),
    ):
        if names.get(name):
            node.append(t(element, names[name]))
    if recipient.smtp:
        node.append(recipient_mailbox(recipient, "EmailAddress"))
        node.append(t("EmailAddresses", recipient_mailbox(recipient, "Address")))
    return node


def persona_guid(written: str) -> UUID | None:
    """The object of the directory that a PersonaId names, None when it names an item."""
    try:
        raw = binascii.a2b_base64(written, strict_mode=True)
    except ValueError:
        raise EwsError("ErrorInvalidIdMalformed") from None
    return UUID(bytes_le=raw[2:]) if raw[:2] == _PERSONA and len(raw) == 18 else None


# --- somebody's own contacts ----------------------------------------------------------------------------------------


def matching(words: str) -> Restriction:
    """Contacts and personal lists with words that begin so in their names, or addresses that do."""
    each = [Or(tuple(Contains(key, word, "words", ignore_marks=True) for key in _NAMES)) for word in words.split()]
    return And((KNOWN, *each))


KNOWN: Restriction = Or(
    (Contains(tags.PidTagMessageClass, CONTACT.creates, "prefix"),
     Contains(tags.PidTagMessageClass, DISTRIBUTION_LIST.creates, "prefix"))
)  # fmt: skip


def contact_mailboxes(owner: Mailbox, view: View) -> list[Element]:
    """A Mailbox element for each address of a contact, or the one of a personal list."""
    assert view.row is not None
    if view.kind is DISTRIBUTION_LIST:
        node = t("Mailbox", t("Name", view.value(tags.PidTagDisplayName) or view.row.subject))
        node.append(t("RoutingType", "MAPIPDL"))
        node.append(t("MailboxType", "PrivateDL"))
        shown = [node]
    else:
        shown = [_address(view, kind, address) for _, kind, address in _ADDRESSES if view.value(address)]
    for node in shown:
        node.append(item_id(owner.guid, view.row))
    return shown


def contact_persona(view: View) -> Element:
    """A contact as a Persona element."""
    assert view.row is not None
    node = t("Persona", t("PersonaId", Id=view.id))
    node.append(t("PersonaType", "DistributionList" if view.kind is DISTRIBUTION_LIST else "Person"))
    node.append(t("CreationTime", show_time(view.row.created)))
    for element, key in (
        ("DisplayName", tags.PidTagDisplayName),
        ("FileAs", tags.PidLidFileUnder),
        ("GivenName", tags.PidTagGivenName),
        ("Surname", tags.PidTagSurname),
        ("Nickname", tags.PidTagNickname),
        ("Title", tags.PidTagTitle),
        ("Department", tags.PidTagDepartmentName),
        ("CompanyName", tags.PidTagCompanyName),
    ):
        if view.value(key):
            node.append(t(element, view.value(key)))
    addresses = [_address(view, kind, address) for _, kind, address in _ADDRESSES if view.value(address)]
    if addresses:
        node.append(_called("EmailAddress", addresses[0]))
        listed = t("EmailAddresses")
        listed.extend(_called("Address", each) for each in addresses)
        node.append(listed)
    return node


def _address(view: View, kind: PropertyKey, address: PropertyKey) -> Element:
    """One of a contact's addresses as a Mailbox element."""
    name = view.value(tags.PidTagDisplayName) or view.value(tags.PidLidFileUnder)
    who = mailbox(view, name, view.value(kind) or "SMTP", view.value(address), None)
    assert who is not None  # it has an address
    who[-1].text = "Contact"
    return who


def _called(name: str, who: Element) -> Element:
    """A copy of the element under another name."""
    node = deepcopy(who)
    node.tag = f"{{{TYPES}}}{name}"
    return node
