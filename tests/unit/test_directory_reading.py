"""What Samba never makes a client do: pages, ranges of values, DirSync in several answers. A server of our own does."""

from __future__ import annotations

import struct
from typing import Any
from uuid import UUID

from isthmus_directory import filters
from isthmus_directory.changes import DIRSYNC, dirsync
from isthmus_directory.metadata import attribute_number, change_times, link_change_times
from isthmus_directory.reading import rest_of_range, search

from tests.unit.directory_values import guid

PAGED = "1.2.840.113556.1.4.319"
EVERYTHING = filters.present("objectClass")


class LimitedServer:
    """Answers as a domain controller with small limits: pages of two objects, three values at once, DirSync in
    portions of two. Speaks as ldap3.Connection does after a search."""

    def __init__(self, objects: dict[str, dict[str, list[bytes]]]) -> None:
        self.objects = objects
        self.response: list[dict[str, Any]] = []
        self.result: dict[str, Any] = {}
        self.searches = 0

    def search(self, base: str, _filter: str, scope: str = "SUBTREE", *, attributes: list[str], **more: Any) -> None:
        self.searches += 1
        names = [n for n in self.objects if scope != "BASE" or base == f"<GUID={UUID(bytes_le=guid(n))}>"]
        start, end = 0, len(names)
        self.result = {"controls": {}}
        if "paged_size" in more:
            start = int(more["paged_cookie"] or b"0")
            end = start + 2
            cookie = str(end).encode() if end < len(names) else b""
            self.result["controls"][PAGED] = {"value": {"cookie": cookie}}
        elif any(str(control["controlType"]) == DIRSYNC for control in more["controls"]):
            start = self._dirsync_start(more["controls"])
            end = min(start + 2, len(names))
            answer = {"more_results": end < len(names), "cookie": str(end).encode()}
            self.result["controls"][DIRSYNC] = {"value": answer}
        self.response = [self._entry(name, attributes) for name in names[start:end]]
        self.response.append({"type": "searchResRef"})

    def _dirsync_start(self, controls: list[Any]) -> int:
        [value] = [control["controlValue"] for control in controls if str(control["controlType"]) == DIRSYNC]
        digits = bytes(value).rpartition(b"\x04")[2][1:]  # the cookie is the last OCTET STRING
        return int(digits or b"0")

    def _entry(self, name: str, attributes: list[str]) -> dict[str, Any]:
        raw: dict[str, list[bytes]] = {"objectGUID": [guid(name)]}
        for asked in attributes:
            attribute, _, option = asked.partition(";range=")
            values = self.objects[name].get(attribute, [])
            start = int(option.partition("-")[0]) if option else 0
            if not option and len(values) <= 3:
                raw[attribute] = raw.get(attribute, values)
                continue
            last = "*" if start + 3 >= len(values) else str(start + 2)
            raw[attribute] = []
            raw[f"{attribute};range={start}-{last}"] = values[start : start + 3]
        return {
            "type": "searchResEntry",
            "raw_dn": f"<GUID={UUID(bytes_le=guid(name))}>;CN={name}".encode(),
            "raw_attributes": raw,
        }


def members(count: int) -> list[bytes]:
    return [f"<GUID={UUID(bytes_le=guid(f'm{i}'))}>;<SID=S-1-5>;CN=m{i};x,DC=x".encode() for i in range(count)]


def test_pages_are_read_to_the_last_and_ranges_made_whole() -> None:
    server = LimitedServer({f"g{i}": {"member": members(i * 2)} for i in range(5)})
    found = list(search(server, "DC=x", EVERYTHING, ["member"]))  # type: ignore[arg-type]
    assert [obj.dn for obj in found] == [f"CN=g{i}" for i in range(5)]
    assert [len(obj.linked("member")) for obj in found] == [0, 2, 4, 6, 8]
    last = found[4].linked("member")
    assert [link.guid for link in last] == [guid(f"m{i}") for i in range(8)]
    assert last[7].dn == "CN=m7;x,DC=x"


def test_a_range_that_shrinks_while_it_is_read_ends() -> None:
    assert rest_of_range(lambda _: {}, "member;range=0-1499") == []
    assert rest_of_range(lambda name: {name: [b"x"]}, "member;range=0-1499") == [b"x"]


def test_dirsync_asks_until_there_is_no_more() -> None:
    server = LimitedServer({f"u{i}": {"name": [b"x"], "member;range=1-1": [b"y"]} for i in range(7)})
    found, cookie = dirsync(server, "DC=x", EVERYTHING, ["name"], b"")  # type: ignore[arg-type]
    assert [obj.dn for obj, _ in found.values()] == [f"CN=u{i}" for i in range(7)]
    assert (cookie, server.searches) == (b"7", 4)
    found, cookie = dirsync(server, "DC=x", EVERYTHING, ["name"], cookie)  # type: ignore[arg-type]
    assert (found, cookie) == ({}, b"7")


def test_times_of_change_are_read_from_replication_metadata() -> None:
    title, mail = attribute_number("2.5.4.12"), attribute_number("0.9.2342.19200300.100.1.3")
    assert (title, mail) == (12, 0x150003)
    assert attribute_number("1.2.840.113556.1.2.13") == 0x2000D, "displayName"
    assert attribute_number("1.2.840.113556.1.4.7000.102.99") is None, "added later: has an msDS-IntId"
    entries = [(12, 1, 13_400_000_000, bytes(16), 1, 1), (0x150003, 2, 13_400_000_007, bytes(16), 2, 2)]
    blob = struct.pack("<QQ", 1, 2) + b"".join(struct.pack("<IIq16sqq", *entry) for entry in entries)
    assert change_times(blob, {12: "title", 0x150003: "mail"}) == {"title": 13_400_000_000, "mail": 13_400_000_007}
    assert change_times(b"", {12: "title"}) == {}


def link_metadata(attribute: str, target: str, written: str) -> bytes:
    """A value of msDS-ReplValueMetaData as Active Directory writes it."""
    return (
        f"<DS_REPL_VALUE_META_DATA>\n\t<pszAttributeName>{attribute}</pszAttributeName>\n"
        f"\t<pszObjectDn>{target}</pszObjectDn>\n\t<cbData>0</cbData>\n\t<pbData></pbData>\n"
        "\t<ftimeDeleted>1601-01-01T00:00:00Z</ftimeDeleted>\n\t<ftimeCreated>2020-01-01T00:00:00Z</ftimeCreated>\n"
        f"\t<dwVersion>2</dwVersion>\n\t<ftimeLastOriginatingChange>{written}</ftimeLastOriginatingChange>\n"
        "\t<usnOriginatingChange>99</usnOriginatingChange>\n</DS_REPL_VALUE_META_DATA>\n\x00"
    ).encode()


def test_times_of_links_are_those_of_the_value_written_last() -> None:
    blobs = [
        link_metadata("manager", "CN=Old &amp; Gone,DC=x", "1601-01-02T00:00:00Z"),
        link_metadata("manager", "CN=New,DC=x", "1601-01-01T01:00:01Z"),
        link_metadata("member", "CN=Other,DC=x", "2024-01-01T00:00:00Z"),
        b"<DS_REPL_VALUE_META_DATA><pszAttributeName>manager</pszAttributeName>",
        b"",
    ]
    assert link_change_times(blobs, ["Manager", "assistant"]) == {"manager": 86_400}
    assert link_change_times([link_metadata("manager", "CN=x", "2026-11-26T15:00:00Z")], ["manager"]) == {
        "manager": 13_440_178_800
    }
