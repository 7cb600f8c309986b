"""What the command line asks the ledger of the mailbox service, whose shapes ``isthmus_mailbox.answering`` gives."""

from __future__ import annotations

import json
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Sequence
from typing import Any

from .endpoints import Endpoints
from .output import Exit, fail, reason


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
        return self._pages("setaside", "items", identities, collection, most)

    def one_set_aside(self, identity: str, number: int) -> dict[str, Any] | None:
        """The item of this mailbox with this number, if it cannot be copied."""
        found = self._ask(f"/api/v1/setaside?{_query([identity], None, number=str(number))}") or {"items": []}
        return found["items"][0] if found["items"] else None

    def kept_aside(self, identities: Sequence[str], collection: str | None, most: int) -> dict[str, Any]:
        """Rights, rules and settings that cannot be set on the target: of the same, and as many."""
        return self._pages("keptaside", "settings", identities, collection, most)

    def _pages(
        self, what: str, name: str, identities: Sequence[str], collection: str | None, most: int
    ) -> dict[str, Any]:
        rows: list[dict[str, Any]] = []
        left_off = 1
        while left_off and (not most or len(rows) < most):
            after = {"after": f"{rows[-1]['mailbox']}.{rows[-1]['number']}"} if rows else {}
            page = self._ask(f"/api/v1/{what}?{_query(identities, collection, **after)}") or {name: [], "left_off": 0}
            rows += page[name]
            left_off = page["left_off"]
        shown = rows[:most] if most else rows
        return {name: shown, "left_off": left_off + len(rows) - len(shown)}

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
            words = f"the mailbox worker at {self._address} says: {error.read().decode(errors='replace')}"
            # 503: its database is away.
            fail(words, Exit.UNREACHABLE if error.code == 503 else Exit.NOT_AS_IT_SHOULD_BE)
        except (OSError, ValueError) as error:
            fail(
                f"the mailbox worker at {self._address} does not answer: {reason(error)}; does it run ('isthmus ps')? "
                "Any other one answers as well: ISTHMUS_MAILBOX=http://host:port",
                Exit.UNREACHABLE,
            )


def _query(identities: Sequence[str], collection: str | None, **more: str) -> str:
    wanted = [("mailbox", each) for each in identities] + ([("collection", collection)] if collection else [])
    return urllib.parse.urlencode([*wanted, *more.items()])
