"""One request being answered: who asks, which mailboxes they may use, how the answers for its items are put together.

An operation is a plain function of a :class:`Call`, registered under the name of its request element; it may block, as
every request is answered in a thread of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property, partial
from types import MappingProxyType
from typing import Final, Protocol, TypeVar
from uuid import UUID

import structlog
from lxml import etree

from isthmus_lab.mapi import exceptions, occurrences
from isthmus_lab.mapi.bag import Bag, Properties, filetime
from isthmus_lab.mapi.fasttransfer import UnfitValueError
from isthmus_lab.processor import PROCESSOR
from isthmus_lab.store import (
    ARCHIVE_ROLES,
    PUBLIC,
    Folder,
    FolderExistsError,
    InvalidSyncStateError,
    Mailbox,
    NotAllowedError,
    NotFoundError,
    Rights,
    Row,
    StaleChangeKeyError,
    Store,
    StoreError,
)
from isthmus_lab.store.ids import public_folder_of

from ..directory import Directory, DirectoryError, Recipient
from ..mail.authoring import recipient_properties
from ..mail.transport import Transport
from ..notifications.subscriptions import Subscription, Subscriptions
from ..public_folders import PublicFolderError, PublicFolders
from ..settings import Settings
from . import occurrence_ids, principals
from .errors import EwsError, EwsWarning
from .fields import Draft, View
from .ids import ObjectId
from .names import MESSAGES, TYPES, Element, child, elements, local, m, text
from .rights import Access
from .soap import Answer, Request, message_xml
from .values import WrongValueError

_log = structlog.get_logger()
_T = TypeVar("_T")
_NOTHING: Final[Mapping[str, str]] = MappingProxyType({})

# What the store refuses, and what EWS calls it. The order matters: the first that fits.
_CODES: Final = (
    (NotFoundError, "ErrorItemNotFound"),
    (FolderExistsError, "ErrorFolderExists"),
    (NotAllowedError, "ErrorAccessDenied"),
    (StaleChangeKeyError, "ErrorIrresolvableConflict"),
    (InvalidSyncStateError, "ErrorInvalidSyncStateData"),
)


@dataclass(frozen=True)
class Services:
    """What all requests of a server share."""

    settings: Settings
    directory: Directory
    store: Store
    transport: Transport
    subscriptions: Subscriptions = field(default_factory=Subscriptions)
    push: Callable[[Subscription], None] = lambda _: None
    """Begins to serve a push subscription."""
    sync_state_changes: Callable[[], int | None] = lambda: None
    """After how many changes of the mailbox a sync state has expired; None is never."""

    @cached_property
    def public_folders(self) -> PublicFolders:
        """The organisation's."""
        return PublicFolders(self.directory, self.store)

    def mailbox(self, owner: Recipient) -> Mailbox:
        """The owner's mailbox, made at its first use."""
        if owner.mailbox is None or owner.holds_public_folders:
            raise EwsError("ErrorNonExistentMailbox")
        return self.store.mailbox(owner.mailbox)


class Watch(Protocol):
    """Told what is about to be done; may raise what befalls it."""

    def __call__(self, call: Call, node: Element, /) -> None:
        """Each item before it is handled."""

    def opens(self, call: Call, store: str, /) -> None:
        """Each use of a store of the caller, "mailbox" or "archive"."""

    def enters(self, call: Call, folder: str, /) -> None:
        """Each folder that the request names, by its name."""


class _Unwatched:
    def __call__(self, _call: Call, _node: Element, /) -> None:
        """Nothing befalls any item."""

    def opens(self, _call: Call, _store: str, /) -> None:
        """Nothing befalls any store."""

    def enters(self, _call: Call, _folder: str, /) -> None:
        """Nothing befalls any folder."""


UNWATCHED: Final = _Unwatched()


class Call:
    """A request and who makes it: ``logged_on`` is the account, ``caller`` the person whom it impersonates, if any."""

    def __init__(
        self, services: Services, logged_on: Recipient, caller: Recipient, request: Request, watch: Watch = UNWATCHED
    ) -> None:
        self.services = services
        self.logged_on = logged_on
        self.caller = caller
        self.request = request
        self.element = request.element
        self._watch = watch
        self._access: dict[UUID, Access] = {}

    # --- what the request names -------------------------------------------------------------------------------------

    def children(self, name: str) -> list[Element]:
        """The children of the request's child of that name."""
        return elements(child(self.element, name))

    def mailbox(self, guid: UUID | None = None) -> Mailbox:
        """The caller's mailbox, or another; what they may do there `access` says. Raises EwsError."""
        if guid is None:
            if self.caller.mailbox is None:
                raise EwsError(
                    "ErrorMissingEmailAddress",
                    "When making a request as an account that does not have a mailbox, you must specify the mailbox "
                    "primary SMTP address for any distinguished folder Ids.",
                )
            guid = self.caller.mailbox
        if guid == PUBLIC:
            return self.services.public_folders.routed(self.caller, self.request.routing)
        if guid in (self.caller.mailbox, self.caller.archive):
            self._watch.opens(self, "mailbox" if guid == self.caller.mailbox else "archive")
        if guid == self.caller.mailbox:
            return self.services.mailbox(self.caller)
        owner = self.services.directory.by_mailbox(guid)
        if owner is None or owner.holds_public_folders or guid not in (owner.mailbox, owner.archive):
            raise EwsError("ErrorItemNotFound")
        return self.services.store.mailbox(guid)

    def mailbox_at(self, address: str) -> Mailbox:
        """The mailbox of an address."""
        return self.mailbox(self._owner(address).mailbox)

    def access(self, mailbox: Mailbox) -> Access:
        """What the caller may do in a mailbox."""
        if mailbox.guid not in self._access:
            self._access[mailbox.guid] = Access.of(self.caller, mailbox, self.services.directory)
        return self._access[mailbox.guid]

    def folder(self, node: Element, need: Rights = Rights.VISIBLE) -> tuple[Mailbox, Folder]:
        """What a FolderId or DistinguishedFolderId names, for somebody who needs these rights there."""
        if local(node) == "DistinguishedFolderId":
            return self._distinguished(node, need)
        if local(node) != "FolderId":
            raise EwsError("ErrorInvalidOperation", f"{local(node)} does not name a folder here.")
        return self.folder_named(node.get("Id", ""), need)

    def _distinguished(self, node: Element, need: Rights) -> tuple[Mailbox, Folder]:
        named, role = child(node, "Mailbox"), node.get("Id", "")
        owner = None if named is None else self._owner(text(named, "EmailAddress") or "")
        try:
            if role == "publicfoldersroot":
                mailbox = self.mailbox(PUBLIC)
            elif role in ARCHIVE_ROLES:
                archive = (owner or self.caller).archive
                if archive is None:
                    raise EwsError("ErrorFolderNotFound", "The mailbox has no archive.")
                mailbox = self.mailbox(archive)
            else:
                mailbox = self.mailbox(None if owner is None else owner.mailbox)
            folder = mailbox.folders.role(ARCHIVE_ROLES.get(role, role))
        except NotFoundError:
            raise EwsError("ErrorFolderNotFound") from None
        return self._granted(mailbox, folder, need)

    def _granted(self, mailbox: Mailbox, folder: Folder, need: Rights) -> tuple[Mailbox, Folder]:
        """The folder, for somebody who has these rights; a public one where what needs these rights is done."""
        self.access(mailbox).demand(folder, need)
        self._watch.enters(self, folder.name)
        if folder.is_search and need & (Rights.CREATE | Rights.CREATE_SUBFOLDER):
            raise EwsError("ErrorInvalidFolderTypeForOperation", "A search folder holds nothing of its own.")
        if mailbox.public:
            mailbox = self.services.public_folders.doing(mailbox, folder, need)
        return mailbox, folder

    def folder_named(self, written: str, need: Rights = Rights.VISIBLE) -> tuple[Mailbox, Folder]:
        """The folder of an EWS id."""
        folder_id = ObjectId.parse(written)
        if not folder_id.is_folder or folder_id.path:
            raise EwsError("ErrorCannotUseItemIdForFolderId", "The id is an item's, not a folder's.")
        mailbox = self.mailbox(folder_id.mailbox)
        try:
            folder = mailbox.folders.get(folder_id.entry)
        except NotFoundError:
            raise EwsError("ErrorFolderNotFound") from None
        return self._granted(mailbox, folder, need)

    def target_folder(
        self, name: str, default: str | None = None, need: Rights = Rights.VISIBLE
    ) -> tuple[Mailbox, Folder]:
        """The folder inside an element like ParentFolderId; without the element the caller's ``default`` folder."""
        inside = self.children(name)
        if inside:
            return self.folder(inside[0], need)
        if default is None:
            raise EwsError("ErrorInvalidRequest", f"{name} is missing.")
        mailbox = self.mailbox()
        return mailbox, mailbox.folders.role(default)

    def item(
        self, node: Element, need: Rights = Rights.READ_ANY, *, occurrences: bool = False
    ) -> tuple[Mailbox, ObjectId]:
        """The mailbox and id that an ItemId names; whether the item is there shows when it is used."""
        if local(node) in occurrence_ids.KINDS:
            item_id = occurrence_ids.read(self, node)
        elif local(node) in ("ItemId", "ParentItemId"):
            item_id = ObjectId.parse(node.get("Id", ""))
        else:
            raise EwsError("ErrorInvalidOperation", f"{local(node)} does not name an item here.")
        if item_id.occurrence and not occurrences:
            raise EwsError("ErrorCalendarCannotMoveOrCopyOccurrence", "This is not done to a single occurrence.")
        if item_id.is_folder or item_id.path:
            raise EwsError("ErrorCannotUseFolderIdForItemId", "The id is not an item's.")
        return self.mailbox_of(item_id, need), item_id

    def mailbox_of(self, item_id: ObjectId, need: Rights) -> Mailbox:
        """The mailbox of an item, for somebody who needs these rights on it."""
        mailbox = self.mailbox(item_id.mailbox)
        if mailbox.public:
            self.services.public_folders.doing(mailbox, mailbox.folders.get(public_folder_of(item_id.entry)), need)
        self.access(mailbox).demand_item(item_id.entry, need)
        return mailbox

    def _owner(self, address: str) -> Recipient:
        found = self.services.directory.by_address(address)
        if found is None or found.mailbox is None:
            raise EwsError("ErrorNonExistentMailbox")
        return found

    # --- people -----------------------------------------------------------------------------------------------------

    def smtp_of(self, legacy_dn: str) -> str | None:
        """The SMTP address of a legacyExchangeDN, None when the forest does not know it."""
        found = self.services.directory.by_address(f"x500:{legacy_dn}")
        return None if found is None else found.smtp

    def resolve(self, address: str) -> Properties | None:
        """Recipient properties of an address of the own organisation, None for others."""
        found = self.services.directory.by_address(address)
        return None if found is None else recipient_properties(found)

    def view(
        self, mailbox: Mailbox, row: Row, *, body: str = "Best", occurrence: occurrences.Occurrence | None = None
    ) -> View:
        """An item to be shown, or an occurrence of it; its content is read when a field needs it."""

        def load() -> Bag:
            bag = mailbox.items.get(row.id).bag
            return bag if occurrence is None else exceptions.occurrence_of(bag, occurrence.original) or bag

        shown, instead = ObjectId(mailbox.guid, row.id), {}
        if occurrence is not None:
            shown, instead = shown._replace(occurrence=occurrence.original), occurrences.instead(occurrence)
        return View(
            row,
            load,
            id=str(shown),
            body=body,
            smtp_of=self.smtp_of,
            instead=instead,
            access=self.access(mailbox),
            calendar=partial(principals.calendar_of, self, mailbox),
        )

    def draft(self, bag: Bag) -> Draft:
        """An item to be filled from elements."""
        return Draft(bag, now, self.resolve)

    # --- answers ----------------------------------------------------------------------------------------------------

    def answer_each(
        self,
        items: Iterable[Element],
        handle: Callable[[Element], Iterable[Element]],
        *,
        on_error: Mapping[str, str] = _NOTHING,
        together: bool = False,
    ) -> Answer:
        """One response message for each item: what ``handle`` returns, or the error it raises.

        ``on_error`` has the elements, with their text, that the message of an error must have too. ``together`` commits
        what all of them did to the caller's mailbox at once; it is for handlers that ask nobody but the store.
        """
        name = self.request.operation
        response = m(f"{name}Response", m("ResponseMessages"))
        with self.one_commit() if together else nullcontext():
            for each in items:
                response[0].append(self.message(name, partial(self._watched, handle, each), on_error))
        return response

    def _watched(self, handle: Callable[[Element], Iterable[_T]], node: Element) -> Iterable[_T]:
        PROCESSOR.offer()
        self._watch(self, node)
        return handle(node)

    def one_commit(self) -> AbstractContextManager[None]:
        """What is done inside to the caller's mailbox is committed at once; only the store may be asked inside.

        A request that touches another mailbox too commits each step by itself: who holds one mailbox must not wait
        for another, which may be waiting for the first.
        """
        if self.caller.mailbox is None or not self._only_own(self.caller.mailbox):
            return nullcontext()
        return self.mailbox().transaction()

    def _only_own(self, guid: UUID) -> bool:
        beginning = ObjectId.prefix(guid)
        for node in self.element.iter():
            written = node.get("Id")
            if written is None:
                continue
            if local(node) == "DistinguishedFolderId":
                if len(node) or written in ARCHIVE_ROLES:
                    return False
            elif not written.startswith(beginning):
                return False
        return True

    def answer_each_as_text(
        self, items: Iterable[Element], handle: Callable[[Element], Iterable[bytes]]
    ) -> list[bytes]:
        """As answer_each, for operations that are asked for thousands of items: a success is given as serialised XML.

        The prefixes ``m`` and ``t`` are declared around it.
        """
        name = self.request.operation
        pieces = [f'<m:{name}Response xmlns:m="{MESSAGES}" xmlns:t="{TYPES}"><m:ResponseMessages>'.encode()]
        begin = f'<m:{name}ResponseMessage ResponseClass="Success"><m:ResponseCode>NoError</m:ResponseCode>'.encode()
        end = f"</m:{name}ResponseMessage>".encode()
        for each in items:
            try:
                pieces += (begin, *self._watched(handle, each), end)
            except Exception as error:
                problem = as_ews_error(error)
                how = "Warning" if isinstance(problem, EwsWarning) else "Error"
                pieces.append(etree.tostring(_without_success(name, how, problem), encoding="utf-8"))
        pieces.append(f"</m:ResponseMessages></m:{name}Response>".encode())
        return pieces

    def answer(self, handle: Callable[[], Iterable[Element]], *, on_error: Mapping[str, str] = _NOTHING) -> Answer:
        """The answer of an operation that has one response message."""
        name = self.request.operation

        def watched() -> Iterable[Element]:
            self._watch(self, self.element)
            return handle()

        return m(f"{name}Response", m("ResponseMessages", self.message(name, watched, on_error)))

    def single(
        self, name: str, handle: Callable[[], Iterable[Element]], *, on_error: Mapping[str, str] = _NOTHING
    ) -> Answer:
        """The answer of an operation whose response is itself a response message, of that name."""
        node = self.message("", handle, on_error)
        node.tag = f"{{{MESSAGES}}}{name}"
        return node

    def message(
        self, name: str, handle: Callable[[], Iterable[Element]], on_error: Mapping[str, str] = _NOTHING
    ) -> Element:
        """A response message from a function that returns its content or raises."""
        try:
            content = list(handle())
        except EwsWarning as warning:
            node = _without_success(name, "Warning", warning)
            node.extend(warning.content or [m(element, content) for element, content in on_error.items()])
            return node
        except Exception as error:
            node = _without_success(name, "Error", as_ews_error(error))
            node.extend(m(element, content) for element, content in on_error.items())
            return node
        node = m(f"{name}ResponseMessage", m("ResponseCode", "NoError"), ResponseClass="Success")
        node.extend(content)
        return node


def _without_success(name: str, how: str, problem: EwsError) -> Element:
    node = m(f"{name}ResponseMessage", m("MessageText", problem.message), ResponseClass=how)
    node.append(m("ResponseCode", problem.code))
    node.append(m("DescriptiveLinkKey", "0"))
    if problem.values:
        details = m("MessageXml")
        details.extend(message_xml(problem))
        node.append(details)
    return node


def as_ews_error(error: Exception) -> EwsError:
    """The EWS error for anything that goes wrong; what nobody foresaw is logged and ErrorInternalServerError."""
    if isinstance(error, EwsError):
        return error
    for kind, code in _CODES:
        if isinstance(error, kind):
            return EwsError(code, None if code != "ErrorAccessDenied" else str(error))
    if isinstance(error, WrongValueError):
        return EwsError("ErrorInvalidValueForProperty", str(error))
    if isinstance(error, UnfitValueError):
        return EwsError("ErrorItemSavePropertyError", str(error))
    if isinstance(error, PublicFolderError):
        return EwsError(error.code, str(error))
    if isinstance(error, DirectoryError):
        return EwsError("ErrorADUnavailable", str(error))
    _log.exception("request failed", error=str(error))
    return EwsError("ErrorInternalServerError", str(error) if isinstance(error, StoreError) else None)


def not_public(mailbox: Mailbox) -> None:
    """Refuses what no client may do with public folders ("Public folder access with EWS in Exchange")."""
    if mailbox.public:
        raise EwsError("ErrorInvalidFolderTypeForOperation", "Public folders do not support this operation.")


def now() -> int:
    """The present moment as a FILETIME."""
    return filetime(datetime.now(UTC))


Operation = Callable[[Call], Answer]
OPERATIONS: Final[dict[str, Operation]] = {}
READING: Final[set[str]] = set()
"""Those that change nothing, and can be begun again at any moment."""


def operation(handle: Operation) -> Operation:
    """Registers a function such as ``get_folder`` for the request element ``GetFolder``."""
    OPERATIONS[_element(handle)] = handle
    return handle


def reading(handle: Operation) -> Operation:
    """As `operation`, for one that changes nothing."""
    READING.add(_element(handle))
    return operation(handle)


def _element(handle: Operation) -> str:
    return "".join(part[:1].upper() + part[1:] for part in handle.__name__.split("_"))
