"""Delegates as EWS shows and changes them ([MS-OXWSDLGM])."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import partial
from typing import Final

from isthmus_lab.mapi.addresses import legacy_dn_of
from isthmus_lab.store import Ace, Mailbox, Rights

from .. import delegates
from ..delegates import Delegate, Delegation, Delivery
from ..directory import Recipient
from ..mail.authoring import recipient_properties
from .call import Call
from .errors import EwsError
from .names import Element, child, elements, flag, m, t, text
from .permissions import find, level_of, rights_of_level, user_id
from .rights import own_entry_id

_FOLDERS: Final = ("calendar", "tasks", "inbox", "contacts", "notes", "journal")
_LEVELS: Final = ("None", "Editor", "Reviewer", "Author")


class Office:
    """The mailbox whose delegates a request is about, and what the request does to them."""

    def __init__(self, call: Call) -> None:
        place = child(call.element, "Mailbox")
        address = "" if place is None else text(place, "EmailAddress") or ""
        self._call = call
        self._directory = call.services.directory
        self.mailbox: Mailbox = call.mailbox_at(address)
        owner = self._directory.by_mailbox(self.mailbox.guid)
        assert owner is not None  # mailbox_at found them
        self.owner: Recipient = owner
        if not call.access(self.mailbox).full:
            raise EwsError("ErrorAccessDenied")
        self.delegation: Delegation = delegates.read(self.mailbox)

    # --- answers ------------------------------------------------------------------------------------------------------

    def answer(self, each: Iterable[Callable[[], list[Element]]], *, delivery: bool = False) -> Element:
        """The response: a message for each delegate, and who gets meeting messages."""
        name = self._call.request.operation
        node = m(f"{name}Response", m("ResponseCode", "NoError"), ResponseClass="Success")
        messages = m("ResponseMessages")
        for handle in each:
            message = self._call.message("x", handle)
            message.tag = messages.tag.replace("ResponseMessages", "DelegateUserResponseMessageType")
            messages.append(message)
        if len(messages):
            node.append(messages)
        if delivery:
            node.append(m("DeliverMeetingRequests", self.delegation.delivery.value))
        return node

    def show(self, delegate: Delegate, *, permissions: bool = True) -> list[Element]:
        """The DelegateUser element."""
        dn = legacy_dn_of(delegate.entry_id)
        known = self._directory.by_address(f"x500:{dn}") if dn else None
        node = m("DelegateUser", t("UserId", t("DisplayName", delegate.name)) if known is None else user_id(known))
        if permissions:
            listed = t("DelegatePermissions")
            for role in _FOLDERS:
                level = level_of(self._rights(role, delegate.entry_id), calendar=False)
                listed.append(t(f"{role.capitalize()}FolderPermissionLevel", level if level in _LEVELS else "Custom"))
            node.append(listed)
        node.append(t("ReceiveCopiesOfMeetingMessages", "true" if delegate.gets_copies else "false"))
        node.append(t("ViewPrivateItems", "true" if delegate.sees_private else "false"))
        return [node]

    # --- what requests ask --------------------------------------------------------------------------------------------

    def person(self, user: Element) -> Recipient:
        """Who a UserId is. Raises EwsError ErrorDelegateNoUser and others."""
        if child(user, "DistinguishedUser") is not None:
            raise EwsError("ErrorDistinguishedUserNotSupported", "Default and Anonymous cannot be delegates.")
        try:
            return find(user, self._directory)
        except EwsError as error:
            raise EwsError("ErrorDelegateNoUser", error.message) from None

    def known(self, user: Element) -> Delegate:
        """The delegate that a UserId names. Raises EwsError ErrorNotDelegate."""
        entry_id = own_entry_id(self.person(user))
        for each in self.delegation.delegates:
            if each.entry_id == entry_id:
                return each
        raise EwsError("ErrorNotDelegate", "The user is not a delegate.")

    def add(self, wanted: Element) -> list[Element]:
        """A new delegate."""
        person = self.person(elements(wanted)[0])
        entry_id = own_entry_id(person)
        if person.dn == self.owner.dn:
            raise EwsError("ErrorDelegateCannotAddOwner", "Nobody can be their own delegate.")
        if any(each.entry_id == entry_id for each in self.delegation.delegates):
            raise EwsError("ErrorDelegateAlreadyExists", "The user is a delegate already.")
        new = Delegate(entry_id, person.name, False, False, recipient_properties(person))
        return self._put(self.delegation.delegates, new, wanted)

    def update(self, wanted: Element) -> list[Element]:
        """What a delegate has may change; what is not told stays."""
        before = self.known(elements(wanted)[0])
        person = self.person(elements(wanted)[0])
        others = tuple(each for each in self.delegation.delegates if each is not before)
        return self._put(others, replace(before, address=recipient_properties(person)), wanted)

    def remove(self, user: Element) -> list[Element]:
        """Nobody's delegate any more: their rights in the six folders go too."""
        gone = self.known(user)
        others = tuple(each for each in self.delegation.delegates if each is not gone)
        self._save(others)
        for role in _FOLDERS:
            self._grant(self.mailbox.folders.role(role).id, gone, None)
        self._grant(delegates.folder(self.mailbox), gone, None)
        return []

    def deliver(self) -> None:
        """Who gets meeting messages, when the request says so."""
        wanted = text(self._call.element, "DeliverMeetingRequests")
        if wanted is not None:
            self.delegation = replace(self.delegation, delivery=Delivery(wanted))
            delegates.write(self.mailbox, self.delegation)

    # --- within -------------------------------------------------------------------------------------------------------

    def _put(self, others: tuple[Delegate, ...], delegate: Delegate, wanted: Element) -> list[Element]:
        delegate = replace(
            delegate,
            gets_copies=flag(text(wanted, "ReceiveCopiesOfMeetingMessages"), delegate.gets_copies),
            sees_private=flag(text(wanted, "ViewPrivateItems"), delegate.sees_private),
        )
        with self.mailbox.transaction():
            for each in elements(child(wanted, "DelegatePermissions")):
                role = each.tag.rpartition("}")[2].removesuffix("FolderPermissionLevel").lower()
                if each.text == "Custom":
                    raise EwsError("ErrorInvalidDelegatePermission", "Custom permissions cannot be set here.")
                rights = rights_of_level(each.text or "None", calendar=role == "calendar")
                self._grant(self.mailbox.folders.role(role).id, delegate, rights or None)
                if role == "calendar":
                    self._grant(
                        delegates.folder(self.mailbox), delegate, Rights.EDITOR if each.text == "Editor" else None
                    )
        self._save((*others, delegate))
        return self.show(delegate)

    def _save(self, everybody: tuple[Delegate, ...]) -> None:
        self.delegation = replace(self.delegation, delegates=everybody)
        delegates.write(self.mailbox, self.delegation)
        found = (legacy_dn_of(each.entry_id) for each in everybody)
        people = [person.dn for dn in found if dn and (person := self._directory.by_address(f"x500:{dn}")) is not None]
        if set(people) != set(self.owner.delegates):
            self._directory.replace(self.owner.dn, "publicDelegates", people)
            self.owner = replace(self.owner, delegates=tuple(people))

    def _rights(self, role: str, entry_id: bytes) -> Rights:
        aces = self.mailbox.permissions.of(self.mailbox.folders.role(role).id)
        return next((ace.rights for ace in aces if ace.entry_id == entry_id), Rights.NONE)

    def _grant(self, folder: bytes, delegate: Delegate, rights: Rights | None) -> None:
        before = self.mailbox.permissions.of(folder)
        aces = [ace for ace in before if ace.entry_id != delegate.entry_id]
        if rights is not None:
            aces.append(Ace(delegate.entry_id, delegate.name, rights))
        if aces != before:
            self.mailbox.permissions.set(folder, aces)


def each_of(handle: Callable[[Element], list[Element]], found: Iterable[Element]) -> list[Callable[[], list[Element]]]:
    """What to do for each element, to be done when its message is written."""
    return [partial(handle, node) for node in found]
