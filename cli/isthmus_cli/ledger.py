"""What the command line asks the ledger of the mailbox service, whose shapes ``isthmus_mailbox.answering`` gives."""

from __future__ import annotations

import json
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Sequence
from typing import Any

from .endpoints import Endpoints
from .output import Exit, fail


class Ledger:
    """The ledger as any mailbox worker answers for it; ends the program with a remedy when none does."""

    def __init__(self, where: Endpoints) -> None:
        if not where.mailbox:
            fail("set ISTHMUS_MAILBOX to http://host:port of a mailbox worker: it answers for all", Exit.UNREACHABLE)
        self._address = where.mailbox

    def mailbox(self, identity: str) -> dict[str, Any] | None:
        """A mailbox by the pair's id in hexadecimal, with its folders; None when the service does not know it."""
        return self._ask(f"/api/v1/mailboxes/{identity}")

    def items(
        self, identity: str, source: Sequence[str], target: Sequence[str], search_keys: Sequence[str]
    ) -> dict[str, Any]:
        """What is known of the items with these ids of the source's and of the target's servers, and of uploads that
        were made a second time, with these search keys in hexadecimal.
        """
        question = json.dumps({"source": source, "target": target, "search_keys": search_keys}).encode()
        nothing: dict[str, Any] = {"known": [], "staged": [], "resent": []}
        return self._ask(f"/api/v1/mailboxes/{identity}/items", question) or nothing

    def set_aside(self, identities: Sequence[str], collection: str | None, most: int) -> dict[str, Any]:
        """Items that cannot be copied: of these mailboxes, of a collection, or of everybody. The first `most` of them,
        all when that is 0, and how many were left off.
        """
        items: list[dict[str, Any]] = []
        left_off = 1
        while left_off and (not most or len(items) < most):
            after = {"after": f"{items[-1]['mailbox']}.{items[-1]['number']}"} if items else {}
            page = self._set_aside(_query(identities, collection, **after))
            items += page["items"]
            left_off = page["left_off"]
        shown = items[:most] if most else items
        return {"items": shown, "left_off": left_off + len(items) - len(shown)}

    def one_set_aside(self, identity: str, number: int) -> dict[str, Any] | None:
        """The item of this mailbox with this number, if it cannot be copied."""
        found = self._set_aside(_query([identity], None, number=str(number)))["items"]
        return found[0] if found else None

    def _set_aside(self, query: str) -> dict[str, Any]:
        return self._ask(f"/api/v1/setaside?{query}") or {"items": [], "left_off": 0}

    def kept_aside(self, identities: Sequence[str], collection: str | None) -> dict[str, Any]:
        """Rights, rules and settings that cannot be set on the target: of the same."""
        return self._ask(f"/api/v1/keptaside?{_query(identities, collection)}") or {"settings": [], "left_off": 0}

    def _ask(self, path: str, question: bytes | None = None) -> dict[str, Any] | None:
        request = urllib.request.Request(  # noqa: S310 - http by its making
            f"{self._address}{path}", question, {"Content-Type": "application/json"}
        )
        try:
            with urllib.request.urlopen(request, timeout=30) as response:  # noqa: S310
                answer: dict[str, Any] = json.load(response)
                return answer
        except urllib.error.HTTPError as error:
            if error.code == 404:
                return None
            fail(f"the mailbox worker at {self._address} says: {error.read().decode(errors='replace')}")
        except (OSError, ValueError) as error:
            fail(f"the mailbox worker at {self._address} does not answer: {error}; see 'isthmus ps'", Exit.UNREACHABLE)


def _query(identities: Sequence[str], collection: str | None, **more: str) -> str:
    wanted = [("mailbox", each) for each in identities] + ([("collection", collection)] if collection else [])
    return urllib.parse.urlencode([*wanted, *more.items()])
