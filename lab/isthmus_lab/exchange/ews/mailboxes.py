"""People in items: ``t:Mailbox`` elements, and the recipient properties they stand for."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from isthmus_lab.mapi import tags
from isthmus_lab.mapi.bag import Properties

from .errors import EwsError
from .fields import Draft, Field, View, array
from .names import Element, child, elements, t, text
from .values import show_time

# RecipientTrackStatus, [MS-OXOCAL] 2.2.4.10.2
RESPONSES: Final = {0: "Unknown", 1: "Organizer", 2: "Tentative", 3: "Accept", 4: "Decline", 5: "NoResponseReceived"}


_ANSWERED: Final = (
    ("LastResponseTime", tags.PidTagRecipientTrackStatusTime),
    ("ProposedStart", tags.PidTagRecipientProposedStartTime),
    ("ProposedEnd", tags.PidTagRecipientProposedEndTime),
)
_ANSWERS: Final = (tags.PidTagRecipientTrackStatus, *(key for _, key in _ANSWERED), tags.PidTagRecipientProposed)


@dataclass(frozen=True)
class Role:
    """The properties in which an item keeps one person: name, address type, address and SMTP address."""

    name: int
    type: int
    address: int
    smtp: int


SENDER: Final = Role(
    tags.PidTagSenderName, tags.PidTagSenderAddressType, tags.PidTagSenderEmailAddress, tags.PidTagSenderSmtpAddress
)
FROM: Final = Role(
    tags.PidTagSentRepresentingName,
    tags.PidTagSentRepresentingAddressType,
    tags.PidTagSentRepresentingEmailAddress,
    tags.PidTagSentRepresentingSmtpAddress,
)
RECEIVED_BY: Final = Role(
    tags.PidTagReceivedByName,
    tags.PidTagReceivedByAddressType,
    tags.PidTagReceivedByEmailAddress,
    tags.PidTagReceivedBySmtpAddress,
)
RECEIVED_REPRESENTING: Final = Role(
    tags.PidTagReceivedRepresentingName,
    tags.PidTagReceivedRepresentingAddressType,
    tags.PidTagReceivedRepresentingEmailAddress,
    tags.PidTagReceivedRepresentingSmtpAddress,
)


def mailbox(view: View, name: str | None, kind: str | None, address: str | None, smtp: str | None) -> Element | None:
    """A Mailbox element. An X500 address shows as SMTP where the directory knows it, else as it is."""
    if kind == "EX" and not smtp and address:
        smtp = view.smtp_of(address)
    routing, shown = ("SMTP", smtp) if smtp else (kind or "SMTP", address)
    if not name and not shown:
        return None
    node = t("Mailbox", t("Name", name or shown or ""))
    if shown:
        node.append(t("EmailAddress", shown))
        node.append(t("RoutingType", routing))
        node.append(t("MailboxType", "Mailbox" if kind == "EX" else "OneOff"))
    return node


def person(uri: str, role: Role, *, read_only: bool = False, also: Role | None = None) -> Field:
    """A field with one person in it; ``also`` is set with it when the item does not have that person yet."""
    element = uri.partition(":")[2]

    def build(view: View) -> Element | None:
        name, smtp = view.value(role.name), view.value(role.smtp)
        if name and smtp:  # enough, and for the sender of a listed item at hand without reading the item
            found = mailbox(view, name, "SMTP", smtp, smtp)
        else:
            found = mailbox(view, name, view.bag.get(role.type), view.bag.get(role.address), smtp)
        return None if found is None else t(element, found)

    def store(draft: Draft, node: Element) -> None:
        recipient = recipient_of(draft, elements(node)[0])
        for each in (role,) if also is None or draft.bag.get(also.name) else (role, also):
            draft.set(each.name, recipient[tags.PidTagDisplayName])
            draft.set(each.type, recipient[tags.PidTagAddressType])
            draft.set(each.address, recipient[tags.PidTagEmailAddress])
            draft.set(each.smtp, recipient.get(tags.PidTagSmtpAddress))

    def clear(draft: Draft) -> None:
        for key in (role.name, role.type, role.address, role.smtp):
            draft.set(key, None)

    return Field(
        uri, element, build, None if read_only else store, None if read_only else clear, role.name, heavy=False
    )


def recipients(uri: str, kind: int) -> Field:
    """A field with the recipients of a type (To, Cc, Bcc)."""
    element = uri.partition(":")[2]

    def build(view: View) -> Element | None:
        found = [node for each in of_type(view, kind) if (node := mailbox_of(view, each)) is not None]
        return array(element, found) if found else None

    def store(draft: Draft, node: Element) -> None:
        replace(draft, kind, [recipient_of(draft, each) for each in elements(node)])

    return Field(uri, element, build, store, lambda draft: replace(draft, kind, []), heavy=True)


def attendees(uri: str, kind: int) -> Field:
    """A field with the attendees of a type (required, optional, resource)."""
    element = uri.partition(":")[2]

    def build(view: View) -> Element | None:
        found = []
        for each in of_type(view, kind):
            who = mailbox_of(view, each)
            if who is None or each.get(tags.PidTagRecipientFlags, 0) & 2:  # the organiser is no attendee of EWS
                continue
            attendee = t("Attendee", who)
            attendee.append(t("ResponseType", RESPONSES.get(each.get(tags.PidTagRecipientTrackStatus, 0), "Unknown")))
            for name, key in _ANSWERED:
                if each.get(key):
                    attendee.append(t(name, show_time(each[key])))
            found.append(attendee)
        return array(element, found) if found else None

    def store(draft: Draft, node: Element) -> None:
        added = []
        for each in elements(node):
            who = child(each, "Mailbox")
            if who is None:
                raise EwsError("ErrorInvalidRecipients", "An attendee has no mailbox.")
            added.append(recipient_of(draft, who))
        answers = {_address(each): each for each in draft.bag.recipients}
        for recipient in added:  # who was there before has answered already
            before = answers.get(_address(recipient), {})
            recipient.update({key: before[key] for key in _ANSWERS if key in before})
        replace(draft, kind, added)

    return Field(uri, element, build, store, lambda draft: replace(draft, kind, []), heavy=True)


def _address(recipient: Properties) -> str:
    return str(recipient.get(tags.PidTagSmtpAddress) or recipient.get(tags.PidTagEmailAddress) or "").lower()


def of_type(view: View, kind: int) -> Iterator[Properties]:
    """The recipients of a type, in order."""
    return (each for each in view.bag.recipients if each.get(tags.PidTagRecipientType, 1) & 0x0F == kind)


def mailbox_of(view: View, recipient: Properties) -> Element | None:
    """The Mailbox element of a row of the recipient table."""
    return mailbox(
        view,
        recipient.get(tags.PidTagDisplayName),
        recipient.get(tags.PidTagAddressType),
        recipient.get(tags.PidTagEmailAddress),
        recipient.get(tags.PidTagSmtpAddress),
    )


def recipient_of(draft: Draft, node: Element) -> Properties:
    """The properties of a Mailbox element; a person of the own organisation becomes an X500 recipient as in Outlook."""
    address, name, routing = text(node, "EmailAddress"), text(node, "Name"), text(node, "RoutingType") or "SMTP"
    if not address:
        if not name:
            raise EwsError("ErrorInvalidRecipients", "A recipient has neither a name nor an address.")
        return {tags.PidTagDisplayName: name, tags.PidTagAddressType: "SMTP", tags.PidTagEmailAddress: name}
    known = draft.resolve(address)
    if known is not None:
        return known
    properties: Properties = {
        tags.PidTagDisplayName: name or address,
        tags.PidTagAddressType: routing.upper(),
        tags.PidTagEmailAddress: address,
    }
    if routing.upper() == "SMTP":
        properties[tags.PidTagSmtpAddress] = address
    return properties


def replace(draft: Draft, kind: int, added: list[Properties]) -> None:
    """Puts these recipients in the place of all of that type, and keeps the lists of names that MAPI shows right."""
    for each in added:
        each[tags.PidTagRecipientType] = kind
        each.setdefault(tags.PidTagObjectType, 6)
        each.setdefault(tags.PidTagDisplayType, 0)
        each.setdefault(tags.PidTagResponsibility, True)
    kept = [each for each in draft.bag.recipients if each.get(tags.PidTagRecipientType, 1) & 0x0F != kind]
    draft.bag.recipients = sorted(kept + added, key=lambda each: each.get(tags.PidTagRecipientType, 1) & 0x0F)
    for row, each in enumerate(draft.bag.recipients):
        each[tags.PidTagRowid] = row
    draft.recipients_changed = True
    shown = {1: tags.PidTagDisplayTo, 2: tags.PidTagDisplayCc, 3: tags.PidTagDisplayBcc}[kind]
    draft.set(shown, "; ".join(str(each.get(tags.PidTagDisplayName, "")) for each in added))
