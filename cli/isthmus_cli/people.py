"""Who is meant by addresses or a collection, among the people that the portal knows."""

from __future__ import annotations

from typing import Any

from .output import Exit, fail
from .portal import LEFT, Portal


def everybody(portal: Portal) -> list[dict[str, Any]]:
    """The mailboxes that are in a collection, and those that were. Raises PortalError."""
    return [*portal.mailboxes(), *portal.mailboxes(LEFT)]


def chosen(
    mailboxes: list[dict[str, Any]], addresses: list[str], collection: str | None = None, *, left: bool = False
) -> list[dict[str, Any]]:
    """These people, each once; ends the program when one is unknown, or is in no collection any more, unless ``left``.

    ``mailboxes`` are everybody's.
    """
    if collection:
        members = [mailbox for mailbox in mailboxes if mailbox["collection"] == collection]
        if not members:
            known = ", ".join(sorted({mailbox["collection"] for mailbox in mailboxes} - {""})) or "none"
            fail(
                f"no mailbox is in a collection {collection!r} that is in force; there are: {known}. "
                "'isthmus plan' says who is in those of the project file, 'isthmus apply' puts them in force",
                Exit.WRONG_INPUT,
            )
        return members
    by_address = {
        address.lower(): mailbox
        for mailbox in mailboxes
        for address in (mailbox["source_address"], mailbox["target_address"])
        if address
    }
    unknown = [address for address in addresses if address.lower() not in by_address]
    if unknown:
        names = ", ".join(map(repr, unknown))
        fail(
            f"no mailbox that is in a collection, or was, has the address {names}: 'isthmus status' lists them, "
            "'isthmus plan' says what would come of the project file",
            Exit.WRONG_INPUT,
        )
    found = {mailbox["id"]: mailbox for address in addresses if (mailbox := by_address[address.lower()])}
    gone = [mailbox["source_address"] for mailbox in found.values() if mailbox["status"] == LEFT]
    if gone and not left:
        fail(
            f"{', '.join(gone)}: in no collection any more, so nothing would come of it. Name them in one in the "
            "project file, and 'isthmus apply'; 'isthmus mailbox show' says how far they are",
            Exit.WRONG_INPUT,
        )
    return list(found.values())
