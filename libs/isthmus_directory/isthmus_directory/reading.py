"""Reading objects: in pages, with ranged attributes made whole, links as GUID and name."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Literal
from uuid import UUID

import ldap3
from isthmus_project.attributes import LINKED_ATTRIBUTES
from isthmus_sync.directory import DirectoryObject, Link, names
from isthmus_sync.directory.objects import Values
from ldap3.core import exceptions as ldap
from ldap3.protocol.microsoft import extended_dn_control, show_deleted_control

from isthmus_directory import filters, requests
from isthmus_directory.connection import Forest, entries
from isthmus_directory.filters import Filter
from isthmus_directory.metadata import METADATA, VALUE_METADATA, change_times, link_change_times

PAGE = 500
"""Objects a page; Active Directory gives at most 1,000 (MaxPageSize)."""
_GUIDS_A_SEARCH = 200
_PAGED_RESULTS = "1.2.840.113556.1.4.319"
_ANYTHING = filters.present("objectClass")


def search(
    connection: ldap3.Connection,
    base: str,
    wanted: Filter,
    attributes: Sequence[str],
    *,
    scope: Literal["BASE", "LEVEL", "SUBTREE"] = "SUBTREE",
    deleted: bool = False,
    attribute_ids: Mapping[int, str] | None = None,
) -> Iterator[DirectoryObject]:
    """Objects below `base`, page by page; tombstones too when `deleted`.

    `attribute_ids` asks for the times of the last change of those attributes (see metadata.py).
    """
    asked = [*attributes, *_times(attribute_ids)]
    for page in _pages(connection, base, wanted, asked, scope, deleted=deleted):
        for entry in page:
            yield as_object(entry, attribute_ids or {})


def _pages(
    connection: ldap3.Connection,
    base: str,
    wanted: Filter,
    attributes: Sequence[str],
    scope: Literal["BASE", "LEVEL", "SUBTREE"] = "SUBTREE",
    *,
    deleted: bool = False,
) -> Iterator[list[dict[str, Any]]]:
    """What `search` finds, as ldap3 says it, with every range of values read to its end."""
    asked = [*dict.fromkeys((*attributes, "objectGUID"))]
    controls = [extended_dn_control(criticality=True)]
    if deleted:
        controls.append(show_deleted_control(criticality=True))
    cookie: bytes | None = None
    while True:
        connection.search(
            base, wanted, scope, attributes=asked, controls=controls, paged_size=PAGE, paged_cookie=cookie,
            paged_criticality=True,
        )  # fmt: skip
        page = entries(connection)
        cookie = connection.result["controls"].get(_PAGED_RESULTS, {}).get("value", {}).get("cookie")
        yield [_whole(connection, entry) for entry in page]
        if not cookie:
            return


def read_new(
    connection: ldap3.Connection,
    base: str,
    dns: Sequence[str],
    attributes: Sequence[str],
    attribute_ids: Mapping[int, str] | None = None,
) -> list[DirectoryObject]:
    """A few objects that were made just now, in the order of their names, for which one search is enough."""
    if not dns:
        return []
    asked = list(dict.fromkeys((*attributes, "objectGUID", *_times(attribute_ids))))
    requests.search_named(connection, base, dns, asked)
    objects = [as_object(_whole(connection, entry), attribute_ids or {}) for entry in entries(connection)]
    found = {names.key(obj.dn): obj for obj in objects}
    # A name that the server spells in a way of its own is no reason to go without.
    for dn in dns:
        if (key := names.key(dn)) not in found:
            [found[key]] = search(connection, dn, _ANYTHING, attributes, scope="BASE", attribute_ids=attribute_ids)
    return [found[names.key(dn)] for dn in dns]


async def read_all(
    forest: Forest, attributes: Sequence[str], attribute_ids: Mapping[int, str] | None = None
) -> list[DirectoryObject]:
    """Every user, group and contact of the forest's domain."""
    asked = [*attributes, *_times(attribute_ids)]

    def objects(page: Iterable[Mapping[str, Any]]) -> list[DirectoryObject]:
        return [as_object(entry, attribute_ids or {}) for entry in page]

    def work(connection: ldap3.Connection) -> list[DirectoryObject]:
        # Objects are made of a page while the domain controller prepares the next one.
        with ThreadPoolExecutor(1) as other:
            pages = [other.submit(objects, page) for page in _pages(connection, forest.base, filters.RECIPIENTS, asked)]
            return [obj for page in pages for obj in page.result()]

    return await forest.run(work)


async def read_where(
    forest: Forest, wanted: Iterable[Filter], attributes: Sequence[str], attribute_ids: Mapping[int, str] | None = None
) -> list[DirectoryObject]:
    """Users, groups and contacts to which any of the filters applies."""
    found: dict[bytes, DirectoryObject] = {}
    for some in _portions(list(wanted), _GUIDS_A_SEARCH):
        both = filters.every(filters.RECIPIENTS, filters.any_of(*some))
        for obj in await forest.run(
            lambda c, both=both: list(search(c, forest.base, both, attributes, attribute_ids=attribute_ids))  # type: ignore[misc]
        ):
            found[obj.guid] = obj
    return list(found.values())


async def read_guids(
    forest: Forest, guids: Iterable[bytes], attributes: Sequence[str], attribute_ids: Mapping[int, str] | None = None
) -> list[DirectoryObject]:
    """The objects with these GUIDs, as far as they exist and are users, groups or contacts."""
    wanted = [filters.equals("objectGUID", guid) for guid in dict.fromkeys(guids)]
    return await read_where(forest, wanted, attributes, attribute_ids)


async def members_of(forest: Forest, group_dn: str) -> frozenset[bytes]:
    """GUIDs of all members of a group, those of nested groups included; DirectoryRefused when there is none."""

    def work(connection: ldap3.Connection) -> frozenset[bytes]:
        connection.search(group_dn, _ANYTHING, ldap3.BASE, attributes=["objectGUID"])
        found = search(connection, forest.base, filters.member_of(group_dn), [])
        return frozenset(obj.guid for obj in found)

    return await forest.run(work)


async def exists(forest: Forest, dn: str) -> bool:
    """Whether there is an object of this name."""

    def work(connection: ldap3.Connection) -> bool:
        try:
            connection.search(dn, _ANYTHING, ldap3.BASE, attributes=["objectClass"])
        except ldap.LDAPNoSuchObjectResult:
            return False
        return True

    return await forest.run(work)


def root_of(connection: ldap3.Connection, attributes: Sequence[str]) -> dict[str, list[bytes]]:
    connection.search("", _ANYTHING, ldap3.BASE, attributes=list(attributes))
    values: dict[str, list[bytes]] = entries(connection)[0]["raw_attributes"]
    return values


def as_object(entry: Mapping[str, Any], attribute_ids: Mapping[int, str]) -> DirectoryObject:
    """An entry of a search with the extended DN control as a value."""
    attributes: dict[str, Values] = {}
    links: dict[str, tuple[Link, ...]] = {}
    [guid] = entry["raw_attributes"]["objectGUID"]
    for name, values in entry["raw_attributes"].items():
        name = name.partition(";")[0].lower()
        if name in LINKED_ATTRIBUTES:
            links[name] = tuple(as_link(value) for value in values or ())
        else:
            attributes[name] = tuple(values or ())
    metadata, of_links = (attributes.pop(name.lower(), ()) for name in (METADATA, VALUE_METADATA))
    changed = change_times(metadata[0], attribute_ids) if metadata else {}
    return DirectoryObject(
        guid,
        plain_dn(entry["raw_dn"]),
        attributes,
        links,
        changed | link_change_times(of_links, _links(attribute_ids)),
        deleted=attributes.get("isdeleted", ())[:1] == (b"TRUE",),
    )


def _times(attribute_ids: Mapping[int, str] | None) -> tuple[str, ...]:
    if not attribute_ids:
        return ()
    return (METADATA, VALUE_METADATA) if _links(attribute_ids) else (METADATA,)


def _links(attribute_ids: Mapping[int, str] | None) -> set[str]:
    return {name for name in (attribute_ids or {}).values() if name.lower() in LINKED_ATTRIBUTES}


def _whole(connection: ldap3.Connection, entry: dict[str, Any]) -> dict[str, Any]:
    """The entry with all values of the attributes of which it has a first range."""
    raw: Mapping[str, list[bytes]] = entry["raw_attributes"]
    ranged = {name.partition(";")[0].lower(): name for name in raw if ";range=" in name.lower()}
    if not ranged:
        return entry
    [guid] = raw["objectGUID"]
    # Each has an empty twin of the plain name.
    whole = {name: values for name, values in raw.items() if name.partition(";")[0].lower() not in ranged}
    for name, full in ranged.items():
        whole[name] = [*raw[full], *rest_of_range(lambda asked: _read_one(connection, guid, asked), full)]
    return {**entry, "raw_attributes": whole}


def rest_of_range(read: Callable[[str], Mapping[str, Sequence[bytes]]], name: str) -> list[bytes]:
    """The values after those of a ranged attribute, by further reads: of 'member;range=0-1499' from 1500 on.

    Active Directory gives at most 1,500 values at once (MaxValRange); the last portion ends in '*' ([MS-ADTS]
    3.1.1.3.1.3.3).
    """
    values: list[bytes] = []
    while True:
        attribute, _, last = name.partition(";")[0], *name.rpartition("-")[1:]
        if last == "*":
            return values
        answer = read(f"{attribute};range={int(last) + 1}-*")
        ranged = [n for n in answer if n.lower().startswith(f"{attribute.lower()};range=")]
        if not ranged:
            return values
        name = ranged[0]
        values.extend(answer[name])


def as_link(value: bytes) -> Link:
    """A distinguished name in its extended form, <GUID=…>;<SID=…>;CN=…, as GUID and name."""
    parts = value.decode("utf-8", "replace").split(";")
    if not parts[0].upper().startswith("<GUID="):
        return Link(b"", value.decode("utf-8", "replace"))
    return Link(UUID(parts[0][6:-1]).bytes_le, plain_dn(value))


def plain_dn(value: bytes) -> str:
    """A distinguished name without the GUID and SID that the extended form puts before it."""
    text = value.decode("utf-8", "replace")
    while text.startswith(("<GUID=", "<SID=")):
        _, separator, text = text.partition(">;")
        if not separator:
            return value.decode("utf-8", "replace")
    return text


def _read_one(connection: ldap3.Connection, guid: bytes, attribute: str) -> Mapping[str, Sequence[bytes]]:
    base = f"<GUID={UUID(bytes_le=guid)}>"
    connection.search(base, _ANYTHING, ldap3.BASE, attributes=[attribute], controls=[extended_dn_control(True)])
    values: Mapping[str, Sequence[bytes]] = entries(connection)[0]["raw_attributes"]
    return values


def _portions(items: list[Filter], size: int) -> Iterator[list[Filter]]:
    for start in range(0, len(items), size):
        yield items[start : start + size]
