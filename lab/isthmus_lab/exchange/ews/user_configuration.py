"""User configurations: settings of clients in associated items ([MS-OXWSUSRCFG], [MS-OXOCFG])."""

from __future__ import annotations

from copy import deepcopy
from typing import Final

from isthmus_lab.mapi import tags
from isthmus_lab.mapi.bag import Bag, Properties
from isthmus_lab.mapi.tags import PropertyKey
from isthmus_lab.store import Compare, Delete, Folder, Mailbox, Rights, Row

from . import roaming
from .call import Call
from .errors import EwsError
from .names import Element, child, elements, t
from .shapes import item_id
from .values import BINARY

_CLASS: Final = "IPM.Configuration."
# Element, property, and the bit of PidTagRoamingDatatypes that says it is there, [MS-OXOCFG] 2.2.2.1.
_PARTS: Final[tuple[tuple[str, PropertyKey, int], ...]] = (
    ("Dictionary", tags.PidTagRoamingDictionary, 4),
    ("XmlData", tags.PidTagRoamingXmlStream, 2),
    ("BinaryData", tags.PidTagRoamingBinary, 1),
)


class Configuration:
    """The configuration that a request names; ``row`` is None when there is none yet."""

    def __init__(self, call: Call, name: Element | None, need: Rights) -> None:
        assert name is not None  # the schema demands it
        self._named = name
        self.mailbox: Mailbox
        self.folder: Folder
        self.mailbox, self.folder = call.folder(elements(name)[0], need)
        self._class = _CLASS + name.get("Name", "")
        self.row = self._find()

    def _find(self) -> Row | None:
        of_class = Compare(tags.PidTagMessageClass, "=", self._class)
        rows = self.mailbox.items.find(self.folder.id, of_class, associated=True, limit=1).rows
        return rows[0] if rows else None

    def create(self, wanted: Element) -> None:
        """Makes it with what the element has."""
        bag = Bag({tags.PidTagMessageClass: self._class, tags.PidTagSubject: self._class, **self._parts(wanted, 0)})
        with self.mailbox.transaction():
            if self._find() is not None:
                raise EwsError("ErrorItemSave", "There is a configuration of this name already.")
            self.mailbox.items.add(self.folder.id, bag, associated=True)

    def update(self, wanted: Element) -> None:
        """Sets the parts that the element has; others stay."""
        row = self.needed()
        with self.mailbox.transaction():
            before = self.mailbox.items.get(row.id).bag.get(tags.PidTagRoamingDatatypes, 0)
            self.mailbox.items.update(row.id, self._parts(wanted, before))

    def delete(self) -> None:
        """Takes it away for good."""
        self.mailbox.items.delete([self.needed().id], Delete.HARD)

    def show(self, wanted: set[str]) -> Element:
        """The UserConfiguration element with these parts."""
        row = self.needed()
        bag = self.mailbox.items.get(row.id).bag
        node = t("UserConfiguration", t("UserConfigurationName", Name=self._named.get("Name", "")))
        node[0].append(deepcopy(elements(self._named)[0]))
        if wanted & {"Id", "All"}:
            node.append(item_id(self.mailbox.guid, row))
        for name, key, _ in _PARTS:
            raw = bag.get(key)
            if raw is not None and wanted & {name, "All"}:
                node.append(roaming.read(raw) if name == "Dictionary" else t(name, BINARY.show(raw)))
        return node

    def needed(self) -> Row:
        """Its row. Raises EwsError ErrorItemNotFound when there is none."""
        if self.row is None:
            raise EwsError("ErrorItemNotFound")
        return self.row

    @staticmethod
    def _parts(wanted: Element, kinds: int) -> Properties:
        found: Properties = {}
        for name, key, bit in _PARTS:
            part = child(wanted, name)
            if part is not None:
                found[key] = roaming.write(part) if name == "Dictionary" else BINARY.parse(part.text or "")
                kinds |= bit
        return {**found, tags.PidTagRoamingDatatypes: kinds}
