"""The objects of one forest, found by the names that must be unique there."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator

from isthmus_sync.directory import names
from isthmus_sync.directory.addresses import ProxyAddress, alias, smtp_addresses, x500_addresses
from isthmus_sync.directory.objects import DirectoryObject


class Index:
    """Objects by GUID, and who holds a name. It knows only the objects put into it: in a full comparison all of them,
    else those that could matter for the objects at hand."""

    def __init__(self, objects: Iterable[DirectoryObject] = ()) -> None:
        self._objects: dict[bytes, DirectoryObject] = {}
        self._holders: dict[tuple[str, object], set[bytes]] = defaultdict(set)
        for obj in objects:
            self.put(obj)

    def put(self, obj: DirectoryObject) -> None:
        """Take an object as it is now."""
        self.drop(obj.guid)
        self._objects[obj.guid] = obj
        for name in _names(obj):
            self._holders[name].add(obj.guid)

    def drop(self, guid: bytes) -> None:
        old = self._objects.pop(guid, None)
        if old is not None:
            for name in _names(old):
                self._holders[name].discard(guid)

    def get(self, guid: bytes | None) -> DirectoryObject | None:
        return self._objects.get(guid) if guid is not None else None

    def __iter__(self) -> Iterator[DirectoryObject]:
        return iter(list(self._objects.values()))

    def __len__(self) -> int:
        return len(self._objects)

    def holders(self, kind: str, value: str) -> list[DirectoryObject]:
        """The objects with this name. `kind`: address, targetAddress, x500, sAMAccountName, userPrincipalName,
        mailNickname, mail, employeeID or dn."""
        key = names.key(value) if kind == "dn" else value.casefold()
        return [self._objects[guid] for guid in sorted(self._holders.get((kind, key), ()))]

    def taken(self, kind: str, value: str, but_for: Iterable[bytes] = ()) -> DirectoryObject | None:
        """An object with this name other than those of the given GUIDs; None when the name is free."""
        own = set(but_for)
        return next((obj for obj in self.holders(kind, value) if obj.guid not in own), None)


def _names(obj: DirectoryObject) -> Iterator[tuple[str, object]]:
    yield "dn", names.key(obj.dn)
    for address in smtp_addresses(obj):
        yield "address", address.casefold()
    if goes_to := obj.text("targetAddress"):
        yield "targetAddress", ProxyAddress.parse(goes_to).key
    for address in x500_addresses(obj):
        yield "x500", address.casefold()
    if legacy := obj.text("legacyExchangeDN"):
        yield "x500", legacy.casefold()
    if smtp_addresses(obj):
        yield "mailNickname", alias(obj).casefold()
    for attribute in ("sAMAccountName", "userPrincipalName", "mail", "employeeID"):
        if value := obj.text(attribute):
            yield attribute, value.casefold()
