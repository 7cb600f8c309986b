"""Writing objects: created whole, changed by what differs."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from math import ceil
from typing import Any, TypeAlias
from uuid import UUID

import ldap3
from isthmus_project.attributes import LINKED_ATTRIBUTES
from isthmus_sync.directory import DirectoryObject, Modification
from isthmus_sync.directory.creation import Creation
from isthmus_sync.directory.difference import Value, wire_value
from ldap3.core import exceptions as ldap
from ldap3.protocol.microsoft import show_deleted_control

from isthmus_directory import requests
from isthmus_directory.connection import Forest, entries, explained
from isthmus_directory.errors import WriteRefused
from isthmus_directory.filters import present
from isthmus_directory.reading import read_new

_Steps: TypeAlias = list[tuple[str, list[bytes]]]

_PERMISSIVE_MODIFY = "1.2.840.113556.1.4.1413"
"""Adding a value that is there, or removing one that is not, succeeds: somebody else has done our work."""
_MADE_TOGETHER = 25
"""Objects that one connection makes, one after the other, and then reads in one search."""
_VALUES_A_REQUEST = 1000
"""Active Directory takes at most 5,000 values in one change of a linked attribute."""

_SET_BY_THE_SERVER = frozenset(
    ("objectclass", "objectguid", "objectsid", "cn", "isdeleted", "iscriticalsystemobject", "useraccountcontrol")
)
_SET_AT_ONCE = frozenset(("samaccountname", "grouptype"))
"""What an object has from the moment it is made."""
_ADDED_BY_THE_SERVER = ("objectClass", "objectGUID", "objectSid", "cn", "userAccountControl", "countryCode")
"""What is read of an object that was made with more than its maker gave it."""

_NORMAL_ACCOUNT, _DISABLED = 0x200, 0x2
_PASSWORD_BYTES = 24
_REMEDIES = {
    ldap.LDAPInsufficientAccessRightsResult: "give the account of the project the right to write here",
    ldap.LDAPEntryAlreadyExistsResult: "another object has this name; rename it, or match the two",
    ldap.LDAPNoSuchObjectResult: "an object, or the OU it should go to, does not exist; create it",
    ldap.LDAPConstraintViolationResult: "a value breaks a rule of the directory; see the message",
    ldap.LDAPUndefinedAttributeTypeResult: "the schema lacks an attribute; is this forest prepared for Exchange?",
    ldap.LDAPObjectClassViolationResult: "the schema lacks an attribute; is this forest prepared for Exchange?",
}


async def create(
    forest: Forest, creations: Sequence[Creation], attribute_ids: Mapping[int, str] | None = None
) -> list[DirectoryObject | WriteRefused]:
    """Create objects; returns for each the object (`attribute_ids` as in `search`), or why the directory refused it.
    What is refused with links is made without them: links are set later as well as they can be. Raises
    DirectoryUnavailable.

    Read are what the directory adds, and links, which it knows by GUID. The rest is what was given: what it makes of
    that shows when it tells of the object, as after any other write.

    An account that its owner may use gets a random password that nobody knows, which is how it can be enabled at
    once: a mailbox of a disabled account is not opened by Exchange for its owner. Without an encrypted connection
    Active Directory takes no password, and the account stays disabled.
    """
    given = {name for creation in creations for name in (*creation.attributes, *creation.links)}
    read = [*_ADDED_BY_THE_SERVER, *(name for name in given if name.lower() in LINKED_ATTRIBUTES)]

    def make(connection: ldap3.Connection, some: Sequence[Creation]) -> list[DirectoryObject | WriteRefused]:
        refused = [_add(forest, connection, each) for each in some]
        there = [each.dn for each, error in zip(some, refused, strict=True) if error is None]
        objects = iter(read_new(connection, forest.base, there, read, attribute_ids))
        return [error or _as_made(each, next(objects)) for each, error in zip(some, refused, strict=True)]

    # Read by whoever made them, so that nobody waits for what was asked for later. Not repeated on a broken connection:
    # the first attempt may have taken effect, and the next run finds that out.
    size = min(_MADE_TOGETHER, ceil(len(creations) / forest.connections)) or 1
    portions = [creations[start : start + size] for start in range(0, len(creations), size)]
    return [each for made in await forest.run_each(make, portions, repeat=False) for each in made]


def _as_made(creation: Creation, read: DirectoryObject) -> DirectoryObject:
    given = {name.lower(): values for name, values in creation.attributes.items()}
    plain = {name: values for name, values in given.items() if name not in LINKED_ATTRIBUTES}
    return replace(read, attributes={**plain, **read.attributes})


def _add(forest: Forest, connection: ldap3.Connection, creation: Creation) -> WriteRefused | None:
    error = _add_as_it_is(forest, connection, creation)
    if error is not None and creation.links:
        error = _add_as_it_is(forest, connection, replace(creation, links={}))
    return error


def _add_as_it_is(forest: Forest, connection: ldap3.Connection, creation: Creation) -> WriteRefused | None:
    held: dict[str, list[bytes]] = {name: list(values) for name, values in creation.attributes.items()}
    held |= {name: [wire_value(link) for link in links] for name, links in creation.links.items()}
    if creation.object_class == "user":
        if creation.enabled and forest.encrypted:
            held["userAccountControl"] = [b"%d" % _NORMAL_ACCOUNT]
            held["unicodePwd"] = [f'"{_password()}"'.encode("utf-16-le")]
        else:
            held["userAccountControl"] = [b"%d" % (_NORMAL_ACCOUNT | _DISABLED)]

    def work(connection: ldap3.Connection) -> None:
        requests.add(connection, creation.dn, {"objectClass": [creation.object_class.encode()], **held})

    return _refusal(_refusing(forest, "create", creation.dn, work), connection)


async def modify(forest: Forest, guid: bytes, dn: str, modifications: Iterable[Modification]) -> None:
    """Change an object, found by its GUID whatever it is called by now; `dn` is for messages.

    Raises WriteRefused, DirectoryUnavailable. Safe to repeat.
    """
    [refused] = await modify_each(forest, [(guid, dn, tuple(modifications))])
    if refused is not None:
        raise refused


async def modify_each(
    forest: Forest, changes: Sequence[tuple[bytes, str, Sequence[Modification]]]
) -> list[WriteRefused | None]:
    """Change many objects, each as `modify` does; returns for each why it was refused. Raises DirectoryUnavailable."""

    def work(connection: ldap3.Connection, change: tuple[bytes, str, Sequence[Modification]]) -> WriteRefused | None:
        guid, dn, modifications = change
        name = f"<GUID={UUID(bytes_le=guid)}>"

        def write(connection: ldap3.Connection) -> None:
            for portion in _portions(modifications):
                requests.modify(connection, name, portion, _PERMISSIVE_MODIFY)

        return _refusal(_refusing(forest, "change", dn, write), connection)

    return await forest.run_each(work, changes)


async def delete(forest: Forest, guid: bytes, dn: str) -> None:
    """Delete an object; none is there afterwards, whoever deleted it. Raises WriteRefused, DirectoryUnavailable."""

    def work(connection: ldap3.Connection) -> None:
        try:
            connection.delete(f"<GUID={UUID(bytes_le=guid)}>")
        except ldap.LDAPNoSuchObjectResult:
            return

    await forest.run(_refusing(forest, "delete", dn, work))


async def bring_back(forest: Forest, gone: DirectoryObject) -> tuple[bytes, list[str]]:
    """Bring a deleted object back with what it held; returns its GUID and what could not be given back.

    Reanimated ([MS-ADTS] 3.1.1.5.3.7) it is the same object, with its SID. Where the account of the project may not do
    that, or the tombstone is gone, a new one is made in its place. Raises WriteRefused, DirectoryUnavailable.
    """
    object_class = next(name for name in ("group", "contact", "user") if name in gone.classes)
    values = {name: list(held) for name, held in gone.attributes.items() if name not in _SET_BY_THE_SERVER and held}

    def work(connection: ldap3.Connection) -> tuple[bytes, list[str]]:
        name = f"<GUID={UUID(bytes_le=gone.guid)}>"
        try:
            back = {"isDeleted": [(ldap3.MODIFY_DELETE, [])], "distinguishedName": [(ldap3.MODIFY_REPLACE, [gone.dn])]}
            connection.modify(name, back, controls=[show_deleted_control(criticality=True)])
            given = values
        except ldap.LDAPOperationResult:
            connection.add(gone.dn, [object_class], {n: values[n] for n in values if n in _SET_AT_ONCE})
            given = {n: values[n] for n in values if n not in _SET_AT_ONCE}
        connection.search(gone.dn, present("objectClass"), ldap3.BASE, attributes=["objectGUID"])
        guid: bytes = entries(connection)[0]["raw_attributes"]["objectGUID"][0]
        links = {n: [wire_value(link) for link in held] for n, held in gone.links.items() if held and n != "memberof"}
        lost: list[str] = []
        for attribute, held in (given | links).items():
            try:
                change = {attribute: [(ldap3.MODIFY_REPLACE, held)]}
                connection.modify(f"<GUID={UUID(bytes_le=guid)}>", change)
            except ldap.LDAPOperationResult as error:
                lost.append(f"{attribute}: {explained(error)}")
        return guid, lost

    return await forest.run(_refusing(forest, "bring back", gone.dn, work), repeat=False)


def _refusing(
    forest: Forest, what: str, dn: str, work: Callable[[ldap3.Connection], Any]
) -> Callable[[ldap3.Connection], Any]:
    def careful(connection: ldap3.Connection) -> Any:
        try:
            return work(connection)
        except (ldap.LDAPBusyResult, ldap.LDAPUnavailableResult):
            raise
        except ldap.LDAPOperationResult as error:
            remedy = next((words for kind, words in _REMEDIES.items() if isinstance(error, kind)), "")
            raise WriteRefused(
                f"cannot {what} {dn} in {forest.name}: {explained(error)}{f'; {remedy}' if remedy else ''}"
            ) from error

    return careful


def _refusal(work: Callable[[ldap3.Connection], None], connection: ldap3.Connection) -> WriteRefused | None:
    """Do it; returns why it was refused."""
    try:
        work(connection)
    except WriteRefused as error:
        return error
    return None


def _portions(changes: Iterable[Modification]) -> Iterator[dict[str, _Steps]]:
    """The changes as ldap3 takes them, the first request with everything but the values that are too many for one."""
    first: dict[str, _Steps] = {}
    later: list[dict[str, _Steps]] = []
    for change in changes:
        if change.whole:
            first[change.attribute] = [(ldap3.MODIFY_REPLACE, [wire_value(value) for value in change.added])]
            continue
        # What goes goes first: values that differ only in case are the same to the directory.
        steps: _Steps = [
            (operation, portion)
            for operation, values in ((ldap3.MODIFY_DELETE, change.removed), (ldap3.MODIFY_ADD, change.added))
            for portion in _values(values)
        ]
        if sum(len(values) for _, values in steps) <= _VALUES_A_REQUEST:
            first[change.attribute] = steps
        else:
            later.extend({change.attribute: [step]} for step in steps)
    if first:
        yield first
    yield from later


def _values(values: tuple[Value, ...]) -> Iterator[list[bytes]]:
    for start in range(0, len(values), _VALUES_A_REQUEST):
        yield [wire_value(value) for value in values[start : start + _VALUES_A_REQUEST]]


def _password() -> str:
    """A password that satisfies every complexity rule, for nobody to know."""
    return f"{secrets.token_urlsafe(_PASSWORD_BYTES)}-aA1"
