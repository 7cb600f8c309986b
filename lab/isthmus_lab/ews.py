"""A small EWS client for the lab's own tools: what an ordinary person's mail program needs, and UploadItems.

One `Client` is one account; it talks as itself, or as the mailbox it impersonates. Answers are lxml elements; an
answer that is an error raises EwsError, except where a method says that it returns errors item by item.
"""

from __future__ import annotations

import base64
import ssl
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

import aiohttp
from lxml import etree
from lxml.builder import ElementMaker

SOAP = "http://schemas.xmlsoap.org/soap/envelope/"
MESSAGES = "http://schemas.microsoft.com/exchange/services/2006/messages"
TYPES = "http://schemas.microsoft.com/exchange/services/2006/types"
NS = {"s": SOAP, "m": MESSAGES, "t": TYPES}

S = ElementMaker(namespace=SOAP, nsmap={"s": SOAP, "m": MESSAGES, "t": TYPES})
M = ElementMaker(namespace=MESSAGES, nsmap={"m": MESSAGES, "t": TYPES})
T = ElementMaker(namespace=TYPES, nsmap={"t": TYPES})

_PARSER = etree.XMLParser(resolve_entities=False, no_network=True, huge_tree=True)


class EwsError(Exception):
    """The server refused; `code` is the ResponseCode, or "HTTP 503"."""

    def __init__(self, code: str, message: str = "") -> None:
        super().__init__(f"{code}: {message}" if message else code)
        self.code = code


@dataclass(frozen=True)
class ItemId:
    """An item with the change key it had when it was read."""

    id: str
    change_key: str = ""

    def element(self) -> etree._Element:
        attributes = {"Id": self.id} | ({"ChangeKey": self.change_key} if self.change_key else {})
        element: etree._Element = T.ItemId(**attributes)
        return element


@dataclass(frozen=True)
class FolderInfo:
    """A folder of a mailbox."""

    id: str
    parent_id: str
    name: str
    kind: str
    total: int


class Client:
    """An account on one Exchange server. `impersonate` is the primary SMTP address of the mailbox it works in."""

    def __init__(self, url: str, ca_file: Path, user: str, password: str, impersonate: str | None = None) -> None:
        self.url = url
        self.user = user
        self.impersonate = impersonate
        self._authorization = aiohttp.encode_basic_auth(user, password, encoding="utf-8")
        self._tls = ssl.create_default_context(cafile=ca_file)
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(
            headers={"Authorization": self._authorization},
            connector=aiohttp.TCPConnector(ssl=self._tls, limit=4),
            timeout=aiohttp.ClientTimeout(total=120),
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._session is not None:
            await self._session.close()

    # --- one request ------------------------------------------------------------------------------------------------

    async def call(self, request: etree._Element) -> etree._Element:
        """Send one operation; the Body's only child comes back. Faults and HTTP errors raise EwsError."""
        assert self._session is not None, "use 'async with Client(…)'"
        header = S.Header(T.RequestServerVersion(Version="Exchange2016"))
        headers = {"Content-Type": "text/xml; charset=utf-8"}
        if self.impersonate:
            header.append(T.ExchangeImpersonation(T.ConnectingSID(T.PrimarySmtpAddress(self.impersonate))))
            headers["X-AnchorMailbox"] = self.impersonate
        envelope = S.Envelope(header, S.Body(request))
        data = etree.tostring(envelope, xml_declaration=True, encoding="utf-8")
        async with self._session.post(self.url, data=data, headers=headers) as response:
            answer = await response.read()
            status = response.status
        if status not in (200, 500):
            raise EwsError(f"HTTP {status}", f"{self.user} at {self.url}")
        try:
            body = etree.fromstring(answer, _PARSER).find("s:Body", NS)
        except etree.XMLSyntaxError as error:
            raise EwsError("malformed answer", str(error)) from error
        if body is None or len(body) == 0:
            raise EwsError("malformed answer", "the envelope has no body")
        fault = body.find("s:Fault", NS)
        if fault is not None:
            code = fault.findtext("detail/{*}ResponseCode") or fault.findtext("faultcode") or "fault"
            raise EwsError(code, fault.findtext("faultstring") or "")
        return body[0]

    async def messages(self, request: etree._Element) -> list[etree._Element | EwsError]:
        """Send a batch; for each of its parts the response message, or the error that it is."""
        answer = await self.call(request)
        return [_judged(each) for each in _need(answer, "m:ResponseMessages")]

    async def one(self, request: etree._Element) -> etree._Element:
        """Send a batch of one. Its error is raised."""
        (found,) = await self.messages(request)
        if isinstance(found, EwsError):
            raise found
        return found

    # --- folders ----------------------------------------------------------------------------------------------------

    async def folder(self, role: str) -> FolderInfo:
        """A distinguished folder: "inbox", "msgfolderroot"."""
        request = M.GetFolder(
            M.FolderShape(T.BaseShape("AllProperties")), M.FolderIds(T.DistinguishedFolderId(Id=role))
        )
        answer = await self.one(request)
        return _folder(_need(answer, "m:Folders/*"))

    async def folders(self) -> list[FolderInfo]:
        """Every folder that a person sees, parents before children."""
        request = M.FindFolder(
            M.FolderShape(T.BaseShape("AllProperties")),
            M.ParentFolderIds(T.DistinguishedFolderId(Id="msgfolderroot")),
            Traversal="Deep",
        )
        answer = await self.one(request)
        return [_folder(each) for each in _need(answer, "m:RootFolder/t:Folders")]

    async def create_folder(self, parent_id: str, name: str, kind: str = "IPF.Note") -> str:
        """The id of a new folder; that of the existing one when the parent has one of this name."""
        request = M.CreateFolder(
            M.ParentFolderId(T.FolderId(Id=parent_id)),
            M.Folders(T.Folder(T.FolderClass(kind), T.DisplayName(name))),
        )
        try:
            answer = await self.one(request)
        except EwsError as error:
            if error.code != "ErrorFolderExists":
                raise
            return await self._child(parent_id, name)
        return str(_need(answer, "m:Folders/*/t:FolderId").get("Id"))

    async def _child(self, parent_id: str, name: str) -> str:
        request = M.FindFolder(
            M.FolderShape(T.BaseShape("Default")), M.ParentFolderIds(T.FolderId(Id=parent_id)), Traversal="Shallow"
        )
        answer = await self.one(request)
        for each in _need(answer, "m:RootFolder/t:Folders"):
            if (each.findtext("t:DisplayName", None, NS) or "").casefold() == name.casefold():
                return str(_need(each, "t:FolderId").get("Id"))
        raise EwsError("ErrorFolderNotFound", name)

    # --- items ------------------------------------------------------------------------------------------------------

    async def upload(self, items: Sequence[tuple[str, bytes]], *, associated: bool = False) -> list[ItemId | EwsError]:
        """Add exported items: (folder id, FastTransfer stream) each; for each its id or what was wrong with it."""
        request = M.UploadItems(
            M.Items(
                *(
                    T.Item(
                        T.ParentFolderId(Id=folder_id),
                        T.Data(base64.b64encode(content).decode()),
                        CreateAction="CreateNew",
                        IsAssociated="true" if associated else "false",
                    )
                    for folder_id, content in items
                )
            )
        )
        answers = await self.messages(request)
        return [each if isinstance(each, EwsError) else _item_id(_need(each, "m:ItemId")) for each in answers]

    async def send(self, mime: bytes) -> None:
        """Send a message and keep a copy in Sent Items."""
        request = M.CreateItem(
            M.SavedItemFolderId(T.DistinguishedFolderId(Id="sentitems")),
            M.Items(T.Message(T.MimeContent(base64.b64encode(mime).decode(), CharacterSet="UTF-8"))),
            MessageDisposition="SendAndSaveCopy",
        )
        await self.one(request)

    async def create(self, role: str, item: etree._Element) -> ItemId:
        """Put a new item into a distinguished folder, telling nobody."""
        request = M.CreateItem(
            M.SavedItemFolderId(T.DistinguishedFolderId(Id=role)),
            M.Items(item),
            MessageDisposition="SaveOnly",
            SendMeetingInvitations="SendToNone",
        )
        answer = await self.one(request)
        return _item_id(_need(answer, "m:Items/*/t:ItemId"))

    async def find(
        self, folder: str, fields: Iterable[str] = (), *, limit: int = 50, offset: int = 0
    ) -> list[etree._Element]:
        """Items of a folder (a role, or an id), newest first; `fields` are FieldURIs to be told beside the id."""
        role = folder.isalpha() and folder.islower()
        place = T.DistinguishedFolderId(Id=folder) if role else T.FolderId(Id=folder)
        shape = M.ItemShape(T.BaseShape("IdOnly"))
        uris = [T.FieldURI(FieldURI=each) for each in fields]
        if uris:
            shape.append(T.AdditionalProperties(*uris))
        request = M.FindItem(
            shape,
            M.IndexedPageItemView(MaxEntriesReturned=str(limit), Offset=str(offset), BasePoint="Beginning"),
            M.ParentFolderIds(place),
            Traversal="Shallow",
        )
        answer = await self.one(request)
        return list(_need(answer, "m:RootFolder/t:Items"))

    async def update(self, item: ItemId, kind: str, changes: Mapping[str, etree._Element]) -> None:
        """Set fields of an item: by FieldURI the element that goes into the item of this kind ("Message")."""
        updates = [T.SetItemField(T.FieldURI(FieldURI=uri), T(kind, value)) for uri, value in changes.items()]
        request = M.UpdateItem(
            M.ItemChanges(T.ItemChange(item.element(), T.Updates(*updates))),
            ConflictResolution="AlwaysOverwrite",
            MessageDisposition="SaveOnly",
            SendMeetingInvitationsOrCancellations="SendToNone",
        )
        await self.one(request)

    async def move(self, items: Sequence[ItemId], folder_id: str) -> None:
        """Move items into a folder."""
        request = M.MoveItem(M.ToFolderId(T.FolderId(Id=folder_id)), M.ItemIds(*(each.element() for each in items)))
        for answer in await self.messages(request):
            if isinstance(answer, EwsError):
                raise answer

    async def delete(self, items: Sequence[ItemId], how: str = "MoveToDeletedItems") -> None:
        """Delete items: "MoveToDeletedItems", "SoftDelete" or "HardDelete"."""
        request = M.DeleteItem(
            M.ItemIds(*(each.element() for each in items)),
            DeleteType=how,
            SendMeetingCancellations="SendToNone",
            AffectedTaskOccurrences="AllOccurrences",
        )
        for answer in await self.messages(request):
            if isinstance(answer, EwsError):
                raise answer


def item_id(item: etree._Element) -> ItemId:
    """The id of an item that `Client.find` returned."""
    return _item_id(_need(item, "t:ItemId"))


def _judged(message: etree._Element) -> etree._Element | EwsError:
    if message.get("ResponseClass") == "Error":
        code = message.findtext("m:ResponseCode", "error", NS)
        return EwsError(code, message.findtext("m:MessageText", "", NS))
    return message


def _need(element: etree._Element, path: str) -> etree._Element:
    found = element.find(path, NS)
    if found is None:
        raise EwsError("malformed answer", f"{etree.QName(element).localname} has no {path}")
    return found


def _item_id(element: etree._Element) -> ItemId:
    return ItemId(str(element.get("Id")), str(element.get("ChangeKey", "")))


def _folder(element: etree._Element) -> FolderInfo:
    folder_id, parent = element.find("t:FolderId", NS), element.find("t:ParentFolderId", NS)
    return FolderInfo(
        id=str(folder_id.get("Id")) if folder_id is not None else "",
        parent_id=str(parent.get("Id")) if parent is not None else "",
        name=element.findtext("t:DisplayName", "", NS),
        kind=element.findtext("t:FolderClass", "", NS),
        total=int(element.findtext("t:TotalCount", "0", NS)),
    )
