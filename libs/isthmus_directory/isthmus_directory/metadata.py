"""When an attribute was last written: the replication metadata of an object, replPropertyMetaData.

A domain controller knows attributes by numbers (ATTRTYP). For those of the original schema the number is made from the
OID by the prefix table that every forest starts with ([MS-DRSR] 5.16.4); an attribute that was added later carries
its number as msDS-IntId.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence

import ldap3

from isthmus_directory import filters
from isthmus_directory.connection import Forest, entries

METADATA = "replPropertyMetaData"
# PROPERTY_META_DATA_VECTOR, [MS-DRSR] 5.166: version and count; then for each attribute its number, its version, the
# time and place of the change.
_HEADER = struct.Struct("<QQ")
_ENTRY = struct.Struct("<IIq16sqq")
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
