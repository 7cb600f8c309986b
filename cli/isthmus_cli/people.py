"""Who is meant by addresses or a collection, among the people that the portal knows."""

from __future__ import annotations

from typing import Any

from .output import Exit, fail


def chosen(mailboxes: list[dict[str, Any]], addresses: list[str], collection: str | None) -> list[dict[str, Any]]:
    """These people, each once; ends the program when one is unknown. ``mailboxes`` are the portal's."""
    if collection:
        found = [mailbox for mailbox in mailboxes if mailbox["collection"] == collection]
        if not found:
            known = ", ".join(sorted({mailbox["collection"] for mailbox in mailboxes})) or "none"
            fail(
                f"no mailbox is in a collection {collection!r} that is in force; there are: {known}. "
                "'isthmus plan' says who is in those of the project file, 'isthmus apply' puts them in force",
                Exit.WRONG_INPUT,
            )
        return found
    by_address = {
        mailbox[field].lower(): mailbox for mailbox in mailboxes for field in ("source_address", "target_address")
    }
    unknown = [address for address in addresses if address.lower() not in by_address]
    if unknown:
        names = ", ".join(map(repr, unknown))
        fail(
            f"no mailbox in a collection has the address {names}: 'isthmus status' lists all that are, "
            "'isthmus plan' says what would come of the project file",
            Exit.WRONG_INPUT,
        )
    return list({mailbox["id"]: mailbox for address in addresses if (mailbox := by_address[address.lower()])}.values())
