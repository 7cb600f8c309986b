"""GetItem ([MS-OXWSCORE] 3.1.4.4): who stands in items, and nothing else of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..errors import EwsError
from ..item_properties import parties
from ..names import M
from ..property_addresses import element_addresses
from ..shapes import item_ids
from ..soap import Element, check
from ..stream_addresses import ItemAddress
from .operation import Operation


@dataclass(frozen=True)
class GetParties(Operation["list[set[ItemAddress] | EwsError]"]):
    """Answers for each id the addresses of senders, recipients and attendees and on contact cards, or an error."""

    ids: tuple[str, ...]
    name = "GetItem"

    def body(self, _newer: bool, /) -> str:
        return (
            f"<m:GetItem><m:ItemShape><t:BaseShape>IdOnly</t:BaseShape>{parties()}</m:ItemShape>"
            f"<m:ItemIds>{item_ids(self.ids)}</m:ItemIds></m:GetItem>"
        )

    def answer(self, messages: Sequence[Element]) -> list[set[ItemAddress] | EwsError]:
        return [check(message) or _read(message) for message in messages]


def _read(message: Element) -> set[ItemAddress]:
    item = message.find(f"{M}Items/*")
    if item is None:
        raise ValueError("the server's answer lacks an item")
    return element_addresses(item)
