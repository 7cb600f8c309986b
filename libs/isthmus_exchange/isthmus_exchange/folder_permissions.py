"""A folder's access control list as EWS shows and takes it: PermissionSet ([MS-OXWSFOLD] 2.2.4.14)."""

from __future__ import annotations

from collections.abc import Iterable

from lxml import etree

from .names import T
from .soap import Element, text
from .values import Member, Permission

_EVERYBODY = ("Default", "Anonymous")
"""Every list has an entry for both."""


def permission_set(element: str, permissions: Iterable[Permission]) -> str:
    """<t:PermissionSet> of a folder that `element` shows. Default and Anonymous have no rights unless given."""
    kind = "Calendar" if element == "CalendarFolder" else ""
    given = {each.member.key: each for each in permissions}
    everybody = {name: Permission(Member(distinguished=name), "None") for name in _EVERYBODY}
    listed = "".join(_permission(kind, each) for each in {**everybody, **given}.values())
    return f"<t:PermissionSet><t:{kind}Permissions>{listed}</t:{kind}Permissions></t:PermissionSet>"


def read_permission_set(node: Element) -> tuple[list[Permission], list[str]]:
    """The entries of a PermissionSet, and the names of those that the server cannot resolve."""
    found = [_read(each) for each in (*node.iterfind(f"{T}Permissions/*"), *node.iterfind(f"{T}CalendarPermissions/*"))]
    unknown = [each.text or "" for each in node.iterfind(f"{T}UnknownEntries/{T}UnknownEntry")]
    return found, unknown


def member_id(member: Member) -> str:
    """<t:UserId>: by address where there is one, for that the server finds whatever SID the account works under."""
    if member.distinguished:
        named = f"<t:DistinguishedUser>{text(member.distinguished)}</t:DistinguishedUser>"
    elif member.address:
        named = f"<t:PrimarySmtpAddress>{text(member.address)}</t:PrimarySmtpAddress>"
    else:
        named = f"<t:SID>{text(member.sid)}</t:SID>"
    return f"<t:UserId>{named}</t:UserId>"


def read_member(node: Element | None) -> Member:
    """A UserId element."""
    if node is None:
        raise ValueError("the server's answer lacks a UserId")
    names = ("SID", "PrimarySmtpAddress", "DisplayName", "DistinguishedUser")
    return Member(*(node.findtext(f"{T}{name}") or "" for name in names))


def _permission(kind: str, each: Permission) -> str:
    # Single rights beside a level with a name are refused.
    rights = "".join(f"<t:{name}>{text(value)}</t:{name}>" for name, value in each.rights)
    level = f"<t:{kind}PermissionLevel>{text(each.level)}</t:{kind}PermissionLevel>"
    return f"<t:{kind}Permission>{member_id(each.member)}{rights}{level}</t:{kind}Permission>"


def _read(node: Element) -> Permission:
    level, rights = "None", []
    for each in node:
        name = etree.QName(each).localname
        if name.endswith("PermissionLevel"):
            level = each.text or "None"
        elif name != "UserId":
            rights.append((name, each.text or ""))
    return Permission(read_member(node.find(f"{T}UserId")), level, tuple(rights) if level == "Custom" else ())
