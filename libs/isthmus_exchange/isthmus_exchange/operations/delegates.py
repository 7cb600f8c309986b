"""GetDelegate, AddDelegate, UpdateDelegate, RemoveDelegate ([MS-OXWSDLGM] 3.1.4): who acts for a mailbox's owner."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from lxml import etree

from ..errors import EwsError
from ..folder_permissions import member_id, read_member
from ..names import M, T
from ..soap import Element, check, text
from ..values import Delegate, Delegation, Member
from .operation import Operation, only


@dataclass(frozen=True)
class GetDelegation(Operation[Delegation]):
    """Of the mailbox with this address, with the delegates' levels in its folders."""

    address: str
    name = "GetDelegate"

    def body(self, _newer: bool, /) -> str:
        return f'<m:GetDelegate IncludePermissions="true">{_mailbox(self.address)}</m:GetDelegate>'

    def answer(self, messages: Sequence[Element], /) -> Delegation:
        told = only(messages)
        users = told.iterfind(f"{M}ResponseMessages/*/{M}DelegateUser")
        return Delegation([_read(each) for each in users], told.findtext(f"{M}DeliverMeetingRequests") or "")


class _Change(Operation["list[EwsError | None]"]):
    """Answers None or an error for each delegate, in the order given."""

    writes = True

    def answer(self, messages: Sequence[Element], /) -> list[EwsError | None]:
        return [check(each) for each in only(messages).iterfind(f"{M}ResponseMessages/*")]


@dataclass(frozen=True)
class AddDelegates(_Change):
    """Of people who are none yet. `delivery`: empty to leave it as it is."""

    address: str
    delegates: tuple[Delegate, ...]
    delivery: str = ""
    name = "AddDelegate"

    def body(self, _newer: bool, /) -> str:
        return (
            f"<m:AddDelegate>{_mailbox(self.address)}{_users(self.delegates)}{_delivery(self.delivery)}</m:AddDelegate>"
        )


@dataclass(frozen=True)
class UpdateDelegates(_Change):
    """Of people who are delegates; with none, of `delivery` alone."""

    address: str
    delegates: tuple[Delegate, ...]
    delivery: str = ""
    name = "UpdateDelegate"

    def body(self, _newer: bool, /) -> str:
        users = _users(self.delegates) if self.delegates else ""
        return f"<m:UpdateDelegate>{_mailbox(self.address)}{users}{_delivery(self.delivery)}</m:UpdateDelegate>"


@dataclass(frozen=True)
class RemoveDelegates(_Change):
    """Takes their rights in the six folders, too."""

    address: str
    members: tuple[Member, ...]
    name = "RemoveDelegate"

    def body(self, _newer: bool, /) -> str:
        users = "".join(map(member_id, self.members))
        return f"<m:RemoveDelegate>{_mailbox(self.address)}<m:UserIds>{users}</m:UserIds></m:RemoveDelegate>"


def _mailbox(address: str) -> str:
    return f"<m:Mailbox><t:EmailAddress>{text(address)}</t:EmailAddress></m:Mailbox>"


def _delivery(value: str) -> str:
    return f"<m:DeliverMeetingRequests>{text(value)}</m:DeliverMeetingRequests>" if value else ""


def _users(delegates: Iterable[Delegate]) -> str:
    return f"<m:DelegateUsers>{''.join(map(_user, delegates))}</m:DelegateUsers>"


def _user(delegate: Delegate) -> str:
    # A level of "Custom" cannot be set here; the folder's own list has it.
    levels = "".join(f"<t:{name}>{text(level)}</t:{name}>" for name, level in delegate.levels if level != "Custom")
    return (
        f"<t:DelegateUser>{member_id(delegate.member)}<t:DelegatePermissions>{levels}</t:DelegatePermissions>"
        f"<t:ReceiveCopiesOfMeetingMessages>{str(delegate.gets_copies).lower()}</t:ReceiveCopiesOfMeetingMessages>"
        f"<t:ViewPrivateItems>{str(delegate.sees_private).lower()}</t:ViewPrivateItems></t:DelegateUser>"
    )


def _read(user: Element) -> Delegate:
    return Delegate(
        read_member(user.find(f"{T}UserId")),
        tuple((etree.QName(each).localname, each.text or "") for each in user.iterfind(f"{T}DelegatePermissions/*")),
        user.findtext(f"{T}ReceiveCopiesOfMeetingMessages") == "true",
        user.findtext(f"{T}ViewPrivateItems") == "true",
    )
