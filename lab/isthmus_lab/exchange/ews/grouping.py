"""FindItem's groups: items with the same value of one property, the groups ordered by another ([MS-OXWSSRCH])."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from isthmus_lab.mapi import tags
from isthmus_lab.mapi.tags import PropertyKey

from .errors import EwsError
from .fields import View
from .names import Element, child, elements
from .restrictions import key_of
from .values import TEXT, TIME, Text


@dataclass(frozen=True)
class Group:
    """``index`` is the value that its items have in common, as EWS writes it."""

    index: str
    views: list[View]


@dataclass(frozen=True)
class Grouping:
    """A GroupBy or DistinguishedGroupBy: by ``key``, groups in the order of the greatest or least ``aggregate``."""

    key: PropertyKey
    text: Text
    aggregate: PropertyKey
    maximum: bool
    descending: bool

    @classmethod
    def parse(cls, request: Element) -> Grouping | None:
        """What the request asks for, None without either."""
        node = child(request, "DistinguishedGroupBy")
        if node is not None:  # the one there is: conversations, by when they last got a message
            latest = tags.PidTagMessageDeliveryTime
            return cls(tags.PidTagConversationTopic, TEXT, latest, True, node.get("Order") == "Descending")
        node = child(request, "GroupBy")
        if node is None:
            return None
        path, on = elements(node)
        key, text = key_of(path, "ErrorUnsupportedPathForSortGroup")
        aggregate, _ = key_of(elements(on)[0], "ErrorUnsupportedPathForSortGroup")
        if tags.property_type(key) & tags.PtypMultiple:
            raise EwsError("ErrorUnsupportedPathForSortGroup", "Items cannot be grouped by a list.")
        return cls(key, text, aggregate, on.get("Aggregate") == "Maximum", node.get("Order") == "Descending")

    def groups(self, views: Iterable[View]) -> list[Group]:
        """The items in groups; inside a group they stay in their order, those without the value are one too."""
        found: dict[Any, list[View]] = {}
        for view in views:
            found.setdefault(_comparable(view.value(self.key)), []).append(view)
        ordered = sorted(found.values(), key=self._rank, reverse=self.descending)
        return [Group(self._index(members[0]), members) for members in ordered]

    def _rank(self, members: list[View]) -> tuple[int, Any]:
        values = [value for view in members if (value := _comparable(view.value(self.aggregate))) is not None]
        if not values:
            return (0, 0)
        return (1, max(values) if self.maximum else min(values))

    def _index(self, view: View) -> str:
        value = view.value(self.key)
        if value is None:
            return ""
        return (TIME if tags.property_type(self.key) == tags.PtypTime else self.text).show(value)


def _comparable(value: Any) -> Any:
    if isinstance(value, str):
        return value.casefold()
    if isinstance(value, list):
        return tuple(map(_comparable, value))
    return value.bytes if isinstance(value, UUID) else value
