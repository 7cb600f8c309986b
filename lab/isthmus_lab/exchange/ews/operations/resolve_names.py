"""ResolveNames: people of the address list and of the own contacts by a few letters ([MS-OXWSRSLNM])."""

from __future__ import annotations

from collections.abc import Iterator

from isthmus_lab.store import NotFoundError, Rights

from ..call import Call, reading
from ..errors import EwsError, EwsWarning
from ..kinds import CONTACT
from ..names import Element, elements, flag, m, t, text
from ..people import contact_mailboxes, matching, recipient_contact, recipient_mailbox
from ..shapes import Shape, show
from ..soap import Answer

_MOST = 100


@reading
def resolve_names(call: Call) -> Answer:
    """Who is meant by a few letters or an address; more than one answer is a warning."""
    wanted = (text(call.element, "UnresolvedEntry") or "").strip()
    full = flag(call.element.get("ReturnFullContactData"))
    scope = call.element.get("SearchScope") or "ActiveDirectoryContacts"
    shape = Shape(call.element.get("ContactDataShape") or "Default")
    searches = {"ActiveDirectory": _in_directory, "Contacts": _in_contacts}
    first = "ActiveDirectory" if scope.startswith("ActiveDirectory") else "Contacts"
    order = [first] if scope == first else [first, *(each for each in searches if each != first)]

    def handle() -> Iterator[Element]:
        found, seen = list[Element](), set[str]()
        for name in order:
            for resolution in searches[name](call, wanted, full, shape):
                address = (text(resolution[0], "EmailAddress") or "").lower()
                if not address or address not in seen:  # somebody may be in both
                    found.append(resolution)
                seen.add(address)
        if not found:
            raise EwsError("ErrorNameResolutionNoResults")
        shown = found[:_MOST]
        everything = "true" if len(found) <= _MOST else "false"
        answer = m("ResolutionSet", TotalItemsInView=str(len(shown)), IncludesLastItemInRange=everything)
        answer.extend(shown)
        if len(found) > 1:
            raise EwsWarning("ErrorNameResolutionMultipleResults", "Multiple results were found.", [answer])
        yield answer

    return call.answer(handle)


def _in_directory(call: Call, wanted: str, full: bool, _: Shape) -> Iterator[Element]:
    directory = call.services.directory
    kind, colon, address = wanted.partition(":")
    if colon and kind.lower() in ("smtp", "x500", "ex"):
        exact = directory.by_address(f"{kind}:{address}")
        found = [] if exact is None else [exact]
    else:
        found = directory.search(wanted, _MOST + 1)
    for each in found:
        node = t("Resolution", recipient_mailbox(each))
        if full and not each.is_group:
            node.append(recipient_contact(each))
        yield node


def _in_contacts(call: Call, wanted: str, full: bool, shape: Shape) -> Iterator[Element]:
    """From the folder that the request names, or the caller's contacts; who has no mailbox has none."""
    if call.caller.mailbox is None:
        return
    words = wanted.partition(":")[2] if wanted.lower().startswith("smtp:") else wanted
    folders = call.children("ParentFolderIds")
    try:
        if folders:
            mailbox, folder = call.folder(elements(folders[0].getparent())[0], Rights.READ_ANY)
        else:
            mailbox = call.mailbox()
            folder = mailbox.folders.role("contacts")
    except NotFoundError:
        return
    for row in mailbox.items.find(folder.id, matching(words), limit=_MOST + 1).rows:
        view = call.view(mailbox, row)
        for who in contact_mailboxes(mailbox, view):
            node = t("Resolution", who)
            if full and view.kind is CONTACT:
                node.append(show(view, shape))
            yield node
