"""ResolveNames: people of the address list by the beginnings of their names ([MS-OXWSRSLNM])."""

from __future__ import annotations

from collections.abc import Iterator

from ...directory import Recipient
from ..call import Call, operation
from ..errors import EwsError, EwsWarning
from ..names import Element, flag, m, t, text
from ..soap import Answer

_MOST = 100


@operation
def resolve_names(call: Call) -> Answer:
    """Who is meant by a few letters or an address; more than one answer is a warning."""
    wanted = (text(call.element, "UnresolvedEntry") or "").strip()
    full = flag(call.element.get("ReturnFullContactData"))

    def handle() -> Iterator[Element]:
        directory = call.services.directory
        kind, colon, address = wanted.partition(":")
        if colon and kind.lower() in ("smtp", "x500", "ex"):
            exact = directory.by_address(f"{kind}:{address}")
            found = [] if exact is None else [exact]
        else:
            found = directory.search(wanted, _MOST + 1)
        if not found:
            raise EwsError("ErrorNameResolutionNoResults")
        shown = found[:_MOST]
        everything = "true" if len(found) <= _MOST else "false"
        answer = m("ResolutionSet", TotalItemsInView=str(len(shown)), IncludesLastItemInRange=everything)
        answer.extend(_resolution(each, full) for each in shown)
        if len(found) > 1:
            raise EwsWarning("ErrorNameResolutionMultipleResults", "Multiple results were found.", [answer])
        yield answer

    return call.answer(handle)


def _resolution(recipient: Recipient, full: bool) -> Element:
    who = t("Mailbox", t("Name", recipient.name))
    if recipient.smtp:
        who.append(t("EmailAddress", recipient.smtp))
        who.append(t("RoutingType", "SMTP"))
    kinds = {"group": "PublicDL", "contact": "Contact"}
    who.append(t("MailboxType", kinds.get(recipient.kind, "Mailbox")))
    node = t("Resolution", who)
    if full and not recipient.is_group:
        node.append(_contact(recipient))
    return node


def _contact(recipient: Recipient) -> Element:
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
    return contact
