"""PermissionSet: a folder's access control list as EWS shows and sets it ([MS-OXWSFOLD] 2.2.4.14, [MS-OXWSCDATA])."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache, lru_cache
from typing import Final

from isthmus_lab import schema
from isthmus_lab.mapi.addresses import legacy_dn_of
from isthmus_lab.store import ANONYMOUS, DEFAULT, Ace, Folder, Rights, Row

from ..directory import Directory, Recipient
from .errors import EwsError
from .names import Element, child, copied, elements, flag, local, t, text
from .rights import Access, own_entry_id

_DISTINGUISHED: Final = {DEFAULT: "Default", ANONYMOUS: "Anonymous"}
_FREE_BUSY: Final = Rights.FREE_BUSY_SIMPLE | Rights.FREE_BUSY_DETAILED
_LEVELS: Final = {
    "None": Rights.NONE,
    "Owner": Rights.EVERYTHING,
    "PublishingEditor": Rights.EDITOR | Rights.CREATE_SUBFOLDER,
    "Editor": Rights.EDITOR,
    "PublishingAuthor": Rights.AUTHOR | Rights.CREATE_SUBFOLDER,
    "Author": Rights.AUTHOR,
    "NoneditingAuthor": Rights.AUTHOR & ~Rights.EDIT_OWNED,
    "Reviewer": Rights.READ_ANY | Rights.VISIBLE,
    "Contributor": Rights.CREATE | Rights.VISIBLE,
}
# Of a calendar only; who may read its items knows the times of everything too.
_CALENDAR_LEVELS: Final = {
    "FreeBusyTimeOnly": Rights.FREE_BUSY_SIMPLE,
    "FreeBusyTimeAndSubjectAndLocation": _FREE_BUSY,
}
_READING: Final = {
    "None": Rights.NONE,
    "TimeOnly": Rights.FREE_BUSY_SIMPLE,
    "TimeAndSubjectAndLocation": _FREE_BUSY,
    "FullDetails": Rights.READ_ANY,
}
_SWITCHES: Final = {
    "CanCreateItems": Rights.CREATE,
    "CanCreateSubFolders": Rights.CREATE_SUBFOLDER,
    "IsFolderOwner": Rights.OWNER,
    "IsFolderVisible": Rights.VISIBLE,
    "IsFolderContact": Rights.CONTACT,
}
_ACTIONS: Final = {
    "EditItems": {"None": Rights.NONE, "Owned": Rights.EDIT_OWNED, "All": Rights.EDIT_ANY | Rights.EDIT_OWNED},
    "DeleteItems": {
        "None": Rights.NONE,
        "Owned": Rights.DELETE_OWNED,
        "All": Rights.DELETE_ANY | Rights.DELETE_OWNED,
    },
}


def level_of(rights: Rights, *, calendar: bool) -> str:
    """The name of a combination of rights, ``Custom`` for one without a name."""
    # The contact of a folder is a mark beside the level, not a right.
    plain = (rights & ~_FREE_BUSY) | Rights.CONTACT
    for name, each in _LEVELS.items():
        if plain == each | Rights.CONTACT and (name != "None" or not (calendar and rights & _FREE_BUSY)):
            return name
    for name, each in _CALENDAR_LEVELS.items() if calendar else ():
        if rights & ~Rights.CONTACT == each:
            return name
    return "Custom"


def rights_of_level(name: str, *, calendar: bool) -> Rights:
    """The rights of a level other than ``Custom``."""
    rights = _LEVELS.get(name, _CALENDAR_LEVELS.get(name, Rights.NONE))
    return rights | _FREE_BUSY if calendar and rights & Rights.READ_ANY else rights


def show(aces: Iterable[Ace], directory: Directory, *, calendar: bool) -> Element:
    """The PermissionSet element; who is not in the forest any more is an unknown entry."""
    listed, unknown = t("CalendarPermissions" if calendar else "Permissions"), t("UnknownEntries")
    for ace in aces:
        user = _user_id(ace, directory)
        if user is None:
            unknown.append(t("UnknownEntry", ace.name or legacy_dn_of(ace.entry_id) or ace.entry_id.hex()))
        else:
            listed.append(_permission(ace.rights, user, calendar=calendar))
    node = t("PermissionSet", listed)
    if len(unknown):
        node.append(unknown)
    return node


def parse(node: Element, directory: Directory) -> list[Ace]:
    """The list of a PermissionSet element."""
    if elements(child(node, "UnknownEntries")):
        raise EwsError("ErrorCannotSetPermissionUnknownEntries", "Unknown entries cannot be set.")
    listed = elements(node)[0]
    return [parse_one(each, directory) for each in elements(listed)]


def joined(before: list[Ace], aces: list[Ace]) -> list[Ace]:
    """One list of two; nobody but Default and Anonymous, whom every list has, may be in both. Raises EwsError."""
    new = [ace.entry_id or ace.member for ace in aces]
    both = [ace for ace in before if ace.entry_id or ace.member not in new] + aces
    if len({ace.entry_id or ace.member for ace in both}) != len(both):
        raise EwsError("ErrorDuplicateUserIdsSpecified", "A user has more than one entry.")
    return both


def check_kind(node: Element, *, calendar: bool) -> None:
    """Calendars have permissions of their own kind. Raises EwsError."""
    given = local(elements(node)[0]) == "CalendarPermissions"
    if given and not calendar:
        raise EwsError(
            "ErrorCannotSetCalendarPermissionOnNonCalendarFolder", "Calendar permissions are for calendar folders."
        )
    if calendar and not given:
        raise EwsError("ErrorCannotSetNonCalendarPermissionOnCalendarFolder", "A calendar has calendar permissions.")


def parse_one(node: Element, directory: Directory) -> Ace:
    """The entry of a Permission or CalendarPermission element: a level, or ``Custom`` with its single rights."""
    calendar = local(node) == "CalendarPermission"
    level = text(node, "CalendarPermissionLevel" if calendar else "PermissionLevel") or "None"
    single = [each for each in elements(node) if local(each) not in ("UserId", "PermissionLevel")]
    single = [each for each in single if local(each) != "CalendarPermissionLevel"]
    if level != "Custom":
        rights = rights_of_level(level, calendar=calendar)
    else:
        rights = Rights.NONE
        for each in single:
            rights |= _single(local(each), each.text or "")
        if calendar and rights & Rights.READ_ANY:
            rights |= _FREE_BUSY
    user = child(node, "UserId")
    assert user is not None  # the schema demands it
    distinguished = text(user, "DistinguishedUser")
    if distinguished is not None:
        member = DEFAULT if distinguished == "Default" else ANONYMOUS
        return Ace(b"", "", rights, member)
    found = find(user, directory)
    return Ace(own_entry_id(found), found.name, rights)


def find(user: Element, directory: Directory) -> Recipient:
    """The recipient of a UserId: by SID, by primary address or by name. Raises EwsError."""
    sid, address, name = (text(user, each) for each in ("SID", "PrimarySmtpAddress", "DisplayName"))
    found = directory.by_sid(sid) if sid else None
    if found is None and address:
        found = directory.by_address(address)
    if found is None and not sid and not address and name:
        alike = directory.search(name, 2)
        found = alike[0] if len(alike) == 1 else None
    if found is None or found.legacy_dn is None:
        raise EwsError("ErrorInvalidUserInfo", f"{sid or address or name or 'A user id'} names nobody here.")
    return found


def user_id(recipient: Recipient) -> Element:
    """The UserId of somebody in the forest."""
    node = t("UserId")
    for name, value in (
        ("SID", recipient.sid),
        ("PrimarySmtpAddress", recipient.smtp),
        ("DisplayName", recipient.name),
    ):
        if value:
            node.append(t(name, value))
    return node


def folder_rights(access: Access, folder: Folder) -> Element:
    """EffectiveRights of a folder: what the caller may do with it."""
    rights = access.on(folder)
    owner = Rights.OWNER in rights
    creates = (owner, Rights.CREATE in rights, Rights.CREATE_SUBFOLDER in rights)
    return _effective(*creates, owner, owner, Rights.READ_ANY in rights, access.sees_private)


def item_rights(access: Access, row: Row) -> Element:
    """EffectiveRights of an item."""
    rights = access.on_item(row)
    does = (need in rights for need in (Rights.DELETE_ANY, Rights.EDIT_ANY, Rights.READ_ANY))
    return _effective(False, False, False, *does, access.sees_private)


def _effective(*answers: bool) -> Element:
    return copied(_effective_once(*answers))


@cache
def _effective_once(*answers: bool) -> Element:
    node = t("EffectiveRights")
    for name, answer in zip(schema.order("EffectiveRightsType"), answers, strict=True):
        node.append(t(name, "true" if answer else "false"))
    return node


def _user_id(ace: Ace, directory: Directory) -> Element | None:
    if ace.member in _DISTINGUISHED:
        return t("UserId", t("DistinguishedUser", _DISTINGUISHED[ace.member]))
    dn = legacy_dn_of(ace.entry_id)
    found = directory.by_address(f"x500:{dn}") if dn else None
    return None if found is None else user_id(found)


def _permission(rights: Rights, user: Element, *, calendar: bool) -> Element:
    node = copied(_permission_of_anybody(rights, calendar))
    node.insert(0, user)
    return node


@lru_cache(maxsize=1024)
def _permission_of_anybody(rights: Rights, calendar: bool) -> Element:
    node = t("CalendarPermission" if calendar else "Permission")
    for name, right in _SWITCHES.items():
        node.append(t(name, "true" if rights & right else "false"))
    for name, choices in _ACTIONS.items():
        node.append(t(name, next(each for each in ("All", "Owned", "None") if choices[each] & rights == choices[each])))
    reading = "None"
    for name, needed in _READING.items() if calendar else (("FullDetails", Rights.READ_ANY),):
        reading = name if needed & rights == needed else reading
    node.append(t("ReadItems", reading))
    node.append(t(f"{'Calendar' if calendar else ''}PermissionLevel", level_of(rights, calendar=calendar)))
    return node


def _single(name: str, value: str) -> Rights:
    if name in _SWITCHES:
        return _SWITCHES[name] if flag(value) else Rights.NONE
    return (_READING if name == "ReadItems" else _ACTIONS[name])[value]
