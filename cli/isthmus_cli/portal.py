"""What the command line reads from the portal's JSON API, whose shapes ``isthmus_stats.portal`` gives."""

from __future__ import annotations

import json
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from typing import Any

from .output import Exit, fail, reason

_PAGE = 1000
LEFT = "in no collection"
"""The status of mailboxes that were looked after once, and that no collection names any more."""


class PortalError(Exception):
    """The portal does not answer, or not with what it should."""


class Portal:
    """The portal at ``address``, http://host:port."""

    def __init__(self, address: str) -> None:
        self.address = address

    def summary(self) -> dict[str, Any]:
        """Totals of everything and of each collection."""
        return self._get("/api/v1/summary")

    def mailboxes(self, status: str = "") -> Iterator[dict[str, Any]]:
        """Every mailbox in a collection, or those of this status, by name."""
        page = pages = 1
        while page <= pages:
            query = urllib.parse.urlencode({"status": status, "page": page, "size": _PAGE})
            answer = self._get(f"/api/v1/mailboxes?{query}")
            yield from answer["mailboxes"]
            page, pages = page + 1, answer["pages"]

    def mailbox(self, identity: str) -> dict[str, Any] | None:
        """One mailbox by the pair's id in hexadecimal, with its passes; None when the portal does not know it."""
        try:
            return self._get(f"/api/v1/mailboxes/{identity}")
        except PortalError as error:
            if isinstance(error.__cause__, urllib.error.HTTPError) and error.__cause__.code == 404:
                return None
            raise

    def _get(self, path: str) -> dict[str, Any]:
        try:
            with urllib.request.urlopen(f"{self.address}{path}", timeout=10) as response:  # noqa: S310 - http by its making
                answer: dict[str, Any] = json.load(response)
                return answer
        except urllib.error.HTTPError as error:
            raise PortalError(f"the portal at {self.address} says: {_words(error)}") from error
        except (OSError, ValueError) as error:
            raise PortalError(
                f"the portal at {self.address} does not answer: {reason(error)}; does stats run ('isthmus ps')?"
            ) from error


def _words(error: urllib.error.HTTPError) -> str:
    """The portal's own words; of a proxy before it, that there are none."""
    try:
        return str(json.load(error)["error"])
    except (ValueError, LookupError, TypeError):
        return str(error)


def portal_or_fail(address: str) -> Portal:
    """The portal, once it has answered; ends the program when it does not."""
    portal = Portal(address)
    try:
        portal.summary()
    except PortalError as error:
        fail(str(error), Exit.UNREACHABLE)
    return portal
