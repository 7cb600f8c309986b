"""What changed in a forest since a place in its history that was kept.

DirSync first: the domain controller itself tells what changed, deletions and changed members included. Where the right
for it is missing (Replicating Directory Changes), objects are asked for by uSNChanged.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal
from uuid import UUID

import ldap3
from isthmus_sync.directory import DirectoryObject
from isthmus_sync.directory.echoes import Told
from ldap3.core import exceptions as ldap
from ldap3.protocol.controls import build_control
from ldap3.protocol.microsoft import DirSyncControlRequestValue, extended_dn_control, show_deleted_control

from isthmus_directory import filters
from isthmus_directory.connection import Forest, entries
from isthmus_directory.errors import BookmarkUnusable
from isthmus_directory.reading import as_link, as_object, root_of, search

DIRSYNC = "1.2.840.113556.1.4.841"
_INCREMENTAL_VALUES = -0x80000000  # LDAP_DIRSYNC_INCREMENTAL_VALUES as the signed number that BER carries
_LARGEST_ANSWER = 0x7FFFFFFF


@dataclass(frozen=True, slots=True)
class Bookmark:
    """A place in a forest's history. `usn` is the domain controller's highestCommittedUSN there, `invocation` says
    which life of which domain controller that number belongs to: a restored one starts another life. `server` names the
    domain controller through all its lives; empty in bookmarks of earlier versions."""

    way: Literal["dirsync", "usn"]
    cookie: bytes
    invocation: str
    usn: int
    server: str = ""

    def to_json(self) -> str:
        return json.dumps(
            {
                "way": self.way,
                "cookie": self.cookie.hex(),
                "invocation": self.invocation,
                "usn": self.usn,
                "server": self.server,
            }
        )

    @classmethod
    def from_json(cls, text: str) -> Bookmark:
        document = json.loads(text)
        cookie, server = bytes.fromhex(document["cookie"]), document.get("server", "")
        return cls(document["way"], cookie, document["invocation"], document["usn"], server)


@dataclass(frozen=True, slots=True)
class Changes:
    """What changed: users, groups and contacts by GUID, those that were deleted apart. `changed` has what the forest
    tells of each; None where it tells only that something changed. `moved`: a container above some of them was renamed
    or moved, which no object below says of itself."""

    bookmark: Bookmark
    changed: dict[bytes, Told | None] = field(default_factory=dict)
    deleted: list[bytes] = field(default_factory=list)
    moved: bool = False


async def here(forest: Forest) -> Bookmark:
    """The present place in the forest's history."""
    return await forest.run(lambda connection: _here(connection, forest))


async def changes(forest: Forest, since: Bookmark, attributes: Sequence[str]) -> Changes:
    """What changed in these attributes since a bookmark; one small request when nothing did.

    Raises BookmarkUnusable when the domain controller does not know that place: it was restored from a backup, or
    replaced. Everything must then be compared anew.
    """
    return await forest.run(lambda connection: _changes(connection, forest, since, attributes))


async def sees_deletions(forest: Forest) -> bool:
    """Whether the account of the project is shown a deleted object. Without that right a forest is silent about
    deletions, and `all_guids` must be compared with what was there. A forest where nothing was ever deleted says no."""

    def work(connection: ldap3.Connection) -> bool:
        try:
            connection.search(
                f"CN=Deleted Objects,{forest.base}",
                filters.equals("isDeleted", "TRUE"),
                ldap3.LEVEL,
                attributes=["objectClass"],
                controls=[show_deleted_control(criticality=True)],
                size_limit=1,
            )
        except ldap.LDAPSizeLimitExceededResult:
            return True
        except (ldap.LDAPNoSuchObjectResult, ldap.LDAPInsufficientAccessRightsResult):
            return False
        return bool(entries(connection))

    return await forest.run(work)


async def all_guids(forest: Forest) -> set[bytes]:
    """The GUIDs of all users, groups and contacts: the cheapest way to see who is gone."""
    return await forest.run(lambda c: {obj.guid for obj in search(c, forest.base, filters.RECIPIENTS, ["objectGUID"])})


def _here(connection: ldap3.Connection, forest: Forest) -> Bookmark:
    server, invocation, usn = _now(connection)
    try:
        # The cookie tells a place in the history of the whole domain, whatever is asked for beside it; asking for the
        # domain's own object alone gets it at the price of one answer.
        _, cookie = dirsync(connection, forest.base, filters.equals("objectClass", "domainDNS"), ["name"], b"")
    except ldap.LDAPInsufficientAccessRightsResult:
        forest.log.warning(
            "no right to DirSync: changes are found by uSNChanged, and deletions by comparing; "
            "grant 'Replicating Directory Changes' on the domain to the account of the project"
        )
        return Bookmark("usn", b"", invocation, usn, server)
    return Bookmark("dirsync", cookie, invocation, usn, server)


def _changes(connection: ldap3.Connection, forest: Forest, since: Bookmark, attributes: Sequence[str]) -> Changes:
    server, invocation, usn = _now(connection)
    if server == since.server and invocation != since.invocation:
        # What it lost is older than the cookie, so it would be silent about it.
        raise BookmarkUnusable(
            f"the domain controller {forest.url} of {forest.name} began another life: it was restored from a backup"
        )
    if invocation == since.invocation and usn < since.usn:
        # Samba answers such a cookie with silence, Active Directory with an error or worse.
        raise BookmarkUnusable(
            f"the domain controller {forest.url} of {forest.name} is at change {usn}, but was at {since.usn}: it was "
            "restored from a backup"
        )
    if since.way == "usn":
        if invocation != since.invocation:
            raise BookmarkUnusable(
                f"{forest.url} of {forest.name} is not the domain controller whose changes were counted"
            )
        if usn == since.usn:
            return Changes(since)
        newer = filters.every(filters.WATCHED, filters.at_least("uSNChanged", since.usn + 1))
        names = ["objectClass", "isDeleted"]
        found: dict[bytes, tuple[DirectoryObject, Told | None]]
        found = {obj.guid: (obj, None) for obj in search(connection, forest.base, newer, names, deleted=True)}
        # Which attributes changed is not known here, so a container that changed at all counts as moved.
        return _sorted(found, Bookmark("usn", b"", invocation, usn, server), lambda _: True)
    if usn == since.usn and invocation == since.invocation:
        return Changes(since)
    asked = [*dict.fromkeys((*attributes, "name", "isDeleted", "objectClass"))]
    try:
        found, cookie = dirsync(connection, forest.base, filters.WATCHED, asked, since.cookie)
    except (ldap.LDAPUnwillingToPerformResult, ldap.LDAPProtocolErrorResult, ldap.LDAPOperationsErrorResult) as error:
        raise BookmarkUnusable(f"{forest.url} of {forest.name} does not know its own cookie: {error}") from error
    bookmark = Bookmark("dirsync", cookie, invocation, usn, server)
    return _sorted(found, bookmark, lambda obj: bool(obj.raw("name")))


def _sorted(
    told: Mapping[bytes, tuple[DirectoryObject, Told | None]],
    bookmark: Bookmark,
    renamed: Callable[[DirectoryObject], bool],
) -> Changes:
    found = Changes(bookmark, moved=any(_is_container(obj) and renamed(obj) for obj, _ in told.values()))
    for guid, (obj, what) in told.items():
        if _is_container(obj):
            continue
        if obj.deleted:
            found.deleted.append(guid)
        else:
            found.changed[guid] = what
    return found


def _is_container(obj: DirectoryObject) -> bool:
    return obj.dn.upper().startswith("OU=")


def dirsync(
    connection: ldap3.Connection, base: str, wanted: filters.Filter, attributes: Sequence[str], cookie: bytes
) -> tuple[dict[bytes, tuple[DirectoryObject, Told | None]], bytes]:
    """Every change since `cookie` by GUID, however many answers it takes, and the cookie after them ([MS-ADTS]
    3.1.1.3.4.1.3).

    Objects carry only what changed of the attributes asked for. `base` must be the root of a naming context.
    """
    found: dict[bytes, tuple[DirectoryObject, Told | None]] = {}
    while True:
        controls = [_dirsync_control(cookie), extended_dn_control(criticality=True), show_deleted_control()]
        connection.search(base, wanted, ldap3.SUBTREE, attributes=list(attributes), controls=controls)
        answer: dict[str, Any] = connection.result["controls"][DIRSYNC]["value"]
        page, more = entries(connection), bool(answer["more_results"])
        cookie = bytes(answer["cookie"])
        for entry in page:
            obj, told = _told(entry)
            # Told twice, in two answers: only a look says what it comes to.
            found[obj.guid] = obj, (None if obj.guid in found else told)
        if not more:
            return found, cookie


def _told(entry: dict[str, Any]) -> tuple[DirectoryObject, Told]:
    """A changed object as far as it is told. Values of a link that came are told as 'member;range=1-1', those that went
    as '0-0' (LDAP_DIRSYNC_INCREMENTAL_VALUES); they are no ranges to be read to an end."""
    raw, linked = {}, dict[str, dict[bytes, bool]]()
    for name, values in entry["raw_attributes"].items():
        attribute, _, span = name.lower().partition(";range=")
        if span:
            linked.setdefault(attribute, {}).update({as_link(value).guid: span == "1-1" for value in values or ()})
        else:
            raw[name] = values
    obj = as_object({**entry, "raw_attributes": raw}, {})
    # The empty twin that comes with values of a link says nothing.
    links = {name: frozenset(link.guid for link in held) for name, held in obj.links.items() if name not in linked}
    return obj, Told(obj.dn, obj.attributes, links, linked)


def _dirsync_control(cookie: bytes) -> Any:
    value = DirSyncControlRequestValue()
    value.setComponentByName("Flags", _INCREMENTAL_VALUES)
    value.setComponentByName("MaxBytes", _LARGEST_ANSWER)
    value.setComponentByName("Cookie", cookie)
    return build_control(DIRSYNC, True, value)


def _now(connection: ldap3.Connection) -> tuple[str, str, int]:
    """Which domain controller this is, in which of its lives, and the number of its last change."""
    values = root_of(connection, ["highestCommittedUSN", "dsServiceName"])
    server = values["dsServiceName"][0].decode()
    connection.search(server, filters.present("objectClass"), ldap3.BASE, attributes=["invocationId"])
    [invocation] = entries(connection)[0]["raw_attributes"]["invocationId"]
    return server, str(UUID(bytes_le=invocation)), int(values["highestCommittedUSN"][0])
