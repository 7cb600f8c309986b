"""ConvertId ([MS-OXWSCVTID] 3.1.4.1): ids of a mailbox's folders and items in another form."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from ..errors import EwsError
from ..names import M
from ..soap import Element, attribute, check, child
from .operation import Operation

LIMIT = 500
"""Ids that a request should bring, at most."""

Format = Literal["EwsId", "EntryId"]
"""As operations name things; as properties do, in base64 (PidTagEntryId)."""


@dataclass(frozen=True)
class ConvertIds(Operation["list[str | EwsError]"]):
    """Answers each id in the other form, or an error, in the order asked. It may be the id of what is gone."""

    ids: tuple[str, ...]
    given: Format
    wanted: Format
    # The primary SMTP address of their mailbox's owner.
    address: str
    name = "ConvertId"

    def body(self, _newer: bool, /) -> str:
        ids = "".join(
            f"<t:AlternateId Format={attribute(self.given)} Id={attribute(each)} Mailbox={attribute(self.address)}/>"
            for each in self.ids
        )
        wanted = attribute(self.wanted)
        return f"<m:ConvertId DestinationFormat={wanted}><m:SourceIds>{ids}</m:SourceIds></m:ConvertId>"

    def answer(self, messages: Sequence[Element], /) -> list[str | EwsError]:
        return [check(message) or str(child(message, f"{M}AlternateId").get("Id", "")) for message in messages]
