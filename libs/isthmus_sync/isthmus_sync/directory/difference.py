"""What must be written so that an object becomes as it is wanted: no more than that."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import TypeAlias
from uuid import UUID

from isthmus_sync.directory.objects import DirectoryObject, Link, Values, same_values

Value: TypeAlias = bytes | Link


@dataclass(frozen=True, slots=True)
class Modification:
    """A change of one attribute. `whole`: it has one value and is replaced, else values come and go one by one."""

    attribute: str
    removed: tuple[Value, ...]
    added: tuple[Value, ...]
    whole: bool

    @property
    def overwrites(self) -> bool:
        """Whether something that was there is lost."""
        return bool(self.removed)

    def spoken(self) -> str:
        """The change for people, without values that are not text."""
        gone = ", ".join(spoken_value(value) for value in self.removed)
        new = ", ".join(spoken_value(value) for value in self.added)
        if not gone:
            return f"{self.attribute}: + {new}"
        return f"{self.attribute}: - {gone}" if not new else f"{self.attribute}: {gone} -> {new}"


def difference(
    current: DirectoryObject, wanted: Mapping[str, Values], links: Mapping[str, tuple[Link, ...]] | None = None
) -> tuple[Modification, ...]:
    """The modifications that give `current` the wanted values; attributes that are not named stay as they are."""
    found: list[Modification] = []
    for name, values in wanted.items():
        have = current.raw(name)
        if same_values(have, values):
            continue
        if len(have) <= 1 and len(values) <= 1:
            found.append(Modification(name, have, values, whole=True))
        else:
            gone = tuple(value for value in have if value not in values)
            found.append(Modification(name, gone, tuple(value for value in values if value not in have), whole=False))
    for name, wanted_links in (links or {}).items():
        before = {link.guid: link for link in current.linked(name)}
        after = {link.guid: link for link in wanted_links}
        if before.keys() != after.keys():
            found.append(
                Modification(
                    name,
                    tuple(link for guid, link in before.items() if guid not in after),
                    tuple(link for guid, link in after.items() if guid not in before),
                    whole=False,
                )
            )
    return tuple(found)


def applied(current: DirectoryObject, modifications: Iterable[Modification]) -> DirectoryObject:
    """The object as it is once the modifications were written."""
    modifications = tuple(modifications)
    if not modifications:
        return current
    attributes = dict(current.attributes)
    links = dict(current.links)
    for change in modifications:
        name = change.attribute.lower()
        new: tuple[Value, ...] = change.added
        if not change.whole and (old := attributes.get(name, ()) + links.get(name, ())):
            gone = set(change.removed)
            new = (*(value for value in old if value not in gone), *new)
        attributes[name] = tuple([value for value in new if isinstance(value, bytes)])
        links[name] = (
            tuple([value for value in new if isinstance(value, Link)]) if len(attributes[name]) < len(new) else ()
        )
    return replace(current, attributes=attributes, links=links)


def wire_value(value: Value) -> bytes:
    """A value as it is written. A link is written by GUID, which is right whatever the object is called by then
    ([MS-ADTS] 3.1.1.3.1.2.4)."""
    return f"<GUID={UUID(bytes_le=value.guid)}>".encode() if isinstance(value, Link) else value


def spoken_value(value: Value) -> str:
    """A value for people: text as it is, a link by its name, anything else by its size."""
    if isinstance(value, Link):
        return value.dn
    try:
        text = value.decode()
    except UnicodeDecodeError:
        return f"({len(value)} bytes)"
    return text if text.isprintable() else f"({len(value)} bytes)"
