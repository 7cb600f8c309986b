"""GetSearchableMailboxes: whose mailboxes somebody may search for discovery ([MS-OXWSEDISC] 3.1.4.2)."""

from __future__ import annotations

from collections.abc import Iterator

from ...directory import Recipient
from ..call import Call, reading
from ..errors import EwsError
from ..names import Element, child, flag, m, t, text
from ..soap import Answer


@reading
def get_searchable_mailboxes(call: Call) -> Answer:
    """For members of the discovery group: mailboxes and groups whose names begin so."""
    expand = flag(text(call.element, "ExpandGroupMembership"))
    wanted = child(call.element, "SearchFilter")
    words = "" if wanted is None else (wanted.text or "").strip().rstrip("*")

    def handle() -> Iterator[Element]:
        directory, group = call.services.directory, call.services.settings.discovery_group
        if group is None or not directory.is_member(call.caller, group):
            raise EwsError("ErrorAccessDenied", "The user is not assigned the role MailboxSearch.")
        found = directory.search(words, 0) if words else directory.mailboxes()
        people: dict[str, Recipient] = {}
        for each in found:
            inside = directory.members(each) if expand and each.is_group else [each]
            people.update((person.dn, person) for person in inside)
        shown = m("SearchableMailboxes")
        for person in sorted(people.values(), key=lambda person: person.name.casefold()):
            shown.extend(_described(person))
        yield shown

    return call.single("GetSearchableMailboxesResponse", handle, on_error={"SearchableMailboxes": ""})


def _described(person: Recipient) -> Iterator[Element]:
    guid = person.guid if person.is_group else person.mailbox
    if guid is None or person.holds_public_folders:
        return
    node = t("SearchableMailbox", t("Guid", str(guid)))
    for name, value in (
        ("PrimarySmtpAddress", person.smtp or ""),
        ("IsExternalMailbox", "false"),
        ("ExternalEmailAddress", ""),
        ("DisplayName", person.name),
        ("IsMembershipGroup", str(person.is_group).lower()),
        ("ReferenceId", person.legacy_dn or ""),
    ):
        node.append(t(name, value))
    yield node
