"""When an attribute was last written: the replication metadata of an object, replPropertyMetaData, and that of the
values of its links, msDS-ReplValueMetaData.

A domain controller knows attributes by numbers (ATTRTYP). For those of the original schema the number is made from the
OID by the prefix table that every forest starts with ([MS-DRSR] 5.16.4); an attribute that was added later carries
its number as msDS-IntId.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime

import ldap3

from isthmus_directory import filters
from isthmus_directory.connection import Forest, entries

METADATA = "replPropertyMetaData"
VALUE_METADATA = "msDS-ReplValueMetaData"
"""Links have their times value by value, since the forest functional level 2003 ([MS-ADTS] 3.1.1.3.1.1.3). Samba tells
nothing here."""
# PROPERTY_META_DATA_VECTOR, [MS-DRSR] 5.166: version and count; then for each attribute its number, its version, the
# time and place of the change.
_HEADER = struct.Struct("<QQ")
_ENTRY = struct.Struct("<IIq16sqq")
_VALUE_OF = re.compile(rb"<pszAttributeName>([^<]*)</pszAttributeName>")
_VALUE_WRITTEN = re.compile(rb"<ftimeLastOriginatingChange>(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ)<")
_YEAR_1601 = datetime(1601, 1, 1, tzinfo=UTC)
_PREFIXES = {
    "2.5.4": 0,
    "1.2.840.113556.1.2": 2,
    "1.2.840.113556.1.4": 9,
    "0.9.2342.19200300.100": 19,
    "2.16.840.1.113730.3": 20,
    "0.9.2342.19200300.100.1": 21,
    "2.16.840.1.113730.3.1": 22,
}


def change_times(metadata: bytes, attribute_ids: Mapping[int, str]) -> dict[str, int]:
    """Seconds since 1601 of the last change of the attributes in `attribute_ids`, by lower-case name."""
    if len(metadata) < _HEADER.size or _HEADER.unpack_from(metadata)[0] & 0xFFFFFFFF != 1:
        return {}
    times: dict[str, int] = {}
    count = _HEADER.unpack_from(metadata)[1] & 0xFFFFFFFF
    for attribute, _version, time, *_ in _ENTRY.iter_unpack(
        metadata[_HEADER.size : _HEADER.size + count * _ENTRY.size]
    ):
        if attribute in attribute_ids:
            times[attribute_ids[attribute].lower()] = time
    return times


def link_change_times(metadata: Sequence[bytes], names: Collection[str]) -> dict[str, int]:
    """Seconds since 1601 of the last change of these links, by lower-case name: of the value, there or gone, that was
    written last. Each value of `metadata` is a DS_REPL_VALUE_META_DATA as XML ([MS-ADTS] 3.1.1.4.5.20)."""
    wanted = {name.lower() for name in names}
    times: dict[str, int] = {}
    for value in metadata:
        # Two fields of a fixed form: no parser, and so nothing that a name inside could do to it.
        name, written = _VALUE_OF.search(value), _VALUE_WRITTEN.search(value)
        if name is None or written is None or (key := name[1].decode("ascii", "replace").lower()) not in wanted:
            continue
        since = datetime.fromisoformat(written[1].decode("ascii")) - _YEAR_1601
        times[key] = max(times.get(key, 0), int(since.total_seconds()))
    return times


def attribute_number(oid: str) -> int | None:
    """The number of an attribute of the original schema; None for one that was added later."""
    prefix, _, last = oid.rpartition(".")
    if prefix not in _PREFIXES or int(last) >= 0x4000:
        return None
    return _PREFIXES[prefix] << 16 | int(last)


async def attribute_ids(forest: Forest, names: Sequence[str]) -> dict[int, str]:
    """Numbers of attributes, as the forest's schema has them."""
    if not names:
        return {}

    def work(connection: ldap3.Connection) -> dict[int, str]:
        connection.search("", filters.present("objectClass"), ldap3.BASE, attributes=["schemaNamingContext"])
        [schema] = entries(connection)[0]["raw_attributes"]["schemaNamingContext"]
        wanted = filters.any_of(*(filters.equals("lDAPDisplayName", name) for name in names))
        attributes = ["lDAPDisplayName", "attributeID", "msDS-IntId"]
        connection.search(schema.decode(), wanted, ldap3.LEVEL, attributes=attributes)
        found: dict[int, str] = {}
        for entry in entries(connection):
            raw = entry["raw_attributes"]
            if own := raw.get("msDS-IntId"):
                number: int | None = int(own[0]) & 0xFFFFFFFF
            else:
                number = attribute_number(raw["attributeID"][0].decode())
            if number is not None:
                found[number] = raw["lDAPDisplayName"][0].decode()
        return found

    return await forest.run(work)
